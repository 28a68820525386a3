//! Owns what a repair tells. Never holds more of it than a stated number of each kind.

use std::ops::Range;

use crate::key::{Key, Sequence};

/// So many of each kind are kept; the others are counted.
const LISTED_MAX: usize = 100_000;

/// What a repair has saved, and what was lost.
///
/// Each key of the new file has its newest document, or none if it was deleted, unless the change that would tell so was
/// made by one of the [`commits`](Self::commits), or the key is one of the [`keys`](Self::keys): those may have an older
/// document, or none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RepairReport {
    /// The newest commit of which anything was left, as whose state the new file begins.
    pub sequence: Sequence,
    /// How many documents were saved.
    pub documents: u64,
    /// How many collections were saved besides the root. One whose name was lost is called `collection-` and its number.
    pub collections: u64,
    /// How many definitions of indexes were saved.
    pub indexes: u64,
    /// How many records were found that check.
    pub records: u64,
    /// How many bytes of the damaged log are no records.
    pub lost_bytes: u64,
    /// Where these are, in stretches.
    pub lost: Vec<Range<u64>>,
    /// How many stretches there are, listed or not.
    pub lost_total: u64,
    /// The commits of which something is missing, or may be.
    pub commits: Vec<LostCommits>,
    /// How many such stretches of commits there are, listed or not.
    pub commits_total: u64,
    /// The keys that are known to have lost a change, or have got one of a transaction that is not complete.
    pub keys: Vec<Key>,
    /// How many there are, listed or not.
    pub keys_total: u64,
}

/// Commits of which something is missing, or may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostCommits {
    /// The first.
    pub first: Sequence,
    /// The last; nothing, if the end of the log is bad, so that nobody knows.
    pub last: Option<Sequence>,
}

impl RepairReport {
    /// Whether nothing was lost.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.lost_total + self.commits_total + self.keys_total == 0
    }

    pub(super) fn lose_bytes(&mut self, stretch: Range<u64>) {
        self.lost_bytes += stretch.end - stretch.start;
        push(&mut self.lost, &mut self.lost_total, stretch);
    }

    pub(super) fn lose_commits(&mut self, first: Sequence, last: Option<Sequence>) {
        push(&mut self.commits, &mut self.commits_total, LostCommits { first, last });
    }

    pub(super) fn lose_key(&mut self, key: &str) {
        push(&mut self.keys, &mut self.keys_total, Key::from(key));
    }

    /// Puts what is listed in order, each once.
    pub(super) fn tidy(&mut self) {
        self.commits.sort_unstable_by_key(|lost| (lost.first, lost.last));
        self.keys.sort_unstable();
        tidy(&mut self.commits, &mut self.commits_total);
        tidy(&mut self.keys, &mut self.keys_total);
    }
}

fn push<T>(list: &mut Vec<T>, total: &mut u64, item: T) {
    *total += 1;
    if list.len() < LISTED_MAX {
        list.push(item);
    }
}

fn tidy<T: PartialEq>(list: &mut Vec<T>, total: &mut u64) {
    let before = list.len();
    list.dedup();
    *total -= (before - list.len()) as u64;
}
