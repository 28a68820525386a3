//! Holds that a real disk that is full refuses what needs room, in words, loses nothing acknowledged, and that everything
//! goes on once there is room again.
//!
//! Each test runs itself again where a small file system can be mounted that ends with the process. Where the system
//! allows no such thing, it says SKIPPED; `./test` shows that.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test may panic, and says what it could not try"
)]

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use ferrumdb::{Config, Error, ErrorKind, FerrumDB, FsyncPolicy};
use serde_json::json;

const INSIDE: &str = "FERRUMDB_TEST_SMALL_DISK";
const BALLAST_BYTES: usize = 1 << 20;

/// What is mounted, and what has to be run for that.
enum Disk {
    /// Three megabytes of memory: a write that finds no room fails.
    Tmpfs,
    /// Eight megabytes in a file, with a journal: room is found when bytes go to the disk, and named when they are written.
    Ext4,
}

impl Disk {
    /// The namespace, and within it the command that mounts at `$1`.
    fn commands(&self) -> (&'static [&'static str], &'static str) {
        match self {
            Self::Tmpfs => (&["--map-root-user", "--mount"], "mount -t tmpfs -o size=3m tmpfs \"$1\""),
            Self::Ext4 => (
                &["--mount"],
                "truncate -s 8m \"$1.img\" && mkfs.ext4 -q -m 0 \"$1.img\" && mount -o loop \"$1.img\" \"$1\"",
            ),
        }
    }
}

/// Runs `body` in a folder on a small disk, if the system allows one.
fn on_a_small_disk(test: &str, disk: &Disk, body: fn(&Path)) {
    if let Some(folder) = env::var_os(INSIDE) {
        return body(Path::new(&folder));
    }
    let outside = tempfile::tempdir().unwrap();
    let folder = outside.path().join("disk");
    fs::create_dir(&folder).unwrap();
    let (namespace, mount) = disk.commands();
    let within = |script: &str| {
        let mut command = Command::new("unshare");
        let script = format!("{mount} && {script}");
        command
            .args(namespace)
            .args(["sh", "-c", &script, "sh"])
            .arg(&folder)
            .arg(env::current_exe().unwrap())
            .arg(test);
        command
    };
    if !within("true").output().is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED {test}: no small file system can be mounted here");
        return;
    }
    // The first try has left an image.
    let output = within("exec \"$2\" --exact \"$3\" --nocapture").env(INSIDE, &folder).output().unwrap();
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

/// Takes room that can be given back at once.
fn take_room(folder: &Path) {
    fs::write(folder.join("ballast"), vec![1; BALLAST_BYTES]).unwrap();
}

fn give_room_back(folder: &Path) {
    fs::remove_file(folder.join("ballast")).unwrap();
}

/// Fills whatever is left.
fn fill(folder: &Path) {
    use std::io::Write;
    let mut file = fs::OpenOptions::new().create(true).append(true).open(folder.join("filler")).unwrap();
    for bytes in [1 << 16, 1 << 12, 1 << 9, 1] {
        while file.write_all(&vec![1; bytes]).and_then(|()| file.sync_data()).is_ok() {}
    }
}

/// Refused for want of room, and saying so.
#[track_caller]
fn assert_full(error: &Error) {
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    let text = error.to_string();
    assert!(text.contains("No space left on device"), "{text}");
    assert!(text.contains("my.db") || text.contains("other.db") || text.contains("backup.db"), "{text}");
}

fn document(number: u64) -> serde_json::Value {
    json!({"n": number, "pad": "x".repeat(usize::try_from(number * 37 % 7_000).unwrap())})
}

type Acknowledged = BTreeMap<String, u64>;

/// Commits until one is refused, and says why.
fn commit_until_full(db: &FerrumDB, acknowledged: &mut Acknowledged, first: u64) -> Error {
    for number in first.. {
        let key = format!("key {}", number % 150);
        match db.set(key.as_str(), document(number)).wait() {
            Ok(_) => drop(acknowledged.insert(key, number)),
            Err(error) => return error,
        }
    }
    unreachable!("the disk is small")
}

#[track_caller]
fn assert_holds(db: &FerrumDB, acknowledged: &Acknowledged) {
    assert_eq!(db.count().unwrap(), acknowledged.len() as u64);
    for (key, number) in acknowledged {
        assert_eq!(db.get(key.as_str()).unwrap().unwrap().value(), &document(*number), "{key}");
    }
}

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.contains(".db") && !name.ends_with(".live")).collect();
    names.sort_unstable();
    names
}

fn configs(folder: &Path) -> Config {
    Config::new(folder.join("my.db")).with_auto_compaction(None)
}

