//! Owns the cache of documents that were read. Never holds what was not verified, and is never asked whether a key exists.

use ahash::RandomState;
use quick_cache::Weighter;
use quick_cache::sync::{Cache, DefaultLifecycle};

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
        Self((bytes > 0).then(|| {
            let items = usize::try_from(bytes / DOCUMENT_BYTES_GUESS).unwrap_or(usize::MAX).max(16);
            Cache::with(items, bytes, ChargedBytes, RandomState::new(), DefaultLifecycle::default())
        }))
    }

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
