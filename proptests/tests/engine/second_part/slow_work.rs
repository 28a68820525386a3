//! The steps of what is done beside commits: building indexes, writing hints, compactions.

use std::path::Path;
use std::time::Duration;

use ferrumdb_engine::fs::{Effect, Fault, FileSystem, SimOperation};
use ferrumdb_engine::{CompactionStep, Error, History as Kept};

use super::{HINT, History, INDEXES, path};

impl History {
    pub(super) fn begin_index(&mut self) {
        let wanted = INDEXES[self.random.below(3) as usize];
        let is_building = self.build.as_ref().is_some_and(|(at, ..)| *at == wanted);
        let is_there = is_building || self.state().indexes.contains(&wanted);
        match self.writer().begin_index(wanted.0, path(wanted.1)) {
            Ok(build) if !is_there => self.build = Some((wanted, build, false)),
            Err(Error::IndexExists { .. }) if is_there => {}
            other => panic!("{}: {:?}", self.at, other.map(drop)),
        }
    }

    pub(super) fn go_on_with_index(&mut self) {
        let Some((at, mut build, has_run)) = self.build.take() else { return };
        let result = if !has_run {
            build.run()
        } else if self.random.once_in(3) {
            let round = self.writer().index_round(&build);
            build.advance(round)
        } else {
            let mut next = self.state().clone();
            next.indexes.insert(at);
            let (durability, synced) = self.durability();
            let round = self.writer().index_round(&build);
            let result = self.writer().install_index(build, round, durability);
            self.settle(result, Some(next), synced);
            return;
        };
        if self.settle(result, None, false).is_some() {
            self.build = Some((at, build, true));
        }
    }

    pub(super) fn drop_index(&mut self) {
        let at = INDEXES[self.random.below(3) as usize];
        let (durability, synced) = self.durability();
        let mut next = self.state().clone();
        let is_there = next.indexes.remove(&at);
        let result = self.writer().drop_index(at.0, &path(at.1), durability);
        if is_there {
            self.settle(result, Some(next), synced);
        } else {
            assert!(matches!(result, Err(Error::NoSuchIndex { .. })), "{}", self.at);
        }
    }

    pub(super) fn run_hint(&mut self) {
        let Some(task) = self.hint.take() else { return };
        if !self.is_faulty && self.random.once_in(4) {
            // The disk fails somewhere in the hint, which harms nobody.
            let nth = 1 + self.random.below(6);
            self.sim.inject(Fault::new(SimOperation::Any, Effect::OsError(5)).nth(nth));
            let _ = task.run();
            return;
        }
        let is_ready = task.is_ready();
        let result = task.run();
        assert!(self.is_faulty || result.is_ok() == is_ready, "{}: {result:?}", self.at);
    }

    /// Deletes the hint or damages it.
    pub(super) fn change_hint(&mut self) {
        let Some(bytes) = self.sim.live_bytes(HINT).filter(|bytes| !bytes.is_empty()) else { return };
        if self.random.once_in(2) {
            let _ = self.sim.remove(Path::new(HINT));
            return;
        }
        let position = self.random.below(bytes.len() as u64);
        let flipped = bytes[position as usize] ^ (1 << self.random.below(8));
        self.sim.overwrite(HINT, position, &[flipped]);
    }

    pub(super) fn begin_compaction(&mut self) {
        if self.compaction.is_some() {
            return self.go_on_with_compaction();
        }
        let history = match self.random.below(4) {
            0 => Kept::Versions(2),
            1 => Kept::For(Duration::from_millis(100)),
            _ => Kept::None,
        };
        let begun = self.writer().begin_compaction(history);
        if let Some(begun) = self.settle(begun, None, false) {
            self.compaction = begun;
        }
    }

    /// Does some steps of the compaction, or installs it. The state stays what it is.
    pub(super) fn go_on_with_compaction(&mut self) {
        let Some(mut compaction) = self.compaction.take() else { return };
        let is_failing = !self.is_faulty && self.random.once_in(8);
        if is_failing {
            // The disk fails somewhere, and the compaction is given up.
            let nth = 1 + self.random.below(6);
            self.sim.inject(Fault::new(SimOperation::Any, Effect::OsError(5)).nth(nth));
        }
        let mut step = compaction.step();
        for _ in 0..self.random.below(6) {
            if matches!(step, Ok(CompactionStep::Working { .. })) {
                step = compaction.step();
            }
        }
        if is_failing {
            self.sim.clear_faults();
        }
        match step {
            Ok(CompactionStep::Ready) => {}
            Ok(CompactionStep::Working { .. }) => return self.compaction = Some(compaction),
            Ok(CompactionStep::Pointless { .. }) => return,
            Err(Error::Io { .. }) if is_failing || self.is_faulty => return,
            Err(error) => panic!("{}: {error}", self.at),
        }
        let result = self.writer().install_compaction(compaction);
        // One that was begun before another was installed is of no use.
        if matches!(result, Err(Error::Cancelled)) {
            return;
        }
        if let Some((relocation, _)) = self.settle(result, None, true) {
            self.relocation = Some(relocation);
            self.seen.compacted += 1;
        }
    }

    pub(super) fn relocate(&mut self) {
        let Some(mut relocation) = self.relocation.take() else { return };
        for _ in 0..self.random.below(800) {
            if !relocation.step() {
                return self.writer().finish_relocation(&relocation);
            }
        }
        self.relocation = Some(relocation);
    }
}
