//! Holds that other processes can follow what one writes: every commit, whole, within milliseconds, through compactions
//! and the owner's death, and without writing a byte.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ferrumdb::fs::MemoryFs;
use ferrumdb::{
    Config, ErrorKind, FerrumDB, FsyncPolicy, ManualClock, Pending, Sequence, Timestamp, Transaction,
};
use serde_json::json;

/// Tells the second process what to do: nothing, when the tests are run.
const TASK: &str = "FERRUMDB_TEST_FOLLOWED";
const PAIRS: u64 = 50;
/// On a machine with other work to do, everything takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

fn followed(path: &Path) -> FerrumDB {
    FerrumDB::open(Config::new(path).read_only()).wait().unwrap()
}

fn nanos() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
}

#[track_caller]
fn await_that(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// This test program, started again to do a task on a path. It says that it is ready, and goes on until it is killed, or
/// its input ends.
struct Second {
    child: Child,
    said: std::io::Lines<BufReader<ChildStdout>>,
}

impl Second {
    fn start(task: &str, path: &Path) -> Self {
        Self::start_as(task, path, |_| ())
    }

    fn start_as(task: &str, path: &Path, change: impl FnOnce(&mut Command)) -> Self {
        Self::try_start(task, path, change).unwrap()
    }

    fn try_start(task: &str, path: &Path, change: impl FnOnce(&mut Command)) -> std::io::Result<Self> {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "a_second_process_does_its_task", "--nocapture"]);
        command.env(TASK, format!("{task} {}", path.display())).stdin(Stdio::piped()).stdout(Stdio::piped());
        change(&mut command);
        let mut child = command.spawn()?;
        let said = BufReader::new(child.stdout.take().unwrap()).lines();
        Ok(Self { child, said })
    }

    fn says(&mut self) -> String {
        let lines = self.said.by_ref().map_while(Result::ok);
        let said =
            lines.into_iter().find_map(|line| line.split_once("says: ").map(|(_, said)| said.to_owned()));
        said.expect("it says something before it ends")
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn end(&mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Second {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
#[allow(clippy::print_stdout, reason = "the second process tells the first")]
fn a_second_process_does_its_task() {
    let Ok(task) = std::env::var(TASK) else { return };
    let (task, path) = task.split_once(' ').unwrap();
    let is_over = Arc::new(AtomicBool::new(false));
    std::thread::spawn({
        let is_over = Arc::clone(&is_over);
        move || {
            let _ = std::io::stdin().read_line(&mut String::new());
            is_over.store(true, Ordering::SeqCst);
        }
    });
    if task == "follow" {
        match FerrumDB::open(Config::new(path).read_only()).wait() {
            Ok(db) => println!("says: {}", db.count().unwrap()),
            Err(error) => println!("says: {error}"),
        }
        std::process::exit(0);
    }
    let db = FerrumDB::open(Config::new(path).with_fsync_policy(FsyncPolicy::Never)).wait().unwrap();
    println!("says: ready");
    let mut number = 0_u64;
    while !is_over.load(Ordering::SeqCst) {
        number += 1;
        match task {
            "tick" => {
                db.set("tick", json!({"n": number, "at": nanos()})).wait().unwrap();
                std::thread::sleep(Duration::from_millis(3));
            }
            "pairs" => pair(&db, number),
            "compact" => {
                pair(&db, number);
                if number.is_multiple_of(200) {
                    db.compact().wait().unwrap();
                }
            }
            "hold" => std::thread::sleep(Duration::from_millis(5)),
            other => panic!("there is no task {other}"),
        }
    }
    db.close().wait().unwrap();
    // Nobody reads what the test program would say next.
    std::process::exit(0);
}

/// Two keys that only ever hold the same: half a transaction would show.
fn pair(db: &FerrumDB, number: u64) {
    let (a, b) = (format!("a{}", number % PAIRS), format!("b{}", number % PAIRS));
    let transaction = Transaction::new();
    let transaction = match number % 7 {
        0 => transaction.delete(a).delete(b),
        1 => {
            let lifetime = Duration::from_millis(number % 50);
            transaction.set_ex(a, number, lifetime).set_ex(b, number, lifetime)
        }
        _ => transaction.set(a, json!({"n": number})).set(b, json!({"n": number})),
    };
    // Several are under way at once, so that they are committed in groups.
    let pending = db.commit(transaction);
    if number.is_multiple_of(5) {
        pending.wait().unwrap();
    }
}

fn contents(db: &FerrumDB) -> BTreeMap<String, String> {
    let read = |key: ferrumdb::Key| Some((key.to_string(), db.get(&key).unwrap()?.as_str().to_owned()));
    db.keys().unwrap().filter_map(read).collect()
}

#[test]
fn every_commit_is_seen_within_milliseconds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my.db");
    let mut owner = Second::start("tick", &path);
    assert_eq!(owner.says(), "ready");
    let db = followed(&path);
    // The median of 200 delays, and what few of them exceed.
    let is_quick = |delays: &[Duration]| {
        delays.len() == 200
            && delays[100] < Duration::from_millis(10)
            && delays[190] < Duration::from_millis(100)
    };
    let (mut newest, mut delays) = (0, Vec::new());
    let deadline = Instant::now() + PATIENCE;
    // A machine with other work to do makes some rounds longer.
    while !is_quick(&delays) {
        assert!(Instant::now() < deadline, "{} commits were seen in {delays:?}", delays.len());
        if delays.len() == 200 {
            delays.clear();
        }
        let seen = db.get("tick").unwrap().map(|document| document.value().clone());
        let number = seen.as_ref().map_or(0, |seen| seen["n"].as_u64().unwrap());
        assert!(number >= newest, "{number} after {newest}");
        if number > newest {
            delays.push(Duration::from_nanos(nanos().saturating_sub(seen.unwrap()["at"].as_u64().unwrap())));
            newest = number;
        }
        if delays.len() == 200 {
            delays.sort_unstable();
        }
        std::thread::sleep(Duration::from_micros(100));
    }
    owner.end();
    await_that("it catches up", || db.lag().unwrap().behind.is_zero());
}

#[test]
fn transactions_are_seen_whole_through_compactions_and_the_death_of_owners() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my.db");
    let mut owner = Second::start("pairs", &path);
    assert_eq!(owner.says(), "ready");
    let db = followed(&path);
    let (stop, seen) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut newest = Sequence(0);
                while !stop.load(Ordering::SeqCst) {
                    let number = seen.fetch_add(1, Ordering::Relaxed) % PAIRS;
                    let found = db.get_many(&[format!("a{number}"), format!("b{number}")]).unwrap();
                    let text = |at: usize| found[at].as_ref().map(|found| found.as_str().to_owned());
                    assert_eq!(text(0), text(1), "half a transaction");
                    let sequence = db.stats().unwrap().sequence;
                    assert!(sequence >= newest, "{sequence} after {newest}");
                    newest = sequence;
                }
            });
        }
        let held = db.keys().unwrap();
        let mut sequence = Sequence(0);
        for round in 0..6 {
            let before = sequence;
            await_that("it goes on", || {
                sequence = db.lag().unwrap().sequence;
                sequence.0 > before.0 + 500
            });
            owner.kill();
            owner = Second::start(if round % 2 == 0 { "compact" } else { "pairs" }, &path);
            assert_eq!(owner.says(), "ready");
        }
        drop(held);
        stop.store(true, Ordering::SeqCst);
    });
    owner.end();
    let newest = FerrumDB::open(&path).wait().unwrap();
    await_that("it catches up", || db.stats().unwrap().sequence >= newest.stats().unwrap().sequence);
    // Until everything that will expire has.
    std::thread::sleep(Duration::from_millis(60));
    assert_eq!(contents(&db), contents(&newest));
    assert_eq!(db.count().unwrap(), newest.count().unwrap());
    assert!(newest.stats().unwrap().sequence.0 > 3_000);
}

