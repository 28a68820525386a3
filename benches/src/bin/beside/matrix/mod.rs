//! Owns the workloads that all stores are given, one after the other in each round. Never times a store before its answers were
//! compared.

pub(crate) mod cold;
pub(crate) mod mixed;
pub(crate) mod reads;
pub(crate) mod synced;
pub(crate) mod writes;
pub(crate) mod ycsb;

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ferrumdb_benches::measure::Latencies;

use crate::rows::{Row, Side, Unit};
use crate::stores::{ALL, Durability, EXISTING, Kind, Opening, Session, Store};
use crate::{Result, Settings};

/// Of how many quick operations the latency of one is taken: a clock costs as much as the quickest.
const SAMPLED: usize = 16;
/// Beyond so many documents the registry's package would take minutes for what others do in seconds.
const EXISTING_DOCUMENTS_MAX: usize = 200_000;

/// What a thread has done: how many operations, and how long they took.
pub(crate) type Done = (usize, Latencies);

/// The stores that take part, and how they are opened in a new folder of this name.
fn opening(settings: &Settings, name: &str, durability: Durability) -> Result<(Vec<Kind>, Opening)> {
    let folder = settings.folder.path().join(name);
    std::fs::create_dir(&folder)?;
    let takes_part = |(name, _): &&Kind| {
        settings.wants_store(name) && (*name != EXISTING || settings.documents <= EXISTING_DOCUMENTS_MAX)
    };
    let kinds = ALL.iter().filter(takes_part).copied().collect();
    Ok((kinds, Opening { folder, durability, cache_bytes: settings.cache_bytes }))
}

/// Which of two versions of a document is written next: always the one that the store has not got, since some stores write nothing
/// when they are given what they have.
struct Turns(Vec<AtomicBool>);

impl Turns {
    /// For each of these stores, which hold the first version of so many documents.
    fn of(stores: &[Box<dyn Store>], documents: usize) -> Vec<(&'static str, Self)> {
        stores.iter().map(|store| (store.name(), Self::new(documents))).collect()
    }

    fn new(documents: usize) -> Self {
        Self((0..documents).map(|_| AtomicBool::new(false)).collect())
    }

    /// Those of one store.
    fn find<'t>(turns: &'t [(&'static str, Self)], store: &dyn Store) -> Result<&'t Self> {
        let found = turns.iter().find(|(name, _)| *name == store.name());
        Ok(found.map(|(_, turns)| turns).ok_or("nothing was loaded")?)
    }

    fn next(&self, number: usize) -> usize {
        usize::from(!self.0[number].fetch_xor(true, Ordering::Relaxed))
    }
}

/// One workload: a figure of each round for each store.
struct Race {
    sides: Vec<(&'static str, Side)>,
}

impl Race {
    fn new() -> Self {
        Self { sides: Vec::new() }
    }

    fn side(&mut self, name: &'static str) -> &mut Side {
        let index = self.sides.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
            self.sides.push((name, Side::default()));
            self.sides.len() - 1
        });
        &mut self.sides[index].1
    }

    /// Gives each store the workload once. Whoever comes first in one round comes later in the next.
    fn round(
        &mut self,
        stores: &[Box<dyn Store>],
        round: usize,
        mut run: impl FnMut(&dyn Store) -> Result<(Duration, Done)>,
    ) -> Result<()> {
        for index in 0..stores.len() {
            let store = &*stores[(index + round) % stores.len()];
            let before = store.cache_hits_and_misses();
            let (took, (operations, latencies)) = run(store)?;
            let side = self.side(store.name());
            side.rate(operations, took);
            side.latencies(&latencies);
            if let Some(((hits, misses), before)) = store.cache_hits_and_misses().zip(before) {
                let (hits, misses) = (hits - before.0, misses - before.1);
                if hits + misses > 0 {
                    side.note(format!("{:.0} % hits", 100.0 * hits as f64 / (hits + misses) as f64));
                }
            }
        }
        Ok(())
    }

    /// A row for each store that stood beside ours, with the bars of those that have one.
    fn rows(self, workload: &str, durability: &'static str, unit: Unit, bars: &[(&str, f64)]) -> Vec<Row> {
        let mut sides = self.sides;
        let place = sides.iter().position(|(name, _)| *name == crate::stores::FERRUM);
        let Some((_, ours)) = place.map(|place| sides.remove(place)) else { return Vec::new() };
        // In the order of the list, whoever came first in the first round.
        sides.sort_by_key(|(name, _)| ALL.iter().position(|(known, _)| known == name));
        let row = |(peer, theirs): (&'static str, Side)| Row {
            workload: workload.to_owned(),
            durability,
            peer,
            unit,
            ours: ours.clone(),
            theirs,
            bar: bars.iter().find(|(name, _)| *name == peer).map(|(_, bar)| *bar),
        };
        sides.into_iter().map(row).collect()
    }
}

/// Runs an operation again and again for a while, with the number of each. The clock is looked at once in `sampled`.
fn repeat(run_for: Duration, sampled: usize, mut operation: impl FnMut(usize) -> Result<()>) -> Result<Done> {
    let (mut done, mut latencies) = (0, Latencies::default());
    let begin = Instant::now();
    while begin.elapsed() < run_for {
        for _ in 1..sampled {
            operation(done)?;
            done += 1;
        }
        latencies.time(|| operation(done))?;
        done += 1;
    }
    Ok((done, latencies))
}

/// Runs a worker in each of so many threads, each with a session of its own, all begun at once.
fn in_threads(
    store: &dyn Store,
    threads: usize,
    worker: impl Fn(usize, &mut dyn Session) -> Result<Done> + Sync,
) -> Result<(Duration, Done)> {
    let barrier = Barrier::new(threads + 1);
    let run = |thread: usize| -> Result<Done> {
        let session = store.session();
        // Waited for before an error ends this thread: the others wait for all.
        barrier.wait();
        worker(thread, &mut *session?)
    };
    thread::scope(|scope| {
        let run = &run;
        let running: Vec<_> = (0..threads).map(|thread| scope.spawn(move || run(thread))).collect();
        barrier.wait();
        let begin = Instant::now();
        let (mut done, mut latencies) = (0, Latencies::default());
        for thread in running {
            let (of_one, taken) = thread.join().map_err(|_| "a thread panicked")??;
            done += of_one;
            latencies.add(&taken);
        }
        Ok((begin.elapsed(), (done, latencies)))
    })
}
