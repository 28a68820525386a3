//! The commands `verify` and `repair`: what they print, and how they end. Never tests what is found, or saved.
#![allow(clippy::unwrap_used, reason = "a test may fail this way")]

mod common;

use std::fs;
use std::path::Path;

use common::{ferrumdb, run};
use tempfile::tempdir;

/// A database of three documents, the second of which has had two versions.
fn fill(folder: &Path) {
    let commands = "SET a 1\nSET \"b c\" {\"n\":1}\nSET \"b c\" {\"n\":2}\nSET d 3\n";
    // Then no mark of an idle database is a commit, too.
    assert_eq!(run(folder, &["--fsync=never", "my.db"], commands).0, 0);
}

fn spoil(folder: &Path, position: usize) {
    let mut bytes = fs::read(folder.join("my.db")).unwrap();
    bytes[position] ^= 1;
    fs::write(folder.join("my.db"), bytes).unwrap();
}

/// Where the third record begins: the second version of `b c`.
const THIRD: usize = 8192 + 96 + 104;

#[test]
fn a_sound_file_is_told_in_one_line_and_status_0() {
    let folder = tempdir().unwrap();
    fill(folder.path());
    let (status, out, err) = run(folder.path(), &["verify", "my.db"], "");
    assert_eq!((status, err.as_str()), (0, ""));
    assert!(out.starts_with("my.db is sound: 3 documents in 5 commits, the newest 5, in "), "{out}");
    assert_eq!(out.lines().count(), 1);
    let (status, out, _) = run(folder.path(), &["verify", "my.db", "--json"], "");
    let told: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, &told["sound"], &told["documents"]), (0, &true.into(), &3.into()));
    assert_eq!(run(folder.path(), &["my.db"], "COUNT\n").1, "3\n");
}

#[test]
fn damage_is_told_line_by_line_with_status_4_and_the_rest_is_saved() {
    let folder = tempdir().unwrap();
    fill(folder.path());
    spoil(folder.path(), THIRD + 50);
    let before = fs::read(folder.path().join("my.db")).unwrap();
    let (status, out, err) = run(folder.path(), &["verify", "my.db"], "");
    assert_eq!(status, 4);
    assert!(out.starts_with(&format!("byte {THIRD}: the payload of a record does not check")), "{out}");
    assert!(out.contains("commit 3 is missing"), "{out}");
    assert!(err.contains("my.db is damaged: ") && err.contains("`ferrumdb repair my.db --to NEW`"), "{err}");
    let (status, out, err) = run(folder.path(), &["verify", "my.db", "--json"], "");
    let told: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, err.as_str(), &told["findings"][0]["position"]), (4, "", &THIRD.into()));

    let (status, out, err) = run(folder.path(), &["repair", "my.db", "--to", "saved.db"], "");
    assert_eq!((status, err.as_str()), (4, ""));
    let lines: Vec<_> = out.lines().collect();
    assert_eq!(lines[0], format!("lost bytes {THIRD} to {}", THIRD + 104));
    assert_eq!(lines[1], "lost commit 3, or parts of it");
    assert!(
        lines.last().unwrap().starts_with("saved 3 documents as of commit 5 in saved.db; 104 bytes"),
        "{out}"
    );
    assert_eq!(run(folder.path(), &["saved.db"], "GET \"b c\"\nCOUNT\n").1, "{\"n\":1}\n3\n");
    assert_eq!(run(folder.path(), &["verify", "saved.db"], "").0, 0);
    assert_eq!(fs::read(folder.path().join("my.db")).unwrap(), before);
}

#[test]
fn a_repair_that_loses_nothing_ends_with_status_0() {
    let folder = tempdir().unwrap();
    fill(folder.path());
    let (status, out, err) = run(folder.path(), &["repair", "my.db", "--to", "copy.db"], "");
    assert_eq!((status, err.as_str()), (0, ""));
    assert_eq!(out, "saved 3 documents as of commit 5 in copy.db; nothing was lost\n");
    let arguments = ["repair", "my.db", "--to", "other.db", "--json"];
    let (status, out, _) = run(folder.path(), &arguments, "");
    let told: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, &told["complete"], &told["documents"]), (0, &true.into(), &3.into()));
}

