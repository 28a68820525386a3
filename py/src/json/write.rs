//! Owns writing: from Python objects to the text that is kept, on one way, without anything in between. Never stores what
//! would not be read back as the same.

use std::cell::Cell;
use std::ops::Bound as End;

use ferrumdb::{Error, ErrorKind, Pending};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::type_object::PyTypeInfo;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::Value;

use super::entries::Entries;
use super::{Codec, extended};
use crate::error::{raise, raise_about};
use crate::key::type_name;

/// What is wrong with a value, beyond what the text of its error says.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Type,
    Range,
    Value,
    Depth,
}

/// No database holds a deeper document. What writes one has a limit of its own, which is never above this one; what makes
/// a value to compare with has none, and would go round in a cycle until the stack ends.
const DEPTH_MAX: usize = 256;

thread_local! {
    /// The fault of the value that this thread is serialising, once it has failed.
    static FAULT: Cell<Option<Fault>> = const { Cell::new(None) };
}

/// A Python object that is to be stored.
pub(crate) struct Given<'a, 'py> {
    value: &'a Bound<'py, PyAny>,
    codec: Codec,
    /// How many lists and objects it lies in.
    depth: usize,
}

impl<'a, 'py> Given<'a, 'py> {
    pub(crate) fn new(value: &'a Bound<'py, PyAny>, codec: Codec) -> Self {
        Self { value, codec, depth: 0 }
    }

    fn inner<'b>(&self, value: &'b Bound<'py, PyAny>) -> Given<'b, 'py> {
        Given { value, codec: self.codec, depth: self.depth + 1 }
    }

    fn check_depth<E: serde::ser::Error>(&self) -> Result<(), E> {
        if self.depth < DEPTH_MAX {
            return Ok(());
        }
        Err(failed(Fault::Depth, format_args!("the value is nested deeper than {DEPTH_MAX} levels")))
    }

    fn dict<S: Serializer>(&self, dict: &Bound<'py, PyDict>, serializer: S) -> Result<S::Ok, S::Error> {
        self.check_depth()?;
        let fields = Fields { dict, of: self };
        if self.codec == Codec::Extended && extended::looks_like_one(dict) {
            let mut map = serializer.serialize_map(Some(1))?;
            map.serialize_entry(extended::LITERAL, &fields)?;
            return map.end();
        }
        fields.serialize(serializer)
    }

    fn items<S: Serializer>(
        &self,
        items: impl ExactSizeIterator<Item = Bound<'py, PyAny>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        self.check_depth()?;
        let mut written = serializer.serialize_seq(Some(items.len()))?;
        for item in items {
            written.serialize_element(&self.inner(&item))?;
        }
        written.end()
    }

    /// What is of a type made of one of these, and tuples.
    fn derived<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value = self.value;
        if let Ok(text) = value.cast::<PyString>() {
            serializer.serialize_str(utf8(text)?)
        } else if let Ok(integer) = value.cast::<PyInt>() {
            whole(integer, serializer)
        } else if let Ok(dict) = value.cast::<PyDict>() {
            self.dict(dict, serializer)
        } else if let Ok(list) = value.cast::<PyList>() {
            self.items(list.iter(), serializer)
        } else if let Ok(tuple) = value.cast::<PyTuple>() {
            self.items(tuple.iter(), serializer)
        } else if let Ok(float) = value.cast::<PyFloat>() {
            finite(float, serializer)
        } else {
            self.other(serializer)
        }
    }

    /// What has no form in JSON.
    #[cold]
    fn other<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match extended::form(self.value).map_err(|error| failed(Fault::Type, error))? {
            Some((name, text)) if self.codec == Codec::Extended => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry(name, &text)?;
                map.end()
            }
            form => {
                let advice = match form {
                    Some(_) => "; open the database with codec=\"extended\" to store it",
                    None => "; store a str, a number, a bool, None, a list or a dict of them",
                };
                let message = format!("JSON has no form for {}{advice}", type_name(self.value));
                Err(failed(Fault::Type, message))
            }
        }
    }
}

impl Serialize for Given<'_, '_> {
    /// Nearly everything is of one of these types itself, which one comparison tells.
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value = self.value;
        if let Some(text) = exactly::<PyString>(value) {
            serializer.serialize_str(utf8(text)?)
        } else if let Some(integer) = exactly::<PyInt>(value) {
            whole(integer, serializer)
        } else if let Some(float) = exactly::<PyFloat>(value) {
            finite(float, serializer)
        } else if let Some(truth) = exactly::<PyBool>(value) {
            serializer.serialize_bool(truth.is_true())
        } else if value.is_none() {
            serializer.serialize_unit()
        } else if let Some(dict) = exactly::<PyDict>(value) {
            self.dict(dict, serializer)
        } else if let Some(list) = exactly::<PyList>(value) {
            self.items(list.iter(), serializer)
        } else {
            self.derived(serializer)
        }
    }
}

