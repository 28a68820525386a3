//! Owns reading in order: ranges of keys as Python gives them, and iterators that hold a few documents at a time. Never
//! makes a list of what it walks over.

use std::collections::VecDeque;
use std::ops::{Bound, RangeBounds};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ferrumdb::{Document, FieldKeyScan, FieldScan, Key, KeyScan, Scan, Snapshot};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error::{raise, raise_as};
use crate::fork;
use crate::json::{Codec, object};
use crate::waiting::cancellable;

/// How many documents are read ahead: few at first, for who wants only some.
const BATCH_MIN: usize = 4;
const BATCH_MAX: usize = 256;
/// A batch of documents is not larger than this, unless one of them is.
const BATCH_BYTES: usize = 1 << 20;

/// Keys from a first one to before a last one.
#[derive(Clone, Debug)]
pub(crate) struct Range {
    start: Bound<String>,
    end: Bound<String>,
}

impl Range {
    /// The keys that begin with `prefix` and lie from `start` to before `end`, where these are given.
    pub(crate) fn new(prefix: Option<&str>, start: Option<&str>, end: Option<&str>) -> Self {
        let prefix = prefix.unwrap_or_default();
        let first = start.map_or(prefix, |start| start.max(prefix));
        let behind = after_all_with(prefix);
        let last = match (end, behind) {
            (Some(end), Some(behind)) => Some(behind.min(end.to_owned())),
            (Some(end), None) => Some(end.to_owned()),
            (None, behind) => behind,
        };
        Self { start: Bound::Included(first.to_owned()), end: last.map_or(Bound::Unbounded, Bound::Excluded) }
    }

    pub(crate) fn prefix(prefix: &str) -> Self {
        Self::new(Some(prefix), None, None)
    }

    /// The same up to a key, that one included.
    pub(crate) fn up_to(&self, key: &str) -> Self {
        Self { start: self.start.clone(), end: Bound::Included(key.to_owned()) }
    }

    /// The same from a key on.
    pub(crate) fn from(&self, key: &str) -> Self {
        Self { start: Bound::Included(key.to_owned()), end: self.end.clone() }
    }

    pub(crate) fn ends(self) -> (Bound<String>, Bound<String>) {
        (self.start, self.end)
    }

    pub(crate) fn contains(&self, key: &str) -> bool {
        let bounds: (Bound<&str>, Bound<&str>) =
            (self.start.as_ref().map(String::as_str), self.end.as_ref().map(String::as_str));
        RangeBounds::<str>::contains(&bounds, key)
    }
}

/// What a view asks for: `prefix`, `start`, `end`, `reverse` and `limit`.
#[derive(Clone, Debug, FromPyObject)]
pub(crate) struct Asked(
    Option<String>,
    Option<String>,
    Option<String>,
    pub(crate) bool,
    pub(crate) Option<u64>,
);

impl Asked {
    pub(crate) fn range(&self) -> Range {
        Range::new(self.0.as_deref(), self.1.as_deref(), self.2.as_deref())
    }

    pub(crate) fn limit(&self) -> usize {
        self.4.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX))
    }
}

/// The first text behind all that begin with this one, if there is any behind them.
fn after_all_with(prefix: &str) -> Option<String> {
    let mut text = prefix.to_owned();
    while let Some(last) = text.pop() {
        let mut next = u32::from(last) + 1;
        // Between these there are no characters.
        if next == 0xD800 {
            next = 0xE000;
        }
        if let Some(next) = char::from_u32(next) {
            text.push(next);
            return Some(text);
        }
    }
    None
}

/// What is read in order.
pub(crate) enum Walk {
    Documents(Scan),
    Keys(KeyScan),
    ByField(FieldScan),
    KeysByField(FieldKeyScan),
}

impl Walk {
    fn next(&mut self) -> Option<ferrumdb::Result<(Key, Option<Document>)>> {
        let with =
            |found: ferrumdb::Result<(Key, Document)>| found.map(|(key, document)| (key, Some(document)));
        match self {
            Self::Documents(scan) => scan.next().map(with),
            Self::ByField(scan) => scan.next().map(with),
            Self::Keys(scan) => scan.next().map(|key| Ok((key, None))),
            Self::KeysByField(scan) => scan.next().map(|key| key.map(|key| (key, None))),
        }
    }

    fn batch(&mut self, most: usize) -> Batch {
        let (mut found, mut bytes) = (VecDeque::new(), 0);
        while found.len() < most && bytes < BATCH_BYTES {
            match self.next() {
                None => return Batch { found, end: Some(None) },
                Some(Err(error)) => return Batch { found, end: Some(Some(error)) },
                Some(Ok(pair)) => {
                    bytes += pair.1.as_ref().map_or(0, |document| document.as_bytes().len());
                    found.push_back(pair);
                }
            }
        }
        Batch { found, end: None }
    }
}

struct Batch {
    found: VecDeque<(Key, Option<Document>)>,
    /// That there is no more, and why.
    end: Option<Option<ferrumdb::Error>>,
}

