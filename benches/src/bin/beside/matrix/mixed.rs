//! Owns the rows of one thread that reads while another writes. Never reads more slowly to let the writer go on.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ferrumdb_benches::measure::Latencies;
use ferrumdb_benches::workload::{Numbers, Workload};

use super::reads::{found, warm};
use super::{Done, Race, Turns, opening};
use crate::rows::{Row, Side, Unit};
use crate::stores::{Durability, EXISTING, FERRUM, LMDB, Store, check, check_one_of, fill, open_all};
use crate::writes::order;
use crate::{Result, Settings};

/// What the tail of reads must not exceed.
const TAIL_MAX: Duration = Duration::from_micros(10);

/// Reads, their tail, and the writes beside them.
pub(crate) fn reads_and_writes(settings: &Settings) -> Result<Vec<Row>> {
    let versions = [Workload::new(settings.documents, 0), Workload::new(settings.documents, 1)];
    let (kinds, opening) = opening(settings, "mixed", Durability::NoSync)?;
    let stores = open_all(&kinds, &opening)?;
    for store in &stores {
        fill(&**store, &versions[0], &order(versions[0].len()))?;
        check(&**store, &versions[0])?;
        warm(&**store, &versions[0], false)?;
    }
    let turns = Turns::of(&stores, settings.documents);
    let (mut reads, mut writes, mut tail) = (Race::new(), Race::new(), Side::default());
    for round in 0..settings.rounds {
        let mut written = Vec::new();
        reads.round(&stores, round, |store| {
            let turns = Turns::find(&turns, store)?;
            let (took, read, wrote) = both(store, (&versions, turns), settings.run_for, round as u64)?;
            if store.name() == FERRUM {
                tail.figure(read.1.quantile(0.999).as_secs_f64());
            }
            written.push((store.name(), took, wrote));
            Ok((took, read))
        })?;
        for (name, took, (done, latencies)) in written {
            let side = writes.side(name);
            side.rate(done, took);
            side.latencies(&latencies);
        }
    }
    for store in &stores {
        check_one_of(&**store, &[&versions[0], &versions[1]])?;
    }
    drop(stores);
    std::fs::remove_dir_all(&opening.folder)?;
    let named = |what: &str| format!("{what}, {} documents, 1 reader and 1 writer", settings.documents);
    let mut rows = reads.rows(&named("get beside sets"), "", Unit::Rate, &[(LMDB, 1.5)]);
    rows.extend(writes.rows(&named("set beside gets"), "no sync", Unit::Rate, &[(LMDB, 1.5)]));
    rows.push(Row {
        workload: named("p99.9 of the gets beside sets"),
        durability: "",
        peer: "what is allowed",
        unit: Unit::Seconds,
        ours: tail,
        theirs: Side::stated(TAIL_MAX.as_secs_f64()),
        bar: Some(1.0),
    });
    Ok(rows)
}

/// Reads in this thread and writes in another, until the time is over.
fn both(
    store: &dyn Store,
    (versions, turns): (&[Workload; 2], &Turns),
    run_for: Duration,
    seed: u64,
) -> Result<(Duration, Done, Done)> {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let is_over = &is_over;
        let writer = scope.spawn(move || -> Result<Done> {
            let (mut session, mut latencies) = (store.session()?, Latencies::default());
            let (mut numbers, mut done) = (Numbers::new(seed ^ 0xF0), 0);
            while !is_over.load(Ordering::Relaxed) {
                let number = numbers.below(versions[0].len());
                let version = &versions[turns.next(number)];
                latencies.time(|| session.set(&version.keys[number], &version.documents[number]))?;
                done += 1;
            }
            Ok((done, latencies))
        });
        let begin = Instant::now();
        let read = read(store, &versions[0], run_for, seed);
        let took = begin.elapsed();
        is_over.store(true, Ordering::Relaxed);
        let wrote = writer.join().map_err(|_| "the writer panicked")??;
        Ok((took, read?, wrote))
    })
}

fn read(store: &dyn Store, workload: &Workload, run_for: Duration, seed: u64) -> Result<Done> {
    let (mut session, mut numbers) = (store.session()?, Numbers::new(seed));
    // The registry's package answers some of the gets that come right after a set with nothing.
    let may_miss = store.name() == EXISTING;
    // Each is timed: the tail is what is asked for here.
    super::repeat(run_for, 1, |_| {
        let key = &workload.keys[numbers.below(workload.len())];
        let is_found = session.get(key, &mut |text| {
            black_box(text);
        })?;
        found(is_found || may_miss)
    })
}
