//! Holds what is promised of the indexes in a hint file: opening takes them from there, right, or not at all. Never looks inside a log.

#![allow(clippy::unwrap_used)] // A test may panic.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use ferrumdb_engine::fs::{FileSystem, SimFs, SimOperation};
use ferrumdb_engine::{
    CollectionId, Durability, EncodedDocument, Error, FieldPath, Key, Limits, Options, Reader, Sequence,
    Transaction, Writer, open,
};
use serde_json::{Value, json};

const PATH: &str = "/indexes.db";
const HINT: &str = "/indexes.db.hint";
const ROOT: CollectionId = CollectionId::ROOT;
const LOG_START: u64 = 8192;

struct Database {
    writer: Writer,
    reader: Reader,
    sim: SimFs,
}

impl Database {
    fn open(sim: &SimFs) -> Result<Self, Error> {
        let (writer, reader) = open(Options::new(PATH), Arc::new(sim.process()))?;
        Ok(Self { writer, reader, sim: sim.clone() })
    }

    fn set(&mut self, key: &str, document: &Value) {
        let document = EncodedDocument::from_serialize(document, &Limits::default()).unwrap();
        self.commit(|transaction| transaction.set(ROOT, Key::from(key), document, None));
    }

    fn delete(&mut self, key: &str) {
        self.commit(|transaction| transaction.delete(ROOT, Key::from(key)));
    }

    fn commit(&mut self, build: impl FnOnce(&mut Transaction)) {
        let mut transaction = Transaction::new();
        build(&mut transaction);
        self.writer.commit(&[transaction], Durability::Synced).unwrap()[0].as_ref().unwrap();
    }

    fn create_index(&mut self, path: &str) {
        let mut build = self.writer.begin_index(ROOT, FieldPath::parse(path).unwrap()).unwrap();
        build.run().unwrap();
        let round = self.writer.index_round(&build);
        self.writer.install_index(build, round, Durability::Synced).unwrap();
    }

    fn drop_index(&mut self, path: &str) {
        self.writer.drop_index(ROOT, &FieldPath::parse(path).unwrap(), Durability::Synced).unwrap();
    }

    fn write_hint(&mut self) {
        self.writer.begin_hint().unwrap().run().unwrap();
    }

    fn hint(&self) -> Option<Sequence> {
        self.reader.stats().unwrap().recovery.hint
    }

    /// The keys that are found at a path, as one text.
    fn found(&self, path: &str, value: &Value) -> String {
        let found = self.reader.snapshot().find(ROOT, &FieldPath::parse(path).unwrap(), value).unwrap();
        let keys: BTreeSet<_> = found.into_iter().map(String::from).collect();
        keys.into_iter().collect::<Vec<_>>().join(" ")
    }

    /// Every answer of every index, and its sizes.
    fn answers(&self) -> Vec<String> {
        let mut answers = Vec::new();
        for index in self.reader.snapshot().indexes() {
            let path = index.path.to_string();
            answers.push(format!("{path}: {} entries, {} bytes", index.entries, index.bytes));
            answers.extend(values().map(|value| self.found(&path, &value)));
        }
        answers
    }
}

/// Plain values, null, an array, a long one, and two that differ only beyond the cut.
fn values() -> impl Iterator<Item = Value> {
    let long = |len, end| json!(format!("{}{end}", "v".repeat(len)));
    [
        json!(1),
        json!("x"),
        json!(null),
        json!([1, "x"]),
        json!([]),
        long(500, 0),
        long(1030, 1),
        long(1030, 2),
    ]
    .into_iter()
}

/// A killed database with two indexes, a hint of all of it, and the part of the log where its documents lie.
fn hinted() -> (SimFs, Vec<String>, Range<u64>) {
    let sim = SimFs::new(1);
    let mut database = Database::open(&sim).unwrap();
    for (number, value) in values().enumerate() {
        let short = if number < 5 { value.clone() } else { json!(number) };
        database.set(&format!("{number}"), &json!({"a": value.clone(), "b": {"c": short}}));
        database.set(&format!("a long key, with memory of its own: {number}"), &json!({"a": value}));
    }
    database.delete("0");
    let end = database.reader.stats().unwrap().log_bytes + LOG_START;
    database.create_index("a");
    database.create_index("b.c");
    database.create_index("a.x");
    database.write_hint();
    let answers = database.answers();
    assert!(answers.len() == 27 && answers[7] == "6 a long key, with memory of its own: 6");
    (sim, answers, LOG_START..end)
}

/// Opens a copy of the disk, and returns what it finds, and how many reads began among the documents.
fn reopened(sim: &SimFs, documents: &Range<u64>) -> (Database, usize) {
    let fork = sim.fork(1);
    fork.record();
    let database = Database::open(&fork).unwrap();
    let is_among = |position| documents.contains(&position);
    let reads = fork.trace().into_iter().filter(|call| call.operation == SimOperation::Read);
    let reads = reads.filter(|call| call.path == Path::new(PATH) && is_among(call.position)).count();
    (database, reads)
}

#[test]
fn indexes_come_from_the_hint_without_a_look_at_a_document() {
    let (sim, answers, documents) = hinted();
    let (database, reads) = reopened(&sim, &documents);
    assert!(database.hint().is_some());
    assert_eq!(reads, 0);
    assert_eq!(database.answers(), answers);

    sim.remove(Path::new(HINT)).unwrap();
    let (database, reads) = reopened(&sim, &documents);
    assert!(reads > 0 && database.hint().is_none());
    assert_eq!(database.answers(), answers);
}

