//! Owns the writing half of an open database, and in it the one place where the durable order stands. Never starts a thread or answers a caller.

mod erase;
mod headers;
mod hints;

use std::io;
use std::sync::Arc;

use crate::apply::{Applier, Untidy};
use crate::collections::{CollectionChange, check_collection_name};
use crate::compaction::Moves;
use crate::error::{Error, Result};
use crate::expiry::Expiring;
use crate::fs::FileSystem;
use crate::generation::Generation;
use crate::hint::Hints;
use crate::key::{CollectionId, Key, Sequence, Timestamp};
use crate::keydir::Entry;
use crate::live::LiveFile;
use crate::lock::FileLock;
use crate::log::{
    AppendFault, Appender, Chain, Header, Kind, LOG_START, NewRecord, Payload, RecordSealer, RecordWriter,
};
use crate::seal::Keyring;
use crate::stage::StagedGroup;
use crate::syncing::{SyncDone, SyncTask};
use crate::transaction::{Outcome, Transaction};
use crate::view::Shared;

pub use self::erase::Erased;

/// The half of a database that changes it: one, owned, and only through `&mut self`.
///
/// It cannot be cloned, so there is never a second one:
///
/// ```compile_fail,E0599
/// fn second(writer: &ferrumdb_engine::Writer) -> ferrumdb_engine::Writer {
///     writer.clone()
/// }
/// ```
///
/// as the reader can, by the same lines:
///
/// ```
/// fn second(reader: &ferrumdb_engine::Reader) -> ferrumdb_engine::Reader {
///     reader.clone()
/// }
/// ```
///
/// Dropping it without [`Writer::close`] releases the lock and does nothing else.
#[derive(Debug)]
pub struct Writer {
    shared: Arc<Shared>,
    appender: Appender,
    applier: Applier,
    log: LogState,
    hints: Hints,
    live: LiveFile,
    /// Held for as long as the writer lives.
    locks: Vec<FileLock>,
    /// Whether the log ends with a sync mark.
    marked: bool,
    buffer: Vec<u8>,
    /// Why writing has stopped, if it has.
    poison: Option<Arc<str>>,
}

/// What the next commit continues.
#[derive(Debug)]
pub(crate) struct LogState {
    pub(crate) header: Header,
    pub(crate) generation: Arc<Generation>,
    /// The keys of an encrypted database.
    pub(crate) keyring: Option<Arc<Keyring>>,
    pub(crate) sealer: RecordSealer,
    /// Where the compaction that made this generation has put records, until all entries have been moved there.
    pub(crate) moves: Option<Arc<Moves>>,
    pub(crate) chain: Chain,
    pub(crate) sequence: Sequence,
    pub(crate) time: Timestamp,
    /// The position of the record that carries the newest commit's mark.
    pub(crate) last_record: u64,
}

impl LogState {
    /// Where in this generation the record of an entry is.
    pub(crate) fn position_of(&self, entry: &Entry) -> u64 {
        let position = entry.location.position();
        if entry.location.is_in(self.header.generation) {
            return position;
        }
        let moves = self.moves.as_deref().expect("until every entry has been moved, it is known where to");
        moves.find(position).expect("a compaction keeps every record that an entry leads to")
    }
}

/// How far a commit goes before it returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// It is on the disk.
    Synced,
    /// It is in the operating system's hands.
    Appended,
}

