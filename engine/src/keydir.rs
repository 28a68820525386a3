//! Owns the keydir: from each key to the place of its newest record. The one file that knows which map holds it. Never reads a document.

use std::hash::{BuildHasher, Hasher};

use ahash::RandomState;
use dashmap::{DashMap, SharedValue};
use hashbrown::raw::RawTable;
use smol_str::{SmolStr, SmolStrBuilder};

use crate::generation::Location;
use crate::key::{CollectionId, Key, Sequence};
use crate::log::{Expected, record_bytes};
use crate::stamps::{Keepers, Stamp, Stamps};

/// The map is cut into this many parts of two shards each. Many shards keep one insert that grows a shard, and one
/// iteration that copies a part, short for everybody else.
const PARTS: usize = 512;
const SHARDS_PER_PART: usize = 2;
/// Bits of the hash that choose the part: those below the ones by which `DashMap` chooses the shard within it.
const PART_SHIFT: u32 = 40;

/// Where a key's newest record is, and which commit wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Where the record is; nowhere for a tombstone.
    pub(crate) location: Location,
    pub(crate) sequence: Sequence,
    /// The ordinal, and in the highest bit whether the document expires.
    ordinal: u32,
    pub(crate) payload_bytes: u32,
}

/// The bit of an entry's ordinal that says that its document expires. Transactions stay far below so many operations.
const EXPIRES: u32 = 1 << 31;

const _: () = assert!(size_of::<Entry>() == 24, "an entry of the keydir has 24 bytes");

impl Entry {
    pub(crate) fn new(location: Location, sequence: Sequence, ordinal: u32, payload_bytes: u32) -> Self {
        Self { location, sequence, ordinal, payload_bytes }
    }

    /// This entry, of a document that expires.
    #[must_use]
    pub(crate) fn expiring(self) -> Self {
        Self { ordinal: self.ordinal | EXPIRES, ..self }
    }

    pub(crate) fn tombstone(sequence: Sequence, ordinal: u32) -> Self {
        Self::new(Location::NOWHERE, sequence, ordinal, 0)
    }

    pub(crate) fn is_tombstone(&self) -> bool {
        self.location == Location::NOWHERE
    }

    /// Where its record ends, as far as the payload reaches.
    pub(crate) fn end(&self) -> u64 {
        self.location.position() + record_bytes(self.payload_bytes)
    }

    pub(crate) fn ordinal(&self) -> u32 {
        self.ordinal & !EXPIRES
    }

    pub(crate) fn expires(&self) -> bool {
        self.ordinal & EXPIRES != 0
    }

    /// What is to be found where this entry of a key leads to.
    pub(crate) fn expected<'k>(&self, collection: CollectionId, key: &'k str) -> Expected<'k> {
        Expected {
            position: self.location.position(),
            payload_bytes: self.payload_bytes,
            sequence: self.sequence,
            ordinal: self.ordinal(),
            collection,
            key,
        }
    }

    /// The record that this entry leads to.
    pub(crate) fn id(&self) -> RecordId {
        (self.sequence, self.ordinal())
    }
}

/// The commit that wrote a record, and its number in it: what names a version of a document for ever.
pub(crate) type RecordId = (Sequence, u32);

/// A key with its hash, so that it is hashed once however often it is looked up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hashed<'a> {
    pub(crate) collection: CollectionId,
    pub(crate) key: &'a str,
    hash: u64,
}

impl Hashed<'_> {
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    /// The part of the keydir in which the key is.
    pub(crate) fn part(&self) -> usize {
        (self.hash >> PART_SHIFT) as usize % PARTS
    }
}

/// What the hashes of the keys begin with.
pub(crate) type HashSeeds = [u64; 4];

/// The map from keys to entries. Readers wait at most for the change of one entry.
#[derive(Debug)]
pub(crate) struct Keydir {
    parts: Box<[DashMap<StoredKey, Entry, RandomState>]>,
    hasher: RandomState,
    seeds: HashSeeds,
    pub(crate) keepers: Keepers,
}

/// What stands behind one lock.
type Shard = RawTable<(StoredKey, SharedValue<Entry>)>;

