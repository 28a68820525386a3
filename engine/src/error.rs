//! Owns what can go wrong in the engine, with the place where it did. Never hides a cause, never prints one.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::index::definition::DefinitionError;
use crate::key::{Sequence, UpTo};
use crate::seal::SealError;

/// The result of an engine call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What is done to a file where a document is fetched, for messages.
pub(crate) const READ: &str = "read";

/// What went wrong. Each sentence says what to do where there is something to do.
///
/// It is `Clone`, since one failed sync answers many callers.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file system refused.
    #[error("could not {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as words that fit after "could not".
        action: &'static str,
        /// The file or folder.
        path: Arc<Path>,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// Another opening of this file, in this process or another, holds its lock.
    #[error("{} is in use{}; close it there, or open another file", path.display(), holder_text(*holder))]
    Locked {
        /// The file.
        path: PathBuf,
        /// The process that holds it, where the system tells.
        holder: Option<u32>,
    },
    /// The path names a folder.
    #[error("{} is a folder; give the path of a file", path.display())]
    IsADirectory {
        /// The folder.
        path: PathBuf,
    },
    /// The folder that should hold the file does not exist.
    #[error("the folder of {} does not exist; create it first", path.display())]
    NoSuchFolder {
        /// The file that was asked for.
        path: PathBuf,
    },
    /// The file is something else; it was left as it is.
    #[error("{} is not a FerrumDB database ({found}); it was left untouched", path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
        /// What it holds instead.
        found: &'static str,
    },
    /// The file was written by a newer version of the format.
    #[error(
        "{} has format version {found}, and this build reads up to {supported}; open it with a newer FerrumDB",
        path.display()
    )]
    UnsupportedVersion {
        /// The file.
        path: PathBuf,
        /// The version that the file states.
        found: u32,
        /// The newest version that this build reads.
        supported: u32,
    },
    /// The file uses features that this build does not know.
    #[error(
        "{} uses features that this build does not know (bits {bits:#x}); open it with a newer FerrumDB",
        path.display()
    )]
    UnsupportedFeatures {
        /// The file.
        path: PathBuf,
        /// The unknown bits.
        bits: u64,
    },
    /// The file is encrypted, and no key was given.
    #[error("{} is encrypted; open it with its key or passphrase", path.display())]
    KeyNeeded {
        /// The file.
        path: PathBuf,
    },
    /// A key was given for a file that is not encrypted.
    #[error("{} is not encrypted; open it without a key, or export it into a new, encrypted file", path.display())]
    NotEncrypted {
        /// The file.
        path: PathBuf,
    },
    /// The key is not the one that the file is encrypted with. The file was left untouched.
    #[error("{} cannot be opened: {reason}", path.display())]
    WrongKey {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Bytes whose checksums are right were written or moved by somebody without the key.
    #[error("{} was tampered with at byte {position}: the seal is broken; restore a backup", path.display())]
    Tampered {
        /// The file.
        path: Arc<Path>,
        /// Where the bytes lie.
        position: u64,
    },
    /// The data key has sealed as many records as it may.
    #[error("the data key has sealed 2^32 records, as many as it may; compact the database to renew it")]
    KeyWornOut,
    /// Bytes that were once durable are no longer what was written.
    #[error("{} is damaged at byte {position}: {reason}; restore a backup, or save the rest by a repair", path.display())]
    Damaged {
        /// The file.
        path: Arc<Path>,
        /// Where the first bad bytes lie.
        position: u64,
        /// What is wrong with them.
        reason: &'static str,
    },
    /// The definition of an index in it was written by a newer build, or by nobody who should have. The file was left as it is.
    #[error("{} has an index that this build cannot bring back: {reason}", path.display())]
    UnreadableIndex {
        /// The file.
        path: Arc<Path>,
        /// What is wrong with its definition.
        reason: String,
    },
    /// A database that is followed was replaced: by another one, or by an older state of itself.
    #[error("{} is not the database any more that was opened; open it again", path.display())]
    Replaced {
        /// The file.
        path: Arc<Path>,
    },
    /// There is a file where a new one was to be made. It was left as it is.
    #[error("there is a file {} already; remove it, or give another name", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// What was asked for lies before the history floor: the file does not hold it any more, or never did.
    #[error("{asked} is not to be had: what there is begins with the state after commit {floor}")]
    HistoryDropped {
        /// What was asked for.
        asked: UpTo,
        /// The commit from which on everything is there.
        floor: Sequence,
    },
    /// A commit was asked for that has not been made, or is in none of the files.
    #[error("there is no commit {sequence}: the newest is {newest}")]
    NoSuchCommit {
        /// What was asked for.
        sequence: Sequence,
        /// The newest that there is.
        newest: Sequence,
    },
    /// An incremental backup does not belong to the backup before it.
    #[error("{} cannot be restored upon what comes before it: {reason}", path.display())]
    WrongIncrement {
        /// The incremental backup.
        path: PathBuf,
        /// Why not.
        reason: &'static str,
    },
    /// Between an incremental backup and the backup before it, commits are missing.
    #[error(
        "{} holds what was committed after {from}, and the backups before it end with {after}; restore the one in between too",
        path.display()
    )]
    Gap {
        /// The incremental backup.
        path: PathBuf,
        /// The last commit of what comes before it.
        after: Sequence,
        /// The commit that it follows.
        from: Sequence,
    },
    /// A feed was a whole compaction behind, and has let its file go.
    #[error(
        "changes of {} were not read before one compaction and then another; go on with those behind commit {resume}",
        path.display()
    )]
    Lagged {
        /// The file.
        path: Arc<Path>,
        /// The newest commit of which every change was read.
        resume: Sequence,
    },
    /// A key is longer than the options allow.
    #[error("the key has {len} bytes, and the limit is {max}; shorten it or raise the limit")]
    KeyTooLong {
        /// Its length in bytes.
        len: usize,
        /// The limit in bytes.
        max: usize,
    },
    /// A document is larger than the options allow.
    #[error("the document has {len} bytes or more, and the limit is {max}; split it or raise the limit")]
    DocumentTooLarge {
        /// Its length in bytes, as far as it was read.
        len: usize,
        /// The limit in bytes.
        max: usize,
    },
    /// A document is nested more deeply than the options allow.
    #[error("the document is nested more than {max} levels deep; flatten it or raise the limit")]
    TooDeep {
        /// The limit.
        max: usize,
    },
    /// A transaction is larger than the options allow.
    #[error(
        "the transaction has {found} {unit}, and the limit is {max}; commit it in parts or raise the limit"
    )]
    TransactionTooLarge {
        /// Its size.
        found: usize,
        /// The limit.
        max: usize,
        /// What is counted: "operations" or "bytes".
        unit: &'static str,
    },
    /// A text is not JSON, or not JSON that can be kept exactly.
    #[error("not valid JSON at byte {offset}: {reason}")]
    InvalidJson {
        /// Where, in bytes from the start of the text.
        offset: usize,
        /// Why.
        reason: &'static str,
    },
    /// A value cannot be kept exactly as JSON.
    #[error("the value at {path} cannot be stored: {reason}")]
    NotSerializable {
        /// The way to it from the top, such as `$.orders[3].price`.
        path: String,
        /// Why.
        reason: String,
    },
    /// A stored document does not have the shape of the type asked for.
    #[error("the document does not fit the type asked for: {reason}")]
    TypeMismatch {
        /// What did not fit, and where.
        reason: String,
    },
    /// There is no integer where something was to be added to one.
    #[error(
        "{} is no integer of 64 bits that something can be added to: there is {found}; set it to one first",
        field.as_ref().map_or_else(|| "the document".to_owned(), |field| format!("the field {field}"))
    )]
    NotAnInteger {
        /// The field, if it is not the whole document.
        field: Option<String>,
        /// What there is.
        found: &'static str,
    },
    /// A sum does not fit into 64 bits. Nothing was changed.
    #[error("{value} and {by} is more than fits into 64 bits; nothing was changed")]
    Overflow {
        /// What there was.
        value: i64,
        /// What was to be added.
        by: i64,
    },
    /// There is such an index already.
    #[error("there is an index on {path} already; drop it first to build it anew")]
    IndexExists {
        /// The field path.
        path: String,
    },
    /// There is no such index.
    #[error("there is no index on {path}; list the indexes to see what there is")]
    NoSuchIndex {
        /// The field path.
        path: String,
    },
    /// A collection cannot have this name.
    #[error("no collection can have this name: {reason}")]
    InvalidCollectionName {
        /// Why.
        reason: &'static str,
    },
    /// Every number that a collection can have was used.
    #[error("no more collections can be created in this file; export it into a new one")]
    NoMoreCollections,
    /// Long work was stopped by who had asked for it. It has changed nothing.
    #[error("the work was cancelled before it was done; nothing has changed")]
    Cancelled,
    /// The log could not be synced: the commit may or may not survive a power cut. Nothing more is written.
    #[error(
        "the commit may or may not be durable, because the log could not be synced: {source}; reopen the database and look"
    )]
    InDoubt {
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// An earlier failure stopped all writing. Reads go on.
    #[error("writing has stopped after an earlier failure ({reason}); reopen the database")]
    Poisoned {
        /// The earlier failure.
        reason: Arc<str>,
    },
}

