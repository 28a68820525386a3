//! Holds that snapshots, the past, watchers and errors know collections by their names, before and after these are
//! dropped, of owners and of followers. Never looks at a file.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use ferrumdb::fs::MemoryFs;
use ferrumdb::{
    Change, ChangeKind, Changes, Config, Error, ErrorKind, FerrumDB, FsyncPolicy, History, Sequence,
    Snapshot, Transaction, WatchOptions,
};
use serde_json::json;

/// On a machine with other work to do, everything takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is asserted of a change: collection, key, kind, what was there before, what is there now.
type Told = (Option<String>, String, ChangeKind, Option<u64>, Option<u64>);

fn told(change: &Change) -> Told {
    let document = |document: &Option<ferrumdb::Document>| document.as_ref().map(|one| one.to().unwrap());
    let collection = change.collection.as_ref().map(ToString::to_string);
    let (before, after) = (document(&change.before), document(&change.after));
    (collection, change.key.to_string(), change.kind, before, after)
}

fn all(changes: &mut Changes) -> Vec<Told> {
    std::iter::from_fn(|| changes.try_next().unwrap()).map(|change| told(&change)).collect()
}

fn everything() -> WatchOptions {
    WatchOptions::everything().with_before().with_after()
}

fn is_set(collection: Option<&str>, key: &str, before: Option<u64>, after: u64) -> Told {
    (collection.map(str::to_owned), key.to_owned(), ChangeKind::Set, before, Some(after))
}

fn is_dropped(collection: &str) -> Told {
    (Some(collection.to_owned()), String::new(), ChangeKind::Dropped, None, None)
}

