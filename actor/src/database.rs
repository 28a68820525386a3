//! Owns the public handle: it turns calls into commands and reads. Never waits for the writer itself.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::thread::ThreadId;

use crossbeam_utils::CachePadded;
use ferrumdb_engine::{self as engine, CollectionId, EncodedDocument, Reader};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::command::{Command, Reply, Write, WriteReply};
use crate::config::{Config, DEFAULT_PATH};
use crate::error::{Error, Result};
use crate::link::Link;
use crate::metrics::{Counter, Metrics};
use crate::opening::{self, ThreadSlot};
use crate::pending::Pending;
use crate::transaction::Transaction;
use crate::{Document, Key, Keys, Limits, Sequence, Stats};

/// A handle to an open database. Clones are cheap and stand for the same database; use them from as many threads and
/// tasks as you like.
///
/// Reads answer at once, from any thread. Writes return a [`Pending`]. When the last handle is dropped, everything
/// accepted is committed and synced, and the file is free again when the drop returns; [`close`](Self::close) does
/// the same, reports errors, and need not block. A process that was forked from the one that opened the database
/// gets [`ErrorKind::Forked`](crate::ErrorKind::Forked) from whatever goes to the writer or to many keys; reads of single keys there show
/// what had been committed before the fork, and must not be relied on.
#[derive(Clone)]
pub struct FerrumDB(Arc<CachePadded<Inner>>);

struct Inner {
    link: Arc<Link>,
    reader: Reader,
    limits: Limits,
    writer: ThreadId,
    thread: ThreadSlot,
}

impl FerrumDB {
    /// Opens a database, and creates the file if it does not exist. The work is done on a thread of the database's
    /// own, so that awaiting it blocks no runtime.
    ///
    /// ```
    /// use ferrumdb::FerrumDB;
    /// use serde_json::json;
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("myapp.db");
    /// let db = FerrumDB::open(&path).wait()?; // or `.await?`
    /// db.set("greeting", json!("hello")).wait()?;
    /// db.close().wait()?;
    ///
    /// let db = FerrumDB::open(&path).wait()?;
    /// assert_eq!(db.get("greeting")?.unwrap(), json!("hello"));
    /// # Ok::<(), ferrumdb::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Locked`](crate::ErrorKind::Locked) when the file is open elsewhere, in this process or another, and stays so
    /// for [`Config::with_lock_timeout`]; the kinds that say why a path cannot be opened or a file is no database of
    /// this version; [`Damaged`](crate::ErrorKind::Damaged) when the file is not what was written.
    pub fn open(config: impl Into<Config>) -> Pending<Self> {
        opening::open(config.into())
    }

