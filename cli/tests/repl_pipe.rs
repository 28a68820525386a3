//! Commands from a pipe: their answers, their order, their errors and the exit status. Never needs a terminal.
#![allow(clippy::unwrap_used, reason = "a test may fail this way")]

mod common;

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::time::Duration;

use common::{ferrumdb, read, run};
use tempfile::tempdir;

#[test]
fn a_transcript_is_answered_line_by_line() {
    let folder = tempdir().unwrap();
    let input = r#"SET user:1 { "name": "Zo\u00eb", "score": 1.50, "tags": [ ] }
set name Alice Cooper
Set "two words" [1, 2.0e3]
get user:1
GET name
GET "two words"
COUNT

KEYS user
DELETE name
del name
GET name
exit
GET unreached
"#;
    let answers = concat!(
        "OK\nOK\nOK\n",
        "{\"name\":\"Zoë\",\"score\":1.50,\"tags\":[]}\n",
        "\"Alice Cooper\"\n[1,2.0e3]\n3\nuser:1\nOK\n(nil)\n(nil)\n",
    );
    assert_eq!(run(folder.path(), &[], input), (0, answers.to_owned(), String::new()));
    assert!(folder.path().join("ferrum.db").exists());
    let again = run(folder.path(), &[], "COUNT\nGET \"two words\"");
    assert_eq!(again, (0, "2\n[1,2.0e3]\n".to_owned(), String::new()));
}

#[test]
fn commands_concern_the_collection_that_is_used() {
    let folder = tempdir().unwrap();
    let input = r#"SET a 1
USE users
COUNT
SET a {"n":2}
INDEX n
GET a
FIND n 2
KEYS
use "two words"
SET b 3
USE
GET a
INDEXES
COLLECTIONS
DROP users
DROP users
COLLECTIONS
use users
get a
"#;
    let answers = concat!(
        "OK\nOK\n0\nOK\nOK\n{\"n\":2}\na\na\nOK\nOK\nOK\n1\n",
        "{\"name\":\"two words\",\"documents\":1,\"indexes\":0}\n",
        "{\"name\":\"users\",\"documents\":1,\"indexes\":1}\n",
        "OK\n(nil)\n{\"name\":\"two words\",\"documents\":1,\"indexes\":0}\nOK\n(nil)\n",
    );
    assert_eq!(run(folder.path(), &[], input), (0, answers.to_owned(), String::new()));
    let (status, out, err) =
        run(folder.path(), &[], "USE \"\"\nDROP\nUSE a b\nUSE users\nDROPINDEX n\nCOUNT\n");
    assert_eq!((status, out.as_str()), (6, "OK\n0\n"));
    let told: Vec<_> = err.lines().collect();
    assert!(told[0].contains("no collection can have this name") && told[1].contains("DROP users"), "{err}");
    assert!(told[2].contains("USE takes one collection"), "{err}");
    assert!(told[3].contains("collection \"users\": there is no index on n"), "{err}");
}

#[test]
fn history_lists_what_a_key_has_held() {
    let folder = tempdir().unwrap();
    let (status, out, err) = run(
        folder.path(),
        &["--fsync=never", "h.db"],
        "SET a 1.50\nSET b 2\nDELETE a\nHISTORY a\nHISTORY c\n",
    );
    assert_eq!((status, err.as_str()), (0, ""));
    let versions: Vec<serde_json::Value> =
        out.lines().skip(3).map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(versions.len(), 2);
    assert_eq!((&versions[0]["sequence"], &versions[0]["kind"]), (&3.into(), &"deleted".into()));
    assert!(versions[0].get("value").is_none() && versions[0]["time"].as_u64() > Some(1_600_000_000_000));
    assert!(out.ends_with(",\"value\":1.50}\n"), "{out}");
}

#[test]
fn numbers_come_back_as_they_were_spelled() {
    let folder = tempdir().unwrap();
    let numbers = ["18446744073709551615", "-9223372036854775808", "1.10", "-0", "1E-7", "0.1000", "1e308"];
    for (place, text) in numbers.iter().enumerate() {
        let input = format!("SET n{place} {text}\nGET n{place}\n");
        assert_eq!(run(folder.path(), &["n.db"], input), (0, format!("OK\n{text}\n"), String::new()));
    }
}

