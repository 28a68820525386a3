//! The prompt: commands from a terminal or a pipe, one a line, and their answers in the same order. Never prompts
//! where nobody sits.

mod command;
mod editing;
mod helper;
mod history;
mod pipe;
mod reading;
mod report;
mod session;
mod terminal;

use std::io::{self, IsTerminal};
use std::path::Path;

use crate::access::Access;
use crate::output::Output;
use crate::{Outcome, opening};
use session::Session;

/// Opens the database and carries out commands until there are no more.
pub(crate) fn run(path: &Path, access: &Access) -> Outcome {
    let db = opening::open(path, access)?;
    let output = Output::standard();
    let prompting = io::stdin().is_terminal() && output.is_terminal();
    let mut session = Session::new(db.clone(), output);
    let ran = if prompting { terminal::run(&mut session) } else { pipe::run(&mut session) };
    let closed = db.close().wait();
    ran?;
    closed?;
    Ok(session.status())
}
