//! Owns the proof of what each fsync policy promises when the power goes, on the simulated disk. Never uses a real one.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ferrumdb::fs::{Effect, Fault, SimFs, SimOperation};
use ferrumdb::{Config, FerrumDB, FsyncPolicy};

fn open(sim: &SimFs, policy: FsyncPolicy) -> FerrumDB {
    let config = Config::new("/data.db").with_file_system(Arc::new(sim.process())).with_fsync_policy(policy);
    FerrumDB::open(config).wait().unwrap()
}

/// Four threads write until the power goes at some call; returns what was acknowledged to them.
fn write_until_the_power_goes(db: &FerrumDB) -> BTreeSet<String> {
    let acknowledged = Mutex::new(BTreeSet::new());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let acknowledged = &acknowledged;
            scope.spawn(move || {
                for number in 0..10_000 {
                    let key = format!("{thread}:{number:05}");
                    if db.set(key.as_str(), number).wait().is_err() {
                        return;
                    }
                    acknowledged.lock().unwrap().insert(key);
                }
            });
        }
    });
    acknowledged.into_inner().unwrap()
}

#[test]
fn under_always_a_power_loss_takes_nothing_acknowledged() {
    for seed in 1..=24 {
        let sim = SimFs::new(seed);
        let db = open(&sim, FsyncPolicy::Always);
        sim.inject(Fault::new(SimOperation::Any, Effect::Crash).nth(20 + seed * 7));
        let acknowledged = write_until_the_power_goes(&db);
        sim.crash();
        drop(db);

        let db = open(&sim, FsyncPolicy::Always);
        for key in &acknowledged {
            assert!(db.contains(key).unwrap(), "seed {seed}: {key} was acknowledged and is lost");
        }
        assert!(!acknowledged.is_empty(), "seed {seed} proves nothing");
    }
}

#[test]
fn under_every_policy_a_power_loss_leaves_a_prefix() {
    for (seed, policy) in
        (1..=12).zip([FsyncPolicy::Never, FsyncPolicy::Periodic(Duration::ZERO)].into_iter().cycle())
    {
        let sim = SimFs::new(seed);
        let db = open(&sim, policy);
        for number in 0..200 {
            db.set(format!("{number:05}"), number).wait().unwrap();
        }
        sim.crash();
        drop(db);

        let db = open(&sim, policy);
        let mut keys: Vec<_> = db.keys().unwrap().collect();
        keys.sort();
        for (number, key) in keys.iter().enumerate() {
            assert_eq!(*key, *format!("{number:05}"), "seed {seed}: what is left is no prefix");
        }
    }
}

#[test]
fn sync_makes_durable_what_was_accepted_before_it() {
    let sim = SimFs::new(7);
    let db = open(&sim, FsyncPolicy::Never);
    let writes: Vec<_> = (0..100).map(|number| db.set(format!("{number}"), number)).collect();
    db.sync().wait().unwrap();
    sim.crash_with(|_| ferrumdb::fs::Fate::Dropped);
    drop((db, writes));
    assert_eq!(open(&sim, FsyncPolicy::Never).count().unwrap(), 100);
}

#[test]
fn a_killed_process_loses_nothing_acknowledged_under_never() {
    let sim = SimFs::new(3);
    let db = open(&sim, FsyncPolicy::Never);
    for number in 0..500 {
        db.set(format!("{number}"), number).wait().unwrap();
    }
    sim.kill_process();
    drop(db);
    assert_eq!(open(&sim, FsyncPolicy::Never).count().unwrap(), 500);
}

#[test]
fn under_periodic_what_a_sync_has_covered_survives() {
    let sim = SimFs::new(5);
    let db = open(&sim, FsyncPolicy::Periodic(Duration::from_millis(5)));
    db.set("first", 1).wait().unwrap();
    for number in 0..20 {
        db.set("later", number).wait().unwrap();
        std::thread::sleep(Duration::from_millis(1));
    }
    // Nobody asks for it: the writer syncs what is left by itself.
    let durable = || sim.durable_bytes("/data.db") == sim.live_bytes("/data.db");
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while !durable() {
        assert!(std::time::Instant::now() < deadline, "the last commits were never synced");
        std::thread::sleep(Duration::from_millis(1));
    }
    sim.crash_with(|_| ferrumdb::fs::Fate::Dropped);
    drop(db);
    assert_eq!(open(&sim, FsyncPolicy::Never).get_as::<u32>("later").unwrap(), Some(19));
}
