//! Owns the proof of what a snapshot promises: it stays as it was, through writes, compactions and the closing of the
//! database. Never depends on how fast anything is.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use ferrumdb::{Clock, Config, FerrumDB, FsyncPolicy, ManualClock, Snapshot, Timestamp, Transaction, Ttl};
use serde_json::json;

fn filled() -> FerrumDB {
    // Then no mark of an idle database is a commit that no test has made.
    let db = FerrumDB::open(Config::in_memory().with_fsync_policy(FsyncPolicy::Never)).wait().unwrap();
    fill(&db);
    db
}

fn fill(db: &FerrumDB) {
    let mut transaction = Transaction::new();
    for number in 0..100 {
        transaction = transaction.set(format!("k{number}"), json!({"n": number % 10}));
    }
    db.commit(transaction).wait().unwrap();
    db.create_index("n").wait().unwrap();
}

/// Changes everything that `fill` has written.
fn change_all(db: &FerrumDB) {
    for number in 0..100 {
        let key = format!("k{number}");
        let pending = match number % 3 {
            0 => db.delete(key).wait().map(drop),
            _ => db.set(key, json!({"n": "other"})).wait().map(drop),
        };
        pending.unwrap();
        db.set(format!("new{number}"), json!({"n": number % 10})).wait().unwrap();
    }
}

/// That it shows what `fill` has written, by each of its calls.
fn check(snapshot: &Snapshot) {
    assert_eq!(snapshot.count().unwrap(), 100);
    let mut keys: Vec<_> = snapshot.keys().unwrap().map(String::from).collect();
    keys.sort_unstable();
    let mut wanted: Vec<_> = (0..100).map(|number| format!("k{number}")).collect();
    wanted.sort_unstable();
    assert_eq!(keys, wanted);
    for (key, document) in wanted.iter().zip(snapshot.get_many(&wanted).unwrap()) {
        let number: u64 = key[1..].parse().unwrap();
        let expected = json!({"n": number % 10});
        assert_eq!(document.unwrap(), expected);
        assert_eq!(snapshot.get(key).unwrap().unwrap(), expected);
        assert_eq!(snapshot.get_as::<serde_json::Value>(key).unwrap().unwrap(), expected);
        assert_eq!(snapshot.get_raw(key).unwrap().unwrap(), expected.to_string().as_bytes());
        assert_eq!(snapshot.ttl(key).unwrap(), Some(Ttl::Never));
        assert!(snapshot.contains(key).unwrap());
    }
    assert!(!snapshot.contains("new1").unwrap() && snapshot.get("new1").unwrap().is_none());
    assert_eq!(snapshot.ttl("new1").unwrap(), None);
    assert_eq!(snapshot.find("n", &json!(3)).unwrap().len(), 10);
    assert_eq!(snapshot.find_range("n", json!(2)..json!(4)).unwrap().len(), 20);
    let found = snapshot.find_documents("n", &json!(7)).unwrap();
    assert_eq!(found.len(), 10);
    assert!(found.iter().all(|(_, document)| *document == json!({"n": 7})));
    assert_eq!(snapshot.indexes().unwrap().len(), 1);
}

#[test]
fn it_stays_as_it_was_through_writes_compactions_and_a_dropped_index() {
    let db = filled();
    let snapshot = db.snapshot().unwrap();
    assert_eq!(snapshot.sequence(), db.stats().unwrap().sequence);
    for _ in 0..3 {
        change_all(&db);
        check(&snapshot);
        db.compact().wait().unwrap();
        check(&snapshot);
    }
    db.drop_index("n").wait().unwrap();
    check(&snapshot);
    assert!(snapshot.sequence() < db.stats().unwrap().sequence);
}

