//! Owns the snapshots that callers hold: reading the database as it was, and how many there are. Never goes to the
//! writer.

mod collections;
mod ordered;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Bound, RangeBounds};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ferrumdb_engine::{self as engine, CollectionId, Reader};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::expiry::time_left;
use crate::link::Link;
use crate::metrics::Counter;
use crate::{Document, DocumentInfo, FieldPath, IndexInfo, Key, Keys, Sequence, Timestamp, Ttl};

/// The database as it was after one commit, and at one time, however long it is kept and whatever is written meanwhile:
/// made by [`FerrumDB::snapshot`](crate::FerrumDB::snapshot). It reads the root collection;
/// [`collection`](Self::collection) gives the same snapshot of another. Clones are cheap and stand for the same snapshot; use them
/// from as many threads as you like.
///
/// Opening one waits for nothing. While it is open, what it shows is remembered when it is replaced: some 200 bytes of
/// memory for each such version, whose document stays in the file, and none for versions that it does not show; and the
/// files that compactions replace stay on the disk. [`Stats`](crate::Stats) tells how much. All of it is given back in
/// small steps when the last clone is dropped. A document that expires later stays in it.
///
/// It goes on answering after the database was closed; if closing failed, its reads fail with that error. In a process
/// that was forked from the one that opened the database they fail with [`Forked`](crate::ErrorKind::Forked).
///
/// ```
/// use ferrumdb::FerrumDB;
/// use serde_json::json;
///
/// let db = FerrumDB::open_in_memory().wait()?;
/// db.set("balance", 100).wait()?;
/// let before = db.snapshot()?;
/// db.set("balance", 50).wait()?;
/// db.set("other", 50).wait()?;
/// assert_eq!(before.get("balance")?.unwrap(), json!(100));
/// assert_eq!((before.count()?, db.count()?), (1, 2));
/// # Ok::<(), ferrumdb::Error>(())
/// ```
#[derive(Clone)]
pub struct Snapshot {
    held: Arc<Held>,
    collection: CollectionId,
    /// The root has none.
    name: Option<Key>,
}

struct Held {
    snapshot: Arc<engine::Snapshot>,
    time: Timestamp,
    link: Arc<Link>,
    ticket: u64,
}

/// The snapshots that are open, and since when.
#[derive(Debug, Default)]
pub(crate) struct OpenSnapshots(Mutex<Tickets>);

#[derive(Debug, Default)]
struct Tickets {
    next: u64,
    open: BTreeMap<u64, Instant>,
}

impl Snapshot {
    pub(crate) fn take(link: &Arc<Link>, reader: &Reader) -> Self {
        let snapshot = reader.snapshot();
        let time = snapshot.time().unwrap_or_else(|| reader.now());
        Self::of(link, snapshot, time)
    }

    /// One that shows the past, at the time of its newest commit.
    pub(crate) fn of_past(link: &Arc<Link>, snapshot: engine::Snapshot) -> Self {
        let time = snapshot.commit_time();
        Self::of(link, snapshot, time)
    }

    fn of(link: &Arc<Link>, snapshot: engine::Snapshot, time: Timestamp) -> Self {
        let ticket = link.snapshots.open();
        let held = Arc::new(Held { snapshot: Arc::new(snapshot), time, link: Arc::clone(link), ticket });
        Self { held, collection: CollectionId::ROOT, name: None }
    }

    /// Another snapshot of the same moment, which keeps what this one does: it can be cancelled, and this one goes on.
    #[must_use]
    pub fn again(&self) -> Self {
        let again = Self::of(&self.held.link, self.held.snapshot.again(), self.held.time);
        Self { collection: self.collection, name: self.name.clone(), ..again }
    }

