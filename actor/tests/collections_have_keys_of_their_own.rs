//! Holds what is promised of collections through the public handle: keys, indexes and counts of their own, transactions
//! across them, and drops that hold, however the database comes back. Never looks at a file.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use ferrumdb::{Config, ErrorKind, FerrumDB, Restore, Transaction, Ttl};
use serde_json::json;

fn names(db: &FerrumDB) -> Vec<(String, u64)> {
    db.collections().unwrap().into_iter().map(|info| (info.name.to_string(), info.documents)).collect()
}

#[test]
fn every_method_of_a_handle_concerns_its_collection_alone() {
    let db = FerrumDB::open_in_memory().wait().unwrap();
    let users = db.collection("users").unwrap();
    db.set("a", json!({"n": 0})).wait().unwrap();
    assert_eq!((users.name(), db.name()), (Some("users"), None));
    assert!(users.get("a").unwrap().is_none() && users.get_many(&["a"]).unwrap() == [None]);
    assert!(!users.delete("a").wait().unwrap() && !users.persist("a").wait().unwrap());
    assert_eq!((users.keys().unwrap().count(), users.ttl("a").unwrap()), (0, None));
    assert_eq!(users.drop_index("n").wait().unwrap_err().kind(), ErrorKind::NoSuchIndex);
    assert_eq!(names(&db), [], "nothing of this has created it");

    users.insert("a", json!({"n": 1})).wait().unwrap();
    users.set_ex("b", json!({"n": 1}), Duration::from_secs(3600)).wait().unwrap();
    let error = users.insert("a", 1).wait().unwrap_err();
    assert_eq!((error.kind(), error.key().unwrap().as_str()), (ErrorKind::Conflict, "a"));
    assert_eq!(users.get_and_set("a", json!({"n": 2})).wait().unwrap().unwrap(), json!({"n": 1}));
    assert_eq!(db.get("a").unwrap().unwrap(), json!({"n": 0}));
    assert_eq!((users.count().unwrap(), db.count().unwrap()), (2, 1));
    assert!(matches!(users.ttl("b").unwrap(), Some(Ttl::ExpiresIn(_))));
    users.create_index("n").wait().unwrap();
    assert_eq!((users.indexes().unwrap().len(), db.indexes().unwrap().len()), (1, 0));
    assert_eq!(users.find("n", &json!(2)).unwrap(), ["a"]);
    assert_eq!(users.find_range("n", json!(0)..).unwrap(), ["b", "a"]);
    assert_eq!(db.find("n", &json!(0)).unwrap(), ["a"]);
    assert_eq!(users.find_documents("n", &json!(1)).unwrap().len(), 1);
    assert_eq!(users.get_and_delete("a").wait().unwrap().unwrap(), json!({"n": 2}));
    assert_eq!(db.collections().unwrap()[0].indexes, 1);
    for name in ["".to_owned(), "x".repeat(256)] {
        assert_eq!(db.collection(name.clone()).unwrap_err().kind(), ErrorKind::InvalidName);
        let error = db.commit(Transaction::new().in_collection(name.clone()).set("a", 1)).wait().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidName);
        assert_eq!(db.drop_collection(name).wait().unwrap_err().kind(), ErrorKind::InvalidName);
    }
}

#[test]
fn a_transaction_spans_collections_and_is_all_or_nothing() {
    let db = FerrumDB::open_in_memory().wait().unwrap();
    let (users, orders) = (db.collection("users").unwrap(), db.collection("orders").unwrap());
    let transaction = Transaction::new().set("root", 0).in_collection("users").if_absent("a").set("a", 1);
    let transaction = transaction.in_collection("orders").set("a", 2).in_collection("users").set("b", 3);
    let sequence = db.commit(transaction.clone().in_root().set("last", 4)).wait().unwrap();
    assert_eq!((users.count().unwrap(), orders.count().unwrap(), db.count().unwrap()), (2, 1, 2));
    assert_eq!(users.get("b").unwrap().unwrap().version(), sequence);
    let error = db.commit(transaction.in_collection("never").set("a", 1)).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(names(&db), [("orders".to_owned(), 1), ("users".to_owned(), 2)]);
    let anew = Transaction::new().drop_collection("users").in_collection("users").set("c", 5);
    db.commit(anew).wait().unwrap();
    assert_eq!((users.get("a").unwrap(), users.get_as("c").unwrap()), (None, Some(5)));
}

