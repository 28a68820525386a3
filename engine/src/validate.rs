//! Owns telling whether what a transaction has read in ranges has changed since: the ranges, and the changes of late.
//! Never keeps a change while no open transaction reads ranges, and never calls a range unchanged unless it knows.
//!
//! A range that is told to have changed may in fact be the same: where exactness would cost memory, a change counts
//! that might have mattered. The transaction is then tried again.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::bounds::KeyBounds;
use crate::collections::Collections;
use crate::index::IndexEntry;
use crate::index::catalog::{Catalog, IndexChange, OldValues};
use crate::index::extract::Extracted;
use crate::index::path::FieldPath;
use crate::index::value::{IndexValue, ValueRange};
use crate::key::{CollectionId, Key, Sequence, Timestamp};
use crate::stage::StagedChange;
use crate::transaction::Changed;

/// So many changes are kept at most, and so many bytes of them.
const CHANGES_MAX: usize = 8_192;
const BYTES_MAX: usize = 4 << 20;
/// Changes are kept for so many commits after the last one that met a reader of ranges, which may well be back.
const LINGER: u64 = 1_024;
/// A transaction with more ranges than this has read their collections: comparing takes the writer's time.
const RANGES_MAX: usize = 64;

/// What a transaction has read besides single keys, as of one sequence.
#[derive(Clone, Debug)]
pub(crate) struct RangeReads {
    since: Sequence,
    /// When the first of the documents that were found expires.
    until: Option<Timestamp>,
    ranges: Vec<RangeRead>,
    /// The collections that were called by their names, and which they were.
    named: Vec<(Key, CollectionId)>,
    _reader: RangeReader,
}

/// One range that was read.
#[derive(Clone, Debug)]
pub(crate) enum RangeRead {
    /// Keys, and the documents there if they were read too.
    Keys { collection: CollectionId, bounds: KeyBounds, documents: bool },
    /// The keys of the documents with a value in a range at a path; in the order of the values no further than to an
    /// entry, if there is one.
    Values { collection: CollectionId, path: FieldPath, range: ValueRange, last: Option<LastRead> },
}

/// The last entry that was read in the order of values.
#[derive(Clone, Debug)]
pub(crate) struct LastRead {
    pub(crate) entry: IndexEntry,
    pub(crate) reverse: bool,
}

/// How many open transactions read ranges.
#[derive(Debug, Default)]
pub(crate) struct RangeReaders(Arc<AtomicU64>);

/// One of them: the writer keeps changes for it.
#[derive(Debug)]
pub(crate) struct RangeReader(Arc<AtomicU64>);

/// The changes of late, oldest first, as far back as they are known.
#[derive(Debug, Default)]
pub(crate) struct RecentChanges {
    /// Every change by a later commit is here.
    complete_after: Sequence,
    /// Up to this commit they are kept though nobody reads ranges.
    lingers_until: Sequence,
    changes: VecDeque<RecentChange>,
    bytes: usize,
}

#[derive(Debug)]
struct RecentChange {
    sequence: Sequence,
    collection: CollectionId,
    key: Key,
    alters_keys: bool,
    /// For the indexes of the catalog with this number.
    index_change: Option<(u64, IndexChange)>,
}

/// A change, as ranges are compared with it.
struct Touch<'c> {
    sequence: Sequence,
    collection: CollectionId,
    key: &'c Key,
    /// Whether which keys there are may be others for it.
    alters_keys: bool,
    /// What it means for the indexes that there are now, if that is known.
    index_change: Option<&'c IndexChange>,
}

impl RangeReaders {
    /// One more. It is to be there before its snapshot is taken: else the first try may fail for nothing.
    pub(crate) fn enter(&self) -> RangeReader {
        self.0.fetch_add(1, Ordering::Relaxed);
        RangeReader(Arc::clone(&self.0))
    }

