//! Owns what the handles and the writer thread share: the way to the writer, whether the database is open, and the
//! figures by which waiting is done. Never touches a document.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use crossbeam_utils::CachePadded;
use ferrumdb_engine::CollectionId;

use crate::bell::Bell;
use crate::command::{Answer, Command};
use crate::error::{Cause, Error, Result};
use crate::inbox::{self, Inbox, Outbox};
use crate::metrics::{Counter, Counters};
use crate::pending::Pending;
use crate::snapshot::OpenSnapshots;
use crate::spin::Core;
use crate::sync::{AtomicU8, AtomicU64, AtomicUsize, Ordering, oneshot};
use crate::works::Works;

const OPEN: u8 = 0;
/// Somebody has called for closing: nothing new begins.
const CLOSING: u8 = 1;
/// The writer has closed the file and ended.
const CLOSED: u8 = 2;
/// The writer panicked: nothing is written any more, reads go on.
const PANICKED: u8 = 3;

pub(crate) struct Link {
    /// ORDER: read at each call and written twice in a life, so it shares its line with nothing that changes.
    state: AtomicU8,
    owner: u32,
    /// Tells a forked child for a look at memory; asking the system for the process costs a fortieth of a set.
    fork_guard: forkguard::Guard,
    path: PathBuf,
    /// Whether nothing is ever written.
    read_only: bool,
    outbox: Outbox,
    ended: OnceLock<Result<()>>,
    /// Whether there is a second core to spin on.
    pub(crate) spins: bool,
    /// What its waiters have learned, one for the next.
    pub(crate) core: Core,
    /// How many threads are in [`Pending::wait`] now.
    pub(crate) waiters: CachePadded<AtomicUsize>,
    commit_nanos: CachePadded<AtomicU64>,
    /// The collections whose keys somebody has asked to be kept in order.
    orders: Mutex<Vec<CollectionId>>,
    pub(crate) counters: Counters,
    /// Wakes those who wait for commits.
    pub(crate) bell: Bell,
    pub(crate) snapshots: OpenSnapshots,
    pub(crate) works: Works,
}

