//! Owns what a run knows of a disk after a power cut: what of a torn tail must have been saved, and what still counts when
//! the disk has lied. Never excuses a loss that the database could have told.

use ferrumdb_engine::fs::{Effect, SimFs};
use ferrumdb_engine::{Error, Reader};

use super::{PATH, Run};
use crate::bytes::{LOG_START, history_floor, whole_ends};
use crate::check;
use crate::model::Model;
use crate::ops::Op;

/// Whether the disk has said of something that it is durable, and it is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Trust {
    /// It may, in what is being done.
    pub(super) may_break: bool,
    /// It has, since the last opening after a power cut.
    pub(super) is_broken: bool,
    /// A compaction may have replaced the file since.
    pub(super) is_file_new: bool,
}

impl Run {
    /// Whether a sync has lied in what is being done.
    pub(super) fn has_lied(&self) -> bool {
        self.trust.may_break && self.sim.trace().iter().any(|call| call.effect == Some(Effect::Lie))
    }

    /// Takes note of a lie of the disk, after an operation before which so much was promised: since then nothing is.
    pub(super) fn doubt_the_disk(&mut self, op: &Op, durable: usize) {
        self.trust.is_broken |= self.has_lied();
        self.trust.is_file_new |= self.trust.is_broken && matches!(op, Op::Compact(_));
        if self.trust.is_broken {
            self.model.limit(durable);
        }
    }

    /// What the power cut has left of the file. Nobody writes to it until it is opened, and who opens it may cut its torn
    /// tail off.
    pub(super) fn note_tail(&mut self) {
        if self.left.is_none() {
            self.left = self.sim.live_bytes(PATH);
        }
    }

    /// That the whole commits of a torn tail are somewhere, durably, now that the database goes on after an earlier one.
    pub(super) fn check_tail(&mut self, sequence: usize) -> Result<(), String> {
        let is_trusted = !self.trust.is_broken && !self.has_lied();
        let Some(left) = self.left.take().filter(|_| is_trusted) else { return Ok(()) };
        let beyond = whole_ends(&left, LOG_START);
        let mut beyond = beyond.into_iter().filter(|record| record.sequence > sequence as u64 + 1).peekable();
        if beyond.peek().is_none() {
            return Ok(());
        }
        let saved = saved_tails(&self.sim);
        let is_saved =
            |bytes: &[u8]| saved.iter().any(|tail| tail.windows(bytes.len()).any(|part| part == bytes));
        match beyond.find(|record| !is_saved(&left[record.start..record.end])) {
            None => Ok(()),
            Some(record) => Err(format!("commit {} beyond a torn one was cut off unsaved", record.sequence)),
        }
    }

    /// After a lie, a file that a compaction has made since need only hold what its base section must.
    pub(super) fn expect_less_of_a_new_file(&mut self) {
        if self.trust.is_broken && self.trust.is_file_new && self.power_was_cut {
            let floor = self.sim.live_bytes(PATH).and_then(|bytes| history_floor(&bytes));
            self.model.limit(floor.unwrap_or(0) as usize);
        }
    }

    /// After a lie, a tail that an opening has cut off may be there again, whole.
    pub(super) fn take_back_what_was_left_behind(&mut self, reader: &Reader) {
        if !self.trust.is_broken || !self.power_was_cut {
            return;
        }
        let sequence = reader.sequence().0 as usize;
        let is_shown = |model: &Model| {
            let state = model.at(sequence);
            state.is_some_and(|state| check::reader(reader, state, sequence, true).is_ok())
        };
        let other = self.model.with_abandoned();
        if !is_shown(&self.model) && is_shown(&other) {
            self.model = other;
        }
    }

    /// Whether an opening has told that the disk has lied. The run then goes on with a new disk.
    pub(super) fn is_lie_told(&mut self, error: &Error, before: Option<&[u8]>) -> Result<bool, String> {
        let is_told = self.trust.is_broken
            && self.power_was_cut
            && matches!(error, Error::Damaged { .. } | Error::NotADatabase { .. });
        if !is_told {
            return Ok(false);
        }
        if self.sim.live_bytes(PATH).as_deref() != before {
            return Err(format!("a file that was refused was changed: {error}"));
        }
        self.sim = SimFs::new(self.history);
        self.forget_process();
        self.model = Model::default();
        (self.power_was_cut, self.closed_well, self.lock_may_linger) = (false, false, false);
        (self.trust, self.left) = (Trust::default(), None);
        Ok(true)
    }
}

fn saved_tails(sim: &SimFs) -> Vec<Vec<u8>> {
    let names = sim.durable_names();
    let torn = names.iter().filter(|name| name.display().to_string().contains(".torn-"));
    torn.filter_map(|name| sim.durable_bytes(name)).collect()
}