#[test]
fn a_torn_tail_is_a_warning() {
    let folder = tempdir().unwrap();
    fill(folder.path());
    let bytes = fs::read(folder.path().join("my.db")).unwrap();
    fs::write(folder.path().join("my.db"), &bytes[..bytes.len() - 8]).unwrap();
    let (status, out, err) = run(folder.path(), &["verify", "my.db"], "");
    assert!(status == 0 && out.contains(" is sound: ") && err.contains("64 bytes unfinished"), "{out}{err}");
}

#[test]
fn what_cannot_be_looked_at_ends_with_the_status_that_says_why() {
    let folder = tempdir().unwrap();
    fill(folder.path());
    fs::write(folder.path().join("text"), "no database").unwrap();
    for (arguments, expected) in [
        (&["verify"][..], 2),
        (&["repair", "my.db"], 2),
        (&["verify", "missing.db"], 5),
        (&["verify", "."], 5),
        (&["verify", "text"], 4),
        (&["repair", "text", "--to", "new.db"], 4),
        (&["repair", "my.db", "--to", "text"], 5),
        (&["repair", "my.db", "--to", "my.db"], 5),
        (&["repair", "my.db", "--to", "no/folder/new.db"], 5),
    ] {
        let (status, out, err) = run(folder.path(), arguments, "");
        assert_eq!((status, out.as_str(), err.lines().count()), (expected, "", 1), "{arguments:?}: {err}");
    }
    assert!(!folder.path().join("new.db").exists());
    assert!(!folder.path().join("missing.db").exists());
}

#[test]
fn an_encrypted_file_needs_its_key_and_ends_with_status_2() {
    let folder = tempdir().unwrap();
    let config = ferrumdb::Config::new(folder.path().join("my.db")).with_encryption([7; 32]);
    ferrumdb::FerrumDB::open(config).wait().unwrap().close().wait().unwrap();
    for arguments in [&["verify", "my.db"][..], &["repair", "my.db", "--to", "new.db"]] {
        let (status, out, err) = run(folder.path(), arguments, "");
        assert_eq!((status, out.as_str(), err.lines().count()), (2, "", 1), "{err}");
        assert!(err.contains("my.db is encrypted"), "{err}");
    }
    assert!(!folder.path().join("new.db").exists());
}

#[test]
fn a_file_in_use_is_verified_beside_its_owner_and_repaired_by_nobody() {
    use std::io::{BufRead, BufReader, Write};

    let folder = tempdir().unwrap();
    fill(folder.path());
    let mut owner = ferrumdb(folder.path()).arg("my.db").spawn().unwrap();
    let mut stdin = owner.stdin.take().unwrap();
    stdin.write_all(b"COUNT\n").unwrap();
    let mut line = String::new();
    BufReader::new(owner.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "3\n");
    let (status, out, err) = run(folder.path(), &["verify", "my.db"], "");
    // The commit that says that the file is open is there, too.
    assert!(status == 0 && out.starts_with("my.db is sound: 3 documents in "), "{out}{err}");
    assert!(err.contains("what it has committed by now is verified"), "{err}");
    let (status, out, _) = run(folder.path(), &["verify", "my.db", "--json"], "");
    let told: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, &told["followed"], &told["sound"]), (0, &true.into(), &true.into()));
    assert_eq!(run(folder.path(), &["repair", "my.db", "--to", "new.db"], "").0, 3);
    spoil(folder.path(), THIRD + 50);
    let (status, out, err) = run(folder.path(), &["verify", "my.db"], "");
    assert!(status == 4 && (out + &err).contains(&format!("byte {THIRD}")), "{err}");
    spoil(folder.path(), THIRD + 50);
    drop(stdin);
    assert!(owner.wait().unwrap().success());
    assert_eq!(run(folder.path(), &["verify", "my.db"], "").0, 0);
}
