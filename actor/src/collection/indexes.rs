//! Owns the calls about indexes: creating, dropping, listing, and finding by them. Never builds one itself.

use std::ops::{Bound, RangeBounds};

use ferrumdb_engine::{self as engine, Snapshot};
use serde_json::Value;

use super::Collection;
use crate::command::{Command, Reply};
use crate::error::{Error, Result};
use crate::pending::Pending;
use crate::{Document, FieldPath, IndexInfo, Key, Sequence};

impl Collection {
    /// Creates an index on a field: `"role"`, `"address.city"`, or a [`FieldPath`] for names that hold dots. It is
    /// built over the documents that are there while reads and writes go on, kept up with every commit from then on,
    /// and comes back when the database is opened again. The answer is the commit from which on it is used.
    ///
    /// ```
    /// use ferrumdb::FerrumDB;
    /// use serde_json::json;
    ///
    /// let db = FerrumDB::open_in_memory().wait()?;
    /// db.set("user:1", json!({"name": "alice", "role": "admin"})).wait()?;
    /// db.create_index("role").wait()?;
    /// assert_eq!(db.find("role", &json!("admin"))?, ["user:1"]);
    /// # Ok::<(), ferrumdb::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`IndexExists`](crate::ErrorKind::IndexExists); [`Cancelled`](crate::ErrorKind::Cancelled) when the index is
    /// dropped or the database closed before it is built; [`Damaged`](crate::ErrorKind::Damaged) when a document
    /// cannot be read; otherwise as [`commit`](crate::FerrumDB::commit).
    pub fn create_index<F>(&self, field: F) -> Pending<Sequence>
    where
        F: TryInto<FieldPath>,
        Error: From<F::Error>,
    {
        match field.try_into() {
            Ok(path) => {
                let (reply, receiver) = Reply::channel();
                self.db.link.send(Command::CreateIndex(self.name_key().cloned(), path, reply), receiver)
            }
            Err(error) => self.db.link.failed(error.into()),
        }
    }

    /// Drops an index, or cancels it if it is still being built. The answer is the commit from which on it is gone.
    ///
    /// # Errors
    /// [`NoSuchIndex`](crate::ErrorKind::NoSuchIndex); otherwise as [`commit`](crate::FerrumDB::commit).
    pub fn drop_index<F>(&self, field: F) -> Pending<Sequence>
    where
        F: TryInto<FieldPath>,
        Error: From<F::Error>,
    {
        match field.try_into() {
            Ok(path) => {
                let (reply, receiver) = Reply::channel();
                self.db.link.send(Command::DropIndex(self.name_key().cloned(), path, reply), receiver)
            }
            Err(error) => self.db.link.failed(error.into()),
        }
    }

    /// The indexes of this collection.
    ///
    /// # Errors
    /// [`Closed`](crate::ErrorKind::Closed), [`Forked`](crate::ErrorKind::Forked).
    pub fn indexes(&self) -> Result<Vec<IndexInfo>> {
        let snapshot = self.look()?;
        let (id, mut indexes) = (self.id_in(&snapshot), snapshot.indexes());
        indexes.retain(|index| index.collection == id);
        Ok(indexes)
    }

    /// The keys of the documents whose field equals `value`, or, if the field is an array, of which an item does;
    /// `null` finds documents without the field, too. Numbers are compared exactly, `1` equals `1.0`, and the order of
    /// an object's keys does not matter. Exactly those that are there at this moment, in no order. An index on the
    /// field answers if there is one; otherwise every document is looked at.
    ///
    /// # Errors
    /// As [`get`](Self::get), and, where documents are looked at, [`Forked`](crate::ErrorKind::Forked).
    pub fn find<F>(&self, field: F, value: &Value) -> Result<Vec<Key>>
    where
        F: TryInto<FieldPath>,
        Error: From<F::Error>,
    {
        let path = field.try_into()?;
        self.db.link.check_readable().map_err(|error| self.counted(error))?;
        // As a get, it needs nothing that a fork could have copied in the middle of a change.
        match self.told(self.db.reader.find_indexed(self.id(), &path, value))? {
            Some(keys) => Ok(keys),
            None => {
                let snapshot = self.look()?;
                self.told(snapshot.find(self.id_in(&snapshot), &path, value))
            }
        }
    }

    /// As [`find`](Self::find), with the documents, all as of one moment.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub fn find_documents<F>(&self, field: F, value: &Value) -> Result<Vec<(Key, Document)>>
    where
        F: TryInto<FieldPath>,
        Error: From<F::Error>,
    {
        let path = field.try_into()?;
        let snapshot = self.look()?;
        self.told(snapshot.find_documents(self.id_in(&snapshot), &path, value))
    }

    /// The keys of the documents whose field lies in a range of values, each once. The bounds are of one kind, two
    /// numbers or two strings for instance, and values of other kinds lie outside. In ascending order of the values if
    /// there is an index on the field; otherwise in no order.
    ///
    /// ```
    /// use ferrumdb::FerrumDB;
    /// use serde_json::json;
    ///
    /// let db = FerrumDB::open_in_memory().wait()?;
    /// db.create_index("age").wait()?;
    /// for (key, age) in [("alice", 31), ("bob", 17), ("carol", 64)] {
    ///     db.set(key, json!({"age": age})).wait()?;
    /// }
    /// assert_eq!(db.find_range("age", json!(18)..)?, ["alice", "carol"]);
    /// assert_eq!(db.find_range("age", json!(17)..json!(64))?, ["bob", "alice"]);
    /// # Ok::<(), ferrumdb::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub fn find_range<F>(&self, field: F, range: impl RangeBounds<Value>) -> Result<Vec<Key>>
    where
        F: TryInto<FieldPath>,
        Error: From<F::Error>,
    {
        let path = field.try_into()?;
        let bounds: (Bound<&Value>, Bound<&Value>) = (range.start_bound(), range.end_bound());
        let snapshot = self.look()?;
        self.told(snapshot.find_range(self.id_in(&snapshot), &path, bounds, false))
    }

    /// A look at many documents as of now.
    fn look(&self) -> Result<Snapshot> {
        self.check_many()?;
        Ok(self.db.reader.snapshot())
    }

    pub(super) fn told<T>(&self, found: engine::Result<T>) -> Result<T> {
        found.map_err(|error| self.counted(error.into()))
    }
}
