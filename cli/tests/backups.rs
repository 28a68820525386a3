//! Backup, restore, export and the import of an export, as people use them. Never reads real data.
#![allow(clippy::unwrap_used, reason = "a test may fail this way")]

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Write};

use common::{ferrumdb, read, run};
use tempfile::tempdir;

#[test]
fn a_database_is_restored_from_a_full_and_an_incremental_backup_up_to_a_commit_or_a_time() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    run(folder, &["my.db"], "SET a 1\nSET b 2\n");
    let (status, out, err) = run(folder, &["backup", "my.db", "full.db"], "");
    assert_eq!((status, err.as_str()), (0, ""));
    // The prompt's closing is a commit, too.
    assert!(out.starts_with("backed up everything up to commit 3: 2 records, "), "{out}");
    run(folder, &["my.db"], "SET c 3\nDEL a\n");
    let (status, out, _) = run(folder, &["backup", "my.db", "later.inc", "--since", "3"], "");
    assert_eq!(status, 0);
    assert!(out.starts_with("backed up the commits from 4 to 7: 4 records, "), "{out}");

    let restore = |to: &str, more: &[&str]| {
        let arguments = [&["restore", "full.db", "later.inc", "--to", to], more].concat();
        run(folder, &arguments, "")
    };
    let (status, out, err) = restore("all.db", &[]);
    assert_eq!((status, err.as_str()), (0, ""));
    assert!(out.starts_with("restored everything up to commit 7: "), "{out}");
    assert_eq!(run(folder, &["all.db"], "GET a\nGET b\nGET c\n").1, "(nil)\n2\n3\n");
    // 4 is the closing of the database by the first backup.
    assert_eq!(restore("five.db", &["--up-to", "5"]).0, 0);
    assert_eq!(run(folder, &["five.db"], "GET a\nGET b\nGET c\n").1, "1\n2\n3\n");
    assert_eq!(restore("now.db", &["--at", "2999-01-01T00:00:00Z"]).0, 0);
    assert_eq!(run(folder, &["now.db"], "COUNT\n").1, "2\n");
}

#[test]
fn what_cannot_be_backed_up_or_restored_is_told_with_its_status() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    run(folder, &["my.db"], "SET a 1\n");
    run(folder, &["backup", "my.db", "full.db"], "");
    run(folder, &["other.db"], "SET a 1\n");
    run(folder, &["backup", "other.db", "other.inc", "--since", "1"], "");
    let cases: [(&[&str], i32, &str); 10] = [
        (&["backup", "none.db", "x.db"], 5, "there is no database none.db"),
        (&["backup", "my.db", "full.db"], 5, "there is a file "),
        (&["backup", "my.db", "no/folder.db"], 5, "the folder of "),
        (&["backup", "my.db", "x.inc", "--since", "99"], 1, "there is no commit 99: the newest is "),
        (&["backup", "my.db", "x.inc", "--since", "x"], 2, "invalid value"),
        (&["restore", "full.db", "other.inc", "--to", "x.db"], 6, "it was taken of another database"),
        (&["restore", "full.db", "--to", "my.db"], 5, "there is a file "),
        (&["restore", "full.db", "--to", "x.db", "--up-to", "1"], 1, "commit 1 is not to be had"),
        (&["restore", "other.inc", "--to", "x.db"], 4, "it is an incremental backup"),
        (&["restore", "full.db", "--to", "x.db", "--at", "noon"], 2, "give a time as 2026-11-23T04:00:00Z"),
    ];
    for (arguments, expected, part) in cases {
        let (status, out, err) = run(folder, arguments, "");
        assert_eq!((status, out.as_str(), err.lines().count()), (expected, "", 1), "{arguments:?}: {err}");
        assert!(err.contains(part), "{arguments:?}: {err}");
    }
    let mut bytes = fs::read(folder.join("full.db")).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(folder.join("full.db"), bytes).unwrap();
    let (status, _, err) = run(folder, &["restore", "full.db", "--to", "x.db"], "");
    assert!(status == 4 && err.contains("is damaged at byte"), "{err}");
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(names.into_iter().all(|name| !name.contains("x.") && !name.contains("new")));
}

