//! Owns secondary indexes: which documents hold which values at a field path. Never reads a disk, never starts a
//! thread, and never tells a document that it was not given.
//!
//! An index is an ordered set of pairs of a value and a key. A clone of it is cheap and never changes: that is what is
//! published.

pub(crate) mod catalog;
mod cursor;
pub(crate) mod definition;
mod encode;
pub(crate) mod extract;
pub(crate) mod ordered;
pub(crate) mod path;
pub(crate) mod value;

#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;

use ahash::RandomState;

use self::definition::IndexDefinition;
use self::extract::Extracted;
use self::ordered::{OrderedSet, Range};
use self::value::{IndexValue, ValueRange};
use crate::key::Key;

/// Keys of up to so many bytes lie in their 24 bytes.
const KEY_INLINE_MAX: usize = 23;

/// One document at one of its values.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct IndexEntry {
    /// The value.
    pub(crate) value: IndexValue,
    /// The document.
    pub(crate) key: Key,
}

const _: () = assert!(size_of::<IndexEntry>() == 48, "an entry of an index has 48 bytes");

type Entries = OrderedSet<IndexEntry>;

/// The values of one field, and the documents that hold them.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    definition: Arc<IndexDefinition>,
    entries: Entries,
    /// What is known of all entries together.
    totals: Totals,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Totals {
    /// The documents that have an entry, and of those the ones that have more than one.
    documents: usize,
    multiple: usize,
    /// The memory that entries hold beside themselves.
    heap_bytes: usize,
}

impl Index {
    /// An index without entries.
    pub(crate) fn new(definition: Arc<IndexDefinition>) -> Self {
        Self { definition, entries: Entries::new(), totals: Totals::default() }
    }

    /// The index of entries in their order, each once, which belong to so many documents, and of those to so many more
    /// than once. Nothing, if they come in another order.
    pub(crate) fn from_sorted(
        definition: Arc<IndexDefinition>,
        entries: Vec<IndexEntry>,
        documents: usize,
        multiple: usize,
    ) -> Option<Self> {
        let is_sorted = entries.is_sorted_by(|left, right| left < right);
        let heap_bytes = entries.iter().map(IndexEntry::heap_bytes).sum();
        is_sorted.then(|| Self {
            definition,
            entries: Entries::from_sorted(entries),
            totals: Totals { documents, multiple, heap_bytes },
        })
    }

    /// What it is made of.
    pub(crate) fn definition(&self) -> &Arc<IndexDefinition> {
        &self.definition
    }

    /// All entries, by value and then by key.
    pub(crate) fn iter(&self) -> Range<'_, IndexEntry> {
        self.entries.iter()
    }

    /// How many documents have an entry: all but those that hold nothing at the path.
    pub(crate) fn documents(&self) -> usize {
        self.totals.documents
    }

    /// How many entries there are: one for each document and each of its distinct values.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether some document has more than one entry, so that a range may tell it more than once.
    pub(crate) fn is_multiple(&self) -> bool {
        self.totals.multiple > 0
    }

    /// The memory it takes, as an estimate: nodes are taken to be three quarters full.
    pub(crate) fn approximate_bytes(&self) -> usize {
        self.entries.len() * size_of::<IndexEntry>() / 3 * 4 + self.totals.heap_bytes
    }

    /// Whether it holds a document at all of these values.
    pub(crate) fn holds(&self, key: &Key, values: &Extracted) -> bool {
        let entry = |value: &IndexValue| IndexEntry { value: value.clone(), key: key.clone() };
        values.as_slice().iter().all(|value| self.entries.contains(&entry(value)))
    }

    /// Adds a document that the index does not hold.
    pub(crate) fn insert(&mut self, key: &Key, values: &Extracted) {
        self.replace(key, &Extracted::NONE, values);
    }

    /// Removes a document. `values` is what it was added with.
    #[cfg(test)]
    pub(crate) fn remove(&mut self, key: &Key, values: &Extracted) {
        self.replace(key, values, &Extracted::NONE);
    }

    /// Removes a document whose values are not known, by looking at every entry.
    pub(crate) fn forget(&mut self, key: &Key) {
        let values: Vec<_> =
            self.entries.iter().filter(|entry| entry.key == *key).map(|entry| entry.value.clone()).collect();
        self.totals.documents -= usize::from(!values.is_empty());
        self.totals.multiple -= usize::from(values.len() > 1);
        values.iter().for_each(|value| self.remove_entry(key, value));
    }

    /// Puts a document's new values in the place of its old ones. What both hold is left alone.
    pub(crate) fn replace(&mut self, key: &Key, old: &Extracted, new: &Extracted) {
        let (mut old, mut new) = (old.as_slice(), new.as_slice());
        self.totals.documents -= usize::from(!old.is_empty());
        self.totals.documents += usize::from(!new.is_empty());
        self.totals.multiple -= usize::from(old.len() > 1);
        self.totals.multiple += usize::from(new.len() > 1);
        loop {
            let order = match (old.first(), new.first()) {
                (Some(gone), Some(come)) => gone.cmp(come),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => return,
            };
            if order.is_lt() {
                self.remove_entry(key, &old[0]);
            } else if order.is_gt() {
                self.insert_entry(key, &new[0]);
            }
            old = &old[usize::from(order.is_le())..];
            new = &new[usize::from(order.is_ge())..];
        }
    }

    /// The documents that hold the value, each once, by their keys. If the value was cut, some may hold another.
    pub(crate) fn find<'i>(&'i self, value: &IndexValue) -> Find<'i> {
        let range = self.entries.range_by(|entry| entry.value < *value, |entry| entry.value <= *value);
        range.map(|entry| &entry.key)
    }

    /// The entries in the range, by value and then by key. If the range is not exact, some at its ends may lie
    /// outside. A document is told once for each of its values there.
    pub(crate) fn range(&self, range: &ValueRange) -> Range<'_, IndexEntry> {
        let before_start = |entry: &IndexEntry| range.is_before_start(&entry.value);
        self.entries.range_by(before_start, |entry| range.is_before_end(&entry.value))
    }

    /// The documents that hold a value in the range, each once: in the order of their smallest one there, or, from
    /// the back, of their largest.
    pub(crate) fn find_range(&self, range: &ValueRange) -> FindRange<'_> {
        FindRange { entries: self.range(range), seen: self.is_multiple().then(HashSet::default) }
    }

    fn insert_entry(&mut self, key: &Key, value: &IndexValue) {
        let entry = IndexEntry { value: value.clone(), key: key.clone() };
        let heap_bytes = entry.heap_bytes();
        if self.entries.insert(entry) {
            self.totals.heap_bytes += heap_bytes;
        }
    }

    fn remove_entry(&mut self, key: &Key, value: &IndexValue) {
        let entry = IndexEntry { value: value.clone(), key: key.clone() };
        if self.entries.remove(&entry) {
            self.totals.heap_bytes -= entry.heap_bytes();
        }
    }
}

