//! Owns the changes of an index since its tree was last published: a list that only grows, beside readers. Never
//! changes what a reader was given, and never grows beyond its room.
//!
//! Publishing a tree makes the next change copy the way to its leaf. A commit publishes one more of these changes
//! instead, and readers take them into account, until there are so many that the tree is published again.

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use ahash::RandomState;

use super::IndexEntry;
use super::value::IndexValue;

/// How many changes there are at most, and which part of an index. The more there are, the fewer nodes are copied for
/// each; the longer a look at all of them takes.
const CHANGES_MAX: usize = 4096;
const CHANGES_MIN: usize = 64;
const CHANGES_PART: usize = 16;
/// How many changes share a chain.
const CHAINED: usize = 4;
const END: u32 = 0;

/// What has changed of an index. A clone shares the list, and sees no more of it than this.
#[derive(Clone, Debug, Default)]
pub(super) struct Recent {
    list: Option<Arc<List>>,
    len: usize,
}

/// An entry that was added or removed.
#[derive(Debug)]
pub(super) struct RecentChange {
    pub(super) entry: IndexEntry,
    pub(super) is_added: bool,
}

#[derive(Debug)]
struct List {
    hasher: RandomState,
    changes: Box<[OnceLock<RecentChange>]>,
    /// The first bytes of each change's value: what a range does not hold is passed over quickly.
    heads: Box<[AtomicU64]>,
    /// One more than the number of the last change whose value hashes to this chain, and that before each change.
    last: Box<[AtomicU32]>,
    before: Box<[AtomicU32]>,
}

impl Recent {
    /// No changes. There will be room for as many as fit an index of so many entries.
    pub(super) fn room_for(entries: usize) -> Self {
        let room = (entries / CHANGES_PART).clamp(CHANGES_MIN, CHANGES_MAX);
        Self { list: Some(Arc::new(List::new(room))), len: 0 }
    }

    /// How many changes there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no room for another change.
    pub(super) fn is_full(&self) -> bool {
        self.list.as_deref().is_none_or(|list| list.changes.len() == self.len)
    }

    /// One of them.
    pub(super) fn get(&self, number: usize) -> &RecentChange {
        let change = self.list.as_deref().and_then(|list| list.changes[number].get());
        change.expect(SET)
    }

    /// Adds a change. Gives it back if there is no room.
    pub(super) fn push(&mut self, change: RecentChange) -> Result<(), RecentChange> {
        let Some((list, slot)) =
            self.list.as_deref().and_then(|list| Some((list, list.changes.get(self.len)?)))
        else {
            return Err(change);
        };
        let (head, last) = (change.entry.value.head(), list.last_of(&change.entry.value));
        // Of two clones that grow, one finds its room taken.
        slot.set(change)?;
        list.heads[self.len].store(head, Ordering::Relaxed);
        list.before[self.len].store(last.load(Ordering::Relaxed), Ordering::Relaxed);
        self.len += 1;
        // ORDER: the chain leads to a change that is there.
        last.store(self.len as u32, Ordering::Release);
        Ok(())
    }

    /// The changes, in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &RecentChange> {
        let changes = self.list.iter().flat_map(|list| &list.changes);
        changes.take(self.len).map(|change| change.get().expect(SET))
    }

    /// The changes whose values have heads in a range, in their order.
    pub(super) fn of_heads(&self, heads: RangeInclusive<u64>) -> impl Iterator<Item = &RecentChange> {
        let list = self.list.iter().flat_map(|list| list.heads.iter().zip(&list.changes));
        let held = list.take(self.len).filter(move |(head, _)| heads.contains(&head.load(Ordering::Relaxed)));
        held.map(|(_, change)| change.get().expect(SET))
    }

    /// The changes of one value, the last one first.
    pub(super) fn of_value<'r>(&'r self, value: &'r IndexValue) -> impl Iterator<Item = &'r RecentChange> {
        let list = self.list.as_deref().filter(|_| self.len > 0);
        let mut next = list.map_or(END, |list| list.last_of(value).load(Ordering::Acquire));
        let chain = std::iter::from_fn(move || {
            let number = next.checked_sub(1)? as usize;
            next = list?.before[number].load(Ordering::Relaxed);
            Some(number)
        });
        // What was added later is not seen here.
        let seen = chain.filter(|number| *number < self.len);
        let changes = seen.filter_map(move |number| list?.changes[number].get());
        changes.filter(|change| change.entry.value == *value)
    }
}

const SET: &str = "what was published was set before";

impl List {
    fn new(room: usize) -> Self {
        Self {
            hasher: RandomState::new(),
            changes: (0..room).map(|_| OnceLock::new()).collect(),
            heads: (0..room).map(|_| AtomicU64::new(0)).collect(),
            last: (0..(room / CHAINED).next_power_of_two()).map(|_| AtomicU32::new(END)).collect(),
            before: (0..room).map(|_| AtomicU32::new(END)).collect(),
        }
    }

    fn last_of(&self, value: &IndexValue) -> &AtomicU32 {
        let hash = self.hasher.hash_one(value.as_bytes());
        &self.last[hash as usize & (self.last.len() - 1)]
    }
}
