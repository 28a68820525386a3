//! Owns which generations the feeds of an open database still read. Never lets one that nobody reads hold a file back
//! for ever.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::generation::Generation;

/// What the feeds of a database hold.
#[derive(Debug, Default)]
pub(crate) struct Holds(Mutex<Vec<Weak<Hold>>>);

/// The generation that one feed reads. Nothing, once it was taken away.
#[derive(Debug)]
pub(crate) struct Hold(Mutex<Option<Arc<Generation>>>);

impl Holds {
    /// Holds a generation for a feed.
    pub(super) fn hold(&self, generation: Arc<Generation>) -> Arc<Hold> {
        let hold = Arc::new(Hold(Mutex::new(Some(generation))));
        let mut holds = lock(&self.0);
        holds.retain(|hold| hold.strong_count() > 0);
        holds.push(Arc::downgrade(&hold));
        hold
    }

    /// Takes every generation away that another has replaced. A feed that still reads one is a whole compaction behind.
    pub(crate) fn let_go(&self) {
        for hold in lock(&self.0).iter().filter_map(Weak::upgrade) {
            let mut held = lock(&hold.0);
            if held.as_ref().is_some_and(|generation| generation.is_replaced()) {
                *held = None;
            }
        }
    }
}

impl Hold {
    pub(super) fn generation(&self) -> Option<Arc<Generation>> {
        lock(&self.0).clone()
    }

    /// Goes on to another generation, unless the one before was taken away.
    pub(super) fn go_on(&self, next: Arc<Generation>) {
        if let Some(held) = lock(&self.0).as_mut() {
            *held = next;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