    fn are_there(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

impl Clone for RangeReader {
    fn clone(&self) -> Self {
        self.0.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(&self.0))
    }
}

impl Drop for RangeReader {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl RangeReads {
    /// Nothing yet, as of a snapshot with this sequence.
    pub(crate) fn new(since: Sequence, reader: RangeReader) -> Self {
        Self { since, until: None, ranges: Vec::new(), named: Vec::new(), _reader: reader }
    }

    /// Notes that a range was read, and when the first document that was found there expires.
    pub(crate) fn note(&mut self, range: RangeRead, until: Option<Timestamp>) {
        self.until = match (self.until, until) {
            (Some(known), Some(until)) => Some(known.min(until)),
            (known, until) => known.or(until),
        };
        self.ranges.push(range);
        if self.ranges.len() > RANGES_MAX {
            self.widen();
        }
    }

    /// Notes that a collection was called by its name.
    pub(crate) fn note_name(&mut self, name: Key, id: CollectionId) {
        if !self.named.iter().any(|(known, _)| *known == name) {
            self.named.push((name, id));
        }
    }

    /// How it called a collection.
    pub(crate) fn name_of(&self, collection: CollectionId) -> Option<&Key> {
        self.named.iter().find(|(_, id)| *id == collection).map(|(name, _)| name)
    }

    /// Whether its names stand for other collections now: they were created or dropped.
    pub(crate) fn are_others_named(&self, collections: &Collections) -> bool {
        let now = |name: &Key| collections.find(name).unwrap_or(CollectionId::NONE);
        self.named.iter().any(|(name, id)| now(name) != *id)
    }

    /// What has changed of it, if that is known or cannot be ruled out: by the commits since, by the members of the
    /// group `before`, which goes on from commit `newest`, or by the time.
    pub(crate) fn changed(
        &self,
        recent: &RecentChanges,
        newest: Sequence,
        before: &[StagedChange<'_>],
        now: Timestamp,
        catalog: &Catalog,
    ) -> Option<Changed> {
        if self.until.is_some_and(|until| until <= now) {
            return Some(Changed::Expired);
        }
        if self.since < newest && self.since < recent.complete_after {
            return Some(Changed::Unknown);
        }
        let known = recent.since(self.since, catalog.number());
        let mut touches = known.chain(before.iter().map(Touch::of));
        let touching = touches.find(|touch| self.ranges.iter().any(|range| range.is_touched(touch, catalog)));
        touching.map(|Touch { collection, key, sequence, .. }| Changed::Key {
            collection,
            key: key.clone(),
            sequence,
        })
    }

    /// Lets the collections take the place of the ranges in them.
    fn widen(&mut self) {
        let mut collections: Vec<_> = self.ranges.iter().map(RangeRead::collection).collect();
        collections.sort_unstable();
        collections.dedup();
        self.ranges = collections.into_iter().map(RangeRead::all).collect();
    }
}

impl LastRead {
    /// Whether the entry of a document at a value was read, or would have been if it had been there.
    fn is_behind(&self, value: &IndexValue, key: &Key) -> bool {
        let order = value.cmp(&self.entry.value).then_with(|| key.cmp(&self.entry.key));
        if self.reverse { order.is_ge() } else { order.is_le() }
    }
}

impl RangeRead {
    /// All documents of a collection.
    pub(crate) fn all(collection: CollectionId) -> Self {
        Self::Keys { collection, bounds: KeyBounds::all(), documents: true }
    }

    fn collection(&self) -> CollectionId {
        match self {
            Self::Keys { collection, .. } | Self::Values { collection, .. } => *collection,
        }
    }

