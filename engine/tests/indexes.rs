//! Holds what is promised of secondary indexes: that they answer as a look at every document would, always. Never looks inside one.

#![allow(clippy::unwrap_used)] // A test may panic.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ferrumdb_engine::fs::{FileSystem, MemoryFs};
use ferrumdb_engine::{
    CollectionId, Durability, EncodedDocument, Error, FieldPath, Key, Limits, ManualClock, Options, Reader,
    Timestamp, Transaction, Writer, open,
};
use proptest::prelude::*;
use serde_json::{Value, json};

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
        let mut options = Options::new("/indexes.db");
        options.clock = Arc::new(clock.clone());
        let (writer, reader) = open(options, Arc::clone(&disk)).unwrap();
        Self { writer, reader, clock, disk }
    }

    fn reopen(self, clean: bool) -> Self {
        let Self { writer, disk, clock, .. } = self;
        if clean {
            writer.close().unwrap();
        } else {
            drop(writer);
        }
        Self::open(disk, clock)
    }

    fn commit(&mut self, transactions: &[Transaction]) {
        for outcome in self.writer.commit(transactions, Durability::Appended).unwrap() {
            outcome.unwrap();
        }
    }

    fn set(&mut self, key: &str, value: &Value) {
        let transaction = set(key, value, None);
        self.commit(&[transaction]);
    }

    fn create(&mut self, path: &str) {
        let mut build = self.writer.begin_index(ROOT, FieldPath::parse(path).unwrap()).unwrap();
        build.run().unwrap();
        let round = self.writer.index_round(&build);
        self.writer.install_index(build, round, Durability::Appended).unwrap();
    }

    fn drop_index(&mut self, path: &str) {
        self.writer.drop_index(ROOT, &FieldPath::parse(path).unwrap(), Durability::Appended).unwrap();
    }

    fn find(&self, path: &str, value: &Value) -> Vec<String> {
        let path = FieldPath::parse(path).unwrap();
        sorted(self.reader.snapshot().find(ROOT, &path, value).unwrap())
    }

    fn is_indexed(&self, path: &str) -> bool {
        let path = FieldPath::parse(path).unwrap();
        self.reader.snapshot().indexes().iter().any(|index| index.path == path)
    }
}

fn set(key: &str, value: &Value, expires_at: Option<u64>) -> Transaction {
    let mut transaction = Transaction::new();
    let document = EncodedDocument::from_serialize(value, &Limits::default()).unwrap();
    transaction.set(ROOT, Key::from(key), document, expires_at.map(Timestamp));
    transaction
}

fn delete(key: &str) -> Transaction {
    let mut transaction = Transaction::new();
    transaction.delete(ROOT, Key::from(key));
    transaction
}

