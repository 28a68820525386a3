//! Owns a transaction that reads while it is made: as of one sequence, and what it has written itself. Never waits for
//! the writer, and never changes anything: what it comes to is committed as any other transaction, if what it has read
//! still holds.

use std::collections::BTreeMap;
use std::ops::Bound;

use serde_json::Value;

use crate::document::{Document, EncodedDocument};
use crate::error::Result;
use crate::index::extract::{Extracted, extract, matches_range};
use crate::index::path::FieldPath;
use crate::index::value::ValueRange;
use crate::key::{CollectionId, Key, Sequence, Timestamp};
use crate::reader::Reader;
use crate::snapshot::Snapshot;
use crate::transaction::{Condition, Transaction};
use crate::validate::{RangeRead, RangeReader, RangeReads};

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
    keys: BTreeMap<(CollectionId, Key), Access>,
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

    /// Whether ranges were read.
    #[must_use]
    pub fn has_read_ranges(&self) -> bool {
        self.ranges.is_some()
    }

    /// The newest commit that it reads. The first call of this or of a read settles it.
    pub fn sequence(&mut self) -> Sequence {
        self.snapshot().sequence()
    }

    /// The document of a key. One that this transaction has written is of version 0.
    ///
    /// # Errors
    /// [`crate::Error::Io`] and [`crate::Error::Damaged`].
    pub fn get(&mut self, collection: CollectionId, key: &str) -> Result<Option<Document>> {
        let key = Key::from(key);
        match self.written(collection, &key) {
            Some(Write::Set(document, _)) => return Ok(Some(document.uncommitted())),
            Some(Write::Delete) => return Ok(None),
            Some(Write::Expire(_)) | None => {}
        }
        let found = self.snapshot().get(collection, &key)?;
        let condition = found.as_ref().map_or(Condition::Absent, |found| Condition::Version(found.version()));
        self.access(collection, key).read = Some(condition);
        Ok(found)
    }

    /// Whether a key has a document.
    pub fn contains(&mut self, collection: CollectionId, key: &str) -> bool {
        let key = Key::from(key);
        match self.written(collection, &key) {
            Some(Write::Set(..)) => return true,
            Some(Write::Delete) => return false,
            Some(Write::Expire(_)) | None => {}
        }
        let found = self.snapshot().contains(collection, &key);
        let condition = if found { Condition::Exists } else { Condition::Absent };
        // Its version, if that was read before, says more.
        self.access(collection, key).read.get_or_insert(condition);
        found
    }

    /// When the document of a key expires: `Some(None)` if it never does, `None` if there is no document.
    pub fn expiry(&mut self, collection: CollectionId, key: &str) -> Option<Option<Timestamp>> {
        let key = Key::from(key);
        let changed = match self.written(collection, &key) {
            Some(Write::Set(_, at)) => return Some(*at),
            Some(Write::Delete) => return None,
            Some(Write::Expire(at)) => Some(*at),
            None => None,
        };
        let found = self.snapshot().version(collection, &key);
        let condition = found.map_or(Condition::Absent, |(version, _)| Condition::Version(version));
        self.access(collection, key).read = Some(condition);
        found.map(|(_, at)| changed.unwrap_or(at))
    }

    /// How many documents a collection has.
    pub fn count(&mut self, collection: CollectionId) -> u64 {
        self.expect_ranges();
        let snapshot = self.snapshot();
        let (mut count, until) = (snapshot.count(collection), snapshot.next_expiry(collection));
        for (key, write) in self.writes_of(collection) {
            match (write, self.shows(collection, key)) {
                (Write::Set(..), false) => count += 1,
                (Write::Delete, true) => count -= 1,
                (Write::Set(..) | Write::Delete | Write::Expire(_), _) => {}
            }
        }
        let bounds = (Bound::Unbounded, Bound::Unbounded);
        self.note_range(RangeRead::Keys { collection, bounds, documents: false }, until);
        count
    }

    /// As [`Snapshot::find`].
    ///
    /// # Errors
    /// As [`Snapshot::find`].
    pub fn find(&mut self, collection: CollectionId, path: &FieldPath, value: &Value) -> Result<Vec<Key>> {
        let bounds = (Bound::Included(value), Bound::Included(value));
        self.find_with(collection, path, bounds, false, |snapshot| snapshot.find(collection, path, value))
    }

    /// As [`Snapshot::find_range`].
    ///
    /// # Errors
    /// As [`Snapshot::find_range`].
    pub fn find_range(
        &mut self,
        collection: CollectionId,
        path: &FieldPath,
        bounds: (Bound<&Value>, Bound<&Value>),
        reverse: bool,
    ) -> Result<Vec<Key>> {
        self.find_with(collection, path, bounds, reverse, |snapshot| {
            snapshot.find_range(collection, path, bounds, reverse)
        })
    }

    /// Adds: `key` holds `document` from now on, until `expires_at` if there is one.
    pub fn set(
        &mut self,
        collection: CollectionId,
        key: Key,
        document: EncodedDocument,
        expires_at: Option<Timestamp>,
    ) {
        let write = if self.is_past(expires_at) { Write::Delete } else { Write::Set(document, expires_at) };
        self.access(collection, key).write = Some(write);
    }

    /// Adds: the document of `key`, if it has one, stays, and expires at `at`, or never.
    pub fn expire(&mut self, collection: CollectionId, key: Key, at: Option<Timestamp>) {
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
    pub fn delete(&mut self, collection: CollectionId, key: Key) {
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

    fn snapshot(&mut self) -> &Snapshot {
        self.snapshot.get_or_insert_with(|| self.reader.snapshot())
    }

    fn access(&mut self, collection: CollectionId, key: Key) -> &mut Access {
        self.keys.entry((collection, key)).or_default()
    }

    fn written(&self, collection: CollectionId, key: &Key) -> Option<&Write> {
        self.keys.get(&(collection, key.clone()))?.write.as_ref()
    }

    /// What it has written in a collection.
    fn writes_of(&self, collection: CollectionId) -> impl Iterator<Item = (&Key, &Write)> {
        let first = Bound::Included((collection, Key::from("")));
        let accesses = self.keys.range((first, Bound::Unbounded));
        let here = accesses.take_while(move |((of, _), _)| *of == collection);
        here.filter_map(|((_, key), access)| Some((key, access.write.as_ref()?)))
    }

    fn note_range(&mut self, range: RangeRead, until: Option<Timestamp>) {
        let sequence = self.snapshot().sequence();
        let reader = self.range_reader.clone().expect("whoever reads a range says so before");
        self.ranges.get_or_insert_with(|| RangeReads::new(sequence, reader)).note(range, until);
    }

    fn is_past(&self, at: Option<Timestamp>) -> bool {
        at.is_some_and(|at| at <= self.reader.now())
    }

    /// Whether a key has a document in the snapshot.
    fn shows(&self, collection: CollectionId, key: &Key) -> bool {
        self.snapshot.as_ref().is_some_and(|snapshot| snapshot.contains(collection, key))
    }

    /// Finds by the snapshot, and brings that up to what it has written itself.
    fn find_with(
        &mut self,
        collection: CollectionId,
        path: &FieldPath,
        bounds: (Bound<&Value>, Bound<&Value>),
        reverse: bool,
        find: impl FnOnce(&Snapshot) -> Result<Vec<Key>>,
    ) -> Result<Vec<Key>> {
        self.expect_ranges();
        let range = ValueRange::new(bounds.0, bounds.1)?;
        let snapshot = self.snapshot();
        let mut keys = find(snapshot)?;
        let is_indexed = snapshot.view().catalog.get(collection, path).is_some();
        let until = match snapshot.view().expiring.is_empty() {
            true => None,
            false => keys.iter().filter_map(|key| snapshot.version(collection, key)?.1).min(),
        };
        let read = match is_indexed {
            true => RangeRead::Values { collection, path: path.clone(), range: range.clone() },
            false => RangeRead::all(collection),
        };
        self.note_range(read, until);
        keys.retain(|key| !matches!(self.written(collection, key), Some(Write::Set(..) | Write::Delete)));
        let found = keys.len();
        let own = self.writes_of(collection).filter(|(_, write)| match write {
            Write::Set(document, _) => matches_range(document.as_str(), path, &range),
            Write::Expire(_) | Write::Delete => false,
        });
        keys.extend(own.map(|(key, _)| key.clone()));
        if is_indexed && keys.len() > found {
            self.sort(collection, path, &range, reverse, &mut keys)?;
        }
        Ok(keys)
    }

    /// Brings keys into the order of the values in a range that their documents hold.
    fn sort(
        &mut self,
        collection: CollectionId,
        path: &FieldPath,
        range: &ValueRange,
        reverse: bool,
        keys: &mut Vec<Key>,
    ) -> Result<()> {
        let mut pairs = Vec::with_capacity(keys.len());
        for key in keys.drain(..) {
            let document = match self.written(collection, &key) {
                Some(Write::Set(document, _)) => Some(document.uncommitted()),
                _ => self.snapshot().get(collection, &key)?,
            };
            let values = document.map_or(Extracted::NONE, |document| extract(document.as_str(), path));
            let mut inside = values.as_slice().iter().filter(|value| range.may_hold(value)).cloned();
            let value = if reverse { inside.next_back() } else { inside.next() };
            pairs.push((value, key));
        }
        pairs.sort_unstable();
        if reverse {
            pairs.reverse();
        }
        keys.extend(pairs.into_iter().map(|(_, key)| key));
        Ok(())
    }
}
