//! Owns the calls about the keys of one collection, live or in a snapshot. Never waits: what may need a disk is done on the
//! pool, and what must be committed is answered later.

use std::cell::{Ref, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use ferrumdb::{Collection, Document, ErrorKind, FieldPath, Key, Pending, Sequence, Snapshot, Ttl};
use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;
use serde_json::Value;

use crate::answer::{Answer, Cached};
use crate::completions::Completions;
use crate::database::seconds;
use crate::failure::{Code, Failure, Result};
use crate::handle::Handle;
use crate::options::duration;
use crate::scan::{FieldRange, KeyRange, Scan, ScanOptions};
use crate::{pool, quick, report, watch};

type Thrown = napi::Error<Code>;

#[napi]
pub struct Keyspace {
    reads: Rc<Reads>,
}

/// Where the keys are read, on one event loop's thread.
pub(crate) struct Reads {
    handle: Handle,
    source: RefCell<Source>,
}

#[derive(Clone)]
enum Source {
    Live(Collection),
    Snapshot(Snapshot),
    Closed,
}

/// Answers from either source by the same call.
macro_rules! from_either {
    ($source:expr, $each:ident => $answer:expr) => {
        match $source {
            Source::Live($each) => $answer,
            Source::Snapshot($each) => $answer,
            Source::Closed => return Err(snapshot_closed().into()),
        }
    };
}

impl Reads {
    #[inline]
    pub(crate) fn get_cached(&self, key: &str) -> Result<Option<Option<Document>>> {
        let source = self.source()?;
        match (&*source, self.handle.keeping()) {
            (Source::Live(keys), Some(keeping)) => {
                let found = keys.get_stamped(&keeping.stamps, key)?;
                keeping.note(found.as_ref().and_then(|found| found.stamp));
                Ok(found.map(|found| found.document))
            }
            _ => Ok(from_either!(&*source, keys => keys.get_cached(key)?)),
        }
    }

    #[inline]
    pub(crate) fn get(&self, key: &str) -> Result<Option<Document>> {
        if let Some(known) = self.get_cached(key)? {
            return Ok(known);
        }
        Ok(from_either!(&*self.source()?, keys => keys.get(key)?))
    }

    #[inline]
    pub(crate) fn has(&self, key: &str) -> Result<bool> {
        Ok(from_either!(&*self.source()?, keys => keys.contains(key)?))
    }

    /// Where to read, if that was not closed. A snapshot outlives the closing of its database.
    #[inline]
    fn source(&self) -> Result<Ref<'_, Source>> {
        let source = self.source.borrow();
        if let Source::Live(_) = &*source {
            self.handle.db()?;
        }
        Ok(source)
    }
}

impl Drop for Reads {
    /// By JavaScript's collector, so on an event loop's thread. A snapshot may be the last that holds a file, and a collection
    /// that holds the database.
    fn drop(&mut self) {
        let source = self.source.replace(Source::Closed);
        if matches!(source, Source::Snapshot(_)) || self.handle.is_last() {
            let handle = self.handle.clone();
            pool::run(move || drop((source, handle)));
        }
    }
}

impl Keyspace {
    pub(crate) fn root(handle: Handle) -> Self {
        let source = Source::Live((**handle.any_db()).clone());
        Self::new(handle, source)
    }

    pub(crate) fn named(handle: Handle, name: String) -> Result<Self> {
        let source = Source::Live(handle.db()?.collection(name)?);
        Ok(Self::new(handle, source))
    }

    pub(crate) fn snapshot(handle: Handle, snapshot: Snapshot) -> Self {
        Self::new(handle, Source::Snapshot(snapshot))
    }

    fn new(handle: Handle, source: Source) -> Self {
        Self { reads: Rc::new(Reads { handle, source: RefCell::new(source) }) }
    }

