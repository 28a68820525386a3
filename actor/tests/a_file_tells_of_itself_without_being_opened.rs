//! What a look at a file tells is what opening it tells, whatever the hint beside it covers. Never opens the file for it.
#![allow(clippy::unwrap_used, reason = "a test may fail this way")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use ferrumdb::{Config, ErrorKind, FerrumDB, FileKey, FsyncPolicy, Transaction, inspect};
use tempfile::tempdir;

fn open(path: &Path) -> FerrumDB {
    FerrumDB::open(Config::new(path).with_fsync_policy(FsyncPolicy::Never)).wait().unwrap()
}

/// Compares what a look tells with what a follower has counted.
fn compare(path: &Path, hinted: Option<bool>) {
    let info = inspect(path).wait().unwrap();
    let db = FerrumDB::open(Config::new(path).read_only()).wait().unwrap();
    let stats = db.stats().unwrap();
    let contents = info.contents.unwrap();
    assert_eq!(contents.documents, stats.documents);
    assert_eq!((contents.log_bytes, contents.live_bytes), (stats.log_bytes, stats.live_bytes));
    assert_eq!((contents.sequence, info.file_bytes), (stats.sequence, stats.file_bytes));
    assert_eq!(contents.closed, stats.recovery.clean);
    let names: Vec<_> = db.collections().unwrap().into_iter().map(|info| info.name).collect();
    assert_eq!(contents.collections, names);
    let mut fields: Vec<_> = db.indexes().unwrap().into_iter().map(|index| (None, index.path)).collect();
    for name in names {
        let indexes = db.collection(name.clone()).unwrap().indexes().unwrap();
        fields.extend(indexes.into_iter().map(|index| (Some(name.clone()), index.path)));
    }
    let mut told = contents.indexes;
    let text = |(name, path): &(Option<ferrumdb::Key>, ferrumdb::FieldPath)| format!("{name:?} {path}");
    told.sort_by_key(text);
    fields.sort_by_key(text);
    assert_eq!(told, fields);
    if let Some(hinted) = hinted {
        assert_eq!(info.hint.is_some(), hinted);
    }
    db.close().wait().unwrap();
}

/// Changes of all kinds, many of them of keys that were changed before, also in one transaction.
fn change(db: &FerrumDB, state: &mut u64, changes: usize) {
    let mut chance = |of: u64| {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*state >> 33) % of
    };
    let other = db.collection("other").unwrap();
    for _ in 0..changes {
        let key = format!("key:{}", chance(40));
        let value = "v".repeat(chance(60) as usize);
        match chance(10) {
            0..4 => _ = db.set(key, value).wait().unwrap(),
            4..6 => _ = db.delete(key).wait().unwrap(),
            6 => _ = other.set(key, value).wait().unwrap(),
            7 => {
                let twice = Transaction::new().set(key.clone(), value).delete(key.clone()).set(key, 1);
                db.commit(twice.delete("key:1").set("key:2", 2)).wait().unwrap();
            }
            8 => _ = db.set_ex(key, value, Duration::from_millis(chance(3))).wait().unwrap(),
            _ => _ = other.expire(key, Duration::from_millis(1)).wait().unwrap(),
        }
    }
}

#[test]
fn a_look_tells_what_opening_tells() {
    let folder = tempdir().unwrap();
    let (path, hint) = (folder.path().join("my.db"), folder.path().join("my.db.hint"));
    let mut state = 7;
    open(&path).close().wait().unwrap();
    compare(&path, None);
    for round in 0..12 {
        let older = fs::read(&hint).ok();
        let db = open(&path);
        change(&db, &mut state, 60);
        if round == 3 {
            db.create_index("name").wait().unwrap();
            db.collection("other").unwrap().create_index("a.b").wait().unwrap();
        }
        if round == 5 {
            db.drop_index("name").wait().unwrap();
            db.collection("third").unwrap().set("only", 1).wait().unwrap();
        }
        if round == 8 {
            db.compact().wait().unwrap();
        }
        db.close().wait().unwrap();
        compare(&path, Some(true));
        let newest = fs::read(&hint).unwrap();
        if let Some(older) = older.filter(|_| round != 8) {
            fs::write(&hint, older).unwrap();
            compare(&path, Some(true));
        }
        fs::remove_file(&hint).unwrap();
        if round < 8 {
            compare(&path, Some(false));
        } else {
            let info = inspect(&path).wait().unwrap();
            assert!(info.contents.is_none() && info.generation == 2, "a base section does not tell");
        }
        fs::write(&hint, newest).unwrap();
    }
}

