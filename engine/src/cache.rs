//! Owns the cache of documents that were read. Never holds what was not verified, and is never asked whether a key exists.

use ahash::RandomState;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{OptionsBuilder, Weighter};

use crate::document::Document;
use crate::keydir::RecordId;

/// Documents by the record that holds them, never by key: an entry can thus never be out of date.
#[derive(Debug)]
pub(crate) struct DocumentCache(Option<Cache<RecordId, Document, ChargedBytes, RandomState>>);

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
            Cache::with_options(options, ChargedBytes, RandomState::new(), DefaultLifecycle::default())
        }))
    }

    #[inline]
    pub(crate) fn get(&self, record: RecordId) -> Option<Document> {
        self.0.as_ref()?.get(&record)
    }

    pub(crate) fn insert(&self, record: RecordId, document: &Document) {
        if let Some(cache) = &self.0 {
            cache.insert(record, document.clone());
        }
    }

    /// What the cache charges now, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.as_ref().map_or(0, Cache::weight)
    }
}

/// Charges a document for its text and, from the start, for the parsed form that it may grow.
#[derive(Clone, Debug)]
struct ChargedBytes;

impl Weighter<RecordId, Document> for ChargedBytes {
    fn weight(&self, _: &RecordId, document: &Document) -> u64 {
        /// The cache's entry, the document's header and the allocator's overhead.
        const FIXED_BYTES: u64 = 200;
        /// One node of a parsed document: a value, and its part of the table of an object or an array.
        const NODE_BYTES: u64 = 112;
        let text = document.as_bytes();
        let separators = text.iter().filter(|byte| matches!(byte, b',' | b':' | b'[' | b'{')).count();
        FIXED_BYTES + 2 * text.len() as u64 + NODE_BYTES * separators as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Sequence;

    /// Whether a document is kept whose text has so many bytes.
    fn keeps(cache: &DocumentCache, number: u32, text_bytes: usize) -> bool {
        let id = (Sequence(1), number);
        cache.insert(id, &Document::new(&format!("\"{}\"", "a".repeat(text_bytes)), Sequence(1)));
        cache.get(id).is_some()
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
}