/// What an iterator gives of each document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gives {
    Keys,
    Values,
    Items,
    Texts,
}

impl Gives {
    pub(crate) fn named(name: &str) -> PyResult<Self> {
        match name {
            "keys" => Ok(Self::Keys),
            "values" => Ok(Self::Values),
            "items" => Ok(Self::Items),
            "texts" => Ok(Self::Texts),
            other => Err(raise_as("InvalidArgument", "invalid-argument", &format!("there are no {other:?}"))),
        }
    }
}

/// Documents in an order, as of one moment.
#[pyclass(frozen, module = "ferrumdb._ferrumdb")]
pub(crate) struct ScanIterator {
    state: Mutex<State>,
    gives: Gives,
    codec: Codec,
    opened: fork::Opened,
}

/// Where an iterator is with what comes behind the documents that were read ahead.
enum Phase {
    Waiting(Box<Walk>),
    /// A thread reads, without the interpreter.
    Reading,
    Ended,
}

struct State {
    phase: Phase,
    ahead: VecDeque<(Key, Option<Document>)>,
    error: Option<ferrumdb::Error>,
    batch: usize,
    /// What it reads by, until it has begun: if that may have to look at many documents.
    beginning: Option<Snapshot>,
}

impl ScanIterator {
    pub(crate) fn new(
        walk: Walk,
        gives: Gives,
        codec: Codec,
        beginning: Option<Snapshot>,
        opened: fork::Opened,
    ) -> Self {
        let phase = Phase::Waiting(Box::new(walk));
        let state = State { phase, ahead: VecDeque::new(), error: None, batch: BATCH_MIN, beginning };
        Self { state: Mutex::new(state), gives, codec, opened }
    }

    /// The next document that was read ahead, and more is read ahead where there is none.
    fn advance(&self, py: Python<'_>) -> PyResult<Option<(Key, Option<Document>)>> {
        loop {
            let (walk, most, beginning) = {
                let mut state = self.state();
                if let Some(found) = state.ahead.pop_front() {
                    return Ok(Some(found));
                }
                if let Some(error) = state.error.take() {
                    return Err(raise(error));
                }
                let walk = match std::mem::replace(&mut state.phase, Phase::Reading) {
                    Phase::Waiting(walk) => walk,
                    Phase::Reading => {
                        return Err(PyRuntimeError::new_err("another thread is taking from this iterator"));
                    }
                    Phase::Ended => {
                        state.phase = Phase::Ended;
                        return Ok(None);
                    }
                };
                let most = state.batch;
                state.batch = (most * 2).min(BATCH_MAX);
                (walk, most, state.beginning.take())
            };
            self.read_ahead(py, walk, most, beginning)?;
        }
    }

    fn read_ahead(
        &self,
        py: Python<'_>,
        mut walk: Box<Walk>,
        most: usize,
        beginning: Option<Snapshot>,
    ) -> PyResult<()> {
        let read = move || {
            let batch = walk.batch(most);
            (walk, batch)
        };
        let outcome = match beginning {
            Some(snapshot) => cancellable(py, move || Ok(read()), || snapshot.cancel()),
            None => Ok(py.detach(read)),
        };
        let mut state = self.state();
        // Whoever interrupts it has ended it.
        state.phase = Phase::Ended;
        let (walk, batch) = outcome?;
        state.ahead = batch.found;
        match batch.end {
            None => state.phase = Phase::Waiting(walk),
            Some(error) => state.error = error,
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn said(&self, py: Python<'_>, key: &Key, document: Option<&Document>) -> PyResult<Py<PyAny>> {
        use pyo3::IntoPyObjectExt;
        match (self.gives, document) {
            (Gives::Values, Some(document)) => object(py, document, self.codec),
            (Gives::Items, Some(document)) => {
                (key.as_str(), object(py, document, self.codec)?).into_py_any(py)
            }
            (Gives::Texts, Some(document)) => {
                (key.as_str(), PyBytes::new(py, document.as_bytes())).into_py_any(py)
            }
            _ => key.as_str().into_py_any(py),
        }
    }
}

#[pymethods]
impl ScanIterator {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        if self.opened.is_foreign() {
            return Err(raise_as("Forked", "forked", "this iterator was made before the process was forked"));
        }
        // `list` and its like run no code of Python in between, which would look for Ctrl-C.
        py.check_signals()?;
        match self.advance(py)? {
            Some((key, document)) => self.said(py, &key, document.as_ref()).map(Some),
            None => Ok(None),
        }
    }

    /// The next ones in a list, as many as are at hand after at most one read: an empty one at the end.
    fn take_batch(&self, py: Python<'_>) -> PyResult<Vec<Py<PyAny>>> {
        let mut taken = Vec::new();
        while let Some(found) = self.__next__(py)? {
            taken.push(found);
            if self.state().ahead.is_empty() {
                break;
            }
        }
        Ok(taken)
    }
}