    fn source(&self) -> Result<Ref<'_, Source>> {
        self.reads.source()
    }

    /// Where to write.
    fn live(&self) -> Result<Ref<'_, Collection>> {
        let live = Ref::filter_map(self.source()?, |source| match source {
            Source::Live(collection) => Some(collection),
            Source::Snapshot(_) | Source::Closed => None,
        });
        live.map_err(|_| Failure::new(ErrorKind::ReadOnly, "a snapshot cannot be written to"))
    }

    /// All of it as of one moment.
    fn now(&self) -> Result<Snapshot> {
        match &*self.source()? {
            Source::Live(collection) => {
                let snapshot = self.reads.handle.db()?.snapshot()?;
                Ok(collection.name().map(|name| snapshot.collection(name)).unwrap_or(snapshot))
            }
            Source::Snapshot(snapshot) => Ok(snapshot.clone()),
            Source::Closed => Err(snapshot_closed()),
        }
    }

    fn completions(&self) -> &Arc<Completions> {
        self.reads.handle.completions()
    }

    fn work<T>(
        &self,
        call: u32,
        work: impl FnOnce(&Source) -> Result<T> + Send + 'static,
        then: impl FnOnce(T) -> Answer + Send + 'static,
    ) -> Result<()> {
        let source = self.source()?.clone();
        self.completions().work(call, move || work(&source), then);
        Ok(())
    }
}

/// Reads that need no disk.
#[napi]
impl Keyspace {
    /// The reads of one key.
    #[napi]
    pub fn quick<'e>(&self, env: &'e Env) -> napi::Result<Object<'e>> {
        quick::functions(env, &self.reads)
    }

    /// As of one moment. Nothing, if any of them needs a disk.
    #[napi]
    pub fn get_many_cached(&self, keys: Vec<String>) -> Result<Option<Vec<Cached>>, Thrown> {
        let now = self.now()?;
        let mut found = Vec::with_capacity(keys.len());
        for key in keys {
            match now.get_cached(key).map_err(Failure::from)? {
                Some(known) => found.push(Cached(Some(known))),
                None => return Ok(None),
            }
        }
        Ok(Some(found))
    }

    #[napi]
    pub fn count(&self) -> Result<f64, Thrown> {
        Ok(from_either!(&*self.source()?, keys => keys.count().map_err(Failure::from)?) as f64)
    }

    /// Seconds, `Infinity` for ever, nothing if there is no document.
    #[napi]
    pub fn ttl(&self, key: String) -> Result<Option<f64>, Thrown> {
        let ttl = from_either!(&*self.source()?, keys => keys.ttl(key).map_err(Failure::from)?);
        Ok(ttl.map(ttl_seconds))
    }

    #[napi]
    pub fn indexes(&self) -> Result<String, Thrown> {
        Ok(report::indexes(&from_either!(&*self.source()?, keys => keys.indexes().map_err(Failure::from)?)))
    }

    #[napi]
    pub fn scan(&self, options: ScanOptions) -> Result<Scan, Thrown> {
        let bounds = KeyRange::of(&options).bounds();
        let scan = from_either!(&*self.source()?, keys => keys.range(bounds).map_err(Failure::from)?);
        let scan = scan.limit(options.limit.map_or(usize::MAX, |limit| limit as usize));
        let scan = if options.reverse == Some(true) { scan.reverse() } else { scan };
        let scan = match options.after {
            Some(key) => scan.after(key),
            None => scan,
        };
        Ok(Scan::begin(scan, options.keys_only == Some(true), self.completions()))
    }

    /// A snapshot's: the number of the newest commit in it, and its time in milliseconds.
    #[napi]
    pub fn stand(&self) -> Result<Vec<f64>, Thrown> {
        match &*self.source()? {
            Source::Snapshot(snapshot) => Ok(vec![snapshot.sequence().0 as f64, snapshot.time().0 as f64]),
            _ => Ok(Vec::new()),
        }
    }

    /// The same snapshot of another collection.
    #[napi]
    pub fn in_collection(&self, name: String) -> Result<Keyspace, Thrown> {
        match &*self.source()? {
            Source::Snapshot(snapshot) => {
                Ok(Self::snapshot(self.reads.handle.clone(), snapshot.collection(name)))
            }
            _ => Err(snapshot_closed().into()),
        }
    }

    /// Lets a snapshot go. It is given back elsewhere: of a large one, that is some work.
    #[napi]
    pub fn close_snapshot(&self) {
        let held = self.reads.source.replace(Source::Closed);
        pool::run(move || drop(held));
    }
}