    fn is_touched(&self, touch: &Touch<'_>, catalog: &Catalog) -> bool {
        if self.collection() != touch.collection {
            return false;
        }
        match self {
            Self::Keys { bounds, documents, .. } => {
                (*documents || touch.alters_keys) && bounds.contain(touch.key)
            }
            Self::Values { collection, path, range, last } => {
                match (touch.index_change, catalog.position(*collection, path)) {
                    (Some(change), Some(index)) => {
                        are_values_touched(range, last.as_ref(), change, index, touch)
                    }
                    // Without an index, now or then, it is not known which values they were.
                    _ => true,
                }
            }
        }
    }
}

impl RecentChanges {
    /// Prepares for the changes of a group of commits, of which `last` is the last, before they are applied.
    pub(crate) fn begin(&mut self, readers: &RangeReaders, last: Sequence) {
        if readers.are_there() {
            self.lingers_until = Sequence(last.0 + LINGER);
        } else if !self.is_kept(last) {
            self.complete_after = last;
            if !self.changes.is_empty() {
                *self = Self { complete_after: last, ..Self::default() };
            }
        }
    }

    /// Takes note of a change that is being applied.
    pub(crate) fn note(&mut self, change: &StagedChange<'_>, catalog: u64) {
        if !self.is_kept(change.entry.sequence) {
            return;
        }
        let Touch { sequence, collection, key, alters_keys, index_change } = Touch::of(change);
        let index_change = index_change.map(|change| (catalog, change.clone()));
        let change = RecentChange { sequence, collection, key: key.clone(), alters_keys, index_change };
        self.bytes += change.bytes();
        self.changes.push_back(change);
        while (self.changes.len() > CHANGES_MAX || self.bytes > BYTES_MAX)
            && let Some(oldest) = self.changes.pop_front()
        {
            self.bytes -= oldest.bytes();
            self.complete_after = oldest.sequence;
        }
    }

    fn is_kept(&self, sequence: Sequence) -> bool {
        sequence <= self.lingers_until
    }

    /// The changes by later commits, to be compared under the catalog with this number.
    fn since(&self, since: Sequence, catalog: u64) -> impl Iterator<Item = Touch<'_>> {
        let first = self.changes.partition_point(|change| change.sequence <= since);
        self.changes.range(first..).map(move |change| Touch {
            sequence: change.sequence,
            collection: change.collection,
            key: &change.key,
            alters_keys: change.alters_keys,
            index_change: change
                .index_change
                .as_ref()
                .and_then(|(number, change)| (*number == catalog).then_some(change)),
        })
    }
}

impl RecentChange {
    fn bytes(&self) -> usize {
        let values = |extracted: &Extracted| -> usize {
            extracted.as_slice().iter().map(|value| size_of::<IndexValue>() + value.as_bytes().len()).sum()
        };
        let all = |all: &[Extracted]| all.iter().map(values).sum::<usize>();
        let indexed = self.index_change.as_ref().map_or(0, |(_, IndexChange { old, new })| match old {
            OldValues::Known(old) => all(old) + all(new),
            OldValues::Unreadable => all(new),
        });
        size_of::<Self>() + self.key.len() + indexed
    }
}

impl<'c> Touch<'c> {
    fn of(change: &'c StagedChange<'_>) -> Self {
        let &StagedChange { hashed, key, old, entry, .. } = change;
        // One that expires may have done so, and then the key comes and goes with it.
        let stays = old.is_some_and(|old| !old.expires()) && !entry.is_tombstone() && !entry.expires();
        Self {
            sequence: entry.sequence,
            collection: hashed.collection,
            key,
            alters_keys: !stays,
            index_change: change.index_change.as_deref(),
        }
    }
}

/// Whether a change may be one of which documents have a value in the range, as far as it was read, or of their order.
fn are_values_touched(
    range: &ValueRange,
    last: Option<&LastRead>,
    change: &IndexChange,
    index: usize,
    touch: &Touch<'_>,
) -> bool {
    let OldValues::Known(old) = &change.old else { return true };
    let (old, new) = (old[index].as_slice(), change.new[index].as_slice());
    // Two values that were cut may differ behind the cut.
    if !touch.alters_keys && old == new && new.iter().all(IndexValue::is_exact) {
        return false;
    }
    let was_read = |value| last.is_none_or(|last| last.is_behind(value, touch.key));
    old.iter().chain(new).any(|value| range.may_hold(value) && was_read(value))
}
