//! Holds that the database can be compacted at any time, beside readers and writers, and that nothing is lost or comes
//! back by it.

#![allow(clippy::unwrap_used)] // A test may panic.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use ferrumdb::fs::{Effect, Fault, SimFs, SimOperation};
use ferrumdb::{
    AutoCompaction, Config, ErrorKind, FerrumDB, FsyncPolicy, Key, ManualClock, Timestamp, Transaction,
};
use serde_json::json;

fn config(folder: &Path) -> Config {
    Config::new(folder.join("my.db")).with_fsync_policy(FsyncPolicy::Never).with_auto_compaction(None)
}

fn contents(db: &FerrumDB) -> BTreeMap<Key, (String, u64)> {
    let read = |key: Key| {
        let document = db.get(&key).unwrap().unwrap();
        let seen = (document.as_str().to_owned(), document.version().0);
        (key, seen)
    };
    db.keys().unwrap().map(read).collect()
}

#[test]
fn what_was_replaced_deleted_or_has_expired_is_gone_and_everything_else_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(Timestamp(1_000));
    let db = FerrumDB::open(config(folder.path()).with_clock(Arc::new(clock.clone()))).wait().unwrap();
    for number in 0..2_000 {
        db.set(format!("k{number}"), json!({"n": number, "old": true})).wait().unwrap();
    }
    db.create_index("n").wait().unwrap();
    for number in 0..2_000 {
        match number % 4 {
            0 => drop(db.delete(format!("k{number}")).wait().unwrap()),
            1 => drop(db.set_ex(format!("k{number}"), 1, Duration::from_millis(10)).wait().unwrap()),
            2 => drop(db.set(format!("k{number}"), json!({"n": number})).wait().unwrap()),
            _ => {}
        }
    }
    clock.set(Timestamp(2_000));
    let expected = contents(&db);
    let before = db.stats().unwrap();
    let report = db.compact().wait().unwrap();
    let after = db.stats().unwrap();
    assert_eq!((report.bytes_before >= before.log_bytes, report.bytes_after), (true, after.log_bytes));
    assert!(after.log_bytes < before.live_bytes + 1_000, "{before:?} {after:?}");
    assert_eq!(after.held_bytes, 0);
    assert_eq!(contents(&db), expected);
    assert_eq!(expected.len(), 1_000);
    assert_eq!(db.find("n", &json!(2)).unwrap(), ["k2"]);

    db.set("after", 1).wait().unwrap();
    let expected = contents(&db);
    db.close().wait().unwrap();
    for hint in [true, false] {
        if !hint {
            std::fs::remove_file(folder.path().join("my.db.hint")).unwrap();
        }
        let db = FerrumDB::open(config(folder.path())).wait().unwrap();
        assert_eq!(contents(&db), expected);
        assert_eq!(db.find("n", &json!(2)).unwrap(), ["k2"]);
        db.close().wait().unwrap();
    }
}

