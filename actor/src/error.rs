//! Owns the one error type that users see, and its kinds. Never hides a cause, never prints one.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ferrumdb_engine::{self as engine, Changed, Condition, PathError, Refused};

use crate::{Key, Sequence};

/// The result of a database call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong. Its text is a sentence that says what to do, where there is something to do.
///
/// It is `Clone`, since one failed sync answers many callers, and as small as a pointer.
///
/// ```
/// use ferrumdb::{ErrorKind, FerrumDB};
///
/// let db = FerrumDB::open_in_memory().wait()?;
/// let error = db.set_raw("user:1", "{not json").wait().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::InvalidJson);
/// assert_eq!(error.key().map(|key| key.as_str()), Some("user:1"));
/// # Ok::<(), ferrumdb::Error>(())
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    cause: Cause,
    key: Option<Key>,
    /// The name of the key's collection, unless that is the root.
    collection: Option<Key>,
    /// How often a transaction was run; 0 for what is none that is run again.
    attempts: u32,
}

/// The kinds of errors, to decide by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Another opening of the file, in this process or another, holds its lock.
    Locked,
    /// The path names a folder.
    IsADirectory,
    /// The folder that should hold the file does not exist.
    NoSuchFolder,
    /// The file is something else than a database.
    NotADatabase,
    /// The file needs a newer FerrumDB.
    UnsupportedFormat,
    /// The file is encrypted, and no key was given.
    KeyNeeded,
    /// A key was given for a file that is not encrypted.
    NotEncrypted,
    /// The key is not the one that the file is encrypted with.
    WrongKey,
    /// Somebody without the key has changed or moved encrypted bytes.
    Tampered,
    /// The data key of an encrypted file has sealed as many records as it may: compact it.
    KeyWornOut,
    /// Bytes that were once durable are no longer what was written.
    Damaged,
    /// The operating system refused.
    Io,
    /// A key, a document or a transaction is beyond a limit.
    TooLarge,
    /// A text is not JSON, or not JSON that can be kept exactly.
    InvalidJson,
    /// A value cannot be kept exactly as JSON.
    NotSerializable,
    /// A stored document does not have the shape of the type asked for.
    TypeMismatch,
    /// A sum of integers does not fit into 64 bits.
    Overflow,
    /// There is an index on this field already, or one is being built.
    IndexExists,
    /// There is no index on this field.
    NoSuchIndex,
    /// A collection cannot have this name.
    InvalidName,
    /// Long work was stopped before it was done, and has changed nothing.
    Cancelled,
    /// A text or a list is no field path.
    InvalidPath,
    /// A condition on a key did not hold, and nothing was changed: see [`Error::found`].
    Conflict,
    /// The commit may or may not survive. Nothing more is written until the database is reopened.
    InDoubt,
    /// An earlier failure stopped all writing. Reads go on.
    Poisoned,
    /// The database was opened to read only.
    ReadOnly,
    /// The path of a database that is followed names another one now, or an older state of it.
    Replaced,
    /// The database was closed.
    Closed,
    /// This process was forked from the one that opened the database.
    Forked,
    /// A setting cannot be understood.
    InvalidConfig,
    /// There is a file where a new one was to be made.
    AlreadyExists,
    /// What was asked for lies before the history floor: compaction has dropped it, or the backup does not hold it.
    HistoryDropped,
    /// A watcher was a whole compaction behind: go on by [`FerrumDB::changes`](crate::FerrumDB::changes), from
    /// [`Changes::sequence`](crate::Changes::sequence).
    Lagged,
    /// A commit was asked for that there is not.
    NoSuchCommit,
    /// Backups do not belong together, or one of them is missing.
    WrongIncrement,
    /// Something that this version has no name for.
    Other,
}

