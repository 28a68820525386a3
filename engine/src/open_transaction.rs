//! Owns a transaction that reads while it is made: as of one sequence, and what it has written itself. Never waits for
//! the writer, and never changes anything: what it comes to is committed as any other transaction, if what it has read
//! still holds.

mod ranges;

use std::collections::BTreeMap;

use crate::document::{Document, EncodedDocument};
use crate::error::Result;
use crate::key::{CollectionId, Key, Timestamp};
use crate::reader::Reader;
use crate::snapshot::Snapshot;
use crate::transaction::{CollectionRef, Condition, Transaction};
use crate::validate::{RangeReader, RangeReads};

/// A transaction that is being made, on any thread. Its reads are of one sequence, that of the first of them, and show
/// what it has written itself.
///
/// [`OpenTransaction::finish`] makes a [`Transaction`] of it that requires that nothing of what was read has changed:
/// then it is as if all of it had happened at the moment of its commit.
#[derive(Debug)]
pub struct OpenTransaction<'r> {
    reader: &'r Reader,
    /// Taken when something is first read.
    snapshot: Option<Snapshot>,
    /// The collections that it calls by their names.
    names: Vec<Key>,
    keys: BTreeMap<(CollectionRef, Key), Access>,
    /// Whether ranges may be read: the writer then keeps what changes.
    range_reader: Option<RangeReader>,
    ranges: Option<RangeReads>,
}

/// What was done with one key.
#[derive(Debug, Default)]
struct Access {
    read: Option<Condition>,
    write: Option<Write>,
}

/// What a key is to hold. What would expire at once is a deletion.
#[derive(Debug)]
enum Write {
    Set(EncodedDocument, Option<Timestamp>),
    /// What it held before, until another time.
    Expire(Option<Timestamp>),
    Delete,
}

impl Reader {
    /// Begins a transaction that reads. It holds nothing back until its first read.
    #[must_use]
    pub fn begin(&self) -> OpenTransaction<'_> {
        OpenTransaction {
            reader: self,
            snapshot: None,
            names: Vec::new(),
            keys: BTreeMap::new(),
            range_reader: None,
            ranges: None,
        }
    }
}

