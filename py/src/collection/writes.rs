//! Owns the writes: each is encoded on the caller's thread, with the interpreter, and offered to the writer. Never waits
//! for it.

use std::time::Duration;

use ferrumdb::{Document, Pending, Sequence, Transaction};
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};
use serde::de::IgnoredAny;

use super::Collection;
use crate::iterators::Range;
use crate::json::{Codec, Given, object, offered, refused};
use crate::key::{looked_up, stored};
use crate::operation::{Operate, answering, plainly, sequence};
use crate::ttl::{lifetime, optional};

/// Whether texts of JSON are taken as such: by `set` and `set_ex` alone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Texts {
    Parsed,
    Literal,
}

/// An object of Python that a call was given.
pub(super) type Object<'a, 'py> = &'a Bound<'py, PyAny>;

impl Collection {
    pub(super) fn write(
        &self,
        key: Object<'_, '_>,
        value: Object<'_, '_>,
        ttl: Option<Object<'_, '_>>,
        texts: Texts,
    ) -> PyResult<impl Operate + use<>> {
        let (key, lifetime) = (stored(key)?, optional(ttl)?);
        let pending = match json_document(value, texts) {
            Some(json) => self.write_raw(key, json.as_bytes(), lifetime),
            None => offered(|| {
                let given = Given::new(value, self.codec);
                match lifetime {
                    Some(lifetime) => self.keys().set_ex(key, given, lifetime),
                    None => self.keys().set(key, given),
                }
            })?,
        };
        Ok(answering(pending, sequence))
    }

    pub(super) fn write_json(
        &self,
        key: Object<'_, '_>,
        json: Object<'_, '_>,
        ttl: Option<Object<'_, '_>>,
    ) -> PyResult<impl Operate + use<>> {
        let (key, lifetime) = (stored(key)?, optional(ttl)?);
        let pending = with_bytes(json, |json| self.write_raw(key, json, lifetime))?;
        Ok(answering(pending, sequence))
    }

    /// Stores what a dict, or an iterable of pairs, holds, with one commit.
    pub(super) fn write_all(&self, items: Object<'_, '_>) -> PyResult<impl Operate + use<>> {
        let mut transaction = self.transaction();
        let mut add = |key: Object<'_, '_>, value: Object<'_, '_>| {
            transaction.try_set(stored(key)?, Given::new(value, self.codec), None).map_err(refused)
        };
        if let Ok(dict) = items.cast_exact::<PyDict>() {
            for (key, value) in dict.iter() {
                add(&key, &value)?;
            }
        } else {
            for pair in items.try_iter()? {
                let (key, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = pair?.extract()?;
                add(&key, &value)?;
            }
        }
        Ok(answering(self.db.commit(transaction), sequence))
    }

    /// Stores a value under a condition.
    pub(super) fn write_if(
        &self,
        key: Object<'_, '_>,
        value: Object<'_, '_>,
        ttl: Option<Object<'_, '_>>,
        condition: Required,
    ) -> PyResult<impl Operate + use<>> {
        let (key, lifetime) = (stored(key)?, optional(ttl)?);
        let transaction = match condition {
            Required::Absent => self.transaction().if_absent(key.clone()),
            Required::Present => self.transaction().if_exists(key.clone()),
            Required::Version(version) => self.transaction().if_version(key.clone(), Sequence(version)),
        };
        let pending = offered(|| {
            let given = Given::new(value, self.codec);
            self.db.commit(match lifetime {
                Some(lifetime) => transaction.set_ex(key, given, lifetime),
                None => transaction.set(key, given),
            })
        })?;
        Ok(answering(pending, sequence))
    }

    pub(super) fn remove(&self, key: Object<'_, '_>) -> PyResult<impl Operate + use<>> {
        Ok(answering(self.keys().delete(stored(key)?), plainly))
    }

    pub(super) fn remove_if_version(
        &self,
        key: Object<'_, '_>,
        version: u64,
    ) -> PyResult<impl Operate + use<>> {
        let pending = self.keys().delete_if_version(stored(key)?, Sequence(version));
        Ok(answering(pending, sequence))
    }

    pub(super) fn change_expiry(
        &self,
        key: Object<'_, '_>,
        ttl: Option<Object<'_, '_>>,
    ) -> PyResult<impl Operate + use<>> {
        let key = stored(key)?;
        let pending = match ttl {
            Some(ttl) => self.keys().expire(key, lifetime(ttl)?),
            None => self.keys().persist(key),
        };
        Ok(answering(pending, plainly))
    }

    /// Stores a value, and answers with what it has replaced in a tuple.
    pub(super) fn swapped(
        &self,
        key: Object<'_, '_>,
        value: Object<'_, '_>,
    ) -> PyResult<impl Operate + use<>> {
        let (key, codec) = (stored(key)?, self.codec);
        let pending = offered(|| self.keys().get_and_set(key, Given::new(value, codec)))?;
        Ok(answering(pending, move |py, document| replaced(py, document, codec)))
    }

    /// Removes a document, and answers with it in a tuple.
    pub(super) fn taken(&self, key: Object<'_, '_>) -> PyResult<impl Operate + use<>> {
        let codec = self.codec;
        let pending = self.keys().get_and_delete(stored(key)?);
        Ok(answering(pending, move |py, document| replaced(py, document, codec)))
    }

    /// Removes all documents in a range, and answers with how many there were.
    pub(super) fn erase(&self, range: Range) -> impl Operate + use<> {
        answering(self.keys().delete_range(range.ends()), plainly)
    }

    /// A transaction that begins in this collection.
    pub(super) fn transaction(&self) -> Transaction {
        match self.keys().name() {
            Some(name) => Transaction::new().in_collection(name),
            None => Transaction::new(),
        }
    }

    fn write_raw(&self, key: ferrumdb::Key, json: &[u8], lifetime: Option<Duration>) -> Pending<Sequence> {
        match lifetime {
            Some(lifetime) => self.keys().set_raw_ex(key, json, lifetime),
            None => self.keys().set_raw(key, json),
        }
    }
}

#[pymethods]
impl Collection {
    /// Stores a value as it is: a text stays a text.
    fn __setitem__(&self, py: Python<'_>, key: Object<'_, '_>, value: Object<'_, '_>) -> PyResult<()> {
        self.write(key, value, None, Texts::Literal)?.wait(py).map(drop)
    }

