//! Completion in a real bash, in a real terminal, which tmux provides. Never touches the shell of whoever runs the tests.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test may fail this way, and says when it cannot run"
)]

mod common {
    pub(crate) mod terminal;
}

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use common::terminal::Terminal;

const PROGRAM: &str = env!("CARGO_BIN_EXE_ferrumdb");

/// Bash takes a colon for the end of a word, and blanks too, unless they are marked.
#[test]
fn bash_completes_keys_with_colons_and_blanks() {
    let Some(terminal) = Terminal::start() else { return };
    if Command::new("bash").arg("--version").output().is_err() {
        eprintln!("bash is not installed: completion was NOT tested in it");
        return;
    }
    let sets = "SET user:1:name 11\nSET user:2:name 22\nSET user:2:size 33\nSET \"note one\" 44\n";
    let mut child = Command::new(PROGRAM)
        .arg("my.db")
        .current_dir(terminal.folder())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(sets.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    let folder = Path::new(PROGRAM).parent().unwrap();
    let start = format!("PATH={}:$PATH PS1='bash> ' bash --norc --noprofile", folder.display());
    terminal.type_in(&start, "Enter");
    terminal.wait_for("\nbash>");
    terminal.type_in("source <(ferrumdb completions bash); clear; echo ready", "Enter");
    terminal.wait_for("ready\nbash>");
    for (typed, shown) in [("ferrumdb get my.db us", "my.db user:"), ("2", "user:2:"), ("s", "user:2:size")] {
        terminal.type_in(typed, "Tab");
        terminal.wait_for(shown);
    }
    terminal.type_in("", "Enter");
    terminal.wait_for("\n33\n");
    terminal.type_in("ferrumdb get my.db no", "Tab");
    terminal.wait_for("my.db note\\ one");
    terminal.type_in("", "Enter");
    terminal.wait_for("\n44\n");
}