/// Reads that may need a disk, or look at many keys.
#[napi]
impl Keyspace {
    #[napi]
    pub fn get(&self, call: u32, key: String) -> Result<(), Thrown> {
        Ok(self.work(
            call,
            move |source| Ok(from_either!(source, keys => keys.get(key)?)),
            Answer::Document,
        )?)
    }

    #[napi]
    pub fn get_versioned(&self, call: u32, key: String) -> Result<(), Thrown> {
        Ok(self.work(
            call,
            move |source| Ok(from_either!(source, keys => keys.get(key)?)),
            Answer::Versioned,
        )?)
    }

    #[napi]
    pub fn get_many(&self, call: u32, keys: Vec<String>) -> Result<(), Thrown> {
        let read = move |source: &Source| Ok(from_either!(source, each => each.get_many(&keys)?));
        Ok(self.work(call, read, Answer::Documents)?)
    }

    #[napi]
    pub fn has_many(&self, call: u32, keys: Vec<String>) -> Result<(), Thrown> {
        let now = self.now()?;
        let look = move || keys.iter().map(|key| Ok(now.contains(key)?)).collect::<Result<Vec<_>>>();
        let then = |found: Vec<bool>| Answer::Parts(found.into_iter().map(Answer::Flag).collect());
        self.completions().work(call, look, then);
        Ok(())
    }

    #[napi]
    pub fn keys(&self, call: u32) -> Result<(), Thrown> {
        let read = |source: &Source| Ok(from_either!(source, keys => keys.keys()?.collect::<Vec<Key>>()));
        Ok(self.work(call, read, Answer::Keys)?)
    }

    #[napi]
    pub fn count_range(&self, call: u32, options: ScanOptions) -> Result<(), Thrown> {
        let range = KeyRange::of(&options);
        let count =
            move |source: &Source| Ok(from_either!(source, keys => keys.count_range(range.bounds())?) as f64);
        Ok(self.work(call, count, Answer::Number)?)
    }

    /// `with_documents` gives keys and documents in turn.
    #[napi]
    pub fn find(
        &self,
        call: u32,
        field: Vec<String>,
        value: String,
        with_documents: bool,
    ) -> Result<(), Thrown> {
        let (field, value) = (FieldPath::from_segments(field).map_err(Failure::from)?, parse(&value)?);
        let find = move |source: &Source| {
            Ok(match with_documents {
                true => Answer::Entries(from_either!(source, keys => keys.find_documents(field, &value)?)),
                false => Answer::Keys(from_either!(source, keys => keys.find(field, &value)?)),
            })
        };
        Ok(self.work(call, find, |found| found)?)
    }

    /// In the order of the values.
    #[napi]
    pub fn find_range(&self, call: u32, field: Vec<String>, range: FieldRange) -> Result<(), Thrown> {
        let field = FieldPath::from_segments(field).map_err(Failure::from)?;
        let (bounds, with_documents) = (range.bounds()?, range.with_documents == Some(true));
        let (is_reverse, limit) =
            (range.reverse == Some(true), range.limit.map_or(usize::MAX, |limit| limit as usize));
        let find = move |source: &Source| {
            let scan = from_either!(source, keys => keys.range_by(field, bounds)?).limit(limit);
            let scan = if is_reverse { scan.reverse() } else { scan };
            Ok(match with_documents {
                true => Answer::Entries(scan.collect::<ferrumdb::Result<_>>()?),
                false => Answer::Keys(scan.keys().collect::<ferrumdb::Result<_>>()?),
            })
        };
        Ok(self.work(call, find, |found| found)?)
    }

    #[napi]
    pub fn history(&self, call: u32, key: String, limit: f64) -> Result<(), Thrown> {
        let collection = self.live()?.clone();
        let read = move || {
            let versions = collection.history(key)?.take(limit as usize);
            versions.map(|version| Ok(watch::version(version?))).collect::<Result<Vec<_>>>()
        };
        self.completions().work(call, read, Answer::Parts);
        Ok(())
    }
}

