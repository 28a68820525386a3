//! Owns the exit statuses, and what stops a run. Never prints.

use std::io;
use std::process::ExitCode;

use ferrumdb::{Error, ErrorKind};

/// The exit statuses, each worse than the one before; the help lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Status {
    Good = 0,
    Failed = 1,
    Usage = 2,
    Locked = 3,
    Damaged = 4,
    Io = 5,
}

impl Status {
    /// The status that stands for this kind of error.
    pub(crate) fn of(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::InvalidConfig
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
            _ => Self::Failed,
        }
    }
}

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
}

impl Failure {
    pub(crate) fn new(status: Status, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
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
        Self::new(Status::of(error.kind()), format!("{error}{advice}"))
    }
}

/// A failure to write answers.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::new(Status::Failed, ""),
            _ => Self::new(Status::Io, format!("could not write the answer: {error}")),
        }
    }
}