impl OpenTransaction<'_> {
    /// Says that ranges will be read. Whoever does so before the first read is not refused for changes that nobody
    /// took note of.
    pub fn expect_ranges(&mut self) {
        self.range_reader.get_or_insert_with(|| self.reader.shared().range_readers.enter());
    }

    /// The collection of this name, for this transaction. If there is none when it commits, the first document that it
    /// sets there creates it.
    pub fn collection(&mut self, name: &Key) -> CollectionRef {
        let known = self.names.iter().position(|known| known == name);
        let number = known.unwrap_or_else(|| {
            self.names.push(name.clone());
            self.names.len() - 1
        });
        CollectionRef::Named(number as u32)
    }

    /// The name by which it calls a collection, if it does.
    #[must_use]
    pub fn name(&self, collection: CollectionRef) -> Option<&Key> {
        match collection {
            CollectionRef::Id(_) => None,
            CollectionRef::Named(number) => self.names.get(number as usize),
        }
    }

    /// Which collection it is for what it reads.
    pub fn id(&mut self, collection: impl Into<CollectionRef>) -> CollectionId {
        match collection.into() {
            CollectionRef::Id(id) => id,
            CollectionRef::Named(number) => {
                let name = self.names[number as usize].clone();
                self.snapshot().collection(&name)
            }
        }
    }

    /// Whether ranges were read.
    #[must_use]
    pub fn has_read_ranges(&self) -> bool {
        self.ranges.is_some()
    }

    /// What it reads. The first call of this or of a read settles it.
    pub fn snapshot(&mut self) -> &Snapshot {
        self.snapshot.get_or_insert_with(|| self.reader.snapshot())
    }

    /// The document of a key. One that this transaction has written is of version 0.
    ///
    /// # Errors
    /// [`crate::Error::Io`] and [`crate::Error::Damaged`].
    pub fn get(&mut self, collection: impl Into<CollectionRef>, key: &str) -> Result<Option<Document>> {
        let collection = collection.into();
        let key = Key::from(key);
        match self.written(collection, &key) {
            Some(Write::Set(document, _)) => return Ok(Some(document.uncommitted())),
            Some(Write::Delete) => return Ok(None),
            Some(Write::Expire(_)) | None => {}
        }
        let id = self.id(collection);
        let found = self.snapshot().get(id, &key)?;
        let condition = found.as_ref().map_or(Condition::Absent, |found| Condition::Version(found.version()));
        self.access(collection, key).read = Some(condition);
        Ok(found)
    }

    /// Whether a key has a document.
    pub fn contains(&mut self, collection: impl Into<CollectionRef>, key: &str) -> bool {
        let collection = collection.into();
        let key = Key::from(key);
        match self.written(collection, &key) {
            Some(Write::Set(..)) => return true,
            Some(Write::Delete) => return false,
            Some(Write::Expire(_)) | None => {}
        }
        let id = self.id(collection);
        let found = self.snapshot().contains(id, &key);
        let condition = if found { Condition::Exists } else { Condition::Absent };
        // Its version, if that was read before, says more.
        self.access(collection, key).read.get_or_insert(condition);
        found
    }

    /// When the document of a key expires: `Some(None)` if it never does, `None` if there is no document.
    pub fn expiry(&mut self, collection: impl Into<CollectionRef>, key: &str) -> Option<Option<Timestamp>> {
        let collection = collection.into();
        let key = Key::from(key);
        let changed = match self.written(collection, &key) {
            Some(Write::Set(_, at)) => return Some(*at),
            Some(Write::Delete) => return None,
            Some(Write::Expire(at)) => Some(*at),
            None => None,
        };
        let id = self.id(collection);
        let found = self.snapshot().version(id, &key);
        let condition = found.map_or(Condition::Absent, |(version, _)| Condition::Version(version));
        self.access(collection, key).read = Some(condition);
        found.map(|(_, at)| changed.unwrap_or(at))
    }

    /// Adds: `key` holds `document` from now on, until `expires_at` if there is one.
    pub fn set(
        &mut self,
        collection: impl Into<CollectionRef>,
        key: Key,
        document: EncodedDocument,
        expires_at: Option<Timestamp>,
    ) {
        let collection = collection.into();
        let write = if self.is_past(expires_at) { Write::Delete } else { Write::Set(document, expires_at) };
        self.access(collection, key).write = Some(write);
    }

    /// Adds: the document of `key`, if it has one, stays, and expires at `at`, or never.
    pub fn expire(&mut self, collection: impl Into<CollectionRef>, key: Key, at: Option<Timestamp>) {
        let collection = collection.into();
        let is_past = self.is_past(at);
        let access = self.access(collection, key);
        access.write = Some(match access.write.take() {
            Some(Write::Delete) => Write::Delete,
            _ if is_past => Write::Delete,
            Some(Write::Set(document, _)) => Write::Set(document, at),
            Some(Write::Expire(_)) | None => Write::Expire(at),
        });
    }

    /// Adds: `key` holds nothing from now on.
    pub fn delete(&mut self, collection: impl Into<CollectionRef>, key: Key) {
        let collection = collection.into();
        self.access(collection, key).write = Some(Write::Delete);
    }

    /// What is to be committed: all that it has written, if all that it has read has not changed by then. Nothing, if
    /// it has only read: what it has read was so at one moment.
    #[must_use]
    pub fn finish(self) -> Option<Transaction> {
        if self.keys.values().all(|access| access.write.is_none()) {
            return None;
        }
        let mut transaction = Transaction::new();
        // Each under the number that it has here.
        for name in &self.names {
            transaction.collection(name);
        }
        for ((collection, key), Access { read, write }) in self.keys {
            if let Some(condition) = read {
                transaction.require(collection, key.clone(), condition);
            }
            match write {
                Some(Write::Set(document, expires_at)) => {
                    transaction.set(collection, key, document, expires_at);
                }
                Some(Write::Expire(at)) => transaction.expire(collection, key, at),
                Some(Write::Delete) => transaction.delete(collection, key),
                None => {}
            }
        }
        if let Some(ranges) = self.ranges {
            transaction.require_unchanged(ranges);
        }
        Some(transaction)
    }

    fn access(&mut self, collection: CollectionRef, key: Key) -> &mut Access {
        self.keys.entry((collection, key)).or_default()
    }

    fn written(&self, collection: CollectionRef, key: &Key) -> Option<&Write> {
        self.keys.get(&(collection, key.clone()))?.write.as_ref()
    }

    fn is_past(&self, at: Option<Timestamp>) -> bool {
        at.is_some_and(|at| at <= self.reader.now())
    }
}