fn await_that(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Documents in two collections, one of which is dropped and made again, and a document in the root. Answers with the
/// commits behind which there was the first one, and none.
fn write(db: &FerrumDB) -> (Sequence, Sequence) {
    let users = db.collection("users").unwrap();
    db.set("a", 1).wait().unwrap();
    users.set("a", 2).wait().unwrap();
    let then = users.set("b", 3).wait().unwrap();
    db.collection("orders").unwrap().set("a", 4).wait().unwrap();
    users.set("b", 5).wait().unwrap();
    assert!(db.drop_collection("users").wait().unwrap());
    let without = db.set("a", 6).wait().unwrap();
    users.set("b", 7).wait().unwrap();
    (then, without)
}

/// What [`write`] is told as.
fn written() -> Vec<Told> {
    vec![
        is_set(None, "a", None, 1),
        is_set(Some("users"), "a", None, 2),
        is_set(Some("users"), "b", None, 3),
        is_set(Some("orders"), "a", None, 4),
        is_set(Some("users"), "b", Some(3), 5),
        is_dropped("users"),
        is_set(None, "a", Some(1), 6),
        is_set(Some("users"), "b", None, 7),
    ]
}

/// That a snapshot answers for a collection, by every kind of read.
fn check(snapshot: &Snapshot, documents: &[(&str, u64)]) {
    let pairs: Vec<_> = documents.iter().map(|(key, n)| ((*key).to_owned(), *n)).collect();
    let read = |(key, document): (ferrumdb::Key, ferrumdb::Document)| {
        (key.to_string(), document.value()["n"].as_u64().unwrap())
    };
    let scanned: Vec<_> = snapshot.range::<&str>(..).unwrap().map(|pair| read(pair.unwrap())).collect();
    assert_eq!(scanned, pairs);
    let by_value: Vec<_> =
        snapshot.range_by("n", json!(0)..).unwrap().map(|pair| read(pair.unwrap())).collect();
    assert_eq!(by_value.len(), pairs.len());
    let mut keys: Vec<_> = snapshot.keys().unwrap().map(|key| key.to_string()).collect();
    keys.sort_unstable();
    assert!(keys.iter().eq(pairs.iter().map(|(key, _)| key)));
    assert_eq!(snapshot.count().unwrap(), pairs.len() as u64);
    assert_eq!(snapshot.count_prefix("").unwrap(), pairs.len() as u64);
    assert_eq!(snapshot.first().unwrap().map(read), pairs.first().cloned());
    assert_eq!(snapshot.last().unwrap().map(read), pairs.last().cloned());
    for (key, n) in documents {
        assert_eq!(snapshot.get(key).unwrap().unwrap(), json!({"n": n}));
        assert!(snapshot.contains(key).unwrap() && snapshot.ttl(key).unwrap().is_some());
        assert_eq!(snapshot.find("n", &json!(n)).unwrap(), [*key]);
        assert_eq!(snapshot.find_range("n", json!(n)..=json!(n)).unwrap(), [*key]);
    }
    assert_eq!(snapshot.get_many(&["nowhere"]).unwrap(), [None]);
}

fn names(snapshot: &Snapshot) -> Vec<(String, u64, u64)> {
    let told = snapshot.collections().unwrap().into_iter();
    told.map(|info| (info.name.to_string(), info.documents, info.indexes)).collect()
}

#[test]
fn a_snapshot_reads_the_collections_that_were_there_then() {
    let config = Config::in_memory().with_fsync_policy(FsyncPolicy::Never);
    let db = FerrumDB::open(config.keep_history(History::For(Duration::from_secs(3600)))).wait().unwrap();
    let users = db.collection("users").unwrap();
    users.create_index("n").wait().unwrap();
    db.set("a", json!({"n": 0})).wait().unwrap();
    users.set("a", json!({"n": 1})).wait().unwrap();
    let then = users.set("b", json!({"n": 2})).wait().unwrap();
    let before = db.snapshot().unwrap();
    db.drop_collection("users").wait().unwrap();
    let without = db.snapshot().unwrap();
    users.set("b", json!({"n": 9})).wait().unwrap();
    db.compact().wait().unwrap();

    for before in [before, db.at(then).unwrap()] {
        let users = before.collection("users");
        assert_eq!((before.name(), users.name(), users.root().name()), (None, Some("users"), None));
        assert_eq!((users.sequence(), users.time()), (before.sequence(), before.time()));
        check(&users, &[("a", 1), ("b", 2)]);
        check(&users.root(), &[("a", 0)]);
        check(&before.collection("never"), &[]);
        assert_eq!(names(&before), [("users".to_owned(), 2, 1)]);
        assert_eq!((users.indexes().unwrap().len(), before.indexes().unwrap().len()), (1, 0));
    }
    for without in [without, db.at(Sequence(then.0 + 1)).unwrap()] {
        check(&without.collection("users"), &[]);
        assert_eq!(names(&without), []);
    }
    let now = db.snapshot().unwrap();
    check(&now.collection("users"), &[("b", 9)]);
    assert_eq!(names(&now), [("users".to_owned(), 1, 0)]);
}

#[test]
fn watchers_are_told_names_and_drops_once_through_compactions_and_reopenings() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let config = Config::new(folder.path().join("my.db")).with_fsync_policy(FsyncPolicy::Never);
        FerrumDB::open(config.keep_history(History::For(Duration::from_secs(3600)))).wait().unwrap()
    };
    let db = open();
    let mut live = db.watch(everything()).unwrap();
    let mut slow = db.watch(everything()).unwrap();
    let (then, without) = write(&db);
    assert_eq!(all(&mut live), written());
    db.compact().wait().unwrap();
    assert_eq!(all(&mut slow), written(), "through the file that was replaced");
    db.collection("late").unwrap().set("a", 8).wait().unwrap();
    let late = is_set(Some("late"), "a", None, 8);
    assert_eq!((all(&mut slow), all(&mut live)), (vec![late.clone()], vec![late.clone()]));
    db.close().wait().unwrap();

    let mut later = written();
    later.push(late);
    for is_compacted in [false, true] {
        let db = open();
        if is_compacted {
            db.compact().wait().unwrap();
        }
        let behind = |since| all(&mut db.changes(since, everything()).unwrap());
        assert_eq!(behind(Sequence::ZERO), later);
        assert_eq!(behind(then), later[3..], "the name is found in the record of the drop, behind it");
        assert_eq!(behind(without), later[7..]);
        db.close().wait().unwrap();
    }
}

