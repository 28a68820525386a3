//! Owns what a watcher is told of commits: as an iterator that waits, and as a stream. Never goes to the writer, and never
//! keeps it waiting.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use ferrumdb_engine::{self as engine, Fed, Feed, InCollection, Wanted};
use futures_core::stream::{FusedStream, Stream};

use crate::error::Result;
use crate::link::Link;
use crate::sync::thread;
use crate::{Change, Key, Sequence};

/// How often a task reads on before it lets others of its runtime go on, in steps of about 256 KiB of the log.
const READS_MAX: usize = 4;

/// Which changes a watcher is told, and what of them.
///
/// ```
/// use ferrumdb::WatchOptions;
///
/// let users = WatchOptions::everything().prefix("user:").with_before().with_after();
/// # drop(users);
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "it is to be given to `watch` or `changes`"]
pub struct WatchOptions(Wanted);

/// The changes that were committed, in the order in which they were: made by
/// [`FerrumDB::watch`](crate::FerrumDB::watch) and [`FerrumDB::changes`](crate::FerrumDB::changes).
///
/// It is an iterator that waits for the next change; [`into_stream`](Self::into_stream) makes a [`Stream`] of it, for async
/// code on any runtime. It ends when the database is closed, after what was committed until then, and does not keep it
/// open.
///
/// Nothing is missed and nothing comes twice: it reads the log, and whoever commits does not wait for it, however slow it
/// is. After a compaction it goes on in the file that this has replaced, and holds that file on the disk until it has
/// read it. If it has not by the time of the next compaction, the file is let go, and the answer is
/// [`Lagged`](crate::ErrorKind::Lagged): [`sequence`](Self::sequence) then says where [`FerrumDB::changes`](crate::FerrumDB::changes) may go on,
/// if the log still tells what was committed there.
#[must_use = "it tells nothing unless it is asked"]
pub struct Changes {
    feed: Feed,
    link: Arc<Link>,
    number: u64,
    has_ended: bool,
}

/// The same for async code, on any runtime: made by [`Changes::into_stream`].
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// use std::future::poll_fn;
/// use std::pin::Pin;
///
/// use ferrumdb::{FerrumDB, WatchOptions};
/// use futures_core::Stream;
///
/// let db = FerrumDB::open_in_memory().await?;
/// let mut changes = db.watch(WatchOptions::everything())?.into_stream();
/// db.set("one", 1).await?;
/// // With `StreamExt` of the crates `futures` or `tokio-stream`: `changes.next().await`.
/// let change = poll_fn(|context| Pin::new(&mut changes).poll_next(context)).await;
/// assert_eq!(change.unwrap()?.key, "one");
/// # Ok::<(), ferrumdb::Error>(())
/// # }).unwrap();
/// ```
#[must_use = "it tells nothing unless it is asked"]
#[derive(Debug)]
pub struct ChangeStream(Changes);

impl WatchOptions {
    /// Every change of every key, in all collections.
    pub fn everything() -> Self {
        Self::default()
    }

    /// In the collection of this name only: it need not be there yet, and may be dropped and created again.
    ///
    /// ```
    /// use ferrumdb::{ChangeKind, FerrumDB, WatchOptions};
    ///
    /// let db = FerrumDB::open_in_memory().wait()?;
    /// let mut changes = db.watch(WatchOptions::everything().collection("users"))?;
    /// db.collection("users")?.set("alice", 1).wait()?;
    /// db.drop_collection("users").wait()?;
    /// let change = changes.next().unwrap()?;
    /// assert_eq!((change.collection.unwrap().as_str(), change.key.as_str()), ("users", "alice"));
    /// assert_eq!(changes.next().unwrap()?.kind, ChangeKind::Dropped);
    /// # Ok::<(), ferrumdb::Error>(())
    /// ```
    pub fn collection(mut self, name: impl Into<Key>) -> Self {
        self.0.collection = InCollection::Named(name.into());
        self
    }

    /// In the root only.
    pub fn root(mut self) -> Self {
        self.0.collection = InCollection::Root;
        self
    }

    /// Of keys only that begin so. [`Dropped`](crate::ChangeKind::Dropped) collections are told all the same, since such keys
    /// may have gone with them.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.0.prefix = prefix.into();
        self
    }

    /// With the documents that were there before.
    pub fn with_before(mut self) -> Self {
        self.0.before = true;
        self
    }

    /// With the documents that are there from then on.
    pub fn with_after(mut self) -> Self {
        self.0.after = true;
        self
    }

    pub(crate) fn into_wanted(self) -> Wanted {
        self.0
    }
}

/// What is known without waiting.
enum Told {
    Change(Change),
    /// There may be more, at once.
    More,
    /// There is nothing more for now.
    Nothing,
    /// There will be nothing more.
    End,
}

impl Changes {
    pub(crate) fn new(feed: Feed, link: Arc<Link>) -> Self {
        let number = link.bell.number();
        Self { feed, link, number, has_ended: false }
    }

