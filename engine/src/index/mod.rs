//! Owns secondary indexes: which documents hold which values at a field path. Never reads a disk, never starts a
//! thread, and never tells a document that it was not given.
//!
//! An index is an ordered set of pairs of a value and a key. A clone of it is cheap and never changes: that is what is
//! published. It is a tree as it was some changes ago, and these changes; the tree as it is now is the writer's own.

pub(crate) mod catalog;
pub(crate) mod cursor;
pub(crate) mod definition;
mod encode;
mod entry;
pub(crate) mod extract;
pub(crate) mod ordered;
pub(crate) mod path;
mod recent;
pub(crate) mod value;
mod walk;
pub(crate) mod working;

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::Arc;

use ahash::RandomState;

use self::definition::IndexDefinition;
use self::entry::{EntryBytes, ValueBounds};
use self::extract::Extracted;
use self::ordered::{Item, OrderedSet, SetBuilder};
use self::recent::{Recent, RecentChange};
use self::value::{IndexValue, ValueRange};
use self::walk::{Net, merge};
use crate::key::Key;

pub(crate) use self::entry::{IndexEntry, entry_bytes, key_of};
pub(crate) use self::walk::Walk;

/// What an entry takes in a tree beside its bytes.
const SLOT_BYTES: usize = 6;

/// The values of one field, and the documents that hold them.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    definition: Arc<IndexDefinition>,
    /// The entries as they were before the recent changes.
    base: OrderedSet,
    recent: Recent,
    /// How often it was changed since it was built.
    changes: u64,
    /// What is known of all entries together.
    totals: Totals,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Totals {
    entries: usize,
    /// The documents that have an entry, and of those the ones that have more than one.
    documents: usize,
    multiple: usize,
    /// The bytes of all entries.
    bytes: usize,
}

impl Totals {
    fn add(&mut self, value: &IndexValue, key: &Key) {
        self.entries += 1;
        self.bytes += IndexEntry::len_of(value, key) + SLOT_BYTES;
    }

    fn subtract(&mut self, value: &IndexValue, key: &Key) {
        self.entries -= 1;
        self.bytes -= IndexEntry::len_of(value, key) + SLOT_BYTES;
    }
}

impl Index {
    /// An index without entries.
    pub(crate) fn new(definition: Arc<IndexDefinition>) -> Self {
        let (recent, totals) = (Recent::default(), Totals::default());
        Self { definition, base: OrderedSet::new(), recent, changes: 0, totals }
    }

    /// The index of entries in their order, each once, which belong to so many documents, and of those to so many more
    /// than once. Nothing, if they come in another order.
    pub(crate) fn from_sorted(
        definition: Arc<IndexDefinition>,
        entries: &[IndexEntry],
        documents: usize,
        multiple: usize,
    ) -> Option<Self> {
        let (mut builder, mut bytes) = (SetBuilder::new(), EntryBytes::default());
        let mut totals = Totals { documents, multiple, ..Totals::default() };
        for IndexEntry { value, key } in entries {
            totals.add(value, key);
            if !builder.push(bytes.set(value, key)) {
                return None;
            }
        }
        Some(Self { definition, base: builder.finish(), recent: Recent::default(), changes: 0, totals })
    }

    /// The order of these keys, each given once.
    pub(crate) fn of_keys(mut keys: Vec<Key>) -> Self {
        keys.sort_unstable();
        let mut index = Self::new(Arc::new(IndexDefinition::of_keys()));
        let (mut builder, mut bytes) = (SetBuilder::new(), EntryBytes::default());
        for key in &keys {
            index.totals.add(&IndexValue::NULL, key);
            let pushed = builder.push(bytes.set(&IndexValue::NULL, key));
            debug_assert!(pushed, "the keys were just sorted, and each is given once");
        }
        index.totals.documents = keys.len();
        index.base = builder.finish();
        index
    }

    /// What it is made of.
    pub(crate) fn definition(&self) -> &Arc<IndexDefinition> {
        &self.definition
    }

    /// How many documents have an entry: all but those that hold nothing at the path.
    pub(crate) fn documents(&self) -> usize {
        self.totals.documents
    }

    /// How many entries there are: one for each document and each of its distinct values.
    pub(crate) fn len(&self) -> usize {
        self.totals.entries
    }

    /// Whether some document has more than one entry, so that a range may tell it more than once.
    pub(crate) fn is_multiple(&self) -> bool {
        self.totals.multiple > 0
    }

