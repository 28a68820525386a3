//! `docs/command.md` says what the command does: every verb, every name in an answer, every status. Never tests what an answer
//! is worth.
#![allow(clippy::unwrap_used, reason = "a test may fail this way")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;

use common::{ferrumdb, run};
use serde_json::Value;
use tempfile::tempdir;

const PAGE: &str = include_str!("../../docs/command.md");

/// The first cells of the table behind a heading, without their code marks.
fn first_cells(heading: &str) -> Vec<String> {
    let section = PAGE.split(&format!("\n## {heading}\n")).nth(1).unwrap();
    let rows =
        section.lines().take_while(|line| !line.starts_with("## ")).filter(|line| line.starts_with("| `"));
    rows.map(|row| row.split('|').nth(1).unwrap().trim().to_owned()).collect()
}

/// The names that the page lists for a verb, and whether each is in every answer.
fn documented(verb: &str) -> BTreeMap<String, bool> {
    let heading = if verb == "Errors" { verb.to_owned() } else { format!("`{verb}`") };
    let section = PAGE.split(&format!("\n### {heading}\n")).nth(1).unwrap();
    let lines = section.lines().take_while(|line| !line.starts_with('#'));
    let items = lines.filter_map(|line| line.strip_prefix("- `"));
    items
        .map(|item| {
            let (name, rest) = item.split_once('`').unwrap();
            let condition = rest.split(':').next().unwrap();
            let always =
                ![" if ", " with ", " unless ", " where ", ";"].iter().any(|word| condition.contains(word))
                    && !rest.contains("not there if");
            (name.to_owned(), always)
        })
        .collect()
}

/// Compares the names in one object with what the page lists.
fn compare(verb: &str, object: &Value) {
    let documented = documented(verb);
    let there: BTreeSet<&String> = object.as_object().unwrap().keys().collect();
    for name in &there {
        assert!(documented.contains_key(*name), "{verb} answers with {name:?}, which the page does not list");
    }
    for (name, always) in &documented {
        assert!(!always || there.contains(name), "{verb} does not answer with {name:?}: {object}");
    }
}

/// Runs a verb, and compares each object of its answer.
fn check(folder: &Path, verb: &str, line: &[&str]) -> BTreeSet<String> {
    let (status, out, err) = run(folder, &[line, &["--json", "--progress=none"]].concat(), "");
    assert_eq!(status, 0, "{line:?}: {err}");
    let answer: Value = serde_json::from_str(&out).unwrap();
    let rows = answer.as_array().cloned().unwrap_or_else(|| vec![answer]);
    assert!(!rows.is_empty(), "{line:?} answers with nothing");
    rows.iter().for_each(|row| compare(verb, row));
    rows.iter().flat_map(|row| row.as_object().unwrap().keys().cloned()).collect()
}

