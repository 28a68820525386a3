//! Owns the ranges that a transaction reads in an order: of keys, and of the values of a field. Never reads before it is
//! asked for what is wanted.

use std::ops::Bound;

use ferrumdb_engine::KeyBounds;
use serde_json::Value;

use super::OpenTransaction;
use crate::error::Result;
use crate::{Document, FieldPath, Key};

/// A range of keys that a transaction is about to read: see [`OpenTransaction::range`].
///
/// ```
/// use ferrumdb::{Error, FerrumDB};
///
/// let db = FerrumDB::open_in_memory().wait()?;
/// db.set("queue:1", "wash").wait()?;
/// db.set("queue:2", "iron").wait()?;
/// let job = db.transact(|tx| {
///     let Some((key, job)) = tx.prefix("queue:").limit(1).documents()?.pop() else { return Ok(None) };
///     tx.delete(key);
///     Ok::<_, Error>(Some(job.to::<String>()?))
/// });
/// assert_eq!(job.wait()?.as_deref(), Some("wash")); // nobody else gets it
/// # Ok::<(), ferrumdb::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "nothing is read before the documents, the keys or their number are asked for"]
pub struct OpenRange<'t, 'd> {
    open: &'t mut OpenTransaction<'d>,
    bounds: KeyBounds,
    reverse: bool,
    limit: usize,
}

impl<'t, 'd> OpenRange<'t, 'd> {
    pub(super) fn new(open: &'t mut OpenTransaction<'d>, bounds: KeyBounds) -> Self {
        Self { open, bounds, reverse: false, limit: usize::MAX }
    }

    /// The same in reverse order. The bounds stay what they are.
    pub fn reverse(self) -> Self {
        Self { reverse: true, ..self }
    }

    /// No more than so many. What comes behind them counts as not read.
    pub fn limit(self, documents: usize) -> Self {
        Self { limit: documents, ..self }
    }

    /// The documents with their keys.
    ///
    /// # Errors
    /// As [`Collection::get`](crate::Collection::get).
    pub fn documents(self) -> Result<Vec<(Key, Document)>> {
        let Self { open, bounds, reverse, limit } = self;
        let current = open.current;
        open.told(|open| open.range(current, bounds, reverse, limit))
    }

    /// The keys alone: others may replace the documents meanwhile.
    #[must_use]
    pub fn keys(self) -> Vec<Key> {
        let Self { open, bounds, reverse, limit } = self;
        open.open.range_keys(open.current, bounds, reverse, limit)
    }

    /// How many documents there are in the range, whatever the limit.
    #[must_use]
    pub fn count(self) -> u64 {
        self.open.open.count_range(self.open.current, self.bounds)
    }
}

/// Documents that a transaction is about to read in the order of the values of a field: see
/// [`OpenTransaction::range_by`].
///
/// ```
/// use ferrumdb::{Error, FerrumDB};
/// use serde_json::json;
///
/// let db = FerrumDB::open_in_memory().wait()?;
/// db.create_index("due").wait()?;
/// db.set("wash", json!({"due": 20})).wait()?;
/// db.set("iron", json!({"due": 10})).wait()?;
/// let next = db.transact(|tx| {
///     let Some(task) = tx.range_by("due", json!(0)..)?.limit(1).keys()?.pop() else { return Ok(None) };
///     tx.delete(task.clone());
///     Ok::<_, Error>(Some(task))
/// });
/// assert_eq!(next.wait()?.as_deref(), Some("iron")); // nobody else gets it
/// # Ok::<(), ferrumdb::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "nothing is read before the documents or the keys are asked for"]
pub struct OpenFieldRange<'t, 'd> {
    open: &'t mut OpenTransaction<'d>,
    path: FieldPath,
    bounds: (Bound<Value>, Bound<Value>),
    reverse: bool,
    limit: usize,
}

impl<'t, 'd> OpenFieldRange<'t, 'd> {
    pub(super) fn new(
        open: &'t mut OpenTransaction<'d>,
        path: FieldPath,
        bounds: (Bound<Value>, Bound<Value>),
    ) -> Self {
        Self { open, path, bounds, reverse: false, limit: usize::MAX }
    }

    /// The same in reverse order. The bounds stay what they are.
    pub fn reverse(self) -> Self {
        Self { reverse: true, ..self }
    }

    /// No more than so many. With an index on the field, what comes behind them counts as not read.
    pub fn limit(self, documents: usize) -> Self {
        Self { limit: documents, ..self }
    }

    /// The documents with their keys.
    ///
    /// # Errors
    /// As [`Collection::find`](crate::Collection::find).
    pub fn documents(self) -> Result<Vec<(Key, Document)>> {
        let (open, keys) = self.read()?;
        open.documents_of(keys)
    }

    /// The keys alone: others may replace the documents meanwhile, as long as the field stays what it is.
    ///
    /// # Errors
    /// As [`Collection::find`](crate::Collection::find).
    pub fn keys(self) -> Result<Vec<Key>> {
        Ok(self.read()?.1)
    }

    fn read(self) -> Result<(&'t mut OpenTransaction<'d>, Vec<Key>)> {
        let Self { open, path, bounds: (start, end), reverse, limit } = self;
        let (current, bounds) = (open.current, (start.as_ref(), end.as_ref()));
        let keys = open.told(|open| open.range_by(current, &path, bounds, reverse, limit))?;
        Ok((open, keys))
    }
}
