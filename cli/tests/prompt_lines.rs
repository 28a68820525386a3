//! How lines are typed at the prompt of a real terminal, which tmux provides: editing, completion, history, colours. Never
//! touches a tmux server but its own.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test may fail this way, and says when it cannot run"
)]

mod common {
    pub(crate) mod terminal;
}

use std::path::Path;
use std::time::Duration;

use common::terminal::Terminal;

#[test]
fn documents_are_pretty_and_coloured_on_a_terminal() {
    let Some(terminal) = Terminal::start() else { return };
    terminal.prompt("--fsync=never");
    terminal.wait_for("ferrum.db, 0 documents.");
    terminal.type_in(r#"set user:1 {"name":"Zoë","score":1.50}"#, "Enter");
    terminal.wait_for("OK\nferrumdb>");
    terminal.type_in("get user:1", "Enter");
    let screen = terminal.wait_for("{\n  \"name\": \"Zoë\",\n  \"score\": 1.50\n}\nferrumdb>");
    assert!(screen.contains("\u{1b}[32m\"Zoë\"") && screen.contains("\u{1b}[36m1.50"), "{screen:?}");
    terminal.type_in("set name Alice", "Enter");
    terminal.wait_for("OK (stored as a string)\nferrumdb>");
    terminal.type_in("nonsense", "Enter");
    let screen =
        terminal.wait_for("error: there is no command \"nonsense\"; HELP lists the commands\nferrumdb>");
    assert!(screen.contains("\u{1b}[1m\u{1b}[31merror:"), "{screen:?}");
    terminal.type_in("exit", "Enter");
    terminal.wait_for("shell>");
    terminal.type_in("echo status $?", "Enter");
    terminal.wait_for("status 6\nshell>");
}

#[test]
fn ctrl_c_drops_the_line_and_ctrl_d_leaves() {
    let Some(terminal) = Terminal::start() else { return };
    terminal.prompt("my.db");
    terminal.type_in("set dropped 1", "C-c");
    terminal.wait_for("ferrumdb> set dropped 1\nferrumdb>");
    terminal.type_in("count", "Enter");
    terminal.wait_for("ferrumdb> count\n0\nferrumdb>");
    terminal.type_in("set kept 1", "Enter");
    terminal.wait_for("OK\nferrumdb>");
    terminal.type_in("", "C-d");
    terminal.wait_for("ferrumdb>\nshell>");
    assert!(terminal.folder().join("my.db").exists());
    terminal.prompt("my.db");
    terminal.wait_for("my.db, 1 document. HELP");
}

#[test]
fn the_prompt_and_completion_follow_the_collection_that_is_used() {
    let Some(terminal) = Terminal::start() else { return };
    terminal.prompt("my.db");
    terminal.type_in("use users", "Enter");
    terminal.wait_for("OK\nferrumdb users>");
    terminal.type_in("set alice 1", "Enter");
    terminal.wait_for("OK\nferrumdb users>");
    terminal.type_in("get al", "Tab");
    terminal.wait_for("ferrumdb users> get alice");
    terminal.type_in("", "Enter");
    terminal.wait_for("1\nferrumdb users>");
    terminal.type_in("use", "Enter");
    terminal.wait_for("OK\nferrumdb>");
    terminal.type_in("drop us", "Tab");
    terminal.wait_for("ferrumdb> drop users");
    terminal.type_in("", "Enter");
    terminal.wait_for("OK\nferrumdb>");
}

#[test]
fn pasted_lines_are_commands_one_by_one() {
    let Some(terminal) = Terminal::start() else { return };
    terminal.prompt("--fsync=never");
    let lines: String = (0..300).map(|number| format!("set k:{number} {{\"n\":{number}}}\n")).collect();
    let file = terminal.folder().join("lines.txt");
    std::fs::write(&file, format!("{lines}del k:0\ncount\n")).unwrap();
    assert!(terminal.tmux().arg("load-buffer").arg(&file).status().unwrap().success());
    assert!(terminal.tmux().args(["paste-buffer", "-p"]).status().unwrap().success());
    terminal.wait_for("OK\nferrumdb> count\n299\nferrumdb>");
}

#[test]
fn no_color_is_honoured_and_an_import_shows_a_bar() {
    let Some(terminal) = Terminal::start() else { return };
    terminal.type_in("export NO_COLOR=1", "Enter");
    terminal.prompt("plain.db");
    terminal.type_in("set a [true]", "Enter");
    terminal.wait_for("OK\nferrumdb>");
    terminal.type_in("get a", "Enter");
    let screen = terminal.wait_for("[\n  true\n]\nferrumdb>");
    assert!(!screen.contains("\u{1b}[33m") && !screen.contains("\u{1b}[3"), "{screen:?}");
    terminal.type_in("exit", "Enter");
    terminal.wait_for("shell>");
    let lines: String = (0..3_000).map(|number| format!("{{\"n\":{number}}}\n")).collect();
    std::fs::write(terminal.folder().join("lines.ndjson"), lines).unwrap();
    let program = env!("CARGO_BIN_EXE_ferrumdb");
    // The bar is there until somebody writes to the pipe.
    let input = "(cat lines.ndjson; sleep 1; cat lines.ndjson go)";
    terminal.type_in(&format!("mkfifo go; clear; {input} | {program} import i.db -"), "Enter");
    terminal.wait_for("00 documents  ");
    std::fs::write(terminal.folder().join("go"), "").unwrap();
    terminal.wait_for("imported 6000 documents in ");
}

#[test]
fn the_history_is_kept_for_the_user_alone() {
    let Some(terminal) = Terminal::start() else { return };
    terminal.prompt("--fsync=never");
    terminal.type_in("set kept 1", "Enter");
    terminal.wait_for("OK\nferrumdb>");
    terminal.type_in(" set secret 2", "Enter");
    terminal.wait_for("set secret 2\nOK\nferrumdb>");
    terminal.type_in("exit", "Enter");
    terminal.wait_for("shell>");
    let file = terminal.folder().join("state/ferrumdb/history");
    let mode = |path: &Path| std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(path).unwrap()) & 0o777;
    assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
    let kept = std::fs::read_to_string(&file).unwrap();
    assert!(kept.contains("set kept 1\n") && !kept.contains("secret"), "{kept}");
    terminal.prompt("--fsync=never");
    terminal.type_in("", "Up");
    terminal.wait_for("ferrumdb> exit");
    terminal.type_in("", "Up");
    terminal.wait_for("ferrumdb> set kept 1");
}

