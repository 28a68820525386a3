//! A restore, a repair and a look at the past that are told to stop end with an error, and nothing is left of a new file. Never stops a
//! backup.
#![allow(clippy::unwrap_used, reason = "a test may fail this way")]

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use ferrumdb::{Config, ErrorKind, FerrumDB, FsyncPolicy, Progress, Restore, UpTo};
use tempfile::{TempDir, tempdir};

/// A folder with a database of some megabytes.
fn filled() -> (TempDir, PathBuf) {
    let folder = tempdir().unwrap();
    let path = folder.path().join("my.db");
    let db = FerrumDB::open(Config::new(&path).with_fsync_policy(FsyncPolicy::Never)).wait().unwrap();
    for number in 0..4 {
        db.set(format!("{number}"), "x".repeat(1 << 20)).wait().unwrap();
    }
    db.close().wait().unwrap();
    (folder, path)
}

fn names(folder: &Path) -> BTreeSet<String> {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn a_restore_is_stopped_at_each_step() {
    let (folder, path) = filled();
    let before = names(folder.path());
    let to = folder.path().join("restored.db");
    let mut steps = 0;
    loop {
        let mut left = steps;
        let restored = Restore::new(&path).to_with_progress(&to, |_| {
            if left == 0 {
                return ControlFlow::Break(());
            }
            left -= 1;
            ControlFlow::Continue(())
        });
        match restored {
            Ok(_) => break,
            Err(error) => assert_eq!(error.kind(), ErrorKind::Cancelled),
        }
        assert_eq!(names(folder.path()), before, "after {steps} steps");
        steps += 1;
    }
    assert!(steps >= 6, "it reads twice, and once more what was written: {steps}");
    assert!(to.exists());
}

#[test]
fn a_repair_is_stopped_and_so_is_a_verification() {
    let (folder, path) = filled();
    let before = names(folder.path());
    let progress = Progress::new();
    progress.cancel();
    let config = Config::new(&path).with_progress(&progress);
    let repaired = ferrumdb::repair(config.clone(), folder.path().join("saved.db")).wait();
    assert_eq!(repaired.unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(ferrumdb::verify(config).wait().unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(names(folder.path()), before);
}

#[test]
fn a_look_at_the_past_tells_how_far_it_is_and_is_stopped() {
    let (_folder, path) = filled();
    let db = FerrumDB::open(path).wait().unwrap();
    let then = db.delete("0").wait().map(|_| db.snapshot().unwrap().sequence()).unwrap();
    let looks = |progress: &Progress| {
        let past = db.at_with_progress(UpTo::Sequence(then), progress).map(|past| past.count().unwrap());
        let mut versions = db.history("0").unwrap().with_progress(progress);
        let deleted = versions.next().unwrap().map(|version| version.document.is_none());
        let ended = versions.nth(1).is_none();
        (past, deleted, ended)
    };
    let (going_on, stopped) = (Progress::new(), Progress::new());
    let (past, deleted, ended) = looks(&going_on);
    assert_eq!((past.unwrap(), deleted.unwrap(), ended), (3, true, true));
    assert!(going_on.done() > 3 << 20 && going_on.of() > 4 << 20, "{going_on:?}");
    stopped.cancel();
    let (past, deleted, ended) = looks(&stopped);
    assert_eq!(past.unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!((deleted.unwrap_err().kind(), ended), (ErrorKind::Cancelled, true));
}
