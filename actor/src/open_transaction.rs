//! Owns what the closure of a `transact` sees: reads as of one moment, and writes that are collected. Never sends
//! anything to the writer.

mod ranges;

pub use ranges::{OpenFieldRange, OpenRange};

use std::cell::OnceCell;
use std::ops::{Bound, RangeBounds};
use std::time::Duration;

use ferrumdb_engine::{self as engine, CollectionId, CollectionRef, EncodedDocument, KeyBounds};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::collection::Collection;
use crate::command::WriteReply;
use crate::error::{Error, Result};
use crate::expiry::{expires_at, time_left};
use crate::pending::Pending;
use crate::scan::key_bounds;
use crate::transaction::{Counts, Prepared};
use crate::{Document, FieldPath, Key, Sequence, Timestamp, Ttl};

/// A transaction that is being made: see [`FerrumDB::transact`](crate::FerrumDB::transact).
///
/// All its reads show the database as of one moment, that of the first of them, with what the transaction has written
/// itself: a document that it has written is of version 0. Its writes are collected, and nobody else sees them before
/// they are committed.
#[derive(Debug)]
pub struct OpenTransaction<'d> {
    db: &'d Collection,
    open: engine::OpenTransaction<'d>,
    /// Whose keys are meant.
    current: CollectionRef,
    /// When its lifetimes begin.
    now: OnceCell<Timestamp>,
    counts: Counts,
}

impl<'d> OpenTransaction<'d> {
    /// `ranges` says that it is likely to read some.
    pub(crate) fn begin(db: &'d Collection, ranges: bool) -> Self {
        let mut open = db.db.reader.begin();
        if ranges {
            open.expect_ranges();
        }
        let current =
            db.name_key().map_or(CollectionRef::Id(CollectionId::ROOT), |name| open.collection(name));
        let counts = Counts { retries: true, ..Counts::default() };
        Self { db, open, current, now: OnceCell::new(), counts }
    }

    /// What is to be committed: nothing, if it has only read. And whether it has read ranges.
    pub(crate) fn finish(self) -> (Option<Prepared>, bool) {
        let Self { open, counts, .. } = self;
        let ranges = open.has_read_ranges();
        (open.finish().map(|transaction| Prepared { transaction, counts }), ranges)
    }

    /// From here on, keys are those of the collection of this name. If there is none, it is empty, and the first document
    /// that is set there creates it.
    ///
    /// ```
    /// use ferrumdb::{Error, FerrumDB};
    ///
    /// let db = FerrumDB::open_in_memory().wait()?;
    /// db.transact(|tx| {
    ///     tx.in_collection("users")?.set("alice", "admin")?;
    ///     let users = tx.count();
    ///     tx.in_root().set("users", users)
    /// })
    /// .wait()?;
    /// assert_eq!(db.collection("users")?.get_as("alice")?, Some("admin".to_owned()));
    /// assert_eq!(db.get_as("users")?, Some(1));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`FerrumDB::collection`](crate::FerrumDB::collection).
    pub fn in_collection(&mut self, name: impl Into<Key>) -> Result<&mut Self> {
        let name = name.into();
        engine::check_collection_name(&name).map_err(|error| self.db.counted(error.into()))?;
        self.current = self.open.collection(&name);
        Ok(self)
    }

    /// From here on, keys are those of the root again.
    pub fn in_root(&mut self) -> &mut Self {
        self.current = CollectionRef::Id(CollectionId::ROOT);
        self
    }

    /// The newest commit that its reads show.
    pub fn sequence(&mut self) -> Sequence {
        self.open.snapshot().sequence()
    }

    /// As [`Collection::get`].
    ///
    /// # Errors
    /// As [`Collection::get`].
    pub fn get(&mut self, key: impl AsRef<str>) -> Result<Option<Document>> {
        let (key, link) = (key.as_ref(), &self.db.db.link);
        link.counters.get(|| self.open.get(self.current, key).map_err(|error| self.failed(error, key)))
    }

    /// As [`Collection::get_as`].
    ///
    /// # Errors
    /// As [`Collection::get_as`].
    pub fn get_as<T: DeserializeOwned>(&mut self, key: impl AsRef<str>) -> Result<Option<T>> {
        let key = key.as_ref();
        let document = self.get(key)?;
        document.map(|document| document.to()).transpose().map_err(|error| self.failed(error, key))
    }

    /// As [`Collection::get_many`].
    ///
    /// # Errors
    /// As [`Collection::get`].
    pub fn get_many<K: AsRef<str>>(&mut self, keys: &[K]) -> Result<Vec<Option<Document>>> {
        keys.iter().map(|key| self.get(key)).collect()
    }

    /// Whether there is a document under `key`. If that stays so, others may replace it meanwhile.
    pub fn contains(&mut self, key: impl AsRef<str>) -> bool {
        self.open.contains(self.current, key.as_ref())
    }

