//! Owns what readers and the writer share, and the published view. Never changes the log.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;

use crate::cache::DocumentCache;
use crate::clock::Clock;
use crate::collections::Collections;
use crate::document::Document;
use crate::error::{Error, READ, Result};
use crate::expiry::{Expiring, ExpiryOrder, ExpiryTimes};
use crate::feed::Holds;
use crate::generation::{Generation, Retired};
use crate::index::catalog::{Catalog, OldValues};
use crate::key::{CollectionId, Sequence, Timestamp};
use crate::keydir::{Entry, Hashed, Keydir};
use crate::log::{ReadFault, read_document};
use crate::options::{Limits, Options};
use crate::pins::Pins;
use crate::stamps::{Stamped, Stamps};
use crate::stats::RecoveryReport;
use crate::undo::UndoMap;
use crate::validate::RangeReaders;

/// Everything that both halves of an open database see.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) path: Arc<Path>,
    pub(crate) limits: Limits,
    /// The oldest generation that an entry of the keydir may lead to; by it, the later ones.
    pub(crate) generations: ArcSwap<Generation>,
    pub(crate) retired: Retired,
    pub(crate) holds: Holds,
    pub(crate) keydir: Keydir,
    pub(crate) undo: UndoMap,
    pub(crate) expiry_times: ExpiryTimes,
    pub(crate) pins: Pins,
    pub(crate) range_readers: RangeReaders,
    /// INVARIANT: one pointer store publishes a commit: its sequence and everything that must agree with it.
    pub(crate) view: ArcSwap<View>,
    /// Whether the view shows an index, for those who would look at it for nothing else: it is another one after each
    /// commit, and to look at it costs both sides.
    pub(crate) has_indexes: AtomicBool,
    /// The number of the collections that the view shows, which changes as seldom as those do.
    pub(crate) collections_number: AtomicU64,
    pub(crate) cache: DocumentCache,
    pub(crate) recovery: OnceLock<RecoveryReport>,
    pub(crate) clock: Arc<dyn Clock>,
    /// The latest time seen in this run, in milliseconds.
    pub(crate) latest: AtomicU64,
}

/// What is published of one sequence.
#[derive(Debug, Default)]
pub(crate) struct View {
    pub(crate) sequence: Sequence,
    pub(crate) counts: Counts,
    /// The bytes of the records that hold the newest version of a key.
    pub(crate) live_bytes: u64,
    /// The generation that is written to, and where its log ends.
    pub(crate) generation: u64,
    pub(crate) log_end: u64,
    /// The time of the newest commit.
    pub(crate) time: Timestamp,
    /// The keys that will expire, and those that have and are not purged yet.
    pub(crate) expiring: ExpiryOrder,
    pub(crate) catalog: Catalog,
    pub(crate) collections: Collections,
}

/// How many documents each collection holds, and how many bytes their records have.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    root: u64,
    /// Of the others that have had one, by their numbers: a vector, since each commit in one of them copies it.
    others: Arc<Vec<Tally>>,
}

#[derive(Clone, Copy, Debug)]
struct Tally {
    collection: CollectionId,
    documents: u64,
    bytes: u64,
}

impl Counts {
    pub(crate) fn get(&self, collection: CollectionId) -> u64 {
        match collection {
            CollectionId::ROOT => self.root,
            other => self.place(other).map_or(0, |index| self.others[index].documents),
        }
    }

    pub(crate) fn total(&self) -> u64 {
        self.root + self.others.iter().map(|tally| tally.documents).sum::<u64>()
    }

    /// Adds a document whose record has so many bytes. Says whether it is the first of its collection.
    pub(crate) fn add(&mut self, collection: CollectionId, bytes: u64) -> bool {
        if collection == CollectionId::ROOT {
            self.root += 1;
            return false;
        }
        let place = self.place(collection);
        let others = Arc::make_mut(&mut self.others);
        match place {
            Ok(index) => {
                let tally = &mut others[index];
                (tally.documents, tally.bytes) = (tally.documents + 1, tally.bytes + bytes);
            }
            Err(index) => others.insert(index, Tally { collection, documents: 1, bytes }),
        }
        place.is_err()
    }

    pub(crate) fn subtract(&mut self, collection: CollectionId, bytes: u64) {
        if collection == CollectionId::ROOT {
            self.root -= 1;
        } else if let Ok(index) = self.place(collection) {
            let tally = &mut Arc::make_mut(&mut self.others)[index];
            (tally.documents, tally.bytes) = (tally.documents - 1, tally.bytes - bytes);
        }
    }

