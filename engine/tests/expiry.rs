//! Holds what is promised of documents that expire, under a clock that the tests set. Never waits for real time.

#![allow(clippy::unwrap_used)] // A test may panic.

use std::sync::Arc;

use ferrumdb_engine::fs::{FileSystem, MemoryFs};
use ferrumdb_engine::{
    CollectionId, Condition, Durability, EncodedDocument, Key, Limits, ManualClock, Options, Reader,
    Timestamp, Transaction, Writer, open,
};

const ROOT: CollectionId = CollectionId::ROOT;

struct Database {
    writer: Writer,
    reader: Reader,
    clock: ManualClock,
    disk: Arc<dyn FileSystem>,
}

impl Database {
    fn new() -> Self {
        Self::open(Arc::new(MemoryFs::new()), ManualClock::new(Timestamp(1_000)))
    }

    fn open(disk: Arc<dyn FileSystem>, clock: ManualClock) -> Self {
        let mut options = Options::new("/expiry.db");
        options.clock = Arc::new(clock.clone());
        let (writer, reader) = open(options, Arc::clone(&disk)).unwrap();
        Self { writer, reader, clock, disk }
    }

    /// Ends this process of the database, and opens it again when the clock shows `now`.
    fn reopen(self, now: u64) -> Self {
        let Self { writer, disk, clock, .. } = self;
        drop(writer);
        clock.set(Timestamp(now));
        Self::open(disk, clock)
    }

    fn commit(&mut self, build: impl FnOnce(&mut Transaction)) -> u64 {
        let mut transaction = Transaction::new();
        build(&mut transaction);
        let outcomes = self.writer.commit(&[transaction], Durability::Appended).unwrap();
        outcomes[0].as_ref().unwrap().effective
    }

    fn set(&mut self, key: &str, expires_at: Option<u64>) {
        self.commit(|transaction| {
            transaction.set(ROOT, Key::from(key), document(key), expires_at.map(Timestamp))
        });
    }

    fn keys(&self) -> Vec<String> {
        let mut keys: Vec<_> = self.reader.keys(ROOT).map(String::from).collect();
        keys.sort_unstable();
        assert_eq!(self.reader.count(ROOT), keys.len() as u64);
        for key in ["a", "b", "c"] {
            let listed = keys.iter().any(|listed| listed == key);
            assert_eq!(self.reader.contains(ROOT, key), listed, "{key}");
            assert_eq!(self.reader.get(ROOT, key).unwrap().is_some(), listed, "{key}");
            assert_eq!(self.reader.get_many(ROOT, &[key]).unwrap()[0].is_some(), listed, "{key}");
            assert_eq!(self.reader.expiry(ROOT, key).is_some(), listed, "{key}");
        }
        keys
    }
}

fn document(text: &str) -> EncodedDocument {
    EncodedDocument::from_serialize(text, &Limits::default()).unwrap()
}

#[test]
fn an_expired_document_is_gone_for_every_reader_at_its_millisecond() {
    let mut database = Database::new();
    database.set("a", Some(2_000));
    database.set("b", None);
    database.clock.set(Timestamp(1_999));
    assert_eq!(database.keys(), ["a", "b"]);
    assert_eq!(database.reader.expiry(ROOT, "a"), Some(Some(Timestamp(2_000))));
    assert_eq!(database.reader.expiry(ROOT, "b"), Some(None));
    database.clock.set(Timestamp(2_000));
    assert_eq!(database.keys(), ["b"]);
}

#[test]
fn what_has_expired_stays_gone_when_the_clock_goes_back() {
    let mut database = Database::new();
    database.set("a", Some(2_000));
    database.clock.set(Timestamp(3_000));
    assert_eq!(database.keys(), Vec::<String>::new());
    database.clock.set(Timestamp(500));
    assert_eq!(database.keys(), Vec::<String>::new(), "a time that was seen is not unseen");
    database.set("b", None);
    let database = database.reopen(500);
    assert_eq!(database.keys(), ["b"], "the newest commit's time outlives the process");
}

#[test]
fn a_purge_deletes_what_has_expired_and_nothing_else() {
    let mut database = Database::new();
    for (key, at) in [("a", Some(2_000)), ("b", Some(9_000)), ("c", None)] {
        database.set(key, at);
    }
    assert_eq!(database.writer.next_expiry(), Some(Timestamp(2_000)));
    assert_eq!(database.writer.purge_expired(10, Durability::Appended).unwrap(), 0);
    database.clock.set(Timestamp(5_000));
    assert_eq!(database.writer.purge_expired(10, Durability::Appended).unwrap(), 1);
    assert_eq!(database.writer.next_expiry(), Some(Timestamp(9_000)));
    assert_eq!(database.reader.stats().unwrap().documents, 2);
    let database = database.reopen(0);
    assert_eq!(database.keys(), ["b", "c"]);
}

