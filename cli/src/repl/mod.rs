//! The prompt: commands from a terminal or a pipe, one a line, and their answers in the same order. Never prompts
//! where nobody sits.

mod command;
mod editing;
mod helper;
mod history;
mod modes;
mod pipe;
mod reading;
mod session;
mod speed;
mod studio;
mod terminal;
mod view;
mod writing;

use std::io::{self, IsTerminal};
use std::path::Path;

use ferrumdb::FerrumDB;

use crate::exit::{Failure, Outcome, Status};
use crate::opening::open_for_prompt;
use crate::options::Options;
use crate::output::Output;
use pipe::Pipe;
use session::{Kept, Session};
use terminal::Terminal;

/// Where lines come from.
enum Input {
    Terminal(Box<Terminal>),
    Pipe(Pipe),
}

/// Opens the database and carries out commands until there are no more.
pub(crate) fn run(path: &Path, options: &Options) -> Outcome {
    let output = Output::standard(options.mode());
    let prompting = io::stdin().is_terminal() && output.is_terminal();
    let mut kept = Kept { output, status: Status::Good, timing: false, prompting };
    let mut db = open_for_prompt(path, options, prompting)?;
    let mut input = match prompting {
        true => Input::Terminal(Box::new(Terminal::open(&kept.output)?)),
        false => Input::Pipe(Pipe::open()?),
    };
    loop {
        let mut session = Session::new(&db, options, kept);
        let ran = input.run(&mut session);
        kept = session.into_kept();
        let closed = db.close().wait();
        let next = ran.map_err(|failure| match failure.is_quiet() {
            // Nobody reads the answers any more, and the lines behind were not carried out.
            true => Failure { status: Status::Refused, ..failure },
            false => failure,
        })?;
        closed?;
        match next {
            Some(other) => db = other,
            None => return Ok(kept.status),
        }
    }
}

impl Input {
    /// Carries out commands until there are no more, or until another database is opened.
    fn run(&mut self, session: &mut Session<'_>) -> Result<Option<FerrumDB>, Failure> {
        match self {
            Self::Terminal(terminal) => terminal.run(session),
            Self::Pipe(pipe) => pipe.run(session),
        }
    }
}