    /// Takes a collection out with all its documents, and says how many they were, and the bytes of their records.
    pub(crate) fn remove(&mut self, collection: CollectionId) -> (u64, u64) {
        let Ok(index) = self.place(collection) else { return (0, 0) };
        let Tally { documents, bytes, .. } = Arc::make_mut(&mut self.others).remove(index);
        (documents, bytes)
    }

    fn place(&self, collection: CollectionId) -> std::result::Result<usize, usize> {
        self.others.binary_search_by_key(&collection, |tally| tally.collection)
    }
}

impl Clone for View {
    fn clone(&self) -> Self {
        Self {
            counts: self.counts.clone(),
            expiring: self.expiring.clone(),
            catalog: self.catalog.clone(),
            collections: self.collections.clone(),
            ..*self
        }
    }

    /// Leaves what both share already, which is nearly all of it from one commit to the next, as it is: to count
    /// references up and down, and to ask for the memory, was a twentieth of the writer's work for a commit.
    fn clone_from(&mut self, other: &Self) {
        let Self { sequence, counts, live_bytes, generation, log_end, time, expiring, catalog, collections } =
            other;
        (self.sequence, self.time, self.live_bytes) = (*sequence, *time, *live_bytes);
        (self.generation, self.log_end) = (*generation, *log_end);
        self.counts.root = counts.root;
        if !Arc::ptr_eq(&self.counts.others, &counts.others) {
            self.counts.others = Arc::clone(&counts.others);
        }
        if !self.expiring.is(expiring) {
            self.expiring = expiring.clone();
        }
        if !self.catalog.is(catalog) {
            self.catalog = catalog.clone();
        }
        if !self.collections.is(collections) {
            self.collections = collections.clone();
        }
    }
}

impl View {
    /// How many documents of a collection are there at a time, which is asked for only if it matters.
    pub(crate) fn count(&self, collection: CollectionId, now: impl FnOnce() -> Timestamp) -> u64 {
        let count = self.counts.get(collection);
        if self.expiring.is_empty() {
            return count;
        }
        count - self.expired(now()).filter(|expiring| expiring.collection == collection).count() as u64
    }

    /// The keys that have expired at `now`, in the order in which they did.
    pub(crate) fn expired(&self, now: Timestamp) -> impl Iterator<Item = Expiring> {
        self.expiring.iter().take_while(move |expiring| expiring.at <= now)
    }
}

impl Shared {
    /// What both halves see of a database that is being opened with this state.
    pub(crate) fn new(
        path: &Path,
        options: Options,
        generation: &Arc<Generation>,
        keydir: Keydir,
        expiry_times: ExpiryTimes,
        view: View,
    ) -> Arc<Self> {
        Arc::new(Self {
            path: Arc::from(path),
            limits: options.limits,
            generations: ArcSwap::from(Arc::clone(generation)),
            retired: Retired::default(),
            holds: Holds::default(),
            keydir,
            undo: UndoMap::new(),
            expiry_times,
            pins: Pins::new(),
            range_readers: RangeReaders::default(),
            collections_number: AtomicU64::new(view.collections.number()),
            view: ArcSwap::from_pointee(view),
            has_indexes: AtomicBool::new(false),
            cache: DocumentCache::new(options.cache_bytes),
            recovery: OnceLock::new(),
            clock: options.clock,
            latest: AtomicU64::new(0),
        })
    }

    /// The time: of the wall clock, and never before the newest commit or any time seen before.
    pub(crate) fn now(&self) -> Timestamp {
        self.now_after(self.view.load().time)
    }

    /// The same, for whoever knows the time of the newest commit.
    pub(crate) fn now_after(&self, commit: Timestamp) -> Timestamp {
        let now = self.clock.now().max(commit).0;
        let latest = self.latest.load(Ordering::Relaxed);
        if now > latest {
            self.latest.fetch_max(now, Ordering::Relaxed);
        }
        Timestamp(now.max(latest))
    }

    /// The newest entry of a key that has a document now.
    pub(crate) fn newest(&self, key: &Hashed<'_>) -> Option<Entry> {
        loop {
            let entry = self.keydir.find(key).filter(|entry| !entry.is_tombstone())?;
            if !entry.expires() {
                return Some(entry);
            }
            // Without a time the version was replaced, and dropped, between the two looks; the newer one is there by
            // now.
            if let Some(at) = self.expiry_times.get(&entry) {
                return (at > self.now()).then_some(entry);
            }
        }
    }