#[test]
fn a_purge_is_bounded_and_goes_on_where_it_stopped() {
    let mut database = Database::new();
    for number in 0..100 {
        database.set(&format!("k{number}"), Some(2_000 + number));
    }
    database.clock.set(Timestamp(2_049));
    let purged: Vec<_> =
        (0..3).map(|_| database.writer.purge_expired(30, Durability::Appended).unwrap()).collect();
    assert_eq!(purged, [30, 20, 0]);
    assert_eq!(database.reader.count(ROOT), 50);
}

#[test]
fn a_document_set_anew_outlives_the_expiry_of_the_one_before() {
    let mut database = Database::new();
    database.set("a", Some(2_000));
    database.set("a", None);
    database.clock.set(Timestamp(3_000));
    assert_eq!(database.writer.purge_expired(10, Durability::Appended).unwrap(), 0);
    assert_eq!(database.keys(), ["a"]);

    database.set("b", Some(4_000));
    database.clock.set(Timestamp(5_000));
    database.set("b", None);
    assert_eq!(database.writer.purge_expired(10, Durability::Appended).unwrap(), 0);
    assert_eq!(database.keys(), ["a", "b"], "setting an expired key makes it live");
    let database = database.reopen(9_000);
    assert_eq!(database.keys(), ["a", "b"]);
}

#[test]
fn an_expiry_can_be_set_and_taken_away_without_the_document() {
    let mut database = Database::new();
    database.set("a", None);
    let expire = |database: &mut Database, key: &str, at: Option<u64>| {
        database.commit(|transaction| transaction.expire(ROOT, Key::from(key), at.map(Timestamp)))
    };
    assert_eq!(expire(&mut database, "a", Some(2_000)), 1);
    assert_eq!(expire(&mut database, "b", Some(2_000)), 0, "there is no such document");
    assert_eq!(database.reader.expiry(ROOT, "a"), Some(Some(Timestamp(2_000))));
    assert_eq!(expire(&mut database, "a", None), 1);
    let mut database = database.reopen(3_000);
    assert_eq!(database.keys(), ["a"]);
    assert_eq!(database.reader.get(ROOT, "a").unwrap().unwrap().as_str(), "\"a\"");
    assert_eq!(expire(&mut database, "a", Some(4_000)), 1);
    database.clock.set(Timestamp(4_000));
    assert_eq!(expire(&mut database, "a", None), 0, "what has expired cannot be kept any more");
    assert_eq!(database.keys(), Vec::<String>::new());
}

#[test]
fn one_transaction_may_set_expire_and_delete_one_key() {
    let mut database = Database::new();
    let effective = database.commit(|transaction| {
        transaction.set(ROOT, Key::from("a"), document("first"), None);
        transaction.expire(ROOT, Key::from("a"), Some(Timestamp(2_000)));
        transaction.set(ROOT, Key::from("b"), document("b"), Some(Timestamp(2_000)));
        transaction.expire(ROOT, Key::from("b"), None);
        transaction.set(ROOT, Key::from("c"), document("c"), Some(Timestamp(2_000)));
        transaction.delete(ROOT, Key::from("c"));
    });
    assert_eq!(effective, 6);
    assert_eq!(database.keys(), ["a", "b"]);
    assert_eq!(database.reader.get(ROOT, "a").unwrap().unwrap().as_str(), "\"first\"");
    database.clock.set(Timestamp(2_000));
    assert_eq!(database.keys(), ["b"]);
    assert_eq!(database.writer.purge_expired(10, Durability::Appended).unwrap(), 1);
    assert_eq!(database.writer.next_expiry(), None);
}

#[test]
fn the_writer_takes_what_has_expired_for_absent() {
    let mut database = Database::new();
    database.set("a", Some(2_000));
    database.clock.set(Timestamp(2_000));
    assert_eq!(database.commit(|transaction| transaction.delete(ROOT, Key::from("a"))), 0);
    database.set("a", Some(3_000));
    database.clock.set(Timestamp(3_000));
    let mut insert = Transaction::new();
    insert.require(ROOT, Key::from("a"), Condition::Absent);
    insert.set(ROOT, Key::from("a"), document("new"), None);
    let outcomes = database.writer.commit(&[insert], Durability::Appended).unwrap();
    assert_eq!(outcomes[0].as_ref().unwrap().replaced, None);
    assert_eq!(database.keys(), ["a"]);
}

#[test]
fn a_snapshot_stands_on_its_time() {
    let mut database = Database::new();
    database.set("a", Some(2_000));
    database.set("b", None);
    let snapshot = database.reader.snapshot();
    database.clock.set(Timestamp(3_000));
    assert_eq!(database.writer.purge_expired(10, Durability::Appended).unwrap(), 1);
    database.set("a", Some(9_000));
    assert!(snapshot.contains(ROOT, "a"));
    assert_eq!(snapshot.get(ROOT, "a").unwrap().unwrap().as_str(), "\"a\"");
    assert_eq!(snapshot.count(ROOT), 2);
    let late = database.reader.snapshot();
    database.clock.set(Timestamp(10_000));
    assert_eq!((late.count(ROOT), late.keys(ROOT).count()), (2, 2));
    assert_eq!(database.keys(), ["b"]);
    drop(snapshot);
}
