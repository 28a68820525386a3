//! Owns the JSON forms of what JSON has not: times, bytes and decimals, as objects of one key. Never reads a form back as
//! anything but what was stored.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyByteArray, PyBytes, PyDict, PyList, PyString, PyType};

const DATE: &str = "$date";
const BINARY: &str = "$binary";
const DECIMAL: &str = "$decimal";
/// An object of the user's that looks like a form, under this key.
pub(super) const LITERAL: &str = "$literal";
const NAMES: [&str; 4] = [DATE, BINARY, DECIMAL, LITERAL];

/// The form of an object: the key that says what it is, and its text. None, if it has none.
pub(super) fn form(value: &Bound<'_, PyAny>) -> PyResult<Option<(&'static str, String)>> {
    let py = value.py();
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(Some((BINARY, base64(py, bytes.as_any())?)));
    }
    if value.is_instance_of::<PyByteArray>() {
        return Ok(Some((BINARY, base64(py, value)?)));
    }
    // Nothing can be of a type whose module nobody has imported.
    let modules = py.import("sys")?.getattr("modules")?;
    let modules = modules.cast::<PyDict>()?;
    if modules.contains("datetime")? && value.is_instance(date_type(py)?.as_any())? {
        return Ok(Some((DATE, value.call_method0("isoformat")?.extract()?)));
    }
    if modules.contains("decimal")? && value.is_instance(decimal_type(py)?.as_any())? {
        return Ok(Some((DECIMAL, value.str()?.extract()?)));
    }
    Ok(None)
}

/// Whether a dict would be read back as something else.
pub(super) fn looks_like_one(dict: &Bound<'_, PyDict>) -> bool {
    dict.len() == 1 && NAMES.iter().any(|name| dict.contains(*name).unwrap_or(false))
}

/// Whether a text may hold a form. Most do not, and need no second look.
pub(super) fn may_be_in(json: &[u8]) -> bool {
    json.windows(3).any(|three| three == b"{\"$")
}

/// The object with all forms in it read back.
pub(super) fn revived(object: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    if let Ok(list) = object.cast::<PyList>() {
        for index in 0..list.len() {
            let item = list.get_item(index)?;
            list.set_item(index, revived(&item)?)?;
        }
    } else if let Ok(dict) = object.cast::<PyDict>() {
        if dict.len() == 1
            && let Some((name, value)) = dict.iter().next()
        {
            let name = name.cast::<PyString>()?.to_str()?;
            if name == LITERAL && value.is_instance_of::<PyDict>() {
                return revived_fields(value.cast()?);
            }
            // What is no form, for another writer has stored it, is what it is.
            if let Ok(text) = value.cast::<PyString>()
                && let Some(Ok(read)) = read_form(name, text)
            {
                return Ok(read.unbind());
            }
        }
        return revived_fields(dict);
    }
    Ok(object.clone().unbind())
}

fn revived_fields(dict: &Bound<'_, PyDict>) -> PyResult<Py<PyAny>> {
    for (name, value) in dict.copy()?.iter() {
        dict.set_item(name, revived(&value)?)?;
    }
    Ok(dict.clone().into_any().unbind())
}

fn read_form<'py>(name: &str, text: &Bound<'py, PyString>) -> Option<PyResult<Bound<'py, PyAny>>> {
    match name {
        DATE => Some(time(text)),
        BINARY => {
            Some(text.py().import("binascii").and_then(|module| module.call_method1("a2b_base64", (text,))))
        }
        DECIMAL => Some(decimal_type(text.py()).and_then(|class| class.call1((text,)))),
        _ => None,
    }
}

fn time<'py>(text: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
    let (py, text) = (text.py(), text.to_str()?);
    let class = if text.contains('T') { "datetime" } else { "date" };
    let class = py.import("datetime")?.getattr(class)?;
    match text.strip_suffix('Z') {
        // As other languages write it, and as CPython reads it only from 3.11 on.
        Some(time) => class.call_method1("fromisoformat", (format!("{time}+00:00"),)),
        None => class.call_method1("fromisoformat", (text,)),
    }
}

fn base64(py: Python<'_>, bytes: &Bound<'_, PyAny>) -> PyResult<String> {
    let options = PyDict::new(py);
    options.set_item("newline", false)?;
    let encoded = py.import("binascii")?.call_method("b2a_base64", (bytes,), Some(&options))?;
    encoded.call_method1("decode", ("ascii",))?.extract()
}

fn date_type(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    // A datetime is a date, too.
    static DATE: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    DATE.import(py, "datetime", "date")
}

fn decimal_type(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static DECIMAL: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    DECIMAL.import(py, "decimal", "Decimal")
}
