//! What Ctrl-C leaves of the verbs that take long: the status that shells know, and no unfinished file. Never presses it twice.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may fail this way")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command};

use common::{ferrumdb, read, run};
use tempfile::{TempDir, tempdir};

/// It may be done before the key is pressed, so it is tried again.
const ATTEMPTS: usize = 20;
const INTERRUPTED: i32 = 130;

/// A folder with a database that takes some time to read.
fn filled() -> TempDir {
    let folder = tempdir().unwrap();
    let text = "x".repeat(500);
    let lines: String = (0..40_000).map(|number| format!("{{\"n\":{number},\"t\":\"{text}\"}}\n")).collect();
    assert_eq!(run(folder.path(), &["import", "my.db", "-", "--fsync=never"], lines).0, 0);
    folder
}

fn files(folder: &Path) -> BTreeSet<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn interrupt(child: &Child) {
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    // It may have ended by itself.
    kill.unwrap();
}

/// Interrupts a verb as soon as there is a file that it makes.
fn assert_leaves_nothing(folder: &Path, arguments: &[&str], made: Option<&str>) {
    let before = files(folder);
    for _ in 0..ATTEMPTS {
        let mut child = ferrumdb(folder).args(arguments).spawn().unwrap();
        // Whatever it is called; but what lies beside an open database is no file that is made.
        let is_made = |name: &String| !before.contains(name) && !name.ends_with(".live");
        while !files(folder).iter().any(is_made) && child.try_wait().unwrap().is_none() {}
        interrupt(&child);
        let (status, out, err) = read(&child.wait_with_output().unwrap());
        if status != 0 {
            assert_eq!((status, out.as_str()), (INTERRUPTED, ""), "{arguments:?}: {err}");
            assert_eq!(err, "error: stopped by Ctrl-C\n", "{arguments:?}");
            assert_eq!(files(folder), before, "{arguments:?}");
            return;
        }
        if let Some(made) = made {
            fs::remove_file(folder.join(made)).unwrap();
        }
    }
    panic!("{arguments:?} was not stopped in {ATTEMPTS} attempts");
}

#[test]
fn no_unfinished_file_is_left() {
    let folder = filled();
    let folder = folder.path();
    assert_leaves_nothing(folder, &["backup", "my.db", "copy.db"], Some("copy.db"));
    assert_leaves_nothing(folder, &["restore", "my.db", "--to", "restored.db"], Some("restored.db"));
    assert_leaves_nothing(folder, &["repair", "my.db", "--to", "saved.db"], Some("saved.db"));
    assert_leaves_nothing(folder, &["export", "my.db", "all.ndjson"], Some("all.ndjson"));
    assert_leaves_nothing(folder, &["compact", "my.db"], None);
    assert_eq!(run(folder, &["verify", "my.db"], "").0, 0, "and the database is as it was");
    assert_eq!(run(folder, &["count", "my.db"], "").1, "40000\n");
}

#[test]
fn a_measurement_takes_its_folder_away() {
    let folder = tempdir().unwrap();
    assert_leaves_nothing(folder.path(), &["bench", "--documents", "100000000"], None);
}

#[test]
fn an_import_that_waits_for_its_input_stops_and_says_what_stays() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    let mut import = ferrumdb(folder).args(["import", "my.db", "-"]).spawn().unwrap();
    let mut stdin = import.stdin.take().unwrap();
    for number in 0..700 {
        writeln!(stdin, "{{\"n\":{number}}}").unwrap();
    }
    stdin.flush().unwrap();
    // The input goes on, and says nothing, while others see what is committed.
    while run(folder, &["count", "my.db"], "").1 != "500\n" {
        assert!(import.try_wait().unwrap().is_none(), "it waits");
    }
    interrupt(&import);
    let (status, _, err) = read(&import.wait_with_output().unwrap());
    drop(stdin);
    assert_eq!(status, INTERRUPTED, "{err}");
    let told = err.strip_prefix("error: stopped by Ctrl-C; the ").unwrap_or_else(|| panic!("{err}"));
    let count = told.strip_suffix(" documents before it were imported\n").unwrap_or_else(|| panic!("{err}"));
    assert!((500..=700).contains(&count.parse::<u32>().unwrap()), "{err}");
    assert_eq!(run(folder, &["count", "my.db"], "").1, format!("{count}\n"), "no more and no less");
}
