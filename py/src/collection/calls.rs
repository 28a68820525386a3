//! Owns the writing calls as programs make them: each returns when it is done. Never does anything but wait for what lies
//! beneath.

use std::path::PathBuf;

use pyo3::prelude::*;

use super::Collection;
use super::writes::{Object, Required, Texts};
use crate::iterators::Range;
use crate::operation::Operate;
use crate::transaction::Transaction;

#[pymethods]
impl Collection {
    /// Stores a value; a text that is a JSON object or array is stored as that. The answer is the number of the commit.
    #[pyo3(signature = (key, value, *, ttl = None))]
    fn set(
        &self,
        py: Python<'_>,
        key: Object<'_, '_>,
        value: Object<'_, '_>,
        ttl: Option<Object<'_, '_>>,
    ) -> PyResult<Py<PyAny>> {
        self.write(key, value, ttl, Texts::Parsed)?.wait(py)
    }

    /// Stores a value as it is. The answer is the number of the commit.
    #[pyo3(signature = (key, value, *, ttl = None))]
    fn put(
        &self,
        py: Python<'_>,
        key: Object<'_, '_>,
        value: Object<'_, '_>,
        ttl: Option<Object<'_, '_>>,
    ) -> PyResult<Py<PyAny>> {
        self.write(key, value, ttl, Texts::Literal)?.wait(py)
    }

    /// Stores what a dict, or an iterable of pairs, holds, as it is, with one commit. The answer is its number.
    fn put_all(&self, py: Python<'_>, items: Object<'_, '_>) -> PyResult<Py<PyAny>> {
        self.write_all(items)?.wait(py)
    }

    /// As `set`, and the document expires.
    fn set_ex(
        &self,
        py: Python<'_>,
        key: Object<'_, '_>,
        value: Object<'_, '_>,
        ttl_seconds: Object<'_, '_>,
    ) -> PyResult<Py<PyAny>> {
        self.write(key, value, Some(ttl_seconds), Texts::Parsed)?.wait(py)
    }

    /// Stores a JSON text. The answer is the number of the commit.
    #[pyo3(signature = (key, json, *, ttl = None))]
    fn set_raw(
        &self,
        py: Python<'_>,
        key: Object<'_, '_>,
        json: Object<'_, '_>,
        ttl: Option<Object<'_, '_>>,
    ) -> PyResult<Py<PyAny>> {
        self.write_json(key, json, ttl)?.wait(py)
    }

    /// Stores a value if there is none.
    #[pyo3(signature = (key, value, *, ttl = None))]
    fn insert(
        &self,
        py: Python<'_>,
        key: Object<'_, '_>,
        value: Object<'_, '_>,
        ttl: Option<Object<'_, '_>>,
    ) -> PyResult<Py<PyAny>> {
        self.write_if(key, value, ttl, Required::Absent)?.wait(py)
    }

    /// Stores a value if there is one.
    #[pyo3(signature = (key, value, *, ttl = None))]
    fn replace(
        &self,
        py: Python<'_>,
        key: Object<'_, '_>,
        value: Object<'_, '_>,
        ttl: Option<Object<'_, '_>>,
    ) -> PyResult<Py<PyAny>> {
        self.write_if(key, value, ttl, Required::Present)?.wait(py)
    }

    /// Stores a value if the one there is still of this version.
    #[pyo3(signature = (key, value, version, *, ttl = None))]
    fn set_if_version(
        &self,
        py: Python<'_>,
        key: Object<'_, '_>,
        value: Object<'_, '_>,
        version: u64,
        ttl: Option<Object<'_, '_>>,
    ) -> PyResult<Py<PyAny>> {
        self.write_if(key, value, ttl, Required::Version(version))?.wait(py)
    }

    /// Removes a document. The answer is whether there was one.
    fn delete(&self, py: Python<'_>, key: Object<'_, '_>) -> PyResult<Py<PyAny>> {
        self.remove(key)?.wait(py)
    }

    /// Removes a document if it is still of this version.
    fn delete_if_version(&self, py: Python<'_>, key: Object<'_, '_>, version: u64) -> PyResult<Py<PyAny>> {
        self.remove_if_version(key, version)?.wait(py)
    }

