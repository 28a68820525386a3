//! Owns transactions that read while they are made. Never commits one twice.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use ferrumdb::{Document, FerrumDB, FieldPath};
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::PyList;

use crate::collection::{field_path, list_of_items, list_of_keys, wanted};
use crate::error::{raise, raise_as};
use crate::fork;
use crate::iterators::Range;
use crate::json::{Codec, Given, field_bounds, object_or, object_under, refused};
use crate::key::{looked_up, stored};
use crate::operation::{Operate, Started, answering, sequence};
use crate::owned::Owned;
use crate::ttl::{left, lifetime, optional};

type Object<'a, 'py> = &'a Bound<'py, PyAny>;

self_cell::self_cell!(
    /// The transaction, and the handle that it borrows.
    struct Begun {
        owner: FerrumDB,
        #[not_covariant]
        dependent: Inner,
    }
);

/// Taken by the commit.
struct Inner<'d>(Option<ferrumdb::OpenTransaction<'d>>);

/// A transaction that is being made: its reads show one moment, and what it has written itself.
#[pyclass(frozen, module = "ferrumdb")]
pub(crate) struct OpenTransaction {
    /// None once it has ended.
    begun: Mutex<Option<Owned<Begun>>>,
    codec: Codec,
    /// Whether it was committed or rolled back: whoever has `begun` locked meanwhile drops what is left there.
    is_over: AtomicBool,
    opened: fork::Opened,
}

impl OpenTransaction {
    pub(crate) fn begin(
        db: &FerrumDB,
        collection: Option<&str>,
        reads_ranges: bool,
        codec: Codec,
    ) -> PyResult<Self> {
        // Of a closed database nothing can be read.
        db.count().map_err(raise)?;
        let begun = Begun::try_new(db.clone(), |db| {
            let mut open = db.begin();
            if reads_ranges {
                open.expect_ranges();
            }
            if let Some(name) = collection {
                open.in_collection(name)?;
            }
            Ok(Inner(Some(open)))
        });
        let begun = Mutex::new(Some(Owned::new(begun.map_err(raise)?)));
        Ok(Self { begun, codec, is_over: AtomicBool::new(false), opened: fork::Opened::now() })
    }

