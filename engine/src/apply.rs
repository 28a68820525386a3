//! Owns the one way in which a commit's effects reach the keydir and become visible. Never touches the log.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::build::Tracker;
use crate::collections::{CollectionChange, Collections};
use crate::expiry::Expiring;
use crate::index::catalog::Catalog;
use crate::index::working::Workings;
use crate::key::{CollectionId, Key, Sequence, Timestamp};
use crate::keydir::{Entry, Hashed, RecordId};
use crate::log::record_bytes;
use crate::stage::StagedChange;
use crate::sweep::Sweep;
use crate::view::{Shared, View};

/// Applies and publishes commits, for the owner, for recovery and for followers.
#[derive(Debug)]
pub(crate) struct Applier {
    shared: Arc<Shared>,
    /// What the next publication shows.
    next: View,
    /// The trees of the indexes, ahead of those that are published.
    workings: Workings,
    /// What was replaced or removed and may still be in the undo map, oldest first.
    superseded: VecDeque<Superseded>,
    /// The indexes that are being built.
    builds: Vec<Tracker>,
    /// Takes the entries of dropped collections out of the keydir.
    sweep: Sweep,
}

#[derive(Debug)]
struct Superseded {
    until: Sequence,
    collection: CollectionId,
    key: Key,
    /// The version that was replaced, if it expires.
    replaced: Option<RecordId>,
    /// Whether a tombstone replaced it.
    removed: bool,
}

