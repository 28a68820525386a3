//! Owns the proof of what closing and dropping handles does: nothing accepted is lost, the file is free at once, and
//! nothing hangs. Never leaves a database open.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use ferrumdb::fs::{Effect, Fault, SimFs, SimOperation};
use ferrumdb::{Config, ErrorKind, FerrumDB, FsyncPolicy};

const POLICIES: [FsyncPolicy; 3] =
    [FsyncPolicy::Always, FsyncPolicy::Periodic(Duration::from_secs(3_600)), FsyncPolicy::Never];

fn config(sim: &SimFs, policy: FsyncPolicy) -> Config {
    Config::new("/data.db").with_file_system(Arc::new(sim.process())).with_fsync_policy(policy)
}

#[test]
fn dropping_the_last_handle_commits_and_syncs_what_was_accepted() {
    for policy in POLICIES {
        let sim = SimFs::new(1);
        let db = FerrumDB::open(config(&sim, policy)).wait().unwrap();
        let other = db.clone();
        let pending: Vec<_> = (0..100).map(|number| db.set(format!("{number}"), number)).collect();
        drop(db);
        drop(other);
        sim.crash_with(|_| ferrumdb::fs::Fate::Dropped);
        assert_eq!(FerrumDB::open(config(&sim, policy)).wait().unwrap().count().unwrap(), 100, "{policy}");
        assert!(pending.into_iter().all(|pending| pending.wait().is_ok()), "answers outlive the handles");
    }
}

#[test]
fn the_file_can_be_opened_again_right_after_closing_or_dropping() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    for round in 0..50_u64 {
        let db = FerrumDB::open(&path).wait().unwrap();
        assert_eq!(db.count().unwrap(), round);
        db.set(format!("{round}"), round).wait().unwrap();
        if round % 2 == 0 {
            db.close().wait().unwrap();
            // The handle is still there, and must not matter.
            FerrumDB::open(&path).wait().unwrap().close().wait().unwrap();
        }
    }
}

#[test]
fn closing_is_for_all_handles_and_says_the_same_again() {
    let db = FerrumDB::open_in_memory().wait().unwrap();
    let other = db.clone();
    let accepted = db.set("a", 1);
    db.close().wait().unwrap();
    accepted.wait().unwrap();
    assert_eq!(other.set("b", 1).wait().unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(other.sync().wait().unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(other.get("a").unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(other.count().unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(other.keys().err().unwrap().kind(), ErrorKind::Closed);
    other.close().wait().unwrap();
    assert_eq!(other.metrics().sets, 1);
}

#[test]
fn closings_that_race_with_each_other_and_with_writes_answer_everyone() {
    for _ in 0..200 {
        let sim = SimFs::new(1);
        let db = FerrumDB::open(config(&sim, FsyncPolicy::Never)).wait().unwrap();
        let written = Mutex::new(0_u64);
        std::thread::scope(|scope| {
            for thread in 0..2 {
                let (db, written) = (db.clone(), &written);
                scope.spawn(move || {
                    for number in 0.. {
                        match db.set(format!("{thread}:{number}"), number).wait() {
                            Ok(_) => *written.lock().unwrap() += 1,
                            Err(error) => {
                                assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
                                return;
                            }
                        }
                    }
                });
            }
            for _ in 0..2 {
                let db = db.clone();
                scope.spawn(move || db.close().wait().unwrap());
            }
        });
        drop(db);
        let db = FerrumDB::open(config(&sim, FsyncPolicy::Never)).wait().unwrap();
        assert_eq!(
            db.count().unwrap(),
            written.into_inner().unwrap(),
            "told as written, and written, are the same"
        );
    }
}

#[test]
fn the_last_handle_may_be_dropped_by_a_waker_on_the_writers_own_thread() {
    struct DropsHandle(Mutex<Option<FerrumDB>>);
    impl Wake for DropsHandle {
        fn wake(self: Arc<Self>) {
            drop(self.0.lock().unwrap().take());
        }
    }
    let sim = SimFs::new(1);
    let db = FerrumDB::open(config(&sim, FsyncPolicy::Always)).wait().unwrap();
    sim.inject(Fault::new(SimOperation::Sync, Effect::Block));
    let mut pending = db.set("a", 1);
    let waker = Waker::from(Arc::new(DropsHandle(Mutex::new(Some(db)))));
    assert!(Pin::new(&mut pending).poll(&mut Context::from_waker(&waker)).is_pending());
    sim.release();
    let again = config(&sim, FsyncPolicy::Always).with_lock_timeout(Duration::from_secs(10));
    assert_eq!(FerrumDB::open(again).wait().unwrap().get_as::<u32>("a").unwrap(), Some(1));
}

#[test]
fn a_waker_that_panics_does_not_stop_the_writer() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("a waker's own fault");
        }
    }
    let sim = SimFs::new(1);
    let db = FerrumDB::open(config(&sim, FsyncPolicy::Always)).wait().unwrap();
    sim.inject(Fault::new(SimOperation::Sync, Effect::Block));
    let mut pending = db.set("a", 1);
    assert!(
        Pin::new(&mut pending).poll(&mut Context::from_waker(&Waker::from(Arc::new(Panics)))).is_pending()
    );
    sim.release();
    db.set("b", 2).wait().unwrap();
    db.close().wait().unwrap();
}

#[test]
fn an_opening_that_nobody_waits_for_leaves_the_file_free() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    for _ in 0..20 {
        drop(FerrumDB::open(&path));
        let config = Config::new(&path).with_lock_timeout(Duration::from_secs(10));
        FerrumDB::open(config).wait().unwrap().close().wait().unwrap();
    }
}

#[test]
fn a_second_opening_is_told_that_the_file_is_locked_or_waits_as_long_as_it_was_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let db = FerrumDB::open(&path).wait().unwrap();

    let error = FerrumDB::open(&path).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(error.to_string().contains("data.db"), "{error}");
    assert!(error.path().unwrap().ends_with("data.db"));

    let start = Instant::now();
    let patient = Config::new(&path).with_lock_timeout(Duration::from_millis(100));
    assert_eq!(FerrumDB::open(patient).wait().unwrap_err().kind(), ErrorKind::Locked);
    assert!(start.elapsed() >= Duration::from_millis(100));

    let waiting = FerrumDB::open(Config::new(&path).with_lock_timeout(Duration::from_secs(30)));
    db.close().wait().unwrap();
    waiting.wait().unwrap();
}
