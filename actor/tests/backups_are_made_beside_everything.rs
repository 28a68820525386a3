//! Holds that a backup is the database as of one commit, whatever is written, compacted or closed meanwhile, and that an
//! export is, too.

#![allow(clippy::unwrap_used)] // A test may panic.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ferrumdb::{
    Config, ErrorKind, FerrumDB, FsyncPolicy, History, Key, Restore, Sequence, Timestamp, Transaction, Ttl,
    UpTo,
};
use serde_json::json;

fn config(path: &Path) -> Config {
    Config::new(path).with_fsync_policy(FsyncPolicy::Never).with_auto_compaction(None)
}

/// What each key holds, with the commit that wrote it.
type Contents = BTreeMap<Key, (String, u64)>;

fn contents(db: &FerrumDB) -> Contents {
    let read = |key: Key| {
        let document = db.get(&key).unwrap().unwrap();
        (key, (document.as_str().to_owned(), document.version().0))
    };
    db.keys().unwrap().map(read).collect()
}

/// A transaction that was acknowledged: its commit, and what it has set or deleted.
type Written = (u64, Vec<(String, Option<u64>)>);

fn state_at(history: &[Written], sequence: Sequence) -> Contents {
    let mut state = Contents::new();
    for (written, changes) in history.iter().filter(|(written, _)| *written <= sequence.0) {
        for (key, value) in changes {
            match value {
                Some(value) => state.insert(Key::from(&**key), (value.to_string(), *written)),
                None => state.remove(&Key::from(&**key)),
            };
        }
    }
    state
}

/// Writes pairs of keys until it is told to stop, and says what it has written.
fn write(db: &FerrumDB, writer: u64, stop: &AtomicBool) -> Vec<Written> {
    let mut written = Vec::new();
    for number in 0_u64.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let slot = (number * 7 + writer) % 50;
        let (own, shared) = (format!("{writer}:{slot}"), format!("shared:{slot}"));
        let (transaction, changes) = if number % 5 == 4 {
            (
                Transaction::new().delete(&*own).set(&*shared, number),
                vec![(own, None), (shared, Some(number))],
            )
        } else {
            let both = vec![(own.clone(), Some(number)), (shared.clone(), Some(number))];
            (Transaction::new().set(own, number).set(shared, number), both)
        };
        written.push((db.commit(transaction).wait().unwrap().0, changes));
        // The more there is, the longer it takes to hold it against what was backed up.
        std::thread::sleep(Duration::from_millis(1));
    }
    written
}

#[test]
fn backups_beside_eight_writers_and_compactions_are_the_database_at_their_commits() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: String| folder.path().join(name);
    let db = FerrumDB::open(config(&path("my.db".into()))).wait().unwrap();
    let stop = AtomicBool::new(false);
    let (history, fulls, increment) = std::thread::scope(|scope| {
        let (db, stop) = (&db, &stop);
        let writers: Vec<_> = (0..8).map(|writer| scope.spawn(move || write(db, writer, stop))).collect();
        let mut fulls = Vec::new();
        for number in 0..6 {
            std::thread::sleep(Duration::from_millis(30));
            let backup = db.backup_to(path(format!("{number}.db")));
            let compacted = db.compact();
            fulls.push(backup.wait().unwrap());
            compacted.wait().unwrap();
        }
        let last = db.backup_to(path("base.db".into())).wait().unwrap();
        fulls.push(last);
        std::thread::sleep(Duration::from_millis(50));
        let increment = db.backup_since(last.sequence, path("later.inc".into())).wait().unwrap();
        stop.store(true, Ordering::Relaxed);
        let mut history: Vec<_> = writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect();
        history.sort_by_key(|written| written.0);
        (history, fulls, increment)
    });
    db.close().wait().unwrap();
    let names = (0..6).map(|number| format!("{number}.db")).chain(["base.db".to_owned()]);
    for (name, report) in names.zip(&fulls) {
        let copy = path(format!("copy of {name}"));
        std::fs::copy(path(name), &copy).unwrap();
        let backup = FerrumDB::open(config(&copy)).wait().unwrap();
        assert_eq!(contents(&backup), state_at(&history, report.sequence), "at {}", report.sequence);
    }
    let base = fulls.last().unwrap().sequence;
    assert!(increment.sequence.0 > base.0 + 8 && increment.since == Some(base));
    for sequence in [base.0, base.0 + 1, (base.0 + increment.sequence.0) / 2, increment.sequence.0] {
        let to = path(format!("restored-{sequence}.db"));
        let restore = Restore::new(path("base.db".into())).increment(path("later.inc".into()));
        let report = restore.up_to(UpTo::Sequence(Sequence(sequence))).to(&to).unwrap();
        assert_eq!(report.sequence, Sequence(sequence));
        let restored = FerrumDB::open(config(&to)).wait().unwrap();
        assert_eq!(contents(&restored), state_at(&history, report.sequence), "at {sequence}");
    }
}

