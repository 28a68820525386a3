//! Owns how a database is to be opened, with the default of everything. Never touches a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::backups::BackupSettings;
use crate::checks::Progress;
use crate::compactions::{AutoCompaction, CompactionSettings};
use crate::error::{Cause, Error, Result};
use crate::fs::{DiskFs, FileSystem, MemoryFs};
use crate::fsync_policy::ADVICE;
use crate::{Clock, EncryptionKey, FsyncPolicy, History, Limits};

/// The file that is opened where no path is given.
pub(crate) const DEFAULT_PATH: &str = "ferrum.db";
const FSYNC_VARIABLE: &str = "FERRUMDB_FSYNC";

/// How to open a database. Everything but the path has a default.
///
/// ```
/// use ferrumdb::{Config, FerrumDB, FsyncPolicy};
/// use std::time::Duration;
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("myapp.db");
/// let config = Config::new(&path)
///     .with_fsync_policy(FsyncPolicy::Periodic(Duration::from_millis(100)))
///     .with_cache_bytes(64 << 20)
///     .with_lock_timeout(Duration::from_secs(2));
/// let db = FerrumDB::open(config).wait()?;
/// # db.close().wait()?;
/// # Ok::<(), ferrumdb::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) path: PathBuf,
    pub(crate) fsync_policy: FsyncPolicy,
    pub(crate) limits: Limits,
    pub(crate) cache_bytes: Option<u64>,
    pub(crate) inbox_bytes: usize,
    pub(crate) lock_timeout: Duration,
    pub(crate) compaction: CompactionSettings,
    pub(crate) progress: Progress,
    pub(crate) encryption: Option<EncryptionKey>,
    pub(crate) file_system: Arc<dyn FileSystem>,
    pub(crate) clock: Option<Arc<dyn Clock>>,
    pub(crate) read_only: bool,
    /// Where backups are written.
    backup_file_system: Arc<dyn FileSystem>,
}