#[test]
fn every_verb_is_on_the_page_and_in_the_help() {
    let (_, help, _) = run(tempdir().unwrap().path(), &["--help"], "");
    let commands = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let verbs: Vec<_> = commands
        .lines()
        .filter_map(|line| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')))
        .map(|line| format!("`{}`", line.split_whitespace().next().unwrap()))
        .collect();
    assert_eq!(first_cells("Verbs").into_iter().collect::<BTreeSet<_>>(), verbs.into_iter().collect());
    let options = first_cells("Options of every verb");
    for option in options {
        let option = option.trim_matches('`').split_whitespace().next().unwrap();
        assert!(help.contains(option), "{option}");
    }
    for (status, row) in PAGE.split("\n## Exit status\n").nth(1).unwrap().lines().skip(3).take(7).enumerate()
    {
        assert!(
            row.starts_with(&format!("| {status} | ")) && help.contains(&format!("  {status} ")),
            "{row}"
        );
    }
}

#[test]
fn every_command_of_the_prompt_is_on_the_page() {
    let folder = tempdir().unwrap();
    let (_, out, _) = run(folder.path(), &[], "HELP\n");
    let commands = out.split("\nA key is").next().unwrap().lines().skip(1);
    let told: BTreeSet<_> = commands.filter_map(|line| line.split_whitespace().next()).collect();
    let cells = first_cells("At the prompt").join(" ");
    let on_page: BTreeSet<_> = cells.split_whitespace().map(|word| word.trim_matches('`')).collect();
    assert_eq!(told, on_page);
}

#[test]
fn every_name_in_an_answer_is_on_the_page() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("docs.ndjson"), "{\"n\":1}\n{\"n\":2}\n").unwrap();
    check(folder, "import", &["import", "my.db", "docs.ndjson"]);
    check(folder, "set", &["set", "my.db", "a", "{\"n\":3}", "--ttl", "600"]);
    check(folder, "set", &["set", "my.db", "a", "{\"n\":4}", "--ttl", "600"]);
    check(folder, "set", &["set", "my.db", "b", "1", "--collection", "other"]);
    check(folder, "set", &["set", "my.db", "gone", "1"]);
    check(folder, "delete", &["delete", "my.db", "gone"]);
    let names = check(folder, "get", &["get", "my.db", "a", "1", "--meta"]);
    assert_eq!(names.len(), 4, "{names:?}");
    check(folder, "keys", &["keys", "my.db"]);
    check(folder, "count", &["count", "my.db"]);
    check(folder, "index create", &["index", "create", "my.db", "n"]);
    check(folder, "index create", &["index", "create", "my.db", "n", "--if-absent"]);
    check(folder, "index create", &["index", "create", "my.db", "x.y", "--collection", "other"]);
    check(folder, "index list", &["index", "list", "my.db"]);
    check(folder, "find", &["find", "my.db", "n", "2"]);
    assert_eq!(check(folder, "find", &["find", "my.db", "n", "2", "--documents"]).len(), 2);
    let names = check(folder, "history", &["history", "my.db", "a"]);
    assert_eq!(names.len(), 5, "{names:?}");
    let watch = ["watch", "my.db", "--since", "0", "--before", "--limit", "6"];
    let names = check(folder, "watch", &watch);
    assert_eq!(names.len(), 8, "{names:?}");
    check(folder, "info", &["info", "my.db"]);
    check(folder, "index drop", &["index", "drop", "my.db", "n"]);
    check(folder, "export", &["export", "my.db", "out.ndjson"]);
    check(folder, "backup", &["backup", "my.db", "full.db"]);
    check(folder, "restore", &["restore", "full.db", "--to", "new.db"]);
    check(folder, "verify", &["verify", "my.db"]);
    check(folder, "repair", &["repair", "my.db", "--to", "saved.db"]);
    check(folder, "compact", &["compact", "my.db"]);
    let names = check(folder, "bench", &["bench", "--documents", "500", "--fsync=never", "--threads=2"]);
    assert_eq!(names.len(), 6, "{names:?}");
    let mut web = ferrumdb(folder).args(["web", "my.db", "--port", "0", "--json"]).spawn().unwrap();
    let mut told = String::new();
    BufReader::new(web.stdout.take().unwrap()).read_line(&mut told).unwrap();
    web.kill().unwrap();
    web.wait().unwrap();
    compare("web", &serde_json::from_str(&told).unwrap());
    fs::write(folder.join("old.key"), [1; 32]).unwrap();
    fs::write(folder.join("new.key"), [2; 32]).unwrap();
    check(folder, "set", &["set", "secret.db", "a", "1", "--key-file", "old.key"]);
    let info = check(folder, "info", &["info", "secret.db", "--key-file", "old.key"]);
    assert!(info.contains("documents"));
    let rekey = ["rekey", "secret.db", "--key-file", "old.key", "--new-key-file", "new.key", "--renew"];
    check(folder, "rekey", &rekey);
    let (status, out, _) = run(folder, &["info", "secret.db", "--json"], "");
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, &told["encryption"], told.get("documents")), (0, &"key".into(), None));
}