fn sorted(keys: Vec<Key>) -> Vec<String> {
    let mut keys: Vec<_> = keys.into_iter().map(String::from).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn an_index_holds_what_was_there_and_follows_every_change() {
    let mut database = Database::new();
    database.set("a", &json!({"role": "admin", "address": {"city": "Zurich"}}));
    database.set("b", &json!({"role": "user", "address": {"city": "Bern"}}));
    for path in ["role", "address.city"] {
        database.create(path);
    }
    assert_eq!(database.find("role", &json!("admin")), ["a"]);
    assert_eq!(database.find("address.city", &json!("Bern")), ["b"]);
    database.set("b", &json!({"role": "admin", "address": null}));
    database.set("c", &json!({"role": ["admin", "user"]}));
    assert_eq!(database.find("role", &json!("admin")), ["a", "b", "c"]);
    assert_eq!(database.find("role", &json!("user")), ["c"]);
    assert_eq!(database.find("role", &json!(["admin", "user"])), ["c"]);
    assert_eq!(database.find("address.city", &json!("Bern")), Vec::<String>::new());
    assert_eq!(database.find("address.city", &json!(null)), ["b", "c"]);
    database.commit(&[delete("a"), delete("c")]);
    assert_eq!(database.find("role", &json!("admin")), ["b"]);
    let indexes = database.reader.snapshot().indexes();
    assert_eq!(indexes.iter().map(|index| index.entries).collect::<Vec<_>>(), [1, 1]);
    assert_eq!((indexes[0].uses, indexes[1].uses), (5, 3));
}

#[test]
fn definitions_and_contents_survive_reopening_and_a_dropped_index_stays_dropped() {
    let mut database = Database::new();
    for number in 0..100 {
        database.set(&format!("k{number:02}"), &json!({"n": number % 10, "m": number % 7}));
    }
    database.create("n");
    database.create("m");
    for clean in [false, true] {
        database = database.reopen(clean);
        assert_eq!(database.find("n", &json!(3)).len(), 10);
        assert_eq!(database.reader.snapshot().indexes().len(), 2);
    }
    database.drop_index("m");
    assert_eq!(database.find("m", &json!(3)).len(), 14, "without an index every document is looked at");
    database.set("k00", &json!({"n": 3}));
    let database = database.reopen(false);
    assert!(database.is_indexed("n") && !database.is_indexed("m"));
    assert_eq!(database.find("n", &json!(3.0)).len(), 11);
}

#[test]
fn there_is_one_index_on_a_field_and_only_that_can_be_dropped() {
    let mut database = Database::new();
    database.create("a");
    let path = |text| FieldPath::parse(text).unwrap();
    assert!(matches!(database.writer.begin_index(ROOT, path("a")), Err(Error::IndexExists { .. })));
    let building = database.writer.begin_index(ROOT, path("b")).unwrap();
    assert!(matches!(database.writer.begin_index(ROOT, path("b")), Err(Error::IndexExists { .. })));
    drop(building);
    database.create("b");
    let refused = database.writer.drop_index(ROOT, &path("c"), Durability::Appended);
    assert!(matches!(refused, Err(Error::NoSuchIndex { .. })));
}

#[test]
fn what_changes_during_a_build_is_in_the_index() {
    let mut database = Database::new();
    for number in 0..1_000 {
        database.set(&format!("k{number}"), &json!({"n": number % 5}));
    }
    let mut build = database.writer.begin_index(ROOT, FieldPath::parse("n").unwrap()).unwrap();
    for number in 0..600 {
        database.set(&format!("k{number}"), &json!({"n": 7}));
    }
    build.run().unwrap();
    database.commit(&(600..700).map(|number| delete(&format!("k{number}"))).collect::<Vec<_>>());
    let round = database.writer.index_round(&build);
    assert!(!round.is_last());
    build.advance(round).unwrap();
    database.set("new", &json!({"n": 7}));
    database.set("k1", &json!({"n": 8}));
    assert!(!database.is_indexed("n"));
    let round = database.writer.index_round(&build);
    assert!(round.is_last());
    database.writer.install_index(build, round, Durability::Appended).unwrap();
    assert!(database.is_indexed("n"));
    assert_eq!(database.find("n", &json!(7)).len(), 600);
    assert_eq!(database.find("n", &json!(8)), ["k1"]);
    assert_eq!((0..5).map(|n| database.find("n", &json!(n)).len()).sum::<usize>(), 300);
}

#[test]
fn a_cancelled_build_changes_nothing() {
    let mut database = Database::new();
    database.set("a", &json!({"n": 1}));
    let mut build = database.writer.begin_index(ROOT, FieldPath::parse("n").unwrap()).unwrap();
    build.canceller().cancel();
    assert!(matches!(build.run(), Err(Error::Cancelled)));
    drop(build);
    database.set("b", &json!({"n": 1}));
    assert_eq!(database.reader.stats().unwrap().pins, 0);
    assert!(!database.is_indexed("n"));
    database.create("n");
    assert_eq!(database.find("n", &json!(1)), ["a", "b"]);
}

#[test]
fn an_index_and_its_documents_are_published_together() {
    let mut database = Database::new();
    database.create("n");
    database.set("a", &json!({"n": 0}));
    let reader = database.reader.clone();
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let checker = std::thread::spawn(move || {
        let path = FieldPath::parse("n").unwrap();
        let mut checks = 0_u64;
        while !stopped.load(Ordering::Relaxed) {
            let snapshot = reader.snapshot();
            let document = snapshot.get(ROOT, "a").unwrap().unwrap();
            let n = document.value()["n"].clone();
            assert_eq!(snapshot.find(ROOT, &path, &n).unwrap(), ["a"]);
            let (key, found) = snapshot.find_documents(ROOT, &path, &n).unwrap().remove(0);
            assert_eq!((&*key, found.version()), ("a", document.version()));
            checks += 1;
        }
        checks
    });
    for number in 0..20_000 {
        database.set("a", &json!({"n": number}));
    }
    stop.store(true, Ordering::Relaxed);
    assert!(checker.join().unwrap() > 0);
}

#[test]
fn a_range_is_of_one_class_and_in_order() {
    let mut database = Database::new();
    database.create("v");
    let values =
        [json!(1), json!(2.5), json!(10), json!("a"), json!("b"), json!(null), json!([3, 99]), json!(true)];
    for (number, value) in values.iter().enumerate() {
        database.set(&number.to_string(), &json!({"v": value}));
    }
    let path = FieldPath::parse("v").unwrap();
    let range = |start: Bound<&Value>, end: Bound<&Value>, reverse| {
        let keys = database.reader.snapshot().find_range(ROOT, &path, (start, end), reverse).unwrap();
        keys.into_iter().map(String::from).collect::<Vec<_>>()
    };
    let (one, ten, a) = (json!(1), json!(10), json!("a"));
    assert_eq!(range(Bound::Included(&one), Bound::Excluded(&ten), false), ["0", "1", "6"]);
    assert_eq!(range(Bound::Excluded(&one), Bound::Unbounded, true), ["6", "2", "1"]);
    assert_eq!(range(Bound::Excluded(&a), Bound::Unbounded, false), ["4"]);
    assert_eq!(range(Bound::Included(&one), Bound::Included(&a), false), Vec::<String>::new());
}

#[test]
fn what_has_expired_is_in_no_answer_before_it_is_purged() {
    let mut database = Database::new();
    database.create("n");
    database.commit(&[set("a", &json!({"n": 1}), Some(2_000)), set("b", &json!({"n": 1}), None)]);
    let snapshot = database.reader.snapshot();
    database.clock.set(Timestamp(2_000));
    assert_eq!(database.find("n", &json!(1)), ["b"]);
    assert_eq!(sorted(snapshot.find(ROOT, &FieldPath::parse("n").unwrap(), &json!(1)).unwrap()), ["a", "b"]);
    drop(snapshot);
    assert_eq!(database.writer.purge_expired(10, Durability::Appended).unwrap(), 1);
    assert_eq!(database.reader.snapshot().indexes()[0].entries, 1);
    let database = database.reopen(false);
    assert_eq!(database.find("n", &json!(1)), ["b"]);
}

#[test]
fn a_document_too_long_for_an_index_entry_is_still_found_exactly() {
    let mut database = Database::new();
    database.create("text");
    let long = "x".repeat(5_000);
    database.set("a", &json!({"text": format!("{long}a")}));
    database.set("b", &json!({"text": format!("{long}b")}));
    assert_eq!(database.find("text", &json!(format!("{long}a"))), ["a"]);
    assert_eq!(database.find("text", &json!(long)), Vec::<String>::new());
}

#[derive(Clone, Debug)]
enum Step {
    Commit(Vec<(u8, Option<Value>, Option<u64>)>, bool),
    Toggle(u8),
    Advance(u64),
    Purge,
    Reopen(bool),
}

fn any_value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        (0..4_i64).prop_map(Value::from),
        prop::sample::select(vec![1.0, 2.5]).prop_map(Value::from),
        prop::sample::select(vec!["a", "b", ""]).prop_map(Value::from),
    ];
    let field = scalar.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            inner.prop_map(|value| json!({"b": value})),
        ]
    });
    prop_oneof![4 => field.clone().prop_map(|value| json!({"a": value})), 1 => field]
}

