//! Owns when the database is compacted, the thread that does it, and the writer's part in it. Never lets it hold up a
//! commit for longer than some megabytes take, and the syncs that put it in place.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ferrumdb_engine::{
    CancelCompaction, Compacted, Compaction, CompactionStep, Error as EngineError, History, Relocation,
    Writer,
};
use serde::Serialize;

use crate::command::{Command, Reply};
use crate::error::{Cause, Error, Result};
use crate::link::Link;
use crate::sync::{oneshot, thread};
use crate::works::{WorkKind, Works};

/// How long the compacting thread sleeps at a time to keep to its rate: it is stopped within that.
const NAP: Duration = Duration::from_millis(20);

/// When a database compacts itself: as soon as both hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AutoCompaction {
    /// The part of the log that a compaction would win, in percent.
    pub dead_percent: u8,
    /// The bytes of the log that a compaction would win.
    pub dead_bytes: u64,
}

impl Default for AutoCompaction {
    /// Half of the log, and 64 MiB.
    fn default() -> Self {
        Self { dead_percent: 50, dead_bytes: 64 << 20 }
    }
}

/// What a compaction has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CompactionReport {
    /// The length of the log before it, in bytes.
    pub bytes_before: u64,
    /// The length of the log after it, in bytes.
    pub bytes_after: u64,
    /// How many records were left out: documents that had been replaced, deleted or had expired, and deletions.
    pub records_dropped: u64,
    /// How long it took.
    pub took: Duration,
}

/// What the configuration says about compactions.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CompactionSettings {
    pub(crate) auto: Option<AutoCompaction>,
    pub(crate) history: History,
    pub(crate) bytes_per_second: Option<u64>,
}

/// What the writer says to a compaction that is ready.
pub(crate) enum CompactionAnswer {
    /// Its file is in place.
    Installed(Relocation, Compacted),
    /// It could not be.
    Failed(Error),
}

/// What the writer knows of compactions.
#[derive(Default)]
pub(crate) struct Compactions {
    settings: CompactionSettings,
    /// Who waits for the one that is wanted or under way.
    waiting: Vec<Reply<CompactionReport>>,
    is_wanted: bool,
    running: Option<Running>,
    /// The garbage that there was when the last one began, in bytes.
    dead_at_begin: u64,
    /// The garbage below which the database does not compact itself again: what the last time has left, and more.
    not_below: u64,
}

struct Running {
    /// Nothing, while it moves the entries that the last one has left.
    cancel: Option<CancelCompaction>,
    thread: thread::JoinHandle<()>,
}

/// What a compacting thread begins with.
enum Task {
    Compact(Box<Compaction>),
    /// The thread of the last compaction has ended before all entries were moved. The next one begins behind that.
    Move(Relocation),
}

