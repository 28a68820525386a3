//! Owns the undo map: the versions that were replaced or removed, for as long as a pin may need them. Never reads a record.

use std::collections::HashMap;
use std::collections::hash_map::Entry as MapEntry;
use std::sync::{Mutex, MutexGuard};

use ahash::RandomState;

use crate::key::{CollectionId, Key, Sequence};
use crate::keydir::Entry;

const SHARDS: usize = 64;

/// Old versions by key. A reader that meets an entry newer than its pin finds here what stood there before.
#[derive(Debug)]
pub(crate) struct UndoMap {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
}

type Shard = HashMap<(CollectionId, Key), Versions, RandomState>;

/// The versions of one key. Without a long-lived pin there is one, which needs no allocation of its own.
#[derive(Debug)]
struct Versions {
    first: Version,
    later: Vec<Version>,
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
        Self { shards, hasher }
    }

    /// Keeps the entry that the commit `until` is about to replace.
    pub(crate) fn keep(&self, collection: CollectionId, key: &Key, entry: Entry, until: Sequence) {
        let version = Version { entry, until };
        match self.shard(collection, key).entry((collection, key.clone())) {
            MapEntry::Vacant(vacant) => drop(vacant.insert(Versions { first: version, later: Vec::new() })),
            MapEntry::Occupied(mut occupied) => occupied.get_mut().later.push(version),
        }
    }

    /// The entry that was current at `pinned`, of a key whose newest entry is newer. `None`: the key held nothing.
    pub(crate) fn at(&self, collection: CollectionId, key: &Key, pinned: Sequence) -> Option<Entry> {
        let shard = self.shard(collection, key);
        let Versions { first, later } = shard.get(&(collection, key.clone()))?;
        let current = |version: &&Version| version.entry.sequence <= pinned && pinned < version.until;
        std::iter::once(first)
            .chain(later)
            .find(current)
            .map(|version| version.entry)
            .filter(|entry| !entry.is_tombstone())
    }

    /// Drops the key's versions that no pin at or after `oldest` can need: all of them, without any pin.
    pub(crate) fn drop_before(&self, collection: CollectionId, key: &Key, oldest: Option<Sequence>) {
        let mut shard = self.shard(collection, key);
        let MapEntry::Occupied(mut occupied) = shard.entry((collection, key.clone())) else { return };
        let needed = |version: &Version| oldest.is_some_and(|oldest| oldest < version.until);
        let versions = occupied.get_mut();
        versions.later.retain(needed);
        if !needed(&versions.first) {
            if versions.later.is_empty() {
                occupied.remove();
            } else {
                versions.first = versions.later.remove(0);
            }
        }
    }

    /// How many versions it holds.
    pub(crate) fn len(&self) -> usize {
        self.shards
            .iter()
            .map(|shard| lock(shard).values().map(|versions| 1 + versions.later.len()).sum::<usize>())
            .sum()
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