    /// How long the document under `key` will stay; nothing if there is no document.
    pub fn ttl(&mut self, key: impl AsRef<str>) -> Option<Ttl> {
        let expiry = self.open.expiry(self.current, key.as_ref());
        expiry.and_then(|at| time_left(self.now(), at))
    }

    /// How many documents there are. If others insert or delete one meanwhile, the transaction is run again.
    pub fn count(&mut self) -> u64 {
        self.open.count(self.current)
    }

    /// The documents whose keys lie in a range, in the order of the keys: see [`Collection::range`]. If others insert,
    /// delete or replace one meanwhile in the part that was read, the transaction is run again.
    pub fn range<K: AsRef<str>>(&mut self, range: impl RangeBounds<K>) -> OpenRange<'_, 'd> {
        self.range_of(key_bounds(&range))
    }

    /// The documents whose keys begin with a text, in the order of the keys: as [`range`](Self::range).
    pub fn prefix(&mut self, prefix: impl AsRef<str>) -> OpenRange<'_, 'd> {
        self.range_of(KeyBounds::prefix(prefix.as_ref()))
    }

    /// As [`Collection::find`]. If others change meanwhile which documents it finds, the transaction is run again; without
    /// an index on the field, if they change anything.
    ///
    /// # Errors
    /// As [`Collection::find`].
    pub fn find<F>(&mut self, field: F, value: &Value) -> Result<Vec<Key>>
    where
        F: TryInto<FieldPath>,
        Error: From<F::Error>,
    {
        let path = field.try_into()?;
        let current = self.current;
        self.told(|open| open.find(current, &path, value))
    }

    /// As [`Collection::find_documents`].
    ///
    /// # Errors
    /// As [`Collection::find`].
    pub fn find_documents<F>(&mut self, field: F, value: &Value) -> Result<Vec<(Key, Document)>>
    where
        F: TryInto<FieldPath>,
        Error: From<F::Error>,
    {
        let keys = self.find(field, value)?;
        self.documents_of(keys)
    }

    /// As [`Collection::find_range`], and as [`find`](Self::find) where others change something.
    ///
    /// # Errors
    /// As [`Collection::find`].
    pub fn find_range<F>(&mut self, field: F, range: impl RangeBounds<Value>) -> Result<Vec<Key>>
    where
        F: TryInto<FieldPath>,
        Error: From<F::Error>,
    {
        let path = field.try_into()?;
        let bounds: (Bound<&Value>, Bound<&Value>) = (range.start_bound(), range.end_bound());
        let current = self.current;
        self.told(|open| open.find_range(current, &path, bounds, false))
    }

    /// The documents whose field holds a value in a range, in the order of the values, and of the keys where values are
    /// equal: see [`Collection::range_by`]. If others change meanwhile which there are in the part that was read, or their
    /// order, the transaction is run again; without an index on the field, if they change anything.
    ///
    /// # Errors
    /// [`InvalidPath`](crate::ErrorKind::InvalidPath).
    pub fn range_by<F>(&mut self, field: F, range: impl RangeBounds<Value>) -> Result<OpenFieldRange<'_, 'd>>
    where
        F: TryInto<FieldPath>,
        Error: From<F::Error>,
    {
        let bounds = (range.start_bound().cloned(), range.end_bound().cloned());
        Ok(OpenFieldRange::new(self, field.try_into()?, bounds))
    }

    /// Adds: `key` holds `value` from now on.
    ///
    /// # Errors
    /// [`NotSerializable`](crate::ErrorKind::NotSerializable), [`TooLarge`](crate::ErrorKind::TooLarge).
    pub fn set(&mut self, key: impl Into<Key>, value: impl Serialize) -> Result<()> {
        let document = EncodedDocument::from_serialize(&value, &self.db.db.limits);
        self.write(key.into(), document, None)
    }

    /// Adds: `key` holds the document with this JSON text from now on.
    ///
    /// # Errors
    /// [`InvalidJson`](crate::ErrorKind::InvalidJson), [`TooLarge`](crate::ErrorKind::TooLarge).
    pub fn set_raw(&mut self, key: impl Into<Key>, json: impl AsRef<[u8]>) -> Result<()> {
        let document = EncodedDocument::from_json(json.as_ref(), &self.db.db.limits);
        self.write(key.into(), document, None)
    }