    /// The newest commit of which every change that is wanted was told: where to resume by
    /// [`FerrumDB::changes`](crate::FerrumDB::changes).
    ///
    /// If the last change that was told is not the [last of its commit](Change::ends_commit), that is the commit before.
    #[must_use]
    pub fn sequence(&self) -> Sequence {
        self.feed.sequence()
    }

    /// Whether there will be nothing more, since the database was closed, or the watcher has
    /// [lagged](crate::ErrorKind::Lagged).
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// The same as a stream, from here on.
    pub fn into_stream(self) -> ChangeStream {
        ChangeStream(self)
    }

    /// The next change, if there is one already.
    ///
    /// # Errors
    /// As [`next_within`](Self::next_within).
    pub fn try_next(&mut self) -> Result<Option<Change>> {
        loop {
            match self.look()? {
                Told::Change(change) => return Ok(Some(change)),
                Told::More => {}
                Told::Nothing | Told::End => return Ok(None),
            }
        }
    }

    /// The next change, if there is one within this time: at once, where there will be none since the database was
    /// closed.
    ///
    /// # Errors
    /// [`Lagged`](crate::ErrorKind::Lagged), and then there is nothing more; [`Io`](crate::ErrorKind::Io) or
    /// [`Damaged`](crate::ErrorKind::Damaged) when the log cannot be read, and the next call tries again;
    /// [`Forked`](crate::ErrorKind::Forked); when the writer has failed, why.
    pub fn next_within(&mut self, time: Duration) -> Result<Option<Change>> {
        // Beyond all time is as good as for ever.
        self.wait(Instant::now().checked_add(time)).transpose()
    }

    fn wait(&mut self, deadline: Option<Instant>) -> Option<Result<Change>> {
        let mut waker = None;
        loop {
            match self.look() {
                Err(error) => return Some(Err(error)),
                Ok(Told::Change(change)) => return Some(Ok(change)),
                Ok(Told::End) => return None,
                Ok(Told::More) => {}
                Ok(Told::Nothing) if waker.is_none() => {
                    // ORDER: one more look follows.
                    let own = waker.insert(Waker::from(Arc::new(Unpark(thread::current()))));
                    self.link.bell.listen(self.number, own);
                }
                Ok(Told::Nothing) => {
                    let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
                    match left {
                        Some(Duration::ZERO) => {
                            self.link.bell.leave(self.number);
                            return None;
                        }
                        Some(left) => thread::park_timeout(left),
                        None => thread::park(),
                    }
                    waker = None;
                }
            }
        }
    }

    /// What there is now.
    fn look(&mut self) -> Result<Told> {
        if self.link.is_forked() {
            return Err(self.link.counted(self.link.forked()));
        }
        if self.has_ended {
            return Ok(Told::End);
        }
        // ORDER: whether the writer has ended before the look at what it has published.
        let has_ended = self.link.has_ended();
        match self.feed.advance() {
            Ok(Fed::Change(change)) => Ok(Told::Change(change)),
            Ok(Fed::More) => Ok(Told::More),
            Ok(Fed::End) if has_ended => {
                self.has_ended = true;
                self.link.check_end().map(|()| Told::End).map_err(|error| self.link.counted(error))
            }
            Ok(Fed::End) => Ok(Told::Nothing),
            Err(error) => {
                self.has_ended = matches!(error, engine::Error::Lagged { .. });
                Err(self.link.counted(error.into()))
            }
        }
    }
}

impl Iterator for Changes {
    type Item = Result<Change>;

    /// Blocks this thread until there is a change, or until the database is closed.
    fn next(&mut self) -> Option<Self::Item> {
        self.wait(None)
    }
}

impl ChangeStream {
    /// Where to resume, as [`Changes::sequence`] tells it.
    #[must_use]
    pub fn sequence(&self) -> Sequence {
        self.0.sequence()
    }
}

impl Stream for ChangeStream {
    type Item = Result<Change>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let changes = &mut self.0;
        let (mut listens, mut reads) = (false, 0);
        loop {
            match changes.look() {
                Err(error) => return Poll::Ready(Some(Err(error))),
                Ok(Told::Change(change)) => return Poll::Ready(Some(Ok(change))),
                Ok(Told::End) => return Poll::Ready(None),
                Ok(Told::More) if reads < READS_MAX => reads += 1,
                Ok(Told::More) => {
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Ok(Told::Nothing) if listens => return Poll::Pending,
                Ok(Told::Nothing) => {
                    // ORDER: one more look follows.
                    changes.link.bell.listen(changes.number, context.waker());
                    listens = true;
                }
            }
        }
    }
}

impl FusedStream for ChangeStream {
    fn is_terminated(&self) -> bool {
        self.0.has_ended
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        // In a forked process the lock may have been copied in its locked state.
        if !self.link.is_forked() {
            self.link.bell.leave(self.number);
        }
    }
}

impl fmt::Debug for Changes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Changes").field("sequence", &self.sequence()).finish_non_exhaustive()
    }
}

struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
