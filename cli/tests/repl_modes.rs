//! What changes the meaning of the commands behind it, in a pipe: transactions, snapshots, modes, and files. Never needs a
//! terminal.
#![allow(clippy::unwrap_used, reason = "a test may fail this way")]

mod common;

use std::fs;

use common::run;
use tempfile::tempdir;

#[test]
fn a_transaction_shows_its_own_writes_and_is_forgotten_or_committed_whole() {
    let folder = tempdir().unwrap();
    let input = r#"SET a 1
SET b 2
BEGIN
SET a 10
DELETE b
DELETE nobody
SETEX c 100 {"n":3}
GET a
GET b
TTL c
COUNT
KEYS
FIND n 3
USE other
SET x 7
COUNT
USE
ROLLBACK
GET a
KEYS
COUNT
BEGIN
SET a 10
EXPIRE b 500
USE other
SET x 7
COMMIT
GET x
USE
GET a
TTL b
"#;
    let answers = concat!(
        "OK\nOK\nOK\nOK\nOK\n(nil)\nOK\n10\n(nil)\n100\n2\na\nc\nc\nOK\nOK\n1\nOK\nOK\n",
        "1\na\nb\n2\nOK\nOK\nOK\nOK\nOK\nOK\n7\nOK\n10\n500\n"
    );
    let (status, out, err) = run(folder.path(), &["t.db"], input);
    // Of what is left of a lifetime, some seconds may have gone by.
    let left = |line: &str, of: u32| line.parse().is_ok_and(|left: u32| (of - 60..=of).contains(&left));
    let is_right = |(told, wanted): (&str, &str)| match wanted {
        "100" | "500" => left(told, wanted.parse().unwrap()),
        _ => told == wanted,
    };
    assert!(out.lines().zip(answers.lines()).all(is_right), "{out}");
    assert_eq!((status, out.lines().count(), err.as_str()), (0, answers.lines().count(), ""));
    assert_eq!(run(folder.path(), &["t.db"], "BEGIN\nSET a 99\n").1, "OK\nOK\n", "the end forgets it, too");
    assert_eq!(run(folder.path(), &["t.db"], "GET a\n").1, "10\n");
}

#[test]
fn what_does_not_belong_into_a_transaction_is_refused_and_leaves_it_open() {
    let folder = tempdir().unwrap();
    let input = "COMMIT\nROLLBACK\nRELEASE\nBEGIN\nBEGIN\nSNAPSHOT\nINDEX n\nCOMPACT\nDROP c\n.open x.db\nSET a {\nSET a 1\nCOMMIT\nGET a\n";
    let (status, out, err) = run(folder.path(), &["t.db"], input);
    assert_eq!((status, out.as_str()), (6, "OK\nOK\nOK\n1\n"), "{err}");
    let told: Vec<_> = err.lines().collect();
    let expected = [
        "line 1: no transaction is open; BEGIN opens one",
        "line 2: no transaction is open",
        "line 3: there is no snapshot",
        "line 5: a transaction is open; COMMIT or ROLLBACK ends it",
        "line 6: a transaction is open",
        "line 7: a transaction is open",
        "line 8: a transaction is open",
        "line 9: a transaction is open",
        "line 10: a transaction is open",
        "line 11: key \"a\": not valid JSON",
    ];
    assert_eq!(told.len(), expected.len(), "{err}");
    for (line, expected) in told.iter().zip(expected) {
        assert!(line.starts_with(&format!("error: {expected}")), "{line}");
    }
    assert!(!folder.path().join("x.db").exists());
}

#[test]
fn a_snapshot_stays_as_it_was_until_it_is_released() {
    let folder = tempdir().unwrap();
    let input = "SET a 1\nSNAPSHOT\nSET a 2\nSET b 3\nGET a\nKEYS\nCOUNT\nUSE c\nSET x 1\nGET x\nUSE\nBEGIN\nRELEASE\nGET a\nCOUNT\n";
    let (status, out, err) = run(folder.path(), &["s.db"], input);
    assert_eq!(out, "OK\nOK\nOK\nOK\n1\na\n1\nOK\nOK\n(nil)\nOK\nOK\n2\n2\n");
    assert!(status == 6 && err.starts_with("error: line 12: reads show a snapshot; RELEASE"), "{err}");
}

