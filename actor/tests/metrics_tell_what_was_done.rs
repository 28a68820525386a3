//! Owns the proof that the metrics are exact where they count, and in order where they measure. Never asserts how long
//! anything takes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Barrier};
use std::time::Duration;

use ferrumdb::fs::{Effect, Fault, SimFs, SimOperation};
use ferrumdb::{Config, Distribution, FerrumDB, Transaction};

fn assert_ordered(distribution: &Distribution) {
    let Distribution { p50, p90, p99, p99_9, max, .. } = *distribution;
    assert!([p50, p90, p99, p99_9, max].is_sorted(), "{distribution:?}");
}

#[test]
fn counts_are_exact() {
    let folder = tempfile::tempdir().unwrap();
    let db = FerrumDB::open(Config::new(folder.path().join("data.db"))).wait().unwrap();
    db.set("a", 1).wait().unwrap();
    db.set_ex("b", 2, Duration::from_secs(3_600)).wait().unwrap();
    db.insert("a", 2).wait().unwrap_err();
    db.delete("nothing").wait().unwrap();
    db.get_and_set("a", 3).wait().unwrap();
    db.commit(Transaction::new().set("c", 1).set("d", 2).delete("c")).wait().unwrap();
    db.commit(Transaction::new().if_absent("d").set("e", 1).delete("d")).wait().unwrap_err();
    db.set_raw("broken", "{").wait().unwrap_err();
    for _ in 0..10 {
        db.get("a").unwrap();
    }
    db.get("nothing").unwrap();
    db.contains("a").unwrap();
    db.ttl("a").unwrap();
    db.get_many(&["a", "b", "nothing"]).unwrap();
    db.expire("a", Duration::from_secs(60)).wait().unwrap();
    let metrics = db.metrics();
    assert_eq!(metrics.gets, 16);
    assert_eq!((metrics.cache_hits, metrics.cache_misses), (10, 2), "of a, and once each for a and b");
    assert_eq!((metrics.sets, metrics.deletes), (5, 2));
    assert_eq!((metrics.commits, metrics.groups, metrics.conflicts), (6, 8, 2));
    assert_eq!((metrics.errors, metrics.purged), (3, 0));
    assert_eq!((metrics.commit_nanos.count, metrics.group_sizes.count, metrics.group_sizes.max), (8, 8, 1));
    assert!(metrics.sync_nanos.count >= 5, "each group that changed something was synced");
    let stats = db.stats().unwrap();
    assert_eq!((metrics.live_bytes, metrics.dead_bytes), (stats.live_bytes, stats.dead_bytes));
    assert!(metrics.dead_bytes > 0);
    assert!(metrics.bytes_written >= stats.log_bytes);
    assert_eq!((metrics.inbox_commands, metrics.inbox_bytes), (0, 0));
}

#[test]
fn a_conflict_is_an_error_where_nobody_tries_again() {
    let db = FerrumDB::open_in_memory().wait().unwrap();
    db.set("n", 0).wait().unwrap();
    let mut tries = 0;
    db.transact(|tx| {
        let n: i64 = tx.get_as("n")?.unwrap();
        if tries == 0 {
            db.set("n", 10).wait()?;
        }
        tries += 1;
        tx.set("n", n + 1)
    })
    .wait()
    .unwrap();
    assert_eq!((tries, db.metrics().conflicts, db.metrics().errors), (2, 1, 0));

    let mut open = db.begin();
    assert!(open.get("n").unwrap().is_some());
    db.set("n", 20).wait().unwrap();
    open.set("n", 21).unwrap();
    open.commit().wait().unwrap_err();
    assert_eq!((db.metrics().conflicts, db.metrics().errors), (2, 1));

    let never = db.transact(|tx| {
        tx.get("n")?;
        db.set("n", 30).wait()?;
        tx.set("n", 31)
    });
    never.attempts(3).wait().unwrap_err();
    assert_eq!((db.metrics().conflicts, db.metrics().errors), (5, 2), "the last attempt's, once");
}

#[test]
fn without_a_cache_each_get_of_a_document_misses() {
    let db = FerrumDB::open(Config::in_memory().with_cache_bytes(0)).wait().unwrap();
    db.set("a", 1).wait().unwrap();
    for _ in 0..10 {
        db.get("a").unwrap();
    }
    db.get_many(&["a", "a", "b"]).unwrap();
    let metrics = db.metrics();
    assert_eq!((metrics.gets, metrics.cache_hits, metrics.cache_misses), (13, 0, 12));
}

