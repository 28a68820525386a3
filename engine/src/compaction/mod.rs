//! Owns compaction: copying what is still wanted of one generation to the next, beside commits. Never changes the
//! generation that it reads.
//!
//! A compaction walks the log twice. First it learns which records a later one has replaced; each names the one before
//! it, so the log alone tells. Then it copies the others, in the order of the log, as the base section of a new file,
//! and every commit behind them as it is. What is committed meanwhile is caught up with, until so little is left that
//! the writer does the rest itself: see [`Writer::install_compaction`](crate::Writer::install_compaction).

mod catch_up;
mod garbage;
mod install;
mod moves;
mod relocation;
mod target;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::fs::FileSystem;
use crate::generation::{Generation, Location};
use crate::key::{Sequence, Timestamp};
use crate::log::{Head, Header, LOG_START, Mark, Payload, Place, Scanner, Step, VERSION};
use crate::seal::Keyring;
use crate::view::Shared;
use crate::writer::LogState;
use garbage::Garbage;
pub(crate) use moves::Moves;
pub use relocation::Relocation;
pub(crate) use target::Target;

/// How much of the log one step reads.
pub(crate) const STEP_BYTES: u64 = 1 << 20;
/// How many entries of the keydir are compared at a time, and the rest of a part: about a millisecond's.
const STEP_ENTRIES: usize = 4096;
/// What a copy does, for messages.
pub(crate) const COMPACT: &str = "compact";

/// What a compaction keeps besides the newest version of each document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum History {
    /// Nothing.
    #[default]
    None,
    /// Of each document that is there, so many of its last versions, the newest included, and none from before it was
    /// last deleted.
    Versions(u32),
    /// Every version that was the newest at some time within this long.
    For(Duration),
}

/// A compaction under way, to be advanced step by step on any thread. Dropping it leaves everything as it was.
#[derive(Debug)]
pub struct Compaction {
    shared: Arc<Shared>,
    old: Arc<Generation>,
    old_end: u64,
    garbage: Garbage,
    target: Target,
    kind: Copying,
    /// Whether the data key is to be renewed, though nothing be dropped.
    is_key_worn: bool,
    phase: Phase,
    /// How far the walk through the old generation has come.
    place: Place,
    /// The time of the last commit before that place.
    time: Timestamp,
    expected: Option<Expected>,
    dropped: u64,
    syncs: u32,
    /// What was left to catch up with before the last step, and how many steps have won little ground.
    behind: Option<u64>,
    slow_steps: u32,
    /// Where the log ended when the writer helped last, and whether that has left nothing to do but a sync.
    helped_at: Option<u64>,
    is_sync_next: bool,
    cancelled: Arc<AtomicBool>,
}

/// A generation, as it was published at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) shared: Arc<Shared>,
    pub(crate) header: Header,
    pub(crate) generation: Arc<Generation>,
    pub(crate) keyring: Option<Arc<Keyring>>,
    pub(crate) end: u64,
    pub(crate) sequence: Sequence,
    pub(crate) time: Timestamp,
    expected: Expected,
    is_key_worn: bool,
}

/// What is made of a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Copying {
    /// The next one, which is to hold every commit.
    Next,
    /// A file for itself, as of the moment at which it was begun.
    Backup,
}

/// What a compaction of the whole log must find in it: what the view shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Expected {
    documents: u64,
    bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Learning which records were replaced.
    Marking,
    /// Copying the base section.
    Copying,
    /// Comparing the entries with what was copied.
    Checking { next_part: usize },
    /// Copying commits.
    CatchingUp,
    /// The writer can do the rest.
    Ready,
    /// Everything must be kept.
    Pointless,
    /// An error has ended it.
    Failed,
}

