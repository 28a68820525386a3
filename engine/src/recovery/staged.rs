//! Owns what a walk through a log has read and not applied yet. Never applies a commit whose mark has not been seen.

use crate::collections::CollectionChange;
use crate::generation::Location;
use crate::key::{CollectionId, Key, Sequence, Timestamp};
use crate::keydir::Entry;
use crate::log::{Head, Kind, Payload};

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

    /// What was staged, for whoever takes it out.
    pub(crate) fn changes(&mut self) -> &mut Changes {
        &mut self.changes
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
