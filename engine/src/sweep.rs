//! Owns taking the entries of dropped collections out of the keydir, some at a time. Never takes one out that a pin may
//! still read, and is never in a hurry: nobody finds them, since numbers of collections are never used twice.

use std::collections::BTreeSet;

use crate::expiry::Expiring;
use crate::key::{CollectionId, Sequence};
use crate::view::{Shared, View};

/// What is left to be taken out.
#[derive(Debug, Default)]
pub(crate) struct Sweep {
    /// Collections that no pass has begun with, and the commits that have dropped them, ascending.
    waiting: Vec<(Sequence, CollectionId)>,
    pass: Option<Pass>,
}

/// One pass through the keydir, for all that could go when it began.
#[derive(Debug)]
struct Pass {
    collections: BTreeSet<CollectionId>,
    next_part: usize,
}

impl Sweep {
    /// Takes note of a collection that this commit drops.
    pub(crate) fn want(&mut self, collection: CollectionId, dropped_by: Sequence) {
        self.waiting.push((dropped_by, collection));
    }

    /// Whether nothing is left.
    pub(crate) fn is_done(&self) -> bool {
        self.waiting.is_empty() && self.pass.is_none()
    }

    /// Does one part of the keydir, and says whether more can be done now. `next` is what is published next.
    pub(crate) fn step(&mut self, shared: &Shared, next: &mut View) -> bool {
        if self.pass.is_none() && !self.begin(shared) {
            return false;
        }
        let Some(pass) = &mut self.pass else { return false };
        if pass.next_part < shared.keydir.parts() {
            pass.part(shared, next);
            return true;
        }
        next.collections.forget_dropped(&pass.collections);
        self.pass = None;
        self.can_begin(shared)
    }

    fn begin(&mut self, shared: &Shared) -> bool {
        if !self.can_begin(shared) {
            return false;
        }
        let oldest = shared.pins.oldest();
        let is_free = |dropped_by: Sequence| oldest.is_none_or(|oldest| dropped_by <= oldest);
        let free = self.waiting.partition_point(|(dropped_by, _)| is_free(*dropped_by));
        let collections = self.waiting.drain(..free).map(|(_, collection)| collection).collect();
        self.pass = Some(Pass { collections, next_part: 0 });
        free > 0
    }

    /// Whether no pin is older than the first of the commits that have dropped a collection.
    fn can_begin(&self, shared: &Shared) -> bool {
        // ORDER: the drop was published before the pins are looked at, so that a later one shows it.
        let Some((dropped_by, _)) = self.waiting.first() else { return false };
        shared.view.load().sequence >= *dropped_by
            && shared.pins.oldest().is_none_or(|oldest| *dropped_by <= oldest)
    }
}

impl Pass {
    fn part(&mut self, shared: &Shared, next: &mut View) {
        let mut gone = Vec::new();
        shared.keydir.copy_part_of(
            self.next_part,
            |collection| self.collections.contains(&collection),
            &mut gone,
        );
        for (collection, key, entry) in gone {
            if let Some(at) = shared.expiry_times.get(&entry) {
                next.expiring.remove(&Expiring { at, collection, key: key.clone() });
                shared.expiry_times.remove(entry.id());
            }
            shared.keydir.remove(&shared.keydir.hash(collection, &key));
        }
        self.next_part += 1;
    }
}
