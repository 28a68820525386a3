//! Owns reading several keys as of one sequence. Never waits for the writer, and never changes anything.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::bounds::KeyBounds;
use crate::document::Document;
use crate::error::{Error, Result};
use crate::generation::Generation;
use crate::key::{CollectionId, Key, Sequence, Timestamp};
use crate::keydir::{Entry, Hashed};
use crate::log::Sweep;
use crate::pins::Slot;
use crate::transaction::Replaced;
use crate::view::{Shared, View};

/// The database as it was after one commit, however long it is kept and whatever is written meanwhile.
///
/// While it is open, the versions that it shows are remembered in memory when they are replaced: some 200 bytes each, no
/// documents, and no version that it does not show.
pub struct Snapshot {
    pub(crate) shared: Arc<Shared>,
    /// From which on it finds every generation that one of its entries leads to, or is moved to.
    pub(crate) generations: Arc<Generation>,
    view: Arc<View>,
    pin: Pin,
    cancelled: AtomicBool,
    /// The time at which it was taken, which it stands on too; not asked for where nothing expires.
    now: Timestamp,
}

/// What keeps the versions that a snapshot shows.
enum Pin {
    Own(Slot),
    /// Another one does, of the same view, and is kept for it. A slot that were claimed for an old view could be missed by a
    /// look of the writer's that comes between the claim and the other's end.
    Shared {
        _kept: Arc<Snapshot>,
    },
}

