//! Owns what is known of a document without its text. Never reads a file.

use crate::key::{CollectionId, Sequence, Timestamp};
use crate::log::text_bytes;
use crate::snapshot::Snapshot;

/// What is known of a document in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DocumentInfo {
    /// The number of the commit that wrote it.
    pub version: Sequence,
    /// When it expires, if it does.
    pub expires_at: Option<Timestamp>,
    /// The length of its JSON text, in bytes.
    pub bytes: u64,
}

impl Snapshot {
    /// What is known of the document of a key, if there is one.
    #[must_use]
    pub fn info(&self, collection: CollectionId, key: &str) -> Option<DocumentInfo> {
        let entry = self.entry(&self.shared().keydir.hash(collection, key))?;
        Some(DocumentInfo {
            version: entry.sequence,
            expires_at: self.shared().expiry_times.get(&entry),
            // All generations of a database are sealed, or none is.
            bytes: text_bytes(entry.payload_bytes, key, &self.generations.keys),
        })
    }
}
