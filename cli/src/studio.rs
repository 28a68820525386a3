//! Owns Ferrum Studio beside the command: starting it, saying where it is, and showing it in a browser. Never answers a
//! request itself.

use std::process::{Command, Stdio};

use ferrumdb::FerrumDB;
use ferrumdb_studio::{Options, ServeError, Studio, serve};

use crate::exit::{Failure, Status};

/// Serves the database.
pub(crate) fn start(db: &FerrumDB, options: Options) -> Result<Studio, Failure> {
    serve(db, options).map_err(|error| match error {
        ServeError::Database(error) => error.into(),
        ServeError::NotLoopback { .. } | ServeError::NotAnAddress { .. } => {
            Failure::new(Status::Usage, error.to_string())
        }
        _ => Failure::new(Status::Io, error.to_string()),
    })
}

/// What can be done there, and where it is. The address comes last, so that it can be copied and clicked on.
pub(crate) fn told(studio: &Studio, hint: &str, url: &str) -> String {
    let writes = if studio.writes() { "documents can be changed" } else { "read only" };
    let moved = if studio.has_moved() { "; the port that was asked for is taken" } else { "" };
    format!("Ferrum Studio ({writes}{moved}{hint}): {url}")
}

/// Shows an address in the browser that the system prefers. Whoever can see this machine's processes can see the address
/// until the browser has used it.
pub(crate) fn show(url: &str) -> Result<(), Failure> {
    let (program, before): (&str, &[&str]) = if cfg!(target_os = "macos") {
        ("open", &[])
    } else if cfg!(windows) {
        ("rundll32", &["url.dll,FileProtocolHandler"])
    } else {
        ("xdg-open", &[])
    };
    let mut command = Command::new(program);
    command.args(before).arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let failed =
        |error| Failure::new(Status::Io, format!("no browser could be started ({error}); open the address"));
    command.spawn().map(drop).map_err(failed)
}
