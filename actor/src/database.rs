//! Owns the public handle, from opening to closing; what can be done with it lies in the modules beneath. Never waits
//! for the writer itself.

mod backup;
mod changes;
mod past;

use std::fmt;
use std::ops::Deref;
use std::path::Path;
use std::sync::{Arc, PoisonError};

use crossbeam_utils::CachePadded;
use ferrumdb_engine::Reader;

use crate::checks;
use crate::collection::Collection;
use crate::command::{Command, Reply, WriteReply};
use crate::compactions::CompactionReport;
use crate::config::{Config, DEFAULT_PATH};
use crate::error::Result;
use crate::fsync_policy::FsyncPolicy;
use crate::lag::{Lag, Progress};
use crate::link::Link;
use crate::metrics::{Meter, Metrics};
use crate::opening::{self, ThreadSlot};
use crate::pending::Pending;
use crate::sync::thread;
use crate::transaction::Transaction;
use crate::works::Work;
use crate::{CollectionInfo, EncryptionKey, Key, Limits, Sequence, Snapshot, Stamps, Stats, VerifyReport};

/// A handle to an open database. Clones are cheap and stand for the same database; use them from as many threads and
/// tasks as you like.
///
/// Keys are read and written by the methods of [`Collection`]: those of the handle itself are its root collection's.
/// Reads answer at once, from any thread. Writes return a [`Pending`]. When the last handle is dropped, everything
/// accepted is committed and synced, and the file is free again when the drop returns; [`close`](Self::close) does
/// the same, reports errors, and need not block. A process that was forked from the one that opened the database
/// gets [`ErrorKind::Forked`](crate::ErrorKind::Forked) from whatever goes to the writer or to many keys; reads of single keys there show
/// what had been committed before the fork, and must not be relied on.
#[derive(Clone)]
pub struct FerrumDB(Collection);

pub(crate) struct Inner {
    pub(crate) link: Arc<Link>,
    pub(crate) reader: Reader,
    pub(crate) limits: Limits,
    writer: thread::ThreadId,
    thread: ThreadSlot,
    /// Of a follower.
    progress: Option<Arc<Progress>>,
    /// Of an owner.
    fsync_policy: Option<FsyncPolicy>,
}

impl FerrumDB {
    /// Opens a database, and creates the file if it does not exist. The work is done on a thread of the database's
    /// own, so that awaiting it blocks no runtime.
    ///
    /// ```
    /// use ferrumdb::FerrumDB;
    /// use serde_json::json;
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("myapp.db");
    /// let db = FerrumDB::open(&path).wait()?; // or `.await?`
    /// db.set("greeting", json!("hello")).wait()?;
    /// db.close().wait()?;
    ///
    /// let db = FerrumDB::open(&path).wait()?;
    /// assert_eq!(db.get("greeting")?.unwrap(), json!("hello"));
    /// # Ok::<(), ferrumdb::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Locked`](crate::ErrorKind::Locked) when the file is open elsewhere, in this process or another, and stays so
    /// for [`Config::with_lock_timeout`]; the kinds that say why a path cannot be opened or a file is no database of
    /// this version; [`Damaged`](crate::ErrorKind::Damaged) when the file is not what was written.
    pub fn open(config: impl Into<Config>) -> Pending<Self> {
        opening::open(config.into())
    }

