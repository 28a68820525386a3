//! Owns catching up: copying the commits that are made while a compaction is under way, until so little is left that the
//! writer does the rest. Never lets commits that come faster than they are copied put that off for ever.

use super::{COMPACT, Compaction, Copying, Phase, STEP_BYTES, Walk};
use crate::error::{Error, Result};

/// The writer takes over when no more than this is left to copy.
const CAUGHT_UP_BYTES: u64 = 256 << 10;
/// How often a compaction syncs while commits go on; after that, what is left to be synced is the writer's to do.
const SYNCS_MAX: u32 = 8;
/// After so many steps that have won little ground, it is late, and after so many it needs the writer's help.
const SLOW_STEPS_LATE: u32 = 2;
const SLOW_STEPS_HELP: u32 = 6;

impl Compaction {
    /// Whether commits come faster than it catches up with them: no time is to be lost between steps.
    #[must_use]
    pub fn is_late(&self) -> bool {
        self.slow_steps >= SLOW_STEPS_LATE
    }

    /// Whether commits come so fast that it is to be handed to [`Writer::help_compaction`](crate::Writer::help_compaction)
    /// after each step.
    #[must_use]
    pub fn needs_help(&self) -> bool {
        self.slow_steps >= SLOW_STEPS_HELP
    }

    pub(super) fn catch_up_or_sync(&mut self) -> Result<()> {
        if self.kind == Copying::Backup {
            let stop = (self.place.position + STEP_BYTES).min(self.old_end);
            self.catch_up(stop, self.old_end)?;
            if self.place.position >= self.old_end {
                self.phase = Phase::Ready;
            }
            return Ok(());
        }
        // ORDER: the view first. Whoever publishes one of the next generation has noted before that this one is replaced.
        let end = self.shared.view.load().log_end;
        if self.old.is_replaced() {
            return Err(Error::Cancelled);
        }
        let behind = end - self.place.position;
        if std::mem::take(&mut self.is_sync_next) {
            return self.sync();
        }
        if behind > CAUGHT_UP_BYTES {
            self.note_ground(behind);
            return self.catch_up((self.place.position + STEP_BYTES).min(end), end);
        }
        let is_last = self.syncs == SYNCS_MAX;
        if self.syncs > 0 && (behind + self.target.unsynced() <= CAUGHT_UP_BYTES || is_last) {
            self.phase = Phase::Ready;
            return Ok(());
        }
        self.sync()
    }

    fn sync(&mut self) -> Result<()> {
        self.syncs += 1;
        self.target.sync().map_err(|source| Error::io(COMPACT, &self.shared.path, source))
    }

    /// Catches up to the log's end, or a megabyte and twice what was committed since the last time, while nothing is committed.
    pub(super) fn catch_up_as_writer(&mut self, end: u64) -> Result<()> {
        let grown = end - self.helped_at.replace(end).unwrap_or(end);
        let stop = (self.place.position + STEP_BYTES + 2 * grown).min(end);
        self.catch_up(stop, end)?;
        if self.place.position == end {
            // What the writer would sync when it installs this is no more than what comes during a sync.
            let is_synced = self.target.unsynced() <= CAUGHT_UP_BYTES + 4 * grown || self.syncs >= SYNCS_MAX;
            self.is_sync_next = !is_synced;
            self.phase = if is_synced { Phase::Ready } else { self.phase };
        }
        Ok(())
    }

    /// Takes note of a step in which commits bring back half of what it wins, or more.
    fn note_ground(&mut self, behind: u64) {
        let before = self.behind.replace(behind);
        let won_less_than_half = before.is_some_and(|before| behind + before.min(STEP_BYTES) / 2 > before);
        self.slow_steps += u32::from(won_less_than_half);
    }

    /// Copies commits as they are, until `stop` is reached in a log that ends at `end`.
    pub(super) fn catch_up(&mut self, stop: u64, end: u64) -> Result<()> {
        let Self { shared, old, target, place, .. } = self;
        let mut walk = Walk::new(shared, old, *place, end)?;
        while walk.place().position < stop {
            let mark = walk.next(|position, head, payload| target.push(position, head, payload))?;
            target.end_commit(mark.expect("behind the base section there are commits only").time);
            target.write_if_full().map_err(|source| Error::io(COMPACT, &shared.path, source))?;
        }
        self.place = walk.place();
        Ok(())
    }
}
