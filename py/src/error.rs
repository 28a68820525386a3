//! Owns how an error of the database becomes an exception: which class, and what it carries. Never changes its text.

use ferrumdb::{Error, ErrorKind};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyModule;

/// The exception for an error of the database.
pub(crate) fn raise(error: Error) -> PyErr {
    Python::attach(|py| {
        let class = class_of(error.kind());
        made(py, class, &error.to_string(), |exception| {
            exception.setattr("code", code_of(error.kind()))?;
            exception.setattr("key", error.key().map(|key| key.as_str()))?;
            exception.setattr("collection", error.collection().map(|name| name.as_str()))?;
            exception.setattr("path", error.path())?;
            exception.setattr("found", error.found().map(|found| found.0))
        })
    })
}

/// An exception of one of the package's classes, about nothing in particular.
pub(crate) fn raise_as(class: &str, code: &str, message: &str) -> PyErr {
    raise_about(class, code, message, None)
}

/// The same, about a key if there is one.
pub(crate) fn raise_about(class: &str, code: &str, message: &str, key: Option<&str>) -> PyErr {
    Python::attach(|py| {
        made(py, class, message, |exception| {
            exception.setattr("code", code)?;
            exception.setattr("key", key)
        })
    })
}

fn made(
    py: Python<'_>,
    class: &str,
    message: &str,
    fill: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<()>,
) -> PyErr {
    static MODULE: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let exception = || {
        let module = MODULE.get_or_try_init(py, || py.import("ferrumdb.errors").map(Bound::unbind))?;
        let exception = module.bind(py).getattr(class)?.call1((message,))?;
        fill(&exception)?;
        Ok(exception)
    };
    exception().map_or_else(|failed| failed, PyErr::from_value)
}

fn class_of(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Locked => "Locked",
        ErrorKind::IsADirectory | ErrorKind::NoSuchFolder | ErrorKind::AlreadyExists => "PathError",
        ErrorKind::NotADatabase => "NotADatabase",
        ErrorKind::UnsupportedFormat => "UnsupportedFormat",
        ErrorKind::KeyNeeded | ErrorKind::NotEncrypted | ErrorKind::WrongKey => "WrongKey",
        ErrorKind::Tampered | ErrorKind::Damaged => "Corrupt",
        ErrorKind::Io => "StorageError",
        ErrorKind::TooLarge => "TooLarge",
        ErrorKind::InvalidJson => "InvalidJSON",
        ErrorKind::NotSerializable => "NotSerializable",
        ErrorKind::TypeMismatch => "TypeMismatch",
        ErrorKind::Overflow => "Overflow",
        ErrorKind::IndexExists | ErrorKind::NoSuchIndex => "IndexProblem",
        ErrorKind::InvalidName | ErrorKind::InvalidPath | ErrorKind::InvalidConfig => "InvalidArgument",
        ErrorKind::Cancelled => "Cancelled",
        ErrorKind::Conflict => "Conflict",
        ErrorKind::InDoubt => "InDoubt",
        ErrorKind::Poisoned => "Poisoned",
        ErrorKind::ReadOnly => "ReadOnly",
        ErrorKind::Replaced => "Replaced",
        ErrorKind::Closed => "Closed",
        ErrorKind::Forked => "Forked",
        ErrorKind::HistoryDropped | ErrorKind::Lagged | ErrorKind::NoSuchCommit => "HistoryDropped",
        ErrorKind::WrongIncrement => "WrongIncrement",
        _ => "FerrumDBError",
    }
}

fn code_of(kind: ErrorKind) -> String {
    let mut code = String::new();
    for letter in format!("{kind:?}").chars() {
        if letter.is_ascii_uppercase() && !code.is_empty() {
            code.push('-');
        }
        code.push(letter.to_ascii_lowercase());
    }
    code
}