#[test]
fn indexes_expiry_and_snapshots_are_those_of_the_owner() {
    let files = Arc::new(MemoryFs::new());
    let clock = Arc::new(ManualClock::new(Timestamp(1_000)));
    let config = || Config::new("/my.db").with_file_system(files.clone()).with_clock(clock.clone());
    let owner = FerrumDB::open(config()).wait().unwrap();
    owner.set("early", json!({"role": "admin"})).wait().unwrap();
    let db = FerrumDB::open(config().read_only()).wait().unwrap();
    owner.create_index("role").wait().unwrap();
    owner.set("late", json!({"role": "admin"})).wait().unwrap();
    owner.set_ex("soon", json!({"role": "admin"}), Duration::from_millis(500)).wait().unwrap();
    await_that("it is seen", || db.contains("soon").unwrap());
    assert_eq!(db.indexes().unwrap().len(), 1);
    let found = |db: &FerrumDB| {
        let mut found = db.find("role", &json!("admin")).unwrap();
        found.sort();
        found
    };
    assert_eq!(found(&db), ["early", "late", "soon"]);
    assert_eq!(db.ttl("soon").unwrap(), owner.ttl("soon").unwrap());
    let keys = db.keys().unwrap();
    owner.delete("early").wait().unwrap();
    await_that("it is gone", || !db.contains("early").unwrap());
    assert_eq!(keys.count(), 3, "an iteration stands on its commit");
    owner.close().wait().unwrap();
    // Nobody is there to purge it.
    clock.set(Timestamp(1_500));
    assert_eq!((db.get("soon").unwrap(), db.count().unwrap()), (None, 1));
    assert_eq!(found(&db), ["late"]);
}