impl Config {
    /// The defaults, for the file at `path`: it is created if it does not exist, its folder must exist.
    #[must_use]
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self {
            path: path.as_ref().to_owned(),
            fsync_policy: FsyncPolicy::default(),
            limits: Limits::default(),
            cache_bytes: None,
            inbox_bytes: 64 << 20,
            lock_timeout: Duration::ZERO,
            encryption: None,
            compaction: CompactionSettings { auto: Some(AutoCompaction::default()), ..Default::default() },
            progress: Progress::default(),
            file_system: Arc::new(DiskFs),
            clock: None,
            read_only: false,
            backup_file_system: Arc::new(DiskFs),
        }
    }

    /// A database without a file: it is gone with its last handle, and never syncs. Its backups are files.
    #[must_use]
    pub fn in_memory() -> Self {
        let config = Self::new("memory.db")
            .with_file_system(Arc::new(MemoryFs::new()))
            .with_fsync_policy(FsyncPolicy::Never);
        Self { backup_file_system: Arc::new(DiskFs), ..config }
    }

    /// When commits are synced. Default [`FsyncPolicy::Always`].
    #[must_use]
    pub fn with_fsync_policy(mut self, policy: FsyncPolicy) -> Self {
        self.fsync_policy = policy;
        self
    }

    /// When commits are synced.
    #[must_use]
    pub fn fsync_policy(&self) -> FsyncPolicy {
        self.fsync_policy
    }

    /// The memory for documents that were read and for what has replaced them, in bytes. Default 256 MiB; 0 keeps none.
    ///
    /// A document counts for twice its text and more, for the parsed form that it may get. One that counts for more than 900 KiB
    /// may never be kept, unless a 150th of the cache is larger.
    #[must_use]
    pub fn with_cache_bytes(mut self, bytes: u64) -> Self {
        self.cache_bytes = Some(bytes);
        self
    }

    /// The sizes beyond which keys, documents and transactions are refused.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The largest document, in bytes of compact JSON. Default 64 MiB.
    #[must_use]
    pub fn with_max_document_bytes(mut self, bytes: usize) -> Self {
        self.limits.document_bytes_max = bytes;
        self
    }

    /// How many bytes of commands may wait for the writer before calls are held back. Default 64 MiB.
    ///
    /// A command goes in while less than this waits, whatever its own size, so that no command is too large to be
    /// carried out; the inbox overshoots by one command at most.
    #[must_use]
    pub fn with_inbox_bytes(mut self, bytes: usize) -> Self {
        self.inbox_bytes = bytes.max(1);
        self
    }

    /// How long opening waits for another opening of the file to end. Default zero: it fails at once.
    #[must_use]
    pub fn with_lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout = timeout;
        self
    }

    /// The key that the database is encrypted with: 32 bytes that nobody can guess. A new database is encrypted with it,
    /// keys, values and expiries; sizes, counts and times of commits can be seen.
    ///
    /// ```
    /// use ferrumdb::{Config, ErrorKind, FerrumDB};
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("secret.db");
    /// # let key = [7; 32];
    /// let db = FerrumDB::open(Config::new(&path).with_encryption(key)).wait()?;
    /// db.set("pin", 1234).wait()?;
    /// db.close().wait()?;
    /// let error = FerrumDB::open(path.as_path()).wait().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::KeyNeeded);
    /// # Ok::<(), ferrumdb::Error>(())
    /// ```
    #[must_use]
    pub fn with_encryption(mut self, key: [u8; 32]) -> Self {
        self.encryption = Some(EncryptionKey::from_bytes(key));
        self
    }

    /// The same with a passphrase, taken byte for byte. Each opening takes a tenth of a second and 64 MiB for it, so that
    /// guessing is dear.
    #[must_use]
    pub fn with_passphrase(mut self, passphrase: impl AsRef<str>) -> Self {
        self.encryption = Some(EncryptionKey::from_passphrase(passphrase.as_ref()));
        self
    }

    /// When the database compacts itself, or `None` for never. Default: when half of the log is garbage, and that is
    /// 64 MiB or more. It waits as long as a snapshot from before an earlier compaction is open.
    #[must_use]
    pub fn with_auto_compaction(mut self, auto: impl Into<Option<AutoCompaction>>) -> Self {
        self.compaction.auto = auto.into();
        self
    }

    /// How much of the log a compaction reads in a second at most, in bytes; towards its end more, if commits come faster than
    /// that. Default: as much as it can.
    #[must_use]
    pub fn with_compaction_rate(mut self, bytes_per_second: impl Into<Option<u64>>) -> Self {
        self.compaction.bytes_per_second = bytes_per_second.into();
        self
    }

    /// What a compaction keeps of earlier versions. Default [`History::None`].
    #[must_use]
    pub fn keep_history(mut self, history: History) -> Self {
        self.compaction.history = history;
        self
    }

    /// Opens the file to read only, as a follower: a live view of what another process writes there, without its lock and
    /// without writing a byte. Every write fails with [`ReadOnly`](crate::ErrorKind::ReadOnly). On Windows the lock of an
    /// owner keeps others from reading, so a file can be opened like this only while nobody has it open.
    ///
    /// ```
    /// use ferrumdb::{Config, FerrumDB};
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("myapp.db");
    /// # #[cfg(unix)] {
    /// let owner = FerrumDB::open(&path).wait()?; // usually in another process
    /// let db = FerrumDB::open(Config::new(&path).read_only()).wait()?;
    /// owner.set("greeting", "hello").wait()?;
    /// while db.get("greeting")?.is_none() {} // a few milliseconds
    /// # }
    /// # Ok::<(), ferrumdb::Error>(())
    /// ```
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// Where [`verify`](crate::verify) and [`repair`](crate::repair) tell how far they are.
    #[must_use]
    pub fn with_progress(mut self, progress: &Progress) -> Self {
        self.progress = progress.clone();
        self
    }

    /// Takes what the environment sets: `FERRUMDB_FSYNC`, if it is there and not empty, for the fsync policy.
    ///
    /// # Errors
    /// [`crate::ErrorKind::InvalidConfig`] when the value cannot be understood.
    pub fn from_env(self) -> Result<Self> {
        let refused = |value| Error::new(Cause::Setting { setting: FSYNC_VARIABLE, value, advice: ADVICE });
        match std::env::var(FSYNC_VARIABLE) {
            Ok(text) if text.trim().is_empty() => Ok(self),
            Ok(text) => text.parse().map(|policy| self.with_fsync_policy(policy)).map_err(|_| refused(text)),
            Err(std::env::VarError::NotPresent) => Ok(self),
            Err(std::env::VarError::NotUnicode(text)) => Err(refused(text.to_string_lossy().into_owned())),
        }
    }

    /// Where the files lie, for tests: see [`crate::fs`]. Default the operating system's.
    #[must_use]
    pub fn with_file_system(mut self, file_system: Arc<dyn FileSystem>) -> Self {
        self.backup_file_system = Arc::clone(&file_system);
        self.file_system = file_system;
        self
    }

    /// Where the time comes from, for tests: see [`crate::ManualClock`]. Default the operating system's clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    pub(crate) fn backup_settings(&self) -> BackupSettings {
        let CompactionSettings { history, bytes_per_second, .. } = self.compaction;
        BackupSettings { file_system: Arc::clone(&self.backup_file_system), history, bytes_per_second }
    }

    pub(crate) fn engine_options(&self) -> ferrumdb_engine::Options {
        let mut options = ferrumdb_engine::Options::new(&self.path);
        options.limits = self.limits;
        options.encryption.clone_from(&self.encryption);
        if let Some(bytes) = self.cache_bytes {
            options.cache_bytes = bytes;
        }
        if let Some(clock) = &self.clock {
            options.clock = Arc::clone(clock);
        }
        options
    }
}

impl From<&str> for Config {
    fn from(path: &str) -> Self {
        Self::new(path)
    }
}

impl From<String> for Config {
    fn from(path: String) -> Self {
        Self::new(path)
    }
}

impl From<&Path> for Config {
    fn from(path: &Path) -> Self {
        Self::new(path)
    }
}

impl From<PathBuf> for Config {
    fn from(path: PathBuf) -> Self {
        Self::new(path)
    }
}

impl From<&PathBuf> for Config {
    fn from(path: &PathBuf) -> Self {
        Self::new(path)
    }
}
