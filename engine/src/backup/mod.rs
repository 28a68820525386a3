//! Owns backups: a copy of the database as of one commit, made beside commits, whole or not at all. Never changes the
//! database.
//!
//! A full backup is a compaction whose file gets another name: a database by itself, with a file id of its own. An
//! incremental one holds the commits that follow one of them, and is nothing by itself: see [`Restore`].

mod files;
mod finish;
mod increment;
mod restore;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::compaction::{COMPACT, Compaction, CompactionStep, Copying, History, Source, Target};
use crate::error::{Error, Result};
use crate::fs::FileSystem;
use crate::key::Sequence;
use crate::log::Origin;
use crate::recovery::free_name;
use crate::writer::Writer;
use finish::{Finish, Written};
use increment::Increment;
pub use restore::{Restore, Restored};

/// What a backup is made of: the database as it was published at one moment.
#[derive(Clone, Debug)]
pub struct BackupSource(Source);

/// A backup under way, to be advanced step by step on any thread. Dropping it leaves nothing behind.
#[derive(Debug)]
pub struct Backup {
    stage: Stage,
    to: PathBuf,
    sequence: Sequence,
    since: Option<Sequence>,
    /// How many bytes were read so far.
    read: u64,
}

#[derive(Debug)]
enum Stage {
    Full(Box<Compaction>),
    Increment(Box<Increment>),
    Finish(Box<Finish>),
    Done,
}

/// How far a backup is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackupStep {
    /// There is more to do; so many bytes were read in this step.
    Working {
        /// The bytes.
        bytes: u64,
    },
    /// It is whole, durable, verified, and has its name.
    Done(BackedUp),
}

/// What a backup holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackedUp {
    /// The newest commit in it.
    pub sequence: Sequence,
    /// The commit that it follows, if it is an incremental one.
    pub since: Option<Sequence>,
    /// The length of its file.
    pub bytes: u64,
    /// How many records it has.
    pub records: u64,
}

impl Writer {
    /// The database as it is published now, to be backed up beside commits. It works after a failure has stopped
    /// writing, too.
    #[must_use]
    pub fn backup_source(&self) -> BackupSource {
        BackupSource(self.copy_source())
    }
}

impl BackupSource {
    /// Begins a full backup: a database by itself, compacted, which keeps of earlier versions what `history` says.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::IsADirectory`], [`Error::NoSuchFolder`], and [`Error::Io`] when its file cannot be
    /// made.
    pub fn full(self, to: &Path, history: History, file_system: &Arc<dyn FileSystem>) -> Result<Backup> {
        let Self(source) = self;
        let (sequence, to) = (source.sequence, free_name(&**file_system, to)?);
        let origin = Origin { file_id: source.header.file_id, sequence, time: source.time };
        let header = source.header.new_copy(source.shared.clock.now(), origin);
        let target = Target::create(
            file_system,
            &to,
            &source.shared.path,
            &source.header,
            header,
            source.keyring.as_deref(),
        )
        .map_err(|error| Error::io("begin to write", &to, error))?;
        let copying = Compaction::copying(Copying::Backup, source, history, target);
        Ok(Backup { stage: Stage::Full(Box::new(copying)), to, sequence, since: None, read: 0 })
    }

    /// Begins an incremental backup: every commit after `since`.
    ///
    /// # Errors
    /// [`Error::HistoryDropped`] when a compaction has dropped one of those commits, [`Error::NoSuchCommit`] when
    /// `since` has not been made; and those of [`full`](Self::full).
    pub fn since(self, since: Sequence, to: &Path, file_system: &Arc<dyn FileSystem>) -> Result<Backup> {
        let Self(source) = self;
        let increment = Increment::check(&source, since);
        let (sequence, to) = (source.sequence, free_name(&**file_system, to)?);
        increment?;
        let increment = Increment::begin(source, since, &to, file_system)?;
        let stage = Stage::Increment(Box::new(increment));
        Ok(Backup { stage, to, sequence, since: Some(since), read: 0 })
    }
}

impl Backup {
    /// How many bytes it has read, and of how many, as far as is known: those of the log, and then those that it has
    /// written.
    #[must_use]
    pub fn progress(&self) -> (u64, u64) {
        let of = match &self.stage {
            // What is written is not longer than the log, which is read twice.
            Stage::Full(copying) => copying.progress().1 / 2 * 3,
            Stage::Increment(increment) => increment.log_bytes() * 2,
            Stage::Finish(finish) => self.read + finish.left(),
            Stage::Done => self.read,
        };
        (self.read, of.max(self.read))
    }

    /// Does some more of it: about a megabyte, or a few syncs.
    ///
    /// # Errors
    /// [`Error::Damaged`] when the log of the database, or what was written, is not what it should be;
    /// [`Error::Exists`] when the name was taken meanwhile; [`Error::Io`]. There is no backup then.
    ///
    /// # Panics
    /// When it is advanced after it was done.
    pub fn step(&mut self) -> Result<BackupStep> {
        let bytes = match &mut self.stage {
            Stage::Full(copying) => match copying.step().map_err(|error| told(error, &self.to))? {
                CompactionStep::Working { bytes } => Some(bytes),
                CompactionStep::Ready | CompactionStep::Pointless { .. } => None,
            },
            Stage::Increment(increment) => increment.step()?,
            Stage::Finish(finish) => finish.step()?,
            Stage::Done => panic!("a backup is advanced until it is done"),
        };
        let Some(bytes) = bytes else { return self.go_on() };
        self.read += bytes;
        Ok(BackupStep::Working { bytes })
    }

    /// Goes on to the next stage, or ends the last.
    fn go_on(&mut self) -> Result<BackupStep> {
        let target = match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Full(copying) => copying.into_target(),
            Stage::Increment(increment) => increment.into_target(),
            Stage::Finish(finish) => {
                let Written { bytes, records } = finish.publish()?;
                let Self { sequence, since, .. } = *self;
                return Ok(BackupStep::Done(BackedUp { sequence, since, bytes, records }));
            }
            Stage::Done => unreachable!("its step has panicked"),
        };
        self.stage = Stage::Finish(Box::new(Finish::begin(target, &self.to)?));
        Ok(BackupStep::Working { bytes: 0 })
    }
}

/// What a copy has failed by, told of the file that it was written to.
fn told(error: Error, to: &Path) -> Error {
    match error {
        Error::Io { action: COMPACT, source, .. } => {
            Error::Io { action: "write", path: Arc::from(to), source }
        }
        other => other,
    }
}