    /// The document of a key that has one now.
    pub(crate) fn newest_document(&self, key: &Hashed<'_>) -> Result<Option<Document>> {
        loop {
            let Some(entry) = self.newest(key) else { return Ok(None) };
            if let Some(document) = self.cache.get(key, entry.id()) {
                return Ok(Some(document));
            }
            // ORDER: the generation after the entry. If it is gone by now, the entry has been moved on before.
            if let Some(generation) = self.generations.load().of(entry.location) {
                return self.read(key, &entry, generation).map(Some);
            }
        }
    }

    /// The same, if it is known without reading the file.
    pub(crate) fn newest_cached(&self, key: &Hashed<'_>) -> Option<Option<Document>> {
        match self.newest(key) {
            None => Some(None),
            Some(entry) => self.cache.get(key, entry.id()).map(Some),
        }
    }

    /// The same, with a stamp.
    pub(crate) fn newest_stamped(
        &self,
        key: &Hashed<'_>,
        stamps: &Stamps,
        collections: u64,
    ) -> Option<Stamped> {
        // ORDER: the stamp before the look.
        let stamp = self.keydir.stamp(stamps, key, collections);
        let Some(entry) = self.newest(key) else { return Some(Stamped { document: None, stamp: None }) };
        let document = self.cache.get(key, entry.id())?;
        Some(Stamped { document: Some(document), stamp: stamp.filter(|_| !entry.expires()) })
    }

    /// The document that `entry` leads to: from the cache, or from one of these generations. Nothing, if it leads to an
    /// earlier one: then the entry is out of date.
    pub(crate) fn document(
        &self,
        key: &Hashed<'_>,
        entry: &Entry,
        generations: &Generation,
    ) -> Result<Option<Document>> {
        match self.cache.get(key, entry.id()) {
            Some(document) => Ok(Some(document)),
            None => {
                let generation = generations.of(entry.location);
                generation.map(|generation| self.read(key, entry, generation)).transpose()
            }
        }
    }

    /// Reads a document from its generation, verified, and keeps it in the cache.
    fn read(&self, key: &Hashed<'_>, entry: &Entry, generation: &Generation) -> Result<Document> {
        let make = |text: &str| Document::new(text, entry.sequence);
        let document = self.read_from(generation, key, entry, make)?;
        self.cache.insert(key, entry.id(), &document);
        Ok(document)
    }

    /// What a stored document holds for the indexes of its collection. Nothing, if the entry is out of date.
    ///
    /// It is asked for since the document is about to be replaced, so that is not kept in the cache.
    pub(crate) fn old_values(&self, catalog: &Catalog, key: &Hashed<'_>, entry: &Entry) -> Option<OldValues> {
        if let Some(known) = self.cached_values(catalog, key, entry) {
            return Some(known);
        }
        let generations = self.generations.load();
        let generation = generations.of(entry.location)?;
        let extract = |text: &str| catalog.extract(key.collection, text);
        Some(match self.read_from(generation, key, entry, extract) {
            Ok(values) => OldValues::Known(values),
            Err(error) => {
                tracing::warn!(%error, "an unreadable document is taken out of the indexes by its key");
                OldValues::Unreadable
            }
        })
    }

    /// The same, if it is known without reading the file.
    pub(crate) fn cached_values(
        &self,
        catalog: &Catalog,
        key: &Hashed<'_>,
        entry: &Entry,
    ) -> Option<OldValues> {
        let document = self.cache.get(key, entry.id())?;
        Some(OldValues::Known(catalog.extract(key.collection, document.as_str())))
    }

    /// Reads a text from its generation, verified.
    fn read_from<T>(
        &self,
        generation: &Generation,
        key: &Hashed<'_>,
        entry: &Entry,
        make: impl FnOnce(&str) -> T,
    ) -> Result<T> {
        let expected = entry.expected(key.collection, key.key);
        read_document(&*generation.file, &generation.keys, &expected, make)
            .map_err(|fault| self.read_error(fault, expected.position))
    }

    pub(crate) fn read_error(&self, fault: ReadFault, position: u64) -> Error {
        match fault {
            ReadFault::Io(source) => Error::io(READ, &self.path, source),
            ReadFault::Tampered => Error::Tampered { path: Arc::clone(&self.path), position },
            ReadFault::Damaged(reason) => Error::Damaged { path: Arc::clone(&self.path), position, reason },
        }
    }
}