/// How far a compaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompactionStep {
    /// There is more to do; so many bytes of the log were read in this step.
    Working {
        /// The bytes.
        bytes: u64,
    },
    /// It is to be handed to [`Writer::install_compaction`](crate::Writer::install_compaction).
    Ready,
    /// There is nothing in the file that need not be kept, nor a data key to be renewed that has sealed often.
    Pointless {
        /// The length of the log.
        log_bytes: u64,
    },
}

/// What a compaction has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Compacted {
    /// The length of the log before it, in bytes.
    pub bytes_before: u64,
    /// The length of the log after it, in bytes.
    pub bytes_after: u64,
    /// How many records were left out.
    pub records_dropped: u64,
}

/// Stops a compaction from another thread.
#[derive(Clone, Debug)]
pub struct CancelCompaction(Weak<AtomicBool>);

impl CancelCompaction {
    /// Makes the compaction fail with [`Error::Cancelled`] soon, unless the writer has taken it over.
    pub fn cancel(&self) {
        if let Some(cancelled) = self.0.upgrade() {
            cancelled.store(true, Ordering::Relaxed);
        }
    }
}

impl Source {
    /// What is published now in the generation with this header, which is the one that is written to.
    pub(crate) fn now(shared: &Arc<Shared>, log: &LogState) -> Self {
        let view = shared.view.load();
        Self {
            shared: Arc::clone(shared),
            header: log.header.clone(),
            generation: Arc::clone(&log.generation),
            keyring: log.keyring.clone(),
            end: view.log_end,
            sequence: view.sequence,
            time: view.time,
            expected: Expected { documents: view.counts.total(), bytes: view.live_bytes },
            is_key_worn: log.sealer.with(|sealer| sealer.is_worn()).unwrap_or(false),
        }
    }
}

impl Compaction {
    /// Begins a compaction of a generation.
    pub(crate) fn begin(file_system: &Arc<dyn FileSystem>, source: Source, history: History) -> Result<Self> {
        let old = &source.header;
        let (generation, synced) = (old.generation + 1, LOG_START);
        let header = Header { version: VERSION, generation, counter: 0, synced, ..old.clone() };
        let target = Target::create(
            file_system,
            &source.shared.path,
            &source.shared.path,
            old,
            header,
            source.keyring.as_deref(),
        )
        .map_err(|error| Error::io("begin to compact", &source.shared.path, error))?;
        Ok(Self::copying(Copying::Next, source, history, target))
    }

    /// Begins to copy a generation to a new file.
    pub(crate) fn copying(kind: Copying, source: Source, history: History, target: Target) -> Self {
        let Source { shared, header, generation, end, expected, is_key_worn, .. } = source;
        Self {
            garbage: Garbage::new(history, shared.now(), end),
            shared,
            old: generation,
            old_end: end,
            target,
            kind,
            is_key_worn,
            phase: Phase::Marking,
            place: start(&header),
            time: Timestamp(0),
            expected: (!matches!(history, History::For(_))).then_some(expected),
            dropped: 0,
            syncs: 0,
            behind: None,
            slow_steps: 0,
            helped_at: None,
            is_sync_next: false,
            cancelled: Arc::default(),
        }
    }

    /// The file, once everything is copied.
    pub(crate) fn into_target(self) -> Target {
        self.target
    }

    /// What stops this compaction from another thread.
    #[must_use]
    pub fn canceller(&self) -> CancelCompaction {
        CancelCompaction(Arc::downgrade(&self.cancelled))
    }

    /// Whether somebody has stopped it.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// How many bytes it has read, and of how many, as far as is known: the log is read twice.
    #[must_use]
    pub fn progress(&self) -> (u64, u64) {
        let log = self.old_end - LOG_START;
        let read = self.place.position.saturating_sub(LOG_START);
        match self.phase {
            Phase::Marking => (read, log * 2),
            _ => (log + read, log + log.max(read)),
        }
    }

