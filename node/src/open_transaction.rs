//! Owns a transaction that JavaScript makes step by step. Never commits one twice, and never looks at a disk on an event
//! loop's thread.

use std::cell::RefCell;
use std::sync::{Arc, Mutex};

use ferrumdb::{ErrorKind, FerrumDB, FieldPath, OpenTransaction as Opened};
use napi_derive::napi;
use self_cell::self_cell;

use crate::answer::Answer;
use crate::completions::lock;
use crate::failure::{Code, Failure, Result};
use crate::handle::Handle;
use crate::keyspace::{parse, ttl_seconds};
use crate::options::duration;
use crate::pool;
use crate::scan::{FieldRange, KeyRange, ScanOptions};

type Thrown = napi::Error<Code>;

self_cell!(
    /// A transaction with the handle that it was begun by.
    struct Begun {
        owner: FerrumDB,
        #[covariant]
        dependent: Steps,
    }
);

/// What was done in it so far: nothing, once that was taken out to be committed.
struct Steps<'d>(Option<Opened<'d>>);

#[napi]
pub struct OpenTransaction {
    handle: Handle,
    /// Nothing, once it was committed or given up. A step that looks at the disk has it locked meanwhile.
    begun: RefCell<Option<Arc<Mutex<Option<Begun>>>>>,
}

#[napi]
impl OpenTransaction {
    /// To be said before the first read.
    #[napi]
    pub fn expect_ranges(&self) -> Result<(), Thrown> {
        Ok(self.now(None, |open| {
            open.expect_ranges();
            Ok(())
        })?)
    }

    #[napi]
    pub fn get(&self, call: u32, collection: Option<String>, key: String) -> Result<(), Thrown> {
        self.work(call, collection, move |open| Ok(Answer::Document(open.get(key)?)));
        Ok(())
    }

    #[napi]
    pub fn get_many(&self, call: u32, collection: Option<String>, keys: Vec<String>) -> Result<(), Thrown> {
        self.work(call, collection, move |open| Ok(Answer::Documents(open.get_many(&keys)?)));
        Ok(())
    }

    #[napi]
    pub fn has(&self, collection: Option<String>, key: String) -> Result<bool, Thrown> {
        Ok(self.now(collection, |open| Ok(open.contains(key)))?)
    }

    #[napi]
    pub fn ttl(&self, collection: Option<String>, key: String) -> Result<Option<f64>, Thrown> {
        Ok(self.now(collection, |open| Ok(open.ttl(key).map(ttl_seconds)))?)
    }

    #[napi]
    pub fn count(&self, collection: Option<String>) -> Result<f64, Thrown> {
        Ok(self.now(collection, |open| Ok(open.count() as f64))?)
    }

    #[napi]
    pub fn range(&self, call: u32, collection: Option<String>, options: ScanOptions) -> Result<(), Thrown> {
        let range = KeyRange::of(&options);
        self.work(call, collection, move |open| {
            let wanted =
                open.range(range.bounds()).limit(options.limit.map_or(usize::MAX, |limit| limit as usize));
            let wanted = if options.reverse == Some(true) { wanted.reverse() } else { wanted };
            Ok(match options.keys_only {
                Some(true) => Answer::Keys(wanted.keys()),
                _ => Answer::Entries(wanted.documents()?),
            })
        });
        Ok(())
    }

    #[napi]
    pub fn find(
        &self,
        call: u32,
        collection: Option<String>,
        field: Vec<String>,
        value: String,
        with_documents: bool,
    ) -> Result<(), Thrown> {
        let (field, value) = (FieldPath::from_segments(field).map_err(Failure::from)?, parse(&value)?);
        self.work(call, collection, move |open| {
            Ok(match with_documents {
                true => Answer::Entries(open.find_documents(field, &value)?),
                false => Answer::Keys(open.find(field, &value)?),
            })
        });
        Ok(())
    }

    /// In the order of the values.
    #[napi]
    pub fn find_range(
        &self,
        call: u32,
        collection: Option<String>,
        field: Vec<String>,
        range: FieldRange,
    ) -> Result<(), Thrown> {
        let (field, bounds) = (FieldPath::from_segments(field).map_err(Failure::from)?, range.bounds()?);
        self.work(call, collection, move |open| {
            let limit = range.limit.map_or(usize::MAX, |limit| limit as usize);
            let wanted = open.range_by(field, bounds)?.limit(limit);
            let wanted = if range.reverse == Some(true) { wanted.reverse() } else { wanted };
            Ok(match range.with_documents {
                Some(true) => Answer::Entries(wanted.documents()?),
                _ => Answer::Keys(wanted.keys()?),
            })
        });
        Ok(())
    }

