//! A restore and a repair that are told to stop end with an error, and nothing is left of the new file. Never stops a backup.
#![allow(clippy::unwrap_used, reason = "a test may fail this way")]

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use ferrumdb::{Config, ErrorKind, FerrumDB, FsyncPolicy, Progress, Restore};
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
