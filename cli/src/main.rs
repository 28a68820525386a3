//! The `ferrumdb` command: it turns its arguments into one run of the prompt or of a command, and the outcome into an
//! exit status. Never touches a database file by itself.

mod access;
mod arguments;
mod backup;
mod checks;
mod exit;
mod export;
mod import;
mod in_flight;
mod opening;
mod output;
mod repl;
mod restore;
mod time;
mod working;

use std::process::ExitCode;

use crate::access::Access;
use crate::arguments::{Arguments, Command};
use crate::exit::Status;

fn main() -> ExitCode {
    let arguments = match Arguments::read() {
        Ok(arguments) => arguments,
        Err(status) => return status.into(),
    };
    run(&arguments)
        .unwrap_or_else(|failure| {
            if !failure.is_quiet() {
                output::error(&failure.message);
            }
            failure.status
        })
        .into()
}

fn run(arguments: &Arguments) -> Outcome {
    let access = Access::of(arguments.fsync, &arguments.key, arguments.database())?;
    match &arguments.command {
        Some(Command::Import(import)) => import::run(import, &access),
        Some(Command::Export(export)) => export::run(export, &access),
        Some(Command::Backup(backup)) => backup::run(backup, &access),
        Some(Command::Restore(restore)) => restore::run(restore, &access),
        Some(Command::Verify(verify)) => checks::verify(verify, &access),
        Some(Command::Repair(repair)) => checks::repair(repair, &access),
        None => repl::run(arguments.path(), &access),
    }
}

/// What a run ends with: a status, or the failure that stopped it.
pub(crate) type Outcome = Result<Status, exit::Failure>;
