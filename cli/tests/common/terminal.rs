//! A real terminal for tests, which tmux provides. Never touches a tmux server but its own.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::{TempDir, tempdir};

const PATIENCE: Duration = Duration::from_secs(60);

/// A shell in a window of its own; the server ends with it.
pub(crate) struct Terminal {
    folder: TempDir,
}

impl Terminal {
    /// `None`, said aloud, where there is no tmux.
    pub(crate) fn start() -> Option<Self> {
        if Command::new("tmux").arg("-V").output().is_err() {
            eprintln!("tmux is not installed: the prompt was NOT tested in a terminal");
            return None;
        }
        let terminal = Self { folder: tempdir().unwrap() };
        let size = ["-x", "100", "-y", "40"];
        // The history of whoever runs the tests is none of their business.
        let state = format!("XDG_STATE_HOME={}", terminal.folder().join("state").display());
        let status = terminal
            .tmux()
            .args(["-f", "/dev/null", "new-session", "-d"])
            .args(size)
            .args(["env", "PS1=shell> ", "TERM=screen-256color", &state, "sh"])
            .current_dir(terminal.folder.path())
            .status();
        assert!(status.unwrap().success());
        terminal.wait_for("shell>");
        Some(terminal)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Types text, and then a key by its name.
    pub(crate) fn type_in(&self, text: &str, key: &str) {
        assert!(self.tmux().args(["send-keys", "-l", text]).status().unwrap().success());
        assert!(self.tmux().args(["send-keys", key]).status().unwrap().success());
    }

    #[allow(dead_code, reason = "not every file of tests prompts")]
    pub(crate) fn prompt(&self, arguments: &str) {
        // What an earlier prompt has left on the screen would be taken for this one.
        self.type_in("clear; echo cleared", "Enter");
        self.wait_for("cleared\nshell>");
        self.type_in(&format!("clear; {} {arguments}", env!("CARGO_BIN_EXE_ferrumdb")), "Enter");
        self.wait_for("HELP lists the commands.\nferrumdb>");
    }

    /// Waits until the screen holds the text, and returns it with its colours.
    pub(crate) fn wait_for(&self, text: &str) -> String {
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

    /// Waits until the text is all that the screen holds.
    #[allow(dead_code, reason = "not every file of tests asks")]
    pub(crate) fn wait_for_nothing_but(&self, text: &str) {
        let start = Instant::now();
        while self.capture(&[]).trim() != text {
            assert!(start.elapsed() < PATIENCE, "not {text:?} alone:\n{}", self.capture(&[]));
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Whether the screen holds the text within some seconds.
    #[allow(dead_code, reason = "not every file of tests asks")]
    pub(crate) fn shows_soon(&self, text: &str) -> bool {
        let start = Instant::now();
        while start.elapsed() < PATIENCE / 10 {
            if self.capture(&[]).contains(text) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }

    /// Waits for a prompt behind which nothing that is typed is shown. What is typed before that is thrown away.
    #[allow(dead_code, reason = "not every file of tests asks")]
    pub(crate) fn wait_for_unseen(&self, prompt: &str) {
        self.wait_for(prompt);
        let tty = self.tmux().args(["display-message", "-p", "#{pane_tty}"]).output().unwrap();
        let tty = String::from_utf8(tty.stdout).unwrap();
        let start = Instant::now();
        loop {
            let state = Command::new("stty").args(["-a", "-F", tty.trim()]).output().unwrap();
            if String::from_utf8(state.stdout).unwrap().contains(" -echo ") {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "what is typed is shown");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn capture(&self, options: &[&str]) -> String {
        let output = self.tmux().args(["capture-pane", "-p"]).args(options).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn tmux(&self) -> Command {
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
