//! Owns running a transaction until it commits: the attempts, and what becomes of each. Never runs it anywhere but on
//! the thread that waits.

use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::Sequence;
use crate::collection::Collection;
use crate::command::WriteReply;
use crate::database::FerrumDB;
use crate::error::{Error, ErrorKind, Result};
use crate::open_transaction::OpenTransaction;
use crate::pending::Pending;
use crate::sync::thread;

/// So often a transaction is run at most, unless it is said otherwise.
const ATTEMPTS: u32 = 1_000;

/// So often it is run again at once.
const PATIENT_ATTEMPTS: u32 = 2;
/// A thread pauses for the time that so many commits take at most.
const COMMITS_MAX: u32 = 64;

/// A transaction that is run when it is waited for: [`wait`](Self::wait) for it in a plain thread, or `.await` it on any
/// runtime. See [`FerrumDB::transact`].
///
/// Dropped while its commit is under way, it may or may not be committed, whole.
#[must_use = "nothing is run before it is waited for: `.await` it, or call `.wait()`"]
pub struct Transact<'d, T, E, F> {
    db: &'d Collection,
    run: F,
    attempts: u32,
    attempts_max: u32,
    /// Whether the attempt before has read ranges.
    ranges: bool,
    /// What the last attempt has made, and its commit.
    under_way: Option<(T, Pending<Sequence>)>,
    fails_with: PhantomData<fn() -> E>,
}

/// What an attempt has come to.
enum Attempt<T> {
    /// It has only read, which needs no commit.
    Done(T),
    Committing(T, Pending<Sequence>),
}

impl FerrumDB {
    /// Runs a transaction that reads and writes, as if nothing else happened meanwhile.
    ///
    /// `run` gets an [`OpenTransaction`]. When it returns `Ok`, what it has written is committed: all of it, or, if
    /// somebody else has changed meanwhile what it has read, nothing. Then it is run again, on the database as it is by
    /// then, up to 1,000 times, or as often as [`Transact::attempts`] says. When it returns an error, nothing is written,
    /// and the error is the answer.
    ///
    /// Transactions are serializable: whatever they read, keys, ranges, and what a search finds or does not find, those
    /// that commit could have run one after the other, in the order of their commits. One that only reads asks
    /// nobody, and is never run twice.
    ///
    /// `run` may be run several times, so it should do nothing but read, compute and write by its argument. It runs on
    /// the thread that waits, or that polls.
    ///
    /// ```
    /// use ferrumdb::{Error, FerrumDB};
    ///
    /// let db = FerrumDB::open_in_memory().wait()?;
    /// db.set("alice", 10).wait()?;
    /// db.set("bob", 0).wait()?;
    ///
    /// let left = db
    ///     .transact(|tx| {
    ///         let alice: i64 = tx.get_as("alice")?.unwrap_or(0);
    ///         let bob: i64 = tx.get_as("bob")?.unwrap_or(0);
    ///         tx.set("alice", alice - 3)?;
    ///         tx.set("bob", bob + 3)?;
    ///         Ok::<_, Error>(alice - 3)
    ///     })
    ///     .wait()?; // in async code: `.await?`
    /// assert_eq!((left, db.get_as("bob")?), (7, Some(3)));
    /// # Ok::<(), ferrumdb::Error>(())
    /// ```
    ///
    /// # Errors
    /// Whatever `run` returns; [`Conflict`](ErrorKind::Conflict) when each attempt has met changes by others, with what
    /// was changed last and with [`Error::attempts`]; otherwise as [`commit`](Self::commit).
    pub fn transact<T, E, F>(&self, run: F) -> Transact<'_, T, E, F>
    where
        F: FnMut(&mut OpenTransaction<'_>) -> Result<T, E>,
        E: From<Error>,
    {
        Transact::new(self, run)
    }

    /// A transaction that reads and writes, for callers who cannot give [`transact`](Self::transact) a closure, since they
    /// have to wait between one read and the next: what it has come to is committed by [`OpenTransaction::commit`], and
    /// dropping it changes nothing. From its first read on it holds back what a snapshot does.
    ///
    /// ```
    /// use ferrumdb::{ErrorKind, FerrumDB};
    ///
    /// let db = FerrumDB::open_in_memory().wait()?;
    /// let mut tx = db.begin();
    /// let visits = tx.get_as("visits")?.unwrap_or(0);
    /// db.set("visits", 7).wait()?; // somebody else
    /// tx.set("visits", visits + 1)?;
    /// assert_eq!(tx.commit().wait().unwrap_err().kind(), ErrorKind::Conflict); // begin anew
    /// # Ok::<(), ferrumdb::Error>(())
    /// ```
    #[must_use = "it changes nothing until it is committed"]
    pub fn begin(&self) -> OpenTransaction<'_> {
        OpenTransaction::begin(self, false)
    }
}

