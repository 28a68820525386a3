//! Owns the writes that depend on what a key has, or answer with it. Never reads a document on the writer's thread.

use std::sync::Arc;

use ferrumdb_engine::{Condition, EncodedDocument};
use serde::Serialize;

use super::Collection;
use crate::command::WriteReply;
use crate::error::Error;
use crate::pending::Pending;
use crate::transaction::Change;
use crate::{Document, Key, Sequence};

impl Collection {
    /// Stores a value under `key` if there is no document.
    ///
    /// ```
    /// use ferrumdb::{ErrorKind, FerrumDB};
    ///
    /// let db = FerrumDB::open_in_memory().wait()?;
    /// let first = db.insert("leader", "alice").wait()?;
    /// let error = db.insert("leader", "bob").wait().unwrap_err();
    /// assert_eq!((error.kind(), error.found()), (ErrorKind::Conflict, Some(first)));
    /// # Ok::<(), ferrumdb::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict) if there is one; otherwise as [`set`](Self::set).
    pub fn insert(&self, key: impl Into<Key>, value: impl Serialize) -> Pending<Sequence> {
        self.set_if(key.into(), Condition::Absent, &value)
    }

    /// Stores a value under `key` if there is a document. The new one does not expire.
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict) if there is none; otherwise as [`set`](Self::set).
    pub fn replace(&self, key: impl Into<Key>, value: impl Serialize) -> Pending<Sequence> {
        self.set_if(key.into(), Condition::Exists, &value)
    }

    /// Stores a value under `key` if the document there is still of this version. The new one does not expire.
    ///
    /// ```
    /// use ferrumdb::{ErrorKind, FerrumDB};
    ///
    /// let db = FerrumDB::open_in_memory().wait()?;
    /// db.set("visits", 0).wait()?;
    /// let visits = loop {
    ///     let document = db.get("visits")?.unwrap();
    ///     let next = document.to::<u64>()? + 1;
    ///     match db.set_if_version("visits", next, document.version()).wait() {
    ///         Err(error) if error.kind() == ErrorKind::Conflict => {} // somebody was faster
    ///         outcome => break outcome.map(|_| next)?,
    ///     }
    /// };
    /// assert_eq!(visits, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict) if it is not, or if there is none; otherwise as [`set`](Self::set).
    pub fn set_if_version(
        &self,
        key: impl Into<Key>,
        value: impl Serialize,
        version: Sequence,
    ) -> Pending<Sequence> {
        self.set_if(key.into(), Condition::Version(version), &value)
    }

    /// Removes the document under `key` if it is still of this version.
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict) if it is not, or if there is none; otherwise as
    /// [`commit`](crate::FerrumDB::commit).
    pub fn delete_if_version(&self, key: impl Into<Key>, version: Sequence) -> Pending<Sequence> {
        self.change(key.into(), Some(Condition::Version(version)), Ok(Change::Delete), WriteReply::Sequence)
    }

    /// Stores a value under `key`. The answer is the document that it replaced, if there was one: nobody else gets the
    /// same.
    ///
    /// The old document is read by whoever waits for the answer, not before.
    ///
    /// ```
    /// use ferrumdb::FerrumDB;
    ///
    /// let db = FerrumDB::open_in_memory().wait()?;
    /// assert!(db.get_and_set("token", "red").wait()?.is_none());
    /// assert_eq!(db.get_and_set("token", "blue").wait()?.unwrap(), serde_json::json!("red"));
    /// # Ok::<(), ferrumdb::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`set`](Self::set); [`Damaged`](crate::ErrorKind::Damaged) or [`Io`](crate::ErrorKind::Io) when the old
    /// document cannot be read: the new one is stored then.
    pub fn get_and_set(&self, key: impl Into<Key>, value: impl Serialize) -> Pending<Option<Document>> {
        let document = EncodedDocument::from_serialize(&value, &self.db.limits);
        self.replacing(key.into(), document.map(|document| Change::Set(document, None)))
    }

    /// Removes the document under `key`. The answer is that document, if there was one: nobody else gets the same.
    ///
    /// # Errors
    /// As [`commit`](crate::FerrumDB::commit); [`Damaged`](crate::ErrorKind::Damaged) or [`Io`](crate::ErrorKind::Io) when the
    /// document cannot be read: it is removed then.
    pub fn get_and_delete(&self, key: impl Into<Key>) -> Pending<Option<Document>> {
        self.replacing(key.into(), Ok(Change::Delete))
    }

    fn set_if(&self, key: Key, condition: Condition, value: &impl Serialize) -> Pending<Sequence> {
        let document = EncodedDocument::from_serialize(value, &self.db.limits);
        self.set_document(key, Some(condition), document, None)
    }

    fn replacing(&self, key: Key, change: ferrumdb_engine::Result<Change>) -> Pending<Option<Document>> {
        // ORDER: the snapshot first. It keeps the file of whatever the commit will replace.
        let snapshot = self.db.reader.snapshot();
        let pending = self.change(key.clone(), None, change, WriteReply::Replaced);
        let (link, name) = (Arc::clone(&self.db.link), self.name_key().cloned());
        pending.then(move |replaced| {
            let read = |replaced| snapshot.replaced(&key, &replaced);
            replaced
                .map(read)
                .transpose()
                .map_err(|error| link.counted(Error::from(error).about(&key).in_collection(name.as_ref())))
        })
    }
}
