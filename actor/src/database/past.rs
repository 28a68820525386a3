//! Owns the calls that look at the database as it was. Never waits for the writer.

use super::{FerrumDB, Inner};
use crate::error::Result;
use crate::{Progress, Sequence, Snapshot, Timestamp, UpTo};

impl FerrumDB {
    /// The database as it was after an earlier commit, at the time of that commit: what has expired since is there.
    ///
    /// The log is read up to there by this call, and the keys of that time take as much memory as they did then. Any
    /// commit can be asked for behind which no compaction has dropped anything:
    /// [`Config::keep_history`](crate::Config::keep_history) says how far back they are kept.
    ///
    /// ```
    /// use ferrumdb::{FerrumDB, Sequence};
    ///
    /// let db = FerrumDB::open_in_memory().wait()?;
    /// let then = db.set("balance", 100).wait()?;
    /// db.set("balance", 50).wait()?;
    /// db.delete("balance").wait()?;
    /// assert_eq!(db.at(then)?.get_as("balance")?, Some(100));
    /// assert_eq!(db.at(Sequence::ZERO)?.count()?, 0);
    /// # Ok::<(), ferrumdb::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`HistoryDropped`](crate::ErrorKind::HistoryDropped); [`NoSuchCommit`](crate::ErrorKind::NoSuchCommit) when
    /// there is none of this number yet; [`Io`](crate::ErrorKind::Io) and [`Damaged`](crate::ErrorKind::Damaged) when
    /// the log cannot be read; [`Closed`](crate::ErrorKind::Closed), [`Forked`](crate::ErrorKind::Forked).
    pub fn at(&self, sequence: Sequence) -> Result<Snapshot> {
        self.at_with_progress(UpTo::Sequence(sequence), &Progress::new())
    }

    /// The database as it was after the last commit that had been made by this time: see [`at`](Self::at).
    ///
    /// # Errors
    /// As [`at`](Self::at).
    pub fn at_time(&self, time: Timestamp) -> Result<Snapshot> {
        self.at_with_progress(UpTo::Time(time), &Progress::new())
    }

    /// One of the two, telling `progress` how far it is, which can stop it from another thread.
    ///
    /// # Errors
    /// As [`at`](Self::at); [`Cancelled`](crate::ErrorKind::Cancelled) by [`Progress::cancel`].
    pub fn at_with_progress(&self, up_to: UpTo, progress: &Progress) -> Result<Snapshot> {
        self.check_many()?;
        let Inner { link, reader, .. } = &**self.db;
        let past = reader.at(up_to, &mut progress.noting()).map_err(|error| self.counted(error.into()))?;
        Ok(Snapshot::of_past(link, past))
    }
}
