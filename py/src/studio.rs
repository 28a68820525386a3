//! Owns the dashboard that a program starts beside its database. Never outlives the database's handle.

use std::sync::{Mutex, PoisonError};

use ferrumdb_studio::Options;
use pyo3::prelude::*;

use crate::collection::Collection;
use crate::error::raise_as;
use crate::owned::Owned;

/// A dashboard that answers until it is stopped.
#[pyclass(frozen, module = "ferrumdb._ferrumdb")]
pub(crate) struct Studio(Mutex<Option<Owned<ferrumdb_studio::Studio>>>);

#[pymethods]
impl Studio {
    /// Serves a database to browsers on this machine.
    #[new]
    #[pyo3(signature = (db, port, *, writes = false))]
    fn new(py: Python<'_>, db: &Collection, port: u16, writes: bool) -> PyResult<Self> {
        let options = Options::new().with_port(port).with_writes(writes);
        let studio = py.detach(|| ferrumdb_studio::serve(&db.db, options));
        let studio = studio.map_err(|error| raise_as("StorageError", "studio", &error.to_string()))?;
        Ok(Self(Mutex::new(Some(Owned::new(studio)))))
    }

    /// An address to open in a browser: the secret in it works once.
    fn launch_url(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|studio| studio.launch_url())
    }

    /// Stops it, and waits until it has ended.
    fn stop(&self, py: Python<'_>) {
        let studio = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        py.detach(|| drop(studio));
    }
}
