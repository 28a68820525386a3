//! Owns what can be asked of the writer thread, each with its own typed reply. Never carries a user's type.

use std::cell::Cell;
use std::time::Instant;

use ferrumdb_engine::{
    CollectionId, Committed, Compaction, EncryptionKey, FieldPath, IndexBuild, KeyBounds, Relocation,
    Replaced, Sequence, Transaction,
};

use crate::Key;
use crate::backups::{BackupReport, BackupRequest};
use crate::collection::DeletionReport;
use crate::compactions::{CompactionAnswer, CompactionReport};
use crate::error::{Error, Result};
use crate::index_builds::BuildAnswer;
use crate::sync::oneshot;
use crate::transaction::Counts;

/// What a command costs in the inbox besides its transaction: about what its own memory takes.
const COMMAND_BYTES: usize = 256;

/// Everything that the writer thread can be asked to do.
pub(crate) enum Command {
    /// Commit a transaction, together with others.
    Write(Write),
    /// Sync now, under every policy.
    Sync(Reply<()>),
    /// Build an index on this field, in the collection of this name or in the root.
    CreateIndex(Option<Key>, FieldPath, Reply<Sequence>),
    /// Drop the index on this field, or cancel its build.
    DropIndex(Option<Key>, FieldPath, Reply<Sequence>),
    /// Tell a build what has changed since its snapshot.
    IndexRound(Box<IndexBuild>, oneshot::Sender<BuildAnswer>),
    /// Keep the order of a collection's keys from now on.
    KeepOrder(CollectionId),
    /// Delete all documents in a range, of the collection of this name or of the root.
    DeleteRange(Option<Key>, Box<KeyBounds>, Reply<DeletionReport>),
    /// Let another key open the database from now on.
    Rekey(EncryptionKey, Reply<()>),
    /// Compact the database.
    Compact(Reply<CompactionReport>),
    /// Stop the compaction, if there is one.
    CancelCompaction(Reply<bool>),
    /// Help a compaction that falls behind, and give it back.
    HelpCompaction(Box<Compaction>, oneshot::Sender<Result<Box<Compaction>>>),
    /// Put a compacted file in the place of the old one.
    InstallCompaction(Box<Compaction>, oneshot::Sender<CompactionAnswer>),
    /// Let go of the old file, and give this back: closing a large file would hold up those who wait for the writer.
    FinishRelocation(Relocation, oneshot::Sender<Relocation>),
    /// Back the database up, as it is now.
    BackUp(Box<BackupRequest>, Reply<BackupReport>),
    /// Take note of how the compaction ended, or that what the last one has left is done.
    CompactionDone(Result<Option<CompactionReport>>),
    /// The syncer has finished: look at its result.
    SyncDone,
    /// A file that is followed has changed: look at it.
    Look,
    /// Somebody stands in the line for room: look at it.
    Nudge,
    /// Sync, close the file and stop. Without a reply when the last handle was dropped.
    Close(Option<Reply<()>>),
}

/// A transaction, and who waits for it.
pub(crate) struct Write {
    pub(crate) submitted: Box<Submitted>,
    pub(crate) reply: WriteReply,
}

/// What a caller submits: in one piece of memory, which goes to the writer's core and back more cheaply than several.
///
/// ORDER: the writer never changes it, so that the caller's core still has it when the answer comes.
pub(crate) struct Submitted {
    pub(crate) transaction: Transaction,
    pub(crate) counts: Counts,
    /// When it was last offered to the inbox.
    pub(crate) offered: Option<Instant>,
}

/// Who waits for a transaction, by what is wanted of its outcome.
pub(crate) enum WriteReply {
    /// The number of the commit.
    Sequence(Reply<Sequence>),
    /// Whether its operation found a document.
    Found(Reply<bool>),
    /// The document that its operation replaced, to be read by whoever waits.
    Replaced(Reply<Option<Replaced>>),
}

/// The writer's end of a [`crate::Pending`]. Dropping it unanswered says: in doubt, or never carried out if the
/// database is closed by then.
pub(crate) struct Reply<T>(oneshot::Sender<Answer<T>>);

