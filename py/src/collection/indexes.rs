//! Owns the calls about indexes, and finding by fields. Never decides whether an index answers.

use ferrumdb::{Document, ErrorKind, FieldPath, Key};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};
use serde_json::Value;

use super::Collection;
use super::writes::Object;
use crate::error::{raise, raise_as};
use crate::json::{Codec, object, operand};
use crate::key::type_name;
use crate::operation::{Operate, answering, judging, sequence};
use crate::waiting::long_read;

/// So many documents are looked at without asking another thread to.
const DOCUMENTS_SOON_SEEN: u64 = 1_000;

impl Collection {
    pub(super) fn make_index(&self, field: Object<'_, '_>, exist_ok: bool) -> PyResult<impl Operate + use<>> {
        let pending = self.keys().create_index(field_path(field)?);
        Ok(judging(pending, move |py, outcome| match outcome {
            Err(error) if exist_ok && error.kind() == ErrorKind::IndexExists => Ok(py.None()),
            outcome => sequence(py, outcome.map_err(raise)?),
        }))
    }

    pub(super) fn unmake_index(&self, field: Object<'_, '_>) -> PyResult<impl Operate + use<>> {
        Ok(answering(self.keys().drop_index(field_path(field)?), sequence))
    }

    /// Looks for documents: by a snapshot that can be cancelled, if each of many is to be looked at.
    fn look_for<T: Send + 'static>(
        &self,
        py: Python<'_>,
        (path, value): (FieldPath, Value),
        find: fn(&ferrumdb::Collection, FieldPath, &Value) -> ferrumdb::Result<T>,
        find_by: fn(&ferrumdb::Snapshot, FieldPath, &Value) -> ferrumdb::Result<T>,
    ) -> PyResult<T> {
        let keys = self.keys();
        let is_quick = py.detach(|| {
            let has_index = || keys.indexes().map(|all| all.iter().any(|index| index.path == path));
            Ok(keys.count()? <= DOCUMENTS_SOON_SEEN || has_index()?)
        });
        if is_quick.map_err(raise)? {
            return py.detach(|| find(keys, path, &value)).map_err(raise);
        }
        let now = self.snapshot()?.look()?;
        long_read(py, &now, move |now| find_by(now, path, &value))
    }
}

#[pymethods]
impl Collection {
    /// The keys of the documents whose field equals a value.
    #[pyo3(signature = (field, value, *, exact = false))]
    fn find<'py>(
        &self,
        py: Python<'py>,
        field: Object<'_, '_>,
        value: Object<'_, '_>,
        exact: bool,
    ) -> PyResult<Bound<'py, PyList>> {
        let asked = (field_path(field)?, wanted(value, exact, self.codec)?);
        let found = self.look_for(py, asked, ferrumdb::Collection::find, ferrumdb::Snapshot::find)?;
        list_of_keys(py, &found)
    }

    /// The same with the documents, as they were at one moment.
    #[pyo3(signature = (field, value, *, exact = false))]
    fn find_items<'py>(
        &self,
        py: Python<'py>,
        field: Object<'_, '_>,
        value: Object<'_, '_>,
        exact: bool,
    ) -> PyResult<Bound<'py, PyList>> {
        let asked = (field_path(field)?, wanted(value, exact, self.codec)?);
        let (find, find_by) = (ferrumdb::Collection::find_documents, ferrumdb::Snapshot::find_documents);
        let found = self.look_for(py, asked, find, find_by)?;
        list_of_items(py, &found, self.codec)
    }

    /// The indexes: the field of each, and what is known of it.
    fn indexes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        indexes_of(py, &self.keys().indexes().map_err(raise)?)
    }
}

/// The field that a text or a list of names stands for.
pub(crate) fn field_path(field: &Bound<'_, PyAny>) -> PyResult<FieldPath> {
    let path = match field.cast::<PyString>() {
        Ok(text) => FieldPath::parse(text.to_str()?),
        Err(_) => match field.extract::<Vec<String>>() {
            Ok(segments) => FieldPath::from_segments(segments),
            Err(_) => {
                let message = format!("a field is a str or a list of str, not {}", type_name(field));
                return Err(raise_as("InvalidType", "invalid-path", &message));
            }
        },
    };
    path.map_err(|error| raise(error.into()))
}

/// The value that is looked for. A text that is a quoted JSON string stands for that string, unless it is to be exact.
pub(crate) fn wanted(value: &Bound<'_, PyAny>, exact: bool, codec: Codec) -> PyResult<Value> {
    if !exact
        && let Ok(text) = value.cast::<PyString>()
        && let Ok(text) = text.to_str()
        && text.starts_with('"')
        && let Ok(unquoted) = serde_json::from_str::<String>(text)
    {
        return Ok(Value::String(unquoted));
    }
    operand(value, codec)
}

pub(crate) fn list_of_keys<'py>(py: Python<'py>, keys: &[Key]) -> PyResult<Bound<'py, PyList>> {
    PyList::new(py, keys.iter().map(Key::as_str))
}

pub(crate) fn list_of_items<'py>(
    py: Python<'py>,
    items: &[(Key, Document)],
    codec: Codec,
) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for (key, document) in items {
        py.check_signals()?;
        list.append((key.as_str(), object(py, document, codec)?))?;
    }
    Ok(list)
}

pub(crate) fn indexes_of<'py>(
    py: Python<'py>,
    indexes: &[ferrumdb::IndexInfo],
) -> PyResult<Bound<'py, PyDict>> {
    let found = PyDict::new(py);
    for index in indexes {
        let known = PyDict::new(py);
        known.set_item("entries", index.entries)?;
        known.set_item("bytes", index.bytes)?;
        known.set_item("uses", index.uses)?;
        found.set_item(index.path.to_string(), known)?;
    }
    Ok(found)
}