    /// The memory it takes, as an estimate: nodes are taken to be three quarters full.
    pub(crate) fn approximate_bytes(&self) -> usize {
        self.totals.bytes / 3 * 4
    }

    /// Whether it holds a document at all of these values.
    pub(crate) fn holds(&self, key: &Key, values: &Extracted) -> bool {
        let mut bytes = EntryBytes::default();
        values.as_slice().iter().all(|value| {
            // The last change of an entry counts.
            let changed = self.recent.of_value(value).find(|change| change.entry.key == *key);
            changed.map_or_else(|| self.base.contains(bytes.set(value, key).bytes), |change| change.is_added)
        })
    }

    /// Visits all entries, by value and then by key. The first error of `visit` ends it.
    pub(crate) fn each<E>(&self, mut visit: impl FnMut(IndexEntry) -> Result<(), E>) -> Result<(), E> {
        let mut result = Ok(());
        let mut recent: Vec<_> = self.recent.iter().collect();
        recent.reverse();
        self.visit(&[], &[u8::MAX], recent.into_iter(), false, |item| {
            if result.is_ok() {
                result = visit(IndexEntry::from_item(item));
            }
        });
        result
    }

    /// The documents that hold the value, each once, by their keys. If the value was cut, some may hold another.
    pub(crate) fn find(&self, value: &IndexValue) -> Vec<Key> {
        let bounds = ValueBounds::new(value);
        let found = self.base.range(bounds.start(), bounds.end());
        let changes = Net::of(self.recent.of_value(value));
        let mut keys = Vec::with_capacity(found.len() + changes.0.len());
        if changes.0.is_empty() {
            keys.extend(found.map(key_of));
        } else {
            merge(&changes.0, found, false, |item| keys.push(key_of(item)));
        }
        keys
    }

    /// The documents that hold a value in the range, each once: in the order of their smallest one there, or, if
    /// `reverse`, descending in that of their largest. If the range is not exact, some may lie outside, at its ends.
    pub(crate) fn find_range(&self, range: &ValueRange, reverse: bool) -> Vec<Key> {
        let (start, end) = range.bounds();
        let holds = |change: &&RecentChange| range.may_hold(&change.entry.value);
        let mut recent: Vec<_> = self.recent.of_heads(range.heads()).filter(holds).collect();
        recent.reverse();
        let mut keys = Vec::new();
        let mut seen: HashSet<Key, RandomState> = HashSet::default();
        self.visit(&start, &end, recent.into_iter(), reverse, |item| {
            let key = key_of(item);
            if !self.is_multiple() || seen.insert(key.clone()) {
                keys.push(key);
            }
        });
        keys
    }

    /// Visits the entries between two places. `recent` are the changes there, the last one first.
    fn visit<'i>(
        &'i self,
        start: &[u8],
        end: &[u8],
        recent: impl Iterator<Item = &'i RecentChange>,
        reverse: bool,
        visit: impl FnMut(Item<'_>),
    ) {
        let found = self.base.range(start, end);
        let changes = Net::of(recent);
        match (changes.0.is_empty(), reverse) {
            (true, false) => found.for_each(visit),
            (true, true) => found.rev().for_each(visit),
            (false, false) => merge(&changes.0, found, false, visit),
            (false, true) => merge(&changes.0, found.rev(), true, visit),
        }
    }
}

/// Builds an index of documents that come in any order, each once.
#[derive(Debug)]
pub(crate) struct IndexBuilder {
    definition: Arc<IndexDefinition>,
    entries: Vec<IndexEntry>,
    documents: usize,
    multiple: usize,
}

impl IndexBuilder {
    /// A builder that was not given anything yet.
    pub(crate) fn new(definition: Arc<IndexDefinition>) -> Self {
        Self { definition, entries: Vec::new(), documents: 0, multiple: 0 }
    }

    /// What the index is made of.
    pub(crate) fn definition(&self) -> &Arc<IndexDefinition> {
        &self.definition
    }

    /// Adds a document.
    pub(crate) fn add(&mut self, key: &Key, values: &Extracted) {
        let values = values.as_slice();
        self.documents += usize::from(!values.is_empty());
        self.multiple += usize::from(values.len() > 1);
        self.entries.extend(values.iter().map(|value| IndexEntry { value: value.clone(), key: key.clone() }));
    }

    /// The index of what was added.
    pub(crate) fn finish(mut self) -> Index {
        self.entries.sort_unstable();
        let index = Index::from_sorted(self.definition, &self.entries, self.documents, self.multiple);
        index.expect("the entries were just sorted, and a document and its values come once")
    }
}
