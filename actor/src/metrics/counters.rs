//! Owns the counting and timing of a database's work. Never lets two threads that read write one cache line, and never
//! lets a get wait.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;
use hdrhistogram::Histogram;

use super::rate::Rate;
use super::slot::{OfThread, SHARDS, with_thread};
use super::{Distribution, Metrics};
use crate::Document;

/// What is counted.
#[derive(Clone, Copy)]
pub(crate) enum Counter {
    /// Keys that were looked up without a document being found, or wanted.
    KeysOnly,
    CacheHits,
    CacheMisses,
    Sets,
    Deletes,
    Commits,
    Groups,
    Conflicts,
    Purged,
    Errors,
    BytesWritten,
}

const COUNTERS: usize = Counter::BytesWritten as usize + 1;
/// How many digits of a measured value are kept.
const DIGITS: u8 = 2;

pub(crate) struct Counters {
    shards: Box<[CachePadded<Shard>; SHARDS]>,
    /// Written by the writer's thread, once for each group.
    groups: Mutex<GroupHistograms>,
    /// Written by the one thread that syncs, once for each sync.
    syncs: Mutex<Histogram<u64>>,
    opened: Instant,
    rate: Rate,
}

#[derive(Default)]
struct Shard {
    counts: [AtomicU64; COUNTERS],
    /// Made by the first thread that needs it.
    gets: Mutex<Option<Histogram<u64>>>,
}

/// Everything that is measured.
#[derive(Clone)]
pub(super) struct Histograms {
    gets: Histogram<u64>,
    sizes: Histogram<u64>,
    commits: Histogram<u64>,
    syncs: Histogram<u64>,
}

struct GroupHistograms {
    sizes: Histogram<u64>,
    commits: Histogram<u64>,
}

/// Notes that this thread reads from a file, which tells a get that was not answered by the cache.
pub(crate) fn note_document_read() {
    with_thread(OfThread::note_read);
}

impl Counters {
    pub(crate) fn new() -> Self {
        let opened = Instant::now();
        let groups = GroupHistograms { sizes: histogram(), commits: histogram() };
        Self {
            shards: Box::new(std::array::from_fn(|_| CachePadded::default())),
            groups: Mutex::new(groups),
            syncs: Mutex::new(histogram()),
            opened,
            rate: Rate::since(opened),
        }
    }

    pub(crate) fn add(&self, counter: Counter, count: u64) {
        with_thread(|thread| self.add_from(thread, counter, count));
    }

    /// Counts a get, and times it if it is its turn.
    #[inline]
    pub(crate) fn get<E>(
        &self,
        get: impl FnOnce() -> Result<Option<Document>, E>,
    ) -> Result<Option<Document>, E> {
        // Two short looks at the thread: one that lasts as long as the get is not inlined, and costs as much again.
        with_thread(OfThread::begin_get);
        let found = get();
        match (&found, with_thread(OfThread::shard_of_plain_get)) {
            (Ok(Some(_)), Some(shard)) => self.add_owned(shard, Counter::CacheHits, 1),
            (Ok(Some(_)), None) => self.end_get(Counter::CacheHits),
            _ => self.end_get(Counter::KeysOnly),
        }
        found
    }

    /// Counts a get of several keys. It is not timed.
    pub(crate) fn get_many<E>(
        &self,
        keys: usize,
        get: impl FnOnce() -> Result<Vec<Option<Document>>, E>,
    ) -> Result<Vec<Option<Document>>, E> {
        with_thread(|thread| {
            let reads = thread.reads.get();
            let found = get();
            let documents = found.as_ref().map_or(0, |found| found.iter().flatten().count() as u64);
            let misses = (thread.reads.get() - reads).min(keys as u64);
            let hits = documents.saturating_sub(misses);
            self.add_from(thread, Counter::CacheMisses, misses);
            self.add_from(thread, Counter::CacheHits, hits);
            self.add_from(thread, Counter::KeysOnly, keys as u64 - misses - hits);
            found
        })
    }

