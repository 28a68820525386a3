//! Owns the rows of durable writes: threads that wait for the sync of each set, beside the bare append and sync. Never
//! compares with a floor from another run.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use ferrumdb::{Config, FerrumDB};
use ferrumdb_benches::floor::append_and_sync;
use ferrumdb_benches::measure::Latencies;
use ferrumdb_benches::prepared_file::Preparation;
use ferrumdb_benches::workload::Workload;

use crate::rows::{Row, Side, Unit};
use crate::{Result, Settings};

/// Prepared far enough ahead that no round needs a second step.
const ZEROS: Preparation = Preparation::Zeros(16 << 20);

/// 64 threads and one, beside the serial floors.
pub(crate) fn threads(settings: &Settings) -> Result<Vec<Row>> {
    let workload = Workload::new(settings.documents.min(20_000), 0);
    let record_bytes = record_bytes(&workload)?;
    let (mut many, mut one) = (Side::default(), Side::default());
    let (mut growing, mut zeros) = (Side::default(), Side::default());
    for round in 0..settings.rounds {
        let folder = settings.folder.path().join(format!("durable-{round}"));
        std::fs::create_dir(&folder)?;
        floor(&mut growing, settings, &folder, Preparation::Growing, record_bytes)?;
        run(&mut many, settings, &folder.join("many.db"), &workload, 64)?;
        floor(&mut zeros, settings, &folder, ZEROS, record_bytes)?;
        run(&mut one, settings, &folder.join("one.db"), &workload, 1)?;
        std::fs::remove_dir_all(&folder)?;
    }
    let row = |threads: &str, ours: &Side, peer, theirs: &Side, bar| Row {
        workload: format!("set by {threads}, {record_bytes} B records"),
        durability: "sync before the answer",
        peer,
        unit: Unit::Rate,
        ours: ours.clone(),
        theirs: theirs.clone(),
        bar,
    };
    Ok(vec![
        row("64 threads", &many, "append + fdatasync, growing", &growing, Some(12.0)),
        row("1 thread", &one, "append + fdatasync, growing", &growing, None),
        row("1 thread", &one, "append + fdatasync into zeros", &zeros, None),
    ])
}

fn floor(
    side: &mut Side,
    settings: &Settings,
    folder: &Path,
    preparation: Preparation,
    record_bytes: usize,
) -> Result<()> {
    let begin = Instant::now();
    let latencies = append_and_sync(&folder.join("floor"), preparation, record_bytes, settings.run_for)?;
    // The preparation before the clock runs is not counted.
    let took = begin.elapsed().min(settings.run_for.max(latencies.longest()));
    side.rate(latencies.count(), took);
    side.latencies(&latencies);
    Ok(())
}

fn run(side: &mut Side, settings: &Settings, path: &Path, workload: &Workload, threads: usize) -> Result<()> {
    let db = FerrumDB::open(path).wait()?;
    let next = AtomicUsize::new(0);
    let begin = Instant::now();
    let worker = || -> std::result::Result<Latencies, ferrumdb::Error> {
        let mut latencies = Latencies::default();
        while begin.elapsed() < settings.run_for {
            let number = next.fetch_add(1, Ordering::Relaxed) % workload.len();
            latencies.time(|| db.set(workload.keys[number].as_str(), &workload.documents[number]).wait())?;
        }
        Ok(latencies)
    };
    let results: Vec<_> = thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        running.into_iter().map(thread::ScopedJoinHandle::join).collect()
    });
    let took = begin.elapsed();
    for result in results {
        side.latencies(&result.map_err(|_| "a thread panicked")??);
    }
    let done = next.load(Ordering::Relaxed);
    side.rate(done, took);
    check(db, path, workload, done)
}

/// Everything that was acknowledged is there after another opening.
fn check(db: FerrumDB, path: &Path, workload: &Workload, done: usize) -> Result<()> {
    db.close().wait()?;
    drop(db);
    let db = FerrumDB::open(Config::new(path)).wait()?;
    let expected = done.min(workload.len());
    if db.count()? != expected as u64 || db.stats()?.sequence.0 < done as u64 {
        return Err("acknowledged sets are missing after another opening".into());
    }
    for number in (0..expected).step_by(expected / 100 + 1) {
        let found = db.get(&workload.keys[number])?;
        if found.is_none_or(|document| document.value() != &workload.documents[number]) {
            return Err("an acknowledged set is missing after another opening".into());
        }
    }
    Ok(())
}

/// What one set takes in the log, on average.
pub(crate) fn record_bytes(workload: &Workload) -> Result<usize> {
    let db = FerrumDB::open(Config::in_memory()).wait()?;
    for (key, document) in workload.keys.iter().zip(&workload.documents).take(1000) {
        db.set(key.as_str(), document).wait()?;
    }
    let sets = workload.len().min(1000);
    Ok(usize::try_from(db.stats()?.log_bytes)? / sets)
}
