//! Owns the reads of an open transaction that may find many documents: what is noted of each is enough to tell whether
//! it would find others by the time of the commit. Never notes more of a range than was read.

use std::cmp::Ordering;
use std::ops::Bound;

use serde_json::Value;

use super::{OpenTransaction, Write};
use crate::bounds::KeyBounds;
use crate::document::Document;
use crate::error::Result;
use crate::field_scan::FieldScan;
use crate::index::IndexEntry;
use crate::index::extract::{matches_range, told_at};
use crate::index::path::FieldPath;
use crate::index::value::ValueRange;
use crate::key::{CollectionId, Key, Timestamp};
use crate::scan::Scan;
use crate::snapshot::Snapshot;
use crate::transaction::CollectionRef;
use crate::validate::{LastRead, RangeRead, RangeReads};

impl OpenTransaction<'_> {
    /// How many documents a collection has.
    pub fn count(&mut self, collection: impl Into<CollectionRef>) -> u64 {
        let collection = collection.into();
        let id = self.id(collection);
        self.count_with(collection, KeyBounds::all(), |snapshot, _| snapshot.count(id))
    }

    /// How many documents of a collection have keys in the range.
    pub fn count_range(&mut self, collection: impl Into<CollectionRef>, bounds: KeyBounds) -> u64 {
        let collection = collection.into();
        let id = self.id(collection);
        self.count_with(collection, bounds, |snapshot, bounds| {
            snapshot.count_range(id, bounds).expect("nobody cancels the snapshot of a transaction")
        })
    }

    /// The first documents of a collection whose keys lie in a range, no more than so many, in the order of their keys, or
    /// in reverse. What comes behind them counts as not read.
    ///
    /// # Errors
    /// [`crate::Error::Io`] and [`crate::Error::Damaged`].
    pub fn range(
        &mut self,
        collection: impl Into<CollectionRef>,
        bounds: KeyBounds,
        reverse: bool,
        limit: usize,
    ) -> Result<Vec<(Key, Document)>> {
        let collection = collection.into();
        let id = self.id(collection);
        let keys = self.range_with(collection, bounds, reverse, limit, true);
        let mut found = Vec::with_capacity(keys.len());
        for key in keys {
            let document = match self.written(collection, &key) {
                Some(Write::Set(document, _)) => Some(document.uncommitted()),
                _ => self.snapshot().get(id, &key)?,
            };
            found.extend(document.map(|document| (key, document)));
        }
        Ok(found)
    }

    /// The keys of [`OpenTransaction::range`] alone: others may replace their documents.
    pub fn range_keys(
        &mut self,
        collection: impl Into<CollectionRef>,
        bounds: KeyBounds,
        reverse: bool,
        limit: usize,
    ) -> Vec<Key> {
        let collection = collection.into();
        self.range_with(collection, bounds, reverse, limit, false)
    }

    /// As [`Snapshot::find`].
    ///
    /// # Errors
    /// As [`Snapshot::find`].
    pub fn find(
        &mut self,
        collection: impl Into<CollectionRef>,
        path: &FieldPath,
        value: &Value,
    ) -> Result<Vec<Key>> {
        let collection = collection.into();
        let bounds = (Bound::Included(value), Bound::Included(value));
        self.find_with(collection, path, bounds, false, |snapshot, id| snapshot.find(id, path, value))
    }

    /// As [`Snapshot::find_range`].
    ///
    /// # Errors
    /// As [`Snapshot::find_range`].
    pub fn find_range(
        &mut self,
        collection: impl Into<CollectionRef>,
        path: &FieldPath,
        bounds: (Bound<&Value>, Bound<&Value>),
        reverse: bool,
    ) -> Result<Vec<Key>> {
        let collection = collection.into();
        self.find_with(collection, path, bounds, reverse, |snapshot, id| {
            snapshot.find_range(id, path, bounds, reverse)
        })
    }

    /// The keys of the first documents, no more than so many, with a value between two bounds at `path`, in the order of the
    /// values and then of the keys, or in reverse: see [`FieldScan`]. What comes behind them counts as not read, if there
    /// is an index.
    ///
    /// # Errors
    /// As [`Snapshot::find`].
    pub fn range_by(
        &mut self,
        collection: impl Into<CollectionRef>,
        path: &FieldPath,
        bounds: (Bound<&Value>, Bound<&Value>),
        reverse: bool,
        limit: usize,
    ) -> Result<Vec<Key>> {
        self.expect_ranges();
        let collection = collection.into();
        let range = ValueRange::new(bounds.0, bounds.1)?;
        let id = self.id(collection);
        self.snapshot();
        let scan = FieldScan::new(self.taken(), id, path.clone(), bounds)?;
        let mut scan = if reverse { scan.reverse() } else { scan };
        let mut own = self.entries_of(collection, path, &range, reverse);
        let mut found = Vec::new();
        let mut shown = None;
        while found.len() < limit {
            while shown.is_none()
                && let Some((entry, _)) = scan.next_found(false)?
            {
                // What it has written is its own entry, or none.
                let is_own =
                    matches!(self.written(collection, &entry.key), Some(Write::Set(..) | Write::Delete));
                shown = (!is_own).then_some(entry);
            }
            let is_shown_next = match (&shown, own.last()) {
                (Some(shown), Some(own)) => (shown < own) != reverse,
                (shown, _) => shown.is_some(),
            };
            let Some(next) = (if is_shown_next { shown.take() } else { own.pop() }) else { break };
            found.push(next);
        }
        if limit > 0 {
            let last = found.last().filter(|_| found.len() == limit).cloned();
            let last = last.map(|entry| LastRead { entry, reverse });
            let read = match self.taken().view().catalog.get(id, path) {
                Some(_) => RangeRead::Values { collection: id, path: path.clone(), range, last },
                None => RangeRead::all(id),
            };
            let keys: Vec<_> = found.iter().map(|entry| entry.key.clone()).collect();
            let until = self.first_expiry(id, &keys);
            self.note_range(collection, read, until);
        }
        Ok(found.into_iter().map(|entry| entry.key).collect())
    }

    fn count_with(
        &mut self,
        collection: CollectionRef,
        bounds: KeyBounds,
        count: impl FnOnce(&Snapshot, &KeyBounds) -> u64,
    ) -> u64 {
        self.expect_ranges();
        let id = self.id(collection);
        let snapshot = self.snapshot();
        let (mut count, until) = (count(snapshot, &bounds), snapshot.next_expiry(id, &bounds));
        for (key, write) in self.writes_in(collection, &bounds) {
            match (write, self.taken().contains(id, key)) {
                (Write::Set(..), false) => count += 1,
                (Write::Delete, true) => count -= 1,
                (Write::Set(..) | Write::Delete | Write::Expire(_), _) => {}
            }
        }
        self.note_range(collection, RangeRead::Keys { collection: id, bounds, documents: false }, until);
        count
    }

    /// Reads the first keys of a range, and notes as much of it as that took.
    fn range_with(
        &mut self,
        collection: CollectionRef,
        bounds: KeyBounds,
        reverse: bool,
        limit: usize,
        documents: bool,
    ) -> Vec<Key> {
        self.expect_ranges();
        let id = self.id(collection);
        self.snapshot();
        let scan = Scan::new(self.taken(), id, bounds.clone());
        let mut shown = if reverse { scan.reverse() } else { scan }.keys().peekable();
        let written = self.writes_in(collection, &bounds);
        let mut own: Vec<_> = written.filter(|(_, write)| !matches!(write, Write::Expire(_))).collect();
        if !reverse {
            own.reverse();
        }
        let mut keys = Vec::new();
        while keys.len() < limit {
            let order = match (shown.peek(), own.last()) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(shown), Some((own, _))) if reverse => own.cmp(&shown),
                (Some(shown), Some((own, _))) => shown.cmp(own),
            };
            let next = if order.is_le() { shown.next() } else { None };
            let own = if order.is_ge() { own.pop() } else { None };
            match own {
                Some((key, Write::Set(..))) => keys.push(key.clone()),
                Some(_) => {}
                None => keys.extend(next),
            }
        }
        let until = self.first_expiry(id, &keys);
        let bounds = match keys.last() {
            Some(last) if keys.len() == limit => bounds.up_to(last, reverse),
            _ => bounds,
        };
        if limit > 0 {
            self.note_range(collection, RangeRead::Keys { collection: id, bounds, documents }, until);
        }
        keys
    }

    /// Finds by the snapshot, and brings that up to what it has written itself.
    fn find_with(
        &mut self,
        collection: CollectionRef,
        path: &FieldPath,
        bounds: (Bound<&Value>, Bound<&Value>),
        reverse: bool,
        find: impl FnOnce(&Snapshot, CollectionId) -> Result<Vec<Key>>,
    ) -> Result<Vec<Key>> {
        self.expect_ranges();
        let range = ValueRange::new(bounds.0, bounds.1)?;
        let id = self.id(collection);
        let mut keys = find(self.snapshot(), id)?;
        let is_indexed = self.taken().view().catalog.get(id, path).is_some();
        let read = match is_indexed {
            true => {
                RangeRead::Values { collection: id, path: path.clone(), range: range.clone(), last: None }
            }
            false => RangeRead::all(id),
        };
        let until = self.first_expiry(id, &keys);
        self.note_range(collection, read, until);
        keys.retain(|key| !matches!(self.written(collection, key), Some(Write::Set(..) | Write::Delete)));
        let found = keys.len();
        let written = self.writes_of(collection);
        let own = written.filter(|(_, write)| match write {
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
        collection: CollectionRef,
        path: &FieldPath,
        range: &ValueRange,
        reverse: bool,
        keys: &mut Vec<Key>,
    ) -> Result<()> {
        let id = self.id(collection);
        let mut pairs = Vec::with_capacity(keys.len());
        for key in keys.drain(..) {
            let document = match self.written(collection, &key) {
                Some(Write::Set(document, _)) => Some(document.uncommitted()),
                _ => self.snapshot().get(id, &key)?,
            };
            let value = document.and_then(|document| told_at(document.as_str(), path, range, reverse));
            pairs.push((value, key));
        }
        pairs.sort_unstable();
        if reverse {
            pairs.reverse();
        }
        keys.extend(pairs.into_iter().map(|(_, key)| key));
        Ok(())
    }

    /// What it has written with a value in the range, by the values at which it is told: what comes first stands last.
    fn entries_of(
        &self,
        collection: CollectionRef,
        path: &FieldPath,
        range: &ValueRange,
        reverse: bool,
    ) -> Vec<IndexEntry> {
        let entry = |(key, write): (&Key, &Write)| {
            let Write::Set(document, _) = write else { return None };
            let value = told_at(document.as_str(), path, range, reverse)?;
            let matches = range.is_exact() || matches_range(document.as_str(), path, range);
            matches.then(|| IndexEntry { value, key: key.clone() })
        };
        let mut entries: Vec<_> = self.writes_of(collection).filter_map(entry).collect();
        entries.sort_unstable();
        if !reverse {
            entries.reverse();
        }
        entries
    }

    fn note_range(&mut self, collection: CollectionRef, range: RangeRead, until: Option<Timestamp>) {
        let id = self.id(collection);
        let name = match collection {
            CollectionRef::Named(number) => Some((self.names[number as usize].clone(), id)),
            CollectionRef::Id(_) => None,
        };
        let sequence = self.snapshot().sequence();
        let reader = self.range_reader.clone().expect("whoever reads a range says so before");
        let ranges = self.ranges.get_or_insert_with(|| RangeReads::new(sequence, reader));
        ranges.note(range, until);
        name.into_iter().for_each(|(name, id)| ranges.note_name(name, id));
    }

    /// When the first of these expires, as far as they are the snapshot's.
    fn first_expiry(&self, id: CollectionId, keys: &[Key]) -> Option<Timestamp> {
        let snapshot = self.taken();
        if snapshot.view().expiring.is_empty() {
            return None;
        }
        keys.iter().filter_map(|key| snapshot.version(id, key)?.1).min()
    }

    /// The snapshot, once something was read.
    fn taken(&self) -> &Snapshot {
        self.snapshot.as_ref().expect("whoever reads takes it first")
    }

    /// What it has written in a collection, in the order of the keys.
    fn writes_of(&self, collection: CollectionRef) -> impl Iterator<Item = (&Key, &Write)> {
        let behind = self.keys.range((collection, Key::from(""))..);
        let here = behind.take_while(move |((of, _), _)| *of == collection);
        here.filter_map(|((_, key), access)| Some((key, access.write.as_ref()?)))
    }

    fn writes_in<'t>(
        &'t self,
        collection: CollectionRef,
        bounds: &'t KeyBounds,
    ) -> impl Iterator<Item = (&'t Key, &'t Write)> {
        self.writes_of(collection).filter(|(key, _)| bounds.contain(key))
    }
}