    /// Opens `ferrum.db` in the current folder.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_default() -> Pending<Self> {
        Self::open(DEFAULT_PATH)
    }

    /// Opens `ferrum.db` in the current folder, with what the environment sets: see [`Config::from_env`].
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`InvalidConfig`](crate::ErrorKind::InvalidConfig).
    pub fn open_from_env() -> Pending<Self> {
        match Config::new(DEFAULT_PATH).from_env() {
            Ok(config) => Self::open(config),
            Err(error) => Pending::ready(Err(error)),
        }
    }

    /// Opens a new database that lives in memory only.
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) when its thread cannot be started.
    pub fn open_in_memory() -> Pending<Self> {
        Self::open(Config::in_memory())
    }

    /// Commits a transaction: all of it or nothing. The answer is the number of the commit.
    ///
    /// # Errors
    /// The first error of the transaction's values; [`Conflict`](crate::ErrorKind::Conflict) when a condition of it
    /// does not hold; [`TooLarge`](crate::ErrorKind::TooLarge) beyond the limits;
    /// [`Io`](crate::ErrorKind::Io) when it could not be appended, and nothing has happened;
    /// [`InDoubt`](crate::ErrorKind::InDoubt) when it may or may not survive, [`Poisoned`](crate::ErrorKind::Poisoned)
    /// after that; [`Closed`](crate::ErrorKind::Closed); [`Forked`](crate::ErrorKind::Forked).
    pub fn commit(&self, transaction: Transaction) -> Pending<Sequence> {
        self.0.send_transaction(transaction, WriteReply::Sequence)
    }

    /// The handle of the collection of this name, whether there is one or not: any text of up to 255 bytes that is not
    /// empty.
    ///
    /// # Errors
    /// [`InvalidName`](crate::ErrorKind::InvalidName).
    pub fn collection(&self, name: impl Into<Key>) -> Result<Collection> {
        self.0.named(name.into())
    }

    /// The same database for the thread of an event loop, where nobody may wait for a disk. A write to a collection with
    /// indexes otherwise looks at the document that it replaces where it is called; by this handle, and by those of
    /// collections and transactions that come from it, the writer does so where the document is not in the cache.
    ///
    /// ```
    /// use ferrumdb::FerrumDB;
    /// use serde_json::json;
    ///
    /// let db = FerrumDB::open_in_memory().wait()?.for_event_loops();
    /// db.create_index("role").wait()?;
    /// db.set("alice", json!({"role": "user"})).wait()?;
    /// db.set("alice", json!({"role": "admin"})).wait()?;
    /// assert_eq!(db.find("role", &json!("admin"))?.len(), 1);
    /// # Ok::<(), ferrumdb::Error>(())
    /// ```
    #[must_use]
    pub fn for_event_loops(&self) -> Self {
        Self(self.0.without_reading())
    }

    /// Stamps, for one who keeps documents of this database in a form of his own and wants to know, without a call, whether
    /// one may have been replaced. They cost what changes keys a little, until they are dropped.
    ///
    /// What [`Collection::get_stamped`] has found is what a get would find, as long as two of the [numbers](Stamps::numbers)
    /// are what they were: that of its stamp, and the last one, read before, which changes when a collection is created or
    /// dropped. A number changes for other keys, too.
    ///
    /// ```
    /// use std::sync::atomic::Ordering::Acquire;
    ///
    /// use ferrumdb::FerrumDB;
    ///
    /// let db = FerrumDB::open_in_memory().wait()?;
    /// let stamps = db.stamps();
    /// db.set("a", 1).wait()?;
    /// db.get("a")?;
    ///
    /// let kept = db.get_stamped(&stamps, "a")?.expect("it is in the cache");
    /// let stamp = kept.stamp.expect("it does not expire");
    /// let is_current = || stamps.numbers()[stamp.place as usize].load(Acquire) == stamp.number;
    /// assert!(is_current());
    /// db.set("a", 2).wait()?;
    /// assert!(!is_current());
    /// # Ok::<(), ferrumdb::Error>(())
    /// ```
    #[must_use]
    pub fn stamps(&self) -> Arc<Stamps> {
        self.0.db.reader.stamps()
    }

    /// The collections there are besides the root, by their names.
    ///
    /// # Errors
    /// [`Closed`](crate::ErrorKind::Closed), [`Forked`](crate::ErrorKind::Forked).
    pub fn collections(&self) -> Result<Vec<CollectionInfo>> {
        self.check_many()?;
        Ok(self.db.reader.snapshot().collections())
    }

    /// Drops the collection of this name with all its documents and indexes, in one commit, however many they are. The
    /// answer is whether there was one. What is set there later makes another collection of the same name.
    ///
    /// Snapshots and iterations that were begun before still see it. What it took in the file is won by the next
    /// compaction.
    ///
    /// # Errors
    /// [`InvalidName`](crate::ErrorKind::InvalidName); otherwise as [`commit`](Self::commit).
    pub fn drop_collection(&self, name: impl Into<Key>) -> Pending<bool> {
        self.0.send_transaction(Transaction::new().drop_collection(name), WriteReply::Found)
    }

    /// Makes durable everything that was accepted before this call, now, under every policy.
    ///
    /// # Errors
    /// [`InDoubt`](crate::ErrorKind::InDoubt) when the system could not sync; otherwise as [`commit`](Self::commit).
    pub fn sync(&self) -> Pending<()> {
        let (reply, receiver) = Reply::channel();
        self.db.link.send(Command::Sync(reply), receiver)
    }

    /// Lets another key open the database from now on, and the one that it was opened with no more. When the answer
    /// comes, that is durable.
    ///
    /// What is stored is not encrypted anew: a [`compact`](Self::compact) renews the key that the documents are encrypted
    /// with. Copies of the file that were made before still open with the older key.
    ///
    /// ```
    /// use ferrumdb::{Config, EncryptionKey, FerrumDB};
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("secret.db");
    /// let db = FerrumDB::open(Config::new(&path).with_encryption([1; 32])).wait()?;
    /// db.rekey(EncryptionKey::from_bytes([2; 32])).wait()?;
    /// db.close().wait()?;
    /// assert!(FerrumDB::open(Config::new(&path).with_encryption([1; 32])).wait().is_err());
    /// assert!(FerrumDB::open(Config::new(&path).with_encryption([2; 32])).wait().is_ok());
    /// # Ok::<(), ferrumdb::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`NotEncrypted`](crate::ErrorKind::NotEncrypted); [`Io`](crate::ErrorKind::Io) or
    /// [`InDoubt`](crate::ErrorKind::InDoubt) when it could not be written: either key may then open the database.
    pub fn rekey(&self, key: EncryptionKey) -> Pending<()> {
        let (reply, receiver) = Reply::channel();
        self.db.link.send(Command::Rekey(key, reply), receiver)
    }

    /// Writes the database anew without what is not needed any more: replaced and deleted documents, and those that have
    /// expired. Reads and writes go on meanwhile; the answer is what it has won. If one is under way, the answer is
    /// that one's.
    ///
    /// It needs room for a second file, and takes the place of the old one only when it is whole and durable. Snapshots
    /// that are open go on reading the old file, which takes its room until they are gone: [`Stats::held_bytes`].
    ///
    /// # Errors
    /// [`Cancelled`](crate::ErrorKind::Cancelled) by [`cancel_compaction`](Self::cancel_compaction) or a closing;
    /// [`Io`](crate::ErrorKind::Io), for instance when the disk is full, and [`Damaged`](crate::ErrorKind::Damaged)
    /// when the log is not what was written: nothing has changed then. [`InDoubt`](crate::ErrorKind::InDoubt) when the
    /// new name could not be made durable: nothing is lost, and the database must be opened again to write.
    /// [`Other`](crate::ErrorKind::Other) when its thread has panicked: nothing is lost, and another one can be asked for,
    /// which also does what this one may have left.
    pub fn compact(&self) -> Pending<CompactionReport> {
        let (reply, receiver) = Reply::channel();
        self.db.link.send(Command::Compact(reply), receiver)
    }

    /// Stops a compaction that is under way, whoever has begun it. The answer is whether there was one.
    ///
    /// # Errors
    /// [`Closed`](crate::ErrorKind::Closed), [`Forked`](crate::ErrorKind::Forked).
    pub fn cancel_compaction(&self) -> Pending<bool> {
        let (reply, receiver) = Reply::channel();
        self.db.link.send(Command::CancelCompaction(reply), receiver)
    }

    /// Reads the whole log as it is at this moment, from the disk, and tells what is not as it should be: checksums,
    /// the order of records and commits, documents, and whether keys and indexes say what the log says. Reads and writes
    /// go on meanwhile. Damage is no error, but a finding.
    ///
    /// ```
    /// use ferrumdb::FerrumDB;
    ///
    /// let db = FerrumDB::open_in_memory().wait()?;
    /// db.set("one", 1).wait()?;
    /// let report = db.verify().wait()?;
    /// assert!(report.is_sound(), "{:?}", report.findings);
    /// # Ok::<(), ferrumdb::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) when the file cannot be read; [`Cancelled`](crate::ErrorKind::Cancelled) when the
    /// database is closed meanwhile; [`Closed`](crate::ErrorKind::Closed), [`Forked`](crate::ErrorKind::Forked).
    pub fn verify(&self) -> Pending<VerifyReport> {
        match self.check_many() {
            Ok(()) => checks::verify_open(&self.db.link, &self.db.reader),
            Err(error) => Pending::ready(Err(error)),
        }
    }

    /// Closes the database for all handles: what was accepted is committed and synced, and the file is free for
    /// another opening when the answer comes. Calls that come later fail with [`Closed`](crate::ErrorKind::Closed),
    /// except this one, which gives the same answer again.
    ///
    /// # Errors
    /// When syncing or closing failed; [`Forked`](crate::ErrorKind::Forked).
    pub fn close(&self) -> Pending<()> {
        let link = &self.db.link;
        if link.is_forked() {
            return link.failed(link.forked());
        }
        link.begin_closing();
        let (reply, receiver) = Reply::channel();
        if link.outbox().insist(Command::Close(Some(reply))) {
            return Pending::sent(receiver, Arc::clone(link));
        }
        Pending::ready(link.ended().cloned().unwrap_or_else(|| Err(link.closed())))
    }

    /// The database as it is now, for as long as the snapshot is kept: see [`Snapshot`].
    ///
    /// # Errors
    /// [`Closed`](crate::ErrorKind::Closed), [`Forked`](crate::ErrorKind::Forked).
    pub fn snapshot(&self) -> Result<Snapshot> {
        self.check_many()?;
        let Inner { link, reader, .. } = &**self.db;
        Ok(Snapshot::take(link, reader))
    }

    /// What the file, the cache and the memory hold, and how the last opening went.
    ///
    /// # Errors
    /// [`Closed`](crate::ErrorKind::Closed), [`Forked`](crate::ErrorKind::Forked).
    pub fn stats(&self) -> Result<Stats> {
        self.check_many()?;
        let mut stats = self.db.reader.stats().map_err(|error| self.counted(error.into()))?;
        (stats.snapshots, stats.oldest_snapshot) = self.db.link.snapshots.told();
        Ok(stats)
    }

    /// How far this database is behind what its owner has published: not at all, unless it was opened by
    /// [`Config::read_only`].
    ///
    /// # Errors
    /// Why it does not come any further, if that is so: [`Replaced`](crate::ErrorKind::Replaced),
    /// [`Damaged`](crate::ErrorKind::Damaged), or [`Io`](crate::ErrorKind::Io) when the file is gone, for instance. Reads go
    /// on, and show what they did. [`Closed`](crate::ErrorKind::Closed), [`Forked`](crate::ErrorKind::Forked).
    pub fn lag(&self) -> Result<Lag> {
        self.check_many()?;
        let Inner { link, reader, progress, .. } = &**self.db;
        match progress {
            None => Ok(Lag::none(reader.sequence())),
            Some(_) if link.ended().is_some() => Err(self.counted(link.end_error())),
            Some(progress) => progress.lag(reader).map_err(|error| self.counted(error)),
        }
    }

    /// What this database has done since it was opened. It answers after closing, too; in a forked process it tells
    /// the counts alone.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let link = &self.db.link;
        if link.is_forked() {
            return link.counters.counts();
        }
        let mut metrics = link.counters.snapshot();
        self.add_state(&mut metrics);
        metrics
    }

    /// The same figures of times to come: see [`Meter`].
    #[must_use]
    pub fn meter(&self) -> Meter {
        Meter::new(self)
    }

    /// The long work that goes on now, whoever has asked for it: compactions, verifications, and builds of indexes.
    ///
    /// ```
    /// use ferrumdb::{FerrumDB, WorkKind};
    ///
    /// let db = FerrumDB::open_in_memory().wait()?;
    /// for work in db.works() {
    ///     if work.kind == WorkKind::Compaction {
    ///         println!("{} of {} bytes", work.done, work.of);
    ///     }
    /// }
    /// # Ok::<(), ferrumdb::Error>(())
    /// ```
    #[must_use]
    pub fn works(&self) -> Vec<Work> {
        if self.db.link.is_forked() {
            return Vec::new();
        }
        self.db.link.works.told()
    }

    /// Whether it was opened by [`Config::read_only`], and shows what another process writes.
    #[must_use]
    pub fn is_follower(&self) -> bool {
        self.db.progress.is_some()
    }

    /// When commits are synced. For a follower, its owner decides.
    #[must_use]
    pub fn fsync_policy(&self) -> Option<FsyncPolicy> {
        self.db.fsync_policy
    }

    /// The path that it was opened with.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.db.link.path()
    }

    /// Adds what is as it is, and does not count up.
    pub(crate) fn add_state(&self, metrics: &mut Metrics) {
        let Inner { link, reader, .. } = &**self.db;
        (metrics.inbox_commands, metrics.inbox_bytes) = link.outbox().depth();
        // Only the length of the file, which is not asked for here, can fail.
        if let Ok(stats) = reader.stats() {
            (metrics.live_bytes, metrics.dead_bytes) = (stats.live_bytes, stats.dead_bytes);
        }
    }

    pub(crate) fn new(
        link: Arc<Link>,
        reader: Reader,
        thread: ThreadSlot,
        progress: Option<Arc<Progress>>,
        fsync_policy: FsyncPolicy,
    ) -> Self {
        let limits = reader.limits();
        let writer = thread::current().id();
        let fsync_policy = progress.is_none().then_some(fsync_policy);
        let inner = Inner { link, reader, limits, writer, thread, progress, fsync_policy };
        Self(Collection::root(Arc::new(CachePadded::new(inner))))
    }
}

impl Deref for FerrumDB {
    type Target = Collection;

    fn deref(&self) -> &Collection {
        &self.0
    }
}

impl fmt::Debug for FerrumDB {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("FerrumDB").field("path", &self.path()).finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if self.link.is_forked() {
            // The writer lives in the parent. One more count of each keeps the copies here from being torn down.
            std::mem::forget((Arc::clone(&self.link), self.reader.clone(), Arc::clone(&self.thread)));
            return;
        }
        if self.link.begin_closing() {
            self.link.outbox().insist(Command::Close(None));
        }
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A waker or an abandoned opening may drop the last handle on the writer's own thread, which cannot wait for itself.
        if thread::current().id() != self.writer
            && let Some(thread) = thread
        {
            // It catches its own panics, and has told everyone.
            let _ = thread.join();
        }
    }
}