fn any_step() -> impl Strategy<Value = Step> {
    let change =
        (0..12_u8, prop::option::weighted(0.8, any_value()), prop::option::weighted(0.3, 1_000..2_000_u64));
    prop_oneof![
        8 => (prop::collection::vec(change, 1..6), any::<bool>()).prop_map(|(changes, one)| Step::Commit(changes, one)),
        2 => (0..3_u8).prop_map(Step::Toggle),
        2 => (1_000..2_000_u64).prop_map(Step::Advance),
        1 => Just(Step::Purge),
        1 => any::<bool>().prop_map(Step::Reopen),
    ]
}

const PATHS: [&str; 3] = ["a", "a.b", "a.0"];

fn transactions(changes: &[(u8, Option<Value>, Option<u64>)], one: bool) -> Vec<Transaction> {
    let mut all = Transaction::new();
    let mut each = Vec::new();
    for (key, value, expires_at) in changes {
        let key = format!("k{key}");
        match value {
            Some(value) => {
                let document = EncodedDocument::from_serialize(value, &Limits::default()).unwrap();
                all.set(ROOT, Key::from(key.as_str()), document, expires_at.map(Timestamp));
                each.push(set(&key, value, *expires_at));
            }
            None => {
                all.delete(ROOT, Key::from(key.as_str()));
                each.push(delete(&key));
            }
        }
    }
    if one { vec![all] } else { each }
}