impl Keydir {
    pub(crate) fn new() -> Self {
        // Seeded at random: nobody who chooses keys can choose their hashes.
        Self::with_seeds(rand::random(), 0)
    }

    /// An empty map with room for so many keys, in which they lie in the same order as in another with these seeds.
    pub(crate) fn with_seeds(seeds: HashSeeds, keys: usize) -> Self {
        let [first, second, third, fourth] = seeds;
        let hasher = RandomState::with_seeds(first, second, third, fourth);
        let room = keys.div_ceil(PARTS);
        let part =
            || DashMap::with_capacity_and_hasher_and_shard_amount(room, hasher.clone(), SHARDS_PER_PART);
        let keepers = Keepers::default();
        Self { parts: (0..PARTS).map(|_| part()).collect(), hasher, seeds, keepers }
    }

    pub(crate) fn seeds(&self) -> HashSeeds {
        self.seeds
    }

    #[inline]
    pub(crate) fn hash<'a>(&self, collection: CollectionId, key: &'a str) -> Hashed<'a> {
        Hashed { collection, key, hash: hash(&self.hasher, collection, key) }
    }

    #[inline]
    pub(crate) fn find(&self, key: &Hashed<'_>) -> Option<Entry> {
        let (part, shard) = self.place(key);
        let guard = part.shards()[shard].read();
        guard.get(key.hash, |(stored, _)| stored.is(key)).map(|(_, entry)| *entry.get())
    }

    /// Gives the key, `owned`, this entry, and returns the one that it had.
    pub(crate) fn put(&self, key: &Hashed<'_>, owned: &Key, entry: Entry) -> Option<Entry> {
        let (part, shard) = self.place(key);
        let mut guard = part.shards()[shard].write();
        self.keepers.raise(key.hash);
        self.put_in(&mut guard, key, owned, entry)
    }

    /// The stamp of what is found for a key after this.
    pub(crate) fn stamp(&self, stamps: &Stamps, key: &Hashed<'_>, collections: u64) -> Option<Stamp> {
        stamps.before(key.hash, collections)
    }

    /// Gives the keys of one part these entries, and takes those of tombstones out, while nobody reads. Says of each what
    /// it had.
    ///
    /// It holds the guards of the part: without a lock between two keys, the processor waits for the memory of several at
    /// once.
    pub(crate) fn put_unread<'k>(
        &self,
        part: usize,
        changes: impl Iterator<Item = (Hashed<'k>, &'k Key, Entry)>,
        mut had: impl FnMut(Option<Entry>),
    ) {
        let part = &self.parts[part];
        let mut shards: [_; SHARDS_PER_PART] = std::array::from_fn(|shard| part.shards()[shard].write());
        for (key, owned, entry) in changes {
            let shard = &mut shards[part.determine_shard(key.hash as usize)];
            had(if entry.is_tombstone() {
                self.remove_from(shard, &key, |_| true)
            } else {
                self.put_in(shard, &key, owned, entry)
            });
        }
    }

    /// Takes the key out, whatever its entry.
    pub(crate) fn remove(&self, key: &Hashed<'_>) -> Option<Entry> {
        let (part, shard) = self.place(key);
        self.remove_from(&mut part.shards()[shard].write(), key, |_| true)
    }

    /// Takes the key out if its entry is a tombstone.
    pub(crate) fn remove_tombstone(&self, key: &Hashed<'_>) {
        let (part, shard) = self.place(key);
        self.remove_from(&mut part.shards()[shard].write(), key, Entry::is_tombstone);
    }

    /// How many parts [`Keydir::copy_part`] can copy.
    pub(crate) fn parts(&self) -> usize {
        self.parts.len()
    }

    /// Appends a copy of one part's keys of one collection, with their entries. Every key is in exactly one part.
    pub(crate) fn copy_part(&self, index: usize, collection: CollectionId, copy: &mut Vec<(Key, Entry)>) {
        // The iterator holds the guard of one shard at a time, and the loop does nothing but copy.
        for item in self.parts[index].iter() {
            if let Some(key) = item.key().in_collection(collection) {
                copy.push((key, *item.value()));
            }
        }
    }

    /// Appends a copy of one part's keys of all collections, with their entries.
    pub(crate) fn copy_part_of_all(&self, index: usize, copy: &mut Vec<(CollectionId, Key, Entry)>) {
        self.copy_part_of(index, |_| true, copy);
    }

    /// The same, of the collections that are wanted.
    pub(crate) fn copy_part_of(
        &self,
        index: usize,
        is_wanted: impl Fn(CollectionId) -> bool,
        copy: &mut Vec<(CollectionId, Key, Entry)>,
    ) {
        for item in self.parts[index].iter() {
            let collection = item.key().parts().0;
            if !is_wanted(collection) {
                continue;
            }
            let key = item.key().in_collection(collection).expect("it is in its own collection");
            copy.push((collection, key, *item.value()));
        }
    }

    /// Whether this holds of each entry of one part, tombstones excepted.
    pub(crate) fn is_so_in_part(&self, index: usize, is_so: impl Fn(CollectionId, Location) -> bool) -> bool {
        let mut entries = self.parts[index].iter().filter(|item| !item.is_tombstone());
        entries.all(|item| is_so(item.key().parts().0, item.location))
    }

    /// Gives each entry of one part, tombstones excepted, the location that `moved` says, if it says one.
    pub(crate) fn relocate_part(
        &self,
        index: usize,
        moved: impl Fn(CollectionId, Location) -> Option<Location>,
    ) {
        // The iterator holds the guard of one shard at a time.
        for mut item in self.parts[index].iter_mut() {
            // Nowhere looks as if it were in a generation whose number has no low bits.
            if !item.is_tombstone()
                && let Some(location) = moved(item.key().parts().0, item.location)
            {
                item.location = location;
            }
        }
    }

    /// Gives the key this entry if the one that it has is of the same record, and says whether it is.
    pub(crate) fn relocate(&self, key: &Hashed<'_>, entry: Entry) -> bool {
        let (part, shard) = self.place(key);
        let mut guard = part.shards()[shard].write();
        match guard.get_mut(key.hash, |(stored, _)| stored.is(key)) {
            Some((_, found)) if !found.get().is_tombstone() && found.get().id() == entry.id() => {
                *found.get_mut() = entry;
                true
            }
            _ => false,
        }
    }

    fn put_in(&self, shard: &mut Shard, key: &Hashed<'_>, owned: &Key, entry: Entry) -> Option<Entry> {
        if let Some((_, found)) = shard.get_mut(key.hash, |(stored, _)| stored.is(key)) {
            return Some(std::mem::replace(found.get_mut(), entry));
        }
        let stored = StoredKey::new(key.collection, owned);
        shard.insert(key.hash, (stored, SharedValue::new(entry)), |(stored, _)| self.rehash(stored));
        None
    }

    fn remove_from(
        &self,
        shard: &mut Shard,
        key: &Hashed<'_>,
        condition: impl Fn(&Entry) -> bool,
    ) -> Option<Entry> {
        let removed = shard
            .remove_entry(key.hash, |(stored, entry)| stored.is(key) && condition(entry.get()))
            .map(|(_, entry)| entry.into_inner());
        // A table keeps its size when keys leave it; a quarter full, it is worth the copy.
        if removed.is_some() && shard.capacity() > 64 && shard.len() * 4 < shard.capacity() {
            let len = shard.len();
            shard.shrink_to(len * 2, |(stored, _)| self.rehash(stored));
        }
        removed
    }

    fn rehash(&self, stored: &StoredKey) -> u64 {
        let (collection, key) = stored.parts();
        hash(&self.hasher, collection, key)
    }

    fn place(&self, key: &Hashed<'_>) -> (&DashMap<StoredKey, Entry, RandomState>, usize) {
        let part = &self.parts[key.part()];
        (part, part.determine_shard(key.hash as usize))
    }
}