    /// Without a time it never expires; `keep` has it expire when the document there was to.
    #[napi]
    pub fn set(
        &self,
        collection: Option<String>,
        key: String,
        json: String,
        seconds: Option<f64>,
        keep: bool,
    ) -> Result<(), Thrown> {
        Ok(self.now(collection, |open| {
            let kept = if keep { open.ttl(&key) } else { None };
            open.set_raw(key.as_str(), json)?;
            match (seconds, kept) {
                (Some(seconds), _) => open.expire(key, duration(seconds)),
                (None, Some(ferrumdb::Ttl::ExpiresIn(left))) => open.expire(key, left),
                (None, _) => {}
            }
            Ok(())
        })?)
    }

    #[napi]
    pub fn expire(
        &self,
        collection: Option<String>,
        key: String,
        seconds: Option<f64>,
    ) -> Result<(), Thrown> {
        Ok(self.now(collection, |open| {
            match seconds {
                Some(seconds) => open.expire(key, duration(seconds)),
                None => open.persist(key),
            }
            Ok(())
        })?)
    }

    #[napi]
    pub fn delete(&self, collection: Option<String>, key: String) -> Result<(), Thrown> {
        Ok(self.now(collection, |open| {
            open.delete(key);
            Ok(())
        })?)
    }

    #[napi]
    pub fn commit(&self, call: u32) -> Result<(), Thrown> {
        self.handle.db()?;
        let begun = self.begun.take().ok_or_else(ended)?;
        let taken = lock(&begun).take();
        let taken = taken
            .and_then(|mut begun| begun.with_dependent_mut(|_, steps| steps.0.take().map(Opened::commit)));
        Ok(self.handle.completions().commit(call, taken.ok_or_else(ended)?)?)
    }

    /// Gives it up: nothing of it happens. A step that is under way ends first, so this is not waited for.
    #[napi]
    pub fn end(&self) {
        if let Some(begun) = self.begun.take() {
            pool::run(move || drop(lock(&begun).take()));
        }
    }
}

impl Drop for OpenTransaction {
    fn drop(&mut self) {
        self.end();
    }
}

impl OpenTransaction {
    pub(crate) fn begin(handle: Handle) -> Result<Self> {
        let begun = Begun::new(handle.db()?.clone(), |db| Steps(Some(db.begin())));
        Ok(Self { handle, begun: RefCell::new(Some(Arc::new(Mutex::new(Some(begun))))) })
    }

    /// What takes no disk. `lib/` calls one after the other, so it waits for no other step.
    fn now<T>(
        &self,
        collection: Option<String>,
        step: impl FnOnce(&mut Opened<'_>) -> Result<T>,
    ) -> Result<T> {
        self.handle.db()?;
        let begun = self.begun.borrow();
        take_step(begun.as_ref().ok_or_else(ended)?, collection, step)
    }

    fn work(
        &self,
        call: u32,
        collection: Option<String>,
        step: impl FnOnce(&mut Opened<'_>) -> Result<Answer> + Send + 'static,
    ) {
        let begun = self.begun.borrow().clone();
        let step = move || take_step(&*begun.ok_or_else(ended)?, collection, step);
        self.handle.completions().work(call, step, |answer| answer);
    }
}

fn take_step<T>(
    begun: &Mutex<Option<Begun>>,
    collection: Option<String>,
    step: impl FnOnce(&mut Opened<'_>) -> Result<T>,
) -> Result<T> {
    let mut begun = lock(begun);
    let Some(begun) = &mut *begun else { return Err(ended()) };
    begun.with_dependent_mut(|_, steps| {
        let Some(open) = &mut steps.0 else { return Err(ended()) };
        match collection {
            Some(name) => drop(open.in_collection(name)?),
            None => drop(open.in_root()),
        }
        step(open)
    })
}

fn ended() -> Failure {
    Failure::new(ErrorKind::Closed, "the transaction has ended; what belongs to it must be awaited within it")
}