impl Compactions {
    pub(crate) fn new(settings: CompactionSettings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// Asks for a compaction, or for the answer of the one that is under way.
    pub(crate) fn want(&mut self, reply: Reply<CompactionReport>) {
        self.waiting.push(reply);
        self.is_wanted = self.running.is_none();
    }

    /// Whether one is to begin as soon as nothing is left to be purged.
    pub(crate) fn is_wanted(&self) -> bool {
        self.is_wanted
    }

    /// Asks for a compaction if there is enough garbage.
    pub(crate) fn want_if_due(&mut self, writer: &Writer) {
        let Some(auto) = self.settings.auto else { return };
        if self.running.is_none()
            && writer.dead_bytes() >= auto.dead_bytes.max(self.not_below)
            && writer.dead_bytes() / 100 >= writer.log_bytes() / 10_000 * u64::from(auto.dead_percent)
            && !writer.is_poisoned()
        {
            writer.let_feeds_go();
            // A snapshot that holds an old file back would hold back one more.
            self.is_wanted |= writer.held_generations() == 0;
        }
    }

    /// Begins the one that is wanted.
    pub(crate) fn begin(&mut self, writer: &mut Writer, link: &Arc<Link>) {
        self.is_wanted = false;
        self.dead_at_begin = writer.dead_bytes();
        let task = match writer.unfinished_relocation() {
            Some(relocation) => Ok(Some(Task::Move(relocation))),
            None => writer
                .begin_compaction(self.settings.history)
                .map(|begun| begun.map(|begun| Task::Compact(begun.into()))),
        };
        match task {
            Ok(Some(task)) => {
                let cancel = match &task {
                    Task::Compact(compaction) => Some(compaction.canceller()),
                    Task::Move(_) => None,
                };
                match on_a_thread(task, self.settings.bytes_per_second, link) {
                    Ok(thread) => self.running = Some(Running { cancel, thread }),
                    Err(error) => self.finish(writer, Err(error)),
                }
            }
            Ok(None) => self.finish(writer, Ok(Some(unchanged(writer.log_bytes(), Duration::ZERO)))),
            Err(error) => self.finish(writer, Err(link.counted(error.into()))),
        }
    }

    /// Puts the compacted file in the place of the old one.
    pub(crate) fn install(&mut self, writer: &mut Writer, compaction: Compaction) -> CompactionAnswer {
        match writer.install_compaction(compaction) {
            Ok((relocation, compacted)) => CompactionAnswer::Installed(relocation, compacted),
            Err(error) => CompactionAnswer::Failed(error.into()),
        }
    }

    /// Takes note of how the one under way ended, and answers whoever waits.
    pub(crate) fn finish(&mut self, writer: &Writer, outcome: Result<Option<CompactionReport>>) {
        self.running = None;
        let Some(outcome) = outcome.transpose() else {
            self.is_wanted = !self.waiting.is_empty();
            return;
        };
        let step = self.settings.auto.unwrap_or_default().dead_bytes;
        // What has become garbage since it began is for the next one to win.
        let left = match &outcome {
            Ok(report) => {
                self.dead_at_begin.saturating_sub(report.bytes_before.saturating_sub(report.bytes_after))
            }
            Err(_) => writer.dead_bytes(),
        };
        self.not_below = left + step / 2;
        match &outcome {
            Ok(report) => tracing::info!(?report, "compacted the database"),
            Err(error) => tracing::warn!(%error, "the database was not compacted"),
        }
        self.answer(&outcome);
    }

    /// Stops the one that is wanted or under way, and says whether there was one.
    pub(crate) fn cancel(&mut self) -> bool {
        if let Some(Running { cancel: Some(cancel), .. }) = &self.running {
            cancel.cancel();
            return true;
        }
        let is_waited_for = !self.waiting.is_empty();
        self.answer(&cancelled());
        std::mem::take(&mut self.is_wanted) || is_waited_for
    }

    /// Stops everything, since the database is closing. The thread ends once its last question has been refused.
    pub(crate) fn stop(&mut self) -> Option<thread::JoinHandle<()>> {
        self.cancel();
        self.answer(&cancelled());
        self.running.take().map(|running| running.thread)
    }

    fn answer(&mut self, outcome: &Result<CompactionReport>) {
        self.waiting.drain(..).for_each(|reply| reply.answer(outcome.clone()));
    }
}

fn cancelled() -> Result<CompactionReport> {
    Err(EngineError::Cancelled.into())
}

fn unchanged(bytes: u64, took: Duration) -> CompactionReport {
    CompactionReport { bytes_before: bytes, bytes_after: bytes, records_dropped: 0, took }
}

/// Tells the writer how the compaction ended, even if its thread panics.
struct Ending<'l> {
    link: &'l Link,
    outcome: Option<Result<Option<CompactionReport>>>,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        let outcome = self.outcome.take().unwrap_or_else(|| {
            let path = self.link.path().to_owned();
            Err(self.link.counted(Error::new(Cause::Panicked { path, work: "compaction" })))
        });
        self.link.outbox().insist(Command::CompactionDone(outcome));
    }
}

