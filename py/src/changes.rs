//! Owns watching what is committed: an iterator that waits without the interpreter. Never keeps a database open.

use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use ferrumdb::{ChangeKind, Document};
use futures_core::Stream;
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::completions::Completions;
use crate::error::raise;
use crate::json::{Codec, object};
use crate::snapshot::seconds;
use crate::ttl::optional;
use crate::waiting::SLICE;

/// One change of one key, as it was committed, or the drop of a collection.
#[pyclass(frozen, get_all, module = "ferrumdb")]
pub(crate) struct Change {
    /// The number of its commit.
    sequence: u64,
    /// The time of its commit, in seconds since 1970.
    time: f64,
    /// The name of the key's collection: None for the root.
    collection: Option<String>,
    /// The key: an empty one, if the collection was dropped.
    key: String,
    /// "set", "deleted", "expired" or "dropped".
    kind: &'static str,
    /// The value before, if it was asked for and there was one.
    before: Option<Py<PyAny>>,
    /// The value from then on, if it was asked for and there is one.
    after: Option<Py<PyAny>>,
    /// When that expires, in seconds since 1970, if it does.
    expires_at: Option<f64>,
    /// Whether no more change of its commit follows, of those that are wanted.
    ends_commit: bool,
}

impl Change {
    fn of(py: Python<'_>, change: ferrumdb::Change, codec: Codec) -> PyResult<Self> {
        let value =
            |document: Option<Document>| document.map(|document| object(py, &document, codec)).transpose();
        Ok(Self {
            sequence: change.sequence.0,
            time: seconds(change.time),
            collection: change.collection.map(String::from),
            key: change.key.into(),
            kind: kind(change.kind),
            before: value(change.before)?,
            after: value(change.after)?,
            expires_at: change.expires_at.map(seconds),
            ends_commit: change.ends_commit,
        })
    }
}

#[pymethods]
impl Change {
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        use pyo3::types::PyString;
        let key = PyString::new(py, &self.key).repr()?;
        Ok(format!("<Change {} {} of commit {}>", self.kind, key, self.sequence))
    }
}

/// Changes, in the order in which they were committed. It ends when the database is closed.
#[pyclass(frozen, module = "ferrumdb")]
pub(crate) struct Changes {
    /// None once it is closed, or while a thread waits.
    inner: Mutex<Place>,
    codec: Codec,
}

enum Place {
    Free(Box<ferrumdb::Changes>),
    Busy,
    Closed,
}

impl Changes {
    pub(crate) fn new(changes: ferrumdb::Changes, codec: Codec) -> Self {
        Self { inner: Mutex::new(Place::Free(Box::new(changes))), codec }
    }

    fn replaced(&self, place: Place) -> Place {
        std::mem::replace(&mut *self.inner.lock().unwrap_or_else(PoisonError::into_inner), place)
    }

    /// Puts the feed back, unless somebody has closed it meanwhile.
    fn give_back(&self, changes: Box<ferrumdb::Changes>) {
        let mut place = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*place, Place::Busy) {
            *place = Place::Free(changes);
        }
    }

    /// The next change within so long; without a time, until the feed ends.
    fn wait(&self, py: Python<'_>, time: Option<Duration>) -> PyResult<Option<Change>> {
        let mut changes = match self.replaced(Place::Busy) {
            Place::Free(changes) => changes,
            Place::Closed => {
                self.replaced(Place::Closed);
                return Ok(None);
            }
            Place::Busy => return Err(PyRuntimeError::new_err("another thread waits for these changes")),
        };
        let deadline = time.and_then(|time| Instant::now().checked_add(time));
        let told = loop {
            let left = deadline.map_or(SLICE, |end| end.saturating_duration_since(Instant::now()).min(SLICE));
            match py.detach(|| (changes.next_within(left), changes.has_ended())) {
                (Ok(Some(change)), _) => break Change::of(py, change, self.codec).map(Some),
                (Err(error), _) => break Err(raise(error)),
                (Ok(None), true) => break Ok(None),
                (Ok(None), false) if deadline.is_some_and(|end| Instant::now() >= end) => break Ok(None),
                (Ok(None), false) => {}
            }
            if let Err(interrupt) = py.check_signals() {
                break Err(interrupt);
            }
            if matches!(*self.inner.lock().unwrap_or_else(PoisonError::into_inner), Place::Closed) {
                break Ok(None);
            }
        };
        self.give_back(changes);
        told
    }
}

#[pymethods]
impl Changes {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Change>> {
        self.wait(py, None)
    }

    /// The next change, if there is one within this time: at once, unless it is said otherwise. None, if there is none.
    #[pyo3(signature = (timeout = None))]
    fn poll(&self, py: Python<'_>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Change>> {
        self.wait(py, Some(optional(timeout)?.unwrap_or_default()))
    }

    /// The newest commit of which everything was told: where `changes(since=...)` may go on. None while a thread waits, and
    /// after the end.
    #[getter]
    fn sequence(&self) -> Option<u64> {
        match &*self.inner.lock().unwrap_or_else(PoisonError::into_inner) {
            Place::Free(changes) => Some(changes.sequence().0),
            Place::Busy | Place::Closed => None,
        }
    }

    /// Ends it, also for a thread that waits.
    fn close(&self) {
        self.replaced(Place::Closed);
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_error))]
    fn __exit__(&self, _error: &Bound<'_, pyo3::types::PyTuple>) {
        self.close();
    }
}

/// Changes for asyncio: they are read from the log by the thread that asks, and whoever waits is woken.
#[pyclass(frozen, module = "ferrumdb._ferrumdb")]
pub(crate) struct ChangeStream {
    stream: Mutex<Option<ferrumdb::ChangeStream>>,
    codec: Codec,
}

impl ChangeStream {
    pub(crate) fn new(changes: ferrumdb::Changes, codec: Codec) -> Self {
        Self { stream: Mutex::new(Some(changes.into_stream())), codec }
    }
}

#[pymethods]
impl ChangeStream {
    /// The next change in a tuple, or an empty one at the end. None, if there is none yet: then `completions` is told when it
    /// is worth asking again.
    fn poll(&self, py: Python<'_>, completions: &Completions, token: u64) -> PyResult<Option<Py<PyAny>>> {
        let waker = completions.waker(token);
        let polled = py.detach(|| {
            let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(stream) = stream.as_mut() else { return Poll::Ready(None) };
            Pin::new(stream).poll_next(&mut Context::from_waker(&waker))
        });
        match polled {
            Poll::Pending => Ok(None),
            Poll::Ready(None) => ().into_py_any(py).map(Some),
            Poll::Ready(Some(change)) => {
                let change = Change::of(py, change.map_err(raise)?, self.codec)?;
                (change,).into_py_any(py).map(Some)
            }
        }
    }

    /// The newest commit of which everything was told: None, once it is closed.
    #[getter]
    fn sequence(&self, py: Python<'_>) -> Option<u64> {
        py.detach(|| {
            let stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
            stream.as_ref().map(|stream| stream.sequence().0)
        })
    }

    fn close(&self, py: Python<'_>) {
        py.detach(|| self.stream.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// What became of a key, as Python is told.
pub(crate) fn kind(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Set => "set",
        ChangeKind::Deleted => "deleted",
        ChangeKind::Expired => "expired",
        ChangeKind::Dropped => "dropped",
    }
}
