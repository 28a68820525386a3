//! Owns the loop that owns the engine's only writer: receive, gather, commit, answer. Never runs a user's code, and
//! never answers before the commit has returned.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ferrumdb_engine::{
    CollectionId, Compaction, Durability, EncryptionKey, Erased, Error as EngineError, FieldPath, IndexBuild,
    KeyBounds, Reader, Sequence, Untidy, Writer,
};

use crate::backups::{BackupSettings, Backups};
use crate::collection::DeletionReport;
use crate::command::{Command, Reply, Write};
use crate::compactions::{CompactionAnswer, CompactionSettings, Compactions};
use crate::error::Error;
use crate::group::Group;
use crate::hints::Hints;
use crate::inbox::Inbox;
use crate::index_builds::{BuildAnswer, IndexBuilds};
use crate::link::Link;
use crate::live::LivePlan;
use crate::metrics::Counter;
use crate::order_builds::OrderBuilds;
use crate::purge::{self, PurgePlan};
use crate::sync::{oneshot, thread};
use crate::syncer::Syncer;
use crate::{FsyncPolicy, Key};

/// A writer that has had nothing to do for so long notes in the log how far it is synced.
const MARK_AFTER: Duration = Duration::from_secs(1);

/// How often a writer with nothing to do looks whether the readers have ended for whom old versions are remembered.
const TIDY_AFTER: Duration = Duration::from_secs(1);

/// How the writer thread ended.
pub(crate) struct Closed {
    /// How closing went.
    pub(crate) outcome: Result<(), EngineError>,
    /// Who asked for it.
    pub(crate) reply: Option<Reply<()>>,
    /// The thread of a compaction that was stopped, which ends once the inbox refuses it.
    pub(crate) compacting: Option<thread::JoinHandle<()>>,
    /// The threads of backups that were stopped.
    pub(crate) backing_up: Vec<std::thread::JoinHandle<()>>,
}

pub(crate) struct WriterThread {
    writer: Writer,
    /// Asked for the time only.
    reader: Reader,
    link: Arc<Link>,
    policy: FsyncPolicy,
    syncer: Option<Syncer>,
    group: Group,
    sync_begun: Option<Instant>,
    /// When the last group of transactions was carried out.
    last_commit: Option<Instant>,
    mark_due: Option<Instant>,
    tidy_due: Option<Instant>,
    /// The newest commit of which watchers were told.
    told: Sequence,
    purge: PurgePlan,
    builds: IndexBuilds,
    orders: OrderBuilds,
    hints: Hints,
    compactions: Compactions,
    live: LivePlan,
    backups: Backups,
}

impl WriterThread {
    /// `syncer` is there exactly under the policy `Periodic`.
    pub(crate) fn new(
        writer: Writer,
        reader: Reader,
        link: Arc<Link>,
        policy: FsyncPolicy,
        syncer: Option<Syncer>,
        compactions: CompactionSettings,
        backups: BackupSettings,
    ) -> Self {
        let (group, purge) = (Group::default(), PurgePlan::default());
        let (builds, hints) = (IndexBuilds::default(), Hints::default());
        let (compactions, backups) = (Compactions::new(compactions), Backups::new(backups));
        // After a crash the recovered log is synced, and nothing in it says so yet.
        let mark_due =
            reader.stats().is_ok_and(|stats| !stats.recovery.clean).then(|| Instant::now() + MARK_AFTER);
        let (sync_begun, last_commit, tidy_due) = (None, None, None);
        let told = writer.sequence();
        Self {
            writer,
            reader,
            link,
            policy,
            syncer,
            group,
            sync_begun,
            last_commit,
            mark_due,
            told,
            tidy_due,
            purge,
            builds,
            orders: OrderBuilds::default(),
            hints,
            compactions,
            live: LivePlan::default(),
            backups,
        }
    }