    /// Works on it without the interpreter, as reads may wait for a disk.
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut ferrumdb::OpenTransaction<'_>) -> ferrumdb::Result<T> + Send,
    ) -> PyResult<T> {
        py.detach(|| self.work(work)).and_then(|done| done.map_err(raise))
    }

    /// Writes a value into it, which needs the interpreter.
    fn write(
        &self,
        py: Python<'_>,
        write: impl FnOnce(&mut ferrumdb::OpenTransaction<'_>) -> ferrumdb::Result<()>,
    ) -> PyResult<()> {
        self.check()?;
        let begun = self.begun.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
        self.on(begun, write)?.map_err(refused)
    }

    fn work<T>(&self, work: impl FnOnce(&mut ferrumdb::OpenTransaction<'_>) -> T) -> PyResult<T> {
        self.check()?;
        self.on(self.begun.lock().unwrap_or_else(PoisonError::into_inner), work)
    }

    fn on<T>(
        &self,
        mut begun: MutexGuard<'_, Option<Owned<Begun>>>,
        work: impl FnOnce(&mut ferrumdb::OpenTransaction<'_>) -> T,
    ) -> PyResult<T> {
        let done = match begun.as_mut() {
            Some(begun) if !self.is_over() => begun.with_dependent_mut(|_, inner| inner.0.as_mut().map(work)),
            _ => None,
        };
        drop(begun);
        // A rollback that came before the lock was given back has found it taken, and has left the rest to this thread.
        if self.is_over() {
            drop(self.taken());
        }
        done.ok_or_else(ended)
    }

    /// What is left of it, unless somebody works on it.
    fn taken(&self) -> Option<Owned<Begun>> {
        match self.begun.try_lock() {
            Ok(mut begun) => begun.take(),
            Err(TryLockError::Poisoned(begun)) => begun.into_inner().take(),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Before any lock: a thread of the parent may have held it, which the child has not.
    fn check(&self) -> PyResult<()> {
        if self.opened.is_foreign() {
            return Err(raise_as(
                "Forked",
                "forked",
                "this transaction was begun before the process was forked",
            ));
        }
        Ok(())
    }

    fn document(&self, py: Python<'_>, key: Object<'_, '_>) -> PyResult<Option<Document>> {
        match looked_up(key) {
            Some(key) => self.with(py, |open| open.get(key)),
            None => Ok(None),
        }
    }

    /// Commits what was locked.
    fn committed(&self, mut begun: MutexGuard<'_, Option<Owned<Begun>>>) -> PyResult<impl Operate + use<>> {
        let begun = begun.take();
        let was_over = self.is_over.swap(true, Ordering::SeqCst);
        let mut begun = begun.filter(|_| !was_over).ok_or_else(ended)?;
        let pending =
            begun.with_dependent_mut(|_, inner| inner.0.take().map(ferrumdb::OpenTransaction::commit));
        Ok(answering(pending.ok_or_else(ended)?, sequence))
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }
}

fn ended() -> PyErr {
    raise_as("Closed", "closed", "the transaction has ended; begin another one")
}

#[pymethods]
impl OpenTransaction {
    /// The value under a key, or the default.
    #[pyo3(signature = (key, default = None))]
    fn get(&self, py: Python<'_>, key: Object<'_, '_>, default: Option<Py<PyAny>>) -> PyResult<Py<PyAny>> {
        object_or(py, self.document(py, key)?, self.codec, default)
    }

    fn __getitem__(&self, py: Python<'_>, key: Object<'_, '_>) -> PyResult<Py<PyAny>> {
        object_under(key, self.document(py, key)?, self.codec)
    }

    /// Whether there is a document under a key.
    fn exists(&self, py: Python<'_>, key: Object<'_, '_>) -> PyResult<bool> {
        looked_up(key).map_or(Ok(false), |key| self.with(py, |open| Ok(open.contains(key))))
    }

    fn __contains__(&self, py: Python<'_>, key: Object<'_, '_>) -> PyResult<bool> {
        self.exists(py, key)
    }

    /// For how many seconds a document will stay: infinitely many, if it does not expire; None, if there is none.
    fn ttl(&self, py: Python<'_>, key: Object<'_, '_>) -> PyResult<Option<f64>> {
        let Some(key) = looked_up(key) else { return Ok(None) };
        Ok(self.with(py, |open| Ok(open.ttl(key)))?.map(left))
    }

    /// How many documents there are.
    fn count(&self, py: Python<'_>) -> PyResult<u64> {
        self.with(py, |open| Ok(open.count()))
    }

    /// The keys in a range, in their order.
    #[pyo3(signature = (*, prefix = None, start = None, end = None, reverse = false, limit = None))]
    fn keys<'py>(
        &self,
        py: Python<'py>,
        prefix: Option<&str>,
        start: Option<&str>,
        end: Option<&str>,
        reverse: bool,
        limit: Option<usize>,
    ) -> PyResult<Bound<'py, PyList>> {
        let range = Range::new(prefix, start, end).ends();
        let keys = self.with(py, |open| {
            let read = open.range(range).limit(limit.unwrap_or(usize::MAX));
            Ok(if reverse { read.reverse().keys() } else { read.keys() })
        })?;
        list_of_keys(py, &keys)
    }

    /// The keys and values in a range, in the order of the keys.
    #[pyo3(signature = (*, prefix = None, start = None, end = None, reverse = false, limit = None))]
    fn items<'py>(
        &self,
        py: Python<'py>,
        prefix: Option<&str>,
        start: Option<&str>,
        end: Option<&str>,
        reverse: bool,
        limit: Option<usize>,
    ) -> PyResult<Bound<'py, PyList>> {
        let range = Range::new(prefix, start, end).ends();
        let items = self.with(py, |open| {
            let read = open.range(range).limit(limit.unwrap_or(usize::MAX));
            if reverse { read.reverse().documents() } else { read.documents() }
        })?;
        list_of_items(py, &items, self.codec)
    }

    /// The keys of the documents whose field equals a value.
    #[pyo3(signature = (field, value, *, exact = false))]
    fn find<'py>(
        &self,
        py: Python<'py>,
        field: Object<'_, '_>,
        value: Object<'_, '_>,
        exact: bool,
    ) -> PyResult<Bound<'py, PyList>> {
        let (path, value) = (field_path(field)?, wanted(value, exact, self.codec)?);
        let keys = self.with(py, |open| open.find::<FieldPath>(path, &value))?;
        list_of_keys(py, &keys)
    }

    /// The keys of the documents whose field lies from `start` to before `end`.
    #[pyo3(signature = (field, start = None, end = None))]
    fn find_range<'py>(
        &self,
        py: Python<'py>,
        field: Object<'_, '_>,
        start: Option<Object<'_, '_>>,
        end: Option<Object<'_, '_>>,
    ) -> PyResult<Bound<'py, PyList>> {
        let path = field_path(field)?;
        let bounds = field_bounds(start, end, self.codec)?;
        let keys = self.with(py, |open| open.find_range::<FieldPath>(path, bounds))?;
        list_of_keys(py, &keys)
    }

    /// The key holds this value from the commit on, and never expires, unless there is a `ttl`.
    #[pyo3(signature = (key, value, *, ttl = None))]
    fn set(
        &self,
        py: Python<'_>,
        key: Object<'_, '_>,
        value: Object<'_, '_>,
        ttl: Option<Object<'_, '_>>,
    ) -> PyResult<()> {
        let (key, ttl) = (stored(key)?, optional(ttl)?);
        let given = Given::new(value, self.codec);
        self.write(py, |open| match ttl {
            Some(ttl) => open.set_ex(key, given, ttl),
            None => open.set(key, given),
        })
    }

    fn __setitem__(&self, py: Python<'_>, key: Object<'_, '_>, value: Object<'_, '_>) -> PyResult<()> {
        self.set(py, key, value, None)
    }

    /// As `set`, but the value expires when the one there was to.
    fn update(&self, py: Python<'_>, key: Object<'_, '_>, value: Object<'_, '_>) -> PyResult<()> {
        let key = stored(key)?;
        self.write(py, |open| open.update(key, Given::new(value, self.codec)))
    }

    /// Adds to the integer under a key, or to a field of the document there. The answer is the sum.
    #[pyo3(signature = (key, by = 1, *, field = None))]
    fn increment(
        &self,
        py: Python<'_>,
        key: Object<'_, '_>,
        by: i64,
        field: Option<Object<'_, '_>>,
    ) -> PyResult<i64> {
        let (key, path) = (stored(key)?, field.map(field_path).transpose()?);
        self.with(py, |open| match path {
            Some(path) => open.increment_field::<FieldPath>(key, path, by),
            None => open.increment(key, by),
        })
    }

    /// The document, if there is one, expires so long from now.
    fn expire(&self, py: Python<'_>, key: Object<'_, '_>, ttl: Object<'_, '_>) -> PyResult<()> {
        let (key, ttl) = (stored(key)?, lifetime(ttl)?);
        self.with(py, |open| {
            open.expire(key, ttl);
            Ok(())
        })
    }

    /// The document, if there is one, never expires.
    fn persist(&self, py: Python<'_>, key: Object<'_, '_>) -> PyResult<()> {
        let key = stored(key)?;
        self.with(py, |open| {
            open.persist(key);
            Ok(())
        })
    }

    /// The key holds nothing from the commit on.
    fn delete(&self, py: Python<'_>, key: Object<'_, '_>) -> PyResult<()> {
        let key = stored(key)?;
        self.with(py, |open| {
            open.delete(key);
            Ok(())
        })
    }

    fn __delitem__(&self, py: Python<'_>, key: Object<'_, '_>) -> PyResult<()> {
        if !self.exists(py, key)? {
            return Err(PyKeyError::new_err((key.clone().unbind(),)));
        }
        self.delete(py, key)
    }

    /// From here on, keys are those of this collection; of the root, if it is None.
    #[pyo3(signature = (name = None))]
    fn in_collection(&self, py: Python<'_>, name: Option<Object<'_, '_>>) -> PyResult<()> {
        let name = name.map(stored).transpose()?;
        self.with(py, |open| match name {
            Some(name) => open.in_collection(name).map(drop),
            None => {
                open.in_root();
                Ok(())
            }
        })
    }

    /// Commits what was written, if nobody has changed meanwhile what was read. The answer is the number of the commit.
    fn commit(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.check()?;
        let begun = self.begun.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
        self.committed(begun)?.wait(py)
    }

    /// The same for asyncio: None, if another thread reads in it still and `wait` does not say that this one may wait.
    #[pyo3(signature = (*, wait = false))]
    fn start_commit(&self, py: Python<'_>, wait: bool) -> PyResult<Option<Started>> {
        self.check()?;
        let begun = match self.begun.try_lock() {
            Ok(begun) => begun,
            Err(TryLockError::Poisoned(begun)) => begun.into_inner(),
            Err(TryLockError::WouldBlock) if wait => {
                self.begun.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner)
            }
            Err(TryLockError::WouldBlock) => return Ok(None),
        };
        Ok(Some(self.committed(begun)?.start()))
    }

    /// Ends it without a commit. Never waits for a read that is under way: an event loop's thread calls it, too.
    fn rollback(&self) {
        self.is_over.store(true, Ordering::SeqCst);
        drop(self.taken());
    }

    /// Whether it was committed or rolled back.
    #[getter]
    fn ended(&self) -> bool {
        self.is_over()
    }
}