impl Snapshot {
    /// A snapshot for one look, which asks for the time only where something expires.
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        // ORDER: the generation first. What the view shows is in it or in a later one.
        let generations = shared.generations.load_full();
        let published = shared.view.load().sequence;
        let (slot, view) = shared.pins.pin(published, || {
            let view = shared.view.load_full();
            (view.sequence, view)
        });
        let now = if view.expiring.is_empty() { Timestamp::default() } else { shared.now() };
        let (pin, cancelled) = (Pin::Own(slot), AtomicBool::new(false));
        Self { shared: Arc::clone(shared), generations, view, pin, cancelled, now }
    }

    /// Another snapshot of the same commit and time, whose reads are cancelled by themselves.
    #[must_use]
    pub fn again(self: &Arc<Self>) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            generations: Arc::clone(&self.generations),
            view: Arc::clone(&self.view),
            pin: Pin::Shared { _kept: Arc::clone(self) },
            cancelled: AtomicBool::new(false),
            now: self.now,
        }
    }

    /// Makes the reads of many documents or keys, those that are under way and those to come, fail with
    /// [`crate::Error::Cancelled`] soon: wherever it would have gone on to the next one.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    pub(crate) fn check_cancelled(&self) -> Result<()> {
        if self.cancelled.load(Ordering::Relaxed) { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// The number of the newest commit that it shows.
    #[must_use]
    pub fn sequence(&self) -> Sequence {
        self.view.sequence
    }

    /// The time of that commit.
    #[must_use]
    pub fn commit_time(&self) -> Timestamp {
        self.view.time
    }

    /// The document of a key.
    ///
    /// # Errors
    /// [`crate::Error::Io`] and [`crate::Error::Damaged`].
    pub fn get(&self, collection: CollectionId, key: &str) -> Result<Option<Document>> {
        let hashed = self.shared.keydir.hash(collection, key);
        self.entry(&hashed).map(|entry| self.document(&hashed, &entry)).transpose()
    }

    /// The document of a key, or that it has none, if either is known without reading the file.
    #[must_use]
    pub fn get_cached(&self, collection: CollectionId, key: &str) -> Option<Option<Document>> {
        let hashed = self.shared.keydir.hash(collection, key);
        match self.entry(&hashed) {
            None => Some(None),
            Some(entry) => self.shared.cache.get(&hashed, entry.id()).map(Some),
        }
    }

    /// The documents of several keys, in the keys' order.
    ///
    /// # Errors
    /// [`crate::Error::Io`] and [`crate::Error::Damaged`]; [`crate::Error::Cancelled`].
    pub fn get_many<K: AsRef<str>>(
        &self,
        collection: CollectionId,
        keys: &[K],
    ) -> Result<Vec<Option<Document>>> {
        let get = |key: &K| self.check_cancelled().and_then(|()| self.get(collection, key.as_ref()));
        keys.iter().map(get).collect()
    }

    /// Whether a key has a document.
    #[must_use]
    pub fn contains(&self, collection: CollectionId, key: &str) -> bool {
        self.entry(&self.shared.keydir.hash(collection, key)).is_some()
    }

    /// When the document of a key expires: `Some(None)` if it never does, `None` if there is no document.
    #[must_use]
    pub fn expiry(&self, collection: CollectionId, key: &str) -> Option<Option<Timestamp>> {
        self.version(collection, key).map(|(_, expires_at)| expires_at)
    }

    /// The time on which it stands. Nothing, if no document will expire: then it was not asked for.
    #[must_use]
    pub fn time(&self) -> Option<Timestamp> {
        (!self.view.expiring.is_empty()).then_some(self.now)
    }

    /// The version of the document of a key, and when that expires.
    pub(crate) fn version(
        &self,
        collection: CollectionId,
        key: &str,
    ) -> Option<(Sequence, Option<Timestamp>)> {
        let entry = self.entry(&self.shared.keydir.hash(collection, key))?;
        Some((entry.sequence, self.shared.expiry_times.get(&entry)))
    }

    /// When the next document of a collection expires whose key lies in a range.
    pub(crate) fn next_expiry(&self, collection: CollectionId, bounds: &KeyBounds) -> Option<Timestamp> {
        let later = self.view.expiring.iter().filter(|expiring| expiring.at > self.now);
        let mut here = later.filter(|next| next.collection == collection && bounds.contain(&next.key));
        here.next().map(|expiring| expiring.at)
    }

    /// The keys of a collection, in no order.
    #[must_use]
    pub fn keys(self, collection: CollectionId) -> Keys {
        Keys::new(self, collection)
    }

    /// How many documents a collection has.
    #[must_use]
    pub fn count(&self, collection: CollectionId) -> u64 {
        self.view.count(collection, || self.now)
    }

    /// The document of a key, though it may have expired.
    pub(crate) fn stored(&self, collection: CollectionId, key: &Key) -> Result<Option<Document>> {
        let hashed = self.shared.keydir.hash(collection, key);
        let newest = self.shared.keydir.find(&hashed);
        let entry = newest.and_then(|newest| self.at_pin(collection, newest, || key.clone()));
        entry.map(|entry| self.document(&hashed, &entry)).transpose()
    }

    /// The keys that are `wanted` of all documents of a collection, those that have expired and are not purged included, in
    /// no order.
    pub(crate) fn stored_keys(
        &self,
        collection: CollectionId,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<Key>> {
        let mut keys = Vec::new();
        self.each_stored_key(collection, wanted, |key| keys.push(key))?;
        Ok(keys)
    }

    /// Visits the same. Only a cancelling ends it.
    pub(crate) fn each_stored_key(
        &self,
        collection: CollectionId,
        wanted: impl Fn(&str) -> bool,
        mut visit: impl FnMut(Key),
    ) -> Result<()> {
        let (keydir, mut copy) = (&self.shared.keydir, Vec::new());
        for part in 0..keydir.parts() {
            self.check_cancelled()?;
            keydir.copy_part(part, collection, &mut copy);
            for (key, newest) in copy.drain(..) {
                if wanted(&key) && self.at_pin(collection, newest, || key.clone()).is_some() {
                    visit(key);
                }
            }
        }
        Ok(())
    }

    /// Visits every document of a collection, those that have expired and are not purged included, in the order of
    /// the log. The first error of `visit` ends it, and so does a cancelling.
    pub(crate) fn each_document(
        &self,
        collection: CollectionId,
        mut visit: impl FnMut(&Key, &str) -> Result<()>,
    ) -> Result<()> {
        let keydir = &self.shared.keydir;
        let (mut copy, mut entries) = (Vec::new(), Vec::new());
        for part in 0..keydir.parts() {
            self.check_cancelled()?;
            keydir.copy_part(part, collection, &mut copy);
            entries.extend(copy.drain(..).filter_map(|(key, newest)| {
                let entry = self.at_pin(collection, newest, || key.clone())?;
                Some((key, entry))
            }));
        }
        entries.sort_unstable_by_key(|(_, entry)| entry.location);
        for generation in self.generations.onwards() {
            let start = entries.partition_point(|(_, entry)| entry.location < generation.start());
            let rest = &entries[start..];
            let here = &rest[..rest.partition_point(|(_, entry)| entry.location.is_in(generation.number()))];
            let end = here.last().map_or(0, |(_, entry)| entry.end());
            let mut sweep = Sweep::new(&*generation.file, &generation.keys, end);
            for (key, entry) in here {
                self.check_cancelled()?;
                let expected = entry.expected(collection, key);
                let text = sweep
                    .document(&expected)
                    .map_err(|fault| self.shared.read_error(fault, expected.position))?;
                visit(key, text)?;
            }
        }
        Ok(())
    }

    /// A document that a commit after this snapshot has replaced.
    ///
    /// # Errors
    /// [`crate::Error::Io`] and [`crate::Error::Damaged`].
    pub fn replaced(&self, key: &str, &Replaced(collection, entry): &Replaced) -> Result<Document> {
        self.document(&self.shared.keydir.hash(collection, key), &entry)
    }

    /// The generation in whose log the newest commit that it shows stands.
    pub(crate) fn generation(&self) -> &Generation {
        let mut onwards = self.generations.onwards();
        let found = onwards.find(|generation| generation.number() == self.view.generation);
        found.expect("a generation is known before a view is published that ends in it")
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// The entry of a key as of its sequence, though the document may have expired.
    pub(crate) fn stored_entry(&self, key: &Hashed<'_>) -> Option<Entry> {
        let newest = self.shared.keydir.find(key)?;
        self.at_pin(key.collection, newest, || Key::from(key.key))
    }

    pub(crate) fn view(&self) -> &View {
        &self.view
    }

    /// The time on which it stands.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    pub(crate) fn document(&self, key: &Hashed<'_>, entry: &Entry) -> Result<Document> {
        let document = self.shared.document(key, entry, &self.generations)?;
        document.ok_or_else(|| Error::Damaged {
            path: Arc::clone(&self.shared.path),
            position: entry.location.position(),
            reason: "it lies in a file that was closed",
        })
    }

    /// The entry of a document that is there.
    pub(crate) fn entry(&self, key: &Hashed<'_>) -> Option<Entry> {
        let entry = self.shared.keydir.find(key)?;
        self.resolve(key.collection, entry, || Key::from(key.key))
    }

    /// The entry of a document that is there for this snapshot, of a key whose entry is `newest` now.
    pub(crate) fn resolve(
        &self,
        collection: CollectionId,
        newest: Entry,
        key: impl FnOnce() -> Key,
    ) -> Option<Entry> {
        let entry = self.at_pin(collection, newest, key)?;
        let expired = self.shared.expiry_times.get(&entry).is_some_and(|at| at <= self.now);
        (!expired).then_some(entry)
    }

    /// The entry as of this snapshot's sequence, tombstones excepted, of a key whose entry is `newest` now.
    pub(crate) fn at_pin(
        &self,
        collection: CollectionId,
        newest: Entry,
        key: impl FnOnce() -> Key,
    ) -> Option<Entry> {
        if newest.sequence > self.view.sequence {
            return self.shared.undo.at(collection, &key(), self.view.sequence);
        }
        (!newest.is_tombstone()).then_some(newest)
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        if let Pin::Own(slot) = self.pin {
            self.shared.pins.release(slot);
        }
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Snapshot").field("sequence", &self.sequence()).finish_non_exhaustive()
    }
}

/// The keys of one collection as of one sequence, each once, in no order.
///
/// It copies one part of the keydir at a time, some hundredth of a percent of it, and holds no lock in between.
#[derive(Debug)]
pub struct Keys {
    snapshot: Arc<Snapshot>,
    collection: CollectionId,
    next_part: usize,
    copy: Vec<(Key, Entry)>,
}

impl Keys {
    /// Those that a snapshot shows, which somebody else may hold as well.
    pub fn new(snapshot: impl Into<Arc<Snapshot>>, collection: CollectionId) -> Self {
        Self { snapshot: snapshot.into(), collection, next_part: 0, copy: Vec::new() }
    }
}

impl Iterator for Keys {
    type Item = Key;

    fn next(&mut self) -> Option<Key> {
        let keydir = &self.snapshot.shared.keydir;
        loop {
            while let Some((key, newest)) = self.copy.pop() {
                if self.snapshot.resolve(self.collection, newest, || key.clone()).is_some() {
                    return Some(key);
                }
            }
            if self.next_part == keydir.parts() {
                return None;
            }
            keydir.copy_part(self.next_part, self.collection, &mut self.copy);
            self.next_part += 1;
        }
    }
}
