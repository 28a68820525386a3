//! Owns the exit statuses, and what stops a run. Never prints.

use std::io;
use std::process::ExitCode;

use ferrumdb::{Error, ErrorKind};

/// The exit statuses; the help and `docs/command.md` list them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Good = 0,
    /// What was asked for is not there.
    NotFound = 1,
    Usage = 2,
    Locked = 3,
    Damaged = 4,
    Io = 5,
    /// The database refused a command, or it was not carried out.
    Refused = 6,
    /// Ctrl-C has stopped it: what shells tell of a program that it has ended.
    Interrupted = 130,
}

impl Status {
    /// The worse of the two: what concerns the whole file is worse than what concerns one command.
    pub(crate) fn worst(self, other: Self) -> Self {
        const ASCENDING: [Status; 8] = [
            Status::Good,
            Status::NotFound,
            Status::Refused,
            Status::Usage,
            Status::Locked,
            Status::Damaged,
            Status::Io,
            Status::Interrupted,
        ];
        let rank = |status| ASCENDING.iter().position(|other| *other == status);
        if rank(other) > rank(self) { other } else { self }
    }

    /// The status that stands for this kind of error.
    pub(crate) fn of(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::InvalidConfig
            | ErrorKind::InvalidPath
            | ErrorKind::InvalidName
            | ErrorKind::KeyNeeded
            | ErrorKind::NotEncrypted
            | ErrorKind::WrongKey => Self::Usage,
            ErrorKind::Locked => Self::Locked,
            ErrorKind::Damaged
            | ErrorKind::Tampered
            | ErrorKind::NotADatabase
            | ErrorKind::UnsupportedFormat => Self::Damaged,
            ErrorKind::Io
            | ErrorKind::IsADirectory
            | ErrorKind::NoSuchFolder
            | ErrorKind::AlreadyExists
            | ErrorKind::InDoubt
            | ErrorKind::Poisoned => Self::Io,
            ErrorKind::NoSuchIndex | ErrorKind::NoSuchCommit | ErrorKind::HistoryDropped => Self::NotFound,
            _ => Self::Refused,
        }
    }
}

/// What a run ends with: a status, or the failure that stopped it.
pub(crate) type Outcome = Result<Status, Failure>;

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status as u8)
    }
}

/// Why a run stopped before its end.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: Status,
    /// One sentence; empty when there is nobody to tell.
    pub(crate) message: String,
    /// What kind of error the database met, if it was the database's.
    pub(crate) kind: Option<ErrorKind>,
}

impl Failure {
    pub(crate) fn new(status: Status, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), kind: None }
    }

    /// What Ctrl-C leads to.
    pub(crate) fn interrupted() -> Self {
        Self::new(Status::Interrupted, "stopped by Ctrl-C")
    }

    /// Whoever read the answers has gone, so it would only disturb to say so.
    pub(crate) fn is_quiet(&self) -> bool {
        self.message.is_empty()
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let advice = match error.kind() {
            ErrorKind::KeyNeeded => ": --key-file FILE, or --passphrase",
            _ => "",
        };
        let failure = Self::new(Status::of(error.kind()), format!("{error}{advice}"));
        Self { kind: Some(error.kind()), ..failure }
    }
}

/// A failure to write answers.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::new(Status::Good, ""),
            _ => Self::new(Status::Io, format!("could not write the answer: {error}")),
        }
    }
}
