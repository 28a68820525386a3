//! Owns the numbers by which whoever keeps documents elsewhere learns that one may have been replaced. Never says which, and
//! costs nothing while nobody keeps any.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use arc_swap::ArcSwap;

use crate::document::Document;

/// So many keys in a row of changes have a number of their own, usually.
const PLACES: usize = 4096;
/// Bits of a key's hash that choose its number: none of those by which the keydir finds its part or its place there.
const PLACE_SHIFT: u32 = 24;

/// Numbers that change when documents do. Each belongs to some of the keys, and the last one to the collections as a whole.
#[derive(Debug)]
pub struct Stamps(Box<[AtomicU32]>);

/// What a document was found with: as long as the number at this place is this one, and that of the collections is the
/// same, it has not been replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Which of the numbers is its key's.
    pub place: u32,
    /// What that number was.
    pub number: u32,
}

/// A document that was found, or that there is none; and its stamp, if it may be kept.
#[derive(Clone, Debug)]
pub struct Stamped {
    /// What is under the key.
    pub document: Option<Document>,
    /// Nothing for a document that expires: no number changes at that moment.
    pub stamp: Option<Stamp>,
}

/// The stamps of all who keep documents. A change finds those in it by the guard under which it is made.
#[derive(Debug, Default)]
pub(crate) struct Keepers(ArcSwap<Vec<Arc<Stamps>>>);

impl Stamps {
    fn new(collections: u64) -> Self {
        let numbers: Box<[AtomicU32]> = (0..=PLACES).map(|_| AtomicU32::new(0)).collect();
        numbers[PLACES].store(collections as u32, Ordering::Relaxed);
        Self(numbers)
    }

    /// All of them. They may be read without any other look at the database, and are changed by it alone.
    #[must_use]
    pub fn numbers(&self) -> &[AtomicU32] {
        &self.0
    }

    /// The stamp of a document that is looked up after this, in the collections of this number.
    ///
    /// ORDER: before the document is looked up. A change is made and its number raised under one guard, so whoever reads a
    /// raised number finds the change, and whoever does not has a stamp that is out of date.
    pub(crate) fn before(&self, hash: u64, collections: u64) -> Option<Stamp> {
        // They differ while a commit makes another number known: what is found then may be of either.
        let is_settled = self.0[PLACES].load(Ordering::Acquire) == collections as u32;
        let place = place(hash);
        let number = self.0[place].load(Ordering::Acquire);
        is_settled.then_some(Stamp { place: place as u32, number })
    }
}

impl Keepers {
    /// Stamps for one more, until they are dropped.
    pub(crate) fn register(&self, collections: u64) -> Arc<Stamps> {
        let stamps = Arc::new(Stamps::new(collections));
        self.0.rcu(|all| {
            let kept = all.iter().filter(|stamps| Arc::strong_count(stamps) > 1);
            kept.cloned().chain([Arc::clone(&stamps)]).collect::<Vec<_>>()
        });
        stamps
    }

    /// ORDER: while the guard of the key's entry is held. Whoever has found the old entry and kept it has registered before
    /// that guard was taken, so the list has it.
    pub(crate) fn raise(&self, hash: u64) {
        for stamps in &**self.0.load() {
            stamps.0[place(hash)].fetch_add(1, Ordering::Release);
        }
    }

    /// ORDER: before anybody can look a collection up by the new number.
    pub(crate) fn change_collections(&self, number: u64) {
        for stamps in &**self.0.load() {
            stamps.0[PLACES].store(number as u32, Ordering::Release);
        }
    }
}

fn place(hash: u64) -> usize {
    (hash >> PLACE_SHIFT) as usize % PLACES
}
