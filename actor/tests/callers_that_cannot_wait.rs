//! Callers who must not wait for a disk, or not for long, get what they need. It must never depend on how fast the machine is.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use ferrumdb::{Config, ErrorKind, FerrumDB, FsyncPolicy, Sequence, Transaction, WatchOptions};
use serde_json::json;

#[test]
fn what_is_cached_is_read_without_the_file_and_nothing_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let db = FerrumDB::open(folder.path().join("my.db")).wait().unwrap();
    db.set("one", 1).wait().unwrap();
    assert_eq!(db.get_cached("one").unwrap(), None);
    assert_eq!(db.metrics().gets, 0, "what is not answered is not counted");
    db.get("one").unwrap();
    assert_eq!(db.get_cached("one").unwrap().flatten().unwrap(), json!(1));
    assert_eq!(db.get_cached("two").unwrap(), Some(None));
    let metrics = db.metrics();
    assert_eq!((metrics.gets, metrics.cache_misses, metrics.cache_hits), (3, 1, 1));
    db.close().wait().unwrap();
    assert_eq!(db.get_cached("one").unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn without_a_cache_only_what_is_not_there_is_known() {
    let db = FerrumDB::open(Config::in_memory().with_cache_bytes(0)).wait().unwrap();
    db.set("one", 1).wait().unwrap();
    db.get("one").unwrap();
    assert_eq!(db.get_cached("one").unwrap(), None);
    assert_eq!(db.get_cached("two").unwrap(), Some(None));
}

#[test]
fn a_wait_that_ends_too_soon_loses_no_answer() {
    // Then no mark of an idle database is a commit in between.
    let db = FerrumDB::open(Config::in_memory().with_fsync_policy(FsyncPolicy::Never)).wait().unwrap();
    for n in 0..200_u64 {
        let mut pending = db.set("n", n);
        let mut waits = 0;
        let sequence = loop {
            waits += 1;
            if let Some(answer) = pending.wait_timeout(Duration::from_nanos(n)) {
                break answer.unwrap();
            }
        };
        assert!(sequence.0 == n + 1 && waits > 0);
    }
    let mut replaced = db.get_and_set("n", "last");
    let answer = replaced.wait_timeout(Duration::from_secs(60)).unwrap().unwrap();
    assert_eq!(answer.unwrap(), json!(199));
    let mut failed = db.set_raw("n", "{");
    assert_eq!(failed.wait_timeout(Duration::MAX).unwrap().unwrap_err().kind(), ErrorKind::InvalidJson);
}

#[test]
fn a_transaction_that_was_begun_commits_once_or_conflicts() {
    let db = FerrumDB::open_in_memory().wait().unwrap();
    db.set("a", 1).wait().unwrap();
    let mut late = db.begin();
    late.expect_ranges();
    assert_eq!(late.get_as("a").unwrap(), Some(1));
    late.set("b", 2).unwrap();
    let mut reading = db.begin();
    assert_eq!(reading.get_as("a").unwrap(), Some(1));
    db.set("a", 3).wait().unwrap();
    assert_eq!(late.commit().wait().unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(reading.commit().wait().unwrap().0, 1, "it has only read, and as of the first commit");
    assert!(!db.contains("b").unwrap());
}

#[test]
fn a_value_that_cannot_be_stored_leaves_a_transaction_as_it_was() {
    let db = FerrumDB::open_in_memory().wait().unwrap();
    let mut transaction = Transaction::new().in_collection("c").set("a", 1);
    let error = transaction.try_set("b", f64::NAN, None).unwrap_err();
    assert_eq!(error.key().unwrap(), &"b");
    assert_eq!(error.collection().unwrap(), &"c");
    assert_eq!(transaction.try_set_raw("b", "[1", None).unwrap_err().kind(), ErrorKind::InvalidJson);
    transaction.try_set_raw("b", "[1]", Some(Duration::from_secs(60))).unwrap();
    db.commit(transaction).wait().unwrap();
    let collection = db.collection("c").unwrap();
    assert_eq!(collection.count().unwrap(), 2);
}

#[test]
fn a_watcher_knows_that_it_has_ended() {
    let db = FerrumDB::open_in_memory().wait().unwrap();
    let mut changes = db.watch(WatchOptions::everything()).unwrap();
    assert!(changes.try_next().unwrap().is_none() && !changes.has_ended());
    db.close().wait().unwrap();
    assert!(changes.next().is_none() && changes.has_ended());
}

/// How many bytes this thread has read from files, as far as the system tells. To ask is to read some, too.
#[cfg(target_os = "linux")]
fn bytes_read() -> Option<u64> {
    let told = std::fs::read_to_string("/proc/thread-self/io").ok()?;
    told.lines().find_map(|line| line.strip_prefix("rchar: ")?.parse().ok())
}

#[cfg(target_os = "linux")]
#[test]
fn an_event_loop_writes_and_begins_to_watch_without_reading_the_file() {
    const DOCUMENT_BYTES: usize = 1 << 20;
    let Some(_) = bytes_read() else { return };
    let folder = tempfile::tempdir().unwrap();
    let config = Config::new(folder.path().join("my.db")).with_cache_bytes(0);
    let db = FerrumDB::open(config).wait().unwrap();
    db.create_index("n").wait().unwrap();
    let document = |n: u64| json!({ "n": n, "text": "x".repeat(DOCUMENT_BYTES) });
    db.set("key", document(1)).wait().unwrap();
    let reads = |work: &dyn Fn(&FerrumDB), db: &FerrumDB| {
        let before = bytes_read().unwrap();
        work(db);
        (bytes_read().unwrap() - before) as usize
    };
    let set = |db: &FerrumDB| assert!(db.set("key", document(2)).wait().is_ok());
    let watch = |db: &FerrumDB| {
        drop(db.watch(WatchOptions::everything()).unwrap());
        drop(db.changes(Sequence(1), WatchOptions::everything()).unwrap());
    };
    let of_loop = db.for_event_loops();
    assert!(reads(&set, &of_loop) < DOCUMENT_BYTES);
    assert!(reads(&watch, &db) < DOCUMENT_BYTES);
    assert!(reads(&set, &db) >= DOCUMENT_BYTES, "a thread that may wait reads what its write replaces");
    assert_eq!(db.find("n", &json!(2)).unwrap(), ["key"]);
    assert!(db.find("n", &json!(1)).unwrap().is_empty());
}