#[test]
fn a_line_goes_on_until_its_brackets_are_closed() {
    let Some(terminal) = Terminal::start() else { return };
    terminal.prompt("--fsync=never");
    terminal.type_in("set user:1 {\"name\": [", "Enter");
    terminal.type_in("  \"Ann }\"", "Enter");
    terminal.type_in("]}", "Enter");
    terminal.wait_for("]}\nOK\nferrumdb>");
    terminal.type_in("set dropped [1,", "Enter");
    terminal.type_in("2", "C-c");
    terminal.wait_for("\n2\nferrumdb>");
    terminal.type_in("count", "Enter");
    terminal.wait_for("ferrumdb> count\n1\nferrumdb>");
    terminal.type_in("exit", "Enter");
    terminal.wait_for("shell>");
    terminal.prompt("--fsync=never");
    terminal.type_in("", "Up");
    terminal.type_in("", "Up");
    terminal.type_in("", "Up");
    terminal.type_in("", "Enter");
    terminal.wait_for("]}\nOK\nferrumdb>");
}

#[test]
fn tab_completes_commands_keys_and_indexed_fields() {
    let Some(terminal) = Terminal::start() else { return };
    terminal.prompt("--fsync=never");
    for line in
        ["set customer:17 {\"address\":{\"city\":\"Ulm\"}}", "set \"two words\" 2", "index address.city"]
    {
        terminal.type_in(line, "Enter");
        terminal.wait_for(&format!("{line}\nOK\nferrumdb>"));
    }
    terminal.type_in("ge", "Tab");
    terminal.type_in("cus", "Tab");
    terminal.wait_for("ferrumdb> get customer:17");
    terminal.type_in("", "Enter");
    terminal.wait_for("\"Ulm\"\n  }\n}\nferrumdb>");
    terminal.type_in("get tw", "Tab");
    terminal.wait_for("ferrumdb> get \"two words\"");
    terminal.type_in("", "C-c");
    // What is typed before the next prompt is thrown away with the line.
    terminal.wait_for("get \"two words\"\nferrumdb>");
    terminal.type_in("find ad", "Tab");
    terminal.type_in(" Ulm", "Enter");
    terminal.wait_for("find address.city Ulm\ncustomer:17\nferrumdb>");
    terminal.type_in("indexes", "Enter");
    terminal.wait_for("field         entries  uses  bytes\naddress.city        2     1  ");
}

