//! What a dashboard asks of a database: sizes without reading, places in a long list, and how far long work is. Never looks
//! at how any of it is found.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use ferrumdb::{Config, ErrorKind, FerrumDB, FsyncPolicy, Key, Transaction, WatchOptions, Work, WorkKind};
use serde_json::json;

#[test]
fn the_size_that_is_known_is_that_of_the_text() {
    let folder = tempfile::tempdir().unwrap();
    let plain = Config::new(folder.path().join("plain.db"));
    let sealed = Config::new(folder.path().join("sealed.db")).with_encryption([7; 32]);
    for (config, encrypted) in [(plain, false), (sealed, true)] {
        let db = FerrumDB::open(config).wait().unwrap();
        assert_eq!(db.stats().unwrap().encrypted, encrypted);
        for (key, text) in [("", "1"), ("é", "\"ü\""), ("k", &*format!("\"{}\"", "x".repeat(70_000)))] {
            let version = db.set_raw_ex(key, text, Duration::from_secs(60)).wait().unwrap();
            let info = db.info(key).unwrap().unwrap();
            assert_eq!((info.version, info.bytes), (version, text.len() as u64), "{key}");
            assert!(info.expires_at.is_some());
        }
        let before = db.snapshot().unwrap();
        db.delete("k").wait().unwrap();
        assert_eq!(db.info("k").unwrap(), None);
        assert_eq!(before.info("k").unwrap().unwrap().bytes, 70_002);
    }
}

#[test]
fn an_offset_leads_to_where_so_many_steps_lead() {
    let db = FerrumDB::open_in_memory().wait().unwrap();
    let fill = (0..3_000).fold(Transaction::new(), |all, n| all.set(format!("{:05}", n * 2), n));
    db.commit(fill).wait().unwrap();
    assert_eq!(db.prefix("").unwrap().keys().count(), 3_000);
    // What comes and goes from here on lies beside the tree that readers share, and then in it.
    for round in 0..12_u32 {
        for step in 0..40 {
            let number = (round * 1_237 + step * 149) % 6_000;
            let key = format!("{number:05}");
            match step % 3 {
                0 => drop(db.delete(key).wait().unwrap()),
                _ => drop(db.set(key, round).wait().unwrap()),
            }
        }
        let keys: Vec<Key> = db.range("00500".."05500").unwrap().keys().collect();
        let last = keys.len();
        for offset in [0, 1, 7, 8, 9, 255, 1_000, last / 2, last - 2, last - 1, last, last + 1] {
            let scan = || db.range("00500".."05500").unwrap().offset(offset).limit(20);
            let ahead: Vec<Key> = scan().keys().collect();
            assert!(ahead.iter().eq(keys.iter().skip(offset).take(20)), "from {offset}");
            let back: Vec<Key> = scan().reverse().keys().collect();
            assert!(back.iter().eq(keys.iter().rev().skip(offset).take(20)), "back from {offset}");
        }
    }
}

#[test]
fn a_change_tells_when_what_it_replaced_was_to_expire() {
    let db = FerrumDB::open_in_memory().wait().unwrap();
    db.set_ex("session", 1, Duration::from_secs(600)).wait().unwrap();
    db.set("user", 1).wait().unwrap();
    let expires_at = db.info("session").unwrap().unwrap().expires_at;
    let mut changes = db.watch(WatchOptions::everything().with_before()).unwrap();
    db.delete("session").wait().unwrap();
    db.delete("user").wait().unwrap();
    let told = [changes.next().unwrap().unwrap(), changes.next().unwrap().unwrap()];
    assert!(expires_at.is_some());
    assert_eq!(told.map(|change| change.before_expires_at), [expires_at, None]);
}

#[test]
fn long_work_is_told_while_it_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::new(folder.path().join("my.db")).with_fsync_policy(FsyncPolicy::Never);
    // Slow enough to be seen.
    let db = FerrumDB::open(config.with_compaction_rate(2 << 20)).wait().unwrap();
    for _ in 0..4 {
        db.set("big", json!("x".repeat(1 << 20))).wait().unwrap();
    }
    assert_eq!(db.works(), []);
    let compacting = db.compact();
    let seen = std::iter::repeat_with(|| db.works()).find(|works| works.iter().any(|work| work.done > 0));
    let Work { kind, done, of, .. } = seen.unwrap()[0].clone();
    assert_eq!(kind, WorkKind::Compaction);
    assert!(0 < done && done <= of, "{done} of {of}");
    compacting.wait().unwrap();
    assert_eq!(db.works(), []);
}

#[test]
fn a_backup_tells_how_far_it_is_and_can_be_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::new(folder.path().join("my.db")).with_fsync_policy(FsyncPolicy::Never);
    // Slow enough to be seen, and to be stopped long before its end.
    let db = FerrumDB::open(config.with_compaction_rate(4 << 20)).wait().unwrap();
    for number in 0..8 {
        db.set(format!("big:{number}"), json!("x".repeat(1 << 20))).wait().unwrap();
    }
    assert!(!db.cancel_backups(), "there is none");
    let stopped = db.backup_to(folder.path().join("stopped.db"));
    let seen = std::iter::repeat_with(|| db.works()).find(|works| works.iter().any(|work| work.done > 0));
    let Work { kind, done, of, .. } = seen.unwrap()[0].clone();
    assert_eq!(kind, WorkKind::Backup);
    assert!(8 << 20 < of && done < of, "{done} of {of}");
    assert!(db.cancel_backups());
    assert_eq!(stopped.wait().unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(db.works(), []);
    let names = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(
        names.into_iter().all(|name| !name.to_string_lossy().contains("stopped")),
        "nothing is left of it"
    );
}

#[test]
fn a_handle_tells_what_it_was_opened_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my.db");
    let db = FerrumDB::open(Config::new(&path).with_fsync_policy(FsyncPolicy::Never)).wait().unwrap();
    db.set("a", 1).wait().unwrap();
    let last = db.set("a", 2).wait().unwrap();
    db.compact().wait().unwrap();
    let stats = db.stats().unwrap();
    assert_eq!((stats.generation, stats.history_floor, stats.encrypted), (2, last, false));
    assert_eq!((db.is_follower(), db.fsync_policy()), (false, Some(FsyncPolicy::Never)));
    #[cfg(unix)]
    {
        let follower = FerrumDB::open(Config::new(&path).read_only()).wait().unwrap();
        assert_eq!((follower.is_follower(), follower.fsync_policy()), (true, None));
        assert_eq!(follower.stats().unwrap().generation, 2);
    }
}
