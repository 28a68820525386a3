//! Holds what is promised of hint files: with one, without one or with a wrong one, opening finds the same database. Never looks inside a log.

#![allow(clippy::unwrap_used)] // A test may panic.

mod failing_calls;
mod histories;
mod looks;
mod power_cuts;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

use ferrumdb_engine::fs::{Effect, Fault, FileSystem, OpenMode, SimFs, SimOperation, write_all};
use ferrumdb_engine::{
    CollectionId, Durability, EncodedDocument, Error, Key, Limits, ManualClock, Options, Reader,
    RecoveryReport, Sequence, Timestamp, Transaction, Writer, open,
};
use serde_json::{Value, json};

use crate::histories::{Step, take_step};

const PATH: &str = "/hint.db";
const HINT: &str = "/hint.db.hint";
const ROOT: CollectionId = CollectionId::ROOT;
const OTHER: CollectionId = CollectionId(7);

struct Database {
    writer: Writer,
    reader: Reader,
    sim: SimFs,
    clock: ManualClock,
}

type Documents = BTreeMap<(CollectionId, String), (String, Sequence, Option<Timestamp>)>;

/// Everything that can be seen of a database.
#[derive(Debug, PartialEq)]
struct Seen {
    sequence: Sequence,
    documents: Documents,
    counts: [u64; 2],
    /// Documents with those that have expired and are not purged, and the log's live and dead bytes.
    sizes: [u64; 3],
    /// Each index, with the entries that it has.
    indexes: Vec<(CollectionId, String, u64)>,
    next_expiry: Option<Timestamp>,
    clean: bool,
}

impl Database {
    fn new(seed: u64) -> Self {
        Self::open(&SimFs::new(seed), Timestamp(1_000)).unwrap()
    }

    fn open(sim: &SimFs, now: Timestamp) -> Result<Self, Error> {
        let clock = ManualClock::new(now);
        let mut options = Options::new(PATH);
        options.clock = Arc::new(clock.clone());
        let (writer, reader) = open(options, Arc::new(sim.process()))?;
        Ok(Self { writer, reader, sim: sim.clone(), clock })
    }

    fn commit(&mut self, durability: Durability, build: impl FnOnce(&mut Transaction)) {
        let mut transaction = Transaction::new();
        build(&mut transaction);
        self.writer.commit(&[transaction], durability).unwrap()[0].as_ref().unwrap();
    }

    fn set(&mut self, key: &str, expires_at: Option<u64>) {
        self.commit(Durability::Synced, |transaction| {
            transaction.set(ROOT, Key::from(key), document(key), expires_at.map(Timestamp));
        });
    }

    fn delete(&mut self, key: &str) {
        self.commit(Durability::Synced, |transaction| transaction.delete(ROOT, Key::from(key)));
    }

    fn write_hint(&mut self) {
        self.writer.sync().unwrap();
        self.writer.begin_hint().unwrap().run().unwrap();
    }

    fn recovery(&self) -> RecoveryReport {
        self.reader.stats().unwrap().recovery
    }

    fn see(&self) -> Seen {
        let mut documents = BTreeMap::new();
        for collection in [ROOT, OTHER] {
            for key in self.reader.keys(collection) {
                let document = self.reader.get(collection, &key).unwrap().unwrap();
                let expiry = self.reader.expiry(collection, &key).unwrap();
                let seen = (document.as_str().to_owned(), document.version(), expiry);
                documents.insert((collection, String::from(key)), seen);
            }
        }
        let stats = self.reader.stats().unwrap();
        self.assert_indexes_answer_as_a_scan(&documents);
        let indexes = self.reader.snapshot().indexes().into_iter();
        Seen {
            sequence: self.reader.sequence(),
            documents,
            counts: [self.reader.count(ROOT), self.reader.count(OTHER)],
            sizes: [stats.documents, stats.live_bytes, stats.dead_bytes],
            indexes: indexes.map(|index| (index.collection, index.path.to_string(), index.entries)).collect(),
            next_expiry: self.writer.next_expiry(),
            clean: stats.recovery.clean,
        }
    }

