//! Owns how Python objects become keys. Never makes a key of what is no text.

use ferrumdb::Key;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::error::raise_as;

/// The key that an object stands for, to look it up: none, if it is no text that could be one.
pub(crate) fn looked_up<'a>(key: &'a Bound<'_, PyAny>) -> Option<&'a str> {
    key.cast::<PyString>().ok()?.to_str().ok()
}

/// The key to store something under.
pub(crate) fn stored(key: &Bound<'_, PyAny>) -> PyResult<Key> {
    let Ok(text) = key.cast::<PyString>() else {
        let message = format!("a key is a str, not {}", type_name(key));
        return Err(raise_as("InvalidKey", "invalid-key", &message));
    };
    match text.to_str() {
        Ok(text) => Ok(Key::from(text)),
        Err(_) => Err(raise_as(
            "NonFinite",
            "not-serializable",
            "the key holds a lone surrogate, which is no character and has no UTF-8 form",
        )),
    }
}

/// The name of an object's type, for messages.
pub(crate) fn type_name(value: &Bound<'_, PyAny>) -> String {
    value.get_type().name().map_or_else(|_| "an object".to_owned(), |name| name.to_string())
}
