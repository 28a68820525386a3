//! Owns transactions that are collected before they are committed. Never looks at a database.

use std::sync::{Mutex, MutexGuard, PoisonError};

use ferrumdb::Timestamp;
use pyo3::prelude::*;
use pyo3::sync::MutexExt;

use crate::collection::{Texts, json_document, with_bytes};
use crate::config;
use crate::error::raise;
use crate::json::{Codec, Given, refused};
use crate::key::stored;
use crate::ttl::{lifetime, optional};

type Object<'a, 'py> = &'a Bound<'py, PyAny>;

/// Changes that are committed together or not at all: `db.commit(transaction)`. Every method returns the transaction.
#[pyclass(frozen, module = "ferrumdb")]
pub(crate) struct Transaction {
    inner: Mutex<ferrumdb::Transaction>,
    codec: Codec,
}

impl Transaction {
    pub(crate) fn copied(&self) -> ferrumdb::Transaction {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, ferrumdb::Transaction> {
        Python::attach(|py| self.inner.lock_py_attached(py)).unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds something.
    fn with(&self, add: impl FnOnce(ferrumdb::Transaction) -> ferrumdb::Transaction) {
        let mut inner = self.lock();
        *inner = add(std::mem::take(&mut inner));
    }

    /// Adds: the key holds the document of this JSON text, until then if that is said.
    pub(crate) fn add_text(&self, key: String, json: &[u8], expires_at: Option<Timestamp>) -> PyResult<()> {
        match expires_at {
            Some(at) => self.with(|transaction| transaction.set_raw_until(key, json, at)),
            None => self.lock().try_set_raw(key, json, None).map_err(raise)?,
        }
        Ok(())
    }

    fn add(
        &self,
        key: Object<'_, '_>,
        value: Object<'_, '_>,
        ttl: Option<Object<'_, '_>>,
        texts: Texts,
    ) -> PyResult<()> {
        let (key, ttl) = (stored(key)?, optional(ttl)?);
        match json_document(value, texts) {
            Some(json) => self.lock().try_set_raw(key, json, ttl).map_err(raise),
            // Encoding may run code of Python, and another thread may come here meanwhile: it waits without the interpreter.
            None => {
                let mut inner =
                    self.inner.lock_py_attached(value.py()).unwrap_or_else(PoisonError::into_inner);
                inner.try_set(key, Given::new(value, self.codec), ttl).map_err(refused)
            }
        }
    }
}

#[pymethods]
impl Transaction {
    #[new]
    #[pyo3(signature = (*, codec = None))]
    fn new(codec: Option<&str>) -> PyResult<Self> {
        Ok(Self { inner: Mutex::default(), codec: config::codec(codec)? })
    }

    /// Adds: the key holds this value from now on. A text that is a JSON object or array is stored as that.
    #[pyo3(signature = (key, value, *, ttl = None))]
    fn set<'py>(
        slf: Bound<'py, Self>,
        key: Object<'_, '_>,
        value: Object<'_, '_>,
        ttl: Option<Object<'_, '_>>,
    ) -> PyResult<Bound<'py, Self>> {
        slf.get().add(key, value, ttl, Texts::Parsed)?;
        Ok(slf)
    }

