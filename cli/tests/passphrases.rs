//! Passphrases that are asked for on a real terminal, which tmux provides, and what Ctrl-C leaves of long work there. Never
//! touches a tmux server but its own.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test may fail this way, and says when it cannot run"
)]

mod common {
    pub(crate) mod terminal;
}

use std::fs;

use common::terminal::Terminal;

/// Runs the command in the shell of the terminal; what it prints stands alone on the screen.
fn begin(terminal: &Terminal, arguments: &str) {
    terminal.type_in("clear; echo cleared", "Enter");
    terminal.wait_for("cleared\nshell>");
    let program = env!("CARGO_BIN_EXE_ferrumdb");
    terminal.type_in(&format!("clear; {program} {arguments}; echo status $?"), "Enter");
}

#[test]
fn a_new_passphrase_is_asked_for_twice_unseen_and_opens_the_database_again() {
    let Some(terminal) = Terminal::start() else { return };
    begin(&terminal, "set my.db user:1 needle --passphrase");
    terminal.wait_for_unseen("Passphrase:");
    terminal.type_in("correct horse", "Enter");
    terminal.wait_for_unseen("The same again:");
    terminal.type_in("correct horsf", "Enter");
    let screen = terminal.wait_for("error: the two passphrases differ");
    terminal.wait_for("status 2\n");
    assert!(!screen.contains("horse") && !terminal.folder().join("my.db").exists(), "{screen}");

    begin(&terminal, "set my.db user:1 needle --passphrase");
    for prompt in ["Passphrase:", "The same again:"] {
        terminal.wait_for_unseen(prompt);
        terminal.type_in("correct horse", "Enter");
    }
    let screen = terminal.wait_for("status 0\n");
    assert!(!screen.contains("horse"), "{screen}");
    let bytes = fs::read(terminal.folder().join("my.db")).unwrap();
    assert!(!bytes.windows(6).any(|window| window == b"needle"));

    begin(&terminal, "get my.db user:1 --passphrase");
    terminal.wait_for_unseen("Passphrase:");
    terminal.type_in("wrong", "Enter");
    terminal.wait_for("the encryption key is wrong");
    terminal.wait_for("status 2\n");
    begin(&terminal, "get my.db user:1 --passphrase");
    terminal.wait_for_unseen("Passphrase:");
    terminal.type_in("correct horse", "Enter");
    let screen = terminal.wait_for("status 0\n");
    assert!(screen.contains("needle") && !screen.contains("again"), "an old one is asked for once: {screen}");
}

#[test]
fn the_old_passphrase_is_asked_for_before_the_new_one() {
    let Some(terminal) = Terminal::start() else { return };
    begin(&terminal, "set my.db a 1 --passphrase");
    for prompt in ["Passphrase:", "The same again:"] {
        terminal.wait_for_unseen(prompt);
        terminal.type_in("old", "Enter");
    }
    terminal.wait_for("status 0\n");
    begin(&terminal, "rekey my.db --passphrase --new-passphrase");
    terminal.wait_for_unseen("Passphrase:");
    terminal.type_in("no", "Enter");
    terminal.wait_for("the encryption key is wrong");
    terminal.wait_for("status 2\n");
    begin(&terminal, "rekey my.db --passphrase --new-passphrase");
    for (prompt, typed) in [("Passphrase:", "old"), ("New passphrase:", "new"), ("The same again:", "new")] {
        terminal.wait_for_unseen(prompt);
        terminal.type_in(typed, "Enter");
    }
    terminal.wait_for("status 0\n");
    begin(&terminal, "count my.db --passphrase");
    terminal.wait_for_unseen("Passphrase:");
    terminal.type_in("new", "Enter");
    terminal.wait_for("1\nstatus 0\n");
}

#[test]
fn a_prompt_that_is_interrupted_shows_typed_letters_again() {
    let Some(terminal) = Terminal::start() else { return };
    begin(&terminal, "set my.db a 1 --passphrase");
    terminal.wait_for_unseen("Passphrase:");
    terminal.type_in("hidden", "C-c");
    terminal.wait_for("error: stopped by Ctrl-C\nstatus 130\nshell>");
    terminal.type_in("echo visible", "Enter");
    terminal.wait_for("shell> echo visible\nvisible\n");
    assert!(!terminal.folder().join("my.db").exists());
}