#[test]
fn a_watcher_of_one_collection_is_told_of_each_that_has_its_name() {
    let db = FerrumDB::open_in_memory().wait().unwrap();
    let of = |options: WatchOptions| db.watch(options).unwrap();
    let mut users = of(everything().collection("users"));
    let mut prefixed = of(everything().collection("users").prefix("b"));
    let mut any_prefixed = of(everything().prefix("b"));
    let mut root = of(everything().root());
    let mut nobody = of(everything().collection("nobody"));
    let (then, _) = write(&db);
    let expected = |is_told: &dyn Fn(&Told) -> bool| -> Vec<Told> {
        written().into_iter().filter(|told| is_told(told)).collect()
    };
    let of_users = expected(&|told| told.0.as_deref() == Some("users"));
    assert_eq!(all(&mut users), of_users);
    let b = expected(&|told| told.2 == ChangeKind::Dropped || told.1 == "b");
    assert_eq!((all(&mut prefixed), all(&mut any_prefixed)), (b.clone(), b));
    assert_eq!(all(&mut root), expected(&|told| told.0.is_none()));
    assert_eq!(all(&mut nobody), []);
    let mut resumed = db.changes(then, everything().collection("users")).unwrap();
    assert_eq!(all(&mut resumed), of_users[2..]);

    // In one commit, and with what follows it.
    let anew = Transaction::new().in_collection("users").set("c", 1).drop_collection("users").set("d", 2);
    let sequence = db.commit(anew).wait().unwrap();
    let mut ends = Vec::new();
    while let Some(change) = users.try_next().unwrap() {
        assert_eq!(change.sequence, sequence);
        ends.push((change.key.to_string(), change.kind, change.ends_commit));
    }
    let (set, dropped) = (ChangeKind::Set, ChangeKind::Dropped);
    let expected = [("c", set, false), ("", dropped, false), ("d", set, true)];
    assert_eq!(ends, expected.map(|(key, kind, ends)| (key.to_owned(), kind, ends)));
    assert_eq!(users.sequence(), sequence);
    assert_eq!(
        db.collection("users").unwrap().history("").unwrap().count(),
        0,
        "a drop is no version of a key"
    );
}

#[test]
fn a_name_that_stands_far_ahead_in_the_log_is_found() {
    let db = FerrumDB::open_in_memory().wait().unwrap();
    let users = db.collection("users").unwrap();
    let since = users.set("a", 1).wait().unwrap();
    users.set("a", 2).wait().unwrap();
    for number in 0..40 {
        db.set(format!("{number}"), "x".repeat(64 << 10)).wait().unwrap();
    }
    db.drop_collection("users").wait().unwrap();
    let mut changes = db.changes(since, WatchOptions::everything()).unwrap();
    let first = changes.try_next().unwrap().unwrap();
    assert_eq!((first.collection.unwrap().as_str(), first.key.as_str()), ("users", "a"));
    assert_eq!(
        changes.by_ref().take(40).filter(|change| change.as_ref().unwrap().collection.is_none()).count(),
        40
    );
    assert_eq!(changes.try_next().unwrap().unwrap().kind, ChangeKind::Dropped);
}

#[test]
fn a_follower_tells_and_shows_collections_by_the_same_names() {
    let file_system = Arc::new(MemoryFs::new());
    let config = || Config::new("/my.db").with_file_system(Arc::clone(&file_system) as Arc<_>);
    let owner = FerrumDB::open(config().with_fsync_policy(FsyncPolicy::Never)).wait().unwrap();
    let users = owner.collection("users").unwrap();
    let first = users.set("0", 0).wait().unwrap();
    let follower = FerrumDB::open(config().read_only()).wait().unwrap();
    await_that("the follower shows the first commit", || follower.stats().unwrap().sequence == first);
    let mut changes = follower.changes(Sequence::ZERO, everything()).unwrap();
    let mut only = follower.watch(everything().collection("users")).unwrap();
    let before = follower.snapshot().unwrap();
    let (_, without) = write(&owner);
    owner.compact().wait().unwrap();
    let last = owner.set("last", 1).wait().unwrap();
    await_that("the follower comes to the end", || follower.stats().unwrap().sequence == last);
    let told = all(&mut changes);
    assert_eq!(told[1..told.len() - 1], written());
    assert_eq!(all(&mut only).iter().filter(|told| told.2 == ChangeKind::Dropped).count(), 1);
    assert_eq!(before.collection("users").get_as("0").unwrap(), Some(0));
    let now = follower.snapshot().unwrap();
    assert_eq!(now.collection("users").get_as("b").unwrap(), Some(7));
    assert!(now.sequence() > without);
}