    /// Does some more of it: about a megabyte, or one sync. After an error it is of no use any more.
    ///
    /// # Errors
    /// [`Error::Cancelled`], also if another compaction was installed since it was begun; [`Error::Damaged`] when the
    /// log is not what it should be; [`Error::Io`].
    pub fn step(&mut self) -> Result<CompactionStep> {
        if self.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let before = self.place.position;
        let done = match self.phase {
            Phase::Marking => self.mark(),
            Phase::Copying => self.copy_base(),
            Phase::Checking { next_part } => self.check_entries(next_part),
            Phase::CatchingUp => self.catch_up_or_sync(),
            Phase::Ready | Phase::Pointless => Ok(()),
            Phase::Failed => Err(Error::Cancelled),
        };
        if done.is_err() {
            // INVARIANT: nothing is tried again. A sync that succeeds after a failed one proves nothing, and what was
            // copied in part would be copied twice.
            self.phase = Phase::Failed;
        }
        done?;
        Ok(match self.phase {
            Phase::Ready => CompactionStep::Ready,
            Phase::Pointless => CompactionStep::Pointless { log_bytes: self.old_end - LOG_START },
            _ => CompactionStep::Working { bytes: self.place.position.saturating_sub(before) },
        })
    }

    fn mark(&mut self) -> Result<()> {
        let Self { shared, old, old_end, garbage, place, .. } = self;
        let stop = (place.position + STEP_BYTES).min(*old_end);
        let mut walk = Walk::new(shared, old, *place, *old_end)?;
        while walk.place().position < stop {
            let in_base = walk.place().base.is_some();
            match walk.next(|position, head, payload| garbage.note(position, head, payload))? {
                None => garbage.settle_base_record(),
                Some(_) if in_base => garbage.settle_base_end(walk.place().sequence),
                Some(mark) if garbage.settle_commit(walk.place().sequence, mark.time) => {}
                Some(_) => return self.begin_copying(),
            }
        }
        self.place = walk.place();
        if self.place.position >= self.old_end { self.begin_copying() } else { Ok(()) }
    }

    fn begin_copying(&mut self) -> Result<()> {
        self.place = start(self.target.old_header());
        let floor = self.place.base.map_or(Sequence::ZERO, |base| base.state_of);
        let keeps_all =
            self.garbage.cut() == Sequence::ZERO || self.garbage.cut() == floor && !self.garbage.has_some();
        let is_pointless = keeps_all && self.kind == Copying::Next && !self.is_key_worn;
        self.phase = if is_pointless { Phase::Pointless } else { Phase::Copying };
        Ok(())
    }

    fn copy_base(&mut self) -> Result<()> {
        let Self { shared, old, old_end, garbage, target, place, .. } = self;
        let stop = place.position + STEP_BYTES;
        let mut walk = Walk::new(shared, old, *place, *old_end)?;
        while walk.place().position < stop && walk.place().sequence < garbage.cut() {
            let mut dropped = 0;
            let mark = walk.next(|position, head, payload| match payload {
                Some(payload) if garbage.keeps(position, head.kind, payload.collection) => {
                    target.push_to_base(position, head, payload, garbage);
                }
                _ => dropped += 1,
            })?;
            self.dropped += dropped;
            self.time = mark.map_or(self.time, |mark| mark.time);
            target.write_if_full().map_err(|source| Error::io(COMPACT, &shared.path, source))?;
        }
        self.place = walk.place();
        if self.place.sequence == self.garbage.cut() {
            self.check_base()?;
            self.phase = Phase::Checking { next_part: 0 };
        }
        Ok(())
    }

    /// That the base section holds what readers see, no more and no less, before anything rests on it.
    fn check_base(&self) -> Result<()> {
        let copied = Expected { documents: self.target.documents(), bytes: self.target.document_bytes() };
        match self.expected {
            Some(expected) if expected != copied => Err(self.other_documents()),
            _ => Ok(()),
        }
    }

