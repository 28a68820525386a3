//! Owns making Python's objects of the values of a text, as they come. Never says what is wrong with one that is no JSON.

use jiter::{Jiter, JiterError, Peek};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyList, PyString};

use super::names::Names;

/// No database holds a deeper document.
const DEPTH_MAX: usize = 256;

/// The object that a text is. Nothing, if it is none that a database would hold.
#[inline]
pub(super) fn read<'py>(py: Python<'py>, json: &[u8]) -> Option<Bound<'py, PyAny>> {
    let mut text = Text { py, json: Jiter::new(json), names: Names::take() };
    let object = text.whole();
    text.names.keep();
    object.ok()
}

struct Text<'j, 'py> {
    py: Python<'py>,
    json: Jiter<'j>,
    names: Names,
}

/// Why there is no object.
struct Unread;

type Read<'py> = Result<Bound<'py, PyAny>, Unread>;

impl<'py> Text<'_, 'py> {
    #[inline]
    fn whole(&mut self) -> Read<'py> {
        let first = self.json.peek()?;
        let object = self.value(first, 0)?;
        self.json.finish()?;
        Ok(object)
    }

    fn value(&mut self, first: Peek, depth: usize) -> Read<'py> {
        let py = self.py;
        match first {
            Peek::String => Ok(PyString::new(py, self.json.known_str()?).into_any()),
            Peek::Object if depth < DEPTH_MAX => self.object(depth + 1),
            Peek::Array if depth < DEPTH_MAX => self.array(depth + 1),
            Peek::True | Peek::False => {
                Ok(PyBool::new(py, self.json.known_bool(first)?).to_owned().into_any())
            }
            Peek::Null => {
                self.json.known_null()?;
                Ok(py.None().into_bound(py))
            }
            _ => Ok(self.json.known_number(first)?.into_pyobject(py)?.into_any()),
        }
    }

    fn object(&mut self, depth: usize) -> Read<'py> {
        let dict = PyDict::new(self.py);
        let mut name = self.json.known_object()?;
        while let Some(text) = name {
            let named = self.names.next(self.py, text);
            let first = self.json.peek()?;
            let value = self.value(first, depth)?;
            dict.set_item(self.names.object(self.py, &named), value)?;
            name = self.json.next_key()?;
        }
        Ok(dict.into_any())
    }

    fn array(&mut self, depth: usize) -> Read<'py> {
        let list = PyList::empty(self.py);
        let mut next = self.json.known_array()?;
        while let Some(first) = next {
            list.append(self.value(first, depth)?)?;
            next = self.json.array_step()?;
        }
        Ok(list.into_any())
    }
}

impl From<JiterError> for Unread {
    fn from(_: JiterError) -> Self {
        Self
    }
}

impl From<PyErr> for Unread {
    fn from(_: PyErr) -> Self {
        Self
    }
}