fn commits_are_refused_and_go_on(folder: &Path) {
    for (config, first) in [
        (configs(folder), 0),
        (configs(folder).with_fsync_policy(FsyncPolicy::Never), 1_000_000),
        (configs(folder).with_encryption([7; 32]), 2_000_000),
    ] {
        let db = FerrumDB::open(config.clone()).wait().unwrap();
        let mut acknowledged = Acknowledged::new();
        take_room(folder);
        assert_full(&commit_until_full(&db, &mut acknowledged, first));
        assert_holds(&db, &acknowledged);
        fill(folder);
        for key in ["key 0", "another key"] {
            assert_full(&db.set(key, "x".repeat(50_000)).wait().unwrap_err());
        }
        assert_holds(&db, &acknowledged);
        give_room_back(folder);
        acknowledged.insert("key 7".to_owned(), 7);
        db.set("key 7", document(7)).wait().unwrap();
        assert_holds(&db, &acknowledged);
        db.close().wait().unwrap();
        let db = FerrumDB::open(config.clone()).wait().unwrap();
        assert_holds(&db, &acknowledged);
        assert!(db.verify().wait().unwrap().is_sound());
        db.close().wait().unwrap();
        for name in names(folder).into_iter().chain(["filler".to_owned()]) {
            fs::remove_file(folder.join(name)).unwrap();
        }
    }
}

fn long_work_is_refused_and_leaves_nothing(folder: &Path) {
    let db = FerrumDB::open(configs(folder)).wait().unwrap();
    let mut acknowledged = Acknowledged::new();
    take_room(folder);
    for number in 0..400 {
        let key = format!("key {}", number % 130);
        if db.set(key.as_str(), document(number)).wait().is_err() {
            break;
        }
        acknowledged.insert(key, number);
    }
    fill(folder);
    let before = names(folder);
    assert_full(&db.compact().wait().unwrap_err());
    assert_full(&db.backup_to(folder.join("backup.db")).wait().unwrap_err());
    assert_full(&FerrumDB::open(folder.join("other.db")).wait().unwrap_err());
    assert_eq!(names(folder), before, "what was begun is gone again");
    assert_holds(&db, &acknowledged);
    give_room_back(folder);
    fs::remove_file(folder.join("filler")).unwrap();
    let report = db.compact().wait().unwrap();
    assert!(report.bytes_after < report.bytes_before);
    assert_holds(&db, &acknowledged);
    db.set("key 1", document(1)).wait().unwrap();
    acknowledged.insert("key 1".to_owned(), 1);
    db.close().wait().unwrap();
    assert_holds(&FerrumDB::open(configs(folder)).wait().unwrap(), &acknowledged);
}

/// A full disk has no room for a hint, and opening and closing go on without one.
fn opening_and_closing_need_no_room(folder: &Path) {
    let mut acknowledged = Acknowledged::new();
    let mut db = FerrumDB::open(configs(folder)).wait().unwrap();
    take_room(folder);
    assert_full(&commit_until_full(&db, &mut acknowledged, 0));
    fill(folder);
    for _ in 0..3 {
        // A close mark may find no room: that is told, and loses nothing.
        if let Err(error) = db.close().wait() {
            assert_full(&error);
        }
        fill(folder);
        db = FerrumDB::open(configs(folder)).wait().unwrap();
        assert_holds(&db, &acknowledged);
    }
    give_room_back(folder);
    fs::remove_file(folder.join("filler")).unwrap();
    db.set("key 3", document(3)).wait().unwrap();
    acknowledged.insert("key 3".to_owned(), 3);
    db.close().wait().unwrap();
    assert!(names(folder).contains(&"my.db.hint".to_owned()), "there is room for a hint");
    let db = FerrumDB::open(configs(folder)).wait().unwrap();
    assert_holds(&db, &acknowledged);
    assert!(db.verify().wait().unwrap().is_sound());
}

#[test]
fn commits_on_a_full_tmpfs_are_refused_and_go_on() {
    on_a_small_disk(
        "commits_on_a_full_tmpfs_are_refused_and_go_on",
        &Disk::Tmpfs,
        commits_are_refused_and_go_on,
    );
}

#[test]
fn commits_on_a_full_ext4_are_refused_and_go_on() {
    on_a_small_disk(
        "commits_on_a_full_ext4_are_refused_and_go_on",
        &Disk::Ext4,
        commits_are_refused_and_go_on,
    );
}

#[test]
fn long_work_on_a_full_tmpfs_is_refused_and_leaves_nothing() {
    on_a_small_disk(
        "long_work_on_a_full_tmpfs_is_refused_and_leaves_nothing",
        &Disk::Tmpfs,
        long_work_is_refused_and_leaves_nothing,
    );
}

#[test]
fn long_work_on_a_full_ext4_is_refused_and_leaves_nothing() {
    on_a_small_disk(
        "long_work_on_a_full_ext4_is_refused_and_leaves_nothing",
        &Disk::Ext4,
        long_work_is_refused_and_leaves_nothing,
    );
}

#[test]
fn opening_and_closing_need_no_room_on_a_tmpfs() {
    on_a_small_disk(
        "opening_and_closing_need_no_room_on_a_tmpfs",
        &Disk::Tmpfs,
        opening_and_closing_need_no_room,
    );
}

#[test]
fn opening_and_closing_need_no_room_on_an_ext4() {
    on_a_small_disk(
        "opening_and_closing_need_no_room_on_an_ext4",
        &Disk::Ext4,
        opening_and_closing_need_no_room,
    );
}
