//! Owns following the log of a closed file behind what its hint file tells, commit by commit. Never applies half of one.

use crate::generation::Location;
use crate::key::{CollectionId, Key};
use crate::keydir::{Entry, Keydir};
use crate::log::{Head, Kind, Payload};

/// What was read of the commit that has not ended, and how many documents the commits before it have brought.
#[derive(Debug, Default)]
pub(super) struct Tail {
    staged: Vec<Change>,
    pub(super) documents: u64,
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
    /// Takes a record of a commit that has not ended.
    pub(super) fn stage(&mut self, generation: u64, position: u64, head: &Head, payload: &Payload<'_>) {
        let entry = match head.kind {
            Kind::Set => {
                let location = Location::new(generation, position);
                Entry::new(location, head.sequence, head.ordinal, head.payload_bytes)
            }
            Kind::Delete => Entry::tombstone(head.sequence, head.ordinal),
            _ => return,
        };
        let (collection, key, previous) = (payload.collection, Key::from(payload.key), head.previous);
        self.staged.push(Change { position, previous, collection, key, entry });
    }

    /// Applies what was staged. `find` is told of each record that does not name the version before it.
    pub(super) fn settle(&mut self, keydir: &Keydir, find: &mut dyn FnMut(u64, &Change)) {
        for change in std::mem::take(&mut self.staged) {
            let hashed = keydir.hash(change.collection, &change.key);
            let old = if change.entry.is_tombstone() {
                keydir.remove(&hashed)
            } else {
                self.documents += 1;
                keydir.put(&hashed, &change.key, change.entry)
            };
            self.documents -= u64::from(old.is_some());
            let before = old.map_or(0, |old| old.location.position());
            if before != change.previous {
                find(before, &change);
            }
        }
    }

    /// Forgets the commit that has not ended.
    pub(super) fn forget(&mut self) {
        self.staged.clear();
    }
}