    /// Lets a document expire. The answer is whether there is one.
    fn expire(&self, py: Python<'_>, key: Object<'_, '_>, ttl: Object<'_, '_>) -> PyResult<Py<PyAny>> {
        self.change_expiry(key, Some(ttl))?.wait(py)
    }

    /// Lets a document stay for ever. The answer is whether there is one.
    fn persist(&self, py: Python<'_>, key: Object<'_, '_>) -> PyResult<Py<PyAny>> {
        self.change_expiry(key, None)?.wait(py)
    }

    /// Stores a value. The answer is a tuple of the one that it replaces, or an empty one.
    fn swap(&self, py: Python<'_>, key: Object<'_, '_>, value: Object<'_, '_>) -> PyResult<Py<PyAny>> {
        self.swapped(key, value)?.wait(py)
    }

    /// Removes a document. The answer is a tuple of its value, or an empty one.
    fn take(&self, py: Python<'_>, key: Object<'_, '_>) -> PyResult<Py<PyAny>> {
        self.taken(key)?.wait(py)
    }

    /// Removes all documents whose keys begin with a text, in one commit. The answer is how many there were.
    fn delete_prefix(&self, py: Python<'_>, prefix: &str) -> PyResult<Py<PyAny>> {
        self.erase(Range::prefix(prefix)).wait(py)
    }

    /// Removes all documents with keys from `start` to before `end`, in one commit. The answer is how many there were.
    #[pyo3(signature = (start = None, end = None))]
    fn delete_range(&self, py: Python<'_>, start: Option<&str>, end: Option<&str>) -> PyResult<Py<PyAny>> {
        self.erase(Range::new(None, start, end)).wait(py)
    }

    /// Creates an index on a field.
    #[pyo3(signature = (field, *, exist_ok = true))]
    fn create_index(&self, py: Python<'_>, field: Object<'_, '_>, exist_ok: bool) -> PyResult<Py<PyAny>> {
        self.make_index(field, exist_ok)?.wait(py)
    }

    /// Drops an index.
    fn drop_index(&self, py: Python<'_>, field: Object<'_, '_>) -> PyResult<Py<PyAny>> {
        self.unmake_index(field)?.wait(py)
    }

    /// Commits a transaction: all of it or nothing. The answer is the number of the commit.
    fn commit(&self, py: Python<'_>, transaction: &Transaction) -> PyResult<Py<PyAny>> {
        self.commit_transaction(transaction).wait(py)
    }

    /// Drops a collection with all that is in it. The answer is whether there was one.
    fn drop_collection(&self, py: Python<'_>, name: Object<'_, '_>) -> PyResult<Py<PyAny>> {
        self.drop_named(name)?.wait(py)
    }

    /// Makes everything durable that was committed before.
    fn sync(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.sync_now().wait(py)
    }

    /// Writes the database anew without what is not needed any more.
    fn compact(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.compact_now().wait(py)
    }

    /// Stops a compaction. The answer is whether there was one.
    fn cancel_compaction(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.stop_compaction().wait(py)
    }

    /// Reads the whole log, and tells what is not as it should be.
    fn verify(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.verify_now().wait(py)
    }

    /// Writes a backup to a new file: a full one, or what was committed behind `since`.
    #[pyo3(signature = (path, *, since = None))]
    fn backup(&self, py: Python<'_>, path: PathBuf, since: Option<u64>) -> PyResult<Py<PyAny>> {
        self.back_up(path, since).wait(py)
    }

    /// Lets another key open the database from now on.
    #[pyo3(signature = (encryption_key = None, *, passphrase = None))]
    fn rekey(
        &self,
        py: Python<'_>,
        encryption_key: Option<Object<'_, '_>>,
        passphrase: Option<&str>,
    ) -> PyResult<Py<PyAny>> {
        self.use_key(encryption_key, passphrase)?.wait(py)
    }

    /// Closes the database: everything is durable and the file is free when it returns.
    fn close(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.close_now().wait(py)
    }
}