#[test]
fn expiries_indexes_and_history_are_in_a_backup() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let keeping = config(&path("my.db")).keep_history(History::For(Duration::from_secs(3_600)));
    let db = FerrumDB::open(keeping).wait().unwrap();
    db.create_index("role").wait().unwrap();
    db.set("user:1", json!({"role": "admin"})).wait().unwrap();
    db.set("user:1", json!({"role": "guest"})).wait().unwrap();
    db.set_ex("session", 1, Duration::from_secs(3_600)).wait().unwrap();
    let report = db.backup_to(path("full.db")).wait().unwrap();
    assert_eq!((report.sequence, report.records), (Sequence(4), 4), "the replaced version is kept");
    db.drop_index("role").wait().unwrap();
    db.create_index("name").wait().unwrap();
    db.persist("session").wait().unwrap();
    db.backup_since(report.sequence, path("later.inc")).wait().unwrap();
    db.close().wait().unwrap();
    Restore::new(path("full.db")).increment(path("later.inc")).to(path("later.db")).unwrap();
    Restore::new(path("full.db")).up_to(UpTo::Sequence(Sequence(2))).to(path("early.db")).unwrap();

    let backup = FerrumDB::open(config(&path("full.db"))).wait().unwrap();
    assert_eq!(backup.find("role", &json!("guest")).unwrap(), ["user:1"]);
    assert!(matches!(backup.ttl("session").unwrap(), Some(Ttl::ExpiresIn(_))));
    let fields =
        |db: &FerrumDB| db.indexes().unwrap().iter().map(|index| index.path.to_string()).collect::<Vec<_>>();
    assert_eq!(fields(&backup), ["role"]);
    let later = FerrumDB::open(config(&path("later.db"))).wait().unwrap();
    assert_eq!((fields(&later), later.ttl("session").unwrap()), (vec!["name".to_owned()], Some(Ttl::Never)));
    let early = FerrumDB::open(config(&path("early.db"))).wait().unwrap();
    assert_eq!(early.get("user:1").unwrap().unwrap(), json!({"role": "admin"}));
}

#[test]
fn backups_of_an_encrypted_database_are_encrypted_and_restored_with_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let sealed = |name: &str| config(&path(name)).with_encryption([7; 32]);
    let db = FerrumDB::open(sealed("my.db")).wait().unwrap();
    db.set("planted key", "planted value").wait().unwrap();
    let full = db.backup_to(path("full.db")).wait().unwrap();
    db.set("planted key 2", "planted value 2").wait().unwrap();
    db.backup_since(full.sequence, path("later.inc")).wait().unwrap();
    db.close().wait().unwrap();
    let restore = || Restore::new(path("full.db")).increment(path("later.inc"));
    assert_eq!(restore().to(path("x.db")).unwrap_err().kind(), ErrorKind::KeyNeeded);
    let wrong = restore().with_encryption([8; 32]).to(path("x.db"));
    assert_eq!(wrong.unwrap_err().kind(), ErrorKind::WrongKey);
    restore().with_encryption([7; 32]).to(path("restored.db")).unwrap();
    for name in ["full.db", "later.inc", "restored.db"] {
        let bytes = std::fs::read(path(name)).unwrap();
        assert!(!bytes.windows(7).any(|part| part == b"planted"), "{name}");
    }
    for (name, documents) in [("full.db", 1), ("restored.db", 2)] {
        assert!(FerrumDB::open(config(&path(name))).wait().is_err());
        let db = FerrumDB::open(sealed(name)).wait().unwrap();
        assert_eq!(db.count().unwrap(), documents);
        assert_eq!(db.get("planted key").unwrap().unwrap(), json!("planted value"));
        db.compact().wait().unwrap();
        assert_eq!(db.get("planted key").unwrap().unwrap(), json!("planted value"));
    }
    let mut bytes = std::fs::read(path("later.inc")).unwrap();
    bytes.swap(8_300, 8_301);
    std::fs::write(path("later.inc"), bytes).unwrap();
    let damaged = restore().with_encryption([7; 32]).to(path("x.db"));
    assert_eq!(damaged.unwrap_err().kind(), ErrorKind::Damaged);
}

