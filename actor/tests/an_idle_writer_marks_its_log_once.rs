//! Owns the proof that an idle writer notes in the log how far it is synced, so that later damage is not taken for a
//! torn tail; and that it does so once. Never uses a real disk.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use ferrumdb::fs::SimFs;
use ferrumdb::{Config, FerrumDB, FsyncPolicy};

fn open(sim: &SimFs, policy: FsyncPolicy) -> FerrumDB {
    let config = Config::new("/data.db").with_file_system(Arc::new(sim.process())).with_fsync_policy(policy);
    FerrumDB::open(config).wait().unwrap()
}

#[test]
fn a_mark_follows_the_work_and_nothing_follows_the_mark() {
    let policies =
        [FsyncPolicy::Always, FsyncPolicy::Periodic(Duration::from_millis(20)), FsyncPolicy::Never];
    let open: Vec<_> = policies
        .into_iter()
        .map(|policy| {
            let sim = SimFs::new(1);
            let db = open(&sim, policy);
            let set = db.set("a", 1).wait().unwrap();
            (sim, db, policy, set.0)
        })
        .collect();
    let commits = |db: &FerrumDB| db.stats().unwrap().sequence.0;
    let marked = || open.iter().take(2).all(|(_, db, _, set)| commits(db) > *set);
    let deadline = Instant::now() + Duration::from_secs(60);
    while !marked() {
        assert!(Instant::now() < deadline, "no mark was written");
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(1_500));
    for (_, db, policy, set) in &open {
        // Under `Never` nothing says that the log is synced, so there is nothing to note.
        let marks = if *policy == FsyncPolicy::Never { 0 } else { 1 };
        assert_eq!(commits(db) - set, marks, "{policy}");
    }
}
