//! Owns the native handle of a database or of one of its collections; what can be done with it lies in the modules
//! beneath. Never waits for the writer with the interpreter held.

mod admin;
mod calls;
mod indexes;
mod reads;
mod writes;

pub(crate) use indexes::{field_path, indexes_of, list_of_items, list_of_keys, wanted};
pub(crate) use reads::keys_of;
pub(crate) use writes::{Texts, json_document, with_bytes};

use std::sync::Mutex;

use ferrumdb::FerrumDB;
use pyo3::prelude::*;

use crate::error::raise;
use crate::fork;
use crate::json::Codec;
use crate::owned::Owned;

/// A database that was opened, to be made a `FerrumDB` of, once.
#[pyclass(frozen, module = "ferrumdb._ferrumdb")]
pub(crate) struct Opened(Mutex<Option<(FerrumDB, Codec)>>);

impl Opened {
    pub(crate) fn new(db: FerrumDB, codec: Codec) -> Self {
        Self(Mutex::new(Some((db, codec))))
    }
}

/// The handle of a collection; that of a database is its root's.
#[pyclass(subclass, frozen, module = "ferrumdb._ferrumdb", name = "Collection")]
pub(crate) struct Collection {
    pub(crate) db: Owned<FerrumDB>,
    /// Of a named one.
    named: Option<Owned<ferrumdb::Collection>>,
    pub(crate) codec: Codec,
    opened: fork::Opened,
}

impl Collection {
    /// The keyspace that it reads and writes.
    #[inline]
    pub(crate) fn keys(&self) -> &ferrumdb::Collection {
        match &self.named {
            Some(named) => named,
            None => &self.db,
        }
    }

    /// Looking up single keys, the library does not ask whether the process was forked: here it costs next to nothing.
    #[inline]
    pub(crate) fn check(&self) -> PyResult<()> {
        if self.opened.is_foreign() {
            // Whatever looks at many keys knows how to say it.
            return self.db.snapshot().map(drop).map_err(raise);
        }
        Ok(())
    }
}

#[pymethods]
impl Collection {
    /// Makes a handle of a database that was opened, or of a collection of another handle's database.
    #[new]
    #[pyo3(signature = (opened, name = None))]
    fn new(opened: &Bound<'_, PyAny>, name: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let Ok(opened) = opened.cast::<Opened>() else {
            let parent = opened.cast::<Self>()?.get();
            let name = name.map(crate::key::stored).transpose()?.unwrap_or_else(|| "".into());
            let named = Owned::new(parent.db.collection(name).map_err(raise)?);
            let db = Owned::new(parent.db.clone());
            return Ok(Self { db, named: Some(named), codec: parent.codec, opened: parent.opened });
        };
        let taken = opened.get().0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let (db, codec) = taken
            .ok_or_else(|| pyo3::exceptions::PyRuntimeError::new_err("this opening has a handle already"))?;
        Ok(Self { db: Owned::new(db), named: None, codec, opened: fork::Opened::now() })
    }

    /// The name of the collection: None for the root.
    #[getter]
    fn name(&self) -> Option<&str> {
        self.keys().name()
    }

    /// Which values have a JSON form: "json" or "extended".
    #[getter]
    fn codec(&self) -> &'static str {
        self.codec.name()
    }

    /// The path that the database was opened with.
    #[getter]
    fn path(&self) -> std::path::PathBuf {
        self.db.path().to_owned()
    }
}
