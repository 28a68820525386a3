//! Owns the walk over a dict from entry to entry. Never counts a reference that nobody can take away meanwhile.

use std::ptr::null_mut;

use pyo3::Borrowed;
use pyo3::ffi::{Py_ssize_t, PyDict_Next};
use pyo3::prelude::*;
use pyo3::sync::critical_section::with_critical_section;
use pyo3::types::{PyBool, PyDict, PyFloat, PyString};

/// Where no lock of the interpreter keeps others out, they may take away anything at any time.
const LENDS: bool = cfg!(not(Py_GIL_DISABLED));

/// The entries of a dict as they come.
pub(super) struct Entries<'a, 'py> {
    dict: &'a Bound<'py, PyDict>,
    len: usize,
    given: usize,
    place: Py_ssize_t,
    /// Whether code of Python may have run since the last entry.
    may_have_changed: bool,
    has_changed: bool,
}

/// A name and its value.
pub(super) struct Entry<'a, 'py> {
    pub(super) name: Borrowed<'a, 'py, PyAny>,
    pub(super) value: Borrowed<'a, 'py, PyAny>,
    /// The references that keep them, unless they are lent.
    own: Option<(Bound<'py, PyAny>, Bound<'py, PyAny>)>,
}

impl<'a, 'py> Entries<'a, 'py> {
    pub(super) fn of(dict: &'a Bound<'py, PyDict>) -> Self {
        Self { dict, len: dict.len(), given: 0, place: 0, may_have_changed: false, has_changed: false }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Whether the dict was changed beneath the walk, which is over then.
    pub(super) fn has_changed(&self) -> bool {
        self.has_changed
    }

    /// The next entry, until there is none. One whose value is a text, a float, a bool or None is lent: to count references to
    /// these took a tenth of the time in which a document was written.
    ///
    /// # Safety
    /// Until an entry that is lent is dropped, no code of Python may run, nor may anything be let go of.
    #[inline(always)]
    #[expect(unsafe_code, reason = "the safe walk counts two references for each entry")]
    pub(super) unsafe fn next(&mut self) -> Option<Entry<'a, 'py>> {
        if self.may_have_changed && self.dict.len() != self.len {
            self.has_changed = true;
            return None;
        }
        let (dict, place) = (self.dict, &mut self.place);
        let entry = with_critical_section(dict, || {
            let (mut name, mut value) = (null_mut(), null_mut());
            // SAFETY: it is a dict, and there is room for what is told.
            if unsafe { PyDict_Next(dict.as_ptr(), place, &raw mut name, &raw mut value) } == 0 {
                return None;
            }
            // SAFETY: the dict holds both for as long as nobody changes it. To that the caller sees where they are lent; the
            // others get references of their own before anybody can.
            let (name, value) =
                unsafe { (Borrowed::from_ptr(dict.py(), name), Borrowed::from_ptr(dict.py(), value)) };
            let own = (!is_lent(&name, &value)).then(|| (name.to_owned(), value.to_owned()));
            Some(Entry { name, value, own })
        });
        // More than there were, or fewer.
        self.has_changed = entry.is_some() == (self.given == self.len);
        let entry = entry.filter(|_| !self.has_changed)?;
        self.given += 1;
        self.may_have_changed = entry.own.is_some();
        Some(entry)
    }
}

#[inline]
fn is_lent(name: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> bool {
    LENDS
        && name.is_exact_instance_of::<PyString>()
        && (value.is_exact_instance_of::<PyString>()
            || value.is_exact_instance_of::<PyFloat>()
            || value.is_exact_instance_of::<PyBool>()
            || value.is_none())
}
