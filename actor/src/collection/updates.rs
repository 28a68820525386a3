//! Owns the writes that make a key's new document of its old one. Never runs a user's code on the writer's thread.

use serde::Serialize;

use super::Collection;
use crate::error::{Error, Result};
use crate::open_transaction::OpenTransaction;
use crate::transact::Transact;
use crate::{Document, FieldPath, Key};

impl Collection {
    /// Replaces the document under `key` by what `update` makes of it: nothing deletes it. If somebody else has changed
    /// the document meanwhile, `update` is run again: see [`transact`](crate::FerrumDB::transact). When the document was to expire,
    /// it still does. The answer is what `update` has made.
    ///
    /// ```
    /// use ferrumdb::FerrumDB;
    ///
    /// let db = FerrumDB::open_in_memory().wait()?;
    /// db.set("names", vec!["alice"]).wait()?;
    /// let names = db
    ///     .update_with("names", |document| {
    ///         let mut names: Vec<String> = document?.to().ok()?;
    ///         names.push("bob".to_owned());
    ///         Some(names)
    ///     })
    ///     .wait()?;
    /// assert_eq!(db.get_as("names")?, names);
    /// # Ok::<(), ferrumdb::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`transact`](crate::FerrumDB::transact) and [`set`](Self::set).
    pub fn update_with<V: Serialize>(
        &self,
        key: impl Into<Key>,
        mut update: impl FnMut(Option<Document>) -> Option<V>,
    ) -> Transact<'_, Option<V>, Error, impl FnMut(&mut OpenTransaction<'_>) -> Result<Option<V>>> {
        let key = key.into();
        Transact::new(self, move |tx| {
            let document = tx.get(&key)?;
            let is_there = document.is_some();
            let new = update(document);
            match &new {
                Some(value) => tx.update(key.clone(), value)?,
                None if is_there => tx.delete(key.clone()),
                None => {}
            }
            Ok(new)
        })
    }

    /// Adds `by` to the integer under `key`, of which nobody else's addition is lost; where there is no document, to 0.
    /// When the document was to expire, it still does. The answer is the sum.
    ///
    /// ```
    /// use ferrumdb::FerrumDB;
    ///
    /// let db = FerrumDB::open_in_memory().wait()?;
    /// assert_eq!(db.increment("visits", 1).wait()?, 1);
    /// assert_eq!(db.increment("visits", 41).wait()?, 42);
    /// # Ok::<(), ferrumdb::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`TypeMismatch`](crate::ErrorKind::TypeMismatch) when the document is no integer from -2^63 to 2^63-1,
    /// [`Overflow`](crate::ErrorKind::Overflow) when the sum would be none; otherwise as [`transact`](crate::FerrumDB::transact).
    pub fn increment(
        &self,
        key: impl Into<Key>,
        by: i64,
    ) -> Transact<'_, i64, Error, impl FnMut(&mut OpenTransaction<'_>) -> Result<i64>> {
        let key = key.into();
        Transact::new(self, move |tx| tx.add(key.clone(), None, by))
    }

    /// As [`increment`](Self::increment), of a field of the document under `key`. What is missing on the way to it is
    /// made, and nothing else of the document changes.
    ///
    /// ```
    /// use ferrumdb::FerrumDB;
    /// use serde_json::json;
    ///
    /// let db = FerrumDB::open_in_memory().wait()?;
    /// db.set("page:1", json!({"title": "home"})).wait()?;
    /// db.increment_field("page:1", "visits.today", 1).wait()?;
    /// assert_eq!(db.get("page:1")?.unwrap(), json!({"title": "home", "visits": {"today": 1}}));
    /// # Ok::<(), ferrumdb::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`increment`](Self::increment), and those of the field's path.
    pub fn increment_field<F>(
        &self,
        key: impl Into<Key>,
        field: F,
        by: i64,
    ) -> Transact<'_, i64, Error, impl FnMut(&mut OpenTransaction<'_>) -> Result<i64>>
    where
        F: TryInto<FieldPath>,
        Error: From<F::Error>,
    {
        let (key, path) = (key.into(), field.try_into().map_err(Error::from));
        Transact::new(self, move |tx| {
            let path = path.as_ref().map_err(Clone::clone)?;
            tx.add(key.clone(), Some(path), by)
        })
    }
}
