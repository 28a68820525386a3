//! Owns the life of the writer's thread: it opens the file, hands out the handle, works, and tells everyone how it
//! ended. Never leaves a caller without an answer.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ferrumdb_engine::{self as engine, Reader, Writer};

use crate::FsyncPolicy;
use crate::command::Reply;
use crate::config::Config;
use crate::database::FerrumDB;
use crate::error::{Cause, Error, Result};
use crate::follower_thread::FollowerThread;
use crate::fs::FileSystem;
use crate::inbox::Inbox;
use crate::lag::Progress;
use crate::link::Link;
use crate::metered::MeteredFs;
use crate::pending::Pending;
use crate::sync::thread;
use crate::syncer::Syncer;
use crate::writer_thread::{Closed, WriterThread};

/// How often a locked file is tried again.
pub(crate) const LOCK_RETRY: Duration = Duration::from_millis(10);

/// Where the last handle finds the thread that it must wait for.
pub(crate) type ThreadSlot = Arc<Mutex<Option<thread::JoinHandle<()>>>>;

/// Starts the thread, which opens the database and answers with its first handle.
pub(crate) fn open(config: Config) -> Pending<FerrumDB> {
    let (link, inbox) = Link::new(config.path.clone(), config.inbox_bytes, config.read_only);
    let (reply, receiver) = Reply::channel();
    let slot = ThreadSlot::default();
    let life = Life { link: Arc::clone(&link), inbox, slot: Arc::clone(&slot) };
    let path = config.path.clone();
    let thread = thread::Builder::new().name("ferrumdb-writer".to_owned());
    match thread.spawn(move || life.live(&config, reply)) {
        Ok(handle) => {
            // ORDER: before anyone can have a handle, since that comes out of this call's result.
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(handle);
            Pending::sent(receiver, link)
        }
        Err(source) => Pending::ready(Err(Error::new(Cause::Thread { path, source: Arc::new(source) }))),
    }
}

/// A database that was opened.
struct Opened {
    worker: Worker,
    reader: Reader,
    progress: Option<Arc<Progress>>,
}

/// What the thread does from then on.
enum Worker {
    Writer(Box<WriterThread>),
    Follower(Box<FollowerThread>),
}

impl Worker {
    fn run(self, inbox: &mut Inbox) -> Closed {
        match self {
            Self::Writer(thread) => thread.run(inbox),
            Self::Follower(thread) => thread.run(inbox),
        }
    }
}

struct Life {
    link: Arc<Link>,
    inbox: Inbox,
    slot: ThreadSlot,
}

impl Life {
    fn live(mut self, config: &Config, reply: Reply<FerrumDB>) {
        let opened = catch_unwind(AssertUnwindSafe(|| self.open(config, &reply)));
        let Opened { worker, reader, progress } = match opened {
            Ok(Ok(opened)) => opened,
            Ok(Err(error)) => return reply.answer(Err(error)),
            Err(panic) => return reply.answer(Err(self.link.end_in_panic(reason(&*panic)))),
        };
        let db = FerrumDB::new(
            Arc::clone(&self.link),
            reader,
            Arc::clone(&self.slot),
            progress,
            config.fsync_policy,
        );
        reply.answer(Ok(db));
        match catch_unwind(AssertUnwindSafe(|| worker.run(&mut self.inbox))) {
            Ok(closed) => self.end(closed),
            Err(panic) => self.end_in_panic(reason(&*panic)),
        }
    }

    fn open(&self, config: &Config, reply: &Reply<FerrumDB>) -> Result<Opened> {
        if config.read_only {
            let (follower, reader) = engine::follow(config.engine_options(), self.files(config))?;
            let progress = Arc::new(Progress::new(follower.owner()));
            let thread = FollowerThread::new(follower, Arc::clone(&progress), Arc::clone(&self.link));
            return Ok(Opened {
                worker: Worker::Follower(Box::new(thread)),
                reader,
                progress: Some(progress),
            });
        }
        let (writer, reader) = self.open_when_unlocked(config, reply)?;
        let syncer = match config.fsync_policy {
            FsyncPolicy::Periodic(_) => Some(Syncer::start(Arc::clone(&self.link)).map_err(|source| {
                Error::new(Cause::Thread { path: config.path.clone(), source: Arc::new(source) })
            })?),
            FsyncPolicy::Always | FsyncPolicy::Never => None,
        };
        let link = Arc::clone(&self.link);
        let policy = config.fsync_policy;
        let (compaction, backup) = (config.compaction, config.backup_settings());
        let thread = WriterThread::new(writer, reader.clone(), link, policy, syncer, compaction, backup);
        Ok(Opened { worker: Worker::Writer(Box::new(thread)), reader, progress: None })
    }

    fn files(&self, config: &Config) -> Arc<dyn FileSystem> {
        Arc::new(MeteredFs::new(Arc::clone(&config.file_system), Arc::clone(&self.link)))
    }

    /// Opens the file, trying again while another opening holds its lock, as long as the config says and somebody waits.
    fn open_when_unlocked(&self, config: &Config, reply: &Reply<FerrumDB>) -> Result<(Writer, Reader)> {
        let start = Instant::now();
        let files = self.files(config);
        loop {
            match engine::open(config.engine_options(), Arc::clone(&files)) {
                Err(engine::Error::Locked { .. })
                    if start.elapsed() < config.lock_timeout && !reply.is_abandoned() =>
                {
                    thread::sleep(LOCK_RETRY.min(config.lock_timeout));
                }
                outcome => return outcome.map_err(Error::from),
            }
        }
    }

    fn end(mut self, closed: Closed) {
        let Closed { outcome, reply: closing, compacting, backing_up } = closed;
        let outcome = outcome.map_err(Error::from);
        self.link.end(outcome.clone());
        let others = self.inbox.refuse_rest(&self.link.closed());
        // What they may have to say has been said by their panics.
        if let Some(thread) = compacting {
            let _ = thread.join();
        }
        for thread in backing_up {
            let _ = thread.join();
        }
        if closing.is_none()
            && let Err(error) = &outcome
        {
            tracing::error!(%error, "the database was dropped without `close`, and closing it failed");
        }
        closing.into_iter().chain(others).for_each(|reply| reply.answer(outcome.clone()));
    }

    fn end_in_panic(mut self, reason: Arc<str>) {
        tracing::error!(%reason, "the writer thread panicked");
        let error = self.link.end_in_panic(reason);
        let closings = self.inbox.refuse_rest(&error);
        closings.into_iter().for_each(|reply| reply.answer(Err(error.clone())));
    }
}

fn reason(panic: &(dyn Any + Send)) -> Arc<str> {
    let text = panic.downcast_ref::<&str>().copied();
    Arc::from(text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic"))
}
