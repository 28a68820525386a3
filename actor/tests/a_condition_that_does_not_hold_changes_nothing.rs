//! Owns the proof of conditions: what each asks for, what a refusal says, and when it is told. Never sleeps to be right.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll, Waker};

use ferrumdb::fs::{Effect, Fault, SimFs, SimOperation};
use ferrumdb::{Config, Error, ErrorKind, FerrumDB, FsyncPolicy, Pending, Sequence, Transaction};

fn open() -> FerrumDB {
    // Then no mark of an idle database is a commit that no test has made.
    FerrumDB::open(Config::in_memory().with_fsync_policy(FsyncPolicy::Never)).wait().unwrap()
}

/// Asserts that it is the refusal of a condition on `key`, which had this version.
#[track_caller]
fn assert_conflict(error: &Error, key: &str, found: Option<Sequence>) {
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert_eq!(error.key().unwrap(), &key);
    assert_eq!(error.found(), found);
}

/// A database whose writer is stuck in the sync of the key "first".
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

fn poll_once<T>(pending: &mut Pending<T>) -> Poll<ferrumdb::Result<T>> {
    pin!(pending).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn insert_asks_for_absence_and_replace_for_presence() {
    let db = open();
    assert_conflict(&db.replace("key", 0).wait().unwrap_err(), "key", None);
    let first = db.insert("key", 1).wait().unwrap();
    assert_conflict(&db.insert("key", 2).wait().unwrap_err(), "key", Some(first));
    assert_eq!(db.get_as("key").unwrap(), Some(1));
    let second = db.replace("key", 3).wait().unwrap();
    assert_eq!(db.get("key").unwrap().unwrap().version(), second);
    db.delete("key").wait().unwrap();
    db.insert("key", 4).wait().unwrap();
    assert_eq!(db.get_as("key").unwrap(), Some(4));
}

#[test]
fn a_version_is_that_of_the_documents_last_change() {
    let db = open();
    let first = db.set("key", 1).wait().unwrap();
    assert_eq!(db.get("key").unwrap().unwrap().version(), first);
    db.set("other", 0).wait().unwrap();
    let second = db.set_if_version("key", 2, first).wait().unwrap();
    assert_conflict(&db.set_if_version("key", 3, first).wait().unwrap_err(), "key", Some(second));
    assert_conflict(&db.delete_if_version("key", first).wait().unwrap_err(), "key", Some(second));
    assert_eq!(db.get_as("key").unwrap(), Some(2));
    db.delete_if_version("key", second).wait().unwrap();
    assert!(!db.contains("key").unwrap());
    assert_conflict(&db.delete_if_version("key", second).wait().unwrap_err(), "key", None);
    assert_conflict(&db.set_if_version("key", 3, second).wait().unwrap_err(), "key", None);
}

#[test]
fn a_transaction_happens_only_if_all_of_its_conditions_hold_before_it() {
    let db = open();
    let version = db.set("there", 1).wait().unwrap();
    let good = Transaction::new().if_version("there", version).if_exists("there").if_absent("new");
    let newest = db.commit(good.clone().set("new", 1).delete("there")).wait().unwrap();
    assert!(db.contains("new").unwrap() && !db.contains("there").unwrap());

    let refused =
        |transaction: Transaction| db.commit(transaction.set("changed", 1).delete("new")).wait().unwrap_err();
    assert_conflict(&refused(Transaction::new().if_absent("new")), "new", Some(newest));
    assert_conflict(&refused(Transaction::new().if_exists("there")), "there", None);
    assert_conflict(
        &refused(Transaction::new().if_exists("new").if_version("there", version)),
        "there",
        None,
    );
    assert_conflict(&refused(good), "there", None);
    assert!(db.contains("new").unwrap() && !db.contains("changed").unwrap());
    assert_eq!(db.stats().unwrap().sequence, newest);
}

#[test]
fn conditions_alone_change_nothing_and_are_checked() {
    let db = open();
    let version = db.set("key", 1).wait().unwrap();
    assert_eq!(db.commit(Transaction::new().if_version("key", version)).wait().unwrap(), version);
    assert_conflict(
        &db.commit(Transaction::new().if_absent("key")).wait().unwrap_err(),
        "key",
        Some(version),
    );
    assert_eq!(db.stats().unwrap().sequence, version);
}

#[test]
fn a_refusal_says_what_was_asked_for_and_what_was_found() {
    let db = open();
    let version = db.set("key", 1).wait().unwrap();
    let text = |pending: Pending<Sequence>| pending.wait().unwrap_err().to_string();
    let advice = "nothing was changed, so read it again and decide anew";
    assert_eq!(
        text(db.insert("key", 1)),
        format!("key \"key\": there was to be no document, and there is one of version {version}; {advice}")
    );
    assert_eq!(
        text(db.replace("none", 1)),
        format!("key \"none\": there was to be a document, and there is none; {advice}")
    );
    assert_eq!(
        text(db.set_if_version("none", 1, version)),
        format!("key \"none\": the document was to be of version {version}, and there is none; {advice}")
    );
    assert_eq!(db.set_raw("key", "{").wait().unwrap_err().found(), None, "no other error has found anything");
}

#[test]
fn a_refusal_is_not_told_before_what_it_rests_on_is_durable() {
    let (sim, db) = stuck();
    let mut set = db.set("key", 1);
    let mut refused = db.insert("key", 2);
    assert!(poll_once(&mut set).is_pending() && poll_once(&mut refused).is_pending());
    sim.release();
    let version = set.wait().unwrap();
    assert_conflict(&refused.wait().unwrap_err(), "key", Some(version));
    assert_eq!(db.metrics().groups, 2, "it rests on a member of its own group");
}

#[test]
fn a_refusal_whose_group_fails_is_in_doubt_like_the_rest_of_it() {
    let (sim, db) = stuck();
    let set = db.set("key", 1);
    let refused = db.insert("key", 2);
    sim.inject(Fault::new(SimOperation::Sync, Effect::Error(std::io::ErrorKind::Other)));
    sim.release();
    assert_eq!(set.wait().unwrap_err().kind(), ErrorKind::InDoubt);
    assert_eq!(refused.wait().unwrap_err().kind(), ErrorKind::InDoubt, "what it found may not survive");
}

#[test]
fn of_many_that_insert_at_once_exactly_one_succeeds() {
    const THREADS: usize = 8;
    let db = open();
    let barrier = Barrier::new(THREADS);
    for round in 0..50 {
        let key = format!("key:{round}");
        let won: Vec<usize> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|thread| {
                    let (db, barrier, key) = (&db, &barrier, key.as_str());
                    scope.spawn(move || {
                        barrier.wait();
                        match db.insert(key, thread).wait() {
                            Ok(_) => Some(thread),
                            Err(error) => {
                                assert_eq!(error.kind(), ErrorKind::Conflict);
                                None
                            }
                        }
                    })
                })
                .collect();
            threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(won.len(), 1);
        assert_eq!(db.get_as(&key).unwrap(), Some(won[0]));
    }
    let metrics = db.metrics();
    assert_eq!((metrics.commits, metrics.conflicts, metrics.sets), (50, 350, 50));
}

#[test]
fn many_that_add_by_versions_lose_no_addition() {
    let db = open();
    db.set("sum", 0).wait().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut added = 0;
                while added < 50 {
                    let sum = db.get("sum").unwrap().unwrap();
                    let next = sum.to::<u64>().unwrap() + 1;
                    match db.set_if_version("sum", next, sum.version()).wait() {
                        Ok(_) => added += 1,
                        Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict),
                    }
                }
            });
        }
    });
    assert_eq!(db.get_as("sum").unwrap(), Some(400));
}
