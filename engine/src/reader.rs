//! Owns the reading half of an open database. Never changes anything, and never waits for the writer.

use std::sync::Arc;

use crate::document::Document;
use crate::error::Result;
use crate::key::{CollectionId, Sequence, Timestamp};
use crate::options::Limits;
use crate::snapshot::{Keys, Snapshot};
use crate::stamps::{Stamped, Stamps};
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
        self.shared.newest_document(&self.shared.keydir.hash(collection, key))
    }

    /// The newest document of a key, or that it has none, if either is known without reading the file.
    #[must_use]
    pub fn get_cached(&self, collection: CollectionId, key: &str) -> Option<Option<Document>> {
        self.shared.newest_cached(&self.shared.keydir.hash(collection, key))
    }

    /// Stamps for one who keeps documents elsewhere, until they are dropped. Each one makes every change a little slower.
    #[must_use]
    pub fn stamps(&self) -> Arc<Stamps> {
        self.shared.keydir.keepers.register(self.collections_number())
    }

    /// As [`Reader::get_cached`], with a stamp. The collection was found as of the number of the collections, or later.
    #[must_use]
    pub fn get_stamped(
        &self,
        stamps: &Stamps,
        collections: u64,
        collection: CollectionId,
        key: &str,
    ) -> Option<Stamped> {
        let key = self.shared.keydir.hash(collection, key);
        self.shared.newest_stamped(&key, stamps, collections)
    }

    /// Whether a key has a document.
    #[must_use]
    pub fn contains(&self, collection: CollectionId, key: &str) -> bool {
        self.shared.newest(&self.shared.keydir.hash(collection, key)).is_some()
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
        let view = self.shared.view.load();
        view.count(collection, || self.shared.now())
    }

    /// When the document of a key expires: `Some(None)` if it never does, `None` if there is no document.
    #[must_use]
    pub fn expiry(&self, collection: CollectionId, key: &str) -> Option<Option<Timestamp>> {
        let entry = self.shared.newest(&self.shared.keydir.hash(collection, key))?;
        Some(self.shared.expiry_times.get(&entry))
    }

    /// The time by which documents expire: of the clock, but never before a time seen earlier.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.shared.now()
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

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}