#[test]
fn eight_writers_and_four_readers_go_on_beside_continuous_compaction() {
    const KEYS: u64 = 200;
    let folder = tempfile::tempdir().unwrap();
    let db = FerrumDB::open(config(folder.path())).wait().unwrap();
    let (stop, writes) = (AtomicBool::new(false), AtomicU64::new(0));
    // Pairs of keys that only ever hold the same value: half a transaction would show.
    let pair = |n: u64| (format!("a{n}"), format!("b{n}"));
    for n in 0..KEYS {
        let (a, b) = pair(n);
        db.commit(Transaction::new().set(a, 0).set(b, 0)).wait().unwrap();
    }
    std::thread::scope(|scope| {
        for writer in 0..8_u64 {
            let (db, stop, writes) = (&db, &stop, &writes);
            scope.spawn(move || {
                let mut number = writer;
                while !stop.load(Ordering::Relaxed) {
                    number += 8;
                    let (a, b) = pair(number % KEYS);
                    if number % 16 < 8 {
                        db.commit(Transaction::new().set(a, number).set(b, number)).wait().unwrap();
                    } else {
                        db.commit(Transaction::new().delete(a).delete(b)).wait().unwrap();
                    }
                    writes.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for reader in 0..4_u64 {
            let (db, stop) = (&db, &stop);
            scope.spawn(move || {
                let mut number = reader;
                while !stop.load(Ordering::Relaxed) {
                    number += 7;
                    let (a, b) = pair(number % KEYS);
                    let found = db.get_many(&[&a, &b]).unwrap();
                    let text = |at: usize| found[at].as_ref().map(|document| document.as_str().to_owned());
                    assert_eq!(text(0), text(1), "half a transaction of {number}");
                    db.get(&a).unwrap();
                    if number % 64 < 7 {
                        let keys = db.keys().unwrap().count();
                        assert_eq!(keys % 2, 0);
                    }
                }
            });
        }
        for _ in 0..30 {
            let report = db.compact().wait().unwrap();
            assert!(report.bytes_after <= report.bytes_before, "{report:?}");
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(writes.load(Ordering::Relaxed) > 100);
    let expected = contents(&db);
    drop(db);
    let db = FerrumDB::open(config(folder.path())).wait().unwrap();
    assert_eq!(contents(&db), expected);
}

#[test]
fn the_database_compacts_itself_past_the_threshold_and_not_for_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let auto = AutoCompaction { dead_percent: 50, dead_bytes: 100_000 };
    let db = FerrumDB::open(config(folder.path()).with_auto_compaction(auto)).wait().unwrap();
    let text = "x".repeat(1_000);
    for number in 0..5_000 {
        db.set(format!("k{}", number % 50), &text).wait().unwrap();
    }
    db.sync().wait().unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    while db.stats().unwrap().log_bytes > 400_000 {
        assert!(std::time::Instant::now() < deadline, "{:?}", db.stats().unwrap());
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(db.count().unwrap(), 50);
}

#[test]
fn a_compaction_can_be_cancelled_and_leaves_no_file_behind() {
    let folder = tempfile::tempdir().unwrap();
    // So slow a compaction does not end before it is cancelled.
    let db = FerrumDB::open(config(folder.path()).with_compaction_rate(1 << 10)).wait().unwrap();
    let text = "x".repeat(100_000);
    for number in 0..100 {
        db.set(format!("k{}", number % 10), &text).wait().unwrap();
    }
    assert!(!db.cancel_compaction().wait().unwrap());
    let pending = db.compact();
    let joined = db.compact();
    assert!(db.cancel_compaction().wait().unwrap());
    assert_eq!(pending.wait().unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(joined.wait().unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(db.count().unwrap(), 10);

    let pending = db.compact();
    db.close().wait().unwrap();
    assert_eq!(pending.wait().unwrap_err().kind(), ErrorKind::Cancelled);
    let names: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| !name.to_str().unwrap().contains(".new-")), "{names:?}");
}

#[test]
fn a_compaction_whose_thread_panics_says_so_changes_nothing_and_the_next_one_is_carried_out() {
    let sim = SimFs::new(1);
    let config = Config::new("/my.db").with_file_system(Arc::new(sim.process())).with_auto_compaction(None);
    // Then no mark of an idle database is a record that is dropped, too.
    let db = FerrumDB::open(config.with_fsync_policy(FsyncPolicy::Never)).wait().unwrap();
    for number in 0..100 {
        db.set(format!("k{}", number % 10), number).wait().unwrap();
    }
    let before = contents(&db);
    // Only a compaction reads here: the writer has every document in its cache.
    sim.inject(Fault::new(SimOperation::Read, Effect::Panic).on("/my.db"));
    let error = db.compact().wait().unwrap_err();
    assert_eq!((error.kind(), sim.armed_faults()), (ErrorKind::Other, 0));
    assert!(error.to_string().contains("has panicked"), "{error}");
    let is_temporary = |name: &PathBuf| name.to_str().unwrap().contains(".new-");
    assert!(!sim.names().iter().any(is_temporary), "what it has begun is removed");
    assert_eq!(contents(&db), before);

    assert_eq!(db.compact().wait().unwrap().records_dropped, 90);
    assert_eq!(contents(&db), before);
    db.close().wait().unwrap();
}

#[test]
fn a_document_that_was_replaced_before_a_compaction_is_still_given_out_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let db = FerrumDB::open(config(folder.path()).with_cache_bytes(0)).wait().unwrap();
    db.set("token", "red").wait().unwrap();
    let pending = db.get_and_set("token", "blue");
    db.sync().wait().unwrap();
    db.compact().wait().unwrap();
    db.compact().wait().unwrap();
    assert!(db.stats().unwrap().held_bytes > 0);
    assert_eq!(pending.wait().unwrap().unwrap(), json!("red"));
    assert_eq!(db.stats().unwrap().held_bytes, 0);
    assert_eq!(db.get("token").unwrap().unwrap(), json!("blue"));
}

#[test]
fn a_rate_below_that_of_the_commits_does_not_keep_a_compaction_from_ending() {
    let folder = tempfile::tempdir().unwrap();
    let db = FerrumDB::open(config(folder.path()).with_compaction_rate(1 << 20)).wait().unwrap();
    let pad = "x".repeat(20_000);
    for number in 0..20 {
        db.set(format!("k{}", number % 10), &pad).wait().unwrap();
    }
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0_u64.. {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                db.set(format!("k{}", number % 10), &pad).wait().unwrap();
                std::thread::sleep(Duration::from_millis(4));
            }
        });
        let report = db.compact().wait();
        is_over.store(true, Ordering::Relaxed);
        assert!(report.unwrap().records_dropped > 0);
    });
    assert_eq!(db.count().unwrap(), 10);
    assert!(db.verify().wait().unwrap().is_sound());
}