fn on_a_thread(
    task: Task,
    bytes_per_second: Option<u64>,
    link: &Arc<Link>,
) -> Result<thread::JoinHandle<()>> {
    let link = Arc::clone(link);
    let path = link.path().to_owned();
    let work = move || {
        let mut ending = Ending { link: &link, outcome: None };
        ending.outcome = Some(match task {
            Task::Compact(compaction) => run(*compaction, bytes_per_second, &link).map(Some),
            Task::Move(relocation) => {
                move_entries(relocation, &link);
                Ok(None)
            }
        });
    };
    let thread = thread::Builder::new().name("ferrumdb-compact".to_owned()).spawn(work);
    thread.map_err(|source| Error::new(Cause::Thread { path, source: Arc::new(source) }))
}

/// Moves the entries to the new file, and has the writer let go of the old one, which is closed here if nobody else needs it.
fn move_entries(mut relocation: Relocation, link: &Link) {
    while relocation.step() {}
    let (reply, receiver) = oneshot::channel();
    if link.outbox().insist(Command::FinishRelocation(relocation, reply)) {
        drop(receiver.recv());
    }
}

fn run(
    mut compaction: Compaction,
    bytes_per_second: Option<u64>,
    link: &Arc<Link>,
) -> Result<CompactionReport> {
    let start = Instant::now();
    let mut pace = Pace::new(start, bytes_per_second);
    let ticket = Works::begin(link, WorkKind::Compaction);
    loop {
        let (done, of) = compaction.progress();
        ticket.progress().note(done, of);
        match compaction.step()? {
            CompactionStep::Working { .. } if compaction.needs_help() => {
                compaction = *help(compaction, link)?
            }
            // A rate below that of the commits would have no end.
            CompactionStep::Working { .. } if compaction.is_late() => {}
            CompactionStep::Working { bytes } => pace.keep(bytes, || compaction.is_cancelled()),
            CompactionStep::Pointless { log_bytes } => return Ok(unchanged(log_bytes, start.elapsed())),
            CompactionStep::Ready => break,
        }
    }
    let (reply, receiver) = oneshot::channel();
    if !link.outbox().insist(Command::InstallCompaction(Box::new(compaction), reply)) {
        return Err(link.closed());
    }
    let (relocation, compacted) = match receiver.recv().map_err(|oneshot::RecvError| link.closed())? {
        CompactionAnswer::Installed(relocation, compacted) => (relocation, compacted),
        CompactionAnswer::Failed(error) => return Err(error),
    };
    move_entries(relocation, link);
    let Compacted { bytes_before, bytes_after, records_dropped, .. } = compacted;
    Ok(CompactionReport { bytes_before, bytes_after, records_dropped, took: start.elapsed() })
}

/// Lets the writer catch up with its own commits for a while.
fn help(compaction: Compaction, link: &Link) -> Result<Box<Compaction>> {
    let (reply, receiver) = oneshot::channel();
    if !link.outbox().insist(Command::HelpCompaction(Box::new(compaction), reply)) {
        return Err(link.closed());
    }
    receiver.recv().map_err(|oneshot::RecvError| link.closed())?
}

/// Keeps a compaction or a backup to its rate.
pub(crate) struct Pace {
    start: Instant,
    bytes_per_second: Option<u64>,
    bytes: u64,
}

impl Pace {
    pub(crate) fn new(start: Instant, bytes_per_second: Option<u64>) -> Self {
        Self { start, bytes_per_second, bytes: 0 }
    }

    /// Waits until so many more bytes may have been read.
    pub(crate) fn keep(&mut self, bytes: u64, is_cancelled: impl Fn() -> bool) {
        self.bytes += bytes;
        let Some(rate) = self.bytes_per_second else { return };
        let due = Duration::from_secs_f64(self.bytes as f64 / rate.max(1) as f64);
        while !is_cancelled()
            && let Some(left) = due.checked_sub(self.start.elapsed())
        {
            thread::sleep(left.min(NAP));
        }
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests;
