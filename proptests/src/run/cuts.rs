//! Owns cutting the power, and what tells one power cut from another. Never decides what must be left.

use std::hash::{DefaultHasher, Hash, Hasher};

use ferrumdb_engine::fs::Call;
use ferrumdb_engine::{Clock, ManualClock};

use super::{Explored, Run};
use crate::fates;
use crate::ops::{Damage, Failure, Op};
use crate::sites::{Cut, Passed, Site};

impl Run {
    /// Lets the power go on a copy of the disk, and checks what is left there.
    pub(super) fn branch(&mut self, seed: u64, calls: &[Call]) -> Result<(), String> {
        let mut branch = Self {
            sim: self.sim.fork(seed),
            clock: ManualClock::new(self.clock.now()),
            key: self.key.clone(),
            model: self.model.clone(),
            left: self.left.clone(),
            explored: Explored::default(),
            opened: None,
            snapshots: Vec::new(),
            done: Vec::new(),
            ..*self
        };
        branch.branches = 0;
        branch.cut_power_at(calls, seed);
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
        let Some((first, _)) = self.done.first().filter(|_| self.failure.is_none()) else { return };
        for (nth, call) in (1..).zip(self.sim.trace()) {
            let begun = self.done.iter().rev().find(|(calls, _)| calls - first < nth);
            let during = begun.map_or(self.during, |(_, during)| *during);
            let site = Site::of(during, &call);
            self.explored.passed.push(Passed { site, op, nth, unsynced: call.unsynced });
        }
    }

    pub(super) fn cut_power(&mut self, seed: u64) {
        self.cut_power_at(&self.sim.trace(), seed);
    }

    /// The power goes at the last of these calls.
    fn cut_power_at(&mut self, calls: &[Call], seed: u64) {
        let fates = self.sim.crash_with(fates::choose(seed));
        let cut = Cut::new(self.history, self.during, calls, &fates);
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
    pub(super) fn remember(&mut self, op: &Op, failure: Option<Failure>) {
        let failure = failure.filter(|failure| !matches!(failure.damage, Damage::Crash(_)));
        let op = (!matches!(op, Op::PowerCut(_))).then_some(op);
        let mut hasher = DefaultHasher::new();
        (self.history, op, failure).hash(&mut hasher);
        self.history = hasher.finish();
    }
}
