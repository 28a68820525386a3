//! Owns walking the entries of an index between two places, some at a time, and what recent changes come to there. Never
//! holds more of the index than one pointer and the changes that its tree does not have yet.

use std::cmp::Ordering;
use std::ops::RangeInclusive;

use super::Index;
use super::entry::{EntryBytes, compare};
use super::ordered::{Item, OrderedSet};
use super::recent::RecentChange;

/// A walk over the entries of an index as it was when the walk began, in their order or in reverse.
#[derive(Debug)]
pub(crate) struct Walk {
    tree: OrderedSet,
    /// What has changed since, between the two places.
    changes: Net,
    /// The places between which entries are left, and the changes there.
    start: Vec<u8>,
    end: Vec<u8>,
    first: usize,
    last: usize,
    reverse: bool,
    is_done: bool,
}

impl Walk {
    /// Begins at an entry's bytes that are not before `start`, and ends before `end`; or the other way round. Only entries
    /// whose values have heads in `heads` lie there.
    pub(crate) fn new(
        index: &Index,
        start: Vec<u8>,
        end: Vec<u8>,
        heads: RangeInclusive<u64>,
        reverse: bool,
    ) -> Self {
        let changes = index.changes_between(&start, &end, heads);
        let (tree, last, is_done) = (index.base.clone(), changes.0.len(), start >= end);
        Self { tree, changes, start, end, first: 0, last, reverse, is_done }
    }

    /// Whether nothing is left.
    pub(crate) fn is_done(&self) -> bool {
        self.is_done
    }

    /// Leaves out so many of the entries that are left.
    pub(crate) fn skip(&mut self, count: usize) {
        if count == 0 || self.is_done {
            return;
        }
        let left = match self.reverse {
            false => Some(count),
            true => self.count().checked_sub(count).filter(|left| *left > 0),
        };
        match left.and_then(|rank| self.place_of(rank)) {
            None => self.is_done = true,
            Some((place, change)) if self.reverse => {
                self.last = self.first + change;
                self.end = place;
            }
            Some((place, change)) => {
                self.first += change;
                self.start = place;
            }
        }
    }

    fn count(&self) -> usize {
        let mut count = self.tree.range(&self.start, &self.end).len();
        for NetChange { bytes, is_there } in &self.changes.0[self.first..self.last] {
            // A change that is one of the tree's takes its place there.
            count += usize::from(*is_there);
            count -= usize::from(self.tree.contains(bytes.item().bytes));
        }
        count
    }

    /// The place of the entry of this rank among those that are left, and the number of the first change that is not before
    /// it. Nothing, if there is no such entry.
    fn place_of(&self, rank: usize) -> Option<(Vec<u8>, usize)> {
        let changes = &self.changes.0[self.first..self.last];
        // How many entries the changes so far have added and removed.
        let (mut added, mut removed) = (0, 0);
        let mut next = changes.len();
        for (number, NetChange { bytes, is_there }) in changes.iter().enumerate() {
            let bytes = bytes.item().bytes;
            let before = self.tree.range(&self.start, bytes).len() + added - removed;
            if before == rank && *is_there {
                return Some((bytes.to_vec(), number));
            }
            if before > rank {
                next = number;
                break;
            }
            added += usize::from(*is_there);
            removed += usize::from(self.tree.contains(bytes));
        }
        let item = self.tree.range(&self.start, &self.end).nth(rank + removed - added)?;
        Some((item.bytes.to_vec(), next))
    }

