//! Owns the names of the fields that this thread has read last, as Python's texts, since most documents are like the one
//! before. Never makes two texts of a name that comes again and again.

use std::cell::Cell;

use jiter::cached_py_string;
use pyo3::prelude::*;
use pyo3::types::PyString;

/// Of so many names of a document it is remembered where they come, and of none that is longer.
const NAMES_MAX: usize = 64;
const NAME_BYTES_MAX: usize = 64;

thread_local! {
    static LAST: Cell<Vec<Name>> = const { Cell::new(Vec::new()) };
}

/// Names in the order in which a document has them.
pub(super) struct Names {
    last: Vec<Name>,
    next: usize,
}

struct Name {
    text: Box<str>,
    object: Py<PyString>,
}

/// A name that was looked for.
pub(super) enum Named<'py> {
    At(usize),
    Own(Bound<'py, PyString>),
}

impl Names {
    /// Those of this thread. They are taken, not borrowed: making objects may run code that reads another document.
    #[inline]
    pub(super) fn take() -> Self {
        // A thread that is ending has none.
        Self { last: LAST.try_with(Cell::take).unwrap_or_default(), next: 0 }
    }

    pub(super) fn keep(self) {
        let _ = LAST.try_with(|last| last.set(self.last));
    }

    /// The next name of the document.
    #[inline]
    pub(super) fn next<'py>(&mut self, py: Python<'py>, text: &str) -> Named<'py> {
        let at = self.next;
        self.next += 1;
        match self.last.get(at) {
            Some(name) if *name.text == *text => Named::At(at),
            _ => self.other(py, at, text),
        }
    }

    #[inline]
    pub(super) fn object<'a, 'py>(
        &'a self,
        py: Python<'py>,
        named: &'a Named<'py>,
    ) -> &'a Bound<'py, PyString> {
        match named {
            Named::At(at) => self.last[*at].object.bind(py),
            Named::Own(object) => object,
        }
    }

    /// A name that another one has had the place of.
    #[cold]
    fn other<'py>(&mut self, py: Python<'py>, at: usize, text: &str) -> Named<'py> {
        let object = cached_py_string(py, text);
        if at >= NAMES_MAX || text.len() > NAME_BYTES_MAX || at > self.last.len() {
            return Named::Own(object);
        }
        let name = Name { text: text.into(), object: object.unbind() };
        if at < self.last.len() {
            self.last[at] = name;
        } else {
            self.last.push(name);
        }
        Named::At(at)
    }
}