#[test]
fn a_failed_command_is_one_line_with_its_number_and_the_rest_goes_on() {
    let folder = tempdir().unwrap();
    let input = "SET a 1\nSET b {\"x\": }\nNONSENSE\nSET c 1e999\nGET\nSET d {\"x\":1,\"x\":2}\nCOUNT\n";
    let (status, out, err) = run(folder.path(), &["a.db"], input);
    assert_eq!((status, out.as_str()), (6, "OK\n1\n"));
    let lines: Vec<_> = err.lines().collect();
    let expected = [
        "line 2: key \"b\": not valid JSON",
        "line 3: there is no command",
        "line 4: ",
        "line 5: ",
        "line 6: ",
    ];
    assert_eq!(lines.len(), expected.len(), "{err}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.starts_with(&format!("error: {expected}")), "{line}");
    }
}

#[test]
fn each_ok_is_visible_before_more_input_comes() {
    let folder = tempdir().unwrap();
    let mut child = ferrumdb(folder.path()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap());
    for round in 0..20 {
        writeln!(stdin, "SET k {round}").unwrap();
        let mut answer = String::new();
        answers.read_line(&mut answer).unwrap();
        assert_eq!(answer, "OK\n");
    }
    // Several at once answer in full, too, while the input stays open.
    stdin.write_all(b"SET a 1\nSET b 2\nDEL a\nDEL a\n").unwrap();
    let mut several = [0; 15];
    answers.read_exact(&mut several).unwrap();
    assert_eq!(&several, b"OK\nOK\nOK\n(nil)\n");
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn many_sets_at_once_share_their_syncs_and_answer_in_order() {
    let folder = tempdir().unwrap();
    let mut input = String::new();
    for number in 0..5_000 {
        writeln!(input, "SET k:{number} {{\"n\":{number}}}").unwrap();
    }
    input.push_str("COUNT\nGET k:4999\n");
    let (status, out, err) = run(folder.path(), &["--fsync=always", "many.db"], input);
    let expected = format!("{}5000\n{{\"n\":4999}}\n", "OK\n".repeat(5_000));
    assert_eq!((status, out == expected, err.as_str()), (0, true, ""));
}

#[test]
fn keys_are_listed_as_they_can_be_typed() {
    let folder = tempdir().unwrap();
    let (_, out, _) = run(folder.path(), &[], "SET \"a b\" 1\nKEYS\nSET \"\\n\\u001b[2J\" 1\nKEYS \"\\n\"\n");
    assert_eq!(out, "OK\n\"a b\"\nOK\n\"\\n\\u001b[2J\"\n");
}

#[test]
fn keys_are_listed_in_order() {
    let folder = tempdir().unwrap();
    let sets: String = ["b", "a2", "a10", "ä", "a"].map(|key| format!("SET {key} 1\n")).concat();
    let (_, out, _) = run(folder.path(), &[], format!("{sets}KEYS\nKEYS a\nRANGE a10 b\nRANGE b a\n"));
    assert_eq!(out, "OK\n".repeat(5) + "a\na10\na2\nb\nä\n" + "a\na10\na2\n" + "a10\na2\n");
}

#[test]
fn binary_garbage_is_answered_with_errors_and_harms_nothing() {
    let folder = tempdir().unwrap();
    let mut state = 7_u64;
    let mut garbage = b"SET before 1\n".to_vec();
    for _ in 0..200_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        garbage.push((state >> 33) as u8);
    }
    garbage.extend_from_slice(b"\nGET before\n");
    let (status, out, err) = run(folder.path(), &[], &garbage);
    assert_eq!((status, out.as_str()), (6, "OK\n1\n"));
    assert!(err.lines().all(|line| line.starts_with("error: line ")), "{err}");
    assert!(err.contains("is not UTF-8 text"));
    assert_eq!(run(folder.path(), &[], "COUNT\n"), (0, "1\n".to_owned(), String::new()));
}

#[test]
fn a_reader_that_leaves_is_no_error_to_tell() {
    let folder = tempdir().unwrap();
    let sets: String = (0..20_000).map(|number| format!("SET a-rather-long-key-{number} 1\n")).collect();
    run(folder.path(), &["--fsync=never"], sets);
    let mut child = ferrumdb(folder.path()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"KEYS\nKEYS\nKEYS\n").unwrap();
    let mut first = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let (status, _, err) = read(&child.wait_with_output().unwrap());
    assert_eq!((status, err.as_str()), (6, ""));
}

#[test]
fn what_cannot_be_opened_is_said_in_one_line_with_its_status() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    fs::create_dir(path.join("folder")).unwrap();
    fs::write(path.join("notes.txt"), "not a database, but somebody's notes\n".repeat(500)).unwrap();
    let notes = fs::read(path.join("notes.txt")).unwrap();
    for (arguments, expected) in [
        (&["folder"][..], 5),
        (&["missing/a.db"], 5),
        (&["notes.txt"], 4),
        (&["--fsync=sometimes"], 2),
        (&["import", "a.db"], 2),
        (&["import", "a.db", "missing.json"], 5),
    ] {
        let (status, out, err) = run(path, arguments, "COUNT\n");
        assert_eq!((status, out.as_str()), (expected, ""), "{arguments:?}: {err}");
        assert!(err.starts_with("error: ") && err.lines().count() == 1, "{arguments:?}: {err}");
    }
    assert_eq!(fs::read(path.join("notes.txt")).unwrap(), notes);
    assert!(!path.join("a.db").exists());
}

