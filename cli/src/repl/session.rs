//! Owns what commands do and the order of their answers: writes may be under way while more lines come in, but each
//! answers in its turn, and only when its commit has answered. Never reads a line itself.

use std::collections::VecDeque;
use std::fmt;
use std::io;

use ferrumdb::{Collection, Error, FerrumDB, Sequence};

use super::command::{self, Command, Value};
use super::reading;
use crate::exit::Status;
use crate::in_flight::Answer;
use crate::output::{self, Output};

/// How many writes may be under way at once.
const IN_FLIGHT_MAX: usize = 1024;
/// The answer where there is no document.
pub(super) const NIL: &str = "(nil)";

/// One run of commands against one database.
pub(super) struct Session {
    db: FerrumDB,
    /// What the commands read and write.
    used: Collection,
    output: Output,
    in_flight: VecDeque<Write>,
    status: Status,
}

/// Whether more lines are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    GoOn,
    Leave,
}

/// Where a command stood, for its error.
#[derive(Clone, Copy, Debug)]
pub(super) enum Origin {
    Prompt,
    Line(u64),
}

struct Write {
    origin: Origin,
    answer: WriteAnswer,
}

enum WriteAnswer {
    Done {
        answer: Answer<Sequence>,
        as_text: bool,
    },
    /// Whether there was a document.
    Found(Answer<bool>),
}

impl Session {
    pub(super) fn new(db: FerrumDB, output: Output) -> Self {
        let used = (*db).clone();
        Self { db, used, output, in_flight: VecDeque::new(), status: Status::Good }
    }

    /// The worst that has happened.
    pub(super) fn status(&self) -> Status {
        self.status
    }

    pub(super) fn database(&self) -> &FerrumDB {
        &self.db
    }

    /// The collection that commands read and write.
    pub(super) fn used(&self) -> &Collection {
        &self.used
    }

    pub(super) fn output(&mut self) -> &mut Output {
        &mut self.output
    }

    /// Carries out one line. The answer of a write may still be under way.
    ///
    /// # Errors
    /// When answers cannot be written any more; the commands themselves fail on standard error.
    pub(super) fn execute(&mut self, line: &str, origin: Origin) -> io::Result<Flow> {
        match command::parse(line) {
            Ok(None) => {}
            Ok(Some(Command::Exit)) => return Ok(Flow::Leave),
            Ok(Some(command)) => match self.begin(&command) {
                Some(answer) => self.send(origin, answer)?,
                None => {
                    // ORDER: a read sees the writes before it, and answers after them.
                    self.settle()?;
                    match &command {
                        Command::Use { name } => self.use_collection(name.as_deref(), origin)?,
                        command => self.read(command, origin)?,
                    }
                }
            },
            Err(message) => self.fail(origin, Status::Failed, &message)?,
        }
        Ok(Flow::GoOn)
    }

    /// Reports a line that could not even be read.
    pub(super) fn fail(&mut self, origin: Origin, status: Status, message: &str) -> io::Result<()> {
        self.settle()?;
        self.tell(origin, status, &message)
    }

    /// Whether answers are under way.
    pub(super) fn has_in_flight(&self) -> bool {
        !self.in_flight.is_empty()
    }

    /// Waits for the oldest answer under way, and writes it and those that are here as well.
    pub(super) fn settle_some(&mut self) -> io::Result<()> {
        let mut may_wait = true;
        while let Some(mut write) = self.in_flight.pop_front() {
            // A look parks where a wait could have spun, so it is only taken when answers wait to be seen.
            let is_here = (self.output.has_unwritten() || !may_wait) && write.answer.is_here();
            if !is_here && !may_wait {
                self.in_flight.push_front(write);
                break;
            }
            if !is_here {
                // ORDER: what has been answered is seen before this thread waits.
                self.output.flush()?;
                may_wait = false;
            }
            self.answer(write)?;
        }
        Ok(())
    }

    /// Waits for all answers under way, and writes them.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        while self.has_in_flight() {
            self.settle_some()?;
        }
        Ok(())
    }

    /// Makes all written answers visible.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }

    fn send(&mut self, origin: Origin, answer: WriteAnswer) -> io::Result<()> {
        self.in_flight.push_back(Write { origin, answer });
        if self.in_flight.len() < IN_FLIGHT_MAX { Ok(()) } else { self.settle_some() }
    }

    /// Sets a write going; `None` for what only reads.
    fn begin(&self, command: &Command<'_>) -> Option<WriteAnswer> {
        let db = &self.used;
        let found = |pending| Some(WriteAnswer::Found(Answer::Coming(pending)));
        let done = |pending, as_text| Some(WriteAnswer::Done { answer: Answer::Coming(pending), as_text });
        match command {
            Command::Set { key, value, lifetime } => match (*value, *lifetime) {
                (Value::Json(text), None) => done(db.set_raw(&**key, text), false),
                (Value::Text(text), None) => done(db.set(&**key, text), true),
                (Value::Json(text), Some(lifetime)) => done(db.set_raw_ex(&**key, text, lifetime), false),
                (Value::Text(text), Some(lifetime)) => done(db.set_ex(&**key, text, lifetime), true),
            },
            Command::Delete { key } => found(db.delete(&**key)),
            Command::Expire { key, lifetime } => found(db.expire(&**key, *lifetime)),
            Command::Persist { key } => found(db.persist(&**key)),
            Command::Drop { name } => found(self.db.drop_collection(&**name)),
            Command::CreateIndex { field } => done(db.create_index(field.clone()), false),
            Command::DropIndex { field } => done(db.drop_index(field.clone()), false),
            _ => None,
        }
    }

    fn answer(&mut self, write: Write) -> io::Result<()> {
        let answer = match write.answer {
            WriteAnswer::Done { answer, as_text } => answer.wait().map(|_sequence| match as_text {
                true if self.output.is_terminal() => "OK (stored as a string)",
                _ => "OK",
            }),
            WriteAnswer::Found(answer) => answer.wait().map(|existed| if existed { "OK" } else { NIL }),
        };
        match answer {
            Ok(text) => self.output.line(text),
            Err(error) => self.tell_error(write.origin, &error),
        }
    }

    fn read(&mut self, command: &Command<'_>, origin: Origin) -> io::Result<()> {
        match reading::answer((&self.db, &self.used), &mut self.output, command) {
            Ok(written) => written,
            Err(error) => self.tell_error(origin, &error),
        }
    }

    /// Lets the commands behind this one concern a collection, or the root.
    fn use_collection(&mut self, name: Option<&str>, origin: Origin) -> io::Result<()> {
        match name.map_or_else(|| Ok((*self.db).clone()), |name| self.db.collection(name)) {
            Ok(used) => {
                self.used = used;
                self.output.line("OK")
            }
            Err(error) => self.tell_error(origin, &error),
        }
    }

    fn tell_error(&mut self, origin: Origin, error: &Error) -> io::Result<()> {
        self.tell(origin, Status::of(error.kind()), error)
    }

    fn tell(&mut self, origin: Origin, status: Status, message: &dyn fmt::Display) -> io::Result<()> {
        self.status = self.status.max(status);
        // ORDER: both streams may lead to one place, where answers and errors stand in the order of the commands.
        self.output.flush()?;
        match origin {
            Origin::Prompt => output::error(&message.to_string()),
            Origin::Line(number) => output::error(&format!("line {number}: {message}")),
        }
        Ok(())
    }
}

impl WriteAnswer {
    fn is_here(&mut self) -> bool {
        match self {
            Self::Done { answer, .. } => answer.is_here(),
            Self::Found(answer) => answer.is_here(),
        }
    }
}