/// What stands behind an [`Error`].
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Cause {
    #[error(transparent)]
    Engine(engine::Error),
    #[error("{}; nothing was changed, so read it again and decide anew", Unmet { condition: *condition, found: *found })]
    Conflict { condition: Condition, found: Option<Sequence> },
    #[error("{}; nothing was changed, so read it again and decide anew", Moved(changed))]
    Changed { changed: Changed },
    #[error("{} was opened to read only; write in the process that owns it", path.display())]
    ReadOnly { path: PathBuf },
    #[error("the database {} is closed; open it again", path.display())]
    Closed { path: PathBuf },
    #[error(
        "the commit may or may not survive, because the writer of {} stopped in the middle of it; reopen the database and look",
        path.display()
    )]
    InDoubt { path: PathBuf },
    #[error("writing to {} has stopped, because the writer failed ({reason}); reopen the database", path.display())]
    Poisoned { path: PathBuf, reason: Arc<str> },
    #[error(
        "{} was opened by process {owner}, and a forked process cannot use it; open the database after the fork",
        path.display()
    )]
    Forked { path: PathBuf, owner: u32 },
    #[error("{setting} cannot be {value:?}; {advice}")]
    Setting { setting: &'static str, value: String, advice: &'static str },
    #[error(transparent)]
    Path(PathError),
    #[error("could not start a thread for {}: {source}", path.display())]
    Thread { path: PathBuf, source: Arc<io::Error> },
    #[error(
        "the thread of a {work} of {} has panicked; nothing is lost, and it can be asked for again",
        path.display()
    )]
    Panicked { path: PathBuf, work: &'static str },
}

impl Error {
    pub(crate) fn new(cause: Cause) -> Self {
        Self(Arc::new(Inner { cause, key: None, collection: None, attempts: 0 }))
    }

    /// A transaction was refused.
    pub(crate) fn conflict(refused: Refused, transaction: &engine::Transaction) -> Self {
        let name = refused.collection(transaction).cloned();
        let error = match refused {
            Refused::Unmet { key, condition, found, .. } => {
                Self::new(Cause::Conflict { condition, found }).about(&key)
            }
            Refused::Changed(changed) => match changed.key().cloned() {
                Some(key) => Self::new(Cause::Changed { changed }).about(&key),
                None => Self::new(Cause::Changed { changed }),
            },
        };
        error.in_collection(name.as_ref())
    }

    /// The same error, naming the key that the call was about.
    pub(crate) fn about(self, key: &str) -> Self {
        self.with(|inner| inner.key = Some(Key::from(key)))
    }

    /// The same error, naming the collection that the call was about, unless that was the root.
    pub(crate) fn in_collection(self, name: Option<&Key>) -> Self {
        match name {
            Some(name) => self.with(|inner| inner.collection = Some(name.clone())),
            None => self,
        }
    }

    /// The same error, after so many attempts.
    pub(crate) fn after(self, attempts: u32) -> Self {
        self.with(|inner| inner.attempts = attempts)
    }

