//! The `ferrumdb` command: it turns its arguments into one run of the prompt or of a command, and the outcome into an
//! exit status. Never touches a database file by itself.

mod access;
mod arguments;
mod beginnings;
mod bounds;
mod commands;
mod exit;
mod given;
mod in_flight;
mod interrupt;
mod listings;
mod opening;
mod options;
mod output;
mod progress;
mod repl;
mod studio;
mod suggestions;
mod time;
mod typed;

use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::CompleteEnv;

use crate::arguments::Arguments;
use crate::output::Mode;

fn main() -> ExitCode {
    // A shell that wants to know what may follow is answered, and that is all.
    CompleteEnv::with_factory(Arguments::command).var(commands::COMPLETE).complete();
    let arguments = match Arguments::read() {
        Ok(arguments) => arguments,
        Err(status) => return status.into(),
    };
    if matches!(arguments.options.mode(), Some(Mode::Json | Mode::Ndjson)) {
        output::tell_as_json();
    }
    arguments
        .run()
        .unwrap_or_else(|failure| {
            if !failure.is_quiet() {
                output::error(&failure.message, failure.status, failure.kind);
            }
            failure.status
        })
        .into()
}
