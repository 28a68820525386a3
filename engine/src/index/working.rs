//! Owns the writer's own trees of indexes, each ahead of the one that is published, and keeping an index up to a
//! change. Never lets a reader see one that will change.

use std::cmp::Ordering;
use std::sync::Arc;

use super::Index;
use super::catalog::Catalog;
use super::definition::IndexDefinition;
use super::entry::{EntryBytes, IndexEntry};
use super::extract::Extracted;
use super::ordered::{Dismantling, OrderedSet};
use super::recent::{Recent, RecentChange};
use super::value::IndexValue;
use crate::key::Key;

/// The entries of an index as they are now. Nobody else holds the nodes that changes have copied since the tree was last
/// published, so the next changes do not copy them.
#[derive(Debug)]
pub(crate) struct Working {
    definition: Arc<IndexDefinition>,
    /// Which state of the index it is: perhaps some changes ago.
    changes: u64,
    pub(super) tree: OrderedSet,
    bytes: EntryBytes,
    /// The tree that was published before, as far as it is not given back yet.
    replaced: Dismantling,
    given_back: u64,
}

/// For each change of an index so many nodes of a replaced tree are given back: more than a change copies, since most share
/// their branches with others, and few enough that the next commit does not wait for them. Without a change, so many.
const NODES_FOR_A_CHANGE: u64 = 2;
const NODES_WITHOUT_A_CHANGE: u64 = 64;

/// A tree is never farther behind its index: it catches up when the writer has nothing else to do, and then no commit
/// waits for it.
const BEHIND_MAX: u64 = 64;

/// The trees of several indexes.
#[derive(Debug, Default)]
pub(crate) struct Workings(Vec<Working>);

impl Workings {
    /// The tree of an index, which is made if it is not there.
    pub(crate) fn of(&mut self, index: &Index) -> &mut Working {
        let slot = self.0.iter().position(|working| working.is_of(index));
        let slot = slot.unwrap_or_else(|| {
            self.0.push(Working::of(index));
            self.0.len() - 1
        });
        &mut self.0[slot]
    }

    /// Brings all trees up to their indexes.
    pub(crate) fn keep_up(&mut self, catalog: &Catalog) {
        for working in &mut self.0 {
            if let Some(index) = catalog.trees().find(|index| working.is_of(index)) {
                index.keep_up(working);
            }
        }
    }

    /// Gives back some of what was published before, once it is not published any more.
    pub(crate) fn give_back(&mut self) {
        for working in &mut self.0 {
            if !working.replaced.is_empty() {
                working.replaced.step(match working.changes.saturating_sub(working.given_back) {
                    0 => NODES_WITHOUT_A_CHANGE,
                    changes => NODES_FOR_A_CHANGE * changes,
                });
            }
            working.given_back = working.changes;
        }
    }

    /// Drops the trees of indexes that are gone.
    pub(crate) fn fit(&mut self, catalog: &Catalog) {
        self.0.retain(|working| catalog.trees().any(|index| working.is_of(index)));
    }
}

impl Working {
    /// The tree of an index.
    pub(crate) fn of(index: &Index) -> Self {
        let mut working = Self {
            definition: Arc::clone(&index.definition),
            changes: index.changes,
            tree: index.base.clone(),
            bytes: EntryBytes::default(),
            replaced: Dismantling::default(),
            given_back: index.changes,
        };
        index.recent.iter().for_each(|change| working.apply(change));
        working
    }

    fn apply(&mut self, RecentChange { entry, is_added }: &RecentChange) {
        let item = self.bytes.set(&entry.value, &entry.key);
        let is_changed = if *is_added { self.tree.insert(item) } else { self.tree.remove(item.bytes) };
        debug_assert!(is_changed, "what is added was not there, what is removed was");
    }

    fn is_of(&self, index: &Index) -> bool {
        Arc::ptr_eq(&self.definition, &index.definition)
    }
}

impl Index {
    /// Adds a document that the index does not hold.
    pub(crate) fn insert(&mut self, working: &mut Working, key: &Key, values: &Extracted) {
        self.replace(working, key, &Extracted::NONE, values);
    }

    /// Removes a document whose values are not known, by looking at every entry.
    pub(crate) fn forget(&mut self, working: &mut Working, key: &Key) {
        self.keep_up(working);
        let entries = working.tree.iter().filter(|item| item.second() == key.as_bytes());
        let values: Vec<_> = entries.map(|item| IndexEntry::from_item(item).value).collect();
        self.totals.documents -= usize::from(!values.is_empty());
        self.totals.multiple -= usize::from(values.len() > 1);
        values.iter().for_each(|value| self.change(working, key, value, false));
    }

    /// Puts a document's new values in the place of its old ones. What both hold is left alone.
    pub(crate) fn replace(&mut self, working: &mut Working, key: &Key, old: &Extracted, new: &Extracted) {
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
                self.change(working, key, &old[0], false);
            } else if order.is_gt() {
                self.change(working, key, &new[0], true);
            }
            old = &old[usize::from(order.is_le())..];
            new = &new[usize::from(order.is_ge())..];
        }
    }

    /// Brings the tree up to this state of the index.
    pub(crate) fn keep_up(&self, working: &mut Working) {
        let missing = (self.changes - working.changes.min(self.changes)) as usize;
        let is_behind =
            working.is_of(self) && working.changes <= self.changes && missing <= self.recent.len();
        if !is_behind {
            *working = Working::of(self);
            return;
        }
        for number in self.recent.len() - missing..self.recent.len() {
            working.apply(self.recent.get(number));
        }
        working.changes = self.changes;
    }

    /// Adds or removes one entry.
    fn change(&mut self, working: &mut Working, key: &Key, value: &IndexValue, is_added: bool) {
        if is_added {
            self.totals.add(value, key)
        } else {
            self.totals.subtract(value, key)
        }
        if self.changes.abs_diff(working.changes) >= BEHIND_MAX || self.recent.is_full() {
            self.keep_up(working);
        }
        let change = RecentChange { entry: IndexEntry { value: value.clone(), key: key.clone() }, is_added };
        if let Err(change) = self.recent.push(change) {
            self.keep_up(working);
            if self.recent.len() > 0 {
                let before = std::mem::replace(&mut self.base, working.tree.clone());
                // What is left of the one before that goes now: there is never more than one.
                working.replaced = Dismantling::of(before);
            }
            self.recent = Recent::room_for(self.totals.entries);
            let pushed = self.recent.push(change);
            debug_assert!(pushed.is_ok(), "a new list has room");
        }
        self.changes += 1;
    }
}
