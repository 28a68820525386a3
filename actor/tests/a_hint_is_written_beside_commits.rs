//! Holds that a database that is written keeps a hint file for its next opening, without being closed. Never looks into one.

#![allow(clippy::unwrap_used)] // A test may panic.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ferrumdb::fs::{Effect, Fault, SimFs, SimOperation};
use ferrumdb::{Config, FerrumDB, FsyncPolicy, Transaction};
use serde_json::json;

/// On a machine with other work to do, everything takes longer.
const PATIENCE: Duration = Duration::from_secs(60);
const HINT: &str = "/hinted.db.hint";

fn open(disk: &SimFs, policy: FsyncPolicy) -> FerrumDB {
    let config =
        Config::new("/hinted.db").with_file_system(Arc::new(disk.process())).with_fsync_policy(policy);
    FerrumDB::open(config).wait().unwrap()
}

fn fill(db: &FerrumDB) {
    for round in 0..30 {
        let add = |transaction: Transaction, n: u64| {
            transaction.set(format!("k{round}:{n}"), json!({"text": "x".repeat(1_000)}))
        };
        db.commit((0..100).fold(Transaction::new(), add)).wait().unwrap();
    }
}

fn has_hint_soon(disk: &SimFs) -> bool {
    let start = Instant::now();
    while disk.live_bytes(HINT).is_none() && start.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(5));
    }
    disk.live_bytes(HINT).is_some()
}

#[test]
fn a_killed_database_opens_with_the_hint_that_was_written_while_it_lived() {
    for policy in [FsyncPolicy::Always, FsyncPolicy::Periodic(Duration::from_millis(5))] {
        let disk = SimFs::new(1);
        let db = open(&disk, policy);
        fill(&db);
        assert!(has_hint_soon(&disk), "{policy}: three megabytes are worth a hint");
        disk.kill_process();
        drop(db);
        let db = open(&disk, policy);
        let recovery = db.stats().unwrap().recovery;
        assert!(recovery.hint.is_some() && !recovery.clean, "{policy}: {recovery:?}");
        assert_eq!(db.count().unwrap(), 3_000);
        assert_eq!(db.keys().unwrap().count(), 3_000);
        db.close().wait().unwrap();
    }
}

#[test]
fn a_compaction_waits_for_no_hint() {
    let disk = SimFs::new(1);
    let db = open(&disk, FsyncPolicy::Always);
    disk.inject(Fault::new(SimOperation::Rename, Effect::Block).on(HINT));
    fill(&db);
    let start = Instant::now();
    while disk.blocked() == 0 {
        assert!(start.elapsed() < PATIENCE, "three megabytes are worth a hint");
        std::thread::sleep(Duration::from_millis(5));
    }
    fill(&db);
    let compaction = db.compact();
    let (ended, has_ended) = std::sync::mpsc::channel();
    let waits = std::thread::spawn(move || ended.send(compaction.wait().is_ok()).unwrap());
    let answered = has_ended.recv_timeout(PATIENCE);
    assert_eq!(disk.blocked(), 1, "the hint is still being written");
    // It is whole, and gets its name, though its log is gone.
    disk.release();
    waits.join().unwrap();
    assert_eq!(answered, Ok(true), "the compaction, and every commit behind it, waited for the hint");
    db.set("after", 1).wait().unwrap();
    disk.kill_process();
    drop(db);
    let db = open(&disk, FsyncPolicy::Always);
    assert_eq!(db.count().unwrap(), 3_001);
    assert_eq!(db.keys().unwrap().count(), 3_001);
    db.close().wait().unwrap();
}
