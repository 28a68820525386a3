//! Owns the follower's walk through a log: which of the commits there count, and applying them beside readers. Never
//! applies one that its owner may still take back.
//!
//! A commit counts if its owner says so in the live file; or if a commit of a later group follows it, since a group is
//! written only after the one before was published; or if it is a close mark. The members of a group cannot be told from
//! commits of the same millisecond, which only makes them wait a little longer.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use crate::apply::Applier;
use crate::error::{Error, Result};
use crate::index::IndexBuilder;
use crate::index::catalog::{IndexChange, OldValues};
use crate::index::definition::IndexDefinition;
use crate::index::extract::extract;
use crate::indexing::Definitions;
use crate::key::{CollectionId, Sequence, Timestamp};
use crate::keydir::{Entry, Hashed};
use crate::live::Live;
use crate::log::{Kind, Mark, Place, Scanner, Step};
use crate::recovery::staged::{Changes, KeyChange, Staged};
use crate::recovery::unread::Unread;
use crate::snapshot::Snapshot;
use crate::stage::StagedChange;
use crate::view::Shared;

/// How many changes are published at once at most, unless a commit has more.
const CHANGES_MAX: usize = 4096;

/// A commit that was found whole.
pub(super) struct Found {
    pub(super) changes: Changes,
    /// Behind it.
    pub(super) place: Place,
    pub(super) mark: Mark,
    pub(super) last_kind: Option<Kind>,
}

/// Where a walk ended, and why.
pub(super) struct Ended {
    /// Behind the last whole commit.
    pub(super) place: Place,
    /// The farthest position that a mark on the way claims was synced.
    pub(super) claim: u64,
    /// What is wrong with the bytes behind it, unless they are blank or were not to be looked at.
    pub(super) bad: Option<&'static str>,
}

/// Takes what a walk finds.
pub(super) trait Sink {
    /// Whether the documents of a collection are wanted.
    fn is_indexed(&self, collection: CollectionId) -> bool;
    /// Takes a record of the base section.
    fn base(&mut self, changes: Changes) -> Result<()>;
    /// Takes a commit that counts.
    fn commit(&mut self, found: Found) -> Result<()>;
}

/// What a walk goes by.
#[derive(Clone, Copy)]
pub(super) struct Bounds<'f> {
    /// What the owner tells.
    pub(super) live: Option<&'f Live>,
    /// Commits up to this one count.
    pub(super) known: Sequence,
    /// Whether zeros are the end only if nothing stands behind them.
    pub(super) is_thorough: bool,
}

/// Walks as far as the scanner goes, and hands on each commit that counts, in order.
pub(super) fn walk(
    scanner: &mut Scanner<'_>,
    generation: u64,
    bounds: Bounds<'_>,
    path: &Path,
    sink: &mut impl Sink,
) -> Result<Ended> {
    let mut staged = Staged::new(generation, false, 0);
    let (mut held, mut claim): (Vec<Found>, u64) = (Vec::new(), 0);
    // A definition that is held may belong to any collection.
    let mut holds_definition = false;
    let bad = loop {
        let in_base = scanner.place().base.is_some();
        let is_wanted = |collection| holds_definition || sink.is_indexed(collection);
        let failed = |source| Error::io("read", path, source);
        if !in_base && !bounds.is_thorough && scanner.is_blank().map_err(failed)? {
            break None;
        }
        let step = scanner.next(|at, head, payload| staged.push(at, head, payload, is_wanted));
        match step.map_err(failed)? {
            Step::Base => sink.base(staged.take())?,
            Step::Commit(mark) => {
                claim = claim.max(mark.synced);
                let (changes, place, last_kind) = (staged.take(), scanner.place(), staged.last_kind);
                let found = Found { changes, place, mark, last_kind };
                if held.last().is_some_and(|last| !last.is_of_same_group(&found)) {
                    held.drain(..).try_for_each(|found| sink.commit(found))?;
                    holds_definition = false;
                }
                let counts = in_base || found.counts(bounds);
                holds_definition |= !found.changes.definitions.is_empty();
                held.push(found);
                if counts {
                    held.drain(..).try_for_each(|found| sink.commit(found))?;
                    holds_definition = false;
                }
            }
            Step::End => break None,
            Step::Bad(reason) => break Some(reason),
            // No write that is under way looks like this.
            Step::Tampered(position) => return Err(Error::Tampered { path: Arc::from(path), position }),
        }
    };
    Ok(Ended { place: scanner.place(), claim, bad })
}

impl Found {
    fn counts(&self, bounds: Bounds<'_>) -> bool {
        self.place.sequence <= bounds.known
            || self.last_kind == Some(Kind::CloseMark)
            || bounds.live.is_some_and(|live| live.is_at(&self.place))
    }

    /// Whether both may have been written at once.
    fn is_of_same_group(&self, other: &Self) -> bool {
        (self.mark.time, self.mark.synced) == (other.mark.time, other.mark.synced)
    }
}

