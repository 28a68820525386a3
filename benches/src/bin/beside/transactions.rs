//! Owns the rows of transactions that read and write, from two threads. Never lets one side read or write less than the
//! other.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use ferrumdb::{Config, FerrumDB, FsyncPolicy};
use ferrumdb_benches::measure::Latencies;
use ferrumdb_benches::workload::{Numbers, Workload};

use crate::lmdb::{self, Lmdb};
use crate::rows::{Row, Side, Unit};
use crate::writes::{check, run};
use crate::{Result, Settings};

const THREADS: usize = 2;
/// So few documents that the threads meet all the time.
const FEW: usize = 10;

/// Each transaction reads two documents at random and overwrites both. LMDB's take turns by a lock; ours meet, and are
/// run again if they have read what another has changed.
pub(crate) fn of_two_threads(settings: &Settings) -> Result<Vec<Row>> {
    let first = Workload::new(settings.documents, 0);
    let mut many = [Side::default(), Side::default()];
    let mut few = [Side::default(), Side::default()];
    for round in 0..settings.rounds {
        let folder = settings.folder.path().join(format!("transactions-{round}"));
        std::fs::create_dir(&folder)?;
        let config = Config::new(folder.join("ferrum.db")).with_fsync_policy(FsyncPolicy::Never);
        let db = FerrumDB::open(config).wait()?;
        let env = lmdb::open(&folder.join("lmdb"))?;
        let lmdb = Lmdb::create(&env)?;
        let mut unmeasured = Side::default();
        let set_ours =
            |key: &str, document: &serde_json::Value| Ok(db.set(key, document).wait().map(|_| ())?);
        run(&mut unmeasured, &first, 0..first.len(), set_ours)?;
        run(&mut unmeasured, &first, 0..first.len(), |key, document| lmdb.set(key, document))?;
        check(&db, &lmdb, &first)?;
        for (sides, documents) in [(&mut many, first.len()), (&mut few, FEW)] {
            in_threads(&mut sides[0], settings, documents, |[one, two]| ours(&db, &first, one, two))?;
            in_threads(&mut sides[1], settings, documents, |[one, two]| {
                lmdb.exchange(
                    [&first.keys[one], &first.keys[two]],
                    [&first.documents[one], &first.documents[two]],
                )
            })?;
        }
        check(&db, &lmdb, &first)?;
        db.close().wait()?;
        drop(env);
        std::fs::remove_dir_all(&folder)?;
    }
    let row = |documents: usize, [ours, theirs]: [Side; 2], bar| Row {
        workload: format!("read 2 and write 2 of {documents} documents, 2 threads"),
        durability: "no sync",
        peer: "LMDB, a write transaction each",
        unit: Unit::Rate,
        ours,
        theirs,
        bar,
    };
    Ok(vec![row(first.len(), many, Some(1.0)), row(FEW, few, None)])
}

fn ours(db: &FerrumDB, workload: &Workload, one: usize, two: usize) -> Result<()> {
    let exchange = db.transact(|tx| {
        for number in [one, two] {
            let found = tx.get(workload.keys[number].as_str())?;
            assert!(found.is_some_and(|document| document.as_str().len() > 100), "every document is there");
        }
        for number in [one, two] {
            tx.set(workload.keys[number].as_str(), &workload.documents[number])?;
        }
        Ok::<_, ferrumdb::Error>(())
    });
    Ok(exchange.wait()?)
}

/// Runs transactions of two documents each for as long as the settings say.
fn in_threads(
    side: &mut Side,
    settings: &Settings,
    documents: usize,
    transaction: impl Fn([usize; 2]) -> Result<()> + Sync,
) -> Result<()> {
    let done = AtomicUsize::new(0);
    let begin = Instant::now();
    let worker = |thread: usize| -> std::result::Result<Latencies, String> {
        let (mut latencies, mut numbers) = (Latencies::default(), Numbers::new(thread as u64));
        while begin.elapsed() < settings.run_for {
            let one = numbers.below(documents);
            let two = (one + 1 + numbers.below(documents - 1)) % documents;
            latencies.time(|| transaction([one, two])).map_err(|error| error.to_string())?;
            done.fetch_add(1, Ordering::Relaxed);
        }
        Ok(latencies)
    };
    let results: Vec<_> = thread::scope(|scope| {
        let worker = &worker;
        let running: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || worker(thread))).collect();
        running.into_iter().map(thread::ScopedJoinHandle::join).collect()
    });
    let took = begin.elapsed();
    for result in results {
        side.latencies(&result.map_err(|_| "a thread panicked")??);
    }
    side.rate(done.load(Ordering::Relaxed), took);
    Ok(())
}