#[test]
fn a_database_in_memory_is_backed_up_to_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let db = FerrumDB::open_in_memory().wait().unwrap();
    db.set("a", 1).wait().unwrap();
    let to = folder.path().join("full.db");
    db.backup_to(&to).wait().unwrap();
    let backup = FerrumDB::open(config(&to)).wait().unwrap();
    assert_eq!(backup.get("a").unwrap().unwrap(), json!(1));
}

#[test]
fn closing_ends_a_backup_and_nothing_is_left_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let slowly = config(&folder.path().join("my.db")).with_compaction_rate(1 << 10);
    let db = FerrumDB::open(slowly).wait().unwrap();
    for number in 0..100 {
        db.set(format!("{number}"), "x".repeat(50_000)).wait().unwrap();
    }
    let backup = db.backup_to(folder.path().join("full.db"));
    std::thread::sleep(Duration::from_millis(50));
    db.close().wait().unwrap();
    assert_eq!(backup.wait().unwrap_err().kind(), ErrorKind::Cancelled);
    let names = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names.into_iter().all(|name| !name.to_string_lossy().contains("full")));
}

#[test]
fn an_error_says_what_was_asked_for_and_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let db = FerrumDB::open(config(&path("my.db"))).wait().unwrap();
    db.set("a", 1).wait().unwrap();
    db.set("a", 2).wait().unwrap();
    let error = db.backup_to(path("my.db")).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert!(error.path().unwrap().ends_with("my.db"));
    assert_eq!(db.backup_to(path("no/folder")).wait().unwrap_err().kind(), ErrorKind::NoSuchFolder);
    let error = db.backup_since(Sequence(9), path("x.inc")).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSuchCommit);
    db.compact().wait().unwrap();
    let error = db.backup_since(Sequence(1), path("x.inc")).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::HistoryDropped);
    db.backup_to(path("full.db")).wait().unwrap();
    let error = Restore::new(path("full.db")).increment(path("my.db")).to(path("x.db")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked, "it is open");
    let early = Restore::new(path("full.db")).up_to(UpTo::Time(Timestamp(1)));
    assert_eq!(early.to(path("x.db")).unwrap_err().kind(), ErrorKind::HistoryDropped);
    db.close().wait().unwrap();
    let error = Restore::new(path("full.db")).increment(path("my.db")).to(path("x.db")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongIncrement);
    assert_eq!(db.backup_to(path("late.db")).wait().unwrap_err().kind(), ErrorKind::Closed);
    assert!(!path("x.db").exists());
}

#[test]
fn an_export_beside_writers_shows_one_commit() {
    let db = FerrumDB::open_in_memory().wait().unwrap();
    for number in 0..200 {
        let pair = Transaction::new().set(format!("a{number}"), 0).set(format!("b{number}"), 0);
        db.commit(pair).wait().unwrap();
    }
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (db, stop) = (&db, &stop);
        scope.spawn(move || {
            for value in 1_u64.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let number = value % 200;
                let pair =
                    Transaction::new().set(format!("a{number}"), value).set(format!("b{number}"), value);
                db.commit(pair).wait().unwrap();
            }
        });
        for _ in 0..20 {
            let export = db.export().unwrap();
            assert_eq!(export.documents(), 400);
            let lines: Vec<_> = export.skip(1).collect::<Result<_, _>>().unwrap();
            let mut values = BTreeMap::new();
            for line in &lines {
                let document: serde_json::Value = serde_json::from_str(line).unwrap();
                let key = document["key"].as_str().unwrap().to_owned();
                values.insert(key, document["value"].as_u64().unwrap());
            }
            assert_eq!(values.len(), 400);
            for number in 0..200 {
                assert_eq!(values[&format!("a{number}")], values[&format!("b{number}")]);
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
}