    /// Adds: `key` holds `value` from now on, for as long as `lifetime`. The lifetimes of one transaction begin at one
    /// time, when the first of them is given.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn set_ex(&mut self, key: impl Into<Key>, value: impl Serialize, lifetime: Duration) -> Result<()> {
        let document = EncodedDocument::from_serialize(&value, &self.db.db.limits);
        let at = expires_at(self.now(), lifetime);
        self.write(key.into(), document, Some(at))
    }

    /// Adds: `key` holds `value` from now on, and expires when the document there was to expire.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn update(&mut self, key: impl Into<Key>, value: impl Serialize) -> Result<()> {
        let (key, document) = (key.into(), EncodedDocument::from_serialize(&value, &self.db.db.limits));
        let at = self.open.expiry(self.current, &key).flatten();
        self.write(key, document, at)
    }

    /// As [`Collection::increment`]: the answer is the sum.
    ///
    /// # Errors
    /// As [`Collection::increment`].
    pub fn increment(&mut self, key: impl Into<Key>, by: i64) -> Result<i64> {
        self.add(key.into(), None, by)
    }

    /// As [`Collection::increment_field`]: the answer is the sum.
    ///
    /// # Errors
    /// As [`Collection::increment_field`].
    pub fn increment_field<F>(&mut self, key: impl Into<Key>, field: F, by: i64) -> Result<i64>
    where
        F: TryInto<FieldPath>,
        Error: From<F::Error>,
    {
        let path = field.try_into()?;
        self.add(key.into(), Some(&path), by)
    }

    /// Adds: the document of `key`, if it has one, stays for as long as `lifetime`.
    pub fn expire(&mut self, key: impl Into<Key>, lifetime: Duration) {
        let at = expires_at(self.now(), lifetime);
        self.open.expire(self.current, key.into(), Some(at));
    }

    /// Adds: the document of `key`, if it has one, never expires.
    pub fn persist(&mut self, key: impl Into<Key>) {
        self.open.expire(self.current, key.into(), None);
    }

    /// Adds: `key` holds nothing from now on.
    pub fn delete(&mut self, key: impl Into<Key>) {
        self.counts.deletes += 1;
        self.open.delete(self.current, key.into());
    }

    /// Says that it will read ranges, or search, before the first read. One that does so unsaid may be refused, if others
    /// commit meanwhile, for changes that nobody took note of; whoever begins it anew after that had better say so.
    pub fn expect_ranges(&mut self) {
        self.open.expect_ranges();
    }

    /// Commits what it has written: all of it, or, if others have changed what it has read, nothing. The answer is the number
    /// of the commit; if it has written nothing, that of the commit whose state it has read, and nobody is asked.
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict); otherwise as [`FerrumDB::commit`](crate::FerrumDB::commit).
    pub fn commit(mut self) -> Pending<Sequence> {
        // A conflict is the caller's error: nobody tries again on its behalf.
        self.counts.retries = false;
        let (db, read) = (self.db, self.sequence());
        if let Err(error) = db.check_many() {
            return Pending::ready(Err(error));
        }
        let (Some(prepared), _) = self.finish() else { return Pending::ready(Ok(read)) };
        match prepared.transaction.check(&db.db.limits) {
            Ok(()) => db.send(prepared, WriteReply::Sequence),
            Err(error) => Pending::ready(Err(db.counted(error.into()))),
        }
    }

    pub(crate) fn add(&mut self, key: Key, path: Option<&FieldPath>, by: i64) -> Result<i64> {
        let document = self.get(&key)?;
        let added = EncodedDocument::with_sum(document.as_ref(), path, by, &self.db.db.limits);
        let (document, sum) = added.map_err(|error| self.failed(error, &key))?;
        let at = self.open.expiry(self.current, &key).flatten();
        self.write(key, Ok(document), at)?;
        Ok(sum)
    }

    fn documents_of(&mut self, keys: Vec<Key>) -> Result<Vec<(Key, Document)>> {
        let mut found = Vec::with_capacity(keys.len());
        for key in keys {
            let document = self.get(&key)?;
            found.extend(document.map(|document| (key, document)));
        }
        Ok(found)
    }

    fn range_of(&mut self, bounds: KeyBounds) -> OpenRange<'_, 'd> {
        let id = self.open.id(self.current);
        // As for any scan: from now on, it is to cost what it reads.
        self.db.want_order(self.open.snapshot(), id);
        OpenRange::new(self, bounds)
    }

    fn write(
        &mut self,
        key: Key,
        document: engine::Result<EncodedDocument>,
        at: Option<Timestamp>,
    ) -> Result<()> {
        let document = document.map_err(|error| self.failed(error, &key))?;
        self.counts.sets += 1;
        self.open.set(self.current, key, document, at);
        Ok(())
    }

    fn failed(&self, error: engine::Error, key: &str) -> Error {
        let name = self.open.name(self.current);
        self.db.counted(Error::from(error).about(key).in_collection(name))
    }

    fn now(&self) -> Timestamp {
        *self.now.get_or_init(|| self.db.db.reader.now())
    }

    fn told<T>(
        &mut self,
        read: impl FnOnce(&mut engine::OpenTransaction<'d>) -> engine::Result<T>,
    ) -> Result<T> {
        read(&mut self.open).map_err(|error| self.db.counted(error.into()))
    }
}