#[test]
fn a_torn_tail_is_cut_and_told() {
    let folder = tempdir().unwrap();
    run(folder.path(), &["a.db"], "SET a 1\n");
    let mut file = fs::OpenOptions::new().append(true).open(folder.path().join("a.db")).unwrap();
    file.write_all(b"half a record").unwrap();
    drop(file);
    let (status, out, err) = run(folder.path(), &["a.db"], "GET a\n");
    assert_eq!((status, out.as_str()), (0, "1\n"));
    let expected =
        "warning: a crash left 13 bytes unfinished, which were cut off; no whole commit was in it\n";
    assert_eq!(err, expected);
    assert_eq!(run(folder.path(), &["a.db"], "GET a\n"), (0, "1\n".to_owned(), String::new()));
}

#[test]
fn a_file_in_use_is_status_three() {
    let folder = tempdir().unwrap();
    let mut holder = ferrumdb(folder.path()).spawn().unwrap();
    let mut stdin = holder.stdin.take().unwrap();
    let mut answers = BufReader::new(holder.stdout.take().unwrap());
    stdin.write_all(b"SET a 1\n").unwrap();
    answers.read_line(&mut String::new()).unwrap();
    let (status, _, err) = run(folder.path(), &[], "SET a 2\n");
    assert_eq!(status, 3, "{err}");
    assert!(err.contains("in use") && err.lines().count() == 1, "{err}");
    stdin.write_all(b"GET a\n").unwrap();
    let mut answer = String::new();
    answers.read_line(&mut answer).unwrap();
    assert_eq!(answer, "1\n");
    drop(stdin);
    assert!(holder.wait().unwrap().success());
}