#[test]
fn an_export_comes_back_as_it_was() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    let keys = ["", "\\u0000", "a b", "\\\"q\\\"", "é\\n", "{\\\"ferrumdb_export\\\":1}"];
    let values =
        ["1.50", "18446744073709551615", "-0.0", "{\"b\":[],\"a\":{\"x\":null}}", "\"\\u2028é\"", "[1e5]"];
    let mut input = format!(
        "{{\"ferrumdb_export\":1,\"sequence\":1,\"documents\":{},\"indexes\":[[\"a\",\"x\"],[\"b.c\"]],\"collections\":[]}}\n",
        keys.len() + 2
    );
    for (key, value) in keys.iter().zip(values) {
        input += &format!("{{\"key\":\"{key}\",\"value\":{value}}}\n");
    }
    // One that is there for long, and one that has gone.
    input += "{\"key\":\"later\",\"value\":1,\"expires_at\":32503680000123}\n";
    input += "{\"key\":\"gone\",\"value\":1,\"expires_at\":1}\n";
    let (status, out, err) = run(folder, &["import", "a.db", "-"], &input);
    assert_eq!((status, err.as_str()), (0, ""));
    assert!(out.starts_with("imported 8 documents in "), "{out}");

    let (status, exported, err) = run(folder, &["export", "a.db"], "");
    assert_eq!(status, 0);
    assert!(err.starts_with("exported 7 documents in "), "{err}");
    let (status, out, _) = run(folder, &["export", "a.db", "a.ndjson"], "");
    assert_eq!((status, out.as_str()), (0, ""));
    let (status, _, err) = run(folder, &["import", "b.db", "a.ndjson"], "");
    assert_eq!((status, err.as_str()), (0, ""));
    let again = run(folder, &["export", "b.db"], "").1;
    let lines = |text: &str| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        let first = lines.remove(0);
        lines.sort_unstable();
        (first[first.find("\"documents\"").unwrap()..].to_owned(), lines)
    };
    assert_eq!(lines(&exported), lines(&again));
    let (first, documents) = lines(&again);
    assert_eq!(first, "\"documents\":7,\"indexes\":[[\"a\",\"x\"],[\"b.c\"]],\"collections\":[]}");
    assert!(documents.contains(&"{\"key\":\"later\",\"value\":1,\"expires_at\":32503680000123}".to_owned()));
    for value in values {
        assert!(
            again.contains(&format!("\"value\":{value}}}")) || value.contains("u2028"),
            "{value}: {again}"
        );
    }
    let (status, _, err) = run(folder, &["export", "a.db", "a.ndjson"], "");
    assert!(status == 5 && err.contains("there is a file"), "{err}");
}