#[test]
fn answers_look_as_the_mode_says() {
    let folder = tempdir().unwrap();
    run(folder.path(), &["m.db"], "SET a {\"n\":1.50}\nSET b text\nINDEX n\n");
    let input = ".mode\n.mode json\nKEYS\nGET b\nGET c\nCOUNT\n.mode csv\nKEYS b\nINDEXES\n.mode raw\nGET b\nGET a\n.mode table\nKEYS\n.MODE auto\n.mode\nKEYS a\n";
    let (status, out, err) = run(folder.path(), &["m.db"], input);
    let (before, after) = out.split_once("n,2,0,").unwrap();
    assert_eq!(
        before,
        "auto\n[\n{\"key\":\"a\"},\n{\"key\":\"b\"}\n]\n\"text\"\nnull\n{\"count\":2}\nkey\nb\nfield,entries,uses,bytes\n"
    );
    let after = after.split_once('\n').unwrap().1;
    assert_eq!(after, "text\n{\"n\":1.50}\nkey\na\nb\nauto\na\n");
    assert_eq!((status, err.as_str()), (0, ""));
    let (status, _, err) = run(folder.path(), &["m.db"], ".mode bright\n.nothing\n.timing maybe\n");
    assert!(status == 6 && err.lines().count() == 3 && err.contains("type auto, table, json"), "{err}");
    assert_eq!(run(folder.path(), &["m.db", "--mode", "ndjson"], "KEYS a\n").1, "{\"key\":\"a\"}\n");
}

#[test]
fn timing_is_told_behind_each_answer() {
    let folder = tempdir().unwrap();
    let (_, out, _) = run(folder.path(), &["t.db"], ".timing on\nSET a 1\nGET a\n.timing off\nGET a\n");
    let lines: Vec<_> = out.lines().collect();
    assert_eq!((lines.len(), lines[0], lines[2], lines[4]), (5, "OK", "1", "1"), "{out}");
    assert!(lines[1].starts_with("Time: ") && lines[3].starts_with("Time: "), "{out}");
}

#[test]
fn files_are_imported_dumped_and_opened() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("two docs.ndjson"), "{\"id\":\"a\",\"n\":1}\n{\"id\":\"b\",\"n\":2}\n")
        .unwrap();
    let input = ".import \"two docs.ndjson\" --key id\nCOUNT\nUSE c\n.import \"two docs.ndjson\"\nCOUNT\n.dump out.ndjson\n\
                 .open other.db\nCOUNT\n.import out.ndjson\nKEYS\nUSE c\nKEYS\n.open one.db\n";
    let (status, out, err) = run(folder.path(), &["one.db"], input);
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    assert_eq!(
        out,
        "OK (2 documents)\n2\nOK\nOK (2 documents)\n2\nOK (4 documents)\n0\nOK (4 documents)\na\nb\nOK\n1\n2\n"
    );
    let (_, out, _) = run(folder.path(), &["one.db"], ".dump\n");
    assert_eq!((out.lines().count(), out.starts_with("{\"ferrumdb_export\":1,")), (5, true), "{out}");
    let input = ".import nothing.json\n.import -\n.import\n.import a b\n.dump out.ndjson\n.open .\nCOUNT\n";
    let (status, out, err) = run(folder.path(), &["one.db"], input);
    assert_eq!((status, out.as_str(), err.lines().count()), (5, "2\n", 6), "{err}");
    assert!(
        err.lines().enumerate().all(|(at, line)| line.starts_with(&format!("error: line {}: ", at + 1))),
        "{err}"
    );
}

#[test]
fn a_compaction_says_what_it_has_won_and_a_watch_needs_a_terminal() {
    let folder = tempdir().unwrap();
    let sets: String = (0..200).map(|number| format!("SET a {number}\n")).collect();
    let (status, out, err) = run(folder.path(), &["c.db"], format!("{sets}COMPACT\nGET a\nWATCH\n"));
    let answers: Vec<_> = out.lines().skip(200).collect();
    assert!(answers[0].starts_with("OK (") && answers[0].contains(" bytes of log became "), "{out}");
    assert_eq!(answers[1], "199");
    assert!(status == 6 && err.contains("WATCH is for a terminal; `ferrumdb watch`"), "{err}");
}
