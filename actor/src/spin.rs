//! Owns how a thread spins before it parks. Never decides whether it should.

use std::time::{Duration, Instant};

use crate::sync::{AtomicBool, AtomicU32, Ordering, spin_loop, thread};

/// How many looks in a row a waiter takes without giving the core away: four to ten microseconds, since a commit with
/// indexes takes as long.
pub(crate) const WAITER_LOOKS: u32 = 512;
/// The same of the writer: with several callers, there is somebody who could use the core.
pub(crate) const WRITER_LOOKS: u32 = 128;
/// The same of both, when the one that is waited for seems to run on the same core.
const LOOKS_ON_ONE_CORE: u32 = 1;
/// A model has no time, so these are all the looks that there are.
const LOOKS_OF_A_MODEL: u32 = 3;
/// A core that was given away and comes back later than this was not with the one that is waited for: another thread has work for
/// it, and the system let that one have its turn of some milliseconds.
const TURN: Duration = Duration::from_micros(500);
/// How many waits after a lost turn park without giving the core away: together they cost about as much as the turn.
const WAITS_AFTER_TURN: u32 = 256;

/// A bounded wait without parking.
///
/// After the first looks, each one gives the core away: the thread that is waited for may be queued behind this one
/// on the same core, and then spinning keeps away exactly what it waits for.
pub(crate) struct Spin<'c> {
    core: &'c Core,
    /// When the first looks were over. They are so short that the clock would be a good part of them.
    start: Option<Instant>,
    limit: Duration,
    /// How many looks are left of the first ones.
    looks: u32,
    may_yield: bool,
    /// How often the core was given away.
    yields: u32,
}

/// Who else seems to use the core of the thread that waits.
#[derive(Debug, Default)]
pub(crate) struct Core {
    /// The one that is waited for. The system may leave two threads that always hand on to each other on one core for tens of
    /// milliseconds, and then each look keeps away what it looks for.
    has_partner: AtomicBool,
    /// Another thread, which keeps the core once it has it: for so many waits more it is not given away.
    waits_without_yields: AtomicU32,
}

impl Core {
    /// Begins to spin as the last times have taught.
    pub(crate) fn spin(&self, limit: Duration, looks: u32) -> Spin<'_> {
        let looks = match self.has_partner.load(Ordering::Relaxed) {
            _ if cfg!(all(shuttle, test)) => LOOKS_OF_A_MODEL,
            true => LOOKS_ON_ONE_CORE,
            false => looks,
        };
        let waits = self.waits_without_yields.load(Ordering::Relaxed);
        if waits > 0 {
            self.waits_without_yields.store(waits - 1, Ordering::Relaxed);
        }
        Spin { core: self, start: None, limit, looks, may_yield: waits == 0, yields: 0 }
    }
}

impl Spin<'_> {
    /// Whether to look again; false when the time is over.
    pub(crate) fn go_on(&mut self) -> bool {
        self.looks = self.looks.saturating_sub(1);
        if self.looks > 0 {
            spin_loop();
            return true;
        }
        if cfg!(all(shuttle, test)) {
            thread::yield_now();
            return false;
        }
        if !self.may_yield {
            return false;
        }
        let before = Instant::now();
        thread::yield_now();
        self.yielded(before, Instant::now())
    }

    /// Whether to look again, after the core was given away at one time and came back at another.
    fn yielded(&mut self, before: Instant, after: Instant) -> bool {
        self.yields += 1;
        if after - before > TURN {
            self.core.has_partner.store(false, Ordering::Relaxed);
            self.core.waits_without_yields.store(WAITS_AFTER_TURN, Ordering::Relaxed);
            return false;
        }
        after - *self.start.get_or_insert(before) < self.limit
    }

    /// It was not in vain: the one that is waited for has the same core if it took giving that away, and no more than that.
    pub(crate) fn found(self) {
        let has_partner = self.yields == 1;
        if self.core.has_partner.load(Ordering::Relaxed) != has_partner {
            self.core.has_partner.store(has_partner, Ordering::Relaxed);
        }
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    const FOR_EVER: Duration = Duration::from_secs(60);

    #[test]
    fn where_giving_the_core_away_once_was_enough_it_is_given_away_at_once() {
        let core = Core::default();
        let until_yielded = |times| {
            let mut spin = core.spin(FOR_EVER, 10);
            let looks = (1..).take_while(|_| spin.looks > 1 && spin.go_on()).count();
            let begin = Instant::now();
            (0..times).for_each(|_| assert!(spin.yielded(begin, begin)));
            spin.found();
            looks
        };
        assert_eq!(until_yielded(1), 9, "at first, all looks come before");
        assert_eq!(until_yielded(1), 0);
        assert_eq!(until_yielded(2), 0, "it took more, so it was another core's work");
        assert_eq!(until_yielded(0), 9, "it came before");
        assert_eq!(until_yielded(1), 9);
    }

    #[test]
    fn a_core_that_another_thread_has_kept_for_a_turn_is_not_given_away_for_some_waits() {
        let core = Core::default();
        let begin = Instant::now();
        let mut spin = core.spin(FOR_EVER, 1);
        assert!(spin.yielded(begin, begin + TURN));
        assert!(!spin.yielded(begin, begin + TURN + Duration::from_nanos(1)));
        for wait in 0..WAITS_AFTER_TURN {
            let mut spin = core.spin(FOR_EVER, 3);
            assert_eq!((1..).take_while(|_| spin.go_on()).count(), 2, "wait {wait}");
            assert_eq!(spin.yields, 0, "wait {wait}");
        }
        assert!(core.spin(FOR_EVER, 3).may_yield);
    }

    #[test]
    fn a_spin_ends_with_its_time() {
        let core = Core::default();
        let begin = Instant::now();
        let mut spin = core.spin(Duration::from_micros(20), 1);
        assert!(spin.yielded(begin, begin + Duration::from_micros(19)));
        let later = begin + Duration::from_micros(19);
        assert!(!spin.yielded(later, later + Duration::from_micros(1)));
    }
}