#[test]
fn every_write_is_refused_at_once_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my.db");
    let owner = FerrumDB::open(&path).wait().unwrap();
    owner.set("a", json!({"n": 1})).wait().unwrap();
    owner.set_ex("gone", 1, Duration::ZERO).wait().unwrap();
    owner.close().wait().unwrap();
    let files = || -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
        let paths = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let state =
            |path: &Path| (std::fs::read(path).unwrap(), path.metadata().unwrap().modified().unwrap());
        paths.map(|path| (path.clone(), state(&path))).collect()
    };
    let before = files();
    std::thread::sleep(Duration::from_millis(20));

    let db = followed(&path);
    fn refused<T>(pending: Pending<T>) {
        let error = pending.wait().map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ReadOnly, "{error}");
    }
    refused(db.set("b", 1));
    refused(db.set_ex("b", 1, Duration::from_secs(1)));
    refused(db.insert("b", 1));
    refused(db.get_and_set("a", 1));
    refused(db.delete("a"));
    refused(db.expire("a", Duration::from_secs(1)));
    refused(db.commit(Transaction::new().set("b", 1)));
    refused(db.create_index("n"));
    refused(db.drop_index("n"));
    refused(db.sync());
    refused(db.compact());
    refused(db.cancel_compaction());
    assert_eq!((db.count().unwrap(), db.contains("gone").unwrap()), (1, false));
    assert_eq!(db.find("n", &json!(1)).unwrap(), ["a"]);
    db.close().wait().unwrap();
    assert_eq!(db.get("a").unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(db.set("b", 1).wait().unwrap_err().kind(), ErrorKind::Closed);
    drop(followed(&path));
    assert_eq!(files(), before);
}

#[test]
fn followers_disturb_no_owner_and_a_second_owner_is_told_who_the_first_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my.db");
    let mut owner = Second::start("hold", &path);
    assert_eq!(owner.says(), "ready");
    let followers = [followed(&path), followed(&path)];
    let begin = Instant::now();
    let config = Config::new(&path).with_lock_timeout(Duration::from_millis(200));
    let error = FerrumDB::open(config).wait().map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(begin.elapsed() >= Duration::from_millis(200));
    assert_eq!(error.path(), Some(&*path.canonicalize().unwrap()));
    // Layered file systems may hide who it is.
    let text = error.to_string();
    assert!(text.contains(&owner.child.id().to_string()) || text.contains("another process"), "{text}");
    owner.end();
    let second = FerrumDB::open(&path).wait().unwrap();
    second.set("a", 1).wait().unwrap();
    for db in &followers {
        await_that("the second owner is followed", || db.contains("a").unwrap());
    }
}

#[test]
fn what_stops_a_follower_is_told_and_reads_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let (path, other) = (folder.path().join("my.db"), folder.path().join("other.db"));
    for path in [&path, &other] {
        let owner = FerrumDB::open(path).wait().unwrap();
        owner.set("a", 1).wait().unwrap();
        assert_eq!(owner.lag().unwrap().behind, Duration::ZERO);
    }
    let missing = FerrumDB::open(Config::new(folder.path().join("none.db")).read_only()).wait();
    assert_eq!(missing.map(drop).unwrap_err().kind(), ErrorKind::Io);
    let db = followed(&path);
    let lag = db.lag().unwrap();
    assert_eq!((lag.sequence, lag.behind), (lag.published, Duration::ZERO));
    std::fs::remove_file(&path).unwrap();
    await_that("it is told", || db.lag().map_err(|error| error.kind()) == Err(ErrorKind::Io));
    std::fs::rename(&other, &path).unwrap();
    await_that("it is told", || db.lag().map_err(|error| error.kind()) == Err(ErrorKind::Replaced));
    assert_eq!(db.get("a").unwrap().unwrap(), json!(1));
    db.close().wait().unwrap();
}

#[test]
#[allow(clippy::print_stdout, reason = "what could not be tried is to be known")]
fn neither_the_file_nor_its_folder_need_be_writable() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my.db");
    let owner = FerrumDB::open(&path).wait().unwrap();
    owner.set("a", 1).wait().unwrap();
    // The live file is written a moment after the answer, and cannot be made once the folder is closed.
    await_that("followers are told", || followed(&path).count().unwrap() == 1);
    let allow = |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    allow(&path, 0o444);
    allow(folder.path(), 0o555);
    let is_denied = std::fs::File::create(folder.path().join("probe")).is_err();
    // A superuser is denied nothing, and so lets somebody else try.
    const NOBODY: u32 = 65_534;
    let second = Second::try_start("follow", &path, |command| {
        if !is_denied {
            command.uid(NOBODY).gid(NOBODY).current_dir("/");
        }
    });
    match second {
        Ok(mut second) => assert_eq!(second.says(), "1"),
        Err(error) => println!("SKIPPED: a folder that cannot be written could not be tried: {error}"),
    }
    allow(folder.path(), 0o755);
}