    /// What kind of error it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match &self.0.cause {
            Cause::Engine(error) => engine_kind(error),
            Cause::Conflict { .. } | Cause::Changed { .. } => ErrorKind::Conflict,
            Cause::ReadOnly { .. } => ErrorKind::ReadOnly,
            Cause::Closed { .. } => ErrorKind::Closed,
            Cause::InDoubt { .. } => ErrorKind::InDoubt,
            Cause::Poisoned { .. } => ErrorKind::Poisoned,
            Cause::Forked { .. } => ErrorKind::Forked,
            Cause::Setting { .. } => ErrorKind::InvalidConfig,
            Cause::Path(_) => ErrorKind::InvalidPath,
            Cause::Thread { .. } => ErrorKind::Io,
            Cause::Panicked { .. } => ErrorKind::Other,
        }
    }

    /// The key that the call was about, if it was about one.
    #[must_use]
    pub fn key(&self) -> Option<&Key> {
        self.0.key.as_ref()
    }

    /// The name of the collection that the call was about, if it was about one, and that is not the root.
    #[must_use]
    pub fn collection(&self) -> Option<&Key> {
        self.0.collection.as_ref()
    }

    /// After a [`ErrorKind::Conflict`]: the version of the document that [`key`](Self::key) had instead of what the
    /// condition asked for; nothing if it had none.
    #[must_use]
    pub fn found(&self) -> Option<Sequence> {
        match &self.0.cause {
            Cause::Conflict { found, .. } => *found,
            _ => None,
        }
    }

    /// After a [`ErrorKind::Conflict`] of a [`transact`](crate::FerrumDB::transact): how often that was run.
    #[must_use]
    pub fn attempts(&self) -> Option<u32> {
        (self.0.attempts > 0).then_some(self.0.attempts)
    }

    /// The file or folder that it is about, if it is about one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.0.cause {
            Cause::Engine(error) => engine_path(error),
            Cause::Closed { path }
            | Cause::ReadOnly { path }
            | Cause::InDoubt { path }
            | Cause::Poisoned { path, .. }
            | Cause::Forked { path, .. }
            | Cause::Thread { path, .. }
            | Cause::Panicked { path, .. } => Some(path),
            Cause::Conflict { .. } | Cause::Changed { .. } | Cause::Setting { .. } | Cause::Path(_) => None,
        }
    }

    fn with(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { cause, key, collection, .. } = &*self.0;
        match (key, collection) {
            (Some(key), None) => write!(formatter, "key {}: {cause}", Shortened(key))?,
            (Some(key), Some(name)) => {
                write!(formatter, "key {} of collection {}: {cause}", Shortened(key), Shortened(name))?;
            }
            (None, Some(name)) => write!(formatter, "collection {}: {cause}", Shortened(name))?,
            (None, None) => fmt::Display::fmt(cause, formatter)?,
        }
        match self.0.attempts {
            0 => Ok(()),
            attempts => write!(formatter, " (this was attempt {attempts})"),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Error").field("kind", &self.kind()).field("text", &self.to_string()).finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.0.cause)
    }
}

impl From<engine::Error> for Error {
    fn from(error: engine::Error) -> Self {
        Self::new(Cause::Engine(error))
    }
}

impl From<PathError> for Error {
    fn from(error: PathError) -> Self {
        Self::new(Cause::Path(error))
    }
}

impl From<Infallible> for Error {
    fn from(error: Infallible) -> Self {
        match error {}
    }
}

/// A key as text of a bounded length, quoted.
struct Shortened<'a>(&'a Key);

impl fmt::Display for Shortened<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const CHARS_MAX: usize = 80;
        match self.0.char_indices().nth(CHARS_MAX) {
            Some((end, _)) => write!(formatter, "{:?}...", &self.0[..end]),
            None => write!(formatter, "{:?}", self.0),
        }
    }
}

/// A condition that did not hold, as a sentence.
struct Unmet {
    condition: Condition,
    found: Option<Sequence>,
}

impl fmt::Display for Unmet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.condition {
            Condition::Absent => formatter.write_str("there was to be no document")?,
            Condition::Exists => formatter.write_str("there was to be a document")?,
            Condition::Version(version) => write!(formatter, "the document was to be of version {version}")?,
        }
        match self.found {
            Some(found) => write!(formatter, ", and there is one of version {found}"),
            None => formatter.write_str(", and there is none"),
        }
    }
}

/// What a transaction has read that has changed, as a sentence.
struct Moved<'a>(&'a Changed);

impl fmt::Display for Moved<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Changed::Key { sequence, .. } => {
                write!(formatter, "commit {sequence} has changed what the transaction had read")
            }
            Changed::Expired => formatter.write_str("a document that the transaction had found has expired"),
            Changed::Unknown => formatter.write_str("what the transaction had read may have changed"),
        }
    }
}

