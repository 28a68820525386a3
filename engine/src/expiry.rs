//! Owns when documents expire: the time of each version that does, and the order in which keys will. Never purges one.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ahash::RandomState;

use crate::index::ordered::{Item, OrderedSet, SetBuilder};
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

/// A key that will expire.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Expiring {
    pub(crate) at: Timestamp,
    pub(crate) collection: CollectionId,
    pub(crate) key: Key,
}

/// The keys that will expire, in the order in which they will. A clone is cheap and never changes.
#[derive(Clone, Debug, Default)]
pub(crate) struct ExpiryOrder(OrderedSet);

impl ExpiryOrder {
    /// That of keys which come ascending, each once.
    pub(crate) fn from_sorted(expiring: &[Expiring]) -> Self {
        let mut builder = SetBuilder::new();
        for expiring in expiring {
            let is_added = builder.push(item(&expiring.bytes()));
            debug_assert!(is_added, "the keys come ascending, each once");
        }
        Self(builder.finish())
    }

    /// Whether they are one, and not only equal.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.0.is(&other.0)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Expiring> {
        self.0.iter().map(Expiring::of)
    }

    pub(crate) fn contains(&self, expiring: &Expiring) -> bool {
        self.0.contains(&expiring.bytes())
    }

    pub(crate) fn insert(&mut self, expiring: &Expiring) {
        self.0.insert(item(&expiring.bytes()));
    }

    pub(crate) fn remove(&mut self, expiring: &Expiring) {
        self.0.remove(&expiring.bytes());
    }
}

const TIME_BYTES: usize = 8;
const FIXED_BYTES: usize = TIME_BYTES + 4;

impl Expiring {
    /// Bytes whose order is that of the keys that expire.
    fn bytes(&self) -> Vec<u8> {
        let (at, collection) = (self.at.0.to_be_bytes(), self.collection.0.to_be_bytes());
        [&at[..], &collection, self.key.as_bytes()].concat()
    }

    fn of(item: Item<'_>) -> Self {
        const WRITTEN: &str = "the bytes are those of a key that expires";
        let (at, collection) = item.first().split_at(TIME_BYTES);
        Self {
            at: Timestamp(u64::from_be_bytes(at.try_into().expect(WRITTEN))),
            collection: CollectionId(u32::from_be_bytes(collection.try_into().expect(WRITTEN))),
            key: Key::from(std::str::from_utf8(item.second()).expect(WRITTEN)),
        }
    }
}

fn item(bytes: &[u8]) -> Item<'_> {
    Item { bytes, split: FIXED_BYTES }
}