/// The same, if it is of this type itself. An attempt to cast that fails is an error, which is made and dropped at ten times
/// the price of the look.
#[inline]
fn exactly<'a, 'py, T: PyTypeInfo>(value: &'a Bound<'py, PyAny>) -> Option<&'a Bound<'py, T>> {
    if value.is_exact_instance_of::<T>() { value.cast_exact().ok() } else { None }
}

/// The fields of a dict.
struct Fields<'a, 'py> {
    dict: &'a Bound<'py, PyDict>,
    of: &'a Given<'a, 'py>,
}

impl Serialize for Fields<'_, '_> {
    #[inline]
    #[expect(unsafe_code, reason = "to count references to what nobody can take away is a tenth of all work")]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut entries = Entries::of(self.dict);
        let mut map = serializer.serialize_map(Some(entries.len()))?;
        // SAFETY: a text, a float, a bool and None are written without code of Python. What cannot be written raises an
        // exception after the last look at it.
        while let Some(entry) = unsafe { entries.next() } {
            map.serialize_entry(field_name(&entry.name)?, &self.of.inner(&entry.value))?;
        }
        // As by the code of a value in it that says what it is.
        if entries.has_changed() {
            return Err(failed(Fault::Type, "the dict is changed while it is stored"));
        }
        map.end()
    }
}

/// Offers a write of a value that is `Given`. A value that cannot be stored is told here, before anybody waits.
pub(crate) fn offered<T>(offer: impl FnOnce() -> Pending<T>) -> PyResult<Pending<T>> {
    FAULT.take();
    let pending = offer();
    match FAULT.get() {
        None => Ok(pending),
        // The call has failed, so there is nothing to wait for.
        Some(_) => {
            Err(pending.wait().map_or_else(refused, |_| PyRuntimeError::new_err("a fault was overlooked")))
        }
    }
}

/// The exception for a value that could not be stored, or for any other error of the call that was to do it.
pub(crate) fn refused(error: Error) -> PyErr {
    match (FAULT.take(), error.kind()) {
        (Some(fault), ErrorKind::NotSerializable) => {
            fault.raised(&error.to_string(), error.key().map(|key| key.as_str()))
        }
        _ => raise(error),
    }
}

/// A value to compare with what is stored.
pub(crate) fn operand(value: &Bound<'_, PyAny>, codec: Codec) -> PyResult<Value> {
    FAULT.take();
    serde_json::to_value(Given::new(value, codec))
        .map_err(|error| FAULT.take().unwrap_or(Fault::Type).raised(&error.to_string(), None))
}

/// The bounds of a range of values, where they are given: the first is in it, the last is not.
pub(crate) fn field_bounds(
    start: Option<&Bound<'_, PyAny>>,
    end: Option<&Bound<'_, PyAny>>,
    codec: Codec,
) -> PyResult<(End<Value>, End<Value>)> {
    let bound = |value: Option<&Bound<'_, PyAny>>, bound: fn(Value) -> End<Value>| {
        value.map_or(Ok(End::Unbounded), |value| operand(value, codec).map(bound))
    };
    Ok((bound(start, End::Included)?, bound(end, End::Excluded)?))
}

impl Fault {
    fn raised(self, message: &str, key: Option<&str>) -> PyErr {
        let (class, code) = match self {
            Self::Type => ("NotSerializable", "not-serializable"),
            Self::Range => ("OutOfRange", "not-serializable"),
            Self::Value => ("NonFinite", "not-serializable"),
            Self::Depth => ("TooLarge", "too-large"),
        };
        raise_about(class, code, message, key)
    }
}

fn whole<S: Serializer>(integer: &Bound<'_, PyInt>, serializer: S) -> Result<S::Ok, S::Error> {
    if let Ok(signed) = integer.extract::<i64>() {
        serializer.serialize_i64(signed)
    } else if let Ok(unsigned) = integer.extract::<u64>() {
        serializer.serialize_u64(unsigned)
    } else {
        Err(failed(Fault::Range, "the integer is outside -2**63..2**64-1; store a str instead"))
    }
}

fn finite<S: Serializer>(float: &Bound<'_, PyFloat>, serializer: S) -> Result<S::Ok, S::Error> {
    match float.value() {
        number if number.is_finite() => serializer.serialize_f64(number),
        number => Err(failed(Fault::Value, format!("JSON has no number for {number}; store None or a str"))),
    }
}

#[inline]
fn field_name<'a, E: serde::ser::Error>(name: &'a Bound<'_, PyAny>) -> Result<&'a str, E> {
    match name.cast::<PyString>() {
        Ok(text) => utf8(text),
        Err(_) => Err(failed(Fault::Type, format!("a key of an object is a str, not {}", type_name(name)))),
    }
}

fn utf8<'a, E: serde::ser::Error>(text: &'a Bound<'_, PyString>) -> Result<&'a str, E> {
    text.to_str().map_err(|_| {
        failed(Fault::Value, "the str holds a lone surrogate, which is no character and has no UTF-8 form")
    })
}

#[cold]
fn failed<E: serde::ser::Error>(fault: Fault, message: impl std::fmt::Display) -> E {
    FAULT.set(Some(fault));
    E::custom(message)
}