    /// That the entries of some parts of the keydir lead to documents of the base section, or behind it: it may hold others, as many
    /// and as long. A hint may lead to those, and a record may name another one than its key's as the version before it.
    fn check_entries(&mut self, next_part: usize) -> Result<()> {
        let Self { shared, old, place, target, garbage, .. } = &*self;
        let collections = shared.view.load().collections.clone();
        let compared = Cell::new(0);
        let is_sound = |collection, location: Location| {
            compared.set(compared.get() + 1);
            let position = location.position();
            !location.is_in(old.number())
                || position >= place.position
                || (target.moves.find(position).is_some() && !garbage.is_replaced(position))
                || collections.is_dropped(collection)
        };
        let (mut next_part, parts) = (next_part, shared.keydir.parts());
        while next_part < parts && compared.get() < STEP_ENTRIES {
            if !shared.keydir.is_so_in_part(next_part, is_sound) {
                return Err(self.other_documents());
            }
            next_part += 1;
        }
        self.phase = Phase::Checking { next_part };
        if next_part == parts {
            if self.garbage.cut() > Sequence::ZERO {
                self.target.end_base(self.garbage.cut(), self.time);
            }
            self.phase = Phase::CatchingUp;
        }
        Ok(())
    }

    fn other_documents(&self) -> Error {
        let (path, reason) =
            (Arc::clone(&self.shared.path), "the log holds other documents than were read from it");
        Error::Damaged { path, position: LOG_START, reason }
    }
}

/// Where the walk through the log of a file with this header begins.
pub(crate) fn start(header: &Header) -> Place {
    Place::first(header.file_id, header.generation, header.history_floor)
}

/// The walk through a log that has been found to be whole: anything else in it is damage.
pub(crate) struct Walk<'g> {
    path: &'g Arc<Path>,
    scanner: Scanner<'g>,
}

impl<'g> Walk<'g> {
    fn new(shared: &'g Shared, generation: &'g Generation, place: Place, end: u64) -> Result<Self> {
        Self::of_file(&shared.path, generation, place, end)
    }

    /// Begins at a place in the file with this path, whose log ends at `end`.
    pub(crate) fn of_file(
        path: &'g Arc<Path>,
        generation: &'g Generation,
        place: Place,
        end: u64,
    ) -> Result<Self> {
        let scanner = Scanner::until(&*generation.file, &generation.keys, place, end)
            .map_err(|source| Error::io("read", path, source))?;
        Ok(Self { path, scanner })
    }

    pub(crate) fn place(&self) -> Place {
        self.scanner.place()
    }

    /// Walks over the next commit, and returns its mark, or over the next record of the base section.
    pub(crate) fn next(
        &mut self,
        visit: impl FnMut(u64, &Head, Option<Payload<'_>>),
    ) -> Result<Option<Mark>> {
        match self.advance(visit)? {
            Walked::Commit(mark) => Ok(Some(mark)),
            Walked::Base => Ok(None),
            Walked::End => Err(self.damaged("the log ends before its end")),
        }
    }

    /// The same, in a log of which it is not known where it ends.
    pub(crate) fn advance(&mut self, visit: impl FnMut(u64, &Head, Option<Payload<'_>>)) -> Result<Walked> {
        match self.scanner.next(visit).map_err(|source| Error::io("read", self.path, source))? {
            Step::Commit(mark) => Ok(Walked::Commit(mark)),
            Step::Base => Ok(Walked::Base),
            Step::End => Ok(Walked::End),
            Step::Bad(reason) => Err(self.damaged(reason)),
            Step::Tampered(position) => Err(Error::Tampered { path: Arc::clone(self.path), position }),
        }
    }

    /// That the log is not what it should be where the walk is.
    pub(crate) fn damaged(&self, reason: &'static str) -> Error {
        Error::Damaged { path: Arc::clone(self.path), position: self.place().position, reason }
    }
}

/// What was walked over.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Walked {
    Commit(Mark),
    Base,
    End,
}
