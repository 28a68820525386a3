//! Owns applying whole commits while nobody reads: when a file is opened. Never sees a commit without its mark.

use std::borrow::Cow;

use super::staged::{Changes, KeyChange};
use crate::apply::Applier;
use crate::collections::CollectionChange;
use crate::index::definition::DefinitionError;
use crate::indexing::{CatchUp, Definitions};
use crate::key::CollectionId;
use crate::keydir::Entry;
use crate::stage::StagedChange;
use crate::view::Shared;

/// So many changes, or bytes of documents for indexes, are applied together. More would leave the processor's cache.
const BACKLOG_MAX: usize = 8192;
const BACKLOG_BYTES_MAX: usize = 4 << 20;

/// Takes commits in their order, and applies them many at a time, in the order of the keydir: keys that follow one another
/// in a log lie all over the keydir, and a walk from one end of memory to another and back would wait for each of them.
pub(crate) struct Unread<'r> {
    shared: &'r Shared,
    applier: &'r mut Applier,
    catch_up: CatchUp,
    definitions: Definitions,
    backlog: Vec<KeyChange>,
    backlog_bytes: usize,
}

impl<'r> Unread<'r> {
    /// Goes on from what the applier publishes next, with these definitions of indexes.
    pub(crate) fn new(shared: &'r Shared, applier: &'r mut Applier, definitions: Definitions) -> Self {
        let catch_up = CatchUp::new(shared.view.load().counts.total());
        Self { shared, applier, catch_up, definitions, backlog: Vec::new(), backlog_bytes: 0 }
    }

    /// Whether the documents of a collection are needed for an index.
    pub(crate) fn is_indexed(&self, collection: CollectionId) -> bool {
        self.applier.catalog().is_indexed(collection)
    }

    /// Takes what a commit has changed.
    pub(crate) fn take(&mut self, changes: &mut Changes) -> Result<(), DefinitionError> {
        for (kind, collection, definition) in changes.definitions.drain(..) {
            self.definitions.note(kind, collection, &definition)?;
        }
        // No writer writes to a collection after it was dropped; whatever else a log may say.
        if !self.applier.collections().dropped().is_empty() {
            changes.keys.retain(|change| !self.applier.collections().is_dropped(change.collection));
        }
        let documents = changes.keys.iter().filter_map(|change| change.document.as_ref());
        self.backlog_bytes += documents.map(|document| document.len()).sum::<usize>();
        self.backlog.append(&mut changes.keys);
        if self.backlog.len() >= BACKLOG_MAX || self.backlog_bytes >= BACKLOG_BYTES_MAX {
            self.apply();
        }
        if !changes.collections.is_empty() {
            self.apply();
        }
        for (sequence, change) in changes.collections.drain(..) {
            self.applier.change_collection(&change, sequence);
            if let CollectionChange::Dropped(collection) = change {
                self.definitions.forget(collection);
            }
        }
        Ok(())
    }

    /// Applies what is left, and hands out the definitions.
    pub(crate) fn finish(mut self) -> Definitions {
        self.apply();
        self.definitions
    }

    fn apply(&mut self) {
        let (order, ends) = self.by_part();
        let mut had = Vec::with_capacity(self.backlog.len());
        let mut start = 0;
        for (part, end) in ends.into_iter().enumerate() {
            let changes = order[start..end].iter().map(|index| {
                let KeyChange { collection, key, entry, .. } = &self.backlog[*index as usize];
                (self.shared.keydir.hash(*collection, key), key, *entry)
            });
            self.shared.keydir.put_unread(part, changes, |old| had.push(old));
            start = end;
        }
        for (index, old) in order.into_iter().zip(had) {
            self.apply_one(index as usize, old);
        }
        self.backlog.clear();
        self.backlog_bytes = 0;
    }

    /// What is left of a change that was made in the keydir, where its key had `old`.
    fn apply_one(&mut self, index: usize, old: Option<Entry>) {
        let KeyChange { collection, key, entry, expires_at, document } = &self.backlog[index];
        let (hashed, catalog) = (self.shared.keydir.hash(*collection, key), self.applier.catalog_mut());
        let document = document.as_deref();
        let index_change = self.catch_up.index_change(self.shared, catalog, &hashed, old, document);
        let index_change = index_change.map(Cow::Owned);
        let (entry, expires_at) = (*entry, *expires_at);
        self.applier.apply_unread(
            &StagedChange { hashed, key, old, entry, expires_at, new: None, index_change },
            old,
        );
    }

    /// The numbers of the changes, ordered by the part of the keydir, and where in this order each part ends. Changes of
    /// one key stay in their order.
    fn by_part(&self) -> (Vec<u32>, Vec<usize>) {
        let keydir = &self.shared.keydir;
        let part = |change: &KeyChange| keydir.hash(change.collection, &change.key).part();
        let parts: Vec<usize> = self.backlog.iter().map(part).collect();
        let mut next = vec![0; keydir.parts()];
        parts.iter().for_each(|part| next[*part] += 1);
        let mut start = 0;
        for place in &mut next {
            start += std::mem::replace(place, start);
        }
        let mut order = vec![0; parts.len()];
        for (index, part) in parts.into_iter().enumerate() {
            order[next[part]] = index as u32;
            next[part] += 1;
        }
        (order, next)
    }
}
