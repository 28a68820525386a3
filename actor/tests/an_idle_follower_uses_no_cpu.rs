//! Owns the proof that a follower of a database in which nothing happens does next to nothing. Never runs beside other
//! tests.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use ferrumdb::{Config, FerrumDB};

/// The processor time of all threads of this process.
fn used() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let nanos = tasks.map(|task| {
        let text = std::fs::read_to_string(task.unwrap().path().join("schedstat")).unwrap();
        text.split_whitespace().next().unwrap().parse::<u64>().unwrap()
    });
    Duration::from_nanos(nanos.sum())
}

#[test]
fn a_follower_sleeps_while_nothing_happens_and_wakes_when_something_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my.db");
    let owner = FerrumDB::open(&path).wait().unwrap();
    owner.set("a", 0).wait().unwrap();
    let db = FerrumDB::open(Config::new(&path).read_only()).wait().unwrap();
    // The owner marks its log after a second, and the follower looks ever more seldom.
    std::thread::sleep(Duration::from_secs(6));
    let before = used();
    std::thread::sleep(Duration::from_secs(2));
    let used = used() - before;
    assert!(used < Duration::from_millis(2), "{used:?} of 2 s");

    let mut delays: Vec<_> = (1..=20)
        .map(|number| {
            std::thread::sleep(Duration::from_millis(20));
            owner.set("a", number).wait().unwrap();
            let begin = Instant::now();
            while db.get("a").unwrap().unwrap() != serde_json::json!(number) {
                assert!(begin.elapsed() < Duration::from_secs(30));
                std::thread::sleep(Duration::from_micros(50));
            }
            begin.elapsed()
        })
        .collect();
    delays.sort_unstable();
    assert!(delays[10] < Duration::from_millis(10), "{delays:?}");
}
