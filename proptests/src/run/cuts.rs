//! Owns cutting the power, and what tells one power cut from another. Never decides what must be left.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use ferrumdb_engine::fs::{Call, SimFs};
use ferrumdb_engine::{Clock, ManualClock};

use super::{Explored, Run};
use crate::fates;
use crate::ops::{Damage, Failure, Op};
use crate::sites::{Cut, Passed, Site};

/// So many fates are tried at one call.
const BRANCHES_MAX: usize = 8;
/// So many seeds are looked at for them.
const SEEDS_MAX: u64 = 48;

impl Run {
    /// Lets the power go on copies of the disk, with the fates of the seeds behind this one that have the wanted one among
    /// them, and checks what is left there.
    pub(super) fn branch(&mut self, seed: u64, calls: &[Call]) -> Result<(), String> {
        let Some(wanted) = self.wanted.take() else { return Ok(()) };
        let mut states = HashSet::new();
        let during = self.during_call(self.sim.total_calls());
        for seed in (seed..seed + SEEDS_MAX).map(|seed| seed + 1) {
            let sim = self.sim.fork(seed);
            let cut = Cut::new(self.history, during, calls, &sim.crash_with(fates::choose(seed)));
            if cut.has(wanted) && states.insert(cut.state) {
                self.go_on_after(cut, sim)?;
            }
            if states.len() == BRANCHES_MAX {
                break;
            }
        }
        Ok(())
    }

    /// Checks what a power cut has left of this copy of the disk.
    fn go_on_after(&mut self, cut: Cut, sim: SimFs) -> Result<(), String> {
        let mut branch = Self {
            sim,
            clock: ManualClock::new(self.clock.now()),
            key: self.key.clone(),
            model: self.model.clone(),
            left: self.left.clone(),
            explored: Explored::default(),
            opened: None,
            snapshots: Vec::new(),
            failures: Vec::new(),
            done: Vec::new(),
            ..*self
        };
        branch.suffer(cut);
        let Explored { crashes, cuts, .. } = branch.finish()?;
        self.explored.crashes += crashes;
        self.explored.cuts.extend(cuts);
        Ok(())
    }

    /// From here on, this is what is being done. Returns what was before.
    pub(super) fn begin(&mut self, during: &'static str) -> &'static str {
        self.done.push((self.sim.total_calls(), during));
        std::mem::replace(&mut self.during, during)
    }

    /// Takes note of the calls of the operation of this number, which was just carried out.
    pub(super) fn note_passed(&mut self, op: usize) {
        // A failure is told before the operation that it is for.
        let Some((first, _)) = self.done.first().filter(|_| self.failures.is_empty()) else { return };
        for (nth, call) in (1..=self.carried_out.saturating_sub(*first)).zip(self.sim.trace()) {
            let site = Site::of(self.during_call(first + nth), &call);
            self.explored.passed.push(Passed { site, op, nth, unsynced: call.unsynced });
        }
    }

    /// The power goes at the last call.
    pub(super) fn cut_power(&mut self, seed: u64) {
        let calls = self.sim.trace();
        let fates = self.sim.crash_with(fates::choose(seed));
        let during = self.during_call(self.sim.total_calls());
        self.suffer(Cut::new(self.history, during, &calls, &fates));
    }

    /// What was being done when the call of this number was made. After the power has gone, an operation goes on for as long as
    /// it needs no disk: what it does then is not where the power went.
    fn during_call(&self, number: u64) -> &'static str {
        let begun = self.done.iter().rev().find(|(calls, _)| *calls < number);
        begun.map_or(self.during, |(_, during)| *during)
    }

    /// The power has gone.
    fn suffer(&mut self, cut: Cut) {
        self.explored.crashes += 1;
        self.explored.cuts.push(cut);
        self.history = cut.state;
        self.forget_process();
        self.note_tail();
        self.closed_well &= !self.trust.is_broken;
        self.power_was_cut = true;
    }

    /// Makes the operation a part of the work that later power cuts are told apart by. The seeds of power cuts are none: what
    /// they have left is.
    pub(super) fn remember(&mut self, op: &Op, failures: &[Failure]) {
        let kept = failures.iter().filter(|failure| !matches!(failure.damage, Damage::Crash(_)));
        let op = (!matches!(op, Op::PowerCut(_))).then_some(op);
        let mut hasher = DefaultHasher::new();
        (self.history, op, kept.collect::<Vec<_>>()).hash(&mut hasher);
        self.history = hasher.finish();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use ferrumdb_engine::fs::SimOperation;

    use crate::ops::{Change, Damage, Failure, Op, OpList};
    use crate::run::replay;

    #[test]
    fn a_power_cut_belongs_to_what_was_done_at_its_call_though_the_operation_went_on() {
        // The old file's lock is released once the new one is in place, and what follows needs no disk.
        let (operation, nth, always, damage) = (SimOperation::Unlock, 1, false, Damage::Crash(1));
        let group = vec![vec![Change { key: 0, document: Some(1) }]];
        let ops = vec![
            Op::Open,
            Op::Commit { group, synced: true },
            Op::Fail(Failure { operation, nth, always, damage }),
            Op::Compact(13),
        ];
        let explored = replay(&OpList { seed: 4, ops }).unwrap();
        assert_eq!(explored.cuts[0].site.to_string(), "compacting: unlock the database");
    }
}