impl Writer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        appender: Appender,
        applier: Applier,
        log: LogState,
        hints: Hints,
        lock: FileLock,
    ) -> Self {
        let live = LiveFile::new(Arc::clone(hints.file_system()), &shared.path);
        Self {
            shared,
            appender,
            applier,
            log,
            hints,
            live,
            locks: vec![lock],
            marked: false,
            buffer: Vec::new(),
            poison: None,
        }
    }

    /// Commits a group of transactions with one append and at most one sync. Each is a commit of its own, all or
    /// nothing, with an outcome of its own, in their order. Each must have passed [`Transaction::check`].
    ///
    /// # Errors
    /// One error answers the whole group, though it may be of one transaction: [`Error::is_of_one_transaction`].
    /// [`Error::Io`]: nothing of it was kept, and the writer goes on. [`Error::InDoubt`]: each of its commits may or may
    /// not survive, though always as a prefix, and the writer has stopped. [`Error::Poisoned`]: the writer had stopped
    /// before.
    pub fn commit<'g, G>(&mut self, group: G, durability: Durability) -> Result<Vec<Outcome>>
    where
        G: IntoIterator<Item = &'g Transaction, IntoIter: ExactSizeIterator + Clone>,
    {
        self.check()?;
        let group = group.into_iter();
        self.allow_seals(group.clone().map(|transaction| transaction.records_max() as u64).sum())?;
        let encoder = self.encoder();
        let (known, recent) = ((self.applier.catalog(), self.applier.collections()), self.applier.recent());
        let staged = StagedGroup::decide(group, &self.shared, known, recent, &self.log, encoder)?;
        let StagedGroup { encoded, sequence, changes, collections, outcomes } = staged;
        self.carry_out(encoded, sequence, durability, |applier| {
            changes.iter().for_each(|change| applier.apply(change));
            let collections = collections.iter();
            collections.for_each(|(sequence, change)| applier.change_collection(change, *sequence));
        })?;
        Ok(outcomes)
    }

    /// Does some of what is left of commits that were carried out, and what their callers need not wait for; later
    /// commits do it otherwise. A step takes some fraction of a millisecond at most, and says what is left.
    pub fn tidy(&mut self) -> Untidy {
        self.applier.tidy()
    }

    /// The number of the collection of this name, which is created if there is none.
    ///
    /// # Errors
    /// [`Error::InvalidCollectionName`], [`Error::NoMoreCollections`], and those of [`Writer::commit`].
    pub fn collection(&mut self, name: &Key, durability: Durability) -> Result<CollectionId> {
        check_collection_name(name)?;
        if let Some(id) = self.find_collection(name) {
            return Ok(id);
        }
        let id = self.applier.collections().next()?;
        let (change, sequence) = (CollectionChange::Created(id, name.clone()), self.log.sequence.next());
        let NewRecord { kind, payload, .. } = change.record(name, sequence);
        self.commit_record(kind, payload, durability, |applier| {
            applier.change_collection(&change, sequence)
        })?;
        Ok(id)
    }

    /// The number of the collection of this name, if there is one.
    #[must_use]
    pub fn find_collection(&self, name: &str) -> Option<CollectionId> {
        self.applier.collections().find(name)
    }

    /// Syncs all that was appended.
    ///
    /// # Errors
    /// [`Error::InDoubt`], after which the writer has stopped; [`Error::Poisoned`], if it had stopped before.
    pub fn sync(&mut self) -> Result<()> {
        self.check()?;
        if self.has_unsynced() { self.sync_log() } else { Ok(()) }
    }

    /// A sync of all that was appended, to be run beside further commits. Nothing, if all of it is synced, or if the
    /// writer has stopped: a sync that failed is never tried again. Other syncs wait for it, and none succeeds after it
    /// has failed.
    #[must_use]
    pub fn begin_sync(&self) -> Option<SyncTask> {
        let position = self.appender.end();
        let wanted = self.poison.is_none() && self.has_unsynced();
        wanted.then(|| SyncTask { syncs: Arc::clone(self.appender.syncs()), position })
    }

    /// Takes note of how a sync ended. How one of the file before a compaction did no longer matters.
    ///
    /// # Errors
    /// [`Error::InDoubt`] if it failed, after which the writer has stopped.
    pub fn finish_sync(&mut self, done: SyncDone) -> Result<()> {
        if !Arc::ptr_eq(&done.syncs, self.appender.syncs()) {
            // All that it was about is in the file that the log goes on in, and was synced there.
            return Ok(());
        }
        match done.result {
            Ok(()) => {
                self.appender.note_synced(done.position);
                Ok(())
            }
            Err(source) => Err(self.poison_in_doubt(source)),
        }
    }

    /// Whether something was appended that is not known to be synced.
    #[must_use]
    pub fn has_unsynced(&self) -> bool {
        self.appender.synced() < self.appender.end()
    }

    /// Appends a record that says how far the log is synced, so that damage to what is synced can be told from a
    /// torn tail. Does nothing if the log ends with one, is empty, or is not synced; for an idle writer.
    ///
    /// # Errors
    /// As [`Writer::commit`].
    pub fn append_sync_mark(&mut self) -> Result<()> {
        self.check()?;
        if self.marked || self.has_unsynced() || self.log.sequence == Sequence::ZERO {
            return Ok(());
        }
        self.commit_record(Kind::SyncMark, None, Durability::Appended, |_| ()).map(drop)
    }

    /// When the next document expires, if one will.
    #[must_use]
    pub fn next_expiry(&self) -> Option<Timestamp> {
        self.applier.first_expiring().map(|first| first.at)
    }

    /// Deletes documents that have expired, at most `limit` of them, in one ordinary commit, and says how many.
    ///
    /// # Errors
    /// As [`Writer::commit`].
    pub fn purge_expired(&mut self, limit: usize, durability: Durability) -> Result<u64> {
        self.check()?;
        let now = self.shared.now_after(self.log.time);
        self.applier.forget_expired(now, limit);
        let mut purge = Transaction::new();
        let (expired, collections) = (self.applier.expired(now), self.applier.collections());
        for Expiring { collection, key, .. } in expired.take(limit) {
            // What is left of dropped collections is forgotten by the next call.
            if !collections.is_dropped(collection) {
                purge.delete(collection, key);
            }
        }
        let count = purge.len() as u64;
        if count > 0 {
            self.commit(&[purge], durability)?;
        }
        Ok(count)
    }

    /// The length of the log, in bytes.
    #[must_use]
    pub fn log_bytes(&self) -> u64 {
        self.appender.end() - LOG_START
    }

    /// The part of the log that does not hold the newest version of a document, in bytes.
    #[must_use]
    pub fn dead_bytes(&self) -> u64 {
        self.log_bytes() - self.applier.live_bytes()
    }

    /// How many files from before a compaction are still open, since a snapshot or the relocation needs them.
    #[must_use]
    pub fn held_generations(&self) -> usize {
        self.shared.retired.open().len()
    }

    /// The position up to which the log is known to be synced.
    #[must_use]
    pub fn synced(&self) -> u64 {
        self.appender.synced()
    }

    /// The number of the newest commit.
    #[must_use]
    pub fn sequence(&self) -> Sequence {
        self.log.sequence
    }

    /// Whether an earlier failure has stopped the writer.
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        self.poison.is_some()
    }

    /// Syncs, marks the log as closed, gives back the space prepared ahead, writes a hint file if opening would gain
    /// by it, and releases the lock. A hint that cannot be written is no error.
    ///
    /// # Errors
    /// [`Error::InDoubt`] when a sync fails, [`Error::Io`] when the mark cannot be written, [`Error::Poisoned`] when
    /// the writer had stopped before. The lock is released all the same.
    pub fn close(mut self) -> Result<()> {
        self.sync()?;
        let is_marked = self.append_close_mark()?;
        // The header claims what was synced before the mark: the mark itself is durable only after the next sync.
        let sealed = self.log.sealer.with(|sealer| sealer.sealed());
        match self.write_header(sealed) {
            // What is there is as durable without the claim.
            Ok(()) | Err(Error::KeyWornOut) => {}
            Err(error) => return Err(error),
        }
        self.appender.trim().map_err(|source| Error::io("close", &self.shared.path, source))?;
        self.sync_log()?;
        // ORDER: the hint last. It may describe only what is durable, the close mark included.
        self.write_last_hint();
        // ORDER: the live file goes when the close mark is there, which tells followers that everything counts.
        if is_marked {
            self.live.remove();
        }
        Ok(())
    }

    pub(crate) fn check(&self) -> Result<()> {
        match &self.poison {
            None => Ok(()),
            Some(reason) => Err(Error::Poisoned { reason: Arc::clone(reason) }),
        }
    }

    fn encoder(&mut self) -> RecordWriter {
        // The time of commits never goes back, whatever the clock does.
        self.log.time = self.shared.now_after(self.log.time);
        let buffer = std::mem::take(&mut self.buffer);
        let (sealer, chain, time) = (self.log.sealer.clone(), self.log.chain, self.log.time);
        RecordWriter::new(buffer, self.appender.end(), sealer, chain, time, self.appender.synced())
    }

    /// Makes encoded commits, the last of them with this number, durable and then visible.
    fn carry_out(
        &mut self,
        encoded: RecordWriter,
        sequence: Sequence,
        durability: Durability,
        apply: impl FnOnce(&mut Applier),
    ) -> Result<()> {
        // ORDER: append, sync, apply, publish. This is the only place where it stands.
        let is_empty = encoded.bytes().is_empty();
        if !is_empty {
            self.append(&encoded)?;
        }
        if durability == Durability::Synced && self.has_unsynced() {
            self.sync_log()?;
        }
        if !is_empty {
            self.applier.begin(sequence);
            apply(&mut self.applier);
            self.finish(encoded, sequence);
            self.marked = false;
        }
        Ok(())
    }

    fn append(&mut self, encoded: &RecordWriter) -> Result<()> {
        self.appender.append(encoded.bytes()).map_err(|fault| self.append_error(fault))
    }

    /// Writes what is encoded of a commit that is too large to be encoded at once, and forgets it: all but the newest record,
    /// which may be the last. The rest, with the mark, is for `carry_out`; until that is written, nothing of this counts.
    fn append_part(&mut self, encoded: &mut RecordWriter) -> Result<()> {
        let len = (encoded.position() - encoded.range().start) as usize;
        self.appender.append_part(&encoded.bytes()[..len]).map_err(|fault| self.append_error(fault))?;
        encoded.forget_written(len);
        Ok(())
    }

    fn append_error(&mut self, fault: AppendFault) -> Error {
        match fault {
            AppendFault::RolledBack(source) => Error::io("append to", &self.shared.path, source),
            AppendFault::Stuck(source) => self.poison_in_doubt(source),
        }
    }

    fn sync_log(&mut self) -> Result<()> {
        self.appender.sync().map_err(|source| self.poison_in_doubt(source))
    }

    /// Publishes what was applied, and makes the next commit continue it.
    fn finish(&mut self, encoded: RecordWriter, sequence: Sequence) {
        self.log.last_record = encoded.position();
        let (chain, buffer) = encoded.finish();
        self.log.chain = chain;
        self.log.sequence = sequence;
        self.buffer = buffer;
        self.applier.publish(sequence, self.appender.end(), self.log.time);
    }

    /// Commits one record of a kind that changes no document; `apply` runs between the sync and the publication.
    pub(crate) fn commit_record(
        &mut self,
        kind: Kind,
        payload: Option<Payload<'_>>,
        durability: Durability,
        apply: impl FnOnce(&mut Applier),
    ) -> Result<Sequence> {
        self.check()?;
        self.allow_seals(1)?;
        let mut encoded = self.encoder();
        let sequence = self.log.sequence.next();
        encoded.push(&NewRecord { kind, has_expired: false, sequence, previous: 0, payload });
        encoded.end_commit();
        self.carry_out(encoded, sequence, durability, apply)?;
        self.marked = kind == Kind::SyncMark;
        Ok(sequence)
    }

    pub(crate) fn applier(&mut self) -> &mut Applier {
        &mut self.applier
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(crate) fn file_system(&self) -> &Arc<dyn FileSystem> {
        self.hints.file_system()
    }

    pub(crate) fn live(&self) -> &LiveFile {
        &self.live
    }

    pub(crate) fn live_mut(&mut self) -> &mut LiveFile {
        &mut self.live
    }

    pub(crate) fn log(&self) -> &LogState {
        &self.log
    }

    pub(crate) fn log_end(&self) -> u64 {
        self.appender.end()
    }

    /// Goes on in another generation, which holds the same commits and is synced.
    pub(crate) fn continue_in(&mut self, log: LogState, appender: Appender, lock: FileLock) {
        self.log = log;
        self.appender = appender;
        // The old file's lock goes here: whoever waits for it finds that the name is another file's.
        self.locks = vec![lock];
        self.marked = false;
        self.hints.restart();
        self.applier.enter(self.log.header.generation);
        self.applier.publish(self.log.sequence, self.appender.end(), self.log.time);
    }

    /// Holds one more lock from now on.
    pub(crate) fn hold(&mut self, lock: FileLock) {
        self.locks.push(lock);
    }

    /// Forgets where records were moved to, since no entry leads to the old places.
    pub(crate) fn forget_moves(&mut self) {
        self.log.moves = None;
    }

    pub(crate) fn poison_in_doubt(&mut self, source: io::Error) -> Error {
        self.poison = Some(Arc::from(source.to_string()));
        Error::InDoubt { source: Arc::new(source) }
    }
}