    /// Opens `ferrum.db` in the current folder.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_default() -> Pending<Self> {
        Self::open(DEFAULT_PATH)
    }

    /// Opens `ferrum.db` in the current folder, with what the environment sets: see [`Config::from_env`].
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`InvalidConfig`](crate::ErrorKind::InvalidConfig).
    pub fn open_from_env() -> Pending<Self> {
        match Config::new(DEFAULT_PATH).from_env() {
            Ok(config) => Self::open(config),
            Err(error) => Pending::ready(Err(error)),
        }
    }

    /// Opens a new database that lives in memory only.
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) when its thread cannot be started.
    pub fn open_in_memory() -> Pending<Self> {
        Self::open(Config::in_memory())
    }

    /// Stores a value of any type that serde can serialise under `key`. The answer is the number of its commit.
    ///
    /// # Errors
    /// [`NotSerializable`](crate::ErrorKind::NotSerializable) for what JSON cannot keep exactly,
    /// [`TooLarge`](crate::ErrorKind::TooLarge) beyond the limits, and the errors of [`commit`](Self::commit).
    pub fn set(&self, key: impl Into<Key>, value: impl Serialize) -> Pending<Sequence> {
        let document = EncodedDocument::from_serialize(&value, &self.0.limits);
        self.set_document(key.into(), document)
    }

    /// Stores a JSON text under `key`, made compact, with its numbers as they are spelled.
    ///
    /// # Errors
    /// [`InvalidJson`](crate::ErrorKind::InvalidJson), [`TooLarge`](crate::ErrorKind::TooLarge), and the errors of
    /// [`commit`](Self::commit).
    pub fn set_raw(&self, key: impl Into<Key>, json: impl AsRef<[u8]>) -> Pending<Sequence> {
        let document = EncodedDocument::from_json(json.as_ref(), &self.0.limits);
        self.set_document(key.into(), document)
    }

    /// Removes the document under `key`. The answer is whether there was one.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub fn delete(&self, key: impl Into<Key>) -> Pending<bool> {
        let key = key.into();
        let mut transaction = engine::Transaction::new();
        transaction.delete(CollectionId::ROOT, key.clone());
        if let Err(error) = transaction.check(&self.0.limits) {
            return self.0.link.failed(Error::from(error).about(&key));
        }
        let (reply, receiver) = Reply::channel();
        let write = Write { transaction, sets: 0, deletes: 1, reply: WriteReply::Deleted(reply) };
        self.0.link.send(Command::Write(write), receiver)
    }

    /// Commits a transaction: all of it or nothing. The answer is the number of the commit.
    ///
    /// # Errors
    /// The first error of the transaction's values; [`TooLarge`](crate::ErrorKind::TooLarge) beyond the limits;
    /// [`Io`](crate::ErrorKind::Io) when it could not be appended, and nothing has happened;
    /// [`InDoubt`](crate::ErrorKind::InDoubt) when it may or may not survive, [`Poisoned`](crate::ErrorKind::Poisoned)
    /// after that; [`Closed`](crate::ErrorKind::Closed); [`Forked`](crate::ErrorKind::Forked).
    pub fn commit(&self, transaction: Transaction) -> Pending<Sequence> {
        match transaction.check(&self.0.limits) {
            Ok(checked) => self.send(checked.transaction, checked.sets, checked.deletes),
            Err(error) => self.0.link.failed(error),
        }
    }

    /// Makes durable everything that was accepted before this call, now, under every policy.
    ///
    /// # Errors
    /// [`InDoubt`](crate::ErrorKind::InDoubt) when the system could not sync; otherwise as [`commit`](Self::commit).
    pub fn sync(&self) -> Pending<()> {
        let (reply, receiver) = Reply::channel();
        self.0.link.send(Command::Sync(reply), receiver)
    }

    /// Closes the database for all handles: what was accepted is committed and synced, and the file is free for
    /// another opening when the answer comes. Calls that come later fail with [`Closed`](crate::ErrorKind::Closed),
    /// except this one, which gives the same answer again.
    ///
    /// # Errors
    /// When syncing or closing failed; [`Forked`](crate::ErrorKind::Forked).
    pub fn close(&self) -> Pending<()> {
        let link = &self.0.link;
        if link.is_forked() {
            return link.failed(link.forked());
        }
        link.begin_closing();
        let (reply, receiver) = Reply::channel();
        if link.outbox().insist(Command::Close(Some(reply))) {
            return Pending::sent(receiver, Arc::clone(link));
        }
        Pending::ready(link.ended().cloned().unwrap_or_else(|| Err(link.closed())))
    }

    /// The document under `key`. It is parsed when [`Document::value`] is first called, and lends its text without
    /// copying.
    ///
    /// # Errors
    /// [`Damaged`](crate::ErrorKind::Damaged) or [`Io`](crate::ErrorKind::Io) when it cannot be read;
    /// [`Closed`](crate::ErrorKind::Closed).
    pub fn get(&self, key: impl AsRef<str>) -> Result<Option<Document>> {
        self.look_up(key.as_ref())
    }

    /// The document under `key` as a value of type `T`, straight from its text.
    ///
    /// # Errors
    /// As [`get`](Self::get), and [`TypeMismatch`](crate::ErrorKind::TypeMismatch).
    pub fn get_as<T: DeserializeOwned>(&self, key: impl AsRef<str>) -> Result<Option<T>> {
        let key = key.as_ref();
        let document = self.look_up(key)?;
        document.map(|document| document.to()).transpose().map_err(|error| self.failed(error, key))
    }

    /// A copy of the JSON text under `key`. [`get`](Self::get) lends it without copying.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn get_raw(&self, key: impl AsRef<str>) -> Result<Option<Vec<u8>>> {
        Ok(self.look_up(key.as_ref())?.map(|document| document.as_bytes().to_vec()))
    }

    /// The documents under several keys, in their order, as they stood at one moment: never half a transaction.
    ///
    /// # Errors
    /// As [`get`](Self::get), and [`Forked`](crate::ErrorKind::Forked).
    pub fn get_many<K: AsRef<str>>(&self, keys: &[K]) -> Result<Vec<Option<Document>>> {
        self.check_many()?;
        self.0.link.counters.add(Counter::Gets, keys.len() as u64);
        self.0.reader.get_many(CollectionId::ROOT, keys).map_err(|error| self.counted(error.into()))
    }

    /// Whether there is a document under `key`.
    ///
    /// # Errors
    /// [`Closed`](crate::ErrorKind::Closed).
    pub fn contains(&self, key: impl AsRef<str>) -> Result<bool> {
        self.0.link.check_readable().map_err(|error| self.counted(error))?;
        self.0.link.counters.add(Counter::Gets, 1);
        Ok(self.0.reader.contains(CollectionId::ROOT, key.as_ref()))
    }

    /// All keys, in no order, as they stood when this was called.
    ///
    /// # Errors
    /// [`Closed`](crate::ErrorKind::Closed), [`Forked`](crate::ErrorKind::Forked).
    pub fn keys(&self) -> Result<Keys> {
        self.check_many()?;
        Ok(self.0.reader.keys(CollectionId::ROOT))
    }

    /// How many documents there are.
    ///
    /// # Errors
    /// [`Closed`](crate::ErrorKind::Closed), [`Forked`](crate::ErrorKind::Forked).
    pub fn count(&self) -> Result<u64> {
        self.check_many()?;
        Ok(self.0.reader.count(CollectionId::ROOT))
    }

    /// What the file, the cache and the memory hold, and how the last opening went.
    ///
    /// # Errors
    /// [`Closed`](crate::ErrorKind::Closed), [`Forked`](crate::ErrorKind::Forked).
    pub fn stats(&self) -> Result<Stats> {
        self.check_many()?;
        self.0.reader.stats().map_err(|error| self.counted(error.into()))
    }

    /// What this database has done since it was opened. It answers after closing, too.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.0.link.counters.snapshot()
    }

    /// The path that it was opened with.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.link.path()
    }

    pub(crate) fn new(link: Arc<Link>, reader: Reader, thread: ThreadSlot) -> Self {
        let limits = reader.limits();
        let writer = std::thread::current().id();
        Self(Arc::new(CachePadded::new(Inner { link, reader, limits, writer, thread })))
    }

    fn set_document(&self, key: Key, document: engine::Result<EncodedDocument>) -> Pending<Sequence> {
        let checked = document.and_then(|document| {
            let mut transaction = engine::Transaction::new();
            transaction.set(CollectionId::ROOT, key.clone(), document, None);
            transaction.check(&self.0.limits).map(|()| transaction)
        });
        match checked {
            Ok(transaction) => self.send(transaction, 1, 0),
            Err(error) => self.0.link.failed(Error::from(error).about(&key)),
        }
    }

    fn send(&self, transaction: engine::Transaction, sets: u32, deletes: u32) -> Pending<Sequence> {
        let (reply, receiver) = Reply::channel();
        let write = Write { transaction, sets, deletes, reply: WriteReply::Sequence(reply) };
        self.0.link.send(Command::Write(write), receiver)
    }

    fn look_up(&self, key: &str) -> Result<Option<Document>> {
        self.0.link.check_readable().map_err(|error| self.counted(error))?;
        self.0.link.counters.add(Counter::Gets, 1);
        self.0.reader.get(CollectionId::ROOT, key).map_err(|error| self.failed(error, key))
    }

    /// Reads that look at many keys check for a fork, too: next to their work it costs nothing.
    fn check_many(&self) -> Result<()> {
        let link = &self.0.link;
        let forked = if link.is_forked() { Err(link.forked()) } else { Ok(()) };
        forked.and_then(|()| link.check_readable()).map_err(|error| self.counted(error))
    }

    fn failed(&self, error: engine::Error, key: &str) -> Error {
        self.counted(Error::from(error).about(key))
    }

    #[cold]
    fn counted(&self, error: Error) -> Error {
        self.0.link.counters.add(Counter::Errors, 1);
        error
    }
}

impl fmt::Debug for FerrumDB {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("FerrumDB").field("path", &self.path()).finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if self.link.is_forked() {
            // The writer lives in the parent. One more count of each keeps the copies here from being torn down.
            std::mem::forget((Arc::clone(&self.link), self.reader.clone(), Arc::clone(&self.thread)));
            return;
        }
        if self.link.begin_closing() {
            self.link.outbox().insist(Command::Close(None));
        }
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A waker or an abandoned opening may drop the last handle on the writer's own thread, which cannot wait for itself.
        if std::thread::current().id() != self.writer
            && let Some(thread) = thread
        {
            // It catches its own panics, and has told everyone.
            let _ = thread.join();
        }
    }
}