#[test]
fn it_answers_when_the_database_is_closed_and_another_one_writes_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("closed.db");
    // Without a cache, everything is read from the file.
    let config = || Config::new(&path).with_cache_bytes(0);
    let db = FerrumDB::open(config()).wait().unwrap();
    fill(&db);
    let (snapshot, keys) = (db.snapshot().unwrap(), db.snapshot().unwrap().keys().unwrap());
    change_all(&db);
    db.close().wait().unwrap();
    check(&snapshot);
    drop(db);

    let again = FerrumDB::open(config()).wait().unwrap();
    change_all(&again);
    check(&snapshot);
    again.compact().wait().unwrap();
    change_all(&again);
    again.close().wait().unwrap();
    check(&snapshot.clone());
    assert_eq!(keys.count(), 100);
}

#[test]
fn it_stands_on_its_time() {
    let clock = ManualClock::new(Timestamp(1_000));
    let db = FerrumDB::open(Config::in_memory().with_clock(Arc::new(clock.clone()))).wait().unwrap();
    db.set("stays", 1).wait().unwrap();
    let before = db.snapshot().unwrap();
    db.set_ex("goes", 2, Duration::from_millis(500)).wait().unwrap();
    clock.set(Timestamp(1_200));
    let during = db.snapshot().unwrap();
    clock.set(Timestamp(2_000));
    assert_eq!((before.time(), during.time()), (Timestamp(1_000), Timestamp(1_200)));
    db.set("other", 3).wait().unwrap();
    assert!(db.get("goes").unwrap().is_none());
    assert_eq!(during.get("goes").unwrap().unwrap(), json!(2));
    assert_eq!(during.ttl("goes").unwrap(), Some(Ttl::ExpiresIn(Duration::from_millis(300))));
    assert_eq!((before.count().unwrap(), during.count().unwrap()), (1, 2));
    assert!(!before.contains("goes").unwrap());
    assert_eq!(clock.now(), Timestamp(2_000));
}

#[test]
fn stats_tell_what_snapshots_hold_and_that_nothing_is_held_when_they_are_gone() {
    let db = filled();
    let stats = db.stats().unwrap();
    assert_eq!((stats.snapshots, stats.pins, stats.undo_versions, stats.undo_bytes), (0, 0, 0, 0));
    assert_eq!((stats.oldest_snapshot, stats.oldest_pin), (None, None));

    let first = db.snapshot().unwrap();
    let second = first.clone();
    let third = db.snapshot().unwrap();
    for _ in 0..3 {
        change_all(&db);
    }
    let stats = db.stats().unwrap();
    assert_eq!((stats.snapshots, stats.pins), (2, 2), "a clone is the same snapshot");
    assert_eq!(stats.oldest_pin, Some(first.sequence()));
    assert_eq!(stats.undo_versions, 100, "one version of each key, however often it was replaced");
    assert!((10_000..40_000).contains(&stats.undo_bytes), "{} bytes", stats.undo_bytes);
    let age = stats.oldest_snapshot.unwrap();
    assert!(db.stats().unwrap().oldest_snapshot.unwrap() >= age);

    drop((first, third));
    check(&second);
    db.set("last", 1).wait().unwrap();
    assert_eq!(db.stats().unwrap().undo_versions, 100);
    drop(second);
    assert_eq!(db.stats().unwrap().snapshots, 0);
    // The idle writer finds out by itself.
    while db.stats().unwrap().undo_versions > 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
    let stats = db.stats().unwrap();
    assert_eq!((stats.pins, stats.undo_bytes, stats.oldest_snapshot), (0, 0, None));
}

#[test]
fn the_snapshot_of_a_follower_stays_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("followed.db");
    let db = FerrumDB::open(&path).wait().unwrap();
    fill(&db);
    let follower = FerrumDB::open(Config::new(&path).read_only()).wait().unwrap();
    while follower.indexes().unwrap().is_empty() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let snapshot = follower.snapshot().unwrap();
    for _ in 0..2 {
        change_all(&db);
        db.compact().wait().unwrap();
    }
    let sequence = db.stats().unwrap().sequence;
    while follower.stats().unwrap().sequence < sequence {
        std::thread::sleep(Duration::from_millis(5));
    }
    check(&snapshot);
    assert_eq!(follower.stats().unwrap().undo_versions, 100);
    drop(snapshot);
    // Its thread finds out by itself, when it looks what the owner has done.
    while follower.stats().unwrap().undo_versions > 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
}
