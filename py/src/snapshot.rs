//! Owns the native handle of a snapshot: every read, as of one moment. Never goes to the writer.

use std::sync::{Mutex, PoisonError};

use ferrumdb::{Document, FieldPath};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::collection::{field_path, indexes_of, keys_of, list_of_items, list_of_keys, wanted};
use crate::error::{raise, raise_as};
use crate::fork;
use crate::iterators::{Asked, Gives, Range, ScanIterator, Walk};
use crate::json::{Codec, field_bounds, object, object_or, object_under, text_or};
use crate::key::{looked_up, stored};
use crate::ttl;
use crate::waiting::long_read;

/// So many keys are sorted, or documents looked at, without asking another thread to.
const SOON_DONE: u64 = 10_000;

type Object<'a, 'py> = &'a Bound<'py, PyAny>;

/// A database, or one of its collections, as it was at one moment.
#[pyclass(subclass, frozen, module = "ferrumdb._ferrumdb")]
pub(crate) struct Snapshot {
    /// None once it is closed.
    held: Mutex<Option<ferrumdb::Snapshot>>,
    codec: Codec,
    opened: fork::Opened,
}

impl Snapshot {
    pub(crate) fn of(snapshot: ferrumdb::Snapshot, codec: Codec, opened: fork::Opened) -> Self {
        Self { held: Mutex::new(Some(snapshot)), codec, opened }
    }

    /// What it stands on: a cheap clone.
    pub(crate) fn look(&self) -> PyResult<ferrumdb::Snapshot> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).clone();
        held.ok_or_else(|| raise_as("Closed", "closed", "the snapshot is closed; take another one"))
    }

    fn document(&self, py: Python<'_>, key: Object<'_, '_>) -> PyResult<Option<Document>> {
        let snapshot = self.look()?;
        let Some(key) = looked_up(key) else { return Ok(None) };
        py.detach(|| snapshot.get(key)).map_err(raise)
    }

    fn find_by<T: Send + 'static>(
        &self,
        py: Python<'_>,
        find: impl FnOnce(&ferrumdb::Snapshot) -> ferrumdb::Result<T> + Send + 'static,
    ) -> PyResult<T> {
        let snapshot = self.look()?;
        if snapshot.count().map_err(raise)? <= SOON_DONE {
            return py.detach(|| find(&snapshot)).map_err(raise);
        }
        long_read(py, &snapshot, find)
    }
}

#[pymethods]
impl Snapshot {
    /// Makes another handle of a snapshot: of a collection of this name, of the root, or of the same.
    #[new]
    #[pyo3(signature = (snapshot, name = None, *, root = false))]
    fn new(snapshot: &Self, name: Option<Object<'_, '_>>, root: bool) -> PyResult<Self> {
        let held = snapshot.look()?;
        let held = match name {
            Some(name) => held.collection(stored(name)?),
            None if root => held.root(),
            None => held,
        };
        Ok(Self::of(held, snapshot.codec, snapshot.opened))
    }

    /// The name of the collection that it reads: None for the root.
    #[getter]
    fn name(&self) -> PyResult<Option<String>> {
        Ok(self.look()?.name().map(str::to_owned))
    }

    /// The number of the newest commit that it shows.
    #[getter]
    fn sequence(&self) -> PyResult<u64> {
        Ok(self.look()?.sequence().0)
    }

    /// The time that it shows, in seconds since 1970.
    #[getter]
    fn time(&self) -> PyResult<f64> {
        Ok(seconds(self.look()?.time()))
    }

    /// The value under a key, or the default.
    #[pyo3(signature = (key, default = None))]
    fn get(&self, py: Python<'_>, key: Object<'_, '_>, default: Option<Py<PyAny>>) -> PyResult<Py<PyAny>> {
        object_or(py, self.document(py, key)?, self.codec, default)
    }

    fn __getitem__(&self, py: Python<'_>, key: Object<'_, '_>) -> PyResult<Py<PyAny>> {
        object_under(key, self.document(py, key)?, self.codec)
    }

    /// The JSON text under a key as bytes, or the default.
    #[pyo3(signature = (key, default = None))]
    fn get_raw(
        &self,
        py: Python<'_>,
        key: Object<'_, '_>,
        default: Option<Py<PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        Ok(text_or(py, self.document(py, key)?, default))
    }