    /// Carries out commands until one says to close.
    pub(crate) fn run(mut self, inbox: &mut Inbox) -> Closed {
        let mut just_worked = false;
        self.live.write_if_due(&mut self.writer);
        loop {
            let command = inbox.next(self.deadline(), just_worked);
            just_worked = matches!(command, Some(Command::Write(_)));
            match command {
                Some(Command::Write(first)) => self.commit(first, inbox),
                Some(Command::Sync(reply)) => self.sync_now(reply),
                Some(Command::CreateIndex(name, path, reply)) => {
                    self.create_index(name.as_ref(), path, reply)
                }
                Some(Command::DropIndex(name, path, reply)) => self.drop_index(name.as_ref(), &path, reply),
                Some(Command::IndexRound(build, reply)) => self.index_round(*build, reply),
                Some(Command::KeepOrder(collection)) => self.keep_order(collection),
                Some(Command::DeleteRange(name, bounds, reply)) => {
                    self.delete_range(name.as_ref(), &bounds, reply);
                }
                Some(Command::Rekey(key, reply)) => self.rekey(&key, reply),
                Some(Command::Compact(reply)) => self.compactions.want(reply),
                Some(Command::CancelCompaction(reply)) => {
                    reply.answer(Ok(self.compactions.cancel()));
                }
                Some(Command::HelpCompaction(mut compaction, reply)) => {
                    let outcome = self.writer.help_compaction(&mut compaction);
                    // Whoever asked waits for it.
                    let _ = reply.send(outcome.map(|()| compaction).map_err(Error::from));
                }
                Some(Command::InstallCompaction(compaction, reply)) => {
                    self.install_compaction(*compaction, reply);
                }
                Some(Command::FinishRelocation(relocation, reply)) => {
                    self.writer.finish_relocation(&relocation);
                    // Whoever asked waits for it.
                    let _ = reply.send(relocation);
                }
                Some(Command::BackUp(request, reply)) => {
                    self.backups.begin(&self.writer, *request, &self.link, reply);
                }
                Some(Command::CompactionDone(outcome)) => self.compactions.finish(&self.writer, outcome),
                Some(Command::Close(reply)) => return self.close(reply),
                Some(Command::SyncDone | Command::Look | Command::Nudge) => {}
                None => self.tidy_if_due(),
            }
            self.tell();
            self.live.write_if_due(&mut self.writer);
            self.tend();
            self.tell();
        }
    }

    /// One group commit.
    fn commit(&mut self, first: Write, inbox: &mut Inbox) {
        // It counts from the offer, which saves a look at the clock, or from when the writer was done with what was before it.
        let begun = first.submitted.offered.max(self.last_commit);
        self.group.gather(first, inbox);
        let outcome = self.writer.commit(self.group.transactions(), self.durability());
        let end = Instant::now();
        self.link.note_commit_time(begun.map_or(Duration::ZERO, |begun| end - begun));
        self.last_commit = Some(end);
        self.mark_due = Some(end + MARK_AFTER);
        match outcome {
            Err(error) if error.is_of_one_transaction() && self.group.len() > 1 => self.commit_each(),
            outcome => self.group.answer(outcome, end, &self.link.counters),
        }
        self.tidy();
    }

    /// Commits the members of the group one by one: one of them cannot be carried out, which is nothing to the others.
    #[cold]
    fn commit_each(&mut self) {
        for mut alone in self.group.split() {
            let outcome = self.writer.commit(alone.transactions(), self.durability());
            alone.answer(outcome, Instant::now(), &self.link.counters);
        }
    }

    /// Wakes those who wait for commits, if there were any, of whatever kind.
    fn tell(&mut self) {
        let newest = self.writer.sequence();
        if newest > self.told {
            self.told = newest;
            self.link.bell.ring();
        }
    }

    /// Does one step of what nobody waits for, and notes when to do the next: at once, but after whatever has queued up.
    fn tidy(&mut self) {
        self.tidy_due = match self.writer.tidy() {
            Untidy::Nothing => None,
            Untidy::More => Some(Instant::now()),
            Untidy::Pinned => Some(Instant::now() + TIDY_AFTER),
        };
    }

    fn tidy_if_due(&mut self) {
        if self.tidy_due.is_some_and(|due| due <= Instant::now()) {
            self.tidy();
        }
    }

    fn sync_now(&mut self, reply: Reply<()>) {
        let outcome = self.await_syncer().and_then(|()| self.writer.sync());
        self.mark_due = Some(Instant::now() + MARK_AFTER);
        if outcome.is_err() {
            self.link.counters.add(Counter::Errors, 1);
        }
        reply.answer(outcome.map_err(Error::from));
    }

