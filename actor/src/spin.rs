//! Owns how a thread spins before it parks. Never decides whether it should.

use std::time::{Duration, Instant};

use crate::sync::{spin_loop, thread};

/// How many looks in a row a waiter takes without giving the core away: four to ten microseconds, since a commit with
/// indexes takes as long.
pub(crate) const WAITER_LOOKS: u32 = 512;
/// The same of the writer: with several callers, there is somebody who could use the core.
pub(crate) const WRITER_LOOKS: u32 = 128;
/// A model has no time, so these are all the looks that there are.
const LOOKS_OF_A_MODEL: u32 = 3;

/// A bounded wait without parking.
///
/// After the first looks, each one gives the core away: the thread that is waited for may be queued behind this one
/// on the same core, and then spinning keeps away exactly what it waits for.
pub(crate) struct Spin {
    /// When the first looks were over. They are so short that the clock would be a good part of them.
    start: Option<Instant>,
    limit: Duration,
    /// How many looks are left of the first ones.
    looks: u32,
}

impl Spin {
    pub(crate) fn begin(limit: Duration, looks: u32) -> Self {
        let looks = if cfg!(all(shuttle, test)) { LOOKS_OF_A_MODEL } else { looks };
        Self { start: None, limit, looks }
    }

    /// Whether to look again; false when the time is over.
    pub(crate) fn go_on(&mut self) -> bool {
        self.looks = self.looks.saturating_sub(1);
        if self.looks > 0 {
            spin_loop();
            return true;
        }
        thread::yield_now();
        cfg!(not(all(shuttle, test))) && self.start.get_or_insert_with(Instant::now).elapsed() < self.limit
    }
}
