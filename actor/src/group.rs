//! Owns the transactions that are committed together, and who waits for them. Never touches the disk.

use std::time::Instant;

use ferrumdb_engine::{Error as EngineError, Outcome, Transaction};

use crate::command::{Command, Write};
use crate::error::Error;
use crate::inbox::Inbox;
use crate::metrics::{Counter, Counters};

/// A group takes no more than this, after its first member.
const BYTES_MAX: usize = 1 << 20;
/// A first member below this size need not wait for much more than itself.
const SMALL_BYTES: usize = 128 << 10;
const MEMBERS_MAX: usize = 4_096;

/// One group commit, from its gathering to its answers.
#[derive(Default)]
pub(crate) struct Group(Vec<Write>);

impl Group {
    /// Takes `first` and what waits behind it now, within bounds. It does not wait for company. Anything but a
    /// transaction ends the group.
    pub(crate) fn gather(&mut self, first: Write, inbox: &mut Inbox) {
        let mut bytes = first.bytes();
        let bytes_max = if bytes <= SMALL_BYTES { bytes + SMALL_BYTES } else { BYTES_MAX };
        self.0.push(first);
        while self.0.len() < MEMBERS_MAX && bytes < bytes_max {
            match inbox.try_next() {
                Some(Command::Write(write)) if bytes + write.bytes() <= bytes_max => {
                    bytes += write.bytes();
                    self.0.push(write);
                }
                Some(command) => return inbox.put_back(command),
                None => return,
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// A group of each member, in their order. This one is empty then.
    pub(crate) fn split(&mut self) -> impl Iterator<Item = Self> + use<> {
        std::mem::take(&mut self.0).into_iter().map(|write| Self(vec![write]))
    }

    /// What is to be committed.
    pub(crate) fn transactions(&self) -> impl ExactSizeIterator<Item = &Transaction> + Clone {
        self.0.iter().map(|write| &write.submitted.transaction)
    }

    /// Gives every member its part of the outcome, which was there when it was `done`, and leaves the group empty. The refused learn of it no sooner than
    /// the others, since what they were refused for may have been done by them.
    ///
    /// ORDER: only after the commit has returned, since that is after the sync.
    pub(crate) fn answer(
        &mut self,
        outcome: Result<Vec<Outcome>, EngineError>,
        done: Instant,
        counters: &Counters,
    ) {
        match outcome {
            Ok(outcomes) => {
                debug_assert_eq!(outcomes.len(), self.0.len(), "one outcome for each transaction");
                self.count(&outcomes, done, counters);
                let has_refused = outcomes.iter().any(Result::is_err);
                let answer = |(write, outcome): (Write, Outcome)| {
                    let outcome =
                        outcome.map_err(|refused| Error::conflict(refused, &write.submitted.transaction));
                    write.answer(outcome);
                };
                let members = self.0.drain(..).zip(outcomes);
                if !has_refused {
                    return members.for_each(answer);
                }
                // The refused first: they are about to try again, and whoever has won would be there before them for ever.
                let mut members: Vec<_> = members.collect();
                members.sort_by_key(|(_, outcome)| outcome.is_ok());
                members.into_iter().for_each(answer);
            }
            Err(error) => {
                counters.add(Counter::Errors, self.0.len() as u64);
                let error = Error::from(error);
                self.0.drain(..).for_each(|write| write.answer(Err(error.clone())));
            }
        }
    }

    /// ORDER: before the answers, so that whoever has one finds it counted.
    fn count(&self, outcomes: &[Outcome], done: Instant, counters: &Counters) {
        let (mut sets, mut deletes, mut commits, mut errors) = (0, 0, 0, 0);
        for (write, outcome) in self.0.iter().zip(outcomes) {
            let counts = write.submitted.counts;
            if outcome.is_ok() {
                sets += u64::from(counts.sets);
                deletes += u64::from(counts.deletes);
                commits += 1;
            } else {
                errors += u64::from(!counts.retries);
            }
        }
        let conflicts = self.0.len() as u64 - commits;
        counters.add(Counter::Groups, 1);
        counters.add(Counter::Commits, commits);
        counters.add(Counter::Sets, sets);
        counters.add(Counter::Deletes, deletes);
        if conflicts > 0 {
            counters.add(Counter::Conflicts, conflicts);
            counters.add(Counter::Errors, errors);
        }
        counters.record_group(done, self.0.iter().filter_map(|write| write.submitted.offered));
    }
}
