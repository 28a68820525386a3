//! Owns verification and repair: the threads on which they run, and how far they are. Never runs either on the writer
//! thread.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use ferrumdb_engine::{self as engine, Reader, RepairReport, Verification, VerifyReport, VerifyStep};

use crate::command::Reply;
use crate::config::Config;
use crate::error::{Cause, Error, Result};
use crate::link::Link;
use crate::opening::LOCK_RETRY;
use crate::pending::Pending;
use crate::works::{WorkKind, Works};

/// How far a [`verify`], a [`repair`] or a look at the past is, to be looked at from another thread, and what stops it:
/// [`Config::with_progress`], [`FerrumDB::at_with_progress`](crate::FerrumDB::at_with_progress),
/// [`KeyHistory::with_progress`](crate::KeyHistory::with_progress).
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Figures>);

#[derive(Debug, Default)]
struct Figures {
    done: AtomicU64,
    of: AtomicU64,
    is_cancelled: AtomicBool,
}

impl Progress {
    /// One that has not begun.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many bytes are done.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.0.done.load(Ordering::Relaxed)
    }

    /// How many bytes there are; 0 until it has begun.
    #[must_use]
    pub fn of(&self) -> u64 {
        self.0.of.load(Ordering::Relaxed)
    }

    pub(crate) fn note(&self, done: u64, of: u64) {
        self.0.done.store(done, Ordering::Relaxed);
        self.0.of.store(of, Ordering::Relaxed);
    }

    /// Stops it soon, with [`Cancelled`](crate::ErrorKind::Cancelled): a repair leaves nothing of the new file then.
    pub fn cancel(&self) {
        self.0.is_cancelled.store(true, Ordering::Relaxed);
    }

    /// What the engine tells of it, and is told by it.
    pub(crate) fn noting(&self) -> impl FnMut(u64, u64) -> bool {
        |done, of| {
            self.note(done, of);
            !self.is_cancelled()
        }
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.0.is_cancelled.load(Ordering::Relaxed)
    }
}

/// Verifies a database file that is not open: reads all of it, and tells what is not as it should be. It need not be
/// one that can be opened, and is left as it is. Of the configuration, the path, the key and the time to wait for the
/// lock count.
///
/// An open database is verified by [`FerrumDB::verify`](crate::FerrumDB::verify).
///
/// ```
/// use ferrumdb::FerrumDB;
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("myapp.db");
/// let db = FerrumDB::open(&path).wait()?;
/// db.set("one", 1).wait()?;
/// db.close().wait()?;
///
/// let report = ferrumdb::verify(&path).wait()?;
/// assert!(report.is_sound());
/// assert_eq!(report.documents, 1);
/// # Ok::<(), ferrumdb::Error>(())
/// ```
///
/// # Errors
/// [`Locked`](crate::ErrorKind::Locked), [`NotADatabase`](crate::ErrorKind::NotADatabase),
/// [`UnsupportedFormat`](crate::ErrorKind::UnsupportedFormat), [`KeyNeeded`](crate::ErrorKind::KeyNeeded),
/// [`WrongKey`](crate::ErrorKind::WrongKey), [`NotEncrypted`](crate::ErrorKind::NotEncrypted), [`IsADirectory`](crate::ErrorKind::IsADirectory),
/// [`Io`](crate::ErrorKind::Io), [`Cancelled`](crate::ErrorKind::Cancelled) by [`Progress::cancel`]. Damage is no error, but a
/// finding.
pub fn verify(config: impl Into<Config>) -> Pending<VerifyReport> {
    let config = config.into();
    on_a_thread(config.path.clone(), move |reply| {
        when_unlocked(&config, reply, || {
            let verification =
                Verification::of_file(&config.path, config.encryption.as_ref(), &*config.file_system)?;
            let is_wanted = || !reply.is_abandoned() && !config.progress.is_cancelled();
            steps(verification, &config.progress, is_wanted)
        })
    })
}

