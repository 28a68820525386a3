//! Owns moving the entries of the keydir to the places where a compaction has put their records. Never changes which
//! record an entry leads to.

use std::sync::Arc;

use super::Moves;
use crate::generation::{Generation, Location};
use crate::log::LOG_START;
use crate::view::Shared;

/// What is left to do after a compaction was installed, on any thread and beside commits and readers: until it is done,
/// the old file is kept open, and documents are read from it.
///
/// Where nobody else needs the old file any more, dropping this closes it, for which the system may take a tenth of a second if
/// the file is large. So it is not for the writer's thread to drop.
#[derive(Debug)]
pub struct Relocation {
    shared: Arc<Shared>,
    old: Arc<Generation>,
    to: u64,
    moves: Arc<Moves>,
    next_part: usize,
}

impl Relocation {
    pub(super) fn new(shared: &Arc<Shared>, old: Arc<Generation>, to: u64, moves: &Arc<Moves>) -> Self {
        Self { shared: Arc::clone(shared), old, to, moves: Arc::clone(moves), next_part: 0 }
    }

    /// Moves the entries of one part of the keydir, and says whether there are more. A reader of one of these keys
    /// waits some microseconds at most.
    pub fn step(&mut self) -> bool {
        let Self { shared, old, to, moves, next_part } = self;
        if *next_part == shared.keydir.parts() {
            return false;
        }
        let collections = shared.view.load().collections.clone();
        let is_hinted = shared.recovery.get().is_some_and(|report| report.hint.is_some());
        shared.keydir.relocate_part(*next_part, |collection, location| {
            // INVARIANT: only an entry that leads to the old file is moved; what was committed since stays.
            if !location.is_in(old.number()) {
                return None;
            }
            // Snapshots that still read a collection which was dropped since hold the old file themselves.
            let position = match moves.find(location.position()) {
                None if !collections.is_dropped(collection) => {
                    assert!(is_hinted, "a compaction keeps every record that an entry leads to");
                    // A hint was wrong: no record stands there. What could not be read before cannot be read here.
                    Some(LOG_START)
                }
                position => position,
            };
            position.map(|position| Location::new(*to, position))
        });
        *next_part += 1;
        true
    }

    /// Whether every part has been done.
    pub(super) fn is_done(&self) -> bool {
        self.next_part == self.shared.keydir.parts()
    }

    pub(super) fn is_to(&self, generation: u64) -> bool {
        self.to == generation
    }
}