#[test]
fn a_hint_with_any_byte_changed_gives_no_index() {
    let (sim, answers, _) = hinted();
    for (position, byte) in sim.live_bytes(HINT).unwrap().into_iter().enumerate() {
        sim.overwrite(HINT, position as u64, &[byte ^ (1 << (position % 8))]);
        let database = Database::open(&sim.fork(1)).unwrap();
        assert_eq!(database.hint(), None, "byte {position}");
        assert_eq!(database.answers(), answers, "byte {position}");
        sim.overwrite(HINT, position as u64, &[byte]);
    }
}

#[test]
fn indexes_follow_the_commits_behind_the_hint_and_read_only_what_those_replace() {
    let (sim, _, documents) = hinted();
    let mut database = Database::open(&sim).unwrap();
    database.set("1", &json!({"a": "y"}));
    database.set("1", &json!({"a": ["y", "x"], "b": 1}));
    database.set("new", &json!({"b": {"c": [[1, "x"]]}}));
    database.delete("7");
    database.delete("new");
    database.set("new", &json!({"a": 1}));
    let answers = database.answers();
    drop((database.writer, database.reader));
    let (database, reads) = reopened(&sim, &documents);
    assert!(database.hint().is_some());
    assert_eq!(reads, 2, "the old documents of 1 and 7");
    assert_eq!(database.answers(), answers);
    assert_eq!(database.found("a", &json!("y")), "1");
    assert_eq!(database.found("b.c", &json!([1, "x"])), "3");
}

#[test]
fn an_index_that_was_created_behind_the_hint_is_filled_beside_those_in_it() {
    let (sim, ..) = hinted();
    let mut database = Database::open(&sim).unwrap();
    database.create_index("b");
    database.set("later", &json!({"a": 1, "b": 1}));
    let answers = database.answers();
    drop((database.writer, database.reader));
    let database = Database::open(&sim).unwrap();
    assert!(database.hint().is_some());
    assert_eq!(database.answers(), answers);
    assert_eq!(database.found("b", &json!(1)), "later");
}

#[test]
fn an_index_that_was_dropped_behind_the_hint_stays_dropped() {
    let (sim, _, documents) = hinted();
    let mut database = Database::open(&sim).unwrap();
    database.drop_index("b.c");
    database.drop_index("a");
    database.set("1", &json!({"a": "between"}));
    database.create_index("a");
    let answers = database.answers();
    drop((database.writer, database.reader));
    let (mut database, _) = reopened(&sim, &documents);
    assert!(database.hint().is_some());
    assert_eq!(database.answers(), answers);
    let paths = |database: &Database| -> Vec<String> {
        database.reader.snapshot().indexes().iter().map(|index| index.path.to_string()).collect()
    };
    assert_eq!(paths(&database), ["a.x", "a"]);
    assert_eq!(database.found("a", &json!("between")), "1");

    database.drop_index("a");
    database.drop_index("a.x");
    database.write_hint();
    let (database, reads) = reopened(&database.sim, &documents);
    assert!(paths(&database).is_empty() && database.hint().is_some() && reads == 0);
}

#[test]
fn an_index_with_more_changes_behind_the_hint_than_are_worth_it_is_filled_anew() {
    let sim = SimFs::new(1);
    let mut database = Database::open(&sim).unwrap();
    let fill = |database: &mut Database, keys: Range<u64>, value: u64| {
        database.commit(|transaction| {
            for key in keys {
                let document =
                    EncodedDocument::from_serialize(&json!({"n": value}), &Limits::default()).unwrap();
                transaction.set(ROOT, Key::from(format!("{key}")), document, None);
            }
        });
    };
    fill(&mut database, 0..5_000, 0);
    database.create_index("n");
    database.write_hint();
    let path = FieldPath::parse("n").unwrap();
    let mut most = 0;
    for round in 1..4 {
        fill(&mut database, 0..round * 600, round);
        let (opened, reads) = reopened(&sim, &(LOG_START..u64::MAX));
        assert!(opened.hint().is_some());
        most = most.max(reads);
        let found = |value: u64| opened.reader.snapshot().find(ROOT, &path, &json!(value)).unwrap().len();
        assert_eq!(found(0), 5_000 - round as usize * 600);
        assert_eq!(found(round), round as usize * 600);
    }
    assert!((600..1_100).contains(&most), "{most} reads");
}

#[test]
fn damage_beneath_a_hint_leaves_its_indexes_right() {
    let (sim, _, documents) = hinted();
    let log = sim.live_bytes(PATH).unwrap();
    for position in documents.clone().filter(|position| log[*position as usize..].starts_with(b"{\"a\"")) {
        sim.overwrite(PATH, position, b"?");
    }
    let (mut database, _) = reopened(&sim, &documents);
    assert!(database.hint().is_some());
    assert_eq!(
        database.found("a", &json!(1)),
        "3 a long key, with memory of its own: 0 a long key, with memory of its own: 3"
    );
    assert!(matches!(database.reader.get(ROOT, "3"), Err(Error::Damaged { .. })));

    // What replaces a document that cannot be read takes it out of the indexes by its key, now and at the next opening.
    database.set("3", &json!({"a": 2}));
    let after = |database: &Database| {
        assert_eq!(database.found("a", &json!(2)), "3");
        assert_eq!(database.found("b.c", &json!(1)), "");
        assert!(!database.found("a", &json!(1)).starts_with('3'));
    };
    after(&database);
    let Database { writer, reader, sim } = database;
    drop((writer, reader));
    let database = Database::open(&sim).unwrap();
    assert!(database.hint().is_some());
    after(&database);
}