/// Saves what can be saved of a damaged database file in a new one at `to`, and tells what was lost. The damaged file is
/// left as it is, and the new one encrypted with the same key if it is. Of the configuration, the path, the key and the
/// time to wait for the lock count.
///
/// ```
/// use ferrumdb::FerrumDB;
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let (path, saved) = (folder.path().join("myapp.db"), folder.path().join("saved.db"));
/// # FerrumDB::open(&path).wait()?.close().wait()?;
/// let report = ferrumdb::repair(&path, &saved).wait()?;
/// assert!(report.is_complete(), "it was not damaged");
/// # FerrumDB::open(&saved).wait()?.close().wait()?;
/// # Ok::<(), ferrumdb::Error>(())
/// ```
///
/// # Errors
/// As [`verify`]; [`AlreadyExists`](crate::ErrorKind::AlreadyExists), [`NoSuchFolder`](crate::ErrorKind::NoSuchFolder);
/// [`Damaged`](crate::ErrorKind::Damaged) when both copies of the file's header are so bad that its records cannot be
/// read.
pub fn repair(config: impl Into<Config>, to: impl AsRef<Path>) -> Pending<RepairReport> {
    let (config, to) = (config.into(), to.as_ref().to_owned());
    on_a_thread(config.path.clone(), move |reply| {
        when_unlocked(&config, reply, || {
            let key = config.encryption.as_ref();
            engine::repair(&config.path, &to, key, &config.file_system, &mut config.progress.noting())
        })
    })
}

/// Verifies an open database, until it is closed.
pub(crate) fn verify_open(link: &Arc<Link>, reader: &Reader) -> Pending<VerifyReport> {
    let (reply, receiver) = Reply::channel();
    let (watched, reader) = (Arc::clone(link), reader.clone());
    let verify = move || {
        let is_wanted = || !reply.is_abandoned() && watched.check_readable().is_ok();
        let ticket = Works::begin(&watched, WorkKind::Verification);
        let verification = reader.begin_verify();
        let outcome = verification.and_then(|begun| steps(begun, ticket.progress(), is_wanted));
        drop(ticket);
        // What the snapshot holds is free when the answer comes.
        drop(reader);
        reply.answer(outcome.map_err(|error| watched.counted(error.into())));
    };
    match spawn(link.path(), verify) {
        Ok(()) => Pending::sent(receiver, Arc::clone(link)),
        Err(error) => link.failed(error),
    }
}

fn steps(
    mut verification: Verification,
    progress: &Progress,
    is_wanted: impl Fn() -> bool,
) -> engine::Result<VerifyReport> {
    while let VerifyStep::Working { done, of } = verification.step()? {
        progress.note(done, of);
        if !is_wanted() {
            return Err(engine::Error::Cancelled);
        }
    }
    Ok(verification.finish())
}

/// Tries again while the file is open elsewhere, as long as the config says and somebody waits.
fn when_unlocked<T>(
    config: &Config,
    reply: &Reply<T>,
    attempt: impl Fn() -> engine::Result<T>,
) -> engine::Result<T> {
    let start = Instant::now();
    loop {
        match attempt() {
            Err(engine::Error::Locked { .. })
                if start.elapsed() < config.lock_timeout && !reply.is_abandoned() =>
            {
                if config.progress.is_cancelled() {
                    return Err(engine::Error::Cancelled);
                }
                std::thread::sleep(LOCK_RETRY.min(config.lock_timeout));
            }
            outcome => return outcome,
        }
    }
}

pub(crate) fn on_a_thread<T: Send + 'static>(
    path: PathBuf,
    work: impl FnOnce(&Reply<T>) -> engine::Result<T> + Send + 'static,
) -> Pending<T> {
    let (reply, receiver) = Reply::channel();
    let (link, _inbox) = Link::new(path.clone(), 1, true);
    let answer = move || {
        let outcome = work(&reply);
        reply.answer(outcome.map_err(Error::from));
    };
    match spawn(&path, answer) {
        Ok(()) => Pending::sent(receiver, link),
        Err(error) => Pending::ready(Err(error)),
    }
}

fn spawn(path: &Path, work: impl FnOnce() + Send + 'static) -> Result<()> {
    let thread = std::thread::Builder::new().name("ferrumdb-verify".to_owned()).spawn(work);
    let failed = |source| Error::new(Cause::Thread { path: path.to_owned(), source: Arc::new(source) });
    thread.map(drop).map_err(failed)
}