/// Writes.
#[napi]
impl Keyspace {
    /// Sets of one turn, as `sets` takes them. What is wrong is answered, so that nobody else's stack is in the error.
    #[napi]
    pub fn set_all(&self, call: u32, texts: String) {
        match self.live() {
            Ok(collection) => self.completions().set_all(call, &collection, &texts),
            Err(failure) => self.completions().answer(call, Err(failure)),
        }
    }

    #[napi]
    pub fn set(&self, call: u32, key: String, json: String) -> Result<(), Thrown> {
        Ok(self.completions().commit(call, self.live()?.set_raw(key, json))?)
    }

    #[napi]
    pub fn set_ex(&self, call: u32, key: String, json: String, seconds: f64) -> Result<(), Thrown> {
        Ok(self.completions().commit(call, self.live()?.set_raw_ex(key, json, duration(seconds)))?)
    }

    #[napi]
    pub fn expire(&self, call: u32, key: String, seconds: f64) -> Result<(), Thrown> {
        Ok(self.flag(call, self.live()?.expire(key, duration(seconds)))?)
    }

    #[napi]
    pub fn persist(&self, call: u32, key: String) -> Result<(), Thrown> {
        Ok(self.flag(call, self.live()?.persist(key))?)
    }

    #[napi]
    pub fn delete(&self, call: u32, key: String) -> Result<(), Thrown> {
        Ok(self.flag(call, self.live()?.delete(key))?)
    }

    #[napi]
    pub fn delete_if_version(&self, call: u32, key: String, version: f64) -> Result<(), Thrown> {
        let deleting = self.live()?.delete_if_version(key, Sequence(version as u64));
        Ok(self.completions().commit(call, deleting)?)
    }

    #[napi]
    pub fn take(&self, call: u32, key: String) -> Result<(), Thrown> {
        // The document is read by whoever takes the answer, which may wait for a disk.
        let taking = self.live()?.get_and_delete(key);
        self.completions().steps(call, async move { Ok(Answer::Document(taking.await?)) });
        Ok(())
    }

    #[napi]
    pub fn increment(
        &self,
        call: u32,
        key: String,
        by: i64,
        field: Option<Vec<String>>,
    ) -> Result<(), Thrown> {
        let collection = self.live()?.clone();
        let field = field.map(FieldPath::from_segments).transpose().map_err(Failure::from)?;
        let add = async move {
            let sum = match field {
                Some(field) => collection.increment_field(key, field, by).await?,
                None => collection.increment(key, by).await?,
            };
            Ok(Answer::Text(sum.to_string()))
        };
        self.completions().steps(call, add);
        Ok(())
    }

    #[napi]
    pub fn delete_range(&self, call: u32, options: ScanOptions) -> Result<(), Thrown> {
        let deleting = self.live()?.delete_range(KeyRange::of(&options).bounds());
        Ok(self.completions().wait(call, deleting, |deleted| Answer::Number(deleted as f64))?)
    }

    #[napi]
    pub fn create_index(&self, call: u32, field: Vec<String>) -> Result<(), Thrown> {
        let field = FieldPath::from_segments(field).map_err(Failure::from)?;
        Ok(self.completions().commit(call, self.live()?.create_index(field))?)
    }

    #[napi]
    pub fn drop_index(&self, call: u32, field: Vec<String>) -> Result<(), Thrown> {
        let field = FieldPath::from_segments(field).map_err(Failure::from)?;
        Ok(self.completions().commit(call, self.live()?.drop_index(field))?)
    }

    fn flag(&self, call: u32, pending: Pending<bool>) -> Result<()> {
        self.completions().wait(call, pending, Answer::Flag)
    }
}

pub(crate) fn ttl_seconds(ttl: Ttl) -> f64 {
    match ttl {
        Ttl::Never => f64::INFINITY,
        Ttl::ExpiresIn(left) => seconds(left),
    }
}

/// A value that `lib/` has encoded.
pub(crate) fn parse(json: &str) -> Result<Value> {
    serde_json::from_str(json).map_err(|error| Failure::new(ErrorKind::InvalidJson, error.to_string()))
}

fn snapshot_closed() -> Failure {
    Failure::new(ErrorKind::Closed, "the snapshot is closed; take another one")
}
