//! Owns how many operations a second there have been lately. Never reads a clock.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How far apart two samples lie at least.
const SAMPLE_DISTANCE: Duration = Duration::from_secs(1);

/// The rate is measured from the older sample; the newer one takes its place when it is old enough.
pub(super) struct Rate(Mutex<[Sample; 2]>);

#[derive(Clone, Copy)]
struct Sample {
    at: Instant,
    operations: u64,
}

impl Rate {
    pub(super) fn since(at: Instant) -> Self {
        Self(Mutex::new([Sample { at, operations: 0 }; 2]))
    }

    /// The rate until now, when there have been so many operations in all.
    pub(super) fn measure(&self, now: Instant, operations: u64) -> f64 {
        let mut samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let [older, newer] = &mut *samples;
        if now.saturating_duration_since(newer.at) >= SAMPLE_DISTANCE {
            *older = *newer;
            *newer = Sample { at: now, operations };
        }
        let seconds = now.saturating_duration_since(older.at).as_secs_f64();
        if seconds == 0.0 {
            return 0.0;
        }
        operations.saturating_sub(older.operations) as f64 / seconds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_covers_the_time_since_a_call_a_second_ago() {
        let opened = Instant::now();
        let rate = Rate::since(opened);
        let measure =
            |seconds: u64, operations| rate.measure(opened + Duration::from_secs(seconds), operations);
        assert_eq!(measure(2, 200), 100.0, "since the opening");
        assert_eq!(measure(4, 1_200), 500.0, "since the call two seconds ago");
        assert_eq!(measure(4, 1_200), 500.0, "a second caller sees the same");
    }
}
