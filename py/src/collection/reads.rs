//! Owns reading documents by their keys. Never waits for the writer, and lets other threads of Python go on while it reads
//! a file.

use ferrumdb::{Document, Key, Progress, Sequence, Timestamp, UpTo};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PySet};

use super::Collection;
use crate::error::raise;
use crate::json;
use crate::key::looked_up;
use crate::snapshot::Snapshot;
use crate::ttl;
use crate::waiting::{cancellable, long_read};

/// So many keys are looked up without asking another thread to.
const KEYS_SOON_DONE: usize = 256;

impl Collection {
    /// A document: from memory at once, or from the file without the interpreter.
    #[inline]
    fn document(&self, py: Python<'_>, key: &Bound<'_, PyAny>) -> PyResult<Option<Document>> {
        self.check()?;
        let Some(key) = looked_up(key) else { return Ok(None) };
        match self.keys().get_cached(key) {
            Ok(Some(found)) => Ok(found),
            Ok(None) => {
                let keys = self.keys();
                py.detach(|| keys.get(key)).map_err(raise)
            }
            Err(error) => Err(raise(error)),
        }
    }

    fn documents(&self, py: Python<'_>, keys: Vec<Key>) -> PyResult<Vec<(Key, Document)>> {
        let collection = self.keys();
        let found = if keys.len() <= KEYS_SOON_DONE {
            py.detach(|| collection.get_many(&keys).map(|found| (keys, found))).map_err(raise)
        } else {
            let now = self.snapshot()?.look()?;
            long_read(py, &now, move |now| now.get_many(&keys).map(|found| (keys, found)))
        };
        found.map(|(keys, found)| {
            let pairs = keys.into_iter().zip(found);
            pairs.filter_map(|(key, document)| Some((key, document?))).collect()
        })
    }
}

/// The keys among some objects.
pub(crate) fn keys_of(keys: &Bound<'_, PyAny>) -> PyResult<Vec<Key>> {
    let mut found = Vec::new();
    for key in keys.try_iter()? {
        found.extend(looked_up(&key?).map(Key::from));
    }
    Ok(found)
}

#[pymethods]
impl Collection {
    /// The value under a key, or the default.
    #[pyo3(signature = (key, default = None))]
    fn get(&self, py: Python<'_>, key: &Bound<'_, PyAny>, default: Option<Py<PyAny>>) -> PyResult<Py<PyAny>> {
        json::object_or(py, self.document(py, key)?, self.codec, default)
    }

    fn __getitem__(&self, py: Python<'_>, key: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        json::object_under(key, self.document(py, key)?, self.codec)
    }

    /// The value in a tuple, or an empty one, if no disk needs to be asked: otherwise None.
    fn get_cached(&self, py: Python<'_>, key: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        self.check()?;
        use pyo3::IntoPyObjectExt;
        let Some(key) = looked_up(key) else { return ().into_py_any(py).map(Some) };
        match self.keys().get_cached(key).map_err(raise)? {
            None => Ok(None),
            Some(None) => ().into_py_any(py).map(Some),
            Some(Some(document)) => {
                let value = json::object(py, &document, self.codec)?;
                (value,).into_py_any(py).map(Some)
            }
        }
    }

    /// The JSON text under a key as bytes, or the default.
    #[pyo3(signature = (key, default = None))]
    fn get_raw(
        &self,
        py: Python<'_>,
        key: &Bound<'_, PyAny>,
        default: Option<Py<PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        Ok(json::text_or(py, self.document(py, key)?, default))
    }

    /// The values under those of these keys that have one, as they were at one moment.
    fn get_many<'py>(&self, py: Python<'py>, keys: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
        let found = PyDict::new(py);
        for (key, document) in self.documents(py, keys_of(keys)?)? {
            py.check_signals()?;
            found.set_item(key.as_str(), json::object(py, &document, self.codec)?)?;
        }
        Ok(found)
    }

    /// The value under a key with its version, to be given to `set_if_version`: None, if there is none.
    fn get_with_version(&self, py: Python<'_>, key: &Bound<'_, PyAny>) -> PyResult<Option<(Py<PyAny>, u64)>> {
        let document = self.document(py, key)?;
        let pair = |document: Document| {
            json::object(py, &document, self.codec).map(|value| (value, document.version().0))
        };
        document.map(pair).transpose()
    }

    /// Whether there is a document under a key.
    fn exists(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.check()?;
        looked_up(key).map_or(Ok(false), |key| self.keys().contains(key).map_err(raise))
    }

    fn __contains__(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.exists(key)
    }

    /// Those of these keys that have a document.
    fn exists_many<'py>(&self, py: Python<'py>, keys: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PySet>> {
        let held = self.snapshot()?.look()?;
        let found = PySet::empty(py)?;
        for key in keys_of(keys)? {
            if held.contains(&key).map_err(raise)? {
                found.add(key.as_str())?;
            }
        }
        Ok(found)
    }

    /// For how many seconds the document under a key will stay: infinitely many, if it does not expire; None, if there is
    /// none.
    fn ttl(&self, key: &Bound<'_, PyAny>) -> PyResult<Option<f64>> {
        self.check()?;
        let Some(key) = looked_up(key) else { return Ok(None) };
        Ok(self.keys().ttl(key).map_err(raise)?.map(ttl::left))
    }

    /// How many documents there are.
    fn count(&self) -> PyResult<u64> {
        self.keys().count().map_err(raise)
    }

    fn __len__(&self) -> PyResult<usize> {
        self.count().map(|count| usize::try_from(count).unwrap_or(usize::MAX))
    }

    fn __bool__(&self) -> PyResult<bool> {
        self.count().map(|count| count > 0)
    }

    /// The database as it is now.
    fn open_snapshot(&self) -> PyResult<Snapshot> {
        self.snapshot()
    }

    /// The database as it was after a commit, or at a time in seconds since 1970.
    #[pyo3(signature = (sequence = None, time = None))]
    fn open_past(&self, py: Python<'_>, sequence: Option<u64>, time: Option<f64>) -> PyResult<Snapshot> {
        let up_to = match (sequence, time) {
            (Some(sequence), _) => UpTo::Sequence(Sequence(sequence)),
            (None, time) => UpTo::Time(Timestamp((time.unwrap_or(0.0).max(0.0) * 1000.0) as u64)),
        };
        let (db, progress) = (self.db.clone(), Progress::new());
        let told = progress.clone();
        let past = cancellable(py, move || db.at_with_progress(up_to, &told), move || progress.cancel())?;
        let past = match self.keys().name() {
            Some(name) => past.collection(name),
            None => past,
        };
        Ok(Snapshot::of(past, self.codec, self.opened))
    }
}

impl Collection {
    pub(crate) fn snapshot(&self) -> PyResult<Snapshot> {
        let snapshot = self.db.snapshot().map_err(raise)?;
        let snapshot = match self.keys().name() {
            Some(name) => snapshot.collection(name),
            None => snapshot,
        };
        Ok(Snapshot::of(snapshot, self.codec, self.opened))
    }
}
