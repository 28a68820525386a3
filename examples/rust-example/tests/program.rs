//! Runs the program as its README says, and checks what it prints. Never looks into the database itself.
#![allow(clippy::unwrap_used, reason = "a test may fail this way")]

use std::path::Path;
use std::process::Command;

use tempfile::tempdir;

const STORY: &str = "\
# four tasks are added
   1  open     2026-12-01  write the report
   2  open     2026-12-20  buy presents
   3  open     2026-11-28  book a train
   4  open     -           learn the cello
# what is due in November, by the index on `due`
   3  open     2026-11-28  book a train
# Ann starts the report, and Bob comes too late
Ann has started task 1 already
   1  started  2026-12-01  write the report (Ann)
# a task is renamed, another removed
true
# the report and the train are done, and stay for a moment; the train is opened again in time
   1  done     2026-12-01  write the report (Ann)
   3  done     2026-11-28  book a night train
# a moment later
   2  open     2026-12-20  buy presents
   3  open     2026-11-28  book a night train
done: 0
";

/// Status, standard output, standard error.
fn run(folder: &Path, arguments: &[&str]) -> (bool, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_rust-example"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_demo_tells_its_story() {
    let folder = tempdir().unwrap();
    assert_eq!(run(folder.path(), &["demo"]), (true, STORY.to_owned(), String::new()));
    let (success, _, err) = run(folder.path(), &["demo"]);
    assert!(!success && err.contains("wants a database of its own"), "{err}");
}

#[test]
fn the_readme_shows_what_the_demo_prints() {
    let readme = include_str!("../README.md");
    assert!(
        readme.contains(&format!("demo.db demo\n{STORY}```")),
        "the README shows another story than\n{STORY}"
    );
}

#[test]
fn tasks_outlive_the_program() {
    let folder = tempdir().unwrap();
    let ok = |arguments: &[&str]| {
        let (success, out, err) = run(folder.path(), arguments);
        assert!(success, "{arguments:?}: {err}");
        out
    };
    assert_eq!(ok(&["add", "sleep", "--due", "2026-11-30"]), "added task 1\n");
    assert_eq!(ok(&["add", "rest"]), "added task 2\n");
    assert_eq!(ok(&["start", "1", "Ann"]), "Ann has started task 1\n");
    assert_eq!(ok(&["rename", "1", "sleep well"]), "task 1 is now called \"sleep well\"\n");
    let line = "   1  started  2026-11-30  sleep well (Ann)\n";
    assert_eq!(ok(&["list", "--status", "started"]), line);
    assert_eq!(ok(&["list", "--due-by", "2026-11-30"]), line);
    assert_eq!(ok(&["list", "--due-by", "2026-11-29"]), "");
    assert_eq!(ok(&["done", "1", "--keep", "1000"]), "task 1 is done\n");
    assert!(ok(&["show", "1"]).contains("goes in 99"), "{}", ok(&["show", "1"]));
    assert_eq!(ok(&["reopen", "1"]), "task 1 is open again\n");
    assert_eq!(ok(&["show", "1"]), "   1  open     2026-11-30  sleep well\n");
    assert_eq!(ok(&["remove", "1"]), "removed task 1\n");
    assert_eq!(ok(&["remove", "1"]), "there is no task 1\n");
    assert_eq!(ok(&["list"]), "   2  open     -           rest\n");
    let (success, _, err) = run(folder.path(), &["show", "1"]);
    assert!(!success && err.contains("there is no task 1"), "{err}");
}