    /// Notes a group that was carried out by `done`, by when its members were offered.
    pub(crate) fn record_group(&self, done: Instant, offered: impl Iterator<Item = Instant>) {
        let mut groups = lock(&self.groups);
        let mut size = 0;
        for offered in offered {
            size += 1;
            record(&mut groups.commits, nanos(done.saturating_duration_since(offered)));
        }
        record(&mut groups.sizes, size);
    }

    pub(crate) fn record_sync(&self, time: Duration) {
        record(&mut lock(&self.syncs), nanos(time));
    }

    /// Everything that is known here.
    pub(crate) fn snapshot(&self) -> Metrics {
        let mut metrics = self.counts();
        self.histograms().tell(&mut metrics);
        let operations = metrics.gets + metrics.sets + metrics.deletes;
        metrics.operations_per_second = self.rate.measure(Instant::now(), operations);
        metrics
    }

    /// What was measured until now.
    pub(super) fn histograms(&self) -> Histograms {
        let mut gets = histogram();
        for shard in &*self.shards {
            if let Some(histogram) = &*lock(&shard.gets) {
                gets.add(histogram).expect("a histogram that resizes itself takes every value");
            }
        }
        let (sizes, commits) = {
            let groups = lock(&self.groups);
            (groups.sizes.clone(), groups.commits.clone())
        };
        let syncs = lock(&self.syncs).clone();
        Histograms { gets, sizes, commits, syncs }
    }

    /// What is known without a lock.
    pub(crate) fn counts(&self) -> Metrics {
        let total = |counter: Counter| {
            self.shards
                .iter()
                .map(|shard| shard.counts[counter as usize].load(Ordering::Relaxed))
                .sum::<u64>()
        };
        let (cache_hits, cache_misses) = (total(Counter::CacheHits), total(Counter::CacheMisses));
        Metrics {
            gets: total(Counter::KeysOnly) + cache_hits + cache_misses,
            cache_hits,
            cache_misses,
            sets: total(Counter::Sets),
            deletes: total(Counter::Deletes),
            commits: total(Counter::Commits),
            groups: total(Counter::Groups),
            conflicts: total(Counter::Conflicts),
            purged: total(Counter::Purged),
            errors: total(Counter::Errors),
            bytes_written: total(Counter::BytesWritten),
            uptime: self.opened.elapsed(),
            ..Metrics::default()
        }
    }

    /// Counts any get; `otherwise` is what it is if it has not read from a file. Out of line, since gets that are
    /// answered by the cache need not come here.
    #[inline(never)]
    fn end_get(&self, otherwise: Counter) {
        with_thread(|thread| {
            // ORDER: the clock first, so that this is not measured.
            let time = thread.end_timing();
            let counter = if thread.get_has_read() { Counter::CacheMisses } else { otherwise };
            self.add_from(thread, counter, 1);
            if let Some(time) = time {
                self.shards[thread.shard()].record_get(time);
            }
        });
    }

    #[inline]
    fn add_from(&self, thread: &OfThread, counter: Counter, count: u64) {
        match thread.owned() {
            Some(shard) => self.add_owned(shard, counter, count),
            None => self.add_shared(thread, counter, count),
        }
    }

    /// Adds to a shard that this thread alone writes.
    #[inline]
    fn add_owned(&self, shard: usize, counter: Counter, count: u64) {
        // Nobody else writes it, so it need not be one step: that would cost a get a tenth of its time.
        let counter = &self.shards[shard].counts[counter as usize];
        counter.store(counter.load(Ordering::Relaxed) + count, Ordering::Relaxed);
    }

    /// For threads that have no shard of their own, or none yet.
    #[cold]
    fn add_shared(&self, thread: &OfThread, counter: Counter, count: u64) {
        self.shards[thread.shard()].counts[counter as usize].fetch_add(count, Ordering::Relaxed);
    }
}

