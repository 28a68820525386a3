//! Owns the calls that begin to watch what is committed. Never waits for the writer.

use std::sync::Arc;

use super::FerrumDB;
use crate::Sequence;
use crate::changes::{Changes, WatchOptions};
use crate::error::Result;

impl FerrumDB {
    /// What is committed from now on, in the order of the commits: an iterator that waits, and by
    /// [`into_stream`](Changes::into_stream) a stream for async code. It tells nothing of commits that were published before this call, and misses none of those behind it.
    /// This call waits for nothing, not even for the file: the first change is looked for when it is asked for.
    ///
    /// ```
    /// use ferrumdb::{ChangeKind, FerrumDB, WatchOptions};
    ///
    /// let db = FerrumDB::open_in_memory().wait()?;
    /// db.set("user:1", "alice").wait()?;
    /// let mut changes = db.watch(WatchOptions::everything().prefix("user:").with_before().with_after())?;
    ///
    /// db.set("user:1", "bob").wait()?;
    /// db.set("session:9", "bob").wait()?;
    /// db.delete("user:1").wait()?;
    ///
    /// let change = changes.next().unwrap()?;
    /// assert_eq!((change.key.as_str(), change.kind), ("user:1", ChangeKind::Set));
    /// assert_eq!(change.before.unwrap().to::<String>()?, "alice");
    /// assert_eq!(change.after.unwrap().to::<String>()?, "bob");
    /// assert_eq!(changes.next().unwrap()?.kind, ChangeKind::Deleted);
    /// db.close().wait()?;
    /// assert!(changes.next().is_none());
    /// # Ok::<(), ferrumdb::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Closed`](crate::ErrorKind::Closed), [`Forked`](crate::ErrorKind::Forked).
    pub fn watch(&self, options: WatchOptions) -> Result<Changes> {
        self.feed(None, options)
    }

    /// What was committed behind the commit `since`, and then what [`watch`](Self::watch) tells. So whoever remembers
    /// [`Changes::sequence`] goes on there, in the next process, too.
    ///
    /// ```
    /// use ferrumdb::{FerrumDB, WatchOptions};
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("myapp.db");
    /// let db = FerrumDB::open(&path).wait()?;
    /// let seen = db.set("one", 1).wait()?;
    /// db.set("two", 2).wait()?;
    /// db.close().wait()?;
    ///
    /// let db = FerrumDB::open(&path).wait()?;
    /// let mut changes = db.changes(seen, WatchOptions::everything())?;
    /// assert_eq!(changes.next().unwrap()?.key, "two");
    /// # Ok::<(), ferrumdb::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`HistoryDropped`](crate::ErrorKind::HistoryDropped) when a compaction has dropped commits behind `since`, unless
    /// [`Config::keep_history`](crate::Config::keep_history) says to keep them;
    /// [`NoSuchCommit`](crate::ErrorKind::NoSuchCommit) when there is no such commit yet; otherwise as
    /// [`watch`](Self::watch).
    pub fn changes(&self, since: Sequence, options: WatchOptions) -> Result<Changes> {
        self.feed(Some(since), options)
    }

    fn feed(&self, since: Option<Sequence>, options: WatchOptions) -> Result<Changes> {
        self.check_many()?;
        let feed = self.db.reader.feed(since, options.into_wanted());
        let feed = feed.map_err(|error| self.counted(error.into()))?;
        Ok(Changes::new(feed, Arc::clone(&self.db.link)))
    }
}
