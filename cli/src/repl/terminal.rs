//! Owns the prompt on a terminal: editing a line, dropping it, leaving. Never carries out a command itself.

use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;
use rustyline::{Config, Editor};

use super::session::{Flow, Origin, Session};
use crate::exit::{Failure, Status};

const PROMPT: &str = "ferrumdb> ";

/// Prompts for commands until one leaves, or Ctrl-D does.
pub(super) fn run(session: &mut Session) -> Result<(), Failure> {
    greet(session)?;
    let config = Config::builder().auto_add_history(true).bracketed_paste(false).build();
    let mut editor = Editor::<(), MemHistory>::with_history(config, MemHistory::new()).map_err(unusable)?;
    loop {
        match editor.readline(PROMPT) {
            Ok(line) => {
                let flow = session.execute(&line, Origin::Prompt)?;
                session.settle()?;
                session.flush()?;
                if flow == Flow::Leave {
                    return Ok(());
                }
            }
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => return Ok(()),
            Err(error) => return Err(unusable(error)),
        }
    }
}

fn greet(session: &mut Session) -> Result<(), Failure> {
    let (path, count) = (session.database().path().display().to_string(), session.database().count()?);
    let documents = if count == 1 { "document" } else { "documents" };
    let version = env!("CARGO_PKG_VERSION");
    session
        .output()
        .line(&format!("FerrumDB {version}: {path}, {count} {documents}. HELP lists the commands."))?;
    session.flush()?;
    Ok(())
}

fn unusable(error: ReadlineError) -> Failure {
    Failure::new(Status::Io, format!("could not read from the terminal: {error}"))
}