    /// Makes the reads of many documents or keys by this snapshot and its clones fail with
    /// [`Cancelled`](crate::ErrorKind::Cancelled): those that are under way, as soon as they would go on to the next one, and all
    /// later ones. For whoever finds that nobody waits for a [`find`](Self::find) any more that looks at every document.
    ///
    /// ```
    /// use ferrumdb::{ErrorKind, FerrumDB};
    /// use serde_json::json;
    ///
    /// let db = FerrumDB::open_in_memory().wait()?;
    /// db.set("a", json!({"role": "admin"})).wait()?;
    /// let (kept, asked) = (db.snapshot()?, db.snapshot()?.again());
    /// asked.cancel();
    /// assert_eq!(asked.find("role", &json!("admin")).unwrap_err().kind(), ErrorKind::Cancelled);
    /// assert_eq!(kept.find("role", &json!("admin"))?, ["a"]);
    /// # Ok::<(), ferrumdb::Error>(())
    /// ```
    pub fn cancel(&self) {
        self.held.snapshot.cancel();
    }

    /// The number of the newest commit that it shows.
    #[must_use]
    pub fn sequence(&self) -> Sequence {
        self.held.snapshot.sequence()
    }

    /// The time at which it was taken. Documents that had expired by then are not in it, and the others are, whatever
    /// the time is when they are read.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        self.held.time
    }

    /// The document under `key`, as [`Collection::get`](crate::Collection::get) gave it then.
    ///
    /// # Errors
    /// [`Damaged`](crate::ErrorKind::Damaged) or [`Io`](crate::ErrorKind::Io) when it cannot be read;
    /// [`Forked`](crate::ErrorKind::Forked); the error with which the database was closed.
    pub fn get(&self, key: impl AsRef<str>) -> Result<Option<Document>> {
        self.look_up(key.as_ref())
    }

    /// What [`get`](Self::get) would answer, if that is known without reading the file, as
    /// [`Collection::get_cached`](crate::Collection::get_cached) knows it of the present.
    ///
    /// # Errors
    /// [`Forked`](crate::ErrorKind::Forked); the error with which the database was closed.
    pub fn get_cached(&self, key: impl AsRef<str>) -> Result<Option<Option<Document>>> {
        let Some(known) = self.look()?.get_cached(self.collection, key.as_ref()) else { return Ok(None) };
        self.held.link.counters.get(|| Ok(known)).map(Some)
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

    /// The documents under several keys, in their order.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn get_many<K: AsRef<str>>(&self, keys: &[K]) -> Result<Vec<Option<Document>>> {
        let snapshot = self.look()?;
        let get = || snapshot.get_many(self.collection, keys).map_err(|error| self.counted(error.into()));
        self.held.link.counters.get_many(keys.len(), get)
    }

    /// Whether there is a document under `key`.
    ///
    /// # Errors
    /// [`Forked`](crate::ErrorKind::Forked); the error with which the database was closed.
    pub fn contains(&self, key: impl AsRef<str>) -> Result<bool> {
        let snapshot = self.look()?;
        self.held.link.counters.add(Counter::KeysOnly, 1);
        Ok(snapshot.contains(self.collection, key.as_ref()))
    }

    /// For how long, from its [`time`](Self::time) on, the document under `key` was to stay; nothing if there is no
    /// document.
    ///
    /// # Errors
    /// As [`contains`](Self::contains).
    pub fn ttl(&self, key: impl AsRef<str>) -> Result<Option<Ttl>> {
        let snapshot = self.look()?;
        self.held.link.counters.add(Counter::KeysOnly, 1);
        let expiry = snapshot.expiry(self.collection, key.as_ref());
        Ok(expiry.and_then(|at| time_left(self.held.time, at)))
    }

    /// What is known of the document under `key` in memory, as [`Collection::info`](crate::Collection::info) told it then.
    ///
    /// # Errors
    /// As [`contains`](Self::contains).
    pub fn info(&self, key: impl AsRef<str>) -> Result<Option<DocumentInfo>> {
        let snapshot = self.look()?;
        self.held.link.counters.add(Counter::KeysOnly, 1);
        Ok(snapshot.info(self.collection, key.as_ref()))
    }

    /// All keys, in no order. The iterator holds on to what it needs, though the snapshot be dropped.
    ///
    /// # Errors
    /// As [`contains`](Self::contains).
    pub fn keys(&self) -> Result<Keys> {
        Ok(Keys::new(Arc::clone(self.look()?), self.collection))
    }

    /// How many documents there are.
    ///
    /// # Errors
    /// As [`contains`](Self::contains).
    pub fn count(&self) -> Result<u64> {
        Ok(self.look()?.count(self.collection))
    }

    /// The indexes there were.
    ///
    /// # Errors
    /// As [`contains`](Self::contains).
    pub fn indexes(&self) -> Result<Vec<IndexInfo>> {
        let mut indexes = self.look()?.indexes();
        indexes.retain(|index| index.collection == self.collection);
        Ok(indexes)
    }

    /// The keys of the documents whose field equals `value`, as [`Collection::find`](crate::Collection::find) found them then.
    /// An index that was there then answers, though it was dropped since.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn find<F>(&self, field: F, value: &Value) -> Result<Vec<Key>>
    where
        F: TryInto<FieldPath>,
        Error: From<F::Error>,
    {
        let path = field.try_into()?;
        self.told(self.look()?.find(self.collection, &path, value))
    }

    /// As [`find`](Self::find), with the documents.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn find_documents<F>(&self, field: F, value: &Value) -> Result<Vec<(Key, Document)>>
    where
        F: TryInto<FieldPath>,
        Error: From<F::Error>,
    {
        let path = field.try_into()?;
        self.told(self.look()?.find_documents(self.collection, &path, value))
    }

    /// The keys of the documents whose field lies in a range of values, as
    /// [`Collection::find_range`](crate::Collection::find_range) found them then.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn find_range<F>(&self, field: F, range: impl RangeBounds<Value>) -> Result<Vec<Key>>
    where
        F: TryInto<FieldPath>,
        Error: From<F::Error>,
    {
        let path = field.try_into()?;
        let bounds: (Bound<&Value>, Bound<&Value>) = (range.start_bound(), range.end_bound());
        self.told(self.look()?.find_range(self.collection, &path, bounds, false))
    }

    fn look_up(&self, key: &str) -> Result<Option<Document>> {
        let snapshot = self.look()?;
        let get = || snapshot.get(self.collection, key).map_err(|error| self.failed(error, key));
        self.held.link.counters.get(get)
    }

    /// What it stands on, if that can still be read.
    fn look(&self) -> Result<&Arc<engine::Snapshot>> {
        self.held.link.check_snapshot().map_err(|error| self.counted(error))?;
        Ok(&self.held.snapshot)
    }

    fn told<T>(&self, found: engine::Result<T>) -> Result<T> {
        found.map_err(|error| self.counted(error.into()))
    }

    fn failed(&self, error: engine::Error, key: &str) -> Error {
        self.counted(Error::from(error).about(key).in_collection(self.name.as_ref()))
    }

    fn counted(&self, error: Error) -> Error {
        self.held.link.counted(error)
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sequence, name) = (self.sequence(), self.name());
        formatter
            .debug_struct("Snapshot")
            .field("sequence", &sequence)
            .field("name", &name)
            .finish_non_exhaustive()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.link.is_forked() {
            // The lock may have been copied in its locked state, and what is shared is the parent's to tear down.
            std::mem::forget((Arc::clone(&self.snapshot), Arc::clone(&self.link)));
            return;
        }
        self.link.snapshots.close(self.ticket);
    }
}

impl OpenSnapshots {
    fn open(&self) -> u64 {
        let mut tickets = self.lock();
        let ticket = tickets.next;
        tickets.next += 1;
        tickets.open.insert(ticket, Instant::now());
        ticket
    }

    fn close(&self, ticket: u64) {
        self.lock().open.remove(&ticket);
    }

    /// How many are open, and for how long the oldest has been.
    pub(crate) fn told(&self) -> (usize, Option<Duration>) {
        let tickets = self.lock();
        (tickets.open.len(), tickets.open.first_key_value().map(|(_, since)| since.elapsed()))
    }

    fn lock(&self) -> MutexGuard<'_, Tickets> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