    /// Visits the next entries, about so many.
    pub(crate) fn step(&mut self, count: usize, visit: impl FnMut(Item<'_>)) {
        if self.is_done {
            return;
        }
        let found = self.tree.range(&self.start, &self.end);
        let count = count.max(1);
        let changes = &self.changes.0[self.first..self.last];
        if found.len() <= count {
            self.is_done = true;
            return match self.reverse {
                false => merge(changes, found, false, visit),
                true => merge(changes, found.rev(), true, visit),
            };
        }
        let slot = if self.reverse { found.len() - count } else { count - 1 };
        let reached = found.clone().nth(slot).expect("there are more items than the slot's number").bytes;
        let lies_before = |change: &NetChange| change.bytes.item().bytes < reached;
        let split = changes.partition_point(lies_before);
        if self.reverse {
            merge(&changes[split..], found.rev().take(count), true, visit);
            self.last = self.first + split;
            self.end.clear();
            self.end.extend_from_slice(reached);
        } else {
            let split = split + usize::from(changes.get(split).is_some_and(|next| next.is_of(reached)));
            merge(&changes[..split], found.take(count), false, visit);
            self.first += split;
            self.start.clear();
            self.start.extend_from_slice(reached);
            // The place right behind it.
            self.start.push(0);
        }
    }
}

impl Index {
    /// How many entries lie between two places.
    pub(crate) fn count_between(&self, start: &[u8], end: &[u8], heads: RangeInclusive<u64>) -> usize {
        if start >= end {
            return 0;
        }
        let mut count = self.base.range(start, end).len();
        for NetChange { bytes, is_there } in self.changes_between(start, end, heads).0 {
            let was_there = self.base.contains(bytes.item().bytes);
            count += usize::from(is_there && !was_there);
            count -= usize::from(!is_there && was_there);
        }
        count
    }

    fn changes_between(&self, start: &[u8], end: &[u8], heads: RangeInclusive<u64>) -> Net {
        let lies_between = |change: &&RecentChange| {
            compare(&change.entry, start).is_ge() && compare(&change.entry, end).is_lt()
        };
        let mut changes: Vec<_> = self.recent.of_heads(heads).filter(lies_between).collect();
        changes.reverse();
        Net::of(changes.into_iter())
    }
}

impl NetChange {
    fn is_of(&self, bytes: &[u8]) -> bool {
        self.bytes.item().bytes == bytes
    }
}

/// What recent changes come to: entries in their order, and whether they are there.
#[derive(Debug)]
pub(super) struct Net(pub(super) Vec<NetChange>);

#[derive(Debug)]
pub(super) struct NetChange {
    bytes: EntryBytes,
    is_there: bool,
}

impl Net {
    /// Of changes that come the last one first.
    pub(super) fn of<'r>(recent: impl Iterator<Item = &'r RecentChange>) -> Self {
        let net = recent.map(|RecentChange { entry, is_added }| {
            let mut bytes = EntryBytes::default();
            bytes.set(&entry.value, &entry.key);
            NetChange { bytes, is_there: *is_added }
        });
        let mut net: Vec<_> = net.collect();
        // The last change of an entry counts.
        net.sort_by(|left, right| left.bytes.item().bytes.cmp(right.bytes.item().bytes));
        net.dedup_by(|later, first| later.bytes.item().bytes == first.bytes.item().bytes);
        Self(net)
    }
}

/// Visits the items of a tree, in their order or in reverse, as they are with these changes of them.
pub(super) fn merge<'s>(
    mut changes: &[NetChange],
    tree: impl Iterator<Item = Item<'s>>,
    reverse: bool,
    mut visit: impl FnMut(Item<'_>),
) {
    let mut next = |before: Option<Item<'_>>| {
        let (change, rest) = if reverse { changes.split_last()? } else { changes.split_first()? };
        let item = change.bytes.item();
        let order = before.map_or(Ordering::Less, |before| item.bytes.cmp(before.bytes));
        let order = if reverse && before.is_some() { order.reverse() } else { order };
        if order.is_le() {
            changes = rest;
        }
        order.is_le().then_some((change, order.is_eq()))
    };
    for item in tree {
        let mut is_there = true;
        while let Some((change, is_same)) = next(Some(item)) {
            if is_same {
                is_there = change.is_there;
            } else if change.is_there {
                visit(change.bytes.item());
            }
        }
        if is_there {
            visit(item);
        }
    }
    while let Some((change, _)) = next(None) {
        if change.is_there {
            visit(change.bytes.item());
        }
    }
}