    fn assert_indexes_answer_as_a_scan(&self, documents: &Documents) {
        let snapshot = self.reader.snapshot();
        let probes = || (0..FIELDS).map(field).flat_map(|value| values_at(&value, &[])).chain([json!(null)]);
        for index in snapshot.indexes() {
            let path = index.path.to_string();
            let path: Vec<_> = path.split('.').collect();
            let scan = |is_wanted: &dyn Fn(&Value) -> bool| -> BTreeSet<String> {
                let of_collection =
                    documents.iter().filter(|((collection, _), _)| *collection == index.collection);
                let found = of_collection.filter(|(_, (text, ..))| {
                    let document = serde_json::from_str(text).unwrap();
                    values_at(&document, &path).iter().any(is_wanted)
                });
                found.map(|((_, key), _)| key.clone()).collect()
            };
            let same = |found: Vec<Key>, scanned: BTreeSet<String>| {
                assert_eq!(found.len(), scanned.len());
                assert_eq!(found.into_iter().map(String::from).collect::<BTreeSet<_>>(), scanned);
            };
            for probe in probes() {
                let found = snapshot.find(index.collection, &index.path, &probe).unwrap();
                same(found, scan(&|value| *value == probe));
            }
            let all = (Bound::Unbounded, Bound::Unbounded);
            for reverse in [false, true] {
                let found = snapshot.find_range(index.collection, &index.path, all, reverse).unwrap();
                same(found, scan(&|_| true));
            }
        }
    }
}

/// How many values there are of the field that is indexed.
const FIELDS: usize = 12;

/// One of the values of the field that is indexed: plain ones, null, one that is long, two that are told apart only
/// beyond the cut, and arrays and objects, one of which has nothing below it.
fn field(number: usize) -> Value {
    match number % FIELDS {
        0 => json!(0),
        1 => json!(1),
        2 => json!("text"),
        3 => json!(null),
        4 => json!(true),
        5 => json!("l".repeat(600)),
        6 => json!(format!("{}6", "c".repeat(1030))),
        7 => json!(format!("{}7", "c".repeat(1030))),
        8 => json!([1, "text"]),
        9 => json!([{"x": 1}, {"x": "text"}, {}]),
        10 => json!({"x": 0}),
        _ => json!([]),
    }
}

/// The values of a document at a path of names.
fn values_at(value: &Value, path: &[&str]) -> Vec<Value> {
    match (path.split_first(), value) {
        (None, Value::Array(items)) => [std::slice::from_ref(value), items].concat(),
        (None, _) => vec![value.clone()],
        (Some((name, rest)), Value::Object(fields)) => {
            fields.get(*name).map_or(vec![json!(null)], |value| values_at(value, rest))
        }
        (Some(_), Value::Array(items)) => {
            items.iter().filter(|item| item.is_object()).flat_map(|item| values_at(item, path)).collect()
        }
        (Some(_), _) => vec![json!(null)],
    }
}

fn document(text: &str) -> EncodedDocument {
    EncodedDocument::from_serialize(text, &Limits::default()).unwrap()
}

/// Puts a file with these bytes under a name.
fn put(sim: &SimFs, path: &str, bytes: &[u8]) {
    let _ = sim.remove(Path::new(path));
    let file = sim.open(Path::new(path), OpenMode::CreateNew).unwrap();
    write_all(&*file, bytes, 0).unwrap();
}

/// Opens copies of a disk with and without the hint file, and sees that they are the same; returns what was seen and
/// what the opening with the hint reported.
fn compare(sim: &SimFs, now: Timestamp) -> (Seen, RecoveryReport) {
    let (with, without) = (sim.fork(1), sim.fork(1));
    let _ = without.remove(Path::new(HINT));
    let with = Database::open(&with, now).unwrap();
    let without = Database::open(&without, now).unwrap();
    assert_eq!(without.recovery().hint, None);
    let seen = with.see();
    assert_eq!(seen, without.see());
    (seen, with.recovery())
}