/// What comes back through a [`Reply`].
pub(crate) struct Answer<T> {
    pub(crate) result: Result<T>,
    /// The transaction that the answer is about. It goes back to the thread that made it, which gives its memory back
    /// more cheaply than the writer thread could, and while the writer works on.
    spent: Option<Box<Submitted>>,
}

thread_local! {
    /// What this thread has submitted last, and need not give back before it waits again.
    static SPENT: Cell<Option<Box<Submitted>>> = const { Cell::new(None) };
}

/// A transaction with more keys and documents than so many bytes is given back at once, or with more entries.
const SPENT_BYTES_MAX: usize = 4 << 10;
const SPENT_ENTRIES_MAX: usize = 64;

impl Command {
    /// What it takes in the inbox, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Write(write) => write.bytes(),
            _ => COMMAND_BYTES,
        }
    }

    /// Notes that it is offered to the inbox now.
    pub(crate) fn note_offered(&mut self) {
        if let Self::Write(write) = self {
            write.submitted.offered = Some(Instant::now());
        }
    }

    /// Answers that it was not carried out.
    pub(crate) fn refuse(self, error: &Error) {
        match self {
            Self::Write(write) => write.answer(Err(error.clone())),
            Self::Sync(reply) => reply.answer(Err(error.clone())),
            Self::CreateIndex(_, _, reply) | Self::DropIndex(_, _, reply) => reply.answer(Err(error.clone())),
            Self::Close(Some(reply)) => reply.answer(Err(error.clone())),
            Self::DeleteRange(_, _, reply) => reply.answer(Err(error.clone())),
            Self::Rekey(_, reply) => reply.answer(Err(error.clone())),
            Self::Compact(reply) => reply.answer(Err(error.clone())),
            Self::CancelCompaction(reply) => reply.answer(Err(error.clone())),
            Self::BackUp(_, reply) => reply.answer(Err(error.clone())),
            // A build or a compaction whose question is not answered ends.
            Self::IndexRound(..) | Self::HelpCompaction(..) | Self::KeepOrder(_) => {}
            Self::InstallCompaction(..) | Self::FinishRelocation(..) => {}
            Self::CompactionDone(_) | Self::SyncDone | Self::Look => {}
            Self::Nudge | Self::Close(None) => {}
        }
    }
}

impl Write {
    pub(crate) fn new(transaction: Transaction, counts: Counts, reply: WriteReply) -> Self {
        Self { submitted: Box::new(Submitted { transaction, counts, offered: None }), reply }
    }

    pub(crate) fn bytes(&self) -> usize {
        COMMAND_BYTES + self.submitted.transaction.memory_bytes()
    }

    /// Answers, and gives the memory back to whoever waits.
    pub(crate) fn answer(self, outcome: Result<Committed>) {
        let spent = Some(self.submitted);
        match self.reply {
            WriteReply::Sequence(reply) => reply.answer_about(outcome.map(|done| done.sequence), spent),
            WriteReply::Found(reply) => reply.answer_about(outcome.map(|done| done.effective > 0), spent),
            WriteReply::Replaced(reply) => reply.answer_about(outcome.map(|done| done.replaced), spent),
        }
    }
}

impl<T> Answer<T> {
    /// The result, for a thread that may be about to submit the next: the memory is given back while it waits for that.
    pub(crate) fn into_result(self) -> Result<T> {
        if let Some(spent) = self.spent
            && may_be_kept(&spent.transaction)
        {
            // A thread that is ending keeps nothing.
            let _ = SPENT.try_with(|kept| kept.set(Some(spent)));
        }
        self.result
    }
}

/// Whether a thread may keep it for a while. Not one that has read ranges: until it is gone, changes are kept for it.
fn may_be_kept(transaction: &Transaction) -> bool {
    transaction.bytes() <= SPENT_BYTES_MAX
        && transaction.entries() <= SPENT_ENTRIES_MAX
        && !transaction.has_range_reads()
}

/// Gives back what this thread has submitted before. To be called when there is nothing to do but wait.
pub(crate) fn give_back_spent() {
    drop(SPENT.try_with(Cell::take));
}