fn engine_kind(error: &engine::Error) -> ErrorKind {
    match error {
        engine::Error::Io { .. } => ErrorKind::Io,
        engine::Error::Locked { .. } => ErrorKind::Locked,
        engine::Error::IsADirectory { .. } => ErrorKind::IsADirectory,
        engine::Error::NoSuchFolder { .. } => ErrorKind::NoSuchFolder,
        engine::Error::NotADatabase { .. } => ErrorKind::NotADatabase,
        engine::Error::UnsupportedVersion { .. }
        | engine::Error::UnsupportedFeatures { .. }
        | engine::Error::UnreadableIndex { .. } => ErrorKind::UnsupportedFormat,
        engine::Error::Damaged { .. } => ErrorKind::Damaged,
        engine::Error::KeyNeeded { .. } => ErrorKind::KeyNeeded,
        engine::Error::NotEncrypted { .. } => ErrorKind::NotEncrypted,
        engine::Error::WrongKey { .. } => ErrorKind::WrongKey,
        engine::Error::Tampered { .. } => ErrorKind::Tampered,
        engine::Error::KeyWornOut => ErrorKind::KeyWornOut,
        engine::Error::KeyTooLong { .. }
        | engine::Error::DocumentTooLarge { .. }
        | engine::Error::TooDeep { .. }
        | engine::Error::TransactionTooLarge { .. } => ErrorKind::TooLarge,
        engine::Error::InvalidJson { .. } => ErrorKind::InvalidJson,
        engine::Error::NotSerializable { .. } => ErrorKind::NotSerializable,
        engine::Error::TypeMismatch { .. } | engine::Error::NotAnInteger { .. } => ErrorKind::TypeMismatch,
        engine::Error::Overflow { .. } => ErrorKind::Overflow,
        engine::Error::IndexExists { .. } => ErrorKind::IndexExists,
        engine::Error::NoSuchIndex { .. } => ErrorKind::NoSuchIndex,
        engine::Error::InvalidCollectionName { .. } => ErrorKind::InvalidName,
        engine::Error::NoMoreCollections => ErrorKind::TooLarge,
        engine::Error::Exists { .. } => ErrorKind::AlreadyExists,
        engine::Error::HistoryDropped { .. } => ErrorKind::HistoryDropped,
        engine::Error::Lagged { .. } => ErrorKind::Lagged,
        engine::Error::NoSuchCommit { .. } => ErrorKind::NoSuchCommit,
        engine::Error::WrongIncrement { .. } | engine::Error::Gap { .. } => ErrorKind::WrongIncrement,
        engine::Error::Cancelled => ErrorKind::Cancelled,
        engine::Error::Replaced { .. } => ErrorKind::Replaced,
        engine::Error::InDoubt { .. } => ErrorKind::InDoubt,
        engine::Error::Poisoned { .. } => ErrorKind::Poisoned,
        _ => ErrorKind::Other,
    }
}

fn engine_path(error: &engine::Error) -> Option<&Path> {
    match error {
        engine::Error::Io { path, .. }
        | engine::Error::Damaged { path, .. }
        | engine::Error::Replaced { path }
        | engine::Error::Lagged { path, .. }
        | engine::Error::UnreadableIndex { path, .. }
        | engine::Error::Tampered { path, .. } => Some(path),
        engine::Error::Locked { path, .. }
        | engine::Error::IsADirectory { path }
        | engine::Error::Exists { path }
        | engine::Error::WrongIncrement { path, .. }
        | engine::Error::Gap { path, .. }
        | engine::Error::KeyNeeded { path }
        | engine::Error::NotEncrypted { path }
        | engine::Error::WrongKey { path, .. }
        | engine::Error::NoSuchFolder { path }
        | engine::Error::NotADatabase { path, .. }
        | engine::Error::UnsupportedVersion { path, .. }
        | engine::Error::UnsupportedFeatures { path, .. } => Some(path),
        _ => None,
    }
}
