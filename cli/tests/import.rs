//! The import: arrays, lines, standard input, bad documents, and the memory that it takes. Never reads real data.
#![allow(clippy::unwrap_used, reason = "a test may fail this way")]

mod common;

use std::fmt::Write as _;
use std::fs;
use std::io::Write;

use common::{ferrumdb, read, run};
use tempfile::tempdir;

const USERS: &str = r#" [
  { "id": 17, "name": "Ann", "address": { "city": "Bonn" }, "score": 1.50 },
  { "id": 18, "name": "Bob\u0021", "address": { "city": "Ulm" }, "score": 18446744073709551615 }
]
"#;

#[test]
fn an_array_is_imported_with_keys_from_a_field() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("users.json"), USERS).unwrap();
    let (status, out, err) = run(folder.path(), &["import", "a.db", "users.json", "--key", "id"], "");
    assert_eq!((status, err.as_str()), (0, ""));
    assert!(out.starts_with("imported 2 documents in ") && out.ends_with(" documents/s)\n"), "{out}");
    let (_, out, _) = run(folder.path(), &["a.db"], "COUNT\nGET 17\nGET 18\n");
    let expected = concat!(
        "2\n{\"id\":17,\"name\":\"Ann\",\"address\":{\"city\":\"Bonn\"},\"score\":1.50}\n",
        "{\"id\":18,\"name\":\"Bob!\",\"address\":{\"city\":\"Ulm\"},\"score\":18446744073709551615}\n",
    );
    assert_eq!(out, expected);
    run(folder.path(), &["import", "a.db", "users.json", "--key", "address.city"], "");
    assert_eq!(run(folder.path(), &["a.db"], "COUNT\nDEL Bonn\nDEL Ulm\n").1, "4\nOK\nOK\n");
}

#[test]
fn lines_are_imported_with_numbered_keys() {
    let folder = tempdir().unwrap();
    let input = "{\"n\":1}\r\n\n[2]\n3";
    let (status, ..) = run(folder.path(), &["import", "a.db", "-", "--key-prefix", "line:"], input);
    assert_eq!(status, 0);
    let (_, out, _) = run(folder.path(), &["a.db"], "GET line:1\nGET line:2\nGET line:3\nCOUNT\n");
    assert_eq!(out, "{\"n\":1}\n[2]\n3\n3\n");
    fs::write(folder.path().join("arrays.ndjson"), "[1]\n[2]\n").unwrap();
    run(folder.path(), &["import", "b.db", "arrays.ndjson"], "");
    run(folder.path(), &["import", "c.db", "-", "--lines"], "[1]\n[2]\n");
    for path in ["b.db", "c.db"] {
        assert_eq!(run(folder.path(), &[path], "GET 1\nGET 2\n").1, "[1]\n[2]\n");
    }
}

#[test]
fn a_bad_document_is_named_and_those_before_it_stay() {
    let folder = tempdir().unwrap();
    let lines: String = (1..=1200).map(|number| format!("{{\"id\":\"k{number}\"}}\n")).collect();
    let bad = [
        (
            "not json",
            "line 1201: key \"1201\": not valid JSON at byte 0",
            "the 1200 documents before it were imported",
        ),
        ("{\"a\":1,\"a\":2}", "line 1201: ", "for the second time"),
        ("\u{0}", "line 1201: ", "not valid JSON at byte 0"),
        ("{\"id\":1e999}", "line 1201: ", "too large"),
    ];
    for (place, (document, start, part)) in bad.into_iter().enumerate() {
        let path = format!("{place}.db");
        let (status, out, err) =
            run(folder.path(), &["import", &path, "-"], format!("{lines}{document}\n{{}}\n"));
        assert_eq!((status, out.as_str(), err.lines().count()), (6, "", 1), "{err}");
        assert!(err.starts_with(&format!("error: {start}")) && err.contains(part), "{err}");
        assert_eq!(run(folder.path(), &[&path], "COUNT\nGET 1201\n").1, "1200\n(nil)\n");
    }
    let (status, _, err) =
        run(folder.path(), &["import", "k.db", "-", "--key", "id"], format!("{lines}{{}}\n"));
    assert_eq!(status, 6);
    assert!(err.starts_with("error: line 1201: the document has no field \"id\""), "{err}");
    assert_eq!(run(folder.path(), &["k.db"], "COUNT\nGET k1200\n").1, "1200\n{\"id\":\"k1200\"}\n");
}

