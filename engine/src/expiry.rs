//! Owns when documents expire: the time of each version that does, and the order in which keys will. Never purges one.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ahash::RandomState;

use crate::key::{CollectionId, Key, Timestamp};
use crate::keydir::{Entry, RecordId};

const SHARDS: usize = 64;

/// The time at which each version that expires does. A version's time never changes; it is dropped with the version.
#[derive(Debug)]
pub(crate) struct ExpiryTimes {
    shards: Box<[Mutex<Shard>]>,
}

type Shard = HashMap<RecordId, Timestamp, RandomState>;

impl ExpiryTimes {
    pub(crate) fn new() -> Self {
        let hasher = RandomState::new();
        Self { shards: (0..SHARDS).map(|_| Mutex::new(HashMap::with_hasher(hasher.clone()))).collect() }
    }

    pub(crate) fn insert(&self, record: RecordId, at: Timestamp) {
        self.shard(record).insert(record, at);
    }

    pub(crate) fn remove(&self, record: RecordId) {
        self.shard(record).remove(&record);
    }

    /// When the version that `entry` leads to expires; nothing if it never does, or if the version has been dropped.
    pub(crate) fn get(&self, entry: &Entry) -> Option<Timestamp> {
        if !entry.expires() {
            return None;
        }
        self.shard(entry.id()).get(&entry.id()).copied()
    }

    fn shard(&self, (sequence, ordinal): RecordId) -> MutexGuard<'_, Shard> {
        let shard = &self.shards[(sequence.0 as usize ^ ordinal as usize) % SHARDS];
        // A panic while the lock was held can only have come from an allocation; the map is whole either way.
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A key that will expire, in the order of the times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expiring {
    pub(crate) at: Timestamp,
    pub(crate) collection: CollectionId,
    pub(crate) key: Key,
}

impl Ord for Expiring {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.collection, &self.key).cmp(&(other.at, other.collection, &other.key))
    }
}

impl PartialOrd for Expiring {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
