//! What the tests of the command share: running it on a folder of its own. Never touches another folder.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The command, in this folder, without the environment's wishes.
pub(crate) fn ferrumdb(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ferrumdb"));
    command.current_dir(folder).env_remove("FERRUMDB_FSYNC").env_remove("CLICOLOR_FORCE");
    command.env_remove("FERRUMDB_PASSPHRASE");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs it on an input: status, standard output, standard error.
pub(crate) fn run(folder: &Path, arguments: &[&str], input: impl AsRef<[u8]>) -> (i32, String, String) {
    let mut child = ferrumdb(folder).args(arguments).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.as_ref().to_vec();
    // Who leaves early does not read everything.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    read(&output)
}

/// A finished run: status, standard output, standard error.
pub(crate) fn read(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}
