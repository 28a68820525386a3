//! Owns the proof of order and eagerness: accepted calls commit in their order, waited for or not. Never uses a disk.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use ferrumdb::{Config, FerrumDB, FsyncPolicy, Transaction};

#[test]
fn sequences_follow_the_calls_of_one_thread() {
    // Then no mark of an idle database is a commit in between.
    let db = FerrumDB::open(Config::in_memory().with_fsync_policy(FsyncPolicy::Never)).wait().unwrap();
    let pending: Vec<_> = (0..5_000).map(|number| db.set("same", number)).collect();
    let sequences: Vec<_> = pending.into_iter().map(|answer| answer.wait().unwrap()).collect();
    assert!(sequences.windows(2).all(|pair| pair[1] == pair[0].next()));
    assert_eq!(db.get_as::<u32>("same").unwrap(), Some(4_999));
}

#[test]
fn a_call_that_happens_after_another_threads_call_commits_after_it() {
    let db = FerrumDB::open_in_memory().wait().unwrap();
    for round in 0..500 {
        let first = db.set("key", round);
        let second = std::thread::scope(|scope| scope.spawn(|| db.set("key", round + 1)).join().unwrap());
        assert!(first.wait().unwrap() < second.wait().unwrap());
    }
}

#[test]
fn an_accepted_command_is_carried_out_though_its_answer_is_dropped() {
    let db = FerrumDB::open_in_memory().wait().unwrap();
    for number in 0..1_000 {
        drop(db.set(format!("{number}"), number));
    }
    db.sync().wait().unwrap();
    assert_eq!(db.count().unwrap(), 1_000);
}

#[test]
fn a_write_is_seen_by_whoever_was_told_of_it() {
    let db = FerrumDB::open_in_memory().wait().unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let db = &db;
            scope.spawn(move || {
                for number in 0..2_000 {
                    let key = format!("{thread}");
                    let version = db.set(key.as_str(), number).wait().unwrap();
                    let document = db.get(&key).unwrap().unwrap();
                    assert_eq!((document.version(), document.value().as_u64()), (version, Some(number)));
                }
            });
        }
    });
}

#[test]
fn a_transaction_is_one_commit_in_the_order_of_its_operations() {
    let db = FerrumDB::open_in_memory().wait().unwrap();
    db.set("gone", 1).wait().unwrap();
    let transaction =
        Transaction::new().set("a", 1).delete("a").set("a", 2).set_raw("b", "[1, 2]").delete("gone");
    assert_eq!(transaction.len(), 5);
    let sequence = db.commit(transaction).wait().unwrap();
    let (a, b) = (db.get("a").unwrap().unwrap(), db.get("b").unwrap().unwrap());
    assert_eq!((a.as_str(), b.as_str()), ("2", "[1,2]"));
    assert_eq!((a.version(), b.version()), (sequence, sequence));
    assert!(!db.contains("gone").unwrap());
    let metrics = db.metrics();
    assert_eq!((metrics.sets, metrics.deletes, metrics.commits), (4, 2, 2));
}
