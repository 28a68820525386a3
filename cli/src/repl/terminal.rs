//! Owns the prompt on a terminal: editing a line, dropping it, leaving. Never carries out a command itself.

use ferrumdb::FerrumDB;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{ColorMode, CompletionType, Config, Editor};

use super::helper::LineHelper;
use super::history::{History, LINES_MAX};
use super::session::{Flow, Origin, Session};
use crate::exit::{Failure, Status};
use crate::interrupt::{self, Caught};
use crate::output::{self, Output};

/// A terminal with somebody in front of it.
pub(super) struct Terminal {
    editor: Editor<LineHelper, FileHistory>,
    history: History,
    _caught: Caught,
}

impl Terminal {
    pub(super) fn open(output: &Output) -> Result<Self, Failure> {
        let caught = interrupt::catch()?;
        let mut editor = editor(output.is_coloured()).map_err(unusable)?;
        let history = History::load(&mut editor);
        Ok(Self { editor, history, _caught: caught })
    }

    /// Prompts for commands until one leaves, Ctrl-D does, or another database is opened.
    pub(super) fn run(&mut self, session: &mut Session<'_>) -> Result<Option<FerrumDB>, Failure> {
        let Self { editor, history, .. } = self;
        greet(session)?;
        let hints = session.output().is_coloured();
        editor.set_helper(Some(LineHelper::new(session.db.clone(), hints)));
        loop {
            match editor.readline(&prompt(session)) {
                Ok(line) => {
                    history.keep(editor, &line);
                    let flow = session.execute(&line, Origin::Prompt)?;
                    session.settle()?;
                    editor.helper_mut().expect("it was set above").follow(&session.used);
                    session.flush()?;
                    match flow {
                        Flow::GoOn => {}
                        Flow::Leave => return Ok(None),
                        Flow::Reopen(db) => {
                            // It holds the database that is to be closed.
                            editor.set_helper(None);
                            return Ok(Some(db));
                        }
                    }
                }
                Err(ReadlineError::Interrupted) => {}
                Err(ReadlineError::Eof) => return Ok(None),
                Err(error) => return Err(unusable(error)),
            }
        }
    }
}

/// What is asked, of which collection, and of which state of it.
fn prompt(session: &Session<'_>) -> String {
    let name = session.used.name().map(|name| format!(" {}", output::typed(name)));
    let state = match (&session.open, &session.snapshot) {
        (Some(_), _) => " (transaction)".to_owned(),
        (None, Some(snapshot)) => format!(" (snapshot {})", snapshot.sequence()),
        (None, None) => String::new(),
    };
    format!("ferrumdb{}{state}> ", name.unwrap_or_default())
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

fn greet(session: &mut Session<'_>) -> Result<(), Failure> {
    session.greet_with_studio()?;
    let (path, count) = (session.db.path().display().to_string(), session.db.count()?);
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
