//! Owns the one way in which a commit's effects reach the keydir and become visible. Never touches the log.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::key::{CollectionId, Key, Sequence};
use crate::keydir::{Entry, Hashed};
use crate::log::record_bytes;
use crate::view::{Shared, View};

/// Applies and publishes commits, for the owner and for recovery.
#[derive(Debug)]
pub(crate) struct Applier {
    shared: Arc<Shared>,
    /// What the next publication shows.
    next: View,
    /// What was replaced or removed and may still be in the undo map, oldest first.
    superseded: VecDeque<Superseded>,
}

#[derive(Debug)]
struct Superseded {
    until: Sequence,
    collection: CollectionId,
    key: Key,
    removed: bool,
}

impl Applier {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let next = View::clone(&shared.view.load());
        Self { shared, next, superseded: VecDeque::new() }
    }

    /// Applies one change while nobody reads: in recovery.
    pub(crate) fn apply_unread(&mut self, hashed: &Hashed<'_>, key: &Key, entry: Entry) {
        let keydir = &self.shared.keydir;
        let old = if entry.is_tombstone() { keydir.remove(hashed) } else { keydir.put(hashed, key, entry) };
        self.tally(hashed.collection, old, entry);
    }

    /// Applies one change beside readers. `old` is the entry that the key had when the last view was published, if
    /// it had one then and no earlier change of the unpublished commits has replaced it.
    pub(crate) fn apply(&mut self, hashed: &Hashed<'_>, key: &Key, old: Option<Entry>, entry: Entry) {
        let collection = hashed.collection;
        if let Some(old) = old {
            // ORDER: the undo version first. A reader that meets the new entry must find the old one.
            self.shared.undo.keep(collection, key, old, entry.sequence);
        }
        let removed = entry.is_tombstone();
        if old.is_some() || removed {
            self.superseded.push_back(Superseded {
                until: entry.sequence,
                collection,
                key: key.clone(),
                removed,
            });
        }
        let replaced = self.shared.keydir.put(hashed, key, entry);
        self.tally(collection, replaced, entry);
    }

    /// Makes everything applied so far visible at once, as the state after `sequence`.
    pub(crate) fn publish(&mut self, sequence: Sequence, log_end: u64) {
        self.next.sequence = sequence;
        self.next.log_end = log_end;
        self.shared.view.store(Arc::new(self.next.clone()));
        // ORDER: `oldest` looks at the pins after the view was stored.
        let oldest = self.shared.pins.oldest();
        self.release(oldest);
    }

    /// Drops the old versions that no pin needs any more.
    fn release(&mut self, oldest: Option<Sequence>) {
        while let Some(Superseded { until, .. }) = self.superseded.front()
            && oldest.is_none_or(|oldest| *until <= oldest)
            && let Some(Superseded { until, collection, key, removed }) = self.superseded.pop_front()
        {
            if removed {
                let hashed = self.shared.keydir.hash(collection, &key);
                self.shared.keydir.remove_tombstone(&hashed, until);
            }
            self.shared.undo.drop_before(collection, &key, oldest);
        }
    }

    fn tally(&mut self, collection: CollectionId, old: Option<Entry>, new: Entry) {
        if let Some(old) = old.filter(|old| !old.is_tombstone()) {
            self.next.counts.subtract(collection);
            self.next.live_bytes -= record_bytes(old.payload_bytes);
        }
        if !new.is_tombstone() {
            self.next.counts.add(collection);
            self.next.live_bytes += record_bytes(new.payload_bytes);
        }
    }
}
