//! Owns what reads documents in order: of their keys, and of the values of a field. Never goes to the writer.

use std::ops::RangeBounds;
use std::sync::Arc;

use ferrumdb_engine::{self as engine, KeyBounds, Snapshot};
use serde_json::Value;

use crate::error::Result;
use crate::link::Link;
use crate::{Document, Key};

/// The documents whose keys lie in a range, in the order of the keys' UTF-8 bytes, as they stood at one moment, whatever
/// is written meanwhile: made by [`Collection::range`](crate::Collection::range) and
/// [`Collection::prefix`](crate::Collection::prefix).
///
/// It holds a few keys at a time, however many there are, once the order of the keys is kept: see
/// [`Collection::range`](crate::Collection::range). What it needs of the past is remembered in memory while it lives, as
/// for a snapshot.
///
/// ```
/// use ferrumdb::FerrumDB;
///
/// let db = FerrumDB::open_in_memory().wait()?;
/// for key in ["a", "b", "c", "d"] {
///     db.set(key, 1).wait()?;
/// }
/// let keys: Vec<_> = db.range("a".."d")?.reverse().limit(2).keys().collect();
/// assert_eq!(keys, ["c", "b"]);
/// let next: Vec<_> = db.range("a".."d")?.reverse().after("b").keys().collect();
/// assert_eq!(next, ["a"]);
/// let third: Vec<_> = db.range("a"..)?.offset(2).limit(1).keys().collect();
/// assert_eq!(third, ["c"]);
/// for found in db.prefix("c")? {
///     let (key, document) = found?;
///     assert_eq!((&*key, document.as_str()), ("c", "1"));
/// }
/// # Ok::<(), ferrumdb::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "it reads nothing until it is iterated over"]
pub struct Scan {
    inner: engine::Scan<Arc<Snapshot>>,
    link: Counting,
}

/// The keys of a [`Scan`], without documents.
#[derive(Debug)]
#[must_use = "it reads nothing until it is iterated over"]
pub struct KeyScan(engine::KeyScan<Arc<Snapshot>>);

/// The documents whose field holds a value in a range, in the order of these values, and of their keys where values are
/// equal, as they stood at one moment: made by [`Collection::range_by`](crate::Collection::range_by).
///
/// A document whose field is an array of several values in the range is told once: at the smallest of them, or, in
/// reverse, at the largest.
#[derive(Debug)]
#[must_use = "it reads nothing until it is iterated over"]
pub struct FieldScan {
    inner: engine::FieldScan<Arc<Snapshot>>,
    link: Counting,
}

/// The keys of a [`FieldScan`], without documents.
#[derive(Debug)]
#[must_use = "it reads nothing until it is iterated over"]
pub struct FieldKeyScan {
    inner: engine::FieldKeyScan<Arc<Snapshot>>,
    link: Counting,
}

/// What counts the errors that come out.
struct Counting(Arc<Link>);

impl Scan {
    pub(crate) fn new(inner: engine::Scan<Arc<Snapshot>>, link: &Arc<Link>) -> Self {
        Self { inner, link: Counting(Arc::clone(link)) }
    }

    /// The same in reverse order. The bounds stay what they are: the start is the smaller one. To be said before the
    /// first document is taken, as [`after`](Self::after) is.
    pub fn reverse(mut self) -> Self {
        self.inner = self.inner.reverse();
        self
    }

    /// No more than so many.
    pub fn limit(mut self, documents: usize) -> Self {
        self.inner = self.inner.limit(documents);
        self
    }

    /// Only what comes behind this key, in the order in which it is read: to go on where an earlier one has ended. There
    /// need not be such a key.
    pub fn after(mut self, key: impl Into<Key>) -> Self {
        self.inner = self.inner.after(key);
        self
    }

    /// Leaves out so many documents, and costs the same however many those are, once the order of the keys is kept. Documents
    /// that have expired and are not purged yet count, too.
    pub fn offset(mut self, documents: usize) -> Self {
        self.inner = self.inner.offset(documents);
        self
    }

    /// The keys without the documents, which are not read.
    pub fn keys(self) -> KeyScan {
        KeyScan(self.inner.keys())
    }
}

impl FieldScan {
    pub(crate) fn new(inner: engine::FieldScan<Arc<Snapshot>>, link: &Arc<Link>) -> Self {
        Self { inner, link: Counting(Arc::clone(link)) }
    }

    /// The same in reverse order. The bounds stay what they are: the start is the smaller one. To be said before the
    /// first document is taken, as [`after`](Self::after) is.
    pub fn reverse(mut self) -> Self {
        self.inner = self.inner.reverse();
        self
    }

    /// No more than so many.
    pub fn limit(mut self, documents: usize) -> Self {
        self.inner = self.inner.limit(documents);
        self
    }

    /// Only what comes behind the document of this key at this value, in the order in which it is read: to go on where an
    /// earlier one has ended. The value is that of the last document's field; of an array, the item by which it was found.
    ///
    /// # Errors
    /// [`NotSerializable`](crate::ErrorKind::NotSerializable) or [`TooLarge`](crate::ErrorKind::TooLarge) for a value that
    /// no document can hold.
    pub fn after(mut self, value: &Value, key: impl AsRef<str>) -> Result<Self> {
        let inner = self.inner.after(value, key.as_ref());
        self.inner = inner.map_err(|error| self.link.0.counted(error.into()))?;
        Ok(self)
    }

    /// The keys without the documents, which are read only where the keys cannot be known without: where the field is an
    /// array in some document, or a bound is larger than 1,024 bytes.
    pub fn keys(self) -> FieldKeyScan {
        FieldKeyScan { inner: self.inner.keys(), link: self.link }
    }
}

impl Iterator for Scan {
    type Item = Result<(Key, Document)>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.inner.next()?.map_err(|error| self.link.0.counted(error.into())))
    }
}

impl Iterator for KeyScan {
    type Item = Key;

    fn next(&mut self) -> Option<Key> {
        self.0.next()
    }
}

impl Iterator for FieldScan {
    type Item = Result<(Key, Document)>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.inner.next()?.map_err(|error| self.link.0.counted(error.into())))
    }
}

impl Iterator for FieldKeyScan {
    type Item = Result<Key>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.inner.next()?.map_err(|error| self.link.0.counted(error.into())))
    }
}

pub(crate) fn key_bounds<K: AsRef<str>>(range: &impl RangeBounds<K>) -> KeyBounds {
    KeyBounds::new(range.start_bound().map(AsRef::as_ref), range.end_bound().map(AsRef::as_ref))
}

impl std::fmt::Debug for Counting {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Link").field(&self.0.path()).finish()
    }
}
