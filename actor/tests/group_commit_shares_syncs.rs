//! Owns the proof that commits which wait together share a sync, and that groups are bounded. Never measures time.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use ferrumdb::fs::{Effect, Fault, SimFs, SimOperation};
use ferrumdb::{Config, ErrorKind, FerrumDB};

/// A database whose writer is stuck in the sync of one set.
fn stuck() -> (SimFs, FerrumDB) {
    let sim = SimFs::new(1);
    let db =
        FerrumDB::open(Config::new("/data.db").with_file_system(Arc::new(sim.process()))).wait().unwrap();
    sim.inject(Fault::new(SimOperation::Sync, Effect::Block));
    drop(db.set("first", 0));
    while sim.blocked() == 0 {
        std::thread::yield_now();
    }
    (sim, db)
}

#[test]
fn what_queued_up_during_a_sync_is_committed_with_one_sync() {
    let (sim, db) = stuck();
    let syncs = sim.calls(SimOperation::Sync);
    let pending: Vec<_> = (0..64).map(|number| db.set(format!("{number}"), number)).collect();
    sim.release();
    for answer in pending {
        answer.wait().unwrap();
    }
    assert_eq!(sim.calls(SimOperation::Sync) - syncs, 1);
    let metrics = db.metrics();
    assert_eq!((metrics.commits, metrics.groups), (65, 2));
}

#[test]
fn a_small_first_write_does_not_wait_for_megabytes_behind_it() {
    let (sim, db) = stuck();
    let syncs = sim.calls(SimOperation::Sync);
    let large = "x".repeat(100 << 10);
    let pending: Vec<_> = (0..20).map(|number| db.set(format!("{number}"), &large)).collect();
    sim.release();
    for answer in pending {
        answer.wait().unwrap();
    }
    assert!(sim.calls(SimOperation::Sync) - syncs >= 10, "two megabytes went into too few groups");
}

#[test]
fn a_member_that_cannot_be_carried_out_takes_no_other_along() {
    let sim = SimFs::new(1);
    let config = Config::new("/data.db").with_file_system(Arc::new(sim.process())).with_cache_bytes(0);
    let db = FerrumDB::open(config).wait().unwrap();
    db.set("rotten", "to be changed").wait().unwrap();
    let log = sim.live_bytes("/data.db").unwrap();
    let place = log.windows(13).position(|bytes| bytes == b"to be changed").unwrap();
    sim.overwrite("/data.db", place as u64, b"TO");
    sim.inject(Fault::new(SimOperation::Sync, Effect::Block));
    let first = db.set("first", 0);
    while sim.blocked() == 0 {
        std::thread::yield_now();
    }
    let hour = std::time::Duration::from_secs(3_600);
    let (before, kept, after) = (db.set("before", 1), db.expire("rotten", hour), db.insert("after", 2));
    let insert = db.insert("before", 3);
    sim.release();
    first.wait().unwrap();
    let (before, after) = (before.wait().unwrap(), after.wait().unwrap());
    assert_eq!(kept.wait().unwrap_err().kind(), ErrorKind::Damaged);
    assert_eq!(insert.wait().unwrap_err().kind(), ErrorKind::Conflict, "it sees what came before it");
    assert_eq!(after.0, before.0 + 1, "nothing of the others is committed");
    assert_eq!((db.metrics().errors, db.metrics().conflicts), (2, 1));
    db.close().wait().unwrap();
}

#[test]
fn a_sync_ends_the_group_before_it() {
    let (sim, db) = stuck();
    let before = db.set("before", 1);
    let synced = db.sync();
    let after = db.set("after", 2);
    sim.release();
    before.wait().unwrap();
    synced.wait().unwrap();
    after.wait().unwrap();
    assert_eq!(db.metrics().groups, 3);
}

#[test]
fn a_delete_of_nothing_waits_for_the_group_that_it_rests_on() {
    let (sim, db) = stuck();
    let set = db.set("a", 1);
    let deleted = db.delete("a");
    let nothing = db.delete("a");
    sim.inject(Fault::new(SimOperation::Sync, Effect::Error(std::io::ErrorKind::Other)));
    sim.release();
    for kind in [set.wait().map(drop_it), deleted.wait().map(drop_it), nothing.wait().map(drop_it)] {
        assert_eq!(kind.unwrap_err().kind(), ferrumdb::ErrorKind::InDoubt, "what it found may not survive");
    }
}

fn drop_it<T>(_: T) {}
