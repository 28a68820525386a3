//! Owns one opening of a database by one event loop, until it is closed. Never closes the database while another opening of
//! it is left.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};

use ferrumdb::{ErrorKind, FerrumDB, Stamp, Stamps};

use crate::completions::{Completions, lock};
use crate::failure::{Failure, Result};
use crate::numbers::Pair;
use crate::options::KeyDigest;
use crate::pool;
use crate::registry::Place;

/// Shared by everything that was made of one opening.
#[derive(Clone)]
pub(crate) struct Handle(Arc<Opening>);

pub(crate) struct Opening {
    /// Taken by `drop` alone.
    db: Option<FerrumDB>,
    /// Nothing once it was closed, and of a database in memory.
    place: Mutex<Option<Arc<Place>>>,
    is_in_memory: bool,
    is_closed: AtomicBool,
    completions: Arc<Completions>,
    /// Nothing before `lib/` keeps texts.
    keeping: OnceLock<Keeping>,
}

/// By what `lib/` knows whether a text that it has kept is still the document's.
pub(crate) struct Keeping {
    pub(crate) stamps: Arc<Stamps>,
    /// The stamp of the document that was read last on the loop's thread.
    pub(crate) found: Arc<Pair>,
}

impl Handle {
    pub(crate) fn new(db: FerrumDB, place: Option<Arc<Place>>, completions: Arc<Completions>) -> Self {
        let (is_in_memory, place) = (place.is_none(), Mutex::new(place));
        let is_closed = AtomicBool::new(false);
        let (db, keeping) = (Some(db), OnceLock::new());
        Self(Arc::new(Opening { db, place, is_in_memory, is_closed, completions, keeping }))
    }

    /// The database, if this opening of it was not closed.
    #[inline]
    pub(crate) fn db(&self) -> Result<&FerrumDB> {
        if self.0.is_closed.load(Ordering::Relaxed) { Err(self.closed()) } else { Ok(self.0.db()) }
    }

    /// The database, though this opening of it may have been closed.
    pub(crate) fn any_db(&self) -> &FerrumDB {
        self.0.db()
    }

    /// Whether nothing else is left that was made of this opening.
    pub(crate) fn is_last(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    pub(crate) fn completions(&self) -> &Arc<Completions> {
        &self.0.completions
    }

    #[inline]
    pub(crate) fn keeping(&self) -> Option<&Keeping> {
        self.0.keeping.get()
    }

    /// From now on documents are found with stamps. Nothing, if they are already.
    pub(crate) fn begin_keeping(&self) -> Result<Option<&Keeping>> {
        let keeping = Keeping { stamps: self.db()?.stamps(), found: Arc::default() };
        Ok(self.0.keeping.set(keeping).ok().and_then(|()| self.0.keeping.get()))
    }

    pub(crate) fn downgrade(&self) -> Weak<Opening> {
        Arc::downgrade(&self.0)
    }

    /// Closes this opening, and waits for what that takes. A second time it does nothing.
    ///
    /// # Errors
    /// Those of closing the database.
    pub(crate) fn close(&self) -> Result<()> {
        self.0.close()
    }

    /// Has every later call refused, before the closing itself.
    pub(crate) fn begin_closing(&self) {
        self.0.is_closed.store(true, Ordering::Relaxed);
    }

    pub(crate) fn note_key(&self, key: Option<KeyDigest>) {
        if let Some(place) = &*lock(&self.0.place) {
            place.note_key(key);
        }
    }

    #[cold]
    fn closed(&self) -> Failure {
        let message = format!("the database {} is closed; open it again", self.0.db().path().display());
        Failure::new(ErrorKind::Closed, message)
    }
}

impl Keeping {
    /// Notes the stamp of a document that is on its way to `lib/`, or that it has none.
    #[inline]
    pub(crate) fn note(&self, stamp: Option<Stamp>) {
        let Stamp { place, number } = stamp.unwrap_or(Stamp { place: u32::MAX, number: 0 });
        self.found.set(place, number);
    }
}

impl Opening {
    #[inline]
    fn db(&self) -> &FerrumDB {
        self.db.as_ref().expect("nobody has it while it is dropped")
    }

    pub(crate) fn close(&self) -> Result<()> {
        self.is_closed.store(true, Ordering::Relaxed);
        let place = lock(&self.place).take();
        match place {
            Some(place) => place.close(),
            None if self.is_in_memory => Ok(self.db().close().wait()?),
            None => Ok(()),
        }
    }
}

impl Drop for Opening {
    /// Of one that nobody has closed: closing it waits, and this may be an event loop's thread.
    fn drop(&mut self) {
        let (place, db) = (lock(&self.place).take(), self.db.take());
        pool::run(move || {
            drop(place.map(Place::close));
            drop(db);
        });
    }
}