impl<'d, T, E, F> Transact<'d, T, E, F>
where
    F: FnMut(&mut OpenTransaction<'_>) -> Result<T, E>,
    E: From<Error>,
{
    pub(crate) fn new(db: &'d Collection, run: F) -> Self {
        let (attempts, attempts_max, ranges) = (0, ATTEMPTS, false);
        Self { db, run, attempts, attempts_max, ranges, under_way: None, fails_with: PhantomData }
    }

    /// Runs the transaction at most so often; at least once.
    pub fn attempts(self, most: u32) -> Self {
        Self { attempts_max: most.max(1), ..self }
    }

    /// Runs the transaction, and blocks this thread until it is committed.
    ///
    /// In async code, `.await` it instead: a blocked thread of a runtime runs nothing else.
    ///
    /// # Errors
    /// See [`FerrumDB::transact`].
    pub fn wait(mut self) -> Result<T, E> {
        loop {
            match self.under_way.take() {
                None => match self.attempt()? {
                    Attempt::Done(value) => return Ok(value),
                    Attempt::Committing(value, pending) => self.under_way = Some((value, pending)),
                },
                Some((value, pending)) => {
                    let answer = pending.wait();
                    if let Some(result) = self.judge(value, answer) {
                        return result;
                    }
                    self.pause();
                }
            }
        }
    }

    fn attempt(&mut self) -> Result<Attempt<T>, E> {
        self.db.check_many()?;
        self.attempts += 1;
        let mut open = OpenTransaction::begin(self.db, self.ranges);
        let value = (self.run)(&mut open)?;
        let (prepared, ranges) = open.finish();
        self.ranges = ranges;
        let Some(prepared) = prepared else { return Ok(Attempt::Done(value)) };
        if let Err(error) = prepared.transaction.check(&self.db.db.limits) {
            return Err(self.db.counted(error.into()).into());
        }
        Ok(Attempt::Committing(value, self.db.send(prepared, WriteReply::Sequence)))
    }

    /// Lets others commit for a while, if this one has met them several times: of many that all come back at once, one
    /// commits and the others have worked for nothing.
    fn pause(&self) {
        if self.attempts > PATIENT_ATTEMPTS {
            let commits =
                RandomState::new().hash_one(self.attempts) % u64::from(self.attempts.min(COMMITS_MAX));
            thread::sleep(self.db.db.link.commit_time() * commits as u32);
        }
    }

    /// The result, or nothing if the transaction is to be run again.
    fn judge(&self, value: T, answer: Result<Sequence>) -> Option<Result<T, E>> {
        match answer {
            Ok(_) => Some(Ok(value)),
            Err(error) if error.kind() != ErrorKind::Conflict => Some(Err(error.into())),
            Err(_) if self.attempts < self.attempts_max => None,
            Err(error) => Some(Err(self.db.counted(error.after(self.attempts)).into())),
        }
    }
}

impl<T, E, F> Future for Transact<'_, T, E, F>
where
    F: FnMut(&mut OpenTransaction<'_>) -> Result<T, E>,
    E: From<Error>,
{
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            match this.under_way.take() {
                None => match this.attempt() {
                    Ok(Attempt::Done(value)) => return Poll::Ready(Ok(value)),
                    Ok(Attempt::Committing(value, pending)) => this.under_way = Some((value, pending)),
                    Err(error) => return Poll::Ready(Err(error)),
                },
                Some((value, mut pending)) => match Pin::new(&mut pending).poll(context) {
                    Poll::Ready(answer) => {
                        if let Some(result) = this.judge(value, answer) {
                            return Poll::Ready(result);
                        }
                    }
                    Poll::Pending => {
                        this.under_way = Some((value, pending));
                        return Poll::Pending;
                    }
                },
            }
        }
    }
}

/// No field is ever pinned.
impl<T, E, F> Unpin for Transact<'_, T, E, F> {}

impl<T, E, F> fmt::Debug for Transact<'_, T, E, F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Transact").field("attempts", &self.attempts).finish_non_exhaustive()
    }
}
