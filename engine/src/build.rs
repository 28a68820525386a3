//! Owns building an index over documents that are there already, or the order of their keys, beside commits. Never changes what readers see: the writer installs the result.
//!
//! A build stands on a snapshot. It reads every document of its collection as of that snapshot, in the order of the
//! log, while the writer notes which keys change meanwhile. Those are caught up with in rounds, each standing on a
//! newer snapshot, until so few are left that the writer can do the rest itself.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use ahash::RandomState;

use crate::error::{Error, Result};
use crate::index::definition::IndexDefinition;
use crate::index::extract::{Extracted, extract};
use crate::index::path::FieldPath;
use crate::index::working::Working;
use crate::index::{Index, IndexBuilder};
use crate::key::{CollectionId, Key};
use crate::snapshot::Snapshot;

/// A writer takes over a build when no more keys than this have changed since its snapshot.
const CAUGHT_UP: usize = 256;

/// An index that is being built, on any thread. Dropping it abandons it.
#[derive(Debug)]
pub struct IndexBuild {
    collection: CollectionId,
    index: Index,
    snapshot: Snapshot,
    cancelled: Arc<AtomicBool>,
}

/// The writer's end of a build: the keys that have changed since its snapshot.
#[derive(Debug)]
pub(crate) struct Tracker {
    collection: CollectionId,
    path: FieldPath,
    build: Weak<AtomicBool>,
    changed: HashSet<Key, RandomState>,
}

/// Stops a build from another thread.
#[derive(Clone, Debug)]
pub struct CancelBuild(Weak<AtomicBool>);

impl CancelBuild {
    /// Makes the build fail with [`Error::Cancelled`] soon, if it goes on.
    pub fn cancel(&self) {
        if let Some(cancelled) = self.0.upgrade() {
            cancelled.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the build goes on: it is neither done nor dropped, and nobody has cancelled it.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.0.upgrade().is_some_and(|cancelled| !cancelled.load(Ordering::Relaxed))
    }
}

impl IndexBuild {
    pub(crate) fn begin(
        collection: CollectionId,
        definition: IndexDefinition,
        snapshot: Snapshot,
    ) -> (Self, Tracker) {
        let cancelled = Arc::new(AtomicBool::new(false));
        let (build, changed) = (Arc::downgrade(&cancelled), HashSet::default());
        let tracker = Tracker { collection, path: definition.path.clone(), build, changed };
        let index = Index::new(Arc::new(definition));
        (Self { collection, index, snapshot, cancelled }, tracker)
    }

    /// What stops this build from another thread.
    #[must_use]
    pub fn canceller(&self) -> CancelBuild {
        CancelBuild(Arc::downgrade(&self.cancelled))
    }

    /// Whether it builds the order of the collection's keys.
    #[must_use]
    pub fn is_order(&self) -> bool {
        self.index.definition().is_of_keys()
    }

    /// Reads all documents of the collection as of the build's snapshot; for the order of the keys, none of them.
    ///
    /// # Errors
    /// [`Error::Cancelled`]; [`Error::Io`] and [`Error::Damaged`] when a document cannot be read.
    pub fn run(&mut self) -> Result<()> {
        self.run_noting(|_, _| {})
    }

    /// The same, telling how many documents of how many it has read.
    ///
    /// # Errors
    /// As [`IndexBuild::run`].
    pub fn run_noting(&mut self, mut note: impl FnMut(u64, u64)) -> Result<()> {
        if self.is_order() {
            self.index = Index::of_keys(self.snapshot.stored_keys(self.collection, |_| true)?);
            return self.check();
        }
        let mut builder = IndexBuilder::new(Arc::clone(self.index.definition()));
        let path = &self.index.definition().path;
        let (mut read, of) = (0, self.snapshot.count(self.collection));
        note(0, of);
        self.snapshot.each_document(self.collection, |key, text| {
            read += 1;
            note(read, of.max(read));
            builder.add(key, &extract(text, path));
            self.check()
        })?;
        self.index = builder.finish();
        Ok(())
    }

    /// Brings the build up to a newer snapshot, given the keys that have changed in between.
    ///
    /// # Errors
    /// As [`IndexBuild::run`].
    pub fn advance(&mut self, round: BuildRound) -> Result<()> {
        self.check()?;
        let mut working = Working::of(&self.index);
        for key in &round.changed {
            self.check()?;
            let old = self.values(&self.snapshot, key)?;
            let new = self.values(&round.snapshot, key)?;
            self.index.replace(&mut working, key, &old, &new);
        }
        self.snapshot = round.snapshot;
        Ok(())
    }

    pub(crate) fn finish(self) -> (CollectionId, Index) {
        (self.collection, self.index)
    }

    pub(crate) fn is_of(&self, tracker: &Tracker) -> bool {
        Weak::ptr_eq(&tracker.build, &Arc::downgrade(&self.cancelled))
    }

    fn values(&self, snapshot: &Snapshot, key: &Key) -> Result<Extracted> {
        if self.is_order() {
            let entry = snapshot.stored_entry(&snapshot.shared().keydir.hash(self.collection, key));
            return Ok(if entry.is_some() { Extracted::KEY } else { Extracted::NONE });
        }
        let document = snapshot.stored(self.collection, key)?;
        Ok(document
            .map_or(Extracted::NONE, |document| extract(document.as_str(), &self.index.definition().path)))
    }

    fn check(&self) -> Result<()> {
        if self.cancelled.load(Ordering::Relaxed) { Err(Error::Cancelled) } else { Ok(()) }
    }
}

/// What a build has to catch up with: the keys that have changed, and the state up to which it is to be brought.
#[derive(Debug)]
pub struct BuildRound {
    changed: Vec<Key>,
    snapshot: Snapshot,
}

impl BuildRound {
    /// Whether so little is left that the writer can do it itself.
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.changed.len() <= CAUGHT_UP
    }
}

impl Tracker {
    pub(crate) fn note(&mut self, collection: CollectionId, key: &Key) {
        if collection == self.collection && !self.changed.contains(key) {
            self.changed.insert(key.clone());
        }
    }

    pub(crate) fn is_in(&self, collection: CollectionId) -> bool {
        self.collection == collection
    }

    /// Makes the build fail: its collection is dropped.
    pub(crate) fn cancel(&self) {
        CancelBuild(Weak::clone(&self.build)).cancel();
    }

    /// Whether its build has been neither installed nor abandoned.
    pub(crate) fn is_alive(&self) -> bool {
        self.build.strong_count() > 0
    }

    pub(crate) fn is_for(&self, collection: CollectionId, path: &FieldPath) -> bool {
        self.collection == collection && self.path == *path
    }

    /// Takes the keys that have changed so far; `snapshot` is what the writer has published last.
    pub(crate) fn round(&mut self, snapshot: Snapshot) -> BuildRound {
        BuildRound { changed: self.changed.drain().collect(), snapshot }
    }
}