    fn __delitem__(&self, py: Python<'_>, key: Object<'_, '_>) -> PyResult<()> {
        if looked_up(key).is_none() || !self.remove(key)?.wait(py)?.is_truthy(py)? {
            return Err(PyKeyError::new_err((key.clone().unbind(),)));
        }
        Ok(())
    }
}

/// What a write may require of its key.
#[derive(Clone, Copy)]
pub(super) enum Required {
    Absent,
    Present,
    Version(u64),
}

/// The text of a value that is a JSON object or array.
pub(crate) fn json_document<'a>(value: &'a Bound<'_, PyAny>, texts: Texts) -> Option<&'a str> {
    if texts == Texts::Literal {
        return None;
    }
    let text = value.cast::<PyString>().ok()?.to_str().ok()?;
    if !text.trim_start_matches([' ', '\t', '\n', '\r']).starts_with(['{', '[']) {
        return None;
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    // How deep it may be is for the database to say.
    deserializer.disable_recursion_limit();
    let read = <IgnoredAny as serde::Deserialize>::deserialize(&mut deserializer);
    (read.is_ok() && deserializer.end().is_ok()).then_some(text)
}

/// Lends the bytes of a `bytes`, `bytearray`, `memoryview` or `str`.
pub(crate) fn with_bytes<T>(json: &Bound<'_, PyAny>, work: impl FnOnce(&[u8]) -> T) -> PyResult<T> {
    if let Ok(bytes) = json.cast::<PyBytes>() {
        return Ok(work(bytes.as_bytes()));
    }
    if let Ok(text) = json.cast::<PyString>() {
        return Ok(work(text.to_str()?.as_bytes()));
    }
    let bytes = json.py().get_type::<PyBytes>().call1((json
        .py()
        .import("builtins")?
        .getattr("memoryview")?
        .call1((json,))?,))?;
    Ok(work(bytes.cast::<PyBytes>()?.as_bytes()))
}

fn replaced(py: Python<'_>, document: Option<Document>, codec: Codec) -> PyResult<Py<PyAny>> {
    match document {
        Some(document) => plainly(py, (object(py, &document, codec)?,)),
        None => plainly(py, ()),
    }
}
