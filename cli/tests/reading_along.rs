//! Verbs that only read: beside the process that writes, without changing a byte, and behind a crash. Never tests what a
//! follower shows.
#![allow(clippy::unwrap_used, reason = "a test may fail this way")]

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout};

use common::{ferrumdb, run};
use tempfile::{TempDir, tempdir};

/// A process that has a database open, and answers.
struct Owner {
    folder: TempDir,
    child: Child,
    answers: BufReader<ChildStdout>,
}

impl Owner {
    fn start() -> Self {
        let folder = tempdir().unwrap();
        let mut child = ferrumdb(folder.path()).arg("my.db").spawn().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        let mut owner = Self { folder, child, answers };
        assert_eq!(owner.ask("SET user:1 {\"n\":1}"), "OK");
        owner
    }

    fn ask(&mut self, command: &str) -> String {
        writeln!(self.child.stdin.as_mut().unwrap(), "{command}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        answer.trim_end().to_owned()
    }

    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        run(self.folder.path(), arguments, "")
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Until an answer is the one that is expected: a follower is some milliseconds behind.
fn becomes(expected: &str, mut ask: impl FnMut() -> (i32, String, String)) {
    let start = std::time::Instant::now();
    loop {
        let last = ask();
        if last == (0, expected.to_owned(), String::new()) {
            return;
        }
        assert!(start.elapsed().as_secs() < 60, "{expected:?} was expected, and not {last:?}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[cfg(unix)]
#[test]
fn what_another_process_holds_is_read_along() {
    let mut owner = Owner::start();
    assert_eq!(owner.ask("INDEX n"), "OK");
    becomes("{\"n\":1}\n", || owner.run(&["get", "my.db", "user:1"]));
    becomes("user:1\n", || owner.run(&["keys", "my.db"]));
    becomes("1\n", || owner.run(&["count", "my.db"]));
    becomes("user:1\n", || owner.run(&["find", "my.db", "n", "1"]));
    becomes("field\nn\n", || {
        let (status, out, err) = owner.run(&["index", "list", "my.db", "--mode", "csv"]);
        let first = out.lines().map(|line| line.split(',').next().unwrap().to_owned() + "\n").collect();
        (status, first, err)
    });
    let (status, out, _) = owner.run(&["history", "my.db", "user:1"]);
    assert!(status == 0 && out.contains("\"kind\":\"set\""), "{out}");
    assert_eq!(owner.run(&["export", "my.db", "--progress=none"]).1.lines().count(), 2);
    let (status, out, _) = owner.run(&["info", "my.db", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, &told["closed"]), (0, &false.into()));
    #[cfg(target_os = "linux")]
    assert_eq!(told["lock"]["process"], owner.child.id());
    let (status, _, err) = owner.run(&["set", "my.db", "b", "1"]);
    assert!(status == 3 && err.contains("in use"), "{err}");
    let (status, out, _) = run(owner.folder.path(), &["my.db", "--read-only"], "COUNT\nSET a 1\n");
    assert_eq!((status, out.as_str()), (6, "1\n"));
    assert_eq!(owner.ask("SET user:2 2"), "OK", "nobody has disturbed it");
}

#[cfg(unix)]
#[test]
fn a_watch_tells_what_the_owner_commits_as_it_does() {
    let mut owner = Owner::start();
    let mut watch = ferrumdb(owner.folder.path());
    let mut watch = watch.args(["watch", "my.db", "user:", "--since", "0", "--no-values"]).spawn().unwrap();
    let mut told = BufReader::new(watch.stdout.take().unwrap());
    let mut next = || {
        let mut line = String::new();
        told.read_line(&mut line).unwrap();
        serde_json::from_str::<serde_json::Value>(&line).unwrap()
    };
    assert_eq!(next()["key"], "user:1");
    for number in 2..6 {
        assert_eq!(owner.ask(&format!("SET user:{number} {number}")), "OK");
        assert_eq!(owner.ask(&format!("SET other:{number} {number}")), "OK");
        let change = next();
        assert_eq!((&change["key"], change.get("value")), (&format!("user:{number}").into(), None));
    }
    watch.kill().unwrap();
    watch.wait().unwrap();
}

#[test]
fn reading_changes_nothing_and_a_new_owner_is_not_kept_waiting() {
    let folder = tempdir().unwrap();
    run(folder.path(), &["my.db"], "SET a 1\nINDEX n\n");
    let state = || {
        let mut files: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| (path.clone(), fs::read(path).unwrap()))
            .collect();
        files.sort();
        files
    };
    let before = state();
    for line in [
        &["get", "my.db", "a"][..],
        &["keys", "my.db"],
        &["count", "my.db"],
        &["find", "my.db", "n", "null"],
        &["index", "list", "my.db"],
        &["history", "my.db", "a"],
        &["watch", "my.db", "--since", "0", "--limit", "1"],
        &["info", "my.db"],
        &["export", "my.db"],
        &["delete", "my.db", "a", "--dry-run"],
    ] {
        assert_eq!(run(folder.path(), line, "").0, 0, "{line:?}");
        assert!(state() == before, "{line:?} has changed a file");
    }
}

#[cfg(unix)]
#[test]
fn what_a_crash_has_left_is_read_to_its_last_acknowledged_document() {
    let mut owner = Owner::start();
    for number in 0..50 {
        assert_eq!(owner.ask(&format!("SET k:{number} {number}")), "OK");
    }
    owner.child.kill().unwrap();
    owner.child.wait().unwrap();
    // What the owner has told its followers is gone, as it may be after a crash.
    let _ = fs::remove_file(owner.folder.path().join("my.db.live"));
    assert_eq!(owner.run(&["get", "my.db", "k:49"]), (0, "49\n".to_owned(), String::new()));
    assert_eq!(owner.run(&["count", "my.db"]).1, "51\n");
}

#[test]
fn keys_from_a_pipe_are_read_as_they_are_printed() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    run(folder, &["my.db"], "SET \"two words\" 1\nSET \"tab\\there\" 2\nSET plain 3\nSET \"\\\"quoted\" 4\n");
    let keys = run(folder, &["keys", "my.db"], "").1;
    let (status, out, err) = run(folder, &["get", "my.db", "-", "--mode", "ndjson"], &keys);
    assert_eq!((status, out.lines().count(), err.as_str()), (0, 4, ""), "{out}");
    assert!(out.contains("{\"key\":\"tab\\there\",\"value\":2}"), "{out}");
    let (status, _, err) = run(folder, &["get", "my.db", "-"], "plain\n\"open\n");
    assert!(status == 6 && err.starts_with("error: line 2: the key begins with a quote"), "{err}");
    let (status, out, _) = run(folder, &["delete", "my.db", "-"], format!("{keys}nobody\n"));
    assert_eq!((status, out.as_str()), (1, "deleted 4 documents\n"));
    assert_eq!(run(folder, &["count", "my.db"], "").1, "0\n");
}

#[test]
fn a_value_comes_from_a_pipe_and_a_reader_that_leaves_is_no_error() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    assert_eq!(run(folder, &["set", "my.db", "page"], "{\"n\": 1}\n").0, 0);
    assert_eq!(run(folder, &["get", "my.db", "page"], "").1, "{\"n\":1}\n");
    assert_eq!(run(folder, &["set", "my.db", "lines", "-", "--text"], "two\nlines\n").0, 0);
    assert_eq!(run(folder, &["get", "my.db", "lines", "--mode", "raw"], "").1, "two\nlines\n\n");
    let (status, _, err) = run(folder, &["set", "my.db", "bad", "-"], b"\xFF\xFE");
    assert!(status == 6 && err.contains("is not UTF-8 text"), "{err}");
    let sets: String = (0..20_000).map(|number| format!("SET a-rather-long-key-{number} 1\n")).collect();
    run(folder, &["--fsync=never", "my.db"], sets);
    let mut child = ferrumdb(folder).args(["keys", "my.db"]).spawn().unwrap();
    child.stdout.take().unwrap().read_exact(&mut [0; 10]).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
}