#[test]
fn the_environment_sets_the_policy_and_the_argument_wins() {
    let folder = tempdir().unwrap();
    let with = |value: &str, arguments: &[&str]| {
        let mut command = ferrumdb(folder.path());
        command.env("FERRUMDB_FSYNC", value).args(arguments).stdin(std::process::Stdio::null());
        read(&command.output().unwrap())
    };
    assert_eq!(with("periodic:5", &[]).0, 0);
    assert_eq!(with("", &[]).0, 0);
    let (status, _, err) = with("sometimes", &[]);
    assert!(status == 2 && err.contains("FERRUMDB_FSYNC"), "{status} {err}");
    assert_eq!(with("sometimes", &["--fsync=never"]).0, 0);
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let folder = tempdir().unwrap();
    let mut child = ferrumdb(folder.path()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let answers = BufReader::new(child.stdout.take().unwrap());
    let writer = std::thread::spawn(move || {
        (0..).try_for_each(|number| writeln!(stdin, "SET k:{number} {number}")).unwrap_err();
    });
    let acknowledged = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let counter = std::sync::Arc::clone(&acknowledged);
    let reader = std::thread::spawn(move || {
        for line in answers.lines().map_while(Result::ok) {
            assert_eq!(line, "OK");
            counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    });
    let start = std::time::Instant::now();
    while acknowledged.load(std::sync::atomic::Ordering::Relaxed) < 20 {
        assert!(start.elapsed() < Duration::from_secs(60), "nothing is acknowledged");
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap();
    writer.join().unwrap();
    let acknowledged = acknowledged.load(std::sync::atomic::Ordering::Relaxed);
    let (status, out, _) = run(folder.path(), &[], "KEYS\n");
    let mut numbers: Vec<u64> =
        out.lines().map(|key| key.strip_prefix("k:").unwrap().parse().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(status, 0);
    assert!(numbers.len() as u64 >= acknowledged, "{} kept, {acknowledged} acknowledged", numbers.len());
    assert!(numbers.iter().copied().eq(0..numbers.len() as u64), "what was kept has a gap");
}

#[test]
fn an_index_answers_with_what_was_written_before() {
    let folder = tempdir().unwrap();
    let input = r#"SET a {"at": {"city": "Bonn"}, "age": 31, "tags": ["x", "y"]}
SET b {"at": {"city": "Ulm"}, "age": 31.0}
INDEX at.city
INDEX age
SET c {"at": {"city": "Bonn"}, "age": 7, "n.m": true}
DELETE a
FIND at.city Bonn
FIND at.city "Ulm"
FIND age 31
FIND ["n.m"] true
FINDRANGE age 7 31
FINDRANGE age 8 30
SET b {"at": {"city": "Bonn"}}
DROPINDEX age
FIND age 31
INDEXES
"#;
    let answers = concat!(
        "OK\nOK\nOK\nOK\nOK\nOK\n",
        "c\nb\nb\nc\nc\nb\nOK\nOK\n",
        "{\"field\":\"at.city\",\"entries\":2,\"uses\":2,\"bytes\":",
    );
    let (status, out, err) = run(folder.path(), &[], input);
    assert_eq!((status, err.as_str()), (0, ""));
    assert!(out.starts_with(answers) && out.ends_with("}\n"), "{out}");
    let (status, out, err) = run(folder.path(), &[], "INDEX at.city\nDROPINDEX age\nFIND at.city Bonn\n");
    let mut keys: Vec<_> = out.lines().collect();
    keys.sort_unstable();
    assert_eq!((status, keys, err.lines().count()), (6, vec!["b", "c"], 2), "{err}");
}

#[test]
fn a_document_lives_as_long_as_it_was_told() {
    let folder = tempdir().unwrap();
    let mut child = ferrumdb(folder.path()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap());
    let mut ask = |commands: &str| -> Vec<String> {
        stdin.write_all(commands.as_bytes()).unwrap();
        let told = commands.lines().map(|_| {
            let mut answer = String::new();
            answers.read_line(&mut answer).unwrap();
            answer.trim_end().to_owned()
        });
        told.collect()
    };
    let told =
        ask("SETEX a 1000 {\"n\":1}\nPERSIST a\nTTL a\nEXPIRE a 500.5\nEXPIRE nobody 1\nPERSIST nobody\n");
    assert_eq!(told, ["OK", "OK", "-1", "OK", "(nil)", "(nil)"]);
    let left: u64 = ask("TTL a\n")[0].parse().unwrap();
    assert!((450..=501).contains(&left), "{left}");
    let told = ask("SETEX b 0.2 soon gone\nINDEX n\nEXPIRE a 0.2\n");
    assert_eq!(told, ["OK", "OK", "OK"]);
    std::thread::sleep(Duration::from_millis(250));
    assert_eq!(ask("GET a\nGET b\nTTL b\nCOUNT\n"), ["(nil)", "(nil)", "(nil)", "0"]);
    // FIND has nothing to say, so that what it is followed by says the only line.
    stdin.write_all(b"FIND n 1\nCOUNT\n").unwrap();
    let mut answer = String::new();
    answers.read_line(&mut answer).unwrap();
    assert_eq!(answer, "0\n");
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn info_is_one_json_document_and_help_tells_of_the_session() {
    let folder = tempdir().unwrap();
    let (status, out, err) =
        run(folder.path(), &["a.db"], "SET a 1\nSET b 2\nINDEX x\nGET a\nUSE c\nSET d 1\nUSE\nINFO\nHELP\n");
    assert_eq!((status, err.as_str()), (0, ""));
    let info: serde_json::Value = serde_json::from_str(out.lines().nth(7).unwrap()).unwrap();
    assert!(info["path"].as_str().unwrap().ends_with("a.db") && info["documents"] == 3, "{info}");
    assert_eq!((&info["recovery"]["clean"], &info["indexes"][0]["field"]), (&true.into(), &"x".into()));
    assert_eq!(info["collections"], serde_json::json!([{"name": "c", "documents": 1, "indexes": 0}]));
    assert!(info["live_bytes"].as_u64() > Some(0) && info["file_bytes"].as_u64() > Some(0), "{info}");
    assert!(out.contains("FINDRANGE <field> <from> <to>"), "{out}");
    assert!(
        out.contains("gets 1, sets 3, deletes 0, commits 3, errors 0") && out.contains("commit  p50 "),
        "{out}"
    );
}

#[cfg(unix)]
#[test]
fn an_empty_database_is_opened_and_closed_within_30_milliseconds() {
    let folder = tempdir().unwrap();
    let took = |arguments: &[&str], input: &str, answer: &str| {
        let start = std::time::Instant::now();
        let (status, out, err) = run(folder.path(), arguments, input);
        assert!(status == 0 && out.ends_with(answer) && err.is_empty(), "{out}{err}");
        start.elapsed()
    };
    // What the machine takes to start any program is not the database's, and more on a busy one.
    let mut runs = (0..100).map(|_| (took(&["--version"], "", "\n"), took(&[], "COUNT\n", "0\n")));
    let is_quick = |(version, count): (Duration, Duration)| count < Duration::from_millis(30) + version;
    assert!(runs.any(is_quick), "not one of 100 runs was");
}
