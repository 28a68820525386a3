//! Owns what can be asked of the writer thread, each with its own typed reply. Never carries a user's type.

use ferrumdb_engine::{Outcome, Sequence, Transaction};

use crate::error::{Error, Result};

/// What a command costs in the inbox besides its keys and documents: about what its own memory takes.
const COMMAND_BYTES: usize = 256;

/// Everything that the writer thread can be asked to do.
pub(crate) enum Command {
    /// Commit a transaction, together with others.
    Write(Write),
    /// Sync now, under every policy.
    Sync(Reply<()>),
    /// The syncer has finished: look at its result.
    SyncDone,
    /// Somebody stands in the line for room: look at it.
    Nudge,
    /// Sync, close the file and stop. Without a reply when the last handle was dropped.
    Close(Option<Reply<()>>),
}

/// A transaction, and who waits for it.
pub(crate) struct Write {
    pub(crate) transaction: Transaction,
    pub(crate) sets: u32,
    pub(crate) deletes: u32,
    pub(crate) reply: WriteReply,
}

/// Who waits for a transaction, by what is wanted of its outcome.
pub(crate) enum WriteReply {
    /// The number of the commit.
    Sequence(Reply<Sequence>),
    /// Whether the delete found a document.
    Deleted(Reply<bool>),
}

/// The writer's end of a [`crate::Pending`]. Dropping it unanswered says: in doubt, or never carried out if the
/// database is closed by then.
pub(crate) struct Reply<T>(oneshot::Sender<Result<T>>);

impl Command {
    /// What it takes in the inbox, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Write(write) => write.bytes(),
            Self::Sync(_) | Self::SyncDone | Self::Nudge | Self::Close(_) => COMMAND_BYTES,
        }
    }

    /// Answers that it was not carried out.
    pub(crate) fn refuse(self, error: &Error) {
        match self {
            Self::Write(write) => write.reply.answer(Err(error.clone())),
            Self::Sync(reply) => reply.answer(Err(error.clone())),
            Self::Close(Some(reply)) => reply.answer(Err(error.clone())),
            Self::SyncDone | Self::Nudge | Self::Close(None) => {}
        }
    }
}

impl Write {
    pub(crate) fn bytes(&self) -> usize {
        COMMAND_BYTES + self.transaction.bytes()
    }
}

impl WriteReply {
    pub(crate) fn answer(self, outcome: Result<Outcome>) {
        match self {
            Self::Sequence(reply) => reply.answer(outcome.map(|outcome| outcome.sequence)),
            Self::Deleted(reply) => reply.answer(outcome.map(|outcome| outcome.deleted > 0)),
        }
    }
}

impl<T> Reply<T> {
    pub(crate) fn channel() -> (Self, oneshot::Receiver<Result<T>>) {
        let (sender, receiver) = oneshot::channel();
        (Self(sender), receiver)
    }

    /// Answers, and wakes whoever waits. Nobody need be waiting any more.
    ///
    /// A waker belongs to the caller's runtime: what it does wrong must not reach the writer.
    pub(crate) fn answer(self, result: Result<T>) {
        let send = std::panic::AssertUnwindSafe(|| drop(self.0.send(result)));
        if std::panic::catch_unwind(send).is_err() {
            tracing::error!("a waker panicked while the writer thread answered");
        }
    }

    /// Whether nobody waits for it any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.0.is_closed()
    }
}