fn check(database: &Database) {
    let snapshot = database.reader.snapshot();
    let documents: BTreeMap<_, _> = database
        .reader
        .keys(ROOT)
        .map(|key| (String::from(key.clone()), snapshot.get(ROOT, &key).unwrap().unwrap().value().clone()))
        .collect();
    // A second database with the same documents and no index answers by looking at every document.
    let mut plain = Database::new();
    documents.iter().for_each(|(key, value)| plain.set(key, value));
    for path in PATHS {
        for value in [json!(null), json!(1), json!("a"), json!([]), json!([1]), json!({"b": 1}), json!(true)]
        {
            assert_eq!(database.find(path, &value), plain.find(path, &value), "{path} {value}");
        }
    }
    // And so does a look at the plain cases by hand.
    let ones = documents.iter().filter(|(_, value)| value.get("a").is_some_and(|a| a.as_f64() == Some(1.0)));
    let ones: Vec<_> = ones.map(|(key, _)| key.clone()).collect();
    let found = database.find("a", &json!(1));
    assert!(ones.iter().all(|key| found.contains(key)), "{ones:?} {found:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_history_leaves_indexes_that_equal_a_full_scan(
        steps in prop::collection::vec(any_step(), 1..25),
        prepared in any::<Option<bool>>(),
    ) {
        let mut database = Database::new();
        for step in steps {
            match step {
                Step::Commit(changes, one) => {
                    let mut group = transactions(&changes, one);
                    if let Some(may_read) = prepared {
                        let reader = &database.reader;
                        group.iter_mut().for_each(|transaction| reader.prepare(transaction, may_read));
                    }
                    database.commit(&group);
                }
                Step::Toggle(path) => {
                    let path = PATHS[path as usize];
                    if database.is_indexed(path) { database.drop_index(path) } else { database.create(path) }
                }
                Step::Advance(now) => database.clock.set(Timestamp(now)),
                Step::Purge => drop(database.writer.purge_expired(3, Durability::Appended).unwrap()),
                Step::Reopen(clean) => database = database.reopen(clean),
            }
        }
        check(&database);
    }
}
