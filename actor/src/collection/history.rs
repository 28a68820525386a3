//! Owns the call that looks back at what a key has held. Never waits for the writer.

use ferrumdb_engine::{Version, Versions};

use super::Collection;
use crate::checks::Progress;
use crate::error::{Error, Result};

/// What a key has held, the newest version first: made by [`Collection::history`].
///
/// It shows what had been committed when it was made. While it is kept, so is the file that a compaction replaces.
#[derive(Debug)]
pub struct KeyHistory(Versions, Progress);

impl Collection {
    /// The versions of the document under `key`, the newest first, and when it was deleted or expired: as far back as the
    /// log tells. Compactions keep no more of it than [`Config::keep_history`](crate::Config::keep_history) says.
    ///
    /// A version leads to the one before, each with a read of its own. Where the key was deleted and set again, and
    /// where it has no document now, the log before is read once, when the iterator comes there.
    ///
    /// ```
    /// use ferrumdb::{ChangeKind, FerrumDB};
    ///
    /// let db = FerrumDB::open_in_memory().wait()?;
    /// db.set("user:1", "alice").wait()?;
    /// db.set("user:1", "bob").wait()?;
    /// db.delete("user:1").wait()?;
    /// let versions: Vec<_> = db.history("user:1")?.collect::<Result<_, _>>()?;
    /// assert_eq!(versions[0].kind, ChangeKind::Deleted);
    /// assert_eq!(versions[1].document.as_ref().unwrap().to::<String>()?, "bob");
    /// assert_eq!(versions[2].document.as_ref().unwrap().to::<String>()?, "alice");
    /// # Ok::<(), ferrumdb::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Closed`](crate::ErrorKind::Closed), [`Forked`](crate::ErrorKind::Forked). Of the iterator:
    /// [`Io`](crate::ErrorKind::Io) and [`Damaged`](crate::ErrorKind::Damaged), after which it has ended.
    pub fn history(&self, key: impl AsRef<str>) -> Result<KeyHistory> {
        self.check_many()?;
        Ok(KeyHistory(self.db.reader.versions(self.id(), key.as_ref()), Progress::new()))
    }
}

impl KeyHistory {
    /// The same, which tells `progress` how far it is where it reads the log, and is stopped by it from another thread: the
    /// iterator fails with [`Cancelled`](crate::ErrorKind::Cancelled) then.
    #[must_use]
    pub fn with_progress(mut self, progress: &Progress) -> Self {
        self.1 = progress.clone();
        self
    }
}

impl Iterator for KeyHistory {
    type Item = Result<Version>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next_unless_stopped(&mut self.1.noting()).map(|version| version.map_err(Error::from))
    }
}
