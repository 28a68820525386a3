//! Owns the calls that take the database elsewhere: backups and exports. Never waits for the writer.

use std::path::Path;

use super::FerrumDB;
use crate::Sequence;
use crate::backups::{BackupReport, BackupRequest};
use crate::command::{Command, Reply};
use crate::error::Result;
use crate::export::Export;
use crate::pending::Pending;
use crate::works::WorkKind;

impl FerrumDB {
    /// Writes a full backup to a new file, beside reads and writes: the database as it is when the writer comes to this
    /// call, compacted, with as much of its history as [`Config::keep_history`](crate::Config::keep_history) says.
    ///
    /// The file gets its name when it is whole, durable, and has been read back and verified; before that there is
    /// nothing under that name, and a file that has it already stays. It is a database by itself, with a file id of its
    /// own: open it, or go on from it with [`Restore`](crate::Restore).
    ///
    /// ```
    /// use ferrumdb::{FerrumDB, Restore};
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = |name| folder.path().join(name);
    /// let db = FerrumDB::open(path("my.db")).wait()?;
    /// db.set("user:1", "alice").wait()?;
    /// let full = db.backup_to(path("sunday.db")).wait()?;
    /// db.set("user:2", "bob").wait()?;
    /// db.backup_since(full.sequence, path("monday.inc")).wait()?;
    /// db.close().wait()?;
    ///
    /// Restore::new(path("sunday.db")).increment(path("monday.inc")).to(path("restored.db"))?;
    /// let db = FerrumDB::open(path("restored.db")).wait()?;
    /// assert_eq!(db.get_as("user:2")?, Some("bob".to_owned()));
    /// # db.close().wait()?;
    /// # Ok::<(), ferrumdb::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists), [`NoSuchFolder`](crate::ErrorKind::NoSuchFolder),
    /// [`IsADirectory`](crate::ErrorKind::IsADirectory); [`Io`](crate::ErrorKind::Io), for instance when the disk is
    /// full; [`Damaged`](crate::ErrorKind::Damaged) when the database is not what was written;
    /// [`Cancelled`](crate::ErrorKind::Cancelled) by [`cancel_backups`](Self::cancel_backups) or a closing. Nothing is left
    /// of the backup then.
    pub fn backup_to(&self, path: impl AsRef<Path>) -> Pending<BackupReport> {
        self.back_up(BackupRequest { to: path.as_ref().to_owned(), since: None })
    }

    /// Writes an incremental backup to a new file: every commit after `sequence`, which is normally what the backup
    /// before reported. It is worth something only together with that one: see [`Restore`](crate::Restore). Otherwise
    /// as [`backup_to`](Self::backup_to).
    ///
    /// # Errors
    /// [`HistoryDropped`](crate::ErrorKind::HistoryDropped) when a compaction has dropped some of these commits: take
    /// a full backup. [`NoSuchCommit`](crate::ErrorKind::NoSuchCommit) when `sequence` is yet to come. Otherwise as
    /// [`backup_to`](Self::backup_to).
    pub fn backup_since(&self, sequence: Sequence, path: impl AsRef<Path>) -> Pending<BackupReport> {
        self.back_up(BackupRequest { to: path.as_ref().to_owned(), since: Some(sequence) })
    }

    /// Stops the backups that are under way, and says whether there were any. How far they are, [`works`](Self::works)
    /// tells.
    pub fn cancel_backups(&self) -> bool {
        // In a forked process the lock may have been copied in its locked state.
        !self.db.link.is_forked() && self.db.link.works.cancel(&WorkKind::Backup)
    }

    /// The documents, their expiries and the definitions of the indexes, as they are now, as lines of JSON:
    /// see [`Export`].
    ///
    /// # Errors
    /// [`Closed`](crate::ErrorKind::Closed), [`Forked`](crate::ErrorKind::Forked).
    pub fn export(&self) -> Result<Export> {
        self.check_many()?;
        Ok(Export::new(self.db.reader.snapshot()))
    }

    fn back_up(&self, request: BackupRequest) -> Pending<BackupReport> {
        let (reply, receiver) = Reply::channel();
        self.db.link.send(Command::BackUp(Box::new(request), reply), receiver)
    }
}