#[test]
fn a_dropped_collection_stays_dropped_however_the_database_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let db = FerrumDB::open(path("my.db")).wait().unwrap();
    let users = db.collection("users").unwrap();
    users.create_index("n").wait().unwrap();
    let writes: Vec<_> = (0..3_000).map(|n| users.set(format!("user:{n}"), json!({"n": n}))).collect();
    assert!(writes.into_iter().all(|write| write.wait().is_ok()));
    let full = db.backup_to(path("full.db")).wait().unwrap();
    let mut before = users.keys().unwrap();
    assert!(db.drop_collection("users").wait().unwrap());
    assert!(!db.drop_collection("users").wait().unwrap());
    assert_eq!((users.count().unwrap(), users.indexes().unwrap().len()), (0, 0));
    users.set("user:1", json!({"n": "new"})).wait().unwrap();
    db.compact().wait().unwrap();
    assert_eq!(before.by_ref().count(), 3_000, "an iteration that was begun before goes on");
    drop(before);
    db.backup_since(full.sequence, path("later.inc")).wait().map(drop).unwrap_or_else(|error| {
        assert_eq!(error.kind(), ErrorKind::HistoryDropped);
    });
    let shows = |db: &FerrumDB| {
        let users = db.collection("users").unwrap();
        assert_eq!(names(db), [("users".to_owned(), 1)]);
        assert_eq!(users.find("n", &json!("new")).unwrap(), ["user:1"]);
        assert!(users.indexes().unwrap().is_empty());
        let report = db.verify().wait().unwrap();
        assert!(report.is_sound(), "{:?}", report.findings);
    };
    shows(&db);
    let full = db.backup_to(path("second.db")).wait().unwrap();
    users.set("user:2", 2).wait().unwrap();
    db.backup_since(full.sequence, path("second.inc")).wait().unwrap();
    users.delete("user:2").wait().unwrap();
    db.close().wait().unwrap();
    let db = FerrumDB::open(path("my.db")).wait().unwrap();
    shows(&db);
    let follower = FerrumDB::open(Config::new(path("my.db")).read_only()).wait().unwrap();
    shows(&follower);
    assert_eq!(follower.drop_collection("users").wait().unwrap_err().kind(), ErrorKind::ReadOnly);
    db.close().wait().unwrap();
    Restore::new(path("second.db")).increment(path("second.inc")).to(path("restored.db")).unwrap();
    let db = FerrumDB::open(path("restored.db")).wait().unwrap();
    assert_eq!(db.collection("users").unwrap().count().unwrap(), 2);
    db.close().wait().unwrap();
}

#[test]
fn a_handle_finds_its_collection_while_others_drop_and_create_it() {
    let db = FerrumDB::open_in_memory().wait().unwrap();
    let users = db.collection("users").unwrap();
    let (readers, rounds) = (2, 200);
    std::thread::scope(|scope| {
        for _ in 0..readers {
            let users = users.clone();
            scope.spawn(move || {
                let mut last = 0;
                while last < rounds {
                    // It never goes back to an earlier collection of the same name.
                    if let Some(round) = users.get_as::<u32>("round").unwrap() {
                        assert!(round >= last, "{round} after {last}");
                        last = round;
                    }
                }
            });
        }
        for round in 1..=rounds {
            let dropped = db.drop_collection("users");
            users.set("round", round).wait().unwrap();
            assert_eq!(dropped.wait().unwrap(), round > 1);
            assert_eq!(users.get_as("round").unwrap(), Some(round));
        }
    });
}

#[test]
fn documents_that_expire_go_with_their_collection() {
    let clock = ferrumdb::ManualClock::new(ferrumdb::Timestamp(1_000));
    let config = Config::in_memory().with_clock(std::sync::Arc::new(clock.clone()));
    // Then no mark of an idle database is a commit that this test has not made.
    let db = FerrumDB::open(config.with_fsync_policy(ferrumdb::FsyncPolicy::Never)).wait().unwrap();
    let sessions = db.collection("sessions").unwrap();
    for n in 0..50 {
        sessions.set_ex(format!("{n}"), n, Duration::from_millis(50)).wait().unwrap();
    }
    db.drop_collection("sessions").wait().unwrap();
    sessions.set_ex("only", 1, Duration::from_millis(70)).wait().unwrap();
    let sequence = db.stats().unwrap().sequence;
    clock.set(ferrumdb::Timestamp(1_060));
    assert_eq!((sessions.count().unwrap(), db.stats().unwrap().documents), (1, 1));
    db.set("k", 1).wait().unwrap();
    let now = db.stats().unwrap().sequence;
    assert_eq!(now.0, sequence.0 + 1, "nothing of a dropped collection is purged");
}
