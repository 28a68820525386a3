//! The prompt in a real terminal, which tmux provides. Never touches a tmux server but its own.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test may fail this way, and says when it cannot run"
)]

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::{TempDir, tempdir};

const PATIENCE: Duration = Duration::from_secs(20);

/// A shell in a window of its own; the server ends with it.
struct Terminal {
    folder: TempDir,
}

impl Terminal {
    /// `None`, said aloud, where there is no tmux.
    fn start() -> Option<Self> {
        if Command::new("tmux").arg("-V").output().is_err() {
            eprintln!("tmux is not installed: the prompt was NOT tested in a terminal");
            return None;
        }
        let terminal = Self { folder: tempdir().unwrap() };
        let size = ["-x", "100", "-y", "40"];
        let status = terminal
            .tmux()
            .args(["-f", "/dev/null", "new-session", "-d"])
            .args(size)
            .args(["env", "PS1=shell> ", "TERM=screen-256color", "sh"])
            .current_dir(terminal.folder.path())
            .status();
        assert!(status.unwrap().success());
        terminal.wait_for("shell>");
        Some(terminal)
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Types text, and then a key by its name.
    fn type_in(&self, text: &str, key: &str) {
        assert!(self.tmux().args(["send-keys", "-l", text]).status().unwrap().success());
        assert!(self.tmux().args(["send-keys", key]).status().unwrap().success());
    }

    fn prompt(&self, arguments: &str) {
        self.type_in(&format!("clear; {} {arguments}", env!("CARGO_BIN_EXE_ferrumdb")), "Enter");
        self.wait_for("HELP lists the commands.\nferrumdb>");
    }

    /// Waits until the screen holds the text, and returns it with its colours.
    fn wait_for(&self, text: &str) -> String {
        let start = Instant::now();
        loop {
            let screen = self.capture(&[]);
            if screen.contains(text) {
                return self.capture(&["-e"]);
            }
            assert!(start.elapsed() < PATIENCE, "no {text:?} on the screen:\n{screen}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn capture(&self, options: &[&str]) -> String {
        let output = self.tmux().args(["capture-pane", "-p"]).args(options).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    fn tmux(&self) -> Command {
        let mut command = Command::new("tmux");
        command.env_remove("TMUX").arg("-S").arg(self.folder.path().join("tmux"));
        for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "FERRUMDB_FSYNC"] {
            command.env_remove(name);
        }
        command
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.tmux().arg("kill-server").output();
    }
}

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
    terminal.wait_for("status 1\nshell>");
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
    terminal.type_in(
        &format!("clear; (cat lines.ndjson; sleep 1; cat lines.ndjson; sleep 1) | {program} import i.db -"),
        "Enter",
    );
    terminal.wait_for("00 documents  ");
    terminal.wait_for("imported 6000 documents in ");
}