    /// Adds: the key holds this value from now on, as it is.
    #[pyo3(signature = (key, value, *, ttl = None))]
    fn put<'py>(
        slf: Bound<'py, Self>,
        key: Object<'_, '_>,
        value: Object<'_, '_>,
        ttl: Option<Object<'_, '_>>,
    ) -> PyResult<Bound<'py, Self>> {
        slf.get().add(key, value, ttl, Texts::Literal)?;
        Ok(slf)
    }

    /// Adds: the key holds this value from now on, and it expires so many seconds after the commit.
    fn set_ex<'py>(
        slf: Bound<'py, Self>,
        key: Object<'_, '_>,
        value: Object<'_, '_>,
        ttl_seconds: Object<'_, '_>,
    ) -> PyResult<Bound<'py, Self>> {
        slf.get().add(key, value, Some(ttl_seconds), Texts::Parsed)?;
        Ok(slf)
    }

    /// Adds: the key holds the document of this JSON text from now on.
    #[pyo3(signature = (key, json, *, ttl = None))]
    fn set_raw<'py>(
        slf: Bound<'py, Self>,
        key: Object<'_, '_>,
        json: Object<'_, '_>,
        ttl: Option<Object<'_, '_>>,
    ) -> PyResult<Bound<'py, Self>> {
        let (key, ttl) = (stored(key)?, optional(ttl)?);
        with_bytes(json, |json| slf.get().lock().try_set_raw(key, json, ttl))?.map_err(raise)?;
        Ok(slf)
    }

    /// Adds: the key holds nothing from now on.
    fn delete<'py>(slf: Bound<'py, Self>, key: Object<'_, '_>) -> PyResult<Bound<'py, Self>> {
        let key = stored(key)?;
        slf.get().with(|transaction| transaction.delete(key));
        Ok(slf)
    }

    /// Adds: the document, if there is one, expires so long after the commit.
    fn expire<'py>(
        slf: Bound<'py, Self>,
        key: Object<'_, '_>,
        ttl: Object<'_, '_>,
    ) -> PyResult<Bound<'py, Self>> {
        let (key, lifetime) = (stored(key)?, lifetime(ttl)?);
        slf.get().with(|transaction| transaction.expire(key, lifetime));
        Ok(slf)
    }

    /// Adds: the document, if there is one, never expires.
    fn persist<'py>(slf: Bound<'py, Self>, key: Object<'_, '_>) -> PyResult<Bound<'py, Self>> {
        let key = stored(key)?;
        slf.get().with(|transaction| transaction.persist(key));
        Ok(slf)
    }

    /// Requires that the document of a key is still of this version.
    fn if_version<'py>(
        slf: Bound<'py, Self>,
        key: Object<'_, '_>,
        version: u64,
    ) -> PyResult<Bound<'py, Self>> {
        let key = stored(key)?;
        slf.get().with(|transaction| transaction.if_version(key, ferrumdb::Sequence(version)));
        Ok(slf)
    }

    /// Requires that a key has no document.
    fn if_absent<'py>(slf: Bound<'py, Self>, key: Object<'_, '_>) -> PyResult<Bound<'py, Self>> {
        let key = stored(key)?;
        slf.get().with(|transaction| transaction.if_absent(key));
        Ok(slf)
    }

    /// Requires that a key has a document.
    fn if_exists<'py>(slf: Bound<'py, Self>, key: Object<'_, '_>) -> PyResult<Bound<'py, Self>> {
        let key = stored(key)?;
        slf.get().with(|transaction| transaction.if_exists(key));
        Ok(slf)
    }

    /// From here on, keys are those of this collection; of the root, if it is None.
    #[pyo3(signature = (name = None))]
    fn in_collection<'py>(slf: Bound<'py, Self>, name: Option<Object<'_, '_>>) -> PyResult<Bound<'py, Self>> {
        match name.map(stored).transpose()? {
            Some(name) => slf.get().with(|transaction| transaction.in_collection(name)),
            None => slf.get().with(ferrumdb::Transaction::in_root),
        }
        Ok(slf)
    }

    /// Adds: there is no collection of this name any more, with all that is in it.
    fn drop_collection<'py>(slf: Bound<'py, Self>, name: Object<'_, '_>) -> PyResult<Bound<'py, Self>> {
        let name = stored(name)?;
        slf.get().with(|transaction| transaction.drop_collection(name));
        Ok(slf)
    }

    fn __len__(&self) -> usize {
        self.lock().len()
    }

    /// It is something, though it be empty.
    fn __bool__(&self) -> bool {
        true
    }

    fn __repr__(&self) -> String {
        format!("<Transaction ops={}>", self.lock().len())
    }
}