impl<T> Reply<T> {
    pub(crate) fn channel() -> (Self, oneshot::Receiver<Answer<T>>) {
        let (sender, receiver) = oneshot::channel();
        (Self(sender), receiver)
    }

    /// Answers, and wakes whoever waits. Nobody need be waiting any more.
    ///
    /// A waker belongs to the caller's runtime: what it does wrong must not reach the writer.
    pub(crate) fn answer(self, result: Result<T>) {
        self.answer_about(result, None);
    }

    fn answer_about(self, result: Result<T>, spent: Option<Box<Submitted>>) {
        let answer = Answer { result, spent };
        let send = std::panic::AssertUnwindSafe(|| drop(self.0.send(answer)));
        if std::panic::catch_unwind(send).is_err() {
            tracing::error!("a waker panicked while the writer thread answered");
        }
    }

    /// Whether nobody waits for it any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.0.is_closed()
    }
}

/// The inbox moves commands by value, many at a time in one block of memory.
const _: () = assert!(size_of::<Command>() <= 64, "a command is small");

#[cfg(all(test, not(shuttle)))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing test may panic")]
    use std::time::Duration;

    use ferrumdb_engine::Condition;

    use super::*;
    use crate::link::Link;
    use crate::{Error, FerrumDB, Pending};

    /// How many operations what this thread keeps has, after an answer about this transaction; none if it keeps nothing.
    fn kept_after(transaction: Transaction) -> Option<usize> {
        let submitted = Submitted { transaction, counts: Counts::default(), offered: None };
        Answer { result: Ok(()), spent: Some(Box::new(submitted)) }.into_result().unwrap();
        let kept = SPENT.take();
        let len = kept.as_ref().map(|kept| kept.transaction.len());
        SPENT.set(kept);
        len
    }

    fn deletes(count: usize, key_bytes: usize) -> Transaction {
        let mut transaction = Transaction::new();
        for _ in 0..count {
            transaction.delete(CollectionId::ROOT, Key::from("k".repeat(key_bytes)));
        }
        transaction
    }

    #[test]
    fn a_thread_keeps_the_last_small_transaction_until_it_gives_it_back() {
        assert_eq!(kept_after(deletes(3, 8)), Some(3));
        assert_eq!(kept_after(deletes(2, 8)), Some(2), "the newest alone");
        give_back_spent();
        assert!(SPENT.take().is_none());
    }

    #[test]
    fn a_thread_that_waits_for_a_while_gives_back_what_it_keeps() {
        assert_eq!(kept_after(deletes(1, 8)), Some(1));
        let (_unanswered, receiver) = Reply::<()>::channel();
        let (link, _inbox) = Link::new("/nowhere".into(), 1, true);
        assert!(Pending::sent(receiver, link).wait_timeout(Duration::ZERO).is_none());
        assert!(SPENT.take().is_none());
    }

    #[test]
    fn a_thread_keeps_no_transaction_that_is_large() {
        assert_eq!(kept_after(deletes(1, SPENT_BYTES_MAX + 1)), None);
        assert_eq!(kept_after(deletes(SPENT_ENTRIES_MAX + 1, 0)), None, "without a byte in its keys");
        let mut conditions = Transaction::new();
        for _ in 0..=SPENT_ENTRIES_MAX {
            conditions.require(CollectionId::ROOT, Key::from(""), Condition::Absent);
        }
        assert_eq!(kept_after(conditions), None);
    }

    #[test]
    fn a_thread_keeps_no_transaction_that_has_read_ranges() {
        let db = FerrumDB::open_in_memory().wait().unwrap();
        let made = |reads: bool| {
            let mut open = db.begin();
            if reads {
                let _ = open.prefix("k").count();
            }
            open.set("one", 1).unwrap();
            Ok::<_, Error>(open.finish().0.unwrap().transaction)
        };
        assert_eq!(kept_after(made(false).unwrap()), Some(1));
        give_back_spent();
        assert_eq!(kept_after(made(true).unwrap()), None);
    }
}
