//! Owns reading a snapshot in the order of keys and of the values of a field. Never sorts anything itself.

use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use ferrumdb_engine::{self as engine, KeyBounds};
use serde_json::Value;

use super::Snapshot;
use crate::error::{Error, Result};
use crate::scan::{FieldScan, Scan, key_bounds};
use crate::{Document, FieldPath, Key};

impl Snapshot {
    /// The documents whose keys lay in a range, in the order of the keys' bytes, as
    /// [`FerrumDB::range`](crate::Collection::range) told them then. If the order of the keys was not kept then, each
    /// scan sorts a copy of the keys in the range.
    ///
    /// ```
    /// use ferrumdb::FerrumDB;
    ///
    /// let db = FerrumDB::open_in_memory().wait()?;
    /// db.set("a", 1).wait()?;
    /// db.set("b", 2).wait()?;
    /// let before = db.snapshot()?;
    /// db.clear().wait()?;
    /// let keys: Vec<_> = before.range("a"..)?.reverse().keys().collect();
    /// assert_eq!(keys, ["b", "a"]);
    /// # Ok::<(), ferrumdb::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`contains`](Self::contains).
    pub fn range<K: AsRef<str>>(&self, range: impl RangeBounds<K>) -> Result<Scan> {
        self.scan(key_bounds(&range))
    }

    /// The documents whose keys began with a text, in the order of the keys: as [`range`](Self::range).
    ///
    /// # Errors
    /// As [`contains`](Self::contains).
    pub fn prefix(&self, prefix: impl AsRef<str>) -> Result<Scan> {
        self.scan(KeyBounds::prefix(prefix.as_ref()))
    }

    /// The document with the first key in the order of the keys, if there was any.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn first(&self) -> Result<Option<(Key, Document)>> {
        self.scan(KeyBounds::all())?.limit(1).next().transpose()
    }

    /// The document with the last key in the order of the keys, if there was any.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn last(&self) -> Result<Option<(Key, Document)>> {
        self.scan(KeyBounds::all())?.reverse().limit(1).next().transpose()
    }

    /// How many documents had keys in a range.
    ///
    /// # Errors
    /// As [`contains`](Self::contains).
    pub fn count_range<K: AsRef<str>>(&self, range: impl RangeBounds<K>) -> Result<u64> {
        self.told(self.look_in_order()?.count_range(self.collection, &key_bounds(&range)))
    }

    /// How many documents had keys that began with a text.
    ///
    /// # Errors
    /// As [`contains`](Self::contains).
    pub fn count_prefix(&self, prefix: impl AsRef<str>) -> Result<u64> {
        self.told(self.look_in_order()?.count_range(self.collection, &KeyBounds::prefix(prefix.as_ref())))
    }

    /// The documents whose field held a value in a range, in the order of the values, as
    /// [`FerrumDB::range_by`](crate::Collection::range_by) told them then.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn range_by<F>(&self, field: F, range: impl RangeBounds<Value>) -> Result<FieldScan>
    where
        F: TryInto<FieldPath>,
        Error: From<F::Error>,
    {
        let path = field.try_into()?;
        let bounds: (Bound<&Value>, Bound<&Value>) = (range.start_bound(), range.end_bound());
        let scan = engine::FieldScan::new(Arc::clone(self.look()?), self.collection, path, bounds);
        Ok(FieldScan::new(self.told(scan)?, &self.held.link))
    }

    fn scan(&self, bounds: KeyBounds) -> Result<Scan> {
        let snapshot = Arc::clone(self.look_in_order()?);
        Ok(Scan::new(engine::Scan::new(snapshot, self.collection, bounds), &self.held.link))
    }

    /// Whoever reads a snapshot in order may do so with later ones.
    fn look_in_order(&self) -> Result<&Arc<engine::Snapshot>> {
        let snapshot = self.look()?;
        if snapshot.count(self.collection) > 0 && !snapshot.has_order(self.collection) {
            self.held.link.want_order(self.collection);
        }
        Ok(snapshot)
    }
}