    fn create_index(&mut self, name: Option<&Key>, path: FieldPath, reply: Reply<Sequence>) {
        let durability = self.durability();
        self.builds.create(&mut self.writer, (name, path), durability, &self.link, reply);
        self.mark_due = Some(Instant::now() + MARK_AFTER);
    }

    fn drop_index(&mut self, name: Option<&Key>, path: &FieldPath, reply: Reply<Sequence>) {
        let durability = self.durability();
        let outcome = self.builds.drop_index(&mut self.writer, (name, path), durability);
        self.mark_due = Some(Instant::now() + MARK_AFTER);
        let refused = |error| self.link.counted(Error::from(error).in_collection(name));
        reply.answer(outcome.map_err(refused));
    }

    fn index_round(&mut self, build: IndexBuild, reply: oneshot::Sender<BuildAnswer>) {
        let durability = self.durability();
        let answer = IndexBuilds::round(&mut self.writer, build, durability);
        self.mark_due = Some(Instant::now() + MARK_AFTER);
        // A build that is gone has been cancelled.
        let _ = reply.send(answer);
    }

    fn keep_order(&mut self, collection: CollectionId) {
        match self.writer.begin_order(collection) {
            Ok(Some(build)) => self.orders.run(build, collection, &self.link),
            Ok(None) => {}
            // It reads on, from copies.
            Err(error) => tracing::debug!(%error, "the order of the keys is not kept"),
        }
    }

    fn delete_range(&mut self, name: Option<&Key>, bounds: &KeyBounds, reply: Reply<DeletionReport>) {
        let collection = match name {
            None => CollectionId::ROOT,
            Some(name) => self.writer.find_collection(name).unwrap_or(CollectionId::NONE),
        };
        let outcome = self.writer.delete_range(collection, bounds, self.durability());
        self.mark_due = Some(Instant::now() + MARK_AFTER);
        if let Ok(Erased { documents, .. }) = &outcome {
            self.link.counters.add(Counter::Deletes, *documents);
            self.link.counters.add(Counter::Commits, u64::from(*documents > 0));
        }
        let outcome = outcome.map(|Erased { sequence, documents }| DeletionReport { sequence, documents });
        reply.answer(outcome.map_err(|error| self.link.counted(error.into())));
        self.link.bell.ring();
        self.tidy();
    }

    fn rekey(&mut self, key: &EncryptionKey, reply: Reply<()>) {
        let outcome = self.await_syncer().and_then(|()| self.writer.rekey(key));
        reply.answer(outcome.map_err(|error| self.link.counted(error.into())));
    }

    fn install_compaction(&mut self, compaction: Compaction, reply: oneshot::Sender<CompactionAnswer>) {
        // A hint of the old file would wait for a sync that never comes, and a sync of it would tell of the new one. One that
        // is being written takes its place all the same if it is whole by now; no opening uses it.
        self.hints.give_up();
        let answer = match self.await_syncer() {
            Ok(()) => self.compactions.install(&mut self.writer, compaction),
            Err(error) => CompactionAnswer::Failed(error.into()),
        };
        self.mark_due = Some(Instant::now() + MARK_AFTER);
        // Whoever asked waits for it.
        let _ = reply.send(answer);
    }

    fn close(mut self, reply: Option<Reply<()>>) -> Closed {
        self.builds.cancel_all();
        self.orders.cancel_all();
        let (compacting, backing_up) = (self.compactions.stop(), self.backups.stop());
        self.hints.finish();
        let synced = self.await_syncer();
        if let Some(syncer) = self.syncer.take() {
            syncer.stop();
        }
        Closed { outcome: synced.and(self.writer.close()), reply, compacting, backing_up }
    }

    /// Waits for the sync that is under way: the system tells a failure once, and the one who is told must be the one
    /// who answers for it.
    fn await_syncer(&mut self) -> Result<(), EngineError> {
        match self.syncer.as_mut().and_then(Syncer::finish) {
            Some(done) => self.writer.finish_sync(done),
            None => Ok(()),
        }
    }

