//! Owns the walk over all documents of a collection as of one snapshot. Never keeps more of them than one part of the
//! keydir leads to, and leaves the cache as it is.

use crate::document::Document;
use crate::error::{Error, Result};
use crate::key::{CollectionId, Key, Timestamp};
use crate::keydir::Entry;
use crate::log::read_document;
use crate::snapshot::Snapshot;

/// All documents of one collection as of one sequence, each once, in no order.
#[derive(Debug)]
pub struct Documents {
    snapshot: Snapshot,
    collection: CollectionId,
    next_part: usize,
    copy: Vec<(Key, Entry)>,
    /// What is left of that part, in the reverse order of the log.
    part: Vec<(Key, Entry)>,
}

/// A document, and what is known of it.
#[derive(Clone, Debug)]
pub struct StoredDocument {
    /// Its key.
    pub key: Key,
    /// What it says.
    pub document: Document,
    /// When it expires, if it does.
    pub expires_at: Option<Timestamp>,
}

impl Snapshot {
    /// The documents of a collection, in no order.
    #[must_use]
    pub fn documents(self, collection: CollectionId) -> Documents {
        Documents { snapshot: self, collection, next_part: 0, copy: Vec::new(), part: Vec::new() }
    }
}

impl Documents {
    /// Goes on with the documents of another collection, as of the same sequence; what is left of this one is left out.
    pub fn go_on_with(&mut self, collection: CollectionId) {
        (self.collection, self.next_part) = (collection, 0);
        self.part.clear();
    }

    fn read(&self, key: Key, entry: &Entry) -> Result<StoredDocument> {
        let shared = &self.snapshot.shared;
        let expected = entry.expected(self.collection, &key);
        let generation = self.snapshot.generations.of(entry.location).ok_or_else(|| Error::Damaged {
            path: shared.path.clone(),
            position: expected.position,
            reason: "it lies in a file that was closed",
        })?;
        let document = read_document(&*generation.file, &generation.keys, &expected, |text| {
            Document::new(text, entry.sequence)
        })
        .map_err(|fault| shared.read_error(fault, expected.position))?;
        let expires_at = shared.expiry_times.get(entry);
        Ok(StoredDocument { key, document, expires_at })
    }
}

impl Iterator for Documents {
    type Item = Result<StoredDocument>;

    fn next(&mut self) -> Option<Self::Item> {
        let keydir = &self.snapshot.shared.keydir;
        while self.part.is_empty() {
            if self.next_part == keydir.parts() {
                return None;
            }
            keydir.copy_part(self.next_part, self.collection, &mut self.copy);
            self.next_part += 1;
            let there = self.copy.drain(..).filter_map(|(key, newest)| {
                let entry = self.snapshot.resolve(self.collection, newest, || key.clone())?;
                Some((key, entry))
            });
            self.part.extend(there);
            self.part.sort_unstable_by_key(|(_, entry)| std::cmp::Reverse(entry.location));
        }
        let (key, entry) = self.part.pop()?;
        Some(self.read(key, &entry))
    }
}
