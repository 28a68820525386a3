//! Owns what commands do and the order of their answers: writes may be under way while more lines come in, but each
//! answers in its turn, and only when its commit has answered. Never reads a line itself.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::time::Instant;

use ferrumdb::{Collection, Error, FerrumDB, OpenTransaction, Snapshot};
use ferrumdb_studio::Studio;

use super::command::{self, Command};
use super::reading::{self, Told};
use super::view::View;
use super::writing::{self, Answered, Write};
use crate::exit::Status;
use crate::interrupt;
use crate::options::Options;
use crate::output::{self, Output};

/// How many writes may be under way at once.
const IN_FLIGHT_MAX: usize = 1024;
/// The answer where there is no document.
pub(super) const NIL: &str = "(nil)";

/// One run of commands against one database.
pub(super) struct Session<'d> {
    pub(super) db: &'d FerrumDB,
    pub(super) options: &'d Options,
    /// What the commands read and write.
    pub(super) used: Collection,
    /// The transaction that is being made.
    pub(super) open: Option<OpenTransaction<'d>>,
    /// What reads show instead of what is there.
    pub(super) snapshot: Option<Snapshot>,
    pub(super) kept: Kept,
    /// Studio, beside whoever sits in front of a terminal.
    pub(super) studio: Option<Studio>,
    in_flight: VecDeque<(Origin, Write)>,
}

/// What stays when another database is opened.
pub(super) struct Kept {
    pub(super) output: Output,
    /// The worst that has happened.
    pub(super) status: Status,
    /// Whether it is told how long commands take.
    pub(super) timing: bool,
    /// Whether somebody sits in front of it.
    pub(super) prompting: bool,
}

/// Whether more lines are to be read.
pub(super) enum Flow {
    GoOn,
    Leave,
    /// They are, for this database.
    Reopen(FerrumDB),
}

/// Where a command stood, for its error.
#[derive(Clone, Copy, Debug)]
pub(super) enum Origin {
    Prompt,
    Line(u64),
}

impl<'d> Session<'d> {
    pub(super) fn new(db: &'d FerrumDB, options: &'d Options, kept: Kept) -> Self {
        let used = (**db).clone();
        Self { db, options, used, open: None, snapshot: None, kept, studio: None, in_flight: VecDeque::new() }
    }

    /// What stays.
    pub(super) fn into_kept(self) -> Kept {
        self.kept
    }

    pub(super) fn output(&mut self) -> &mut Output {
        &mut self.kept.output
    }

    /// Carries out one line. The answer of a write may still be under way.
    ///
    /// # Errors
    /// When answers cannot be written any more; the commands themselves fail on standard error.
    pub(super) fn execute(&mut self, line: &str, origin: Origin) -> io::Result<Flow> {
        let (start, timing) = (Instant::now(), self.kept.timing);
        interrupt::begin();
        let flow = match command::parse(line) {
            Ok(None) => return Ok(Flow::GoOn),
            Ok(Some(command)) => self.carry_out(&command, origin)?,
            Err(message) => {
                self.fail(origin, Status::Refused, &message)?;
                Flow::GoOn
            }
        };
        if timing && self.kept.timing && matches!(flow, Flow::GoOn) {
            self.settle()?;
            self.output().line(&format!("Time: {:.1?}", start.elapsed()))?;
        }
        Ok(flow)
    }

    /// Reports a line that could not be carried out.
    pub(super) fn fail(&mut self, origin: Origin, status: Status, message: &str) -> io::Result<()> {
        self.settle()?;
        self.tell(origin, status, &message, None)
    }

    /// Whether answers are under way.
    pub(super) fn has_in_flight(&self) -> bool {
        !self.in_flight.is_empty()
    }

