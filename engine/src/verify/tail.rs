//! Owns following the log of a closed file behind what its hint file tells, commit by commit. Never applies half of one.

use std::collections::HashSet;

use ahash::RandomState;

use crate::generation::Location;
use crate::key::{CollectionId, Key};
use crate::keydir::{Entry, Keydir};
use crate::log::{Head, Kind, Payload, record_bytes};
use crate::view::{Counts, View};

/// What was read of the commit that has not ended, and how many documents the commits before it have brought.
#[derive(Debug, Default)]
pub(super) struct Tail {
    staged: Vec<Change>,
    dropping: Vec<CollectionId>,
    counts: Counts,
    /// The keydir may have entries of these still; they do not count.
    dropped: HashSet<CollectionId, RandomState>,
}

/// What a record makes of a key.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) position: u64,
    pub(super) previous: u64,
    collection: CollectionId,
    pub(super) key: Key,
    pub(super) entry: Entry,
}

impl Tail {
    /// Behind a hint that shows this.
    pub(super) fn behind(view: &View) -> Self {
        Self { counts: view.counts.clone(), ..Self::default() }
    }

    pub(super) fn documents(&self) -> u64 {
        self.counts.total()
    }

    /// Takes a record of a commit that has not ended.
    pub(super) fn stage(&mut self, generation: u64, position: u64, head: &Head, payload: &Payload<'_>) {
        let entry = match head.kind {
            Kind::Set => {
                let location = Location::new(generation, position);
                Entry::new(location, head.sequence, head.ordinal, head.payload_bytes)
            }
            Kind::Delete => Entry::tombstone(head.sequence, head.ordinal),
            Kind::CollectionDropped => return self.dropping.push(payload.collection),
            _ => return,
        };
        let (collection, key, previous) = (payload.collection, Key::from(payload.key), head.previous);
        self.staged.push(Change { position, previous, collection, key, entry });
    }

    /// Applies what was staged. `find` is told of each record that does not name the version before it.
    pub(super) fn settle(&mut self, keydir: &Keydir, find: &mut dyn FnMut(u64, &Change)) {
        for change in std::mem::take(&mut self.staged) {
            if self.dropped.contains(&change.collection) {
                continue;
            }
            let hashed = keydir.hash(change.collection, &change.key);
            let old = if change.entry.is_tombstone() {
                keydir.remove(&hashed)
            } else {
                self.counts.add(change.collection, record_bytes(change.entry.payload_bytes));
                keydir.put(&hashed, &change.key, change.entry)
            };
            if let Some(old) = &old {
                self.counts.subtract(change.collection, record_bytes(old.payload_bytes));
            }
            let before = old.map_or(0, |old| old.location.position());
            if before != change.previous {
                find(before, &change);
            }
        }
        for collection in self.dropping.drain(..) {
            self.counts.remove(collection);
            self.dropped.insert(collection);
        }
    }

    /// Forgets the commit that has not ended.
    pub(super) fn forget(&mut self) {
        self.staged.clear();
        self.dropping.clear();
    }
}
