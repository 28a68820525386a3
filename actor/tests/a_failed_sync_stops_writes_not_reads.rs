//! Owns the proof of what a failing disk does: doubt is told as doubt, nothing is written after it, reads go on.
//! Never uses a real disk.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io;
use std::sync::Arc;
use std::time::Duration;

use ferrumdb::fs::{Effect, Fault, SimFs, SimOperation};
use ferrumdb::{Config, ErrorKind, FerrumDB, FsyncPolicy};

fn open(sim: &SimFs, policy: FsyncPolicy) -> FerrumDB {
    let config = Config::new("/data.db").with_file_system(Arc::new(sim.process())).with_fsync_policy(policy);
    FerrumDB::open(config).wait().unwrap()
}

fn failing(operation: SimOperation) -> Fault {
    Fault::new(operation, Effect::Error(io::ErrorKind::Other)).on("/data.db")
}

fn assert_stopped(db: &FerrumDB) {
    for error in [
        db.set("later", 1).wait().unwrap_err(),
        db.delete("before").wait().unwrap_err(),
        db.sync().wait().unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Poisoned, "{error}");
        assert!(error.to_string().contains("reopen the database"), "{error}");
    }
    assert_eq!(db.get_as::<u32>("before").unwrap(), Some(1));
    assert_eq!(db.count().unwrap(), 1);
}

#[test]
fn a_failed_sync_leaves_the_group_in_doubt_and_stops_writing() {
    let sim = SimFs::new(1);
    let db = open(&sim, FsyncPolicy::Always);
    db.set("before", 1).wait().unwrap();
    sim.inject(failing(SimOperation::Sync));
    let error = db.set("doubtful", 1).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InDoubt);
    assert!(!db.contains("doubtful").unwrap(), "what may not survive is not shown");
    assert_stopped(&db);
    assert_eq!(db.close().wait().unwrap_err().kind(), ErrorKind::Poisoned);
    drop(db);
    assert_eq!(open(&sim, FsyncPolicy::Always).get_as::<u32>("before").unwrap(), Some(1));
}

#[test]
fn a_snapshot_answers_beside_a_stopped_writer_and_not_after_a_closing_that_failed() {
    let sim = SimFs::new(1);
    let db = open(&sim, FsyncPolicy::Always);
    db.set("before", 1).wait().unwrap();
    let snapshot = db.snapshot().unwrap();
    sim.inject(failing(SimOperation::Sync));
    db.set("doubtful", 1).wait().unwrap_err();
    assert_eq!(snapshot.get_as::<u32>("before").unwrap(), Some(1));
    assert_eq!(db.close().wait().unwrap_err().kind(), ErrorKind::Poisoned);
    let errors = [
        snapshot.get("before").err(),
        snapshot.get_many(&["before"]).err(),
        snapshot.keys().err(),
        snapshot.count().err(),
        snapshot.ttl("before").err(),
        snapshot.find("a", &1.into()).err(),
    ];
    assert!(errors.into_iter().all(|error| error.unwrap().kind() == ErrorKind::Poisoned));
}

#[test]
fn a_failed_append_concerns_its_group_alone() {
    let sim = SimFs::new(2);
    let db = open(&sim, FsyncPolicy::Always);
    let before = db.set("before", 1).wait().unwrap();
    sim.inject(failing(SimOperation::Write));
    assert_eq!(db.set("refused", 1).wait().unwrap_err().kind(), ErrorKind::Io);
    let after = db.set("after", 2).wait().unwrap();
    assert_eq!(after, before.next(), "the number was released");
    assert!(!db.contains("refused").unwrap());
    db.close().wait().unwrap();
}

#[test]
fn a_failed_periodic_sync_stops_writing_by_itself() {
    let sim = SimFs::new(3);
    let db = open(&sim, FsyncPolicy::Periodic(Duration::from_secs(3_600)));
    db.set("before", 1).wait().unwrap();
    db.sync().wait().unwrap();
    drop(db);
    let db = open(&sim, FsyncPolicy::Periodic(Duration::from_millis(1)));
    sim.inject(failing(SimOperation::Sync));
    while db.set("before", 1).wait().is_ok() {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_stopped(&db);
}

#[test]
fn sync_reports_the_failure_of_a_periodic_sync_that_it_overlaps() {
    for seed in 0..300 {
        let sim = SimFs::new(seed);
        let db = open(&sim, FsyncPolicy::Periodic(Duration::ZERO));
        // The system tells a failed sync once: a second sync would go well.
        sim.inject(failing(SimOperation::Sync));
        let write = db.set("before", 1);
        let synced = db.sync().wait();
        let error = synced.expect_err("one sync failed, and what it was to sync may be lost");
        assert!(matches!(error.kind(), ErrorKind::InDoubt | ErrorKind::Poisoned), "{error}");
        drop(write);
    }
}

#[test]
fn readers_do_not_wait_for_a_blocked_sync() {
    let sim = SimFs::new(5);
    let db = open(&sim, FsyncPolicy::Always);
    db.set("before", 1).wait().unwrap();
    sim.inject(Fault::new(SimOperation::Sync, Effect::Block));
    let write = db.set("blocked", 2);
    while sim.blocked() == 0 {
        std::thread::yield_now();
    }
    assert_eq!(db.get_as::<u32>("before").unwrap(), Some(1));
    assert_eq!(db.get("blocked").unwrap(), None);
    assert_eq!(db.get_many(&["before", "blocked"]).unwrap().iter().flatten().count(), 1);
    assert_eq!(db.keys().unwrap().count(), 1);
    assert_eq!(db.count().unwrap(), 1);
    assert_eq!(sim.blocked(), 1, "all of that happened while the writer was in its sync");
    sim.release();
    write.wait().unwrap();
}

#[test]
fn under_periodic_commits_do_not_wait_for_a_blocked_sync() {
    let sim = SimFs::new(6);
    let db = open(&sim, FsyncPolicy::Periodic(Duration::from_millis(1)));
    sim.inject(Fault::new(SimOperation::Sync, Effect::Block));
    db.set("first", 1).wait().unwrap();
    while sim.blocked() == 0 {
        std::thread::yield_now();
    }
    for number in 0..100 {
        db.set(format!("{number}"), number).wait().unwrap();
    }
    assert_eq!(sim.blocked(), 1, "all of them were answered beside the sync");
    sim.release();
    db.close().wait().unwrap();
}