#[inline]
fn hash(hasher: &RandomState, collection: CollectionId, key: &str) -> u64 {
    let mut state = hasher.build_hasher();
    state.write_u32(collection.0);
    state.write(key.as_bytes());
    state.finish()
}

/// A key with its collection in one small string: keys of the root collection stand as they are, the others behind
/// NUL, the collection's number in eight hexadecimal digits, and the key. A root key that begins with NUL stands
/// behind such a prefix too, so no two keys are stored alike.
#[derive(Debug, PartialEq, Eq, Hash)]
struct StoredKey(SmolStr);

const PREFIX_BYTES: usize = 9;

/// Whether a key is stored as it is.
fn is_plain(collection: CollectionId, key: &str) -> bool {
    collection == CollectionId::ROOT && !key.starts_with('\0')
}

impl StoredKey {
    fn new(collection: CollectionId, key: &Key) -> Self {
        if is_plain(collection, key) {
            return Self(key.small().clone());
        }
        let mut text = SmolStrBuilder::new();
        text.push_str(&format!("\0{:08x}", collection.0));
        text.push_str(key);
        Self(text.finish())
    }

    #[inline]
    fn is(&self, key: &Hashed<'_>) -> bool {
        if is_plain(key.collection, key.key) {
            self.0.as_str() == key.key
        } else {
            self.parts() == (key.collection, key.key)
        }
    }

