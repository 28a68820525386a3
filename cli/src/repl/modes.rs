//! Owns the commands that change what the following ones mean: the collection, transactions, snapshots, and those with
//! a dot. Never reads or writes a document.

use std::borrow::Cow;
use std::io;
use std::path::Path;
use std::time::Duration;

use ferrumdb::WatchOptions;

use super::command::Dot;
use super::session::{Flow, Origin, Session};
use crate::commands::{export, import};
use crate::exit::{Failure, Status};
use crate::interrupt;
use crate::listings::{CHANGE_COLUMNS, push_change};
use crate::opening;
use crate::output::{self, Plain};

/// How long a watch waits before it looks whether it is to stop.
const WATCH_DISTANCE: Duration = Duration::from_millis(50);

impl<'d> Session<'d> {
    /// Lets the commands behind this one concern a collection, or the root.
    pub(super) fn use_collection(&mut self, name: Option<&str>, origin: Origin) -> io::Result<()> {
        let used = match name {
            Some(name) => self.db.collection(name),
            None => Ok((**self.db).clone()),
        };
        let used = match used {
            Ok(used) => used,
            Err(error) => return self.tell_error(origin, &error),
        };
        match (&mut self.open, name) {
            (Some(open), Some(name)) => {
                open.in_collection(name).expect("a collection of this name was just found possible");
            }
            (Some(open), None) => {
                open.in_root();
            }
            (None, _) => {}
        }
        self.used = used;
        self.output().line("OK")
    }

    pub(super) fn begin(&mut self, origin: Origin) -> io::Result<()> {
        if self.open.is_some() {
            return self.fail(origin, Status::Refused, "a transaction is open; COMMIT or ROLLBACK ends it");
        }
        if self.snapshot.is_some() {
            return self.fail(
                origin,
                Status::Refused,
                "reads show a snapshot; RELEASE lets them show what is there",
            );
        }
        let mut open = self.db.begin();
        open.expect_ranges();
        if let Some(name) = self.used.name()
            && let Err(error) = open.in_collection(name).map(drop)
        {
            return self.tell_error(origin, &error);
        }
        self.open = Some(open);
        self.output().line("OK")
    }

    pub(super) fn commit(&mut self, origin: Origin) -> io::Result<()> {
        let Some(open) = self.open.take() else { return self.no_transaction(origin) };
        match open.commit().wait() {
            Ok(_) => self.output().line("OK"),
            Err(error) => self.tell_error(origin, &error),
        }
    }

    pub(super) fn roll_back(&mut self, origin: Origin) -> io::Result<()> {
        match self.open.take() {
            Some(_) => self.output().line("OK"),
            None => self.no_transaction(origin),
        }
    }

    pub(super) fn take_snapshot(&mut self, origin: Origin) -> io::Result<()> {
        if self.open.is_some() {
            return self.fail(origin, Status::Refused, "a transaction is open; COMMIT or ROLLBACK ends it");
        }
        match self.db.snapshot() {
            Ok(snapshot) => {
                self.snapshot = Some(snapshot);
                self.output().line("OK")
            }
            Err(error) => self.tell_error(origin, &error),
        }
    }

    pub(super) fn release(&mut self, origin: Origin) -> io::Result<()> {
        match self.snapshot.take() {
            Some(_) => self.output().line("OK"),
            None => self.fail(origin, Status::Refused, "there is no snapshot; SNAPSHOT takes one"),
        }
    }

    /// Tells what is committed, until Ctrl-C.
    pub(super) fn watch(&mut self, prefix: &str, origin: Origin) -> io::Result<()> {
        if !self.kept.prompting {
            let message = "WATCH is for a terminal; `ferrumdb watch` does the same for a pipe";
            return self.fail(origin, Status::Refused, message);
        }
        let wanted = WatchOptions::everything().prefix(prefix).with_after();
        let wanted = match self.used.name() {
            Some(name) => wanted.collection(name),
            None => wanted.root(),
        };
        let mut changes = match self.db.watch(wanted) {
            Ok(changes) => changes,
            Err(error) => return self.tell_error(origin, &error),
        };
        output::note("watching what is committed; Ctrl-C ends it");
        let mut rows = self.kept.output.rows(CHANGE_COLUMNS, Plain::Table);
        let failure = loop {
            if interrupt::is_wanted() {
                break None;
            }
            match changes.next_within(WATCH_DISTANCE) {
                Ok(Some(change)) => push_change(&mut rows, &change)?,
                Ok(None) => rows.flush()?,
                Err(error) => break Some(error),
            }
        };
        rows.finish()?;
        failure.map_or(Ok(()), |error| self.tell_error(origin, &error))
    }

    pub(super) fn dot(&mut self, dot: &Dot<'_>, origin: Origin) -> io::Result<Flow> {
        let done = match dot {
            Dot::Mode(mode) => {
                self.output().set_mode(*mode);
                return Ok(Flow::GoOn);
            }
            Dot::ShowMode => {
                let mode = self.output().mode().map_or("auto".to_owned(), |mode| mode.to_string());
                self.output().line(&mode)?;
                return Ok(Flow::GoOn);
            }
            Dot::Timing(timing) => {
                self.kept.timing = *timing;
                return Ok(Flow::GoOn);
            }
            _ if self.open.is_some() => {
                Err(Failure::new(Status::Refused, "a transaction is open; COMMIT or ROLLBACK ends it"))
            }
            Dot::Studio(what) => self.studio(*what),
            Dot::Import(words) => self.import(words),
            Dot::Dump(file) => self.dump(file.as_deref()),
            Dot::Open(path) => {
                match opening::open_for_prompt(Path::new(&**path), self.options, self.kept.prompting) {
                    Ok(db) => return Ok(Flow::Reopen(db)),
                    Err(failure) => Err(failure),
                }
            }
        };
        match done {
            Ok(()) => {}
            Err(failure) if failure.is_quiet() => return Err(io::ErrorKind::BrokenPipe.into()),
            Err(failure) => self.fail(origin, failure.status, &failure.message)?,
        }
        Ok(Flow::GoOn)
    }

    fn import(&mut self, words: &[Cow<'_, str>]) -> Result<(), Failure> {
        let source = import::Source::of_words(words, self.used.name())?;
        self.flush()?;
        let documents = import::into_open(&source, self.db, self.options)?;
        let noun = if documents == 1 { "document" } else { "documents" };
        self.output().line(&format!("OK ({documents} {noun})"))?;
        Ok(())
    }

    fn dump(&mut self, file: Option<&str>) -> Result<(), Failure> {
        self.flush()?;
        match file {
            None => export::export(self.db, io::stdout().lock(), self.options).map(drop),
            Some(file) => {
                let documents = export::export_to_file(self.db, Path::new(file), self.options)?;
                let noun = if documents == 1 { "document" } else { "documents" };
                self.output().line(&format!("OK ({documents} {noun})"))?;
                Ok(())
            }
        }
    }

    fn no_transaction(&mut self, origin: Origin) -> io::Result<()> {
        self.fail(origin, Status::Refused, "no transaction is open; BEGIN opens one")
    }
}
