//! Owns reading: from the bytes of a document to Python objects. Never builds anything in between.

use ferrumdb::Document;
use jiter::{FloatMode, PartialMode, PythonParse, StringCacheMode, map_json_error};
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::{Codec, extended, objects};

/// The object that a document is.
pub(crate) fn object(py: Python<'_>, document: &Document, codec: Codec) -> PyResult<Py<PyAny>> {
    object_of_text(py, document.as_bytes(), codec)
}

/// The object that a document is, or the default if there is none.
#[inline]
pub(crate) fn object_or(
    py: Python<'_>,
    document: Option<Document>,
    codec: Codec,
    default: Option<Py<PyAny>>,
) -> PyResult<Py<PyAny>> {
    match document {
        Some(document) => object(py, &document, codec),
        None => Ok(default.unwrap_or_else(|| py.None())),
    }
}

/// The object that the document under a key is, or the error that there is none.
#[inline]
pub(crate) fn object_under(
    key: &Bound<'_, PyAny>,
    document: Option<Document>,
    codec: Codec,
) -> PyResult<Py<PyAny>> {
    match document {
        Some(document) => object(key.py(), &document, codec),
        None => Err(PyKeyError::new_err((key.clone().unbind(),))),
    }
}

/// The text of a document, or the default if there is none.
#[inline]
pub(crate) fn text_or(py: Python<'_>, document: Option<Document>, default: Option<Py<PyAny>>) -> Py<PyAny> {
    match document {
        Some(document) => PyBytes::new(py, document.as_bytes()).into_any().unbind(),
        None => default.unwrap_or_else(|| py.None()),
    }
}

/// The object that a JSON text is.
#[inline]
pub(crate) fn object_of_text(py: Python<'_>, json: &[u8], codec: Codec) -> PyResult<Py<PyAny>> {
    let object = match objects::read(py, json) {
        Some(object) => object,
        None => explained(py, json)?,
    };
    match codec {
        Codec::Extended if extended::may_be_in(json) => extended::revived(&object),
        _ => Ok(object.unbind()),
    }
}

/// Reads a text once more that could not be read, to say why.
#[cold]
fn explained<'py>(py: Python<'py>, json: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let parse = PythonParse {
        allow_inf_nan: false,
        cache_mode: StringCacheMode::None,
        partial_mode: PartialMode::Off,
        catch_duplicate_keys: false,
        float_mode: FloatMode::Float,
    };
    parse.python_parse(py, json).map_err(|error| map_json_error(json, &error))
}