    fn durability(&self) -> Durability {
        match self.policy {
            FsyncPolicy::Always => Durability::Synced,
            FsyncPolicy::Periodic(_) | FsyncPolicy::Never => Durability::Appended,
        }
    }

    /// When the writer has something to do of its own accord.
    fn deadline(&self) -> Option<Instant> {
        let compaction_due = self.compactions.is_wanted().then(Instant::now);
        let live_due = self.live.due(&self.writer);
        [self.log_due(), self.purge_due(), compaction_due, live_due, self.tidy_due]
            .into_iter()
            .flatten()
            .min()
    }

    /// When the log is to be synced beside commits, or marked.
    fn log_due(&self) -> Option<Instant> {
        if self.writer.is_poisoned() {
            return None;
        }
        match (self.policy, self.writer.has_unsynced()) {
            (FsyncPolicy::Periodic(_), true) if self.is_syncing() => None,
            (FsyncPolicy::Periodic(period), true) => Some(self.next_sync(period)),
            (_, true) => None,
            (_, false) => self.mark_due,
        }
    }

    /// When to look for expired documents: never, if none will expire.
    fn purge_due(&self) -> Option<Instant> {
        let next = self.writer.next_expiry().filter(|_| !self.writer.is_poisoned())?;
        Some(self.purge.due(next, self.reader.now(), Instant::now()))
    }

    /// Does what is due: fetches the result of a sync, begins the next, marks the log of an idle database, purges.
    fn tend(&mut self) {
        if let Some(done) = self.syncer.as_mut().and_then(Syncer::try_finish)
            && let Err(error) = self.writer.finish_sync(done)
        {
            self.link.counters.add(Counter::Errors, 1);
            self.hints.finish();
            tracing::error!(%error, "a periodic sync failed");
        }
        if !self.writer.has_unsynced() {
            self.hints.begin(&mut self.writer);
        }
        self.hints.write_if_ready();
        let is_due = |due: Option<Instant>| due.is_some_and(|due| due <= Instant::now());
        if is_due(self.log_due()) {
            self.tend_log();
        }
        if is_due(self.purge_due()) {
            self.purge();
        }
        self.compactions.want_if_due(&self.writer);
        if self.compactions.is_wanted() {
            self.begin_compaction();
        }
    }

    /// Begins the compaction that is wanted, once what has expired is purged: it does not travel.
    fn begin_compaction(&mut self) {
        let expired = self.writer.next_expiry().is_some_and(|next| next <= self.reader.now());
        if !expired || self.writer.is_poisoned() || !self.purge() {
            self.compactions.begin(&mut self.writer, &self.link);
        }
    }

    fn tend_log(&mut self) {
        if !self.writer.has_unsynced() {
            self.mark_due = None;
            if let Err(error) = self.writer.append_sync_mark() {
                tracing::warn!(%error, "an idle database could not mark its log as synced");
            }
        } else if let Some(syncer) = &mut self.syncer {
            self.sync_begun = Some(Instant::now());
            self.hints.begin(&mut self.writer);
            if let Some(task) = self.writer.begin_sync() {
                syncer.begin(task);
            }
        }
    }

    /// Removes some of the documents that have expired, and says whether it could. What is left comes after the commits
    /// that wait.
    fn purge(&mut self) -> bool {
        let outcome = self.writer.purge_expired(purge::DOCUMENTS_MAX, self.durability());
        let end = Instant::now();
        self.mark_due = Some(end + MARK_AFTER);
        let worked = outcome.is_ok();
        self.purge.done(worked, end);
        match outcome {
            Ok(purged) => {
                self.link.counters.add(Counter::Purged, purged);
                self.tidy();
            }
            Err(error) => {
                self.link.counters.add(Counter::Errors, 1);
                tracing::error!(%error, "expired documents could not be purged");
            }
        }
        worked
    }

    fn is_syncing(&self) -> bool {
        self.syncer.as_ref().is_some_and(Syncer::is_busy)
    }

    fn next_sync(&self, period: Duration) -> Instant {
        match self.sync_begun {
            // A period beyond all time never comes due; a day is as good, and an `Instant` can hold it.
            Some(begun) => begun.checked_add(period).unwrap_or_else(|| begun + Duration::from_secs(86_400)),
            None => Instant::now(),
        }
    }
}