#[test]
fn gets_of_all_threads_are_counted_and_some_are_timed() {
    let db = FerrumDB::open_in_memory().wait().unwrap();
    db.set("a", 1).wait().unwrap();
    db.get("a").unwrap();
    // More than there are shards of the counters, so that some share one.
    const THREADS: usize = 100;
    let all_are_there = Barrier::new(THREADS);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                all_are_there.wait();
                for _ in 0..512 {
                    assert!(db.get("a").unwrap().is_some());
                    assert!(db.get("nothing").unwrap().is_none());
                }
            });
        }
    });
    let metrics = db.metrics();
    assert_eq!((metrics.gets, metrics.cache_hits, metrics.cache_misses), (102_401, 51_200, 1));
    let timed = metrics.get_nanos.count;
    // A sample is given up rather than waited for.
    assert!((1..=401).contains(&timed), "{timed}");
    assert!(metrics.get_nanos.max > 0);
    assert_ordered(&metrics.get_nanos);
}

#[test]
fn what_waits_for_the_writer_is_told_and_then_how_it_was_grouped() {
    let sim = SimFs::new(1);
    let db =
        FerrumDB::open(Config::new("/data.db").with_file_system(Arc::new(sim.process()))).wait().unwrap();
    sim.inject(Fault::new(SimOperation::Sync, Effect::Block));
    let first = db.set("first", 0);
    while sim.blocked() == 0 {
        std::thread::yield_now();
    }
    let large = "x".repeat(10_000);
    let pending: Vec<_> = (0..7).map(|number| db.set(format!("{number}"), &large)).collect();
    let metrics = db.metrics();
    assert_eq!(metrics.inbox_commands, 7);
    assert!((70_000..80_000).contains(&metrics.inbox_bytes), "{}", metrics.inbox_bytes);
    assert_eq!(metrics.commit_nanos.count, 0, "nothing was answered");
    sim.release();
    first.wait().unwrap();
    for answer in pending {
        answer.wait().unwrap();
    }
    let metrics = db.metrics();
    assert_eq!((metrics.inbox_commands, metrics.inbox_bytes), (0, 0));
    assert_eq!((metrics.group_sizes.count, metrics.group_sizes.max), (2, 7));
    assert_eq!(metrics.commit_nanos.count, 8);
    for distribution in [metrics.commit_nanos, metrics.sync_nanos, metrics.group_sizes] {
        assert_ordered(&distribution);
    }
}

#[test]
fn closing_leaves_the_metrics() {
    let db = FerrumDB::open_in_memory().wait().unwrap();
    db.set("a", 1).wait().unwrap();
    db.close().wait().unwrap();
    assert_eq!(db.metrics().commits, 1);
}

#[test]
fn the_names_in_json_are_these() {
    let db = FerrumDB::open_in_memory().wait().unwrap();
    let json = serde_json::to_value(db.metrics()).unwrap();
    let names: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "gets",
            "cache_hits",
            "cache_misses",
            "sets",
            "deletes",
            "commits",
            "groups",
            "conflicts",
            "purged",
            "errors",
            "bytes_written",
            "live_bytes",
            "dead_bytes",
            "inbox_commands",
            "inbox_bytes",
            "get_nanos",
            "commit_nanos",
            "sync_nanos",
            "group_sizes",
            "operations_per_second",
            "uptime",
        ]
    );
    let names: Vec<_> = json["get_nanos"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["count", "p50", "p90", "p99", "p99_9", "max"]);
}

#[test]
fn a_look_into_the_cache_is_a_get_only_if_it_answers() {
    let db = FerrumDB::open_in_memory().wait().unwrap();
    db.set("one", 1).wait().unwrap();
    let snapshot = db.snapshot().unwrap();
    assert_eq!(db.get_cached("one").unwrap(), None);
    assert_eq!(snapshot.get_cached("one").unwrap(), None);
    assert_eq!(db.metrics().gets, 0);
    let read = db.get("one").unwrap();
    db.set("one", 2).wait().unwrap();
    assert_eq!(
        db.get_cached("one").unwrap().unwrap().unwrap(),
        serde_json::json!(2),
        "in the place of the one before"
    );
    assert_eq!(snapshot.get_cached("one").unwrap(), None);
    assert_eq!(snapshot.get("one").unwrap(), read);
    assert_eq!(db.get_cached("two").unwrap(), Some(None));
    let metrics = db.metrics();
    assert_eq!((metrics.gets, metrics.cache_hits, metrics.cache_misses), (4, 1, 2));
    db.close().wait().unwrap();
    assert_eq!(db.get_cached("one").unwrap_err().kind(), ferrumdb::ErrorKind::Closed);
}