/// A closed database with some history, and its hint.
fn closed() -> (SimFs, Seen) {
    let mut database = Database::new(1);
    for (key, expires_at) in [("a", None), ("b", Some(9_000)), ("c", None), ("d", None), ("", None)] {
        database.set(key, expires_at);
    }
    database.delete("c");
    let Database { writer, sim, .. } = database;
    writer.close().unwrap();
    let (seen, report) = compare(&sim, Timestamp(1_000));
    assert_eq!((report.hint, report.commits), (Some(seen.sequence), 0));
    assert_eq!(seen.documents.len(), 4);
    (sim, seen)
}

/// Opens a copy of the disk whose hint file is not to be used, and sees the database as it is.
fn assert_not_used(sim: &SimFs, seen: &Seen, what: &str) {
    let database = Database::open(&sim.fork(1), Timestamp(1_000)).unwrap();
    assert_eq!(database.recovery().hint, None, "{what}");
    assert_eq!(database.see(), *seen, "{what}");
}

#[test]
fn a_hint_of_an_earlier_state_is_brought_up_to_date_from_the_log() {
    let (sim, _) = closed();
    let mut database = Database::open(&sim, Timestamp(1_000)).unwrap();
    let hinted = database.recovery().hint.unwrap();
    database.delete("a");
    database.set("b", None);
    database.set("d", Some(5_000));
    database.set("e", None);
    database.clock.set(Timestamp(6_000));
    assert_eq!(database.writer.purge_expired(10, Durability::Synced).unwrap(), 1);
    drop(database);
    let (seen, report) = compare(&sim, Timestamp(6_000));
    assert_eq!((report.hint, report.commits), (Some(hinted), 5));
    let keys: Vec<_> = seen.documents.keys().map(|(_, key)| key.as_str()).collect();
    assert_eq!(keys, ["", "b", "e"]);
}

#[test]
fn a_hint_can_be_deleted_at_any_time() {
    let (sim, seen) = closed();
    sim.remove(Path::new(HINT)).unwrap();
    assert_not_used(&sim, &seen, "deleted");
}

#[test]
fn a_hint_with_any_byte_changed_is_not_used() {
    let (sim, seen) = closed();
    let hint = sim.live_bytes(HINT).unwrap();
    for (position, byte) in hint.iter().enumerate() {
        for change in [0x01, 0x80, 0xFF] {
            sim.overwrite(HINT, position as u64, &[byte ^ change]);
            assert_not_used(&sim, &seen, &format!("byte {position} xor {change}"));
        }
        sim.overwrite(HINT, position as u64, &[*byte]);
    }
}

#[test]
fn a_hint_of_any_other_length_is_not_used() {
    let (sim, seen) = closed();
    let hint = sim.live_bytes(HINT).unwrap();
    for len in 0..hint.len() {
        put(&sim, HINT, &hint[..len]);
        assert_not_used(&sim, &seen, &format!("cut to {len}"));
        let zeros = [&hint[..len], &vec![0; hint.len() - len]].concat();
        // It may end with zeros.
        if zeros != hint {
            put(&sim, HINT, &zeros);
            assert_not_used(&sim, &seen, &format!("zeros from {len}"));
        }
    }
    put(&sim, HINT, &[&hint[..], &[0]].concat());
    assert_not_used(&sim, &seen, "one byte more");
    put(&sim, HINT, &[&hint[..], &hint[..]].concat());
    assert_not_used(&sim, &seen, "twice");
}

#[test]
fn a_hint_of_another_database_is_not_used() {
    let (sim, seen) = closed();
    let (other, _) = closed();
    put(&sim, HINT, &other.live_bytes(HINT).unwrap());
    assert_not_used(&sim, &seen, "another file's");
    put(&sim, HINT, &sim.live_bytes(PATH).unwrap());
    assert_not_used(&sim, &seen, "a database");
}