#[test]
fn every_status_comes_as_the_page_says_and_as_json_with_the_error() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    run(folder, &["set", "my.db", "a", "1"], "");
    fs::write(folder.join("text"), "no database, but a text").unwrap();
    let cases: [(&[&str], i32, Value); 9] = [
        (&["get", "my.db", "a"], 0, Value::Null),
        (&["index", "drop", "my.db", "x"], 1, "NoSuchIndex".into()),
        (&["watch", "my.db", "--since", "99"], 1, "NoSuchCommit".into()),
        (&["get", "my.db", "a", "--key-file", "my.db"], 2, Value::Null),
        (&["count", "text"], 4, "NotADatabase".into()),
        (&["count", "none.db"], 5, Value::Null),
        (&["set", "my.db", "a", "[1,"], 6, "InvalidJson".into()),
        (&["set", "my.db", "a", "2", "--if-absent"], 6, "Conflict".into()),
        (&["set", "my.db", "a", "2", "--read-only"], 6, "ReadOnly".into()),
    ];
    for (line, expected, kind) in cases {
        let (status, _, err) = run(folder, &[line, &["--json"]].concat(), "");
        assert_eq!(status, expected, "{line:?}: {err}");
        if expected > 0 {
            let error: Value = serde_json::from_str(&err).unwrap();
            compare("Errors", &error);
            assert_eq!((&error["status"], &error["kind"]), (&expected.into(), &kind), "{err}");
        }
    }
    let (status, _, err) = run(folder, &["get", "my.db", "nobody", "--json"], "");
    assert_eq!((status, err.as_str()), (1, ""), "what is not there is no error");
    let mut holder = ferrumdb(folder).arg("my.db").spawn().unwrap();
    holder.stdin.as_mut().unwrap().write_all(b"COUNT\n").unwrap();
    // It has the file when it answers.
    holder.stdout.as_mut().unwrap().read_exact(&mut [0; 2]).unwrap();
    let (status, _, err) = run(folder, &["set", "my.db", "b", "1", "--json"], "");
    drop(holder.stdin.take());
    assert!(holder.wait().unwrap().success());
    let error: Value = serde_json::from_str(&err).unwrap();
    assert_eq!((status, &error["kind"]), (3, &"Locked".into()), "{err}");
}

#[test]
fn whoever_has_read_enough_is_no_error() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    // More than a pipe holds.
    let lines: String = (0..40_000).map(|number| format!("{{\"n\":{number},\"t\":1}}\n")).collect();
    fs::write(folder.join("docs.ndjson"), lines).unwrap();
    run(folder, &["import", "my.db", "docs.ndjson", "--fsync=never"], "");
    let verbs: [(&[&str], i32); 6] = [
        (&["keys", "my.db"], 0),
        (&["export", "my.db"], 0),
        (&["find", "my.db", "t", "1", "--documents"], 0),
        (&["watch", "my.db", "--since", "0"], 0),
        (&["keys", "my.db", "--json"], 0),
        // The lines behind were not carried out.
        (&["my.db"], 6),
    ];
    for (arguments, expected) in verbs {
        let mut child = ferrumdb(folder).args(arguments).spawn().unwrap();
        drop(child.stdin.take().unwrap().write_all(b"KEYS\nCOUNT\n"));
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        assert!(!first.is_empty());
        let (status, _, err) = common::read(&child.wait_with_output().unwrap());
        assert_eq!((status, err.as_str()), (expected, ""), "{arguments:?}");
    }
}

#[test]
fn colours_are_for_terminals_alone() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    run(folder, &["set", "my.db", "a", "{\"n\":1}"], "");
    for arguments in [&["get", "my.db", "a"][..], &["get", "my.db"], &["--help"], &["info", "my.db"]] {
        let output = ferrumdb(folder).args(arguments).env("TERM", "xterm-256color").output().unwrap();
        let (_, out, err) = common::read(&output);
        assert!(!(out + &err).contains('\u{1b}'), "{arguments:?}");
    }
}
