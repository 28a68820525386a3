//! Owns what a walk through a log has read and not applied yet. Never applies a commit whose mark has not been seen.

use std::borrow::Cow;
use std::io;

use crate::apply::Applier;
use crate::collections::CollectionChange;
use crate::generation::Location;
use crate::indexing::{CatchUp, Definitions};
use crate::key::{CollectionId, Key, Sequence, Timestamp};
use crate::keydir::Entry;
use crate::log::{Head, Kind, Payload};
use crate::stage::StagedChange;
use crate::view::Shared;

/// The walk's records since the last mark.
pub(crate) struct Staged {
    generation: u64,
    changes: Changes,
    pub(crate) last_kind: Option<Kind>,
    pub(crate) last_record: u64,
    /// Of the last commit whose mark has been seen: the record that carries it, and whether that is a close mark.
    pub(crate) last_marked: u64,
    pub(crate) closed: bool,
}

/// What one commit changes.
#[derive(Default)]
pub(crate) struct Changes {
    pub(crate) keys: Vec<KeyChange>,
    /// The records of definitions of indexes.
    pub(crate) definitions: Vec<(Kind, CollectionId, Box<[u8]>)>,
    /// The collections that are created or dropped, and by which commits.
    pub(crate) collections: Vec<(Sequence, CollectionChange)>,
}

/// A change of one key.
pub(crate) struct KeyChange {
    pub(crate) collection: CollectionId,
    pub(crate) key: Key,
    pub(crate) entry: Entry,
    pub(crate) expires_at: Option<Timestamp>,
    /// The document, if an index is to be brought up to it.
    pub(crate) document: Option<Box<[u8]>>,
}

impl Staged {
    pub(crate) fn new(generation: u64, closed: bool, last_marked: u64) -> Self {
        let changes = Changes::default();
        Self { generation, changes, last_kind: None, last_record: 0, last_marked, closed }
    }

    /// Takes out what was staged.
    pub(crate) fn take(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }

    /// Applies what was staged while nobody reads, and forgets it.
    pub(crate) fn apply(
        &mut self,
        applier: &mut Applier,
        shared: &Shared,
        catch_up: &mut CatchUp,
        definitions: &mut Definitions,
    ) -> io::Result<()> {
        self.changes.apply_unread(applier, shared, catch_up, definitions)
    }

    /// Takes a record; its document too, if its collection has an index.
    pub(crate) fn push(
        &mut self,
        position: u64,
        head: &Head,
        payload: Option<Payload<'_>>,
        is_indexed: impl FnOnce(CollectionId) -> bool,
    ) {
        self.last_kind = Some(head.kind);
        self.last_record = position;
        let Some(Payload { collection, expires_at, key, document }) = payload else { return };
        if let Some(change) = CollectionChange::of_record(head.kind, collection, key) {
            return self.changes.collections.push((head.sequence, change));
        }
        let entry = match head.kind {
            Kind::Set => {
                let location = Location::new(self.generation, position);
                Entry::new(location, head.sequence, head.ordinal, head.payload_bytes)
            }
            Kind::Delete => Entry::tombstone(head.sequence, head.ordinal),
            Kind::IndexCreated | Kind::IndexDropped => {
                return self.changes.definitions.push((head.kind, collection, Box::from(document)));
            }
            _ => return,
        };
        let entry = if expires_at.is_some() { entry.expiring() } else { entry };
        let is_wanted = head.kind == Kind::Set && is_indexed(collection);
        let document = is_wanted.then(|| Box::from(document));
        let key = Key::from(key);
        self.changes.keys.push(KeyChange { collection, key, entry, expires_at, document });
    }
}

impl Changes {
    /// Applies them while nobody reads, and forgets them.
    pub(crate) fn apply_unread(
        &mut self,
        applier: &mut Applier,
        shared: &Shared,
        catch_up: &mut CatchUp,
        definitions: &mut Definitions,
    ) -> io::Result<()> {
        for KeyChange { collection, key, entry, expires_at, document } in self.keys.drain(..) {
            // No writer writes to a collection after it was dropped; whatever else a log may say.
            if applier.collections().is_dropped(collection) {
                continue;
            }
            let (hashed, catalog) = (shared.keydir.hash(collection, &key), applier.catalog_mut());
            let index_change = catch_up.index_change(shared, catalog, &hashed, document.as_deref());
            applier.apply_unread(&StagedChange {
                hashed,
                key: &key,
                old: None,
                entry,
                expires_at,
                index_change: index_change.map(Cow::Owned),
            });
        }
        for (kind, collection, definition) in self.definitions.drain(..) {
            definitions.note(kind, collection, &definition)?;
        }
        for (sequence, change) in self.collections.drain(..) {
            applier.change_collection(&change, sequence);
            if let CollectionChange::Dropped(collection) = change {
                definitions.forget(collection);
            }
        }
        Ok(())
    }
}
