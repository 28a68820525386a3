//! Owns which collections a snapshot has, and which of them it reads. Never knows what is in one.

use std::sync::Arc;

use ferrumdb_engine::CollectionId;

use super::Snapshot;
use crate::error::Result;
use crate::{CollectionInfo, Key};

impl Snapshot {
    /// The same snapshot, reading the collection that had this name then, though it be dropped since. One that was not
    /// there is empty.
    ///
    /// ```
    /// use ferrumdb::FerrumDB;
    ///
    /// let db = FerrumDB::open_in_memory().wait()?;
    /// db.collection("users")?.set("alice", 1).wait()?;
    /// let before = db.snapshot()?;
    /// db.drop_collection("users").wait()?;
    /// assert_eq!(before.collection("users").get_as("alice")?, Some(1));
    /// assert_eq!(before.collections()?[0].name, "users");
    /// # Ok::<(), ferrumdb::Error>(())
    /// ```
    #[must_use]
    pub fn collection(&self, name: impl Into<Key>) -> Self {
        let name = name.into();
        let collection = self.held.snapshot.collection(&name);
        Self { held: Arc::clone(&self.held), collection, name: Some(name) }
    }

    /// The same snapshot, reading the root.
    #[must_use]
    pub fn root(&self) -> Self {
        Self { held: Arc::clone(&self.held), collection: CollectionId::ROOT, name: None }
    }

    /// The name of the collection that it reads; nothing for the root.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_ref().map(Key::as_str)
    }

    /// The collections there were besides the root, by their names.
    ///
    /// # Errors
    /// As [`contains`](Self::contains).
    pub fn collections(&self) -> Result<Vec<CollectionInfo>> {
        Ok(self.look()?.collections())
    }
}