#[test]
fn errors_name_the_collection_that_is_not_the_root() {
    let db = FerrumDB::open_in_memory().wait().unwrap();
    let users = db.collection("users").unwrap();
    let version = users.set("a", json!({"n": "x"})).wait().unwrap();
    db.set("a", "root").wait().unwrap();
    let told = |error: &Error| {
        let name = |name: Option<&ferrumdb::Key>| name.map(ToString::to_string);
        (error.kind(), name(error.key()), name(error.collection()))
    };
    let of_users = |kind| (kind, Some("a".to_owned()), Some("users".to_owned()));
    let error = users.insert("a", 1).wait().unwrap_err();
    assert_eq!((told(&error), error.found()), (of_users(ErrorKind::Conflict), Some(version)));
    assert!(
        error.to_string().starts_with(r#"key "a" of collection "users": there was to be no document"#),
        "{error}"
    );
    let error = db.insert("a", 1).wait().unwrap_err();
    assert_eq!(error.collection(), None);
    assert!(error.to_string().starts_with(r#"key "a": there was"#), "{error}");

    let unmet = Transaction::new().if_exists("a").in_collection("orders").set("a", 1);
    let error = db.commit(unmet.in_collection("users").if_absent("a")).wait().unwrap_err();
    assert_eq!(told(&error), of_users(ErrorKind::Conflict));
    let broken = Transaction::new().set("b", 1).in_collection("users").set_raw("a", "{");
    assert_eq!(told(&db.commit(broken).wait().unwrap_err()), of_users(ErrorKind::InvalidJson));
    assert_eq!(told(&users.set_raw("a", "{").wait().unwrap_err()), of_users(ErrorKind::InvalidJson));
    assert_eq!(told(&users.get_as::<u64>("a").unwrap_err()), of_users(ErrorKind::TypeMismatch));
    let snapshot = db.snapshot().unwrap().collection("users");
    assert_eq!(told(&snapshot.get_as::<u64>("a").unwrap_err()), of_users(ErrorKind::TypeMismatch));
    let read = db.transact(|tx| tx.in_collection("users")?.get_as::<u64>("a")).wait().unwrap_err();
    assert_eq!(told(&read), of_users(ErrorKind::TypeMismatch));

    let error = users.drop_index("n").wait().unwrap_err();
    assert_eq!(
        (error.kind(), error.key(), error.collection().unwrap().as_str()),
        (ErrorKind::NoSuchIndex, None, "users")
    );
    assert!(error.to_string().starts_with(r#"collection "users": there is no index"#), "{error}");
    users.create_index("n").wait().unwrap();
    let error = users.create_index("n").wait().unwrap_err();
    assert_eq!((error.kind(), error.collection().unwrap().as_str()), (ErrorKind::IndexExists, "users"));

    // A range that has changed while the transaction was made, each time that it was tried.
    let number = std::cell::Cell::new(0);
    let moved = db.transact(|tx| -> Result<(), Error> {
        tx.in_collection("users")?;
        let _ = tx.range::<&str>(..).documents()?;
        number.set(number.get() + 1);
        users.set(format!("{}", number.get()), number.get()).wait()?;
        tx.set("b", 1)
    });
    let error = moved.attempts(2).wait().unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Conflict, Some(2)));
    assert_eq!(error.collection().unwrap(), "users");
    assert!(error.to_string().starts_with(r#"key "2" of collection "users": commit"#), "{error}");
}
