//! Owns the proof that expired documents are removed in the background, and stay gone. Never asserts how soon, beyond
//! a bound that any machine keeps.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use ferrumdb::fs::{Effect, Fault, SimFs, SimOperation};
use ferrumdb::{Config, FerrumDB, FsyncPolicy, ManualClock, Timestamp, Transaction};

const START: u64 = 1_000_000;
const SOON: Duration = Duration::from_millis(10);

fn eventually(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn open(sim: &SimFs, policy: FsyncPolicy) -> (FerrumDB, ManualClock) {
    let clock = ManualClock::new(Timestamp(START));
    let config = Config::new("/data.db")
        .with_file_system(Arc::new(sim.process()))
        .with_fsync_policy(policy)
        .with_clock(Arc::new(clock.clone()));
    (FerrumDB::open(config).wait().unwrap(), clock)
}

/// Stores documents that expire soon.
fn fill(db: &FerrumDB, count: usize) {
    let fill =
        (0..count).fold(Transaction::new(), |fill, number| fill.set_ex(number.to_string(), number, SOON));
    db.commit(fill).wait().unwrap();
}

#[test]
fn more_than_one_round_of_them_is_gone_from_the_file_and_stays_gone() {
    for policy in [FsyncPolicy::Always, FsyncPolicy::Never, FsyncPolicy::Periodic(SOON)] {
        let sim = SimFs::new(1);
        let (db, clock) = open(&sim, policy);
        db.set("stays", 0).wait().unwrap();
        let live_bytes = db.stats().unwrap().live_bytes;
        fill(&db, 2_500);
        assert_eq!((db.count().unwrap(), db.stats().unwrap().documents), (2_501, 2_501));
        clock.set(Timestamp(START + 10));
        assert_eq!(db.count().unwrap(), 1, "gone before they are purged");
        eventually("they are not purged", || db.metrics().purged == 2_500);
        let stats = db.stats().unwrap();
        assert_eq!((stats.documents, stats.live_bytes), (1, live_bytes));
        db.sync().wait().unwrap();
        db.close().wait().unwrap();

        let (db, clock) = open(&sim, policy);
        clock.set(Timestamp(0));
        assert_eq!((db.count().unwrap(), db.metrics().purged), (1, 0));
        assert!(!db.contains("7").unwrap());
    }
}

#[test]
fn those_that_expired_while_the_database_was_closed_are_purged_when_it_opens() {
    let sim = SimFs::new(1);
    let (db, _) = open(&sim, FsyncPolicy::Always);
    fill(&db, 3);
    db.close().wait().unwrap();
    let clock = ManualClock::new(Timestamp(START + 10));
    let config =
        Config::new("/data.db").with_file_system(Arc::new(sim.process())).with_clock(Arc::new(clock));
    let db = FerrumDB::open(config).wait().unwrap();
    assert_eq!(db.count().unwrap(), 0);
    eventually("they are not purged", || db.stats().unwrap().documents == 0);
}

#[test]
fn under_the_systems_clock_they_are_purged_when_they_expire() {
    let db = FerrumDB::open_in_memory().wait().unwrap();
    db.set_ex("late", 0, Duration::from_secs(3_600)).wait().unwrap();
    db.set_ex("soon", 0, SOON).wait().unwrap();
    eventually("it is not purged", || db.stats().unwrap().documents == 1);
    assert!(db.contains("late").unwrap());
}

#[test]
fn a_commit_waits_for_one_round_at_most() {
    let sim = SimFs::new(1);
    let (db, clock) = open(&sim, FsyncPolicy::Never);
    fill(&db, 5_000);
    let filled = db.stats().unwrap().sequence;
    sim.inject(Fault::new(SimOperation::Write, Effect::Block).on("/data.db"));
    clock.set(Timestamp(START + 10));
    eventually("no purge has begun", || sim.blocked() == 1);
    let commit = db.set("key", 1);
    sim.release();
    assert_eq!(commit.wait().unwrap(), filled.next().next(), "the first round, and then the commit");
    eventually("they are not purged", || db.metrics().purged == 5_000);
}

#[test]
fn a_purge_that_fails_is_counted_and_tried_again() {
    let sim = SimFs::new(1);
    let (db, clock) = open(&sim, FsyncPolicy::Never);
    fill(&db, 3);
    let errors = db.metrics().errors;
    let full = Effect::Error(std::io::ErrorKind::StorageFull);
    sim.inject(Fault::new(SimOperation::Write, full).on("/data.db"));
    sim.inject(Fault::new(SimOperation::Write, Effect::Block).on("/data.db").nth(2));
    let begin = Instant::now();
    clock.set(Timestamp(START + 10));
    eventually("it is not tried again", || sim.blocked() == 1);
    assert!(begin.elapsed() > Duration::from_millis(500), "it was tried again too soon");
    assert_eq!((db.metrics().errors, db.metrics().purged), (errors + 1, 0));
    assert_eq!(db.count().unwrap(), 0, "they are gone for readers all the same");
    sim.release();
    eventually("they are not purged", || db.metrics().purged == 3);
    assert_eq!(db.metrics().errors, errors + 1);
}