#[test]
fn an_export_of_collections_comes_back_as_it_was() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    let first = concat!(
        r#"{"ferrumdb_export":1,"sequence":1,"documents":4,"indexes":[["n"]],"collections":"#,
        r#"[{"name":"a \"b\"","indexes":[["x","y"]]},{"name":"empty","indexes":[["z"]]},{"name":"é","indexes":[]}]}"#
    );
    let documents = [
        r#"{"collection":"a \"b\"","key":"k","value":{"x":{"y":1}}}"#,
        r#"{"collection":"é","key":"","value":2}"#,
        r#"{"collection":"é","key":"k","value":3,"expires_at":32503680000123}"#,
        r#"{"key":"root","value":{"n":0}}"#,
    ];
    let (status, _, err) =
        run(folder, &["import", "a.db", "-"], format!("{first}\n{}\n", documents.join("\n")));
    assert_eq!((status, err.as_str()), (0, ""));
    let (status, exported, _) = run(folder, &["export", "a.db"], "");
    let mut lines: Vec<_> = exported.lines().collect();
    let again = lines.remove(0);
    lines.sort_unstable();
    assert_eq!((status, lines), (0, documents.to_vec()));
    let from = |line: &str| line[line.find("\"documents\"").unwrap()..].to_owned();
    assert_eq!(from(again), from(first));
    // What is of no collection goes where it is told to go.
    let (status, ..) = run(folder, &["import", "b.db", "-", "--collection", "é"], exported);
    let exported = run(folder, &["export", "b.db"], "").1;
    assert_eq!((status, exported.lines().count()), (0, 5), "{exported}");
    assert!(exported.contains(r#"{"collection":"é","key":"root","value":{"n":0}}"#), "{exported}");
    assert!(exported.contains(r#"{"name":"é","indexes":[["n"]]}"#), "{exported}");
}

#[test]
fn an_export_that_is_not_whole_or_not_known_is_told() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    let first = "{\"ferrumdb_export\":1,\"sequence\":1,\"documents\":2,\"indexes\":[],\"collections\":[]}\n";
    let document = "{\"key\":\"a\",\"value\":1}\n";
    let newer = first.replace("export\":1", "export\":2");
    let cases = [
        (format!("{first}{document}"), "the export was to have 2 documents, and 1 came"),
        (format!("{first}{document}{{\"n\":1}}\n"), "line 3: not a line of an export"),
        (
            format!("{first}{document}{{\"key\":\"b\",\"value\":1,\"ttl\":5}}\n"),
            "line 3: not a line of an export",
        ),
        (format!("{first}{document}{{\"key\":\"b\",\"value\":{{\"a\":1,\"a\":2}}}}\n"), "line 3: key \"b\""),
        (format!("{newer}{document}"), "a newer FerrumDB has made this export"),
        ("{\"ferrumdb_export\":\"x\"}\n".to_owned(), "it begins as an export does"),
    ];
    for (number, (input, part)) in cases.into_iter().enumerate() {
        let (status, _, err) = run(folder, &["import", &format!("{number}.db"), "-"], &input);
        assert!(status == 6 && err.contains(part) && err.lines().count() == 1, "{input}: {err}");
    }
    // As it stands, if that is asked for.
    let (status, ..) =
        run(folder, &["import", "plain.db", "-", "--key-prefix", "line:"], format!("{first}{document}"));
    assert_eq!(status, 0);
    assert_eq!(run(folder, &["plain.db"], "GET line:2\n").1, document);
}

/// Looks at the memory while most of the output has been read, and the rest is held back.
#[cfg(target_os = "linux")]
#[test]
fn a_large_database_is_exported_and_imported_in_constant_memory() {
    const DOCUMENTS: u64 = 170_000;
    const MEMORY_BYTES_MAX: usize = 96 << 20;
    fn peak(process: u32) -> usize {
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10
    }
    let folder = tempdir().unwrap();
    let folder = folder.path();
    let mut first = ferrumdb(folder).args(["import", "a.db", "-", "--fsync=never"]).spawn().unwrap();
    let mut stdin = first.stdin.take().unwrap();
    let text = "lorem ipsum ".repeat(60);
    let mut chunk = String::new();
    for number in 0..DOCUMENTS {
        chunk += &format!("{{\"n\": {number}, \"text\": \"{text}\"}}\n");
        if chunk.len() > 1 << 20 || number == DOCUMENTS - 1 {
            stdin.write_all(chunk.as_bytes()).unwrap();
            chunk.clear();
        }
    }
    drop(stdin);
    assert_eq!(read(&first.wait_with_output().unwrap()).0, 0);

    let mut export = ferrumdb(folder).args(["export", "a.db", "--fsync=never"]).spawn().unwrap();
    let mut import = ferrumdb(folder).args(["import", "b.db", "-", "--fsync=never"]).spawn().unwrap();
    let mut lines = BufReader::new(export.stdout.take().unwrap());
    let mut to = import.stdin.take().unwrap();
    let (mut line, mut count, mut bytes) = (Vec::new(), 0, 0);
    while lines.read_until(b'\n', &mut line).unwrap() > 0 {
        count += 1;
        bytes += line.len();
        to.write_all(&line).unwrap();
        line.clear();
        if count == DOCUMENTS - 10_000 {
            for (what, process) in [("export", export.id()), ("import", import.id())] {
                let peak = peak(process);
                assert!(peak < MEMORY_BYTES_MAX, "{what}: {} MiB for {} MiB", peak >> 20, bytes >> 20);
            }
        }
    }
    drop(to);
    assert_eq!(count, DOCUMENTS + 1);
    assert_eq!(read(&export.wait_with_output().unwrap()).0, 0);
    let (status, out, err) = read(&import.wait_with_output().unwrap());
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    let last = format!("{{\"n\":{},\"text\":\"{text}\"}}\n", DOCUMENTS - 1);
    assert_eq!(run(folder, &["b.db"], format!("COUNT\nGET {DOCUMENTS}\n")).1, format!("{DOCUMENTS}\n{last}"));
}