impl Applier {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let next = View::clone(&shared.view.load());
        let workings = Workings::default();
        let (superseded, builds, sweep) = (VecDeque::new(), Vec::new(), Sweep::default());
        Self { shared, next, workings, superseded, builds, sweep }
    }

    /// Applies one change while nobody reads: in recovery.
    pub(crate) fn apply_unread(&mut self, change: &StagedChange<'_>) {
        let keydir = &self.shared.keydir;
        if let Some(at) = change.expires_at {
            self.shared.expiry_times.insert(change.entry.id(), at);
        }
        let removed = change.entry.is_tombstone();
        let old = if removed {
            keydir.remove(&change.hashed)
        } else {
            keydir.put(&change.hashed, change.key, change.entry)
        };
        self.tally(change, old);
        if let Some(old) = old.filter(Entry::expires) {
            self.shared.expiry_times.remove(old.id());
        }
    }

    /// Applies one change beside readers.
    pub(crate) fn apply(&mut self, change: &StagedChange<'_>) {
        let &StagedChange { hashed, key, old, entry, .. } = change;
        let removed = entry.is_tombstone();
        if let Some(old) = old {
            // ORDER: the undo version first. A reader that meets the new entry must find the old one.
            self.shared.undo.keep(hashed.collection, key, old, entry.sequence);
        }
        if let Some(at) = change.expires_at {
            // ORDER: the time first. A reader that meets the entry must find when it expires.
            self.shared.expiry_times.insert(entry.id(), at);
        }
        let replaced = self.shared.keydir.put(&hashed, key, entry);
        self.tally(change, replaced);
        for build in self.builds() {
            build.note(hashed.collection, key);
        }
        if replaced.is_some() || removed {
            self.superseded.push_back(Superseded {
                until: entry.sequence,
                collection: hashed.collection,
                key: key.clone(),
                replaced: replaced.filter(Entry::expires).map(|replaced| replaced.id()),
                removed,
            });
        }
    }

    /// Notes that what is published from here on ends in this generation.
    pub(crate) fn enter(&mut self, generation: u64) {
        self.next.generation = generation;
    }

    /// Makes everything applied so far visible at once, as the state after `sequence`.
    pub(crate) fn publish(&mut self, sequence: Sequence, log_end: u64, time: Timestamp) {
        self.next.sequence = sequence;
        self.next.log_end = log_end;
        self.next.time = time;
        self.workings.fit(&self.next.catalog);
        let collections = self.next.collections.number();
        if self.shared.collections_number.load(Ordering::Relaxed) != collections {
            // ORDER: before the view. Whoever has seen the new view must not believe what was found by the old one.
            self.shared.collections_number.store(collections, Ordering::Release);
        }
        self.shared.view.store(Arc::new(self.next.clone()));
        let has_indexes = !self.next.catalog.is_empty();
        if self.shared.has_indexes.load(Ordering::Relaxed) != has_indexes {
            self.shared.has_indexes.store(has_indexes, Ordering::Relaxed);
        }
        // ORDER: `oldest` looks at the pins after the view was stored.
        let oldest = self.shared.pins.oldest();
        self.release(oldest);
    }

    /// The indexes as they will be published next.
    pub(crate) fn catalog(&self) -> &Catalog {
        &self.next.catalog
    }

    pub(crate) fn catalog_mut(&mut self) -> &mut Catalog {
        &mut self.next.catalog
    }

    /// Does what no commit needs to wait for: brings the trees of the indexes up to what is published, and gives back
    /// what was published before. Says whether entries of dropped collections are left that can go now.
    pub(crate) fn tidy(&mut self) -> bool {
        self.workings.keep_up(&self.next.catalog);
        self.workings.give_back();
        self.sweep.step(&self.shared, &mut self.next)
    }

    /// The collections that the next publication shows.
    pub(crate) fn collections(&self) -> &Collections {
        &self.next.collections
    }

    /// Creates or drops a collection in the commit of this number, behind what that commit does to keys. A dropped one
    /// goes with everything in it; its entries leave the keydir later, since numbers are never used twice.
    pub(crate) fn change_collection(&mut self, change: &CollectionChange, sequence: Sequence) {
        self.next.collections.change(change);
        let CollectionChange::Dropped(collection) = *change else { return };
        let (_, bytes) = self.next.counts.remove(collection);
        self.next.live_bytes -= bytes;
        self.next.catalog.remove_collection(collection);
        self.builds.iter().filter(|build| build.is_in(collection)).for_each(Tracker::cancel);
        self.sweep.want(collection, sequence);
    }

    /// Takes the entries of dropped collections out of the keydir, as many as can go now: for those whom no commit waits
    /// for.
    pub(crate) fn sweep_all(&mut self) {
        while self.sweep.step(&self.shared, &mut self.next) {}
    }

    /// Forgets that documents of dropped collections expire, of those that have at `now` at most so many. Nobody need be
    /// told: they are gone.
    pub(crate) fn forget_expired(&mut self, now: Timestamp, limit: usize) {
        let collections = &self.next.collections;
        if collections.dropped().is_empty() {
            return;
        }
        let expired = self.next.expired(now).take(limit);
        let gone: Vec<_> = expired.filter(|expired| collections.is_dropped(expired.collection)).collect();
        gone.iter().for_each(|expired| self.next.expiring.remove(expired));
    }

    /// The indexes that are being built, without those that were abandoned.
    pub(crate) fn builds(&mut self) -> &mut Vec<Tracker> {
        self.builds.retain(Tracker::is_alive);
        &mut self.builds
    }

    /// The bytes of the records that hold the newest version of a document.
    pub(crate) fn live_bytes(&self) -> u64 {
        self.next.live_bytes
    }

    /// Takes over what is to be published of a state that was worked out elsewhere, and whose entries were applied here.
    pub(crate) fn adopt(&mut self, view: &View) {
        let before = std::mem::replace(&mut self.next, view.clone());
        self.next.collections.succeed(&before.collections);
    }

    /// The key that expires first.
    pub(crate) fn first_expiring(&self) -> Option<Expiring> {
        self.next.expiring.iter().next()
    }

    /// The keys that have expired at `now`, in the order in which they did.
    pub(crate) fn expired(&self, now: Timestamp) -> impl Iterator<Item = Expiring> {
        self.next.expired(now)
    }

    /// Drops the old versions that no pin needs any more.
    fn release(&mut self, oldest: Option<Sequence>) {
        while let Some(Superseded { until, .. }) = self.superseded.front()
            && oldest.is_none_or(|oldest| *until <= oldest)
            && let Some(superseded) = self.superseded.pop_front()
        {
            let Superseded { until, collection, key, replaced, removed } = superseded;
            if removed {
                let hashed = self.shared.keydir.hash(collection, &key);
                self.shared.keydir.remove_tombstone(&hashed, until);
            }
            if let Some(replaced) = replaced {
                self.shared.expiry_times.remove(replaced);
            }
            self.shared.undo.drop_before(collection, &key, oldest);
        }
    }

    /// Brings the next view's totals and indexes up to a change, which replaced `old`.
    fn tally(&mut self, change: &StagedChange<'_>, old: Option<Entry>) {
        let &StagedChange { hashed: Hashed { collection, .. }, key, entry, expires_at, .. } = change;
        if let Some(index_change) = &change.index_change {
            self.next.catalog.update(&mut self.workings, collection, key, index_change);
        }
        if let Some(old) = old.filter(|old| !old.is_tombstone()) {
            let bytes = record_bytes(old.payload_bytes);
            self.next.counts.subtract(collection, bytes);
            self.next.live_bytes -= bytes;
            if let Some(at) = self.shared.expiry_times.get(&old) {
                self.next.expiring.remove(&Expiring { at, collection, key: key.clone() });
            }
        }
        if !entry.is_tombstone() {
            let bytes = record_bytes(entry.payload_bytes);
            if self.next.counts.add(collection, bytes) {
                self.next.collections.note_number(collection);
            }
            self.next.live_bytes += bytes;
            if let Some(at) = expires_at {
                self.next.expiring.insert(&Expiring { at, collection, key: key.clone() });
            }
        }
    }
}