#[test]
fn a_bad_element_is_named_with_its_line_and_number() {
    let folder = tempdir().unwrap();
    let cases = [
        ("[\n{\"a\": 1},\n{\"a\" 2}\n]", "error: line 3 (element 2): key \"2\": not valid JSON at byte 5"),
        ("[{\"a\": 1}\n, {\"a\": [2]", "error: line 2 (element 2): the input ends within the array"),
        ("[{\"a\": 1}\n]\n{}", "error: line 3: there is more behind the end of the array"),
        ("[{\"a\": 1},,\n2]", "error: line 1 (element 2): a document is missing"),
    ];
    for (place, (input, expected)) in cases.into_iter().enumerate() {
        let path = format!("{place}.db");
        let (status, _, err) = run(folder.path(), &["import", &path, "-"], input);
        assert!(status == 6 && err.starts_with(expected), "{input:?}: {err}");
        assert!(err.contains("the document before it was imported"), "{err}");
        assert_eq!(run(folder.path(), &[&path], "COUNT\n").1, "1\n");
    }
}

#[test]
fn acknowledgements_count_up_to_the_whole_in_order() {
    let folder = tempdir().unwrap();
    let lines = "{\"n\": 1}\n".repeat(1_700);
    let (status, out, err) = run(folder.path(), &["import", "a.db", "-", "--acknowledge"], lines);
    let expected = (1..=4).fold(String::new(), |mut text, sequence| {
        writeln!(text, "{} documents, sequence {sequence}", (sequence * 500).min(1_700)).unwrap();
        text
    });
    assert_eq!((status, out), (0, expected));
    assert!(err.starts_with("imported 1700 documents in "), "{err}");
}

#[test]
fn the_later_of_two_documents_with_one_key_stays() {
    let folder = tempdir().unwrap();
    let input = "{\"k\":\"a\",\"n\":1}\n{\"k\":\"a\",\"n\":2}\n";
    run(folder.path(), &["import", "a.db", "-", "--key", "k"], input);
    assert_eq!(run(folder.path(), &["a.db"], "COUNT\nGET a\n").1, "1\n{\"k\":\"a\",\"n\":2}\n");
}

#[test]
fn an_empty_input_imports_nothing_and_succeeds() {
    let folder = tempdir().unwrap();
    for input in ["", "[]", " \n "] {
        let (status, out, err) = run(folder.path(), &["import", "a.db", "-"], input);
        assert!(status == 0 && err.is_empty() && out.starts_with("imported 0 documents"), "{out}{err}");
    }
}

/// The array arrives through a pipe, and its end is held back until the memory has been looked at.
#[cfg(target_os = "linux")]
#[test]
fn an_array_larger_than_the_memory_used_is_imported() {
    const ARRAY_BYTES: usize = 200 << 20;
    const MEMORY_BYTES_MAX: usize = 96 << 20;
    let folder = tempdir().unwrap();
    let mut command = ferrumdb(folder.path());
    let mut child = command.args(["import", "a.db", "-", "--fsync=never", "--key", "id"]).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let text = "lorem ipsum ".repeat(5_000);
    let mut written = stdin.write(b"[").unwrap();
    for number in 0.. {
        let document = format!("\n  {{\"id\": {number}, \"text\": \"{text}\"}},");
        stdin.write_all(document.as_bytes()).unwrap();
        written += document.len();
        if written > ARRAY_BYTES {
            break;
        }
    }
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    let peak: usize = line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10;
    stdin.write_all(b"{\"id\": \"last\"}]").unwrap();
    drop(stdin);
    let (status, out, err) = read(&child.wait_with_output().unwrap());
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    assert!(peak < MEMORY_BYTES_MAX, "{} MiB for an array of {} MiB", peak >> 20, written >> 20);
    assert_eq!(run(folder.path(), &["a.db"], "GET last\n").1, "{\"id\":\"last\"}\n");
}