#[test]
fn of_too_many_keys_none_is_filled_in() {
    let Some(terminal) = Terminal::start() else { return };
    let lines: String = (0..500).map(|number| format!("{{\"n\":{number}}}\n")).collect();
    std::fs::write(terminal.folder().join("lines.ndjson"), lines).unwrap();
    let program = env!("CARGO_BIN_EXE_ferrumdb");
    terminal.type_in(&format!("{program} import ferrum.db lines.ndjson --key-prefix many:"), "Enter");
    terminal.wait_for("imported 500 documents");
    terminal.prompt("");
    terminal.type_in("get m", "Tab");
    terminal.type_in("", "Tab");
    terminal.wait_for("many:");
    let screen = terminal.wait_for("\nferrumdb> get m\n\n");
    assert_eq!(screen.matches("many:").count(), 100, "{screen}");
    // The first ones in their order, however many there are behind.
    assert!(screen.contains("many:100 ") && !screen.contains("many:5"), "{screen}");
}

#[test]
fn the_arguments_to_come_are_hinted_in_grey() {
    let Some(terminal) = Terminal::start() else { return };
    terminal.prompt("--fsync=never");
    terminal.type_in("setex session:9", "Space");
    let screen = terminal.wait_for("ferrumdb> setex session:9 <seconds> <json>");
    // The space may be typed, or be a part of the hint still.
    assert!(
        screen.contains("\u{1b}[2m<seconds> <json>") || screen.contains("\u{1b}[2m <seconds> <json>"),
        "{screen:?}"
    );
    terminal.type_in("0.2 {}", "Enter");
    terminal.wait_for("ferrumdb> setex session:9 0.2 {}\nOK\nferrumdb>");
    let is_gone = (0..20).any(|_| {
        std::thread::sleep(Duration::from_millis(250));
        terminal.type_in("get session:9", "Enter");
        terminal.shows_soon("ferrumdb> get session:9\n(nil)\nferrumdb>")
    });
    assert!(is_gone, "it stays");
}

/// What is typed ahead is there when the prompt comes, so that each run ends as soon as it has started.
#[cfg(target_os = "linux")]
#[test]
fn the_prompt_is_there_within_30_milliseconds() {
    const RUNS_MAX: usize = 100;
    let Some(terminal) = Terminal::start() else { return };
    let program = env!("CARGO_BIN_EXE_ferrumdb");
    let script =
        format!("date +%s%N; {program} --version >/dev/null; date +%s%N; {program} empty.db >&2; date +%s%N");
    std::fs::write(terminal.folder().join("run.sh"), script).unwrap();
    let mut told = Vec::new();
    for run in 0..RUNS_MAX {
        terminal.type_in(
            &format!("clear; sh run.sh 2>/dev/tty | tr '\\n' ' ' > time.{run}; echo ended {run}"),
            "Enter",
        );
        terminal.type_in("exit", "Enter");
        terminal.wait_for(&format!("\nended {run}\n"));
        let times = std::fs::read_to_string(terminal.folder().join(format!("time.{run}"))).unwrap();
        let times: Vec<i128> = times.split_whitespace().map(|time| time.parse().unwrap()).collect();
        let [version, prompt] = [times[1] - times[0], times[2] - times[1]].map(|nanos| nanos / 1_000);
        // What the machine takes to start any program is not the prompt's, and more on a busy one. A clock that was set
        // back meanwhile tells nothing.
        if prompt < 30_000 + version && prompt > 0 && version > 0 {
            return;
        }
        told.push((version, prompt));
    }
    panic!("from the start to the end, a version and a prompt took so many us: {told:?}");
}
