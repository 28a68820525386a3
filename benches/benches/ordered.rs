//! Owns the benches behind the ordered set that indexes are kept in: node sizes, and other sets beside it. Never
//! measures a whole index.
//!
//! Durability: none, all in memory. Each set holds a million items. One change is an insert and, later, the removal of
//! the same item; the set is published, that is cloned, after each batch.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ferrumdb_benches::workload::{Numbers, key};
use imbl::OrdSet;
use smol_str::SmolStr;

use self::ordered::OrderedSet;

// The set is not part of the engine's face, so its source is read here once more.
#[allow(dead_code, reason = "a part of it is measured")]
#[path = "../../engine/src/index/ordered/mod.rs"]
mod ordered;

criterion_group! {
    name = benches;
    config = Criterion::default().measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500)).sample_size(10);
    targets = small_items, index_entries
}
criterion_main!(benches);

const ITEMS: usize = 1_000_000;
const CHANGES: usize = 10_000;
const SCAN: usize = 10_000;
const CHUNK: usize = 512;

/// What is asked of every set.
trait Candidate<T>: Clone {
    fn build(items: &[T]) -> Self;
    fn insert(&mut self, item: T);
    fn remove(&mut self, item: &T);
    fn contains(&self, item: &T) -> bool;
    /// Walks some items from one on.
    fn scan(&self, start: &T, len: usize) -> usize;
}

impl<T: Ord + Clone, const LEAF: usize, const BRANCH: usize> Candidate<T> for OrderedSet<T, LEAF, BRANCH> {
    fn build(items: &[T]) -> Self {
        Self::from_sorted(items.iter().cloned())
    }

    fn insert(&mut self, item: T) {
        self.insert(item);
    }

    fn remove(&mut self, item: &T) {
        self.remove(item);
    }

    fn contains(&self, item: &T) -> bool {
        self.contains(item)
    }

    fn scan(&self, start: &T, len: usize) -> usize {
        self.range_by(|item| item < start, |_| true).take(len).map(black_box).fold(0, |count, _| count + 1)
    }
}

impl<T: Ord + Clone> Candidate<T> for OrdSet<T> {
    fn build(items: &[T]) -> Self {
        items.iter().cloned().collect()
    }

    fn insert(&mut self, item: T) {
        self.insert(item);
    }

    fn remove(&mut self, item: &T) {
        self.remove(item);
    }

    fn contains(&self, item: &T) -> bool {
        self.contains(item)
    }

    fn scan(&self, start: &T, len: usize) -> usize {
        self.range(start..).take(len).map(black_box).fold(0, |count, _| count + 1)
    }
}

/// Sorted chunks behind one vector, which every publication copies.
#[derive(Clone)]
struct Chunks<T>(Arc<Vec<Arc<Vec<T>>>>);

impl<T: Ord + Clone> Chunks<T> {
    /// The chunk where an item is or would be.
    fn chunk(&self, item: &T) -> usize {
        self.0.partition_point(|chunk| chunk[0] <= *item).saturating_sub(1)
    }
}

impl<T: Ord + Clone> Candidate<T> for Chunks<T> {
    fn build(items: &[T]) -> Self {
        Self(Arc::new(items.chunks(CHUNK).map(|chunk| Arc::new(chunk.to_vec())).collect()))
    }

    fn insert(&mut self, item: T) {
        let at = self.chunk(&item);
        let chunks = Arc::make_mut(&mut self.0);
        let chunk = Arc::make_mut(&mut chunks[at]);
        if let Err(slot) = chunk.binary_search(&item) {
            chunk.insert(slot, item);
        }
        if chunk.len() > CHUNK {
            let right = chunk.split_off(CHUNK / 2);
            chunks.insert(at + 1, Arc::new(right));
        }
    }

    fn remove(&mut self, item: &T) {
        let at = self.chunk(item);
        let chunk = Arc::make_mut(&mut Arc::make_mut(&mut self.0)[at]);
        if let Ok(slot) = chunk.binary_search(item) {
            chunk.remove(slot);
        }
    }

    fn contains(&self, item: &T) -> bool {
        self.0[self.chunk(item)].binary_search(item).is_ok()
    }

