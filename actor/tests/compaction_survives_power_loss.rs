//! Holds that eight writers and four readers beside continuous compaction lose nothing acknowledged when the power goes,
//! at whatever call, on the simulated disk. Never uses a real one.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use ferrumdb::fs::{Effect, Fault, SimFs, SimOperation};
use ferrumdb::{Config, ErrorKind, FerrumDB, FsyncPolicy, Transaction};

const WRITERS: usize = 8;

fn open(sim: &SimFs, policy: FsyncPolicy) -> FerrumDB {
    let config = Config::new("/data.db").with_file_system(Arc::new(sim.process())).with_fsync_policy(policy);
    FerrumDB::open(config.with_auto_compaction(None).with_cache_bytes(0)).wait().unwrap()
}

/// The keys of one writer: two that always hold the same number, and one that is there while that number is odd.
fn keys(writer: usize) -> [String; 3] {
    [format!("a{writer}"), format!("b{writer}"), format!("odd{writer}")]
}

fn step(writer: usize, number: u64) -> Transaction {
    let [a, b, odd] = keys(writer);
    let transaction = Transaction::new().set(a, number).set(b, number);
    if number % 2 == 1 { transaction.set(odd, number) } else { transaction.delete(odd) }
}

/// What a writer's keys hold, whole or not at all.
fn number_of(db: &FerrumDB, writer: usize) -> ferrumdb::Result<u64> {
    let found = db.get_many(&keys(writer))?;
    let text = |at: usize| found[at].as_ref().map(|document| document.as_str().to_owned());
    assert_eq!(text(0), text(1), "half a transaction");
    let number = text(0).map_or(0, |text| text.parse().unwrap());
    assert_eq!(text(2).is_some(), number % 2 == 1, "half a transaction, or a deleted document came back");
    Ok(number)
}

/// Writes, reads and compacts until the power goes; returns the newest number that each writer knows to be there, and
/// how many compactions there were.
fn live(db: &FerrumDB) -> ([u64; WRITERS], u64) {
    let acknowledged: [AtomicU64; WRITERS] = Default::default();
    let (is_over, compactions) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        let (acknowledged, is_over, compactions) = (&acknowledged, &is_over, &compactions);
        for (writer, newest) in acknowledged.iter().enumerate() {
            scope.spawn(move || {
                let mut number = 0;
                while db.commit(step(writer, number + 1)).wait().is_ok() {
                    number += 1;
                    newest.store(number, Ordering::Release);
                }
            });
        }
        for reader in 0..4 {
            scope.spawn(move || {
                for turn in reader.. {
                    let writer = turn % WRITERS;
                    let least = acknowledged[writer].load(Ordering::Acquire);
                    match number_of(db, writer) {
                        Ok(number) => assert!(number >= least, "{number} after {least}"),
                        Err(_) => break,
                    }
                    if is_over.load(Ordering::Relaxed) {
                        break;
                    }
                }
            });
        }
        scope.spawn(move || {
            loop {
                match db.compact().wait() {
                    Ok(_) => compactions.fetch_add(1, Ordering::Relaxed),
                    Err(error) => {
                        let expected = [ErrorKind::Io, ErrorKind::InDoubt, ErrorKind::Poisoned];
                        assert!(expected.contains(&error.kind()), "{error}");
                        break;
                    }
                };
            }
            is_over.store(true, Ordering::Relaxed);
        });
    });
    (acknowledged.map(AtomicU64::into_inner), compactions.into_inner())
}

#[test]
fn nothing_acknowledged_is_lost_beside_continuous_compaction() {
    let mut compactions = 0;
    for seed in 1..=20 {
        let policy = match seed % 4 {
            0 => FsyncPolicy::Periodic(Duration::ZERO),
            1 => FsyncPolicy::Never,
            _ => FsyncPolicy::Always,
        };
        let sim = SimFs::new(seed);
        let db = open(&sim, policy);
        // Calls of every kind but reads, of which there are any number.
        let (operation, nth) = match seed % 5 {
            0 => (SimOperation::Write, 40 + seed * 7),
            1 => (SimOperation::Sync, 10 + seed * 5),
            2 => (SimOperation::SyncDirectory, 2 + seed / 5),
            3 => (SimOperation::Rename, 1 + seed / 5),
            _ => (SimOperation::Unlock, 2 + seed / 5),
        };
        sim.inject(Fault::new(operation, Effect::Crash).nth(nth));
        let (acknowledged, installed) = live(&db);
        compactions += installed;
        sim.crash();
        drop(db);

        let db = open(&sim, policy);
        for (writer, newest) in acknowledged.into_iter().enumerate() {
            let number = number_of(&db, writer).unwrap();
            // One more may have been under way.
            assert!(number <= newest + 1, "seed {seed}: {number} was never written, only {newest}");
            assert!(policy != FsyncPolicy::Always || number >= newest, "seed {seed}: {number}, not {newest}");
        }
        db.compact().wait().unwrap();
        db.set("after", 1).wait().unwrap();
    }
    assert!(compactions > 50, "{compactions} compactions prove nothing");
}
