//! Owns the reading half of an open database. Never changes anything, and never waits for the writer.

use std::sync::Arc;

use crate::document::Document;
use crate::error::Result;
use crate::key::{CollectionId, Sequence};
use crate::options::Limits;
use crate::snapshot::{Keys, Snapshot};
use crate::stats::Stats;
use crate::view::Shared;

/// The half of a database that reads, from any number of threads at once.
#[derive(Clone, Debug)]
pub struct Reader {
    shared: Arc<Shared>,
}

impl Reader {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The newest document of a key.
    ///
    /// # Errors
    /// [`crate::Error::Io`] when the file cannot be read, [`crate::Error::Damaged`] when what it holds there does
    /// not check.
    pub fn get(&self, collection: CollectionId, key: &str) -> Result<Option<Document>> {
        let hashed = self.shared.keydir.hash(collection, key);
        match self.shared.keydir.find(&hashed) {
            Some(entry) if !entry.is_tombstone() => self.shared.document(&hashed, &entry).map(Some),
            _ => Ok(None),
        }
    }

    /// Whether a key has a document.
    #[must_use]
    pub fn contains(&self, collection: CollectionId, key: &str) -> bool {
        let found = self.shared.keydir.find(&self.shared.keydir.hash(collection, key));
        found.is_some_and(|entry| !entry.is_tombstone())
    }

    /// The documents of several keys, as of one sequence, in the keys' order.
    ///
    /// # Errors
    /// [`crate::Error::Io`] and [`crate::Error::Damaged`].
    pub fn get_many<K: AsRef<str>>(
        &self,
        collection: CollectionId,
        keys: &[K],
    ) -> Result<Vec<Option<Document>>> {
        self.snapshot().get_many(collection, keys)
    }

    /// The keys of a collection as of now, in no order.
    #[must_use]
    pub fn keys(&self, collection: CollectionId) -> Keys {
        self.snapshot().keys(collection)
    }

    /// How many documents a collection has.
    #[must_use]
    pub fn count(&self, collection: CollectionId) -> u64 {
        self.shared.view.load().counts.get(collection)
    }

    /// The number of the newest commit.
    #[must_use]
    pub fn sequence(&self) -> Sequence {
        self.shared.view.load().sequence
    }

    /// The database as it is now, for as long as the snapshot is kept.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::new(&self.shared)
    }

    /// Sizes and counts.
    ///
    /// # Errors
    /// [`crate::Error::Io`] when the file's length cannot be read.
    pub fn stats(&self) -> Result<Stats> {
        Stats::of(&self.shared)
    }

    /// The sizes beyond which keys, documents and transactions are refused.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.shared.limits
    }
}
