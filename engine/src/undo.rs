//! Owns the undo map: the versions that were replaced or removed, for as long as a pin may need them. Never reads a record.

use std::collections::hash_map::Entry as MapEntry;
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use ahash::RandomState;

use crate::key::{CollectionId, Key, Sequence};
use crate::keydir::Entry;
use crate::superseded::Remembered;

const SHARDS: usize = 64;
/// A shard with room for no more than this keeps it.
const SHARD_MIN: usize = 512;

/// Old versions by key. A reader that meets an entry newer than its pin finds here what stood there before.
#[derive(Debug)]
pub(crate) struct UndoMap {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    /// How much of it is there for pins, for those who ask.
    versions: AtomicU64,
    bytes: AtomicU64,
}

type Shard = HashMap<(CollectionId, Key), Versions, RandomState>;

/// The versions of one key. Without a long-lived pin there is one, which needs no allocation of its own.
#[derive(Debug)]
struct Versions {
    first: Version,
    later: Option<Box<Later>>,
}

#[derive(Debug, Default)]
struct Later {
    /// The versions behind the first, by the sequences at which they ended.
    versions: BTreeMap<Sequence, Entry>,
    /// Whether a tombstone of the key waits for the last version to go.
    has_tombstone: bool,
}

/// An entry that was current for the sequences from its own up to `until`, which replaced it.
#[derive(Clone, Copy, Debug)]
struct Version {
    entry: Entry,
    until: Sequence,
}

impl UndoMap {
    pub(crate) fn new() -> Self {
        let hasher = RandomState::new();
        let shards = (0..SHARDS).map(|_| Mutex::new(HashMap::with_hasher(hasher.clone()))).collect();
        Self { shards, hasher, versions: AtomicU64::new(0), bytes: AtomicU64::new(0) }
    }

    /// Keeps the entry that the commit `until` is about to replace.
    pub(crate) fn keep(&self, collection: CollectionId, key: &Key, entry: Entry, until: Sequence) {
        match self.shard(collection, key).entry((collection, key.clone())) {
            MapEntry::Vacant(vacant) => {
                let first = Version { entry, until };
                vacant.insert(Versions { first, later: None });
            }
            MapEntry::Occupied(mut occupied) => {
                occupied.get_mut().later.get_or_insert_default().versions.insert(until, entry);
            }
        }
    }

    /// The entry that was current at `pinned`, of a key whose newest entry is newer. `None`: the key held nothing.
    pub(crate) fn at(&self, collection: CollectionId, key: &Key, pinned: Sequence) -> Option<Entry> {
        let shard = self.shard(collection, key);
        let Versions { first, later } = shard.get(&(collection, key.clone()))?;
        let entry = if pinned < first.until {
            first.entry
        } else {
            let behind = (Bound::Excluded(pinned), Bound::Unbounded);
            *later.as_ref()?.versions.range(behind).next()?.1
        };
        (entry.sequence <= pinned).then_some(entry)
    }

    /// Drops the version of a key that ended at `until`, if there is one to drop, and says whether a tombstone of the
    /// key can go: the one that replaced what is dropped, or one that has waited for it.
    pub(crate) fn drop_version(
        &self,
        collection: CollectionId,
        key: &Key,
        until: Option<Sequence>,
        is_removed: bool,
    ) -> bool {
        let mut shard = self.shard(collection, key);
        let MapEntry::Occupied(mut occupied) = shard.entry((collection, key.clone())) else {
            return is_removed;
        };
        let Versions { first, later } = occupied.get_mut();
        if until != Some(first.until) {
            let later = later.get_or_insert_default();
            later.has_tombstone |= is_removed;
            until.map(|until| later.versions.remove(&until));
            return false;
        }
        let mut has_tombstone = is_removed;
        if let Some(later) = later {
            later.has_tombstone |= is_removed;
            if let Some((until, entry)) = later.versions.pop_first() {
                *first = Version { entry, until };
                return false;
            }
            has_tombstone = later.has_tombstone;
        }
        occupied.remove();
        // A table keeps its size when versions leave it; an eighth full, it is worth the copy.
        if shard.capacity() > SHARD_MIN && shard.len() * 8 < shard.capacity() {
            let room = shard.len() * 2;
            shard.shrink_to(room);
        }
        has_tombstone
    }

    /// Notes what is remembered for pins.
    pub(crate) fn note_remembered(&self, remembered: Remembered) {
        if self.versions.load(Ordering::Relaxed) != remembered.versions {
            self.versions.store(remembered.versions, Ordering::Relaxed);
        }
        if self.bytes.load(Ordering::Relaxed) != remembered.bytes {
            self.bytes.store(remembered.bytes, Ordering::Relaxed);
        }
    }

    /// What is remembered for pins, as of the last commit.
    pub(crate) fn remembered(&self) -> Remembered {
        Remembered {
            versions: self.versions.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }

    fn shard(&self, collection: CollectionId, key: &Key) -> MutexGuard<'_, Shard> {
        let hash = self.hasher.hash_one((collection, key.as_str()));
        lock(&self.shards[(hash >> 32) as usize % SHARDS])
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    // A panic while the lock was held can only have come from an allocation; the map is whole either way.
    shard.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
