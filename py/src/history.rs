//! Owns the walk through what a key has held. Never goes to the writer.

use std::sync::Mutex;

use ferrumdb::{KeyHistory, Progress};
use pyo3::prelude::*;
use pyo3::sync::MutexExt;

use crate::changes::kind;
use crate::json::{Codec, object};
use crate::snapshot::seconds;
use crate::waiting::cancellable;

/// What a key has held from one commit on.
#[pyclass(frozen, get_all, module = "ferrumdb")]
pub(crate) struct Version {
    /// The number of the commit.
    sequence: u64,
    /// The time of the commit in seconds since 1970, where it is known.
    time: Option<f64>,
    /// "set", "deleted" or "expired".
    kind: &'static str,
    /// The value, unless it was deleted.
    value: Option<Py<PyAny>>,
    /// When that expires, in seconds since 1970, if it does.
    expires_at: Option<f64>,
}

#[pymethods]
impl Version {
    fn __repr__(&self) -> String {
        format!("<Version {} by commit {}>", self.kind, self.sequence)
    }
}

/// The versions of one key, the newest first.
#[pyclass(frozen, module = "ferrumdb")]
pub(crate) struct History {
    /// None at the end.
    versions: Mutex<Option<KeyHistory>>,
    progress: Progress,
    codec: Codec,
}

impl History {
    pub(crate) fn new(versions: Option<KeyHistory>, codec: Codec) -> Self {
        let progress = Progress::new();
        let versions = versions.map(|versions| versions.with_progress(&progress));
        Self { versions: Mutex::new(versions), progress, codec }
    }
}

#[pymethods]
impl History {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Version>> {
        let lock = || self.versions.lock_py_attached(py).unwrap_or_else(std::sync::PoisonError::into_inner);
        let Some(mut versions) = lock().take() else { return Ok(None) };
        // Where a key was deleted, the whole log before is read.
        let read = move || {
            let next = versions.next().transpose()?;
            Ok((versions, next))
        };
        let (versions, next) = cancellable(py, read, || self.progress.cancel())?;
        let Some(version) = next else { return Ok(None) };
        *lock() = Some(versions);
        let value = version.document.map(|document| object(py, &document, self.codec)).transpose()?;
        Ok(Some(Version {
            sequence: version.sequence.0,
            time: version.time.map(seconds),
            kind: kind(version.kind),
            value,
            expires_at: version.expires_at.map(seconds),
        }))
    }
}
