//! Owns the one way in which a commit's effects reach the keydir and become visible. Never touches the log.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::build::{BuildRound, IndexBuild, Tracker};
use crate::collections::{CollectionChange, Collections};
use crate::document::Document;
use crate::error::Result;
use crate::expiry::Expiring;
use crate::index::catalog::Catalog;
use crate::index::definition::IndexDefinition;
use crate::index::working::Workings;
use crate::key::{CollectionId, Sequence, Timestamp};
use crate::keydir::{Entry, Hashed};
use crate::log::record_bytes;
use crate::snapshot::Snapshot;
use crate::stage::StagedChange;
use crate::superseded::{Backlog, Superseded};
use crate::sweep::Sweep;
use crate::validate::RecentChanges;
use crate::view::{Shared, View};

/// A commit drops at most so many old versions beyond twice as many as it replaces, so that it never waits for what a
/// pin has held back.
const RELEASED_BY_A_COMMIT: usize = 64;
const RELEASED_BY_TIDYING: usize = 256;

/// What is left when the writer has tidied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untidy {
    /// Nothing.
    Nothing,
    /// Old versions that readers need: there is nothing to do before they have ended.
    Pinned,
    /// More of the same, for the next time.
    More,
}

/// Applies and publishes commits, for the owner, for recovery and for followers.
#[derive(Debug)]
pub(crate) struct Applier {
    shared: Arc<Shared>,
    /// What the next publication shows.
    next: View,
    /// The view that was published before the newest: the memory of the next, if no reader holds it by then.
    spare: Option<Arc<View>>,
    /// The trees of the indexes, ahead of those that are published.
    workings: Workings,
    /// What was replaced or removed, as long as pins may need it.
    backlog: Backlog,
    /// The indexes that are being built.
    builds: Vec<Tracker>,
    /// For the validation of what transactions have read.
    recent: RecentChanges,
    /// Takes the entries of dropped collections out of the keydir.
    sweep: Sweep,
}

