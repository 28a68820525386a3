//! Owns the proof of when documents are gone, under a clock that the tests set. Never waits for real time.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use ferrumdb::{Config, ErrorKind, FerrumDB, Key, ManualClock, Timestamp, Transaction, Ttl};

const START: u64 = 1_000;

fn open() -> (FerrumDB, ManualClock) {
    let clock = ManualClock::new(Timestamp(START));
    let config = Config::in_memory().with_clock(Arc::new(clock.clone()));
    (FerrumDB::open(config).wait().unwrap(), clock)
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Whether the key is there, by every read there is; they must agree.
fn is_there(db: &FerrumDB, key: &str) -> bool {
    let there = db.get(key).unwrap().is_some();
    assert_eq!(db.contains(key).unwrap(), there);
    assert_eq!(db.get_raw(key).unwrap().is_some(), there);
    assert_eq!(db.get_many(&[key]).unwrap()[0].is_some(), there);
    assert_eq!(db.ttl(key).unwrap().is_some(), there);
    let keys: Vec<Key> = db.keys().unwrap().collect();
    assert_eq!(keys.iter().any(|listed| listed == key), there);
    assert_eq!(db.count().unwrap(), keys.len() as u64);
    there
}

#[test]
fn a_document_is_there_until_its_millisecond_and_gone_from_it_on() {
    let (db, clock) = open();
    db.set("stays", 0).wait().unwrap();
    db.set_ex("value", 1, ms(10)).wait().unwrap();
    db.set_raw_ex("raw", "[2]", ms(20)).wait().unwrap();
    assert_eq!(db.ttl("value").unwrap(), Some(Ttl::ExpiresIn(ms(10))));
    clock.set(Timestamp(START + 9));
    assert!(is_there(&db, "value"));
    assert_eq!(db.ttl("value").unwrap(), Some(Ttl::ExpiresIn(ms(1))));
    clock.set(Timestamp(START + 10));
    assert!(!is_there(&db, "value"));
    assert!(is_there(&db, "raw"));
    clock.set(Timestamp(START + 20));
    assert!(!is_there(&db, "raw"));
    assert!(is_there(&db, "stays"));
    assert_eq!(db.ttl("stays").unwrap(), Some(Ttl::Never));
}

#[test]
fn a_clock_that_is_set_back_brings_nothing_back_and_lengthens_nothing() {
    let (db, clock) = open();
    db.set_ex("first", 1, ms(10)).wait().unwrap();
    db.set_ex("second", 2, ms(100)).wait().unwrap();
    clock.set(Timestamp(START + 10));
    assert!(!is_there(&db, "first"));
    clock.set(Timestamp(5));
    assert!(!is_there(&db, "first"));
    assert_eq!(db.ttl("second").unwrap(), Some(Ttl::ExpiresIn(ms(90))), "time stands still");
    db.set_ex("third", 3, ms(10)).wait().unwrap();
    assert_eq!(db.ttl("third").unwrap(), Some(Ttl::ExpiresIn(ms(10))), "a new one counts from the same time");
    clock.set(Timestamp(START + 19));
    assert!(is_there(&db, "third"));
    clock.set(Timestamp(START + 20));
    assert!(!is_there(&db, "third"));
    clock.set(Timestamp(u64::MAX / 2));
    assert!(!is_there(&db, "second"));
}

#[test]
fn a_lifetime_of_zero_ends_what_was_there() {
    let (db, _clock) = open();
    db.set("key", "old").wait().unwrap();
    db.set_ex("key", "new", Duration::ZERO).wait().unwrap();
    assert!(!is_there(&db, "key"));
    db.set("other", 1).wait().unwrap();
    assert!(db.expire("other", Duration::ZERO).wait().unwrap());
    assert!(!is_there(&db, "other"));
    assert!(!db.expire("other", ms(10)).wait().unwrap(), "it comes back by no means");
}

#[test]
fn part_of_a_millisecond_counts_as_a_whole_one_and_too_long_as_for_ever() {
    let (db, clock) = open();
    db.set_ex("short", 1, Duration::from_nanos(1)).wait().unwrap();
    db.set_ex("long", 1, Duration::MAX).wait().unwrap();
    assert_eq!(db.ttl("short").unwrap(), Some(Ttl::ExpiresIn(ms(1))));
    clock.set(Timestamp(u64::MAX - 1));
    assert!(!is_there(&db, "short"));
    assert!(is_there(&db, "long"));
}

#[test]
fn expire_and_persist_change_the_end_and_keep_the_document() {
    let (db, clock) = open();
    assert!(!db.expire("nobody", ms(10)).wait().unwrap());
    assert!(!db.persist("nobody").wait().unwrap());
    db.set_raw("key", r#"{"price":1.50}"#).wait().unwrap();
    assert!(db.expire("key", ms(10)).wait().unwrap());
    assert_eq!(db.ttl("key").unwrap(), Some(Ttl::ExpiresIn(ms(10))));
    assert!(db.expire("key", ms(30)).wait().unwrap());
    clock.set(Timestamp(START + 10));
    assert!(is_there(&db, "key"));
    assert!(db.persist("key").wait().unwrap());
    assert_eq!(db.ttl("key").unwrap(), Some(Ttl::Never));
    clock.set(Timestamp(START + 1_000));
    assert_eq!(db.get("key").unwrap().unwrap().as_str(), r#"{"price":1.50}"#);
}

#[test]
fn a_key_that_has_expired_is_as_free_as_one_that_never_was() {
    let (db, clock) = open();
    for key in ["set", "insert", "replace", "delete", "swap"] {
        db.set_ex(key, "old", ms(10)).wait().unwrap();
    }
    clock.set(Timestamp(START + 10));
    db.set("set", "new").wait().unwrap();
    assert_eq!(db.ttl("set").unwrap(), Some(Ttl::Never));
    db.insert("insert", "new").wait().unwrap();
    let error = db.replace("replace", "new").wait().unwrap_err();
    assert_eq!((error.kind(), error.found()), (ErrorKind::Conflict, None));
    assert!(!db.delete("delete").wait().unwrap());
    assert!(!db.persist("replace").wait().unwrap());
    assert!(db.get_and_set("swap", "new").wait().unwrap().is_none());
    assert_eq!(db.count().unwrap(), 3);
}

#[test]
fn a_set_takes_the_end_away() {
    let (db, clock) = open();
    db.set_ex("key", 1, ms(10)).wait().unwrap();
    db.set("key", 2).wait().unwrap();
    clock.set(Timestamp(START + 10));
    assert!(is_there(&db, "key"));
}

#[test]
fn the_lifetimes_of_a_transaction_begin_with_its_commit() {
    let (db, clock) = open();
    db.set_ex("kept", 0, ms(1_500)).wait().unwrap();
    db.set("ended", 0).wait().unwrap();
    let transaction = Transaction::new()
        .set_ex("value", 1, ms(10))
        .set_raw_ex("raw", "[1]", ms(20))
        .expire("ended", ms(30))
        .persist("kept");
    clock.set(Timestamp(START + 1_000));
    db.commit(transaction.clone()).wait().unwrap();
    let left = |key: &str| db.ttl(key).unwrap();
    assert_eq!(left("value"), Some(Ttl::ExpiresIn(ms(10))));
    assert_eq!(left("raw"), Some(Ttl::ExpiresIn(ms(20))));
    assert_eq!(left("ended"), Some(Ttl::ExpiresIn(ms(30))));
    assert_eq!(left("kept"), Some(Ttl::Never));
    clock.set(Timestamp(START + 1_010));
    assert!(!is_there(&db, "value"));
    db.commit(transaction).wait().unwrap();
    assert_eq!(left("value"), Some(Ttl::ExpiresIn(ms(10))), "another commit, another beginning");
}