impl Link {
    pub(crate) fn new(path: PathBuf, inbox_bytes: usize, read_only: bool) -> (Arc<Self>, Inbox) {
        let spins = std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1);
        let (outbox, inbox) = inbox::channel(inbox_bytes, spins);
        let link = Self {
            state: AtomicU8::new(OPEN),
            owner: std::process::id(),
            fork_guard: forkguard::new(),
            path,
            read_only,
            outbox,
            ended: OnceLock::new(),
            spins,
            core: Core::default(),
            waiters: CachePadded::default(),
            commit_nanos: CachePadded::default(),
            orders: Mutex::default(),
            counters: Counters::new(),
            bell: Bell::default(),
            snapshots: OpenSnapshots::default(),
            works: Works::default(),
        };
        (Arc::new(link), inbox)
    }

    /// Sends a command, or a `Pending` that keeps it where there is no room for it.
    pub(crate) fn send<T>(
        self: &Arc<Self>,
        command: Command,
        reply: oneshot::Receiver<Answer<T>>,
    ) -> Pending<T> {
        if let Err(error) = self.check_writable() {
            return self.failed(error);
        }
        match self.outbox.offer(command) {
            Ok(()) => Pending::sent(reply, Arc::clone(self)),
            Err(command) => Pending::held(command, reply, Arc::clone(self)),
        }
    }

    /// Asks for the order of a collection's keys to be kept, unless somebody has before. Waits for nothing.
    #[cold]
    pub(crate) fn want_order(&self, collection: CollectionId) {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        if !orders.contains(&collection) && self.outbox.insist(Command::KeepOrder(collection)) {
            orders.push(collection);
        }
    }

    /// Notes that the order of a collection's keys is not kept after all: the next who wants it asks again.
    pub(crate) fn forget_order(&self, collection: CollectionId) {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).retain(|asked| *asked != collection);
    }

    /// A call that ended before it reached the writer.
    pub(crate) fn failed<T>(&self, error: Error) -> Pending<T> {
        Pending::ready(Err(self.counted(error)))
    }

    /// Counts an error that a caller is about to get.
    #[cold]
    pub(crate) fn counted(&self, error: Error) -> Error {
        self.counters.add(Counter::Errors, 1);
        error
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The way to the writer.
    pub(crate) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    pub(crate) fn is_forked(&self) -> bool {
        // The copy notes what it has seen; the one that is asked next must see it, too.
        self.fork_guard.clone().detected_fork()
    }

    /// Refuses what must not begin any more, and every use in a forked process: the writer thread is not there, and
    /// locks may have been copied in their locked state.
    pub(crate) fn check_writable(&self) -> Result<()> {
        if self.is_forked() {
            return Err(self.forked());
        }
        match self.state.load(Ordering::Acquire) {
            OPEN | PANICKED if self.read_only => Err(self.refuses_writes()),
            OPEN => Ok(()),
            PANICKED => Err(self.end_error()),
            _ => Err(self.closed()),
        }
    }

    /// Refuses reads of a closed database.
    #[inline]
    pub(crate) fn check_readable(&self) -> Result<()> {
        match self.state.load(Ordering::Relaxed) {
            OPEN | PANICKED => Ok(()),
            _ => Err(self.closed()),
        }
    }

    /// Refuses reads of a snapshot: in a forked process, and when the database was closed with an error. What it shows may
    /// then have been cut off by a later opening.
    pub(crate) fn check_snapshot(&self) -> Result<()> {
        if self.is_forked() {
            return Err(self.forked());
        }
        match self.ended.get() {
            Some(Err(error)) if self.state.load(Ordering::Acquire) == CLOSED => Err(error.clone()),
            _ => Ok(()),
        }
    }

    /// Notes that closing was called for, and says whether this call was the first.
    pub(crate) fn begin_closing(&self) -> bool {
        let first = self.state.compare_exchange(OPEN, CLOSING, Ordering::AcqRel, Ordering::Acquire);
        match first {
            Ok(_) => true,
            Err(PANICKED) => {
                self.state.store(CLOSED, Ordering::Release);
                false
            }
            Err(_) => false,
        }
    }

    /// Notes how the writer ended. What is still unanswered after this was never carried out.
    pub(crate) fn end(&self, outcome: Result<()>) {
        let _ = self.ended.set(outcome);
        self.state.store(CLOSED, Ordering::Release);
        self.bell.ring();
    }

    /// Notes that the writer panicked.
    pub(crate) fn end_in_panic(&self, reason: Arc<str>) -> Error {
        let error = Error::new(Cause::Poisoned { path: self.path.clone(), reason });
        let _ = self.ended.set(Err(error.clone()));
        let _ = self.state.compare_exchange(OPEN, PANICKED, Ordering::AcqRel, Ordering::Acquire);
        self.bell.ring();
        error
    }

    /// Whether nothing will be committed any more.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.state.load(Ordering::Acquire), CLOSED | PANICKED)
    }

    /// That the writer has not ended by a failure that it could not answer for.
    pub(crate) fn check_end(&self) -> Result<()> {
        if self.state.load(Ordering::Acquire) == PANICKED { Err(self.end_error()) } else { Ok(()) }
    }

    /// How the writer ended, once it has.
    pub(crate) fn ended(&self) -> Option<&Result<()>> {
        self.ended.get()
    }

    /// Why a reply will never come.
    pub(crate) fn lost(&self) -> Error {
        self.counters.add(Counter::Errors, 1);
        match self.state.load(Ordering::Acquire) {
            CLOSED => self.closed(),
            _ => Error::new(Cause::InDoubt { path: self.path.clone() }),
        }
    }

    /// Why a command was given back.
    pub(crate) fn refused(&self) -> Error {
        self.counters.add(Counter::Errors, 1);
        match self.state.load(Ordering::Acquire) {
            PANICKED => self.end_error(),
            _ => self.closed(),
        }
    }

    pub(crate) fn closed(&self) -> Error {
        Error::new(Cause::Closed { path: self.path.clone() })
    }

    pub(crate) fn refuses_writes(&self) -> Error {
        Error::new(Cause::ReadOnly { path: self.path.clone() })
    }

    pub(crate) fn forked(&self) -> Error {
        Error::new(Cause::Forked { path: self.path.clone(), owner: self.owner })
    }

    /// The recent time of a commit, as waiters are to reckon with it.
    pub(crate) fn commit_time(&self) -> Duration {
        Duration::from_nanos(self.commit_nanos.load(Ordering::Relaxed))
    }

    /// Lets a commit's time weigh in by an eighth.
    pub(crate) fn note_commit_time(&self, time: Duration) {
        let before = self.commit_nanos.load(Ordering::Relaxed);
        let time = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let after = if before == 0 { time } else { before - before / 8 + time / 8 };
        // Waiters look at it, and each change costs both sides: a small one is not worth it.
        if after.abs_diff(before) > before / 16 {
            self.commit_nanos.store(after, Ordering::Relaxed);
        }
    }

    /// Why the writer, or the follower, ended.
    pub(crate) fn end_error(&self) -> Error {
        match self.ended.get() {
            Some(Err(error)) => error.clone(),
            _ => self.closed(),
        }
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing test may panic")]
    use std::time::Instant;

    use super::*;
    use crate::fs::{Effect, Fault, SimFs, SimOperation};
    use crate::{Config, FerrumDB};

    #[test]
    fn the_time_of_a_commit_leaves_out_the_wait_for_those_before_it() {
        let sim = SimFs::new(1);
        let config = Config::new("/data.db").with_file_system(Arc::new(sim.process()));
        let db = FerrumDB::open(config).wait().unwrap();
        db.set("warm", 0).wait().unwrap();
        sim.inject(Fault::new(SimOperation::Sync, Effect::Block));
        let slow = db.set("slow", 1);
        while sim.blocked() == 0 {
            std::thread::yield_now();
        }
        let blocked = Instant::now();
        let queued = db.set("queued", 2);
        std::thread::sleep(Duration::from_secs(1));
        let blocked = blocked.elapsed();
        sim.release();
        slow.wait().unwrap();
        queued.wait().unwrap();
        // Each weighs in by an eighth: the slow one does, and the one behind it hardly does.
        let time = db.db.link.commit_time();
        assert!(time > blocked / 16 && time < blocked / 6, "{time:?} of {blocked:?}");
    }
}