#[test]
fn a_hint_that_is_newer_than_the_log_is_not_used() {
    let (sim, seen) = closed();
    let earlier = sim.live_bytes(PATH).unwrap();
    let mut database = Database::open(&sim, Timestamp(1_000)).unwrap();
    database.set("later", None);
    database.write_hint();
    drop(database);
    let newer = sim.live_bytes(HINT).unwrap();
    put(&sim, PATH, &earlier);
    assert_not_used(&sim, &seen, "newer than the log");

    // The log goes on from the copy in another way, to the same length and sequence.
    let mut database = Database::open(&sim, Timestamp(1_000)).unwrap();
    database.set("LATER", None);
    drop(database);
    put(&sim, HINT, &newer);
    let (seen, report) = compare(&sim, Timestamp(1_000));
    assert_eq!(report.hint, None);
    assert!(seen.documents.contains_key(&(ROOT, "LATER".to_owned())));
}

#[test]
fn a_hint_waits_for_the_log_to_be_synced() {
    let mut database = Database::new(1);
    database.commit(Durability::Appended, |transaction| {
        transaction.set(ROOT, Key::from("a"), document("a"), None);
    });
    let task = database.writer.begin_hint().unwrap();
    assert!(!task.is_ready() && task.needs_synced() > database.writer.synced());
    let before = database.sim.total_calls();
    assert_eq!(task.run().unwrap_err().kind(), io::ErrorKind::InvalidInput);
    assert_eq!(database.sim.total_calls(), before);

    let task = database.writer.begin_hint().unwrap();
    let done = database.writer.begin_sync().unwrap().run();
    assert!(!task.is_ready(), "the writer does not know of the sync yet");
    database.writer.finish_sync(done).unwrap();
    assert!(task.is_ready() && task.needs_synced() == database.writer.synced());
    task.run().unwrap();
    drop((database.writer, database.reader));
    assert_eq!(compare(&database.sim, Timestamp(1_000)).1.hint, Some(Sequence(1)));
}

#[test]
fn no_hint_follows_a_sync_that_failed() {
    let mut database = Database::new(1);
    database.commit(Durability::Appended, |transaction| {
        transaction.set(ROOT, Key::from("a"), document("a"), None);
    });
    let task = database.writer.begin_hint().unwrap();
    database.sim.inject(Fault::new(SimOperation::Sync, Effect::OsError(5)));
    database.writer.sync().unwrap_err();
    assert!(!task.is_ready());
    task.run().unwrap_err();
    assert!(!database.writer.wants_hint() && database.writer.begin_hint().is_none());
    database.writer.close().unwrap_err();
    assert_eq!(database.sim.live_bytes(HINT), None);
}

#[test]
fn a_hint_shows_the_commit_after_which_it_was_begun() {
    let mut database = Database::new(1);
    for number in 0..100 {
        database.set(&format!("k{number}"), (number % 3 == 0).then_some(2_000));
    }
    let at_begin = database.sim.fork(1);
    let task = database.writer.begin_hint().unwrap();
    for number in 0..100 {
        let key = format!("k{number}");
        match number % 4 {
            0 => database.delete(&key),
            1 => database.set(&key, Some(3_000)),
            2 => database.set(&format!("new{number}"), None),
            _ => {}
        }
    }
    database.clock.set(Timestamp(2_500));
    database.writer.purge_expired(1_000, Durability::Synced).unwrap();
    task.run().unwrap();
    let (_, report) = compare(&database.sim, Timestamp(2_500));
    assert_eq!(report.hint, Some(Sequence(100)));
    put(&at_begin, HINT, &database.sim.live_bytes(HINT).unwrap());
    let (seen, report) = compare(&at_begin, Timestamp(1_000));
    assert_eq!((report.hint, report.commits, seen.documents.len()), (Some(Sequence(100)), 0, 100));
}

