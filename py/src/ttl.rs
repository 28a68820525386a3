//! Owns how lifetimes are given in Python: as seconds, or as a `timedelta`. Never reads a clock.

use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PyInt};

use crate::error::raise_as;
use crate::key::type_name;

/// The lifetime that an object stands for.
pub(crate) fn lifetime(ttl: &Bound<'_, PyAny>) -> PyResult<Duration> {
    let is_number = ttl.is_instance_of::<PyInt>() || ttl.is_instance_of::<PyFloat>();
    let seconds: f64 = if is_number && !ttl.is_instance_of::<PyBool>() {
        ttl.extract()?
    } else if ttl.hasattr("total_seconds")? {
        ttl.call_method0("total_seconds")?.extract()?
    } else {
        let message = format!("a ttl is a number of seconds or a timedelta, not {}", type_name(ttl));
        return Err(raise_as("InvalidType", "invalid-argument", &message));
    };
    if seconds.is_nan() || seconds < 0.0 {
        let message = format!("a ttl cannot be {seconds} seconds");
        return Err(raise_as("InvalidArgument", "invalid-argument", &message));
    }
    // Beyond all time is for ever.
    Ok(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

/// The lifetime, if there is one.
pub(crate) fn optional(ttl: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Duration>> {
    ttl.map(lifetime).transpose()
}

/// What is left of a lifetime, in seconds: infinitely many, if it never ends.
pub(crate) fn left(ttl: ferrumdb::Ttl) -> f64 {
    match ttl {
        ferrumdb::Ttl::ExpiresIn(time) => time.as_secs_f64(),
        ferrumdb::Ttl::Never => f64::INFINITY,
    }
}
