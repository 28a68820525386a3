//! Owns reading: from the bytes of a document to Python objects. Never builds anything in between.

use ferrumdb::Document;
use jiter::{FloatMode, PartialMode, PythonParse, StringCacheMode, map_json_error};
use pyo3::prelude::*;

use super::{Codec, extended};

/// The object that a document is.
pub(crate) fn object(py: Python<'_>, document: &Document, codec: Codec) -> PyResult<Py<PyAny>> {
    object_of_text(py, document.as_bytes(), codec)
}

/// The object that a JSON text is.
#[inline]
pub(crate) fn object_of_text(py: Python<'_>, json: &[u8], codec: Codec) -> PyResult<Py<PyAny>> {
    let parse = PythonParse {
        allow_inf_nan: false,
        cache_mode: StringCacheMode::All,
        partial_mode: PartialMode::Off,
        catch_duplicate_keys: false,
        float_mode: FloatMode::Float,
    };
    let object = parse.python_parse(py, json).map_err(|error| map_json_error(json, &error))?;
    match codec {
        Codec::Extended if extended::may_be_in(json) => extended::revived(&object),
        _ => Ok(object.unbind()),
    }
}
