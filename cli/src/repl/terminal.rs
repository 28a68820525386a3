//! Owns the prompt on a terminal: editing a line, dropping it, leaving. Never carries out a command itself.

use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{ColorMode, CompletionType, Config, Editor};

use super::helper::LineHelper;
use super::history::{History, LINES_MAX};
use super::session::{Flow, Origin, Session};
use crate::exit::{Failure, Status};
use crate::output;

/// Prompts for commands until one leaves, or Ctrl-D does.
pub(super) fn run(session: &mut Session) -> Result<(), Failure> {
    greet(session)?;
    let coloured = session.output().is_coloured();
    let mut editor = editor(coloured).map_err(unusable)?;
    editor.set_helper(Some(LineHelper::new(session.database().clone(), coloured)));
    let mut history = History::load(&mut editor);
    loop {
        match editor.readline(&prompt(session)) {
            Ok(line) => {
                history.keep(&mut editor, &line);
                let flow = session.execute(&line, Origin::Prompt)?;
                session.settle()?;
                editor.helper_mut().expect("it was set above").follow(session.used());
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

/// What is asked, and of which collection.
fn prompt(session: &Session) -> String {
    match session.used().name() {
        None => "ferrumdb> ".to_owned(),
        Some(name) => format!("ferrumdb {}> ", output::typed(name)),
    }
}

fn editor(coloured: bool) -> rustyline::Result<Editor<LineHelper, FileHistory>> {
    let config = Config::builder()
        .bracketed_paste(false)
        .color_mode(if coloured { ColorMode::Enabled } else { ColorMode::Disabled })
        .completion_type(CompletionType::List)
        .history_ignore_space(true)
        .max_history_size(LINES_MAX)?
        .build();
    Editor::with_config(config)
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
