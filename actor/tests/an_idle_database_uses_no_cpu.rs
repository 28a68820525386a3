//! Owns the proof that a database with nothing to do does nothing. Never runs beside other tests.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use ferrumdb::{Config, FerrumDB, FsyncPolicy};

/// The processor time of all of the database's threads in this process, and how often they ran.
fn used() -> (Duration, u64) {
    let mut total = (Duration::ZERO, 0);
    let mut threads = 0;
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let folder = task.unwrap().path();
        // The system keeps 15 letters of a thread's name.
        if !std::fs::read_to_string(folder.join("comm")).unwrap().starts_with("ferrumdb-") {
            continue;
        }
        let text = std::fs::read_to_string(folder.join("schedstat")).unwrap();
        let fields: Vec<u64> = text.split_whitespace().map(|field| field.parse().unwrap()).collect();
        total.0 += Duration::from_nanos(fields[0]);
        total.1 += fields[2];
        threads += 1;
    }
    assert!(threads >= 4, "the threads were not found");
    total
}

#[test]
fn after_its_last_chore_no_thread_of_a_database_runs() {
    let folder = tempfile::tempdir().unwrap();
    let policies = ["always", "never", "periodic:10"];
    let open: Vec<_> = policies
        .iter()
        .map(|policy| {
            let config = Config::new(folder.path().join(policy.replace(':', "-")));
            FerrumDB::open(config.with_fsync_policy(policy.parse::<FsyncPolicy>().unwrap())).wait().unwrap()
        })
        .collect();
    for db in &open {
        // It is purged, and from then on nothing will expire.
        db.set_ex("soon", 0, Duration::from_millis(50)).wait().unwrap();
        for number in 0..100 {
            db.set(format!("{number}"), number).wait().unwrap();
        }
    }
    // An idle writer marks its log after a second; under `Periodic` that mark is then synced. On a machine with other work
    // to do, all of that may come late, but then it is over.
    let mut seen = Vec::new();
    while seen.len() < 2 || seen[seen.len() - 1] != seen[seen.len() - 2] {
        assert!(seen.len() < 10, "(time, runs) of threads that should sleep: {seen:?}");
        std::thread::sleep(Duration::from_millis(2_500));
        seen.push(used());
    }
}