/// The keys of one value.
pub(crate) type Find<'i> = std::iter::Map<Range<'i, IndexEntry>, fn(&'i IndexEntry) -> &'i Key>;

/// The keys of a range of values.
#[derive(Debug)]
pub(crate) struct FindRange<'i> {
    entries: Range<'i, IndexEntry>,
    /// What was told already; only where a document may come twice.
    seen: Option<HashSet<&'i str, RandomState>>,
}

impl<'i> FindRange<'i> {
    fn is_new(seen: &mut Option<HashSet<&'i str, RandomState>>, entry: &'i IndexEntry) -> bool {
        seen.as_mut().is_none_or(|seen| seen.insert(&entry.key))
    }
}

impl<'i> Iterator for FindRange<'i> {
    type Item = &'i Key;

    fn next(&mut self) -> Option<&'i Key> {
        let entry = self.entries.by_ref().find(|entry| Self::is_new(&mut self.seen, entry))?;
        Some(&entry.key)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let most = self.entries.len();
        (if self.seen.is_some() { 0 } else { most }, Some(most))
    }
}

impl DoubleEndedIterator for FindRange<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let entry = self.entries.by_ref().rfind(|entry| Self::is_new(&mut self.seen, entry))?;
        Some(&entry.key)
    }
}

/// Builds an index of documents that come in any order, each once.
#[derive(Debug)]
pub(crate) struct IndexBuilder {
    definition: Arc<IndexDefinition>,
    entries: Vec<IndexEntry>,
    totals: Totals,
}

impl IndexBuilder {
    /// A builder that was not given anything yet.
    pub(crate) fn new(definition: Arc<IndexDefinition>) -> Self {
        Self { definition, entries: Vec::new(), totals: Totals::default() }
    }

    /// What the index is made of.
    pub(crate) fn definition(&self) -> &Arc<IndexDefinition> {
        &self.definition
    }

    /// Adds a document.
    pub(crate) fn add(&mut self, key: &Key, values: &Extracted) {
        let values = values.as_slice();
        self.totals.documents += usize::from(!values.is_empty());
        self.totals.multiple += usize::from(values.len() > 1);
        for value in values {
            let entry = IndexEntry { value: value.clone(), key: key.clone() };
            self.totals.heap_bytes += entry.heap_bytes();
            self.entries.push(entry);
        }
    }

    /// The index of what was added.
    pub(crate) fn finish(mut self) -> Index {
        self.entries.sort_unstable();
        let entries = Entries::from_sorted(self.entries);
        Index { definition: self.definition, entries, totals: self.totals }
    }
}

impl IndexEntry {
    fn heap_bytes(&self) -> usize {
        let key = self.key.len();
        self.value.heap_bytes() + if key > KEY_INLINE_MAX { key + 2 * size_of::<usize>() } else { 0 }
    }
}
