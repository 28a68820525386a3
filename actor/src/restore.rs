//! Owns the call that makes a database of backups. Never touches one that exists.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ferrumdb_engine::{self as engine, SystemClock};
use serde::Serialize;

use crate::error::Result;
use crate::fs::{DiskFs, FileSystem};
use crate::{EncryptionKey, Sequence, Timestamp, UpTo};

/// Makes a new database file of a full backup and the incremental ones that follow it, up to a commit or a time.
///
/// ```no_run
/// use ferrumdb::{Restore, Sequence, UpTo};
///
/// let report = Restore::new("sunday.db")
///     .increment("monday.inc")
///     .increment("tuesday.inc")
///     .up_to(UpTo::Sequence(Sequence(4711)))
///     .to("restored.db")?;
/// println!("restored up to commit {}", report.sequence);
/// # Ok::<(), ferrumdb::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is restored until `to` is called"]
pub struct Restore {
    restore: engine::Restore,
    file_system: Arc<dyn FileSystem>,
}

/// What was restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RestoreReport {
    /// The newest commit in the new file.
    pub sequence: Sequence,
    /// The time of that commit, in milliseconds since 1970, UTC.
    pub time: u64,
    /// The length of the file, in bytes.
    pub bytes: u64,
    /// How many records it has.
    pub records: u64,
    /// How long it took.
    pub took: Duration,
}

impl Restore {
    /// From a full backup. A database file that is not open will do, too.
    pub fn new(base: impl Into<PathBuf>) -> Self {
        Self { restore: engine::Restore::new(base), file_system: Arc::new(DiskFs) }
    }

    /// Adds an incremental backup, behind those that were added before. It may overlap them, but nothing may be missing
    /// in between.
    pub fn increment(self, path: impl Into<PathBuf>) -> Self {
        Self { restore: self.restore.increment(path), ..self }
    }

    /// Leaves out what was committed later. Otherwise everything is restored.
    pub fn up_to(self, up_to: UpTo) -> Self {
        Self { restore: self.restore.up_to(up_to), ..self }
    }

    /// The key of encrypted backups: that of the database when they were taken. The new file has it, too.
    pub fn with_encryption(self, key: [u8; 32]) -> Self {
        Self { restore: self.restore.with_key(EncryptionKey::from_bytes(key)), ..self }
    }

    /// The same, for a passphrase.
    pub fn with_passphrase(self, passphrase: impl AsRef<str>) -> Self {
        Self { restore: self.restore.with_key(EncryptionKey::from_passphrase(passphrase.as_ref())), ..self }
    }

    /// Where the files lie, for tests: see [`crate::fs`].
    pub fn with_file_system(self, file_system: Arc<dyn FileSystem>) -> Self {
        Self { file_system, ..self }
    }

    /// Makes the new file, on this thread: in async code, have it done where blocking is allowed. It gets its name when
    /// it is whole, durable and verified. It is a database of its own: increments that are taken of it later follow
    /// backups of it, and those of the old one go on following the backups they followed.
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists); [`HistoryDropped`](crate::ErrorKind::HistoryDropped) and
    /// [`NoSuchCommit`](crate::ErrorKind::NoSuchCommit) when the backups do not hold what [`up_to`](Self::up_to) asks
    /// for; [`WrongIncrement`](crate::ErrorKind::WrongIncrement) when they do not belong together or one is missing;
    /// [`Damaged`](crate::ErrorKind::Damaged) when one is not what was written;
    /// [`Locked`](crate::ErrorKind::Locked) when one is open as a database; [`Io`](crate::ErrorKind::Io), and the
    /// kinds that say why a path cannot be opened. Nothing is left of the new file then.
    pub fn to(self, path: impl AsRef<Path>) -> Result<RestoreReport> {
        self.to_with_progress(path, |_| ControlFlow::Continue(()))
    }

    /// The same, telling now and then how many bytes were read since it told last, until it is told to break off. Everything
    /// is read twice, and what was written once more.
    ///
    /// # Errors
    /// As [`to`](Self::to); [`Cancelled`](crate::ErrorKind::Cancelled) when it was told to break off.
    pub fn to_with_progress(
        self,
        path: impl AsRef<Path>,
        mut progress: impl FnMut(u64) -> ControlFlow<()>,
    ) -> Result<RestoreReport> {
        let start = Instant::now();
        let progress = |bytes| progress(bytes).is_continue();
        let restored = self.restore.to(path.as_ref(), &SystemClock, &self.file_system, progress)?;
        let engine::Restored { sequence, time: Timestamp(time), bytes, records, .. } = restored;
        Ok(RestoreReport { sequence, time, bytes, records, took: start.elapsed() })
    }
}
