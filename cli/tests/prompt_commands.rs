//! Commands at the prompt of a real terminal that take long, or that change what is asked. Never tests how a line is typed.
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
use std::process::Command;

use common::terminal::Terminal;

/// Fills a database with documents that no field finds quickly.
fn fill(folder: &Path, documents: usize) {
    let lines: String = (0..documents).map(|number| format!("{{\"n\":{number}}}\n")).collect();
    std::fs::write(folder.join("lines.ndjson"), lines).unwrap();
    let arguments = ["import", "ferrum.db", "lines.ndjson", "--key-prefix", "key:", "--fsync=never"];
    let run = Command::new(env!("CARGO_BIN_EXE_ferrumdb")).args(arguments).current_dir(folder).output();
    assert!(run.unwrap().status.success());
}

/// What is typed just when Ctrl-C drops a line is dropped with it, so it is typed again.
fn answers(terminal: &Terminal, command: &str, answer: &str) {
    for _ in 0..10 {
        terminal.type_in(command, "Enter");
        if terminal.shows_soon(answer) {
            return;
        }
    }
    terminal.wait_for(answer);
}

#[test]
fn ctrl_c_stops_a_watch_and_a_listing_and_not_the_program() {
    let Some(terminal) = Terminal::start() else { return };
    fill(terminal.folder(), 150_000);
    terminal.prompt("--fsync=never");
    terminal.type_in("watch", "Enter");
    terminal.wait_for("Ctrl-C ends it\n");
    terminal.type_in("", "C-c");
    answers(&terminal, "count", "count\n150000\nferrumdb>");
    // It may be done before the key is pressed.
    let is_stopped = (0..20).any(|_| {
        // What an earlier listing has left on the screen would be taken for this one.
        terminal.type_in("", "C-l");
        terminal.wait_for_nothing_but("ferrumdb>");
        terminal.type_in("keys", "Enter");
        terminal.wait_for("\nkey:");
        terminal.type_in("", "C-c");
        terminal.shows_soon("error: interrupted\nferrumdb>")
    });
    assert!(is_stopped, "a listing goes on");
    terminal.type_in("find nothing here", "Enter");
    terminal.type_in("", "C-c");
    answers(&terminal, "get key:7", "\"n\": 6\n}\nferrumdb>");
}

#[test]
fn an_index_that_is_being_built_is_given_up_on_ctrl_c() {
    let Some(terminal) = Terminal::start() else { return };
    fill(terminal.folder(), 300_000);
    terminal.prompt("--fsync=never");
    terminal.type_in("index n", "Enter");
    terminal.type_in("", "C-c");
    // Either it was stopped, or it was done before the key was pressed; the prompt is there again, and works.
    answers(&terminal, "get key:1", "\"n\": 0\n}\nferrumdb>");
}

#[test]
fn the_prompt_tells_what_state_reads_show() {
    let Some(terminal) = Terminal::start() else { return };
    terminal.prompt("--fsync=never");
    terminal.type_in("use users", "Enter");
    terminal.type_in("begin", "Enter");
    terminal.wait_for("OK\nferrumdb users (transaction)>");
    terminal.type_in("set a 1", "Enter");
    terminal.type_in("commit", "Enter");
    terminal.wait_for("OK\nferrumdb users>");
    terminal.type_in("snapshot", "Enter");
    terminal.wait_for("OK\nferrumdb users (snapshot ");
    terminal.type_in("release", "Enter");
    terminal.wait_for(")> release\nOK\nferrumdb users>");
    terminal.type_in(".mode table", "Enter");
    terminal.type_in("history a", "Enter");
    terminal.wait_for("sequence  kind  time ");
    terminal.type_in(".open other.db", "Enter");
    terminal.wait_for("other.db, 0 documents. HELP lists the commands.\nferrumdb>");
    terminal.type_in(".mo", "Tab");
    terminal.wait_for("ferrumdb> .mode");
    terminal.type_in("", "Enter");
    terminal.wait_for("ferrumdb> .mode\ntable\nferrumdb>");
}

#[test]
fn ctrl_r_finds_a_line_of_an_earlier_session() {
    let Some(terminal) = Terminal::start() else { return };
    terminal.prompt("--fsync=never");
    for line in ["set needle 1", "count", "keys"] {
        terminal.type_in(line, "Enter");
    }
    terminal.type_in("exit", "Enter");
    terminal.wait_for("shell>");
    terminal.prompt("--fsync=never");
    terminal.type_in("", "C-r");
    terminal.type_in("need", "Enter");
    terminal.wait_for("set needle 1\nOK\nferrumdb>");
}

#[test]
fn a_file_that_another_process_writes_is_read_along_at_the_prompt() {
    let Some(terminal) = Terminal::start() else { return };
    let mut owner = Command::new(env!("CARGO_BIN_EXE_ferrumdb"));
    owner.arg("my.db").current_dir(terminal.folder());
    let mut owner =
        owner.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(owner.stdin.as_mut().unwrap(), b"SET shared 1\n").unwrap();
    std::io::Read::read_exact(owner.stdout.as_mut().unwrap(), &mut [0; 3]).unwrap();
    terminal.type_in(&format!("clear; {} my.db", env!("CARGO_BIN_EXE_ferrumdb")), "Enter");
    let screen = terminal.wait_for("HELP lists the commands.\nferrumdb>");
    assert!(screen.contains("nothing can be written"), "{screen}");
    terminal.type_in("get shared", "Enter");
    terminal.wait_for("get shared\n1\nferrumdb>");
    terminal.type_in("set mine 1", "Enter");
    terminal.wait_for("was opened to read only");
    terminal.type_in("watch", "Enter");
    terminal.wait_for("Ctrl-C ends it\n");
    std::io::Write::write_all(owner.stdin.as_mut().unwrap(), b"SET later 2\n").unwrap();
    terminal.wait_for("later");
    terminal.type_in("", "C-c");
    answers(&terminal, "count", "count\n2\nferrumdb>");
    drop(owner.stdin.take());
    assert!(owner.wait().unwrap().success());
}
