//! Owns the writes: each becomes a transaction, made and checked on the thread that calls. Never waits for the writer.

use std::time::Duration;

use ferrumdb_engine::{self as engine, Condition, EncodedDocument};
use serde::Serialize;

use super::Collection;
use crate::command::{Command, Reply, Write, WriteReply};
use crate::database::Inner;
use crate::error::Error;
use crate::pending::Pending;
use crate::transaction::{Change, Prepared, Transaction};
use crate::{Key, Sequence};

impl Collection {
    /// Stores a value of any type that serde can serialise under `key`. The answer is the number of its commit.
    ///
    /// # Errors
    /// [`NotSerializable`](crate::ErrorKind::NotSerializable) for what JSON cannot keep exactly,
    /// [`TooLarge`](crate::ErrorKind::TooLarge) beyond the limits, and the errors of [`commit`](crate::FerrumDB::commit).
    pub fn set(&self, key: impl Into<Key>, value: impl Serialize) -> Pending<Sequence> {
        let document = EncodedDocument::from_serialize(&value, &self.db.limits);
        self.set_document(key.into(), None, document, None)
    }

    /// Stores a JSON text under `key`, made compact, with its numbers as they are spelled.
    ///
    /// # Errors
    /// [`InvalidJson`](crate::ErrorKind::InvalidJson), [`TooLarge`](crate::ErrorKind::TooLarge), and the errors of
    /// [`commit`](crate::FerrumDB::commit).
    pub fn set_raw(&self, key: impl Into<Key>, json: impl AsRef<[u8]>) -> Pending<Sequence> {
        let document = EncodedDocument::from_json(json.as_ref(), &self.db.limits);
        self.set_document(key.into(), None, document, None)
    }

    /// As [`set`](Self::set), and the document expires when `lifetime` has passed after this call.
    ///
    /// From its last millisecond on it is not there for any read, whether it has been purged or not. Part of a
    /// millisecond counts as a whole one, a lifetime beyond all time as for ever, and with a lifetime of zero the
    /// document has expired as soon as it is stored: it is never seen, and what `key` had before is gone. A later
    /// [`set`](Self::set) of the key has no end again.
    ///
    /// Time is the system's, and never goes back while the database is open: a clock that is set back stops it until
    /// the clock has caught up.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn set_ex(
        &self,
        key: impl Into<Key>,
        value: impl Serialize,
        lifetime: Duration,
    ) -> Pending<Sequence> {
        let document = EncodedDocument::from_serialize(&value, &self.db.limits);
        self.set_document(key.into(), None, document, Some(lifetime))
    }

    /// As [`set_raw`](Self::set_raw), and the document expires as that of [`set_ex`](Self::set_ex) does.
    ///
    /// # Errors
    /// As [`set_raw`](Self::set_raw).
    pub fn set_raw_ex(
        &self,
        key: impl Into<Key>,
        json: impl AsRef<[u8]>,
        lifetime: Duration,
    ) -> Pending<Sequence> {
        let document = EncodedDocument::from_json(json.as_ref(), &self.db.limits);
        self.set_document(key.into(), None, document, Some(lifetime))
    }

    /// Lets the document under `key` expire when `lifetime` has passed after this call, whatever was said before: see
    /// [`set_ex`](Self::set_ex). The document gets a new version. The answer is whether there is one.
    ///
    /// # Errors
    /// As [`commit`](crate::FerrumDB::commit).
    pub fn expire(&self, key: impl Into<Key>, lifetime: Duration) -> Pending<bool> {
        self.change(key.into(), None, Ok(Change::Expire(Some(lifetime))), WriteReply::Found)
    }

    /// Lets the document under `key` stay for ever. The document gets a new version. The answer is whether there is
    /// one.
    ///
    /// # Errors
    /// As [`commit`](crate::FerrumDB::commit).
    pub fn persist(&self, key: impl Into<Key>) -> Pending<bool> {
        self.change(key.into(), None, Ok(Change::Expire(None)), WriteReply::Found)
    }

    /// Removes the document under `key`. The answer is whether there was one.
    ///
    /// # Errors
    /// As [`commit`](crate::FerrumDB::commit).
    pub fn delete(&self, key: impl Into<Key>) -> Pending<bool> {
        self.change(key.into(), None, Ok(Change::Delete), WriteReply::Found)
    }

    pub(super) fn set_document(
        &self,
        key: Key,
        condition: Option<Condition>,
        document: engine::Result<EncodedDocument>,
        lifetime: Option<Duration>,
    ) -> Pending<Sequence> {
        let change = document.map(|document| Change::Set(document, lifetime));
        self.change(key, condition, change, WriteReply::Sequence)
    }

    /// A transaction of one change, and of one condition on the same key if there is one.
    pub(super) fn change<T>(
        &self,
        key: Key,
        condition: Option<Condition>,
        change: engine::Result<Change>,
        reply: fn(Reply<T>) -> WriteReply,
    ) -> Pending<T> {
        let Inner { link, reader, limits, .. } = &**self.db;
        let prepared = change.and_then(|change| {
            Prepared::single(self.name_key(), &key, condition, change, limits, || reader.now())
        });
        match prepared {
            Ok(prepared) => self.send(prepared, reply),
            Err(error) => link.failed(Error::from(error).about(&key).in_collection(self.name_key())),
        }
    }

    pub(crate) fn send_transaction<T>(
        &self,
        transaction: Transaction,
        reply: fn(Reply<T>) -> WriteReply,
    ) -> Pending<T> {
        let Inner { link, reader, limits, .. } = &**self.db;
        match transaction.prepare(limits, || reader.now()) {
            Ok(prepared) => self.send(prepared, reply),
            Err(error) => link.failed(error),
        }
    }

    pub(crate) fn send<T>(&self, prepared: Prepared, reply: fn(Reply<T>) -> WriteReply) -> Pending<T> {
        let (sender, receiver) = Reply::channel();
        let Prepared { mut transaction, counts } = prepared;
        self.db.reader.prepare(&mut transaction, self.may_read);
        let write = Write::new(transaction, counts, reply(sender));
        self.db.link.send(Command::Write(write), receiver)
    }
}