impl Histograms {
    /// Those of nothing.
    pub(super) fn empty() -> Self {
        Self { gets: histogram(), sizes: histogram(), commits: histogram(), syncs: histogram() }
    }

    /// What was measured since `before`.
    pub(super) fn since(mut self, before: &Self) -> Self {
        let pairs = [
            (&mut self.gets, &before.gets),
            (&mut self.sizes, &before.sizes),
            (&mut self.commits, &before.commits),
            (&mut self.syncs, &before.syncs),
        ];
        for (now, before) in pairs {
            now.subtract(before).expect("what was counted before is still counted");
        }
        self
    }

    pub(super) fn tell(&self, metrics: &mut Metrics) {
        metrics.get_nanos = Distribution::of(&self.gets);
        metrics.group_sizes = Distribution::of(&self.sizes);
        metrics.commit_nanos = Distribution::of(&self.commits);
        metrics.sync_nanos = Distribution::of(&self.syncs);
    }
}

impl Shard {
    /// A sample is given up rather than waited for: only another thread of this shard, or `snapshot`, is in the way.
    #[cold]
    fn record_get(&self, time: Duration) {
        if let Ok(mut gets) = self.gets.try_lock() {
            record(gets.get_or_insert_with(histogram), nanos(time));
        }
    }
}

/// One that grows with the values.
fn histogram() -> Histogram<u64> {
    Histogram::new(DIGITS).expect("the number of digits is one that the histogram knows")
}

fn record(histogram: &mut Histogram<u64>, value: u64) {
    histogram.record(value).expect("a histogram that resizes itself takes every value");
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Figures of a thread that panicked are figures all the same.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_all_threads_add_up() {
        let counters = Counters::new();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..1_000).for_each(|_| counters.add(Counter::KeysOnly, 1)));
            }
        });
        counters.add(Counter::Errors, 3);
        let metrics = counters.snapshot();
        assert_eq!((metrics.gets, metrics.sets, metrics.errors), (8_000, 0, 3));
        assert!(metrics.operations_per_second > 0.0);
    }

    #[test]
    fn threads_that_come_and_go_and_are_too_many_for_a_shard_each_lose_no_count() {
        let counters = Counters::new();
        for _ in 0..5 {
            std::thread::scope(|scope| {
                for _ in 0..200 {
                    scope.spawn(|| (0..1_000).for_each(|_| counters.add(Counter::KeysOnly, 1)));
                }
            });
        }
        assert_eq!(counters.snapshot().gets, 1_000_000);
    }

    #[test]
    fn one_get_in_256_of_a_thread_is_timed() {
        let counters = Counters::new();
        std::thread::scope(|scope| {
            scope.spawn(|| (0..2_560).for_each(|_| drop(counters.get(|| Ok::<_, ()>(None)))));
        });
        let metrics = counters.snapshot();
        assert_eq!((metrics.gets, metrics.get_nanos.count), (2_560, 10));
    }

    #[test]
    fn what_a_get_reads_makes_it_a_miss_and_what_its_thread_read_before_does_not() {
        let counters = Counters::new();
        let get = |reads: bool| {
            let found = || Ok::<_, ()>(reads.then(note_document_read).and(None));
            drop(counters.get(found));
        };
        // Beyond a timed one, so that both ways through are taken.
        for _ in 0..300 {
            note_document_read();
            get(false);
            get(true);
        }
        let metrics = counters.snapshot();
        assert_eq!((metrics.gets, metrics.cache_misses), (600, 300));
    }

    #[test]
    fn every_length_of_time_can_be_recorded() {
        let counters = Counters::new();
        counters.record_sync(Duration::ZERO);
        counters.record_sync(Duration::MAX);
        assert_eq!(counters.snapshot().sync_nanos.max, u64::MAX);
    }
}