    fn scan(&self, start: &T, len: usize) -> usize {
        let at = self.chunk(start);
        let slot = self.0[at].partition_point(|item| item < start);
        self.0[at..].iter().flat_map(|chunk| &**chunk).skip(slot).take(len).map(black_box).fold(0, |n, _| n + 1)
    }
}

/// As an expiry: small, and `Copy`.
fn small_items(criterion: &mut Criterion) {
    let mut numbers = Numbers::new(1);
    let items = (0..ITEMS + CHANGES).map(|_| (numbers.below(1 << 40) as u64, numbers.below(1 << 40) as u64));
    all(criterion, "16 B", items.collect());
}

/// As an entry of an index: a value of a few thousand, and a key.
fn index_entries(criterion: &mut Criterion) {
    let mut numbers = Numbers::new(2);
    let mut entry = || {
        let value = SmolStr::new(format!("value{:04}", numbers.below(5000)));
        (value, SmolStr::new(key(numbers.below(100_000_000))))
    };
    all(criterion, "48 B", (0..ITEMS + CHANGES).map(|_| entry()).collect());
}

fn all<T: Ord + Clone>(criterion: &mut Criterion, kind: &str, mut items: Vec<T>) {
    let fresh = items.split_off(ITEMS);
    items.sort();
    items.dedup();
    let fresh: Vec<T> = fresh.into_iter().filter(|item| items.binary_search(item).is_err()).collect();
    one::<T, OrderedSet<T, 32, 16>>(criterion, kind, "leaves of 32, branches of 16", &items, &fresh);
    one::<T, OrderedSet<T, 64, 16>>(criterion, kind, "leaves of 64, branches of 16", &items, &fresh);
    one::<T, OrderedSet<T, 64, 32>>(criterion, kind, "leaves of 64, branches of 32", &items, &fresh);
    one::<T, OrderedSet<T, 128, 16>>(criterion, kind, "leaves of 128, branches of 16", &items, &fresh);
    one::<T, OrdSet<T>>(criterion, kind, "imbl", &items, &fresh);
    one::<T, Chunks<T>>(criterion, kind, "chunks of 512", &items, &fresh);
}

fn one<T: Ord + Clone, S: Candidate<T>>(
    criterion: &mut Criterion,
    kind: &str,
    name: &str,
    items: &[T],
    fresh: &[T],
) {
    let mut group = criterion.benchmark_group(format!("ordered set of 1 M items of {kind}, {name}"));
    group.throughput(Throughput::Elements(items.len() as u64));
    group.bench_function("build", |bencher| bencher.iter_with_large_drop(|| S::build(items)));
    let set = S::build(items);
    let mut numbers = Numbers::new(3);
    group.throughput(Throughput::Elements(SCAN as u64));
    group.bench_function("scan 10,000", |bencher| {
        bencher.iter(|| set.scan(&items[numbers.below(items.len() - SCAN)], SCAN));
    });
    group.throughput(Throughput::Elements(1));
    group.bench_function("contains", |bencher| {
        bencher.iter(|| set.contains(&items[numbers.below(items.len())]));
    });
    for batch in [1, 10, 100, 1000] {
        group.bench_function(format!("change, published after {batch}"), |bencher| {
            bencher.iter_custom(|changes| time_of_changes(&set, fresh, batch, changes));
        });
    }
}

/// The time of so many changes, each with its share of the publications.
fn time_of_changes<T: Ord + Clone, S: Candidate<T>>(set: &S, fresh: &[T], batch: usize, changes: u64) -> Duration {
    let mut set = set.clone();
    let mut published = set.clone();
    let mut left = usize::try_from(changes).expect("a bench makes fewer changes than there are addresses");
    let begin = Instant::now();
    while left > 0 {
        let round = &fresh[..fresh.len().min(left)];
        for items in round.chunks(batch) {
            items.iter().for_each(|item| set.insert(item.clone()));
            published = set.clone();
        }
        for items in round.chunks(batch) {
            items.iter().for_each(|item| set.remove(item));
            published = set.clone();
        }
        left -= round.len();
    }
    black_box(published);
    begin.elapsed()
}
