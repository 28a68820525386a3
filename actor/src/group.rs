//! Owns the transactions that are committed together, and who waits for them. Never touches the disk.

use ferrumdb_engine::{Error as EngineError, Outcome, Transaction};

use crate::command::{Command, Write, WriteReply};
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
pub(crate) struct Group {
    transactions: Vec<Transaction>,
    replies: Vec<WriteReply>,
    sets: u64,
    deletes: u64,
}

impl Group {
    /// Takes `first` and what waits behind it now, within bounds. It does not wait for company. Anything but a
    /// transaction ends the group.
    pub(crate) fn gather(&mut self, first: Write, inbox: &mut Inbox) {
        let mut bytes = first.bytes();
        let bytes_max = if bytes <= SMALL_BYTES { bytes + SMALL_BYTES } else { BYTES_MAX };
        self.push(first);
        while self.replies.len() < MEMBERS_MAX && bytes < bytes_max {
            match inbox.try_next() {
                Some(Command::Write(write)) if bytes + write.bytes() <= bytes_max => {
                    bytes += write.bytes();
                    self.push(write);
                }
                Some(command) => return inbox.put_back(command),
                None => return,
            }
        }
    }

    /// What is to be committed.
    pub(crate) fn transactions(&self) -> &[Transaction] {
        &self.transactions
    }

    /// Gives every member its part of the outcome, and leaves the group empty.
    ///
    /// ORDER: only after the commit has returned, since that is after the sync.
    pub(crate) fn answer(&mut self, outcome: Result<Vec<Outcome>, EngineError>, counters: &Counters) {
        self.transactions.clear();
        match outcome {
            Ok(outcomes) => {
                debug_assert_eq!(outcomes.len(), self.replies.len(), "one outcome for each transaction");
                counters.add(Counter::Groups, 1);
                counters.add(Counter::Commits, self.replies.len() as u64);
                counters.add(Counter::Sets, self.sets);
                counters.add(Counter::Deletes, self.deletes);
                for (reply, outcome) in self.replies.drain(..).zip(outcomes) {
                    reply.answer(Ok(outcome));
                }
            }
            Err(error) => {
                counters.add(Counter::Errors, self.replies.len() as u64);
                let error = Error::from(error);
                self.replies.drain(..).for_each(|reply| reply.answer(Err(error.clone())));
            }
        }
        (self.sets, self.deletes) = (0, 0);
    }

    fn push(&mut self, write: Write) {
        self.sets += u64::from(write.sets);
        self.deletes += u64::from(write.deletes);
        self.transactions.push(write.transaction);
        self.replies.push(write.reply);
    }
}