#[test]
fn a_file_that_is_open_tells_who_has_it_and_stays_so() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("my.db");
    let db = open(&path);
    db.set("one", 1).wait().unwrap();
    let info = inspect(&path).wait().unwrap();
    let contents = info.contents.unwrap();
    assert_eq!((contents.documents, contents.closed), (1, false));
    #[cfg(target_os = "linux")]
    assert_eq!(info.owner, Some(std::process::id()));
    db.set("two", 2).wait().unwrap();
    db.drop_collection("none").wait().unwrap();
    db.close().wait().unwrap();
    let before = fs::read(&path).unwrap();
    let info = inspect(&path).wait().unwrap();
    assert_eq!((info.owner, info.contents.unwrap().documents), (None, 2));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_drop_behind_the_hint_is_not_guessed_at() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("my.db");
    let db = open(&path);
    db.collection("gone").unwrap().set("one", 1).wait().unwrap();
    db.close().wait().unwrap();
    let hint = fs::read(folder.path().join("my.db.hint")).unwrap();
    let db = open(&path);
    db.drop_collection("gone").wait().unwrap();
    db.close().wait().unwrap();
    fs::write(folder.path().join("my.db.hint"), hint).unwrap();
    assert_eq!(inspect(&path).wait().unwrap().contents, None);
}

#[test]
fn an_encrypted_file_shows_its_header_without_the_key() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("my.db");
    let keyed = || Config::new(&path).with_encryption([7; 32]);
    let db = FerrumDB::open(keyed()).wait().unwrap();
    db.collection("secret").unwrap().set("one", 1).wait().unwrap();
    db.close().wait().unwrap();
    let info = inspect(&path).wait().unwrap();
    assert_eq!((info.encryption, info.contents), (Some(FileKey::Bytes), None));
    let contents = inspect(keyed()).wait().unwrap().contents.unwrap();
    assert_eq!((contents.documents, contents.collections.len()), (1, 1));
    let error = inspect(Config::new(&path).with_encryption([8; 32])).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongKey);
    assert_eq!(inspect(folder.path()).wait().unwrap_err().kind(), ErrorKind::IsADirectory);
    assert_eq!(inspect(folder.path().join("no.db")).wait().unwrap_err().kind(), ErrorKind::Io);
}

#[test]
fn a_look_reads_the_first_keys_at_most_and_no_documents() {
    let folder = tempdir().unwrap();
    let (path, hint) = (folder.path().join("my.db"), folder.path().join("my.db.hint"));
    let db = open(&path);
    db.create_index("n").wait().unwrap();
    for part in 0..60 {
        let sets = (0..1_000).fold(Transaction::new(), |transaction, number| {
            transaction.set(format!("key:{part}:{number}"), serde_json::json!({"n": number}))
        });
        db.commit(sets).wait().unwrap();
    }
    db.close().wait().unwrap();
    let told = inspect(&path).wait().unwrap();
    assert_eq!(told.contents.as_ref().unwrap().documents, 60_000);
    // What it would have to read for that is not there any more: of the keys, there is one block.
    for (file, kept) in [(&path, 16 << 10), (&hint, 1_100 << 10)] {
        let mut bytes = fs::read(file).unwrap();
        let end = bytes.len();
        bytes[kept..end - 4_096].fill(0xAA);
        fs::write(file, bytes).unwrap();
    }
    assert_eq!(inspect(&path).wait().unwrap(), told);
    fs::remove_file(&hint).unwrap();
    let info = inspect(&path).wait().unwrap();
    assert_eq!(info.contents, None, "a damaged file is not said to be a small one");
}

#[test]
fn damage_below_what_was_synced_is_not_taken_for_the_end() {
    let folder = tempdir().unwrap();
    let (path, spoiled) = (folder.path().join("my.db"), folder.path().join("spoiled.db"));
    let db = FerrumDB::open(&path).wait().unwrap();
    for number in 0..20 {
        db.set(format!("key:{number}"), "x".repeat(500)).wait().unwrap();
    }
    let mut bytes = fs::read(&path).unwrap();
    let middle = 8_192 + db.stats().unwrap().log_bytes as usize / 2;
    bytes[middle..middle + 4].copy_from_slice(b"oops");
    fs::write(&spoiled, bytes).unwrap();
    assert_eq!(inspect(&path).wait().unwrap().contents.unwrap().documents, 20);
    assert!(inspect(&spoiled).wait().unwrap().contents.is_none());
    assert_eq!(FerrumDB::open(&spoiled).wait().unwrap_err().kind(), ErrorKind::Damaged);
}
