//! What shells offer while a line is typed, and what the manual says. Never starts a shell.
#![allow(clippy::unwrap_used, reason = "a test may fail this way")]

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;

use common::{ferrumdb, read, run};
use tempfile::tempdir;

/// What is offered for the last of these words.
fn offered(folder: &Path, words: &[&str]) -> Vec<String> {
    let mut command = ferrumdb(folder);
    command.env("FERRUMDB_COMPLETE", "bash").env("_CLAP_IFS", "\n").env("_CLAP_COMPLETE_COMP_TYPE", "9");
    command.env("_CLAP_COMPLETE_INDEX", words.len().to_string());
    let (status, out, err) = read(&command.arg("--").arg("ferrumdb").args(words).output().unwrap());
    assert_eq!((status, err.as_str()), (0, ""), "{words:?}");
    out.lines().map(|line| line.trim_end().to_owned()).collect()
}

#[test]
fn keys_fields_and_collections_of_the_named_file_are_offered() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    let sets: String = (0..300).map(|number| format!("SET many:{number:03} 1\n")).collect();
    let others = "SET user:1 1\nSET user:2 1\nINDEX age\nINDEX address.city\nUSE orders\nSET o:1 1\nUSE \"two words\"\nSET x 1\n";
    run(folder, &["my.db", "--fsync=never"], sets + others);
    assert_eq!(offered(folder, &["get", "my.db", "us"]), ["user:1", "user:2"]);
    assert_eq!(offered(folder, &["get", "my.db", "user:1", "user:2"]), ["user:2"]);
    let begun: Vec<_> = (0..=2).map(|digit| format!("many:{digit}")).collect();
    assert_eq!(offered(folder, &["get", "my.db", "m"]), begun, "how they begin, where they are too many");
    assert_eq!(offered(folder, &["get", "my.db", "many:2"]).len(), 100);
    assert_eq!(offered(folder, &["get", "my.db", "--collection", "orders", "o"]), ["o:1"]);
    assert_eq!(offered(folder, &["get", "my.db", "--collection", "o"]), ["orders"]);
    let mut fields = offered(folder, &["find", "my.db", "a"]);
    fields.sort_unstable();
    assert_eq!(fields, ["address.city", "age"]);
    assert_eq!(offered(folder, &["index", "drop", "my.db", "ag"]), ["age"]);
    assert!(offered(folder, &["comp"]).contains(&"compact".to_owned()));
    assert!(offered(folder, &["get", "my.db", "--js"]).contains(&"--json".to_owned()));
}

/// What has been committed behind the hint counts, whether the file is open or a crash has left it.
#[test]
fn what_an_owner_has_committed_since_is_offered() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    run(folder, &["my.db"], "SET a:1 1\nSET a:2 1\nUSE gone\nSET x 1\nINDEX n\nUSE kept\nSET k:1 1\n");
    let mut owner = ferrumdb(folder).arg("my.db").spawn().unwrap();
    let mut stdin = owner.stdin.take().unwrap();
    let mut stdout = BufReader::new(owner.stdout.take().unwrap());
    stdin
        .write_all(b"DELETE a:1\nSET a:3 1\nSETEX a:4 1 1\nDROP gone\nUSE new\nSET n:1 1\nINDEX f\n.mode raw\nCOUNT\n")
        .unwrap();
    let mut line = String::new();
    while line.trim() != "1" {
        line.clear();
        assert!(stdout.read_line(&mut line).unwrap() > 0);
    }
    assert_eq!(offered(folder, &["get", "my.db", "a"])[..2], ["a:2", "a:3"]);
    assert_eq!(offered(folder, &["get", "my.db", "--collection", "new", "n"]), ["n:1"]);
    assert_eq!(offered(folder, &["get", "my.db", "--collection", "gone", "x"]), Vec::<String>::new());
    assert_eq!(offered(folder, &["get", "my.db", "--collection", "kept", "k"]), ["k:1"]);
    assert_eq!(offered(folder, &["get", "my.db", "--collection", ""]), ["kept", "new"]);
    assert_eq!(offered(folder, &["find", "my.db", "--collection", "new", "f"]), ["f"]);
    assert_eq!(offered(folder, &["find", "my.db", "--collection", "gone", "n"]), Vec::<String>::new());
    owner.kill().unwrap();
    owner.wait().unwrap();
    assert_eq!(offered(folder, &["get", "my.db", "a:3"]), ["a:3"]);
}

#[test]
fn what_cannot_be_read_offers_nothing_and_is_no_error() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("text"), "no database").unwrap();
    fs::write(folder.join("key"), [1; 32]).unwrap();
    run(folder, &["set", "secret.db", "user:1", "1", "--key-file", "key"], "");
    for words in
        [&["get", "text", "u"][..], &["get", "none.db", "u"], &["get", "secret.db", "u"], &["get", "u"]]
    {
        assert_eq!(offered(folder, words), Vec::<String>::new(), "{words:?}");
    }
    assert_eq!(offered(folder, &["get", "--key-file", "key", "secret.db", "u"]), ["user:1"]);
}

#[test]
fn every_shell_has_its_script_and_every_verb_its_page() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let (status, out, _) = run(folder, &["completions", shell], "");
        assert!(
            status == 0 && out.contains("FERRUMDB_COMPLETE") && out.contains("ferrumdb"),
            "{shell}: {out}"
        );
    }
    assert_eq!(run(folder, &["completions", "dos"], "").0, 2);
    let (status, page, _) = run(folder, &["man"], "");
    assert!(status == 0 && page.contains(".TH ferrumdb 1") && page.contains("FERRUMDB_PASSPHRASE"), "{page}");
    assert_eq!(run(folder, &["man", "--to", "."], "").0, 0);
    let page = fs::read_to_string(folder.join("ferrumdb-import.1")).unwrap();
    assert!(page.contains(".TH ferrumdb\\-import 1") || page.contains(".TH ferrumdb-import 1"), "{page}");
    assert!(fs::read_dir(folder).unwrap().count() > 20);
    assert_eq!(run(folder, &["man", "--to", "nowhere"], "").0, 5);
}
