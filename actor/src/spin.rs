//! Owns how a thread spins before it parks. Never decides whether it should.

use std::time::{Duration, Instant};

use crate::sync::{AtomicBool, Ordering, spin_loop, thread};

/// How many looks in a row a waiter takes without giving the core away: four to ten microseconds, since a commit with
/// indexes takes as long.
pub(crate) const WAITER_LOOKS: u32 = 512;
/// The same of the writer: with several callers, there is somebody who could use the core.
pub(crate) const WRITER_LOOKS: u32 = 128;
/// The same of both, when the one that is waited for seems to run on the same core.
const LOOKS_ON_ONE_CORE: u32 = 1;
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
    /// How often the core was given away.
    yields: u32,
}

/// Whether the one that is waited for seems to run on the same core. The system may leave two threads that always hand
/// on to each other on one core for tens of milliseconds, and then each look keeps away what it looks for.
#[derive(Debug, Default)]
pub(crate) struct OneCore(AtomicBool);

impl OneCore {
    /// Begins to spin as the last time has taught.
    pub(crate) fn begin(&self, limit: Duration, looks: u32) -> Spin {
        let is_one = self.0.load(Ordering::Relaxed);
        Spin::begin(limit, if is_one { LOOKS_ON_ONE_CORE } else { looks })
    }

    /// Learns from a spin that was not in vain: it is one core if it took giving that away, and no more than that.
    pub(crate) fn learn(&self, spin: &Spin) {
        let is_one = spin.yields == 1;
        if self.0.load(Ordering::Relaxed) != is_one {
            self.0.store(is_one, Ordering::Relaxed);
        }
    }
}

impl Spin {
    fn begin(limit: Duration, looks: u32) -> Self {
        let looks = if cfg!(all(shuttle, test)) { LOOKS_OF_A_MODEL } else { looks };
        Self { start: None, limit, looks, yields: 0 }
    }

    /// Whether to look again; false when the time is over.
    pub(crate) fn go_on(&mut self) -> bool {
        self.looks = self.looks.saturating_sub(1);
        if self.looks > 0 {
            spin_loop();
            return true;
        }
        thread::yield_now();
        self.yields += 1;
        cfg!(not(all(shuttle, test))) && self.start.get_or_insert_with(Instant::now).elapsed() < self.limit
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn where_giving_the_core_away_once_was_enough_it_is_given_away_at_once() {
        let one_core = OneCore::default();
        let until_yielded = |times| {
            let mut spin = one_core.begin(Duration::from_secs(60), 10);
            let looks = (1..).take_while(|_| spin.go_on() && spin.yields < times).count();
            one_core.learn(&spin);
            looks
        };
        assert_eq!(until_yielded(1), 9, "at first, all looks come before");
        assert_eq!(until_yielded(1), 0);
        assert_eq!(until_yielded(2), 1, "it took more, so it was another core's work");
        let mut spin = one_core.begin(Duration::from_secs(60), 10);
        assert!(spin.go_on());
        one_core.learn(&spin);
        assert_eq!(until_yielded(1), 9, "and so it was when it came before");
    }
}
