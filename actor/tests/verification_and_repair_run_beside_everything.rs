//! Verification and repair through the public crate: on threads of their own, and ended by what should end them. Never
//! tests what is found, or saved: the engine's tests do.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Seek, SeekFrom, Write};
use std::time::Duration;

use ferrumdb::{Config, ErrorKind, FerrumDB, FsyncPolicy, Progress};
use tempfile::tempdir;

#[test]
fn an_open_database_is_verified_beside_writes_and_compactions() {
    let folder = tempdir().unwrap();
    let db = FerrumDB::open(folder.path().join("my.db")).wait().unwrap();
    db.create_index("n").wait().unwrap();
    let text = "x".repeat(20_000);
    for number in 0..200 {
        drop(db.set(format!("k{}", number % 50), serde_json::json!({"n": number, "t": text})));
    }
    let first = db.verify();
    let writes: Vec<_> = (0..200).map(|number| db.set(format!("k{number}"), number)).collect();
    let compaction = db.compact();
    let second = db.verify();
    assert!(first.wait().unwrap().is_sound());
    assert!(second.wait().unwrap().is_sound());
    compaction.wait().unwrap();
    writes.into_iter().for_each(|write| assert!(write.wait().is_ok()));
    let before = db.stats().unwrap().sequence;
    let report = db.verify().wait().unwrap();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!(report.documents, 200);
    // A mark of an idle database may have been written meanwhile.
    assert!((before..=db.stats().unwrap().sequence).contains(&report.sequence), "{report:?}");
    assert_eq!(db.stats().unwrap().pins, 0, "what it held is given back");
    db.close().wait().unwrap();
    assert_eq!(db.verify().wait().unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn damage_is_found_while_the_database_is_open_and_saved_around_when_it_is_closed() {
    let folder = tempdir().unwrap();
    let (path, saved) = (folder.path().join("my.db"), folder.path().join("saved.db"));
    // Then no mark of an idle database stands between these records.
    let db = FerrumDB::open(Config::new(&path).with_fsync_policy(FsyncPolicy::Never)).wait().unwrap();
    db.set("a", 1).wait().unwrap();
    db.set("b", 2).wait().unwrap();
    db.set("c", 3).wait().unwrap();
    let mut file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.seek(SeekFrom::Start(8192 + 96 + 52)).unwrap();
    file.write_all(b"?").unwrap();
    let report = db.verify().wait().unwrap();
    assert!(report.findings.iter().any(|finding| finding.key.as_deref() == Some("b")), "{report:?}");
    assert_eq!(ferrumdb::verify(&path).wait().unwrap_err().kind(), ErrorKind::Locked);
    assert_eq!(ferrumdb::repair(&path, &saved).wait().unwrap_err().kind(), ErrorKind::Locked);
    db.close().wait().unwrap();

    let report = ferrumdb::repair(&path, &saved).wait().unwrap();
    assert_eq!((report.documents, report.commits_total, report.is_complete()), (2, 1, false));
    let error = ferrumdb::repair(&path, &saved).wait().unwrap_err();
    assert_eq!(
        (error.kind(), error.path()),
        (ErrorKind::AlreadyExists, Some(saved.canonicalize().unwrap().as_path()))
    );
    let lost = folder.path().join("no/folder.db");
    assert_eq!(ferrumdb::repair(&path, lost).wait().unwrap_err().kind(), ErrorKind::NoSuchFolder);
    let db = FerrumDB::open(&saved).wait().unwrap();
    let get = |key: &str| db.get_as::<u64>(key).unwrap();
    assert_eq!((get("a"), get("b"), get("c")), (Some(1), None, Some(3)));
}

#[test]
fn a_closed_file_is_verified_once_its_owner_has_gone_and_progress_is_told() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("my.db");
    let db = FerrumDB::open(&path).wait().unwrap();
    for number in 0..100 {
        drop(db.set(format!("k{number}"), "x".repeat(50_000)));
    }
    db.sync().wait().unwrap();
    let progress = Progress::new();
    let config = Config::new(&path).with_lock_timeout(Duration::from_secs(60)).with_progress(&progress);
    let pending = ferrumdb::verify(config);
    std::thread::sleep(Duration::from_millis(50));
    drop(db);
    let report = pending.wait().unwrap();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!(report.documents, 100);
    assert!(progress.done() > 1 << 20 && progress.done() <= progress.of(), "{progress:?}");
}

#[test]
fn an_encrypted_database_is_verified_and_repaired_with_the_key_of_the_config() {
    let folder = tempdir().unwrap();
    let (path, saved) = (folder.path().join("my.db"), folder.path().join("saved.db"));
    let config = |path: &std::path::Path, key: u8| Config::new(path).with_encryption([key; 32]);
    let db = FerrumDB::open(config(&path, 1)).wait().unwrap();
    db.set("a", "not to be seen").wait().unwrap();
    db.compact().wait().unwrap();
    db.set("b", "not to be seen").wait().unwrap();
    assert!(db.verify().wait().unwrap().is_sound(), "with the key of the generation that is open");
    db.close().wait().unwrap();
    assert!(ferrumdb::verify(config(&path, 1)).wait().unwrap().is_sound());
    assert_eq!(ferrumdb::verify(&path).wait().unwrap_err().kind(), ErrorKind::KeyNeeded);
    let wrong = ferrumdb::repair(config(&path, 2), &saved).wait().unwrap_err();
    assert_eq!((wrong.kind(), saved.exists()), (ErrorKind::WrongKey, false));
    assert!(ferrumdb::repair(config(&path, 1), &saved).wait().unwrap().is_complete());
    let bytes = std::fs::read(&saved).unwrap();
    assert!(!bytes.windows(4).any(|window| window == b"seen"));
    let db = FerrumDB::open(config(&saved, 1)).wait().unwrap();
    assert_eq!(db.count().unwrap(), 2);
    db.close().wait().unwrap();
}