    /// Waits for the oldest answer under way, and writes it and those that are here as well.
    pub(super) fn settle_some(&mut self) -> io::Result<()> {
        let mut may_wait = true;
        while let Some((origin, mut write)) = self.in_flight.pop_front() {
            // A look parks where a wait could have spun, so it is only taken when answers wait to be seen.
            let is_here = (self.kept.output.has_unwritten() || !may_wait) && write.is_here();
            if !is_here && !may_wait {
                self.in_flight.push_front((origin, write));
                break;
            }
            if !is_here {
                // ORDER: what has been answered is seen before this thread waits.
                self.output().flush()?;
                may_wait = false;
            }
            let answered = write.wait();
            self.answer(origin, answered)?;
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
        self.output().flush()
    }

    fn carry_out(&mut self, command: &Command<'_>, origin: Origin) -> io::Result<Flow> {
        if matches!(command, Command::Exit) {
            return Ok(Flow::Leave);
        }
        if let Some(open) = &mut self.open
            && let Some(answered) = writing::within(open, command)
        {
            self.answer(origin, answered)?;
            return Ok(Flow::GoOn);
        }
        if self.open.is_some() && writing::is_for_the_database(command) {
            let message = "a transaction is open; COMMIT or ROLLBACK ends it";
            self.fail(origin, Status::Refused, message)?;
            return Ok(Flow::GoOn);
        }
        if self.open.is_none()
            && let Some(write) = writing::begin(self.db, &self.used, command)
        {
            self.in_flight.push_back((origin, write));
            if self.in_flight.len() >= IN_FLIGHT_MAX {
                self.settle_some()?;
            }
            return Ok(Flow::GoOn);
        }
        // ORDER: what follows sees the writes before it, and answers after them.
        self.settle()?;
        match command {
            Command::Dot(dot) => return self.dot(dot, origin),
            Command::Use { name } => self.use_collection(name.as_deref(), origin)?,
            Command::Begin => self.begin(origin)?,
            Command::Commit => self.commit(origin)?,
            Command::Rollback => self.roll_back(origin)?,
            Command::Snapshot => self.take_snapshot(origin)?,
            Command::Release => self.release(origin)?,
            Command::Watch { prefix } => self.watch(prefix, origin)?,
            command => self.read(command, origin)?,
        }
        Ok(Flow::GoOn)
    }

    fn read(&mut self, command: &Command<'_>, origin: Origin) -> io::Result<()> {
        let Self { db, used, open, snapshot, kept, .. } = self;
        let view = match (open, snapshot) {
            (Some(open), _) => View::Within(open),
            (None, Some(snapshot)) => View::Then(match used.name() {
                Some(name) => snapshot.collection(name),
                None => snapshot.root(),
            }),
            (None, None) => View::Now(used.clone()),
        };
        match reading::answer((db, used), view, &mut kept.output, command) {
            Ok(written) => match written? {
                Told::Whole => Ok(()),
                Told::Interrupted => self.fail(origin, Status::Refused, "interrupted"),
            },
            Err(error) => self.tell_error(origin, &error),
        }
    }

    fn answer(&mut self, origin: Origin, answered: ferrumdb::Result<Answered>) -> io::Result<()> {
        let is_terminal = self.kept.output.is_terminal();
        match answered {
            Ok(Answered::Done { as_text: true }) if is_terminal => {
                self.output().line("OK (stored as a string)")
            }
            Ok(Answered::Done { .. }) => self.output().line("OK"),
            Ok(Answered::Found(true)) => self.output().line("OK"),
            Ok(Answered::Found(false)) => self.output().line(NIL),
            Ok(Answered::Compacted(report)) => self
                .output()
                .line(&format!("OK ({} bytes of log became {})", report.bytes_before, report.bytes_after)),
            Err(error) => self.tell_error(origin, &error),
        }
    }

    pub(super) fn tell_error(&mut self, origin: Origin, error: &Error) -> io::Result<()> {
        let status = match Status::of(error.kind()) {
            // The line was wrong, and not the arguments of the program.
            Status::Usage | Status::NotFound => Status::Refused,
            status => status,
        };
        self.tell(origin, status, error, Some(error.kind()))
    }

    fn tell(
        &mut self,
        origin: Origin,
        status: Status,
        message: &dyn fmt::Display,
        kind: Option<ferrumdb::ErrorKind>,
    ) -> io::Result<()> {
        self.kept.status = self.kept.status.worst(status);
        // ORDER: both streams may lead to one place, where answers and errors stand in the order of the commands.
        self.output().flush()?;
        match origin {
            Origin::Prompt => output::error(&message.to_string(), status, kind),
            Origin::Line(number) => output::error(&format!("line {number}: {message}"), status, kind),
        }
        Ok(())
    }
}