/// Takes commits while nobody reads: when a file is opened.
pub(super) struct Opening<'f> {
    pub(super) unread: Unread<'f>,
    pub(super) path: &'f Path,
    pub(super) place: Place,
    pub(super) time: Timestamp,
    pub(super) closed: bool,
}

impl Sink for Opening<'_> {
    fn is_indexed(&self, collection: CollectionId) -> bool {
        self.unread.is_indexed(collection)
    }

    fn base(&mut self, mut changes: Changes) -> Result<()> {
        self.unread.take(&mut changes).map_err(|error| Error::definition(self.path, &error))
    }

    fn commit(&mut self, found: Found) -> Result<()> {
        self.base(found.changes)?;
        self.place = found.place;
        self.time = self.time.max(found.mark.time);
        self.closed = found.last_kind == Some(Kind::CloseMark);
        Ok(())
    }
}

/// Applies commits beside readers, as their owner did.
pub(super) struct Beside<'f> {
    shared: &'f Arc<Shared>,
    applier: &'f mut Applier,
    /// Behind the last commit that was applied.
    place: &'f mut Place,
    time: &'f mut Timestamp,
    published: Sequence,
    /// How many changes are not published.
    changes: usize,
}

impl<'f> Beside<'f> {
    pub(super) fn new(
        shared: &'f Arc<Shared>,
        applier: &'f mut Applier,
        place: &'f mut Place,
        time: &'f mut Timestamp,
    ) -> Self {
        let published = place.sequence;
        Self { shared, applier, place, time, published, changes: 0 }
    }

    /// Shows every commit that was applied.
    pub(super) fn publish(&mut self) {
        if self.place.sequence > self.published {
            self.applier.publish(self.place.sequence, self.place.position, *self.time);
            self.applier.sweep_all();
            self.published = self.place.sequence;
            self.changes = 0;
        }
    }

    fn change(&mut self, change: &KeyChange) {
        let KeyChange { collection, key, entry, expires_at, document } = change;
        if self.applier.collections().is_dropped(*collection) {
            return;
        }
        let hashed = self.shared.keydir.hash(*collection, key);
        let old = self.shared.keydir.find(&hashed).filter(|old| !old.is_tombstone());
        let index_change = self.index_change(&hashed, old, document.as_deref()).map(Cow::Owned);
        let (entry, expires_at) = (*entry, *expires_at);
        self.applier.apply(&StagedChange { hashed, key, old, entry, expires_at, new: None, index_change });
        self.changes += 1;
    }

    fn index_change(
        &self,
        key: &Hashed<'_>,
        old: Option<Entry>,
        document: Option<&[u8]>,
    ) -> Option<IndexChange> {
        let catalog = self.applier.catalog();
        if !catalog.is_indexed(key.collection) {
            return None;
        }
        let nothing = || catalog.nothing(key.collection);
        let text = document.and_then(|document| std::str::from_utf8(document).ok());
        let new = text.map_or_else(nothing, |text| catalog.extract(key.collection, text));
        let old = match old {
            Some(old) => {
                let values = self.shared.old_values(catalog, key, &old);
                values.expect("only the follower itself takes a generation away")
            }
            None => OldValues::Known(nothing()),
        };
        Some(IndexChange { old, new })
    }

    /// Creates or drops an index. Such a commit changes no document.
    fn define(&mut self, kind: Kind, collection: CollectionId, stored: &[u8]) -> Result<()> {
        let definition = Definitions::default().note(kind, collection, stored);
        let definition = definition.map_err(|error| Error::definition(&self.shared.path, &error))?;
        let IndexDefinition { path } = &definition;
        if kind == Kind::IndexDropped {
            self.applier.catalog_mut().remove(collection, path);
            return Ok(());
        }
        // The build reads what is published: everything before this commit.
        self.publish();
        let mut builder = IndexBuilder::new(Arc::new(definition.clone()));
        Snapshot::new(self.shared).each_document(collection, |key, text| {
            builder.add(key, &extract(text, path));
            Ok(())
        })?;
        self.applier.catalog_mut().add(collection, builder.finish());
        Ok(())
    }
}

impl Sink for Beside<'_> {
    fn is_indexed(&self, collection: CollectionId) -> bool {
        self.applier.catalog().is_indexed(collection)
    }

    fn base(&mut self, _: Changes) -> Result<()> {
        unreachable!("a follower goes on behind the base section")
    }

    fn commit(&mut self, found: Found) -> Result<()> {
        for (kind, collection, stored) in &found.changes.definitions {
            self.define(*kind, *collection, stored)?;
        }
        found.changes.keys.iter().for_each(|change| self.change(change));
        for (sequence, change) in &found.changes.collections {
            self.applier.change_collection(change, *sequence);
            self.changes += 1;
        }
        *self.place = found.place;
        *self.time = (*self.time).max(found.mark.time);
        if self.changes >= CHANGES_MAX {
            self.publish();
        }
        Ok(())
    }
}
