//! Owns the cache of documents that were read, and of what has replaced them. Never holds what was neither verified nor
//! committed, and is never asked whether a key exists.

use std::hash::{BuildHasherDefault, Hasher};

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{OptionsBuilder, Weighter};

use crate::document::Document;
use crate::keydir::{Hashed, RecordId};

/// Of each key one version, the newest that was asked for or has replaced one that was. Whoever asks says which record holds
/// the version that is meant, so what is out of date, or of another key with this hash, is never taken for it.
#[derive(Debug)]
pub(crate) struct DocumentCache(Option<Cache<u64, Kept, ChargedBytes, BuildHasherDefault<Hash>>>);

/// A document with what is asked of it while the cache looks through what it may give up: its memory may be far by then.
#[derive(Clone, Debug)]
struct Kept {
    document: Document,
    ordinal: u32,
    charged: u32,
}

/// The hash of a key as it is: it was seeded and mixed for the keydir.
#[derive(Default)]
struct Hash(u64);

impl Hasher for Hash {
    fn write(&mut self, _: &[u8]) {
        unreachable!("keys of the cache are one number each");
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl DocumentCache {
    /// A cache that charges no more than `bytes`; none at all for 0.
    pub(crate) fn new(bytes: u64) -> Self {
        /// Only a first guess for the cache's tables.
        const DOCUMENT_BYTES_GUESS: u64 = 2048;
        /// Threads that read different documents seldom meet at one of so many locks.
        const SHARDS: u64 = 128;
        /// What a shard charges at least: it keeps no document that is larger.
        const SHARD_BYTES: u64 = 1 << 20;
        Self((bytes > 0).then(|| {
            // A power of two: another number would be rounded up.
            let shards = 1 << (bytes / SHARD_BYTES).clamp(1, SHARDS).ilog2();
            let items = usize::try_from(bytes / DOCUMENT_BYTES_GUESS).unwrap_or(usize::MAX).max(16);
            let options = OptionsBuilder::new()
                .shards(shards)
                .estimated_items_capacity(items)
                .weight_capacity(bytes)
                .build()
                .expect("both sizes are given");
            let lifecycle = DefaultLifecycle::default();
            Cache::with_options(options, ChargedBytes, BuildHasherDefault::default(), lifecycle)
        }))
    }

    #[inline]
    pub(crate) fn get(&self, key: &Hashed<'_>, record: RecordId) -> Option<Document> {
        let kept = self.0.as_ref()?.get(&key.hash())?;
        (kept.id() == record).then_some(kept.document)
    }

    /// Keeps a document that was read, unless a newer version is kept.
    pub(crate) fn insert(&self, key: &Hashed<'_>, record: RecordId, document: &Document) {
        if let Some(cache) = &self.0
            && cache.peek(&key.hash()).is_none_or(|kept| kept.id() < record)
        {
            cache.insert(key.hash(), Kept::new(document.clone(), record));
        }
    }

    /// Keeps what has replaced a document that is kept, in its place.
    pub(crate) fn renew(&self, key: &Hashed<'_>, record: RecordId, document: impl FnOnce() -> Document) {
        if let Some(cache) = &self.0
            && cache.contains_key(&key.hash())
        {
            // It may be gone between the two looks.
            let _ = cache.replace(key.hash(), Kept::new(document(), record), true);
        }
    }

    /// What the cache charges now, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.as_ref().map_or(0, Cache::weight)
    }
}

impl Kept {
    fn new(document: Document, (_, ordinal): RecordId) -> Self {
        let charged = charged_bytes(&document).try_into().unwrap_or(u32::MAX);
        Self { document, ordinal, charged }
    }

    fn id(&self) -> RecordId {
        (self.document.version(), self.ordinal)
    }
}

/// What a document is charged for: its text and, from the start, the parsed form that it may grow.
fn charged_bytes(document: &Document) -> u64 {
    /// The cache's entry, the document's header and the allocator's overhead.
    const FIXED_BYTES: u64 = 200;
    /// One node of a parsed document: a value, and its part of the table of an object or an array.
    const NODE_BYTES: u64 = 112;
    let text = document.as_bytes();
    let separators = text.iter().filter(|byte| matches!(byte, b',' | b':' | b'[' | b'{')).count();
    FIXED_BYTES + 2 * text.len() as u64 + NODE_BYTES * separators as u64
}

#[derive(Clone, Debug)]
struct ChargedBytes;

impl Weighter<u64, Kept> for ChargedBytes {
    fn weight(&self, _: &u64, kept: &Kept) -> u64 {
        kept.charged.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{CollectionId, Sequence};
    use crate::keydir::Keydir;

    /// Whether a document is kept whose text has so many bytes.
    fn keeps(cache: &DocumentCache, number: u32, text_bytes: usize) -> bool {
        let (keydir, id) = (Keydir::new(), (Sequence(1), number));
        let key = number.to_string();
        let key = keydir.hash(CollectionId::ROOT, &key);
        cache.insert(&key, id, &Document::new(&format!("\"{}\"", "a".repeat(text_bytes)), Sequence(1)));
        cache.get(&key, id).is_some()
    }

    #[test]
    fn documents_are_kept_up_to_the_size_that_is_stated_and_all_of_them_in_the_memory_that_is() {
        for bytes in [1 << 20, 3 << 20, 16 << 20] {
            let cache = DocumentCache::new(bytes);
            assert!(keeps(&cache, 0, 450 << 10), "{bytes}");
            let kept = (1..40).filter(|number| keeps(&cache, *number, 450 << 10)).count();
            assert!(kept > 0 && cache.bytes() <= bytes, "{kept} kept, {} of {bytes}", cache.bytes());
        }
        assert!(keeps(&DocumentCache::new(1 << 30), 0, 3 << 20), "larger ones, if the cache is large");
        assert!(!keeps(&DocumentCache::new(64 << 20), 0, 3 << 20));
        assert!(!keeps(&DocumentCache::new(0), 0, 1));
    }

    #[test]
    fn of_a_key_the_newest_version_is_kept_and_no_other_is_taken_for_it() {
        let (keydir, cache) = (Keydir::new(), DocumentCache::new(1 << 20));
        let (key, other) = (keydir.hash(CollectionId::ROOT, "a"), keydir.hash(CollectionId::ROOT, "b"));
        let [first, second, third] = [(Sequence(1), 0), (Sequence(1), 1), (Sequence(2), 0)];
        let document = |(sequence, ordinal): RecordId| Document::new(&ordinal.to_string(), sequence);
        let kept = |key| [first, second, third].map(|record| cache.get(key, record).is_some());

        cache.renew(&key, first, || unreachable!("nobody has read the one before"));
        assert_eq!(kept(&key), [false; 3]);
        cache.insert(&key, first, &document(first));
        assert_eq!((kept(&key), kept(&other)), ([true, false, false], [false; 3]));
        cache.renew(&key, third, || document(third));
        assert_eq!(kept(&key), [false, false, true]);
        cache.insert(&key, second, &document(second));
        assert_eq!(kept(&key), [false, false, true], "a snapshot has read what was there before");
        cache.insert(&other, second, &document(second));
        assert_eq!((kept(&key), kept(&other)), ([false, false, true], [false, true, false]));
        assert_eq!(cache.get(&other, second).map(|document| document.version()), Some(Sequence(1)));
    }
}