impl Applier {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let next = View::clone(&shared.view.load());
        let (workings, backlog, recent) = (Workings::default(), Backlog::default(), RecentChanges::default());
        let (spare, builds, sweep) = (None, Vec::new(), Sweep::default());
        Self { shared, next, spare, workings, backlog, builds, recent, sweep }
    }

    /// Does what is left of a change that was made in the keydir while nobody reads; `old` is what the key had.
    pub(crate) fn apply_unread(&mut self, change: &StagedChange<'_>, old: Option<Entry>) {
        if let Some(at) = change.expires_at {
            self.shared.expiry_times.insert(change.entry.id(), at);
        }
        self.tally(change, old);
        if let Some(old) = old.filter(Entry::expires) {
            self.shared.expiry_times.remove(old.id());
        }
    }

    /// Prepares for the changes of the owner's commits up to `last`.
    pub(crate) fn begin(&mut self, last: Sequence) {
        self.recent.begin(&self.shared.range_readers, last);
    }

    /// Applies one change beside readers.
    pub(crate) fn apply(&mut self, change: &StagedChange<'_>) {
        self.recent.note(change, self.next.catalog.number());
        let &StagedChange { hashed, key, old, entry, .. } = change;
        // Nobody can stand between two changes of one commit.
        let old = old.filter(|old| old.sequence < entry.sequence);
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
        if let (Some(_), Some(text)) = (replaced, change.new) {
            self.shared.cache.renew(&hashed, entry.id(), || Document::new(text, entry.sequence));
        }
        let is_removed = entry.is_tombstone();
        if let Some(replaced) =
            replaced.filter(|replaced| !replaced.is_tombstone()).or(is_removed.then_some(entry))
        {
            self.backlog.push(Superseded {
                collection: hashed.collection,
                key: key.clone(),
                since: replaced.sequence,
                until: entry.sequence,
                ordinal: replaced.ordinal(),
                is_kept: old.is_some(),
                expires: replaced.expires(),
                is_removed,
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
            self.shared.keydir.keepers.change_collections(collections);
            // ORDER: before the view. Whoever has seen the new view must not believe what was found by the old one.
            self.shared.collections_number.store(collections, Ordering::Release);
        }
        let spare = self.spare.take().and_then(|spare| renewed(spare, &self.next));
        let view = spare.unwrap_or_else(|| Arc::new(self.next.clone()));
        self.spare = Some(self.shared.view.swap(view));
        let has_indexes = !self.next.catalog.is_empty();
        if self.shared.has_indexes.load(Ordering::Relaxed) != has_indexes {
            self.shared.has_indexes.store(has_indexes, Ordering::Relaxed);
        }
        // ORDER: the pins are looked at after the view was stored.
        if self.backlog.is_long() {
            self.backlog.release(&self.shared, RELEASED_BY_A_COMMIT);
        }
    }

    /// What was changed of late.
    pub(crate) fn recent(&self) -> &RecentChanges {
        &self.recent
    }

    /// How many documents a collection has, expired ones included.
    pub(crate) fn count(&self, collection: CollectionId) -> u64 {
        self.next.counts.get(collection)
    }

    /// The indexes as they will be published next.
    pub(crate) fn catalog(&self) -> &Catalog {
        &self.next.catalog
    }

    pub(crate) fn catalog_mut(&mut self) -> &mut Catalog {
        &mut self.next.catalog
    }

    /// Does what no commit needs to wait for: brings the trees of the indexes up to what is published, and gives back
    /// what was published before, and some of what no pin needs any more. To be called when everything is published.
    pub(crate) fn tidy(&mut self) -> Untidy {
        // What is not published any more is not kept either; and the next publication then changes as little as its commit.
        self.spare = self.spare.take().and_then(|spare| renewed(spare, &self.next));
        self.workings.keep_up(&self.next.catalog);
        self.workings.give_back();
        self.backlog.release(&self.shared, RELEASED_BY_TIDYING);
        let can_sweep = self.sweep.step(&self.shared, &mut self.next);
        if can_sweep || self.backlog.is_loose() {
            Untidy::More
        } else if self.backlog.is_empty() && self.sweep.is_done() {
            Untidy::Nothing
        } else {
            Untidy::Pinned
        }
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

    /// What a build has to catch up with by now.
    pub(crate) fn round(&mut self, build: &IndexBuild) -> BuildRound {
        let snapshot = Snapshot::new(&self.shared);
        let tracker = self.builds().iter_mut().find(|tracker| build.is_of(tracker));
        tracker.expect("a build is tracked where it was begun for as long as it lives").round(snapshot)
    }

    /// Begins the order of a collection's keys, unless it is kept, or being built.
    pub(crate) fn begin_order(&mut self, collection: CollectionId) -> Option<IndexBuild> {
        let definition = IndexDefinition::of_keys();
        if !self.next.collections.is_there(collection)
            || self.next.catalog.order(collection).is_some()
            || self.builds().iter().any(|tracker| tracker.is_for(collection, &definition.path))
        {
            return None;
        }
        let (build, tracker) = IndexBuild::begin(collection, definition, Snapshot::new(&self.shared));
        self.builds.push(tracker);
        Some(build)
    }

    /// Brings the order of a collection's keys up to now by the round that was just taken, and shows it.
    pub(crate) fn install_order(&mut self, mut build: IndexBuild, round: BuildRound) -> Result<()> {
        build.advance(round)?;
        let (collection, order) = build.finish();
        self.next.catalog.add_order(collection, order);
        // There is no commit for it: what is published is the same, and an order of it.
        let View { sequence, log_end, time, .. } = self.next;
        self.publish(sequence, log_end, time);
        Ok(())
    }

    /// The bytes of the records that hold the newest version of a document.
    pub(crate) fn live_bytes(&self) -> u64 {
        self.next.live_bytes
    }

    /// Takes over what is to be published of a state that was worked out elsewhere, and whose entries were applied here.
    pub(crate) fn adopt(&mut self, view: &View) {
        let before = std::mem::replace(&mut self.next, view.clone());
        // An order is in no file: it was brought up to the state as the entries were applied.
        let View { catalog, collections, .. } = &mut self.next;
        catalog.keep_orders_of(&before.catalog, |collection| collections.is_there(collection));
        collections.succeed(&before.collections);
    }

    /// The key that expires first.
    pub(crate) fn first_expiring(&self) -> Option<Expiring> {
        self.next.expiring.iter().next()
    }

    /// The keys that have expired at `now`, in the order in which they did.
    pub(crate) fn expired(&self, now: Timestamp) -> impl Iterator<Item = Expiring> {
        self.next.expired(now)
    }

    /// Brings the next view's totals and indexes up to a change, which replaced `old`.
    fn tally(&mut self, change: &StagedChange<'_>, old: Option<Entry>) {
        let &StagedChange { hashed: Hashed { collection, .. }, key, entry, expires_at, .. } = change;
        if let Some(index_change) = &change.index_change {
            self.next.catalog.update(&mut self.workings, collection, key, index_change);
        }
        let old = old.filter(|old| !old.is_tombstone());
        if old.is_some() == entry.is_tombstone() {
            self.next.catalog.update_order(&mut self.workings, collection, key, old.is_none());
        }
        if let Some(old) = old {
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

/// A view that shows what is to be published next, in the memory of one that nobody reads any more.
fn renewed(mut view: Arc<View>, next: &View) -> Option<Arc<View>> {
    Arc::get_mut(&mut view)?.clone_from(next);
    Some(view)
}