impl Error {
    /// Whether [`Writer::commit`](crate::Writer::commit) has failed for one transaction of the group, before anything was
    /// written: each by itself, the others may be carried out.
    #[must_use]
    pub fn is_of_one_transaction(&self) -> bool {
        matches!(
            self,
            Self::Damaged { .. }
                | Self::Tampered { .. }
                | Self::Io { action: READ, .. }
                | Self::NoMoreCollections
                | Self::KeyWornOut
        )
    }

    /// What failed with the keys of the file at `path`.
    pub(crate) fn seal(path: &Path, error: SealError) -> Self {
        match error {
            SealError::Exhausted => Self::KeyWornOut,
            SealError::Tampered => Self::Tampered { path: Arc::from(path), position: 0 },
            SealError::Random(_) | SealError::OutOfMemory => {
                Self::io("encrypt", path, io::Error::other(error.to_string()))
            }
            SealError::WrongKey | SealError::WrongKindOfKey { .. } | SealError::Parameters(_) => {
                Self::WrongKey { path: path.to_path_buf(), reason: error.to_string() }
            }
        }
    }

    /// An index cannot be brought back.
    pub(crate) fn definition(path: &Path, error: &DefinitionError) -> Self {
        Self::UnreadableIndex { path: Arc::from(path), reason: error.to_string() }
    }

    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: Arc::from(path), source: Arc::new(source) }
    }
}

fn holder_text(holder: Option<u32>) -> String {
    match holder {
        Some(process) if process == std::process::id() => " by this process".to_owned(),
        Some(process) => format!(" by process {process}"),
        None => " by another process".to_owned(),
    }
}
