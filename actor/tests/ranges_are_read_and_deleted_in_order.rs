//! Holds that ranges are told in order from the first call on, before the order of the keys is kept and after, beside
//! commits, in followers too; and that a range is deleted as a whole.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ferrumdb::{Config, ErrorKind, FerrumDB, Transaction};
use serde_json::json;

fn filled(db: &FerrumDB, documents: usize) {
    let add = |transaction: Transaction, n: usize| transaction.set(format!("k{n:05}"), json!({"n": n}));
    db.commit((0..documents).fold(Transaction::new(), add)).wait().unwrap();
}

/// Waits for what happens at some time.
fn soon(mut happens: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !happens() {
        assert!(begin.elapsed() < Duration::from_secs(60), "it does not happen");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn bounds_and_directions_mean_what_they_say() {
    let db = FerrumDB::open_in_memory().wait().unwrap();
    for key in ["", "a", "a1", "b", "é"] {
        db.set(key, key).wait().unwrap();
    }
    // Without an order at first, with one before long: the answers are the same.
    for _ in 0..50 {
        let keys = |scan: ferrumdb::Scan| scan.keys().map(String::from).collect::<Vec<_>>();
        assert_eq!(keys(db.prefix("").unwrap()), ["", "a", "a1", "b", "é"]);
        assert_eq!(keys(db.prefix("a").unwrap()), ["a", "a1"]);
        assert_eq!(keys(db.range("a".."b").unwrap()), ["a", "a1"]);
        assert_eq!(keys(db.range("a"..="b").unwrap().reverse()), ["b", "a1", "a"]);
        assert_eq!(keys(db.range("a1".to_owned()..).unwrap()), ["a1", "b", "é"]);
        assert_eq!(keys(db.range(.."a").unwrap()), [""]);
        assert_eq!(keys(db.range::<&str>(..).unwrap().limit(1)), [""]);
        assert_eq!(keys(db.range("b".."a").unwrap()), [""; 0]);
        assert_eq!(keys(db.prefix("").unwrap().after("a").limit(2)), ["a1", "b"]);
        assert_eq!(keys(db.prefix("").unwrap().reverse().after("az").limit(2)), ["a1", "a"]);
        assert_eq!((db.count_range("a".."b").unwrap(), db.count_prefix("é").unwrap()), (2, 1));
        let (first, last) = (db.first().unwrap().unwrap(), db.last().unwrap().unwrap());
        assert_eq!((first.0, first.1.as_str()), ("".into(), "\"\""));
        assert_eq!((last.0, last.1.as_str()), ("é".into(), "\"é\""));
    }
    assert_eq!(db.clear().wait().unwrap(), 5);
    assert!(db.first().unwrap().is_none() && db.last().unwrap().is_none());
}

#[test]
fn scans_are_right_while_the_order_is_built_and_keys_come_and_go() {
    let db = FerrumDB::open_in_memory().wait().unwrap();
    filled(&db, 20_000);
    let stop = Arc::new(AtomicBool::new(false));
    let writing = {
        let (db, stop) = (db.clone(), Arc::clone(&stop));
        std::thread::spawn(move || {
            let mut n = 0_usize;
            while !stop.load(Ordering::Relaxed) {
                n += 1;
                // One key goes, and one comes: there are always as many.
                let swap = Transaction::new()
                    .delete(format!("k{:05}", n % 20_000))
                    .set(format!("k{:05}", n % 20_000 + 20_000), n);
                let back = Transaction::new()
                    .set(format!("k{:05}", n % 20_000), n)
                    .delete(format!("k{:05}", n % 20_000 + 20_000));
                db.commit(swap).wait().unwrap();
                db.commit(back).wait().unwrap();
            }
        })
    };
    for round in 0..100 {
        assert_eq!(db.count_prefix("k").unwrap(), 20_000);
        if round % 10 == 0 {
            let keys: Vec<_> = db.prefix("k").unwrap().keys().collect();
            assert_eq!(keys.len(), 20_000);
            assert!(keys.is_sorted(), "in order");
            assert!(db.prefix("k0").unwrap().all(|found| found.is_ok()));
        }
    }
    stop.store(true, Ordering::Relaxed);
    writing.join().unwrap();
}

#[test]
fn a_range_is_deleted_by_its_owner_and_gone_in_a_follower_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my.db");
    let db = FerrumDB::open(&path).wait().unwrap();
    filled(&db, 3_000);
    let follower = FerrumDB::open(Config::new(&path).read_only()).wait().unwrap();
    soon(|| follower.count_prefix("k").unwrap() == 3_000);
    db.create_index("n").wait().unwrap();
    let kept = db.prefix("k001").unwrap();
    assert_eq!(db.delete_prefix("k001").wait().unwrap(), 100);
    assert_eq!(db.delete_range("k00000".."k00050").wait().unwrap(), 50);
    assert_eq!(db.delete_range("k00000".."k00050").wait().unwrap(), 0);
    assert_eq!(kept.count(), 100, "a scan that was begun before stands on its moment");
    assert_eq!(db.find("n", &json!(100)).unwrap(), [""; 0]);
    assert_eq!(db.metrics().deletes, 150);
    soon(|| follower.count_prefix("k").unwrap() == 2_850);
    assert_eq!(follower.first().unwrap().unwrap().0, "k00050");
    assert_eq!(follower.clear().wait().unwrap_err().kind(), ErrorKind::ReadOnly);
    let by_number: Vec<_> = follower.range_by("n", json!(60)..json!(63)).unwrap().reverse().keys().collect();
    assert_eq!(by_number.into_iter().map(Result::unwrap).collect::<Vec<_>>(), ["k00062", "k00061", "k00060"]);
    assert_eq!(db.clear().wait().unwrap(), 2_850);
    db.close().wait().unwrap();
    assert_eq!(db.prefix("").unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(db.clear().wait().unwrap_err().kind(), ErrorKind::Closed);
    let db = FerrumDB::open(&path).wait().unwrap();
    assert_eq!((db.count().unwrap(), db.first().unwrap().is_none()), (0, true));
    assert_eq!(db.range_by("n", json!(0)..).unwrap().count(), 0);
}
