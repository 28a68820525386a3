//! Owns the comparison of maps by their number of shards: what one insert, one read and one iteration cost the others.
//! Never holds a guard longer than a copy takes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ahash::RandomState;
use compact_str::CompactString;
use dashmap::DashMap;
use ferrumdb_benches::measure::Latencies;
use ferrumdb_benches::report::{Table, duration, per_second};
use ferrumdb_benches::workload::{Numbers, key};

use crate::{Result, Settings};

/// Numbers of parts, and of shards in each part. A part is a map of its own, chosen by bits of the hash.
const SHAPES: [(usize, usize); 6] = [(1, 8), (1, 64), (1, 1024), (512, 2), (1, 4096), (2048, 2)];

type Entry = [u64; 3];
type Part = DashMap<CompactString, Entry, RandomState>;

/// A map in parts, as the keydir is one.
struct Parts {
    parts: Vec<Part>,
    hasher: RandomState,
}

pub(crate) fn print(settings: &Settings) -> Result<()> {
    let keys: Vec<String> = (0..settings.keys).map(key).collect();
    let mut table = Table::new(&[
        "parts x shards",
        "inserts",
        "insert p99.9",
        "longest insert",
        "reads beside a writer",
        "read p99.9",
        "write p99.9 beside an iteration",
        "longest",
        "iteration",
    ]);
    for (parts, shards) in SHAPES {
        let map = Parts::new(parts, shards);
        let begin = Instant::now();
        let mut inserts = Latencies::default();
        keys.iter().for_each(|key| inserts.time(|| map.put(key, [1; 3])));
        let inserted = begin.elapsed();
        let (reads, rate) = reads_beside_a_writer(&map, &keys, settings.run_for);
        let (writes, iteration) = writes_beside_an_iteration(&map, &keys, settings.run_for);
        table.row([
            format!("{parts} x {shards}"),
            per_second(keys.len() as f64 / inserted.as_secs_f64()),
            duration(inserts.quantile(0.999)),
            duration(inserts.longest()),
            per_second(rate),
            duration(reads.quantile(0.999)),
            duration(writes.quantile(0.999)),
            duration(writes.longest()),
            duration(iteration),
        ]);
    }
    println!("maps of {} keys, growing to them and then full\n\n{}", keys.len(), table.text());
    Ok(())
}

fn reads_beside_a_writer(map: &Parts, keys: &[String], run_for: Duration) -> (Latencies, f64) {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut numbers = Numbers::new(1);
            while !stop.load(Ordering::Relaxed) {
                map.put(&keys[numbers.below(keys.len())], [2; 3]);
            }
        });
        let mut latencies = Latencies::default();
        let mut numbers = Numbers::new(2);
        let begin = Instant::now();
        while begin.elapsed() < run_for {
            let key = &keys[numbers.below(keys.len())];
            latencies.time(|| map.get(key));
        }
        stop.store(true, Ordering::Relaxed);
        let rate = latencies.count() as f64 / begin.elapsed().as_secs_f64();
        (latencies, rate)
    })
}

fn writes_beside_an_iteration(map: &Parts, keys: &[String], run_for: Duration) -> (Latencies, Duration) {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let iterating = scope.spawn(|| {
            let mut shortest = Duration::MAX;
            while !stop.load(Ordering::Relaxed) {
                let begin = Instant::now();
                let seen = map.iterate();
                assert_eq!(seen, keys.len(), "nothing is removed");
                shortest = shortest.min(begin.elapsed());
            }
            shortest
        });
        let mut latencies = Latencies::default();
        let mut numbers = Numbers::new(3);
        let begin = Instant::now();
        while begin.elapsed() < run_for {
            let key = &keys[numbers.below(keys.len())];
            latencies.time(|| map.put(key, [3; 3]));
        }
        stop.store(true, Ordering::Relaxed);
        (latencies, iterating.join().expect("the iteration's assertion held"))
    })
}

impl Parts {
    fn new(parts: usize, shards: usize) -> Self {
        let hasher = RandomState::new();
        let part = || DashMap::with_hasher_and_shard_amount(hasher.clone(), shards);
        Self { parts: (0..parts).map(|_| part()).collect(), hasher }
    }

    fn put(&self, key: &str, entry: Entry) {
        self.part(key).insert(CompactString::from(key), entry);
    }

    fn get(&self, key: &str) -> Option<Entry> {
        self.part(key).get(key).map(|entry| *entry)
    }

    /// Copies all keys, a part at a time.
    fn iterate(&self) -> usize {
        let mut seen = 0;
        let mut copy: Vec<CompactString> = Vec::new();
        for part in &self.parts {
            copy.clear();
            copy.extend(part.iter().map(|item| item.key().clone()));
            seen += copy.len();
        }
        seen
    }

    fn part(&self, key: &str) -> &Part {
        &self.parts[(self.hasher.hash_one(key) >> 40) as usize % self.parts.len()]
    }
}
