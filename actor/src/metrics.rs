//! Owns the counters of a database's work. Never lets two threads that read write one cache line.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;
use serde::Serialize;

/// The counters of one database since it was opened, as they stood at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Metrics {
    /// Keys that were looked up, found or not.
    pub gets: u64,
    /// Documents that were set by commits.
    pub sets: u64,
    /// Deletes that were carried out by commits, of a document or of nothing.
    pub deletes: u64,
    /// Transactions that were committed; a single set or delete is one, too.
    pub commits: u64,
    /// Groups of transactions that were appended, and under `Always` synced, together.
    pub groups: u64,
    /// Calls that ended with an error.
    pub errors: u64,
    /// Gets, sets and deletes a second, since an earlier call of `metrics` that lies at least a second back; since the
    /// opening, before there is one. Callers that ask at the same time do not disturb each other.
    pub operations_per_second: f64,
    /// How long the database has been open.
    pub uptime: Duration,
}

/// What is counted.
#[derive(Clone, Copy)]
pub(crate) enum Counter {
    Gets,
    Sets,
    Deletes,
    Commits,
    Groups,
    Errors,
}

const COUNTERS: usize = 6;
const SHARDS: usize = 64;
/// How far apart two samples of the rate lie at least.
const SAMPLE_DISTANCE: Duration = Duration::from_secs(1);

pub(crate) struct Counters {
    shards: Box<[CachePadded<[AtomicU64; COUNTERS]>]>,
    opened: Instant,
    samples: Mutex<Samples>,
}

/// The rate is measured from `older`; `newer` takes its place when it is old enough.
struct Samples {
    older: Sample,
    newer: Sample,
}

#[derive(Clone, Copy)]
struct Sample {
    at: Instant,
    operations: u64,
}

impl Counters {
    pub(crate) fn new() -> Self {
        let opened = Instant::now();
        let start = Sample { at: opened, operations: 0 };
        Self {
            shards: (0..SHARDS).map(|_| CachePadded::default()).collect(),
            opened,
            samples: Mutex::new(Samples { older: start, newer: start }),
        }
    }

    pub(crate) fn add(&self, counter: Counter, count: u64) {
        self.shards[shard_of_this_thread()][counter as usize].fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self) -> Metrics {
        let total = |counter: Counter| {
            self.shards.iter().map(|shard| shard[counter as usize].load(Ordering::Relaxed)).sum::<u64>()
        };
        let (gets, sets, deletes) = (total(Counter::Gets), total(Counter::Sets), total(Counter::Deletes));
        let now = Instant::now();
        Metrics {
            gets,
            sets,
            deletes,
            commits: total(Counter::Commits),
            groups: total(Counter::Groups),
            errors: total(Counter::Errors),
            operations_per_second: self.rate(Sample { at: now, operations: gets + sets + deletes }),
            uptime: now - self.opened,
        }
    }

    fn rate(&self, now: Sample) -> f64 {
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        if now.at.saturating_duration_since(samples.newer.at) >= SAMPLE_DISTANCE {
            samples.older = samples.newer;
            samples.newer = now;
        }
        let seconds = now.at.saturating_duration_since(samples.older.at).as_secs_f64();
        if seconds == 0.0 {
            return 0.0;
        }
        now.operations.saturating_sub(samples.older.operations) as f64 / seconds
    }
}

/// Threads take the shards in turn, so that the first 64 have one each.
fn shard_of_this_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static SHARD: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    SHARD.with(|shard| {
        if shard.get() == usize::MAX {
            shard.set(NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS);
        }
        shard.get()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_all_threads_add_up() {
        let counters = Counters::new();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..1_000).for_each(|_| counters.add(Counter::Gets, 1)));
            }
        });
        counters.add(Counter::Errors, 3);
        let metrics = counters.snapshot();
        assert_eq!((metrics.gets, metrics.sets, metrics.errors), (8_000, 0, 3));
        assert!(metrics.operations_per_second > 0.0);
    }

    #[test]
    fn the_rate_covers_the_time_since_a_call_a_second_ago() {
        let counters = Counters::new();
        let at = |seconds: u64, operations| Sample {
            at: counters.opened + Duration::from_secs(seconds),
            operations,
        };
        assert_eq!(counters.rate(at(2, 200)), 100.0, "since the opening");
        assert_eq!(counters.rate(at(4, 1_200)), 500.0, "since the call two seconds ago");
        assert_eq!(counters.rate(at(4, 1_200)), 500.0, "a second caller sees the same");
    }
}