#[test]
fn hints_are_written_beside_commits() {
    let mut database = Database::new(1);
    for number in 0..2_000 {
        database.commit(Durability::Appended, |transaction| {
            transaction.set(ROOT, Key::from(format!("k{number}")), document("first"), Some(Timestamp(5_000)));
        });
    }
    take_step(&mut database, &mut None, &Step::Index(0), 0, 0);
    for round in 0..5 {
        database.writer.sync().unwrap();
        let task = database.writer.begin_hint().unwrap();
        let writing = std::thread::spawn(move || task.run().unwrap());
        for number in 0..500 {
            let number = (number * 7 + round * 311) % 2_000;
            database.commit(Durability::Appended, |transaction| match number % 3 {
                0 => transaction.delete(ROOT, Key::from(format!("k{number}"))),
                _ => {
                    let second =
                        EncodedDocument::from_serialize(&json!({"n": field(number)}), &Limits::default());
                    transaction.set(ROOT, Key::from(format!("k{number}")), second.unwrap(), None);
                }
            });
        }
        writing.join().unwrap();
        assert!(compare(&database.sim, Timestamp(1_000)).1.hint.is_some());
    }
}

#[test]
fn a_hint_is_wanted_when_the_log_has_grown_by_half() {
    let mut database = Database::new(1);
    let large = document(&"x".repeat(100_000));
    let grow = |database: &mut Database, bytes: u64| {
        for number in 0..bytes / 100_000 {
            database.commit(Durability::Synced, |transaction| {
                transaction.set(ROOT, Key::from(format!("{number}")), large.clone(), None);
            });
        }
    };
    assert!(!database.writer.wants_hint() && database.writer.begin_hint().is_none(), "there is no commit");
    grow(&mut database, 900_000);
    assert!(!database.writer.wants_hint(), "so short a log is read in no time");
    grow(&mut database, 3_200_000);
    assert!(database.writer.wants_hint());
    let task = database.writer.begin_hint().unwrap();
    assert!(!database.writer.wants_hint(), "one is on its way");
    task.run().unwrap();
    grow(&mut database, 1_900_000);
    assert!(!database.writer.wants_hint());
    grow(&mut database, 300_000);
    assert!(database.writer.wants_hint());
}

#[test]
fn closing_leaves_a_hint_alone_that_is_as_good_as_new() {
    let (sim, seen) = closed();
    let mut database = Database::open(&sim, Timestamp(1_000)).unwrap();
    for number in 0..100 {
        database.set(&format!("{number}"), None);
    }
    database.writer.close().unwrap();
    let hint = sim.live_bytes(HINT).unwrap();
    let database = Database::open(&sim, Timestamp(1_000)).unwrap();
    database.writer.close().unwrap();
    assert_eq!(sim.live_bytes(HINT).unwrap(), hint);
    let (after, report) = compare(&sim, Timestamp(1_000));
    assert_eq!((report.commits, after.documents.len()), (1, seen.documents.len() + 100));
    assert!(report.clean);
}

#[test]
fn a_hint_that_was_cancelled_leaves_nothing_behind() {
    let mut database = Database::new(1);
    database.set("a", None);
    let task = database.writer.begin_hint().unwrap();
    let cancel = task.canceller();
    cancel.cancel();
    assert!(cancel.is_cancelled());
    task.run().unwrap_err();
    assert_eq!(database.sim.names(), [Path::new(PATH)]);
    database.writer.begin_hint().unwrap().run().unwrap();
    assert_eq!(database.sim.names().len(), 2, "the next one is written");
}

#[test]
fn damage_beneath_a_hint_surfaces_where_it_is_read() {
    let (sim, _) = closed();
    let log = sim.live_bytes(PATH).unwrap();
    let position = log.windows(3).position(|window| window == b"\"d\"").unwrap();
    sim.overwrite(PATH, position as u64 + 1, b"D");
    let database = Database::open(&sim.fork(1), Timestamp(1_000)).unwrap();
    assert!(database.recovery().hint.is_some());
    assert!(matches!(database.reader.get(ROOT, "d"), Err(Error::Damaged { .. })));
    assert_eq!(database.reader.get(ROOT, "a").unwrap().unwrap().as_str(), "\"a\"");
    sim.remove(Path::new(HINT)).unwrap();
    assert!(matches!(Database::open(&sim, Timestamp(1_000)), Err(Error::Damaged { .. })));
}