    /// The values under those of these keys that have one.
    fn get_many<'py>(&self, py: Python<'py>, keys: Object<'_, 'py>) -> PyResult<Bound<'py, PyDict>> {
        let (snapshot, keys) = (self.look()?, keys_of(keys)?);
        let documents = py.detach(|| snapshot.get_many(&keys)).map_err(raise)?;
        let found = PyDict::new(py);
        for (key, document) in keys.iter().zip(documents) {
            py.check_signals()?;
            if let Some(document) = document {
                found.set_item(key.as_str(), object(py, &document, self.codec)?)?;
            }
        }
        Ok(found)
    }

    /// Whether there was a document under a key.
    fn exists(&self, key: Object<'_, '_>) -> PyResult<bool> {
        let snapshot = self.look()?;
        looked_up(key).map_or(Ok(false), |key| snapshot.contains(key).map_err(raise))
    }

    fn __contains__(&self, key: Object<'_, '_>) -> PyResult<bool> {
        self.exists(key)
    }

    /// For how many seconds a document was to stay: infinitely many, if it does not expire; None, if there was none.
    fn ttl(&self, key: Object<'_, '_>) -> PyResult<Option<f64>> {
        let snapshot = self.look()?;
        let Some(key) = looked_up(key) else { return Ok(None) };
        Ok(snapshot.ttl(key).map_err(raise)?.map(ttl::left))
    }

    /// How many documents there were.
    fn count(&self) -> PyResult<u64> {
        self.look()?.count().map_err(raise)
    }

    fn __len__(&self) -> PyResult<usize> {
        self.count().map(|count| usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// How many documents an iterator over a range gives.
    fn count_in(&self, py: Python<'_>, asked: Asked) -> PyResult<u64> {
        let count = self.counted(py, self.look()?, asked.range())?;
        Ok(asked.4.map_or(count, |limit| count.min(limit)))
    }

    /// Whether a key is among those that an iterator over a range gives.
    fn contains_in(&self, py: Python<'_>, key: Object<'_, '_>, asked: Asked) -> PyResult<bool> {
        let (snapshot, range) = (self.look()?, asked.range());
        let Some(key) = looked_up(key) else { return Ok(false) };
        if !range.contains(key) || !snapshot.contains(key).map_err(raise)? {
            return Ok(false);
        }
        let (reverse, Some(limit)) = (asked.3, asked.4) else { return Ok(true) };
        let before = if reverse { range.from(key) } else { range.up_to(key) };
        Ok(self.counted(py, snapshot, before)? <= limit)
    }

    /// Walks over a range: its "keys", "values", "items", or "texts", which are items of JSON text.
    fn walk(&self, gives: &str, asked: Asked) -> PyResult<ScanIterator> {
        let snapshot = self.look()?;
        let (snapshot, beginning) = to_walk_by(snapshot)?;
        let scan = snapshot.range(asked.range().ends()).map_err(raise)?.limit(asked.limit());
        let scan = if asked.3 { scan.reverse() } else { scan };
        let gives = Gives::named(gives)?;
        let walk = if gives == Gives::Keys { Walk::Keys(scan.keys()) } else { Walk::Documents(scan) };
        Ok(ScanIterator::new(walk, gives, self.codec, beginning, self.opened))
    }

    /// Walks over the documents whose field lies in a range of values, in the order of these values.
    fn walk_by(
        &self,
        gives: &str,
        field: Object<'_, '_>,
        range: (Option<Bound<'_, PyAny>>, Option<Bound<'_, PyAny>>),
        reverse: bool,
        limit: Option<usize>,
    ) -> PyResult<ScanIterator> {
        let path = field_path(field)?;
        let bounds = field_bounds(range.0.as_ref(), range.1.as_ref(), self.codec)?;
        let (snapshot, beginning) = to_walk_by(self.look()?)?;
        let scan = snapshot.range_by(path, bounds).map_err(raise)?;
        let scan = if reverse { scan.reverse() } else { scan };
        let scan = scan.limit(limit.unwrap_or(usize::MAX));
        let gives = Gives::named(gives)?;
        let walk = if gives == Gives::Keys { Walk::KeysByField(scan.keys()) } else { Walk::ByField(scan) };
        Ok(ScanIterator::new(walk, gives, self.codec, beginning, self.opened))
    }

    /// The keys of the documents whose field equals a value.
    #[pyo3(signature = (field, value, *, exact = false))]
    fn find<'py>(
        &self,
        py: Python<'py>,
        field: Object<'_, '_>,
        value: Object<'_, '_>,
        exact: bool,
    ) -> PyResult<Bound<'py, PyList>> {
        let (path, value) = (field_path(field)?, wanted(value, exact, self.codec)?);
        let found = self.find_by(py, move |snapshot| snapshot.find::<FieldPath>(path, &value))?;
        list_of_keys(py, &found)
    }

    /// The same with the documents.
    #[pyo3(signature = (field, value, *, exact = false))]
    fn find_items<'py>(
        &self,
        py: Python<'py>,
        field: Object<'_, '_>,
        value: Object<'_, '_>,
        exact: bool,
    ) -> PyResult<Bound<'py, PyList>> {
        let (path, value) = (field_path(field)?, wanted(value, exact, self.codec)?);
        let found = self.find_by(py, move |snapshot| snapshot.find_documents::<FieldPath>(path, &value))?;
        list_of_items(py, &found, self.codec)
    }

    /// The indexes there were.
    fn indexes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        indexes_of(py, &self.look()?.indexes().map_err(raise)?)
    }

    /// The collections besides the root: how many documents each had.
    fn collections<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let found = PyDict::new(py);
        for info in self.look()?.collections().map_err(raise)? {
            found.set_item(info.name.as_str(), info.documents)?;
        }
        Ok(found)
    }

    /// Lets go of what it shows.
    fn close(&self) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    #[getter]
    fn closed(&self) -> bool {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }
}

impl Snapshot {
    fn counted(&self, py: Python<'_>, snapshot: ferrumdb::Snapshot, range: Range) -> PyResult<u64> {
        if snapshot.count().map_err(raise)? <= SOON_DONE {
            return py.detach(|| snapshot.count_range(range.ends())).map_err(raise);
        }
        long_read(py, &snapshot, move |snapshot| snapshot.count_range(range.ends()))
    }
}

/// What an iterator reads by: where it may have to look at many documents to begin, a snapshot of its own, which can be
/// cancelled until then.
fn to_walk_by(snapshot: ferrumdb::Snapshot) -> PyResult<(ferrumdb::Snapshot, Option<ferrumdb::Snapshot>)> {
    if snapshot.count().map_err(raise)? <= SOON_DONE {
        return Ok((snapshot, None));
    }
    let own = snapshot.again();
    Ok((own.clone(), Some(own)))
}

/// A time in seconds since 1970.
pub(crate) fn seconds(time: ferrumdb::Timestamp) -> f64 {
    time.0 as f64 / 1000.0
}