    fn parts(&self) -> (CollectionId, &str) {
        let text = self.0.as_str();
        if !text.starts_with('\0') {
            return (CollectionId::ROOT, text);
        }
        let number = u32::from_str_radix(&text[1..PREFIX_BYTES], 16).expect("new() wrote eight digits");
        (CollectionId(number), &text[PREFIX_BYTES..])
    }

    fn in_collection(&self, wanted: CollectionId) -> Option<Key> {
        let (collection, key) = self.parts();
        let whole = key.len() == self.0.len();
        (collection == wanted).then(|| if whole { Key::from(self.0.clone()) } else { Key::from(key) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_look_like_prefixes_stay_apart() {
        let keydir = Keydir::new();
        let keys = ["", "\0", "\x0000000001", "\x0000000001a", "a", "0", "00000001a"];
        let collections = [CollectionId(0), CollectionId(1), CollectionId(0x1000_0000)];
        let mut sequence = Sequence::ZERO;
        for collection in collections {
            for key in keys {
                sequence = sequence.next();
                assert_eq!(
                    keydir.put(
                        &keydir.hash(collection, key),
                        &Key::from(key),
                        Entry::new(Location::new(1, 8), sequence, 0, 0)
                    ),
                    None
                );
            }
        }
        let mut sequence = Sequence::ZERO;
        for collection in collections {
            for key in keys {
                sequence = sequence.next();
                let found = keydir.find(&keydir.hash(collection, key)).map(|entry| entry.sequence);
                assert_eq!(found, Some(sequence), "{collection:?} {key:?}");
            }
            let mut copy = Vec::new();
            (0..keydir.parts()).for_each(|part| keydir.copy_part(part, collection, &mut copy));
            let mut found: Vec<_> = copy.iter().map(|(key, _)| key.as_str()).collect();
            found.sort_unstable();
            let mut wanted = keys.to_vec();
            wanted.sort_unstable();
            assert_eq!(found, wanted);
        }
    }

    #[test]
    fn hostile_keys_spread_over_the_parts() {
        let keydir = Keydir::new();
        for number in 0..100_000_u64 {
            let key = format!("{:064b}", number << 20);
            keydir.put(
                &keydir.hash(CollectionId::ROOT, &key),
                &Key::from(key.as_str()),
                Entry::new(Location::new(1, 8), Sequence(1), 0, 0),
            );
        }
        let fullest = keydir.parts.iter().map(DashMap::len).max().expect("there are parts");
        assert!(fullest < 2 * 100_000 / PARTS, "a part holds {fullest} of 100,000 keys");
    }

    #[test]
    fn a_tombstone_leaves_and_a_document_does_not() {
        let keydir = Keydir::new();
        let key = keydir.hash(CollectionId::ROOT, "k");
        keydir.put(&key, &Key::from("k"), Entry::tombstone(Sequence(2), 0));
        keydir.put(&key, &Key::from("k"), Entry::new(Location::new(1, 8), Sequence(3), 0, 5));
        keydir.remove_tombstone(&key);
        assert_eq!(keydir.find(&key), Some(Entry::new(Location::new(1, 8), Sequence(3), 0, 5)));
        keydir.put(&key, &Key::from("k"), Entry::tombstone(Sequence(4), 0));
        keydir.remove_tombstone(&key);
        assert_eq!(keydir.find(&key), None);
    }
}
