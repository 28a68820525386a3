//! Owns the writing half of an open database, and in it the one place where the durable order stands. Never starts a thread or answers a caller.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use ahash::RandomState;

use crate::apply::Applier;
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::fs::write_all;
use crate::key::{CollectionId, Key, Sequence, Timestamp};
use crate::keydir::{Entry, Hashed, Keydir};
use crate::lock::FileLock;
use crate::log::{AppendFault, Appender, Chain, Header, Kind, NewRecord, Payload, RecordWriter, Syncs};
use crate::transaction::{Change, Operation, Outcome, Transaction};
use crate::view::Shared;

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
    /// Held for as long as the writer lives.
    _lock: FileLock,
    clock: Arc<dyn Clock>,
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
    pub(crate) chain: Chain,
    pub(crate) sequence: Sequence,
    pub(crate) time: Timestamp,
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
        lock: FileLock,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            shared,
            appender,
            applier,
            log,
            _lock: lock,
            clock,
            marked: false,
            buffer: Vec::new(),
            poison: None,
        }
    }

    /// Commits a group of transactions with one append and at most one sync. Each is a commit of its own, all or
    /// nothing, with an outcome of its own, in their order. Each must have passed [`Transaction::check`].
    ///
    /// # Errors
    /// One error answers the whole group. [`Error::Io`]: nothing of it was kept, and the writer goes on.
    /// [`Error::InDoubt`]: each of its commits may or may not survive, though always as a prefix, and the writer
    /// has stopped. [`Error::Poisoned`]: the writer had stopped before.
    pub fn commit(&mut self, group: &[Transaction], durability: Durability) -> Result<Vec<Outcome>> {
        self.check()?;
        let staged = self.stage(group);
        // ORDER: append, sync, apply, publish. This is the only place where it stands.
        if !staged.changes.is_empty() {
            self.append(&staged.encoded)?;
        }
        if durability == Durability::Synced && self.has_unsynced() {
            self.sync_log()?;
        }
        for Staged { hashed, key, old, entry } in &staged.changes {
            self.applier.apply(hashed, key, *old, *entry);
        }
        if !staged.changes.is_empty() {
            self.finish(staged.encoded, staged.sequence);
            self.marked = false;
        }
        Ok(staged.outcomes)
    }

    /// Syncs all that was appended.
    ///
    /// # Errors
    /// [`Error::InDoubt`], after which the writer has stopped; [`Error::Poisoned`], if it had stopped before.
    pub fn sync(&mut self) -> Result<()> {
        self.check()?;
        if self.has_unsynced() { self.sync_log() } else { Ok(()) }
    }

    /// A sync of all that was appended, to be run beside further commits. Nothing, if all of it is synced. Other syncs
    /// wait for it, and none succeeds after it has failed.
    #[must_use]
    pub fn begin_sync(&self) -> Option<SyncTask> {
        let position = self.appender.end();
        self.has_unsynced().then(|| SyncTask { syncs: Arc::clone(self.appender.syncs()), position })
    }

    /// Takes note of how a sync ended.
    ///
    /// # Errors
    /// [`Error::InDoubt`] if it failed, after which the writer has stopped.
    pub fn finish_sync(&mut self, done: SyncDone) -> Result<()> {
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
        self.append_mark(Kind::SyncMark)?;
        self.marked = true;
        Ok(())
    }

    /// Whether an earlier failure has stopped the writer.
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        self.poison.is_some()
    }

    /// Syncs, marks the log as closed, gives back the space prepared ahead, and releases the lock.
    ///
    /// # Errors
    /// [`Error::InDoubt`] when a sync fails, [`Error::Io`] when the mark cannot be written, [`Error::Poisoned`] when
    /// the writer had stopped before. The lock is released all the same.
    pub fn close(mut self) -> Result<()> {
        self.sync()?;
        self.append_mark(Kind::CloseMark)?;
        // The header claims what was synced before the mark: the mark itself is durable only after the next sync.
        let header = &mut self.log.header;
        header.counter += 1;
        header.synced = self.appender.synced();
        write_all(self.appender.file(), &header.encode(), header.position())
            .and_then(|()| self.appender.trim())
            .map_err(|source| Error::io("close", &self.shared.path, source))?;
        self.sync_log()
    }

    fn check(&self) -> Result<()> {
        match &self.poison {
            None => Ok(()),
            Some(reason) => Err(Error::Poisoned { reason: Arc::clone(reason) }),
        }
    }

    /// Decides what each transaction of a group does, and encodes it. Changes nothing.
    fn stage<'g>(&mut self, group: &'g [Transaction]) -> StagedGroup<'g> {
        let mut encoded = self.encoder();
        let mut sequence = self.log.sequence;
        let mut changes: Vec<Staged<'g>> = Vec::with_capacity(group.len());
        let mut outcomes = Vec::with_capacity(group.len());
        let mut earlier = Earlier::new(group.iter().map(Transaction::len).sum());
        for transaction in group {
            let number = sequence.next();
            let mut deleted = 0;
            for operation in transaction.operations() {
                let hashed = self.shared.keydir.hash(operation.collection, &operation.key);
                let (newest, old) = earlier.find(&hashed, &self.shared.keydir);
                if matches!(operation.change, Change::Delete) {
                    if newest.is_none() {
                        continue;
                    }
                    deleted += 1;
                }
                sequence = number;
                let entry = encode(&mut encoded, operation, number, newest);
                earlier.note(&hashed, entry);
                changes.push(Staged { hashed, key: &operation.key, old, entry });
            }
            if sequence == number {
                encoded.end_commit();
            }
            outcomes.push(Outcome { sequence, deleted });
        }
        StagedGroup { encoded, sequence, changes, outcomes }
    }

    fn encoder(&mut self) -> RecordWriter {
        // The time of commits never goes back, whatever the clock does.
        self.log.time = self.log.time.max(self.clock.now());
        let buffer = std::mem::take(&mut self.buffer);
        let (seed, chain, time) = (self.shared.seed, self.log.chain, self.log.time);
        RecordWriter::new(buffer, self.appender.end(), seed, chain, time, self.appender.synced())
    }

    fn append(&mut self, encoded: &RecordWriter) -> Result<()> {
        self.appender.append(encoded.bytes()).map_err(|fault| match fault {
            AppendFault::RolledBack(source) => Error::io("append to", &self.shared.path, source),
            AppendFault::Stuck(source) => self.poison_in_doubt(source),
        })
    }

    fn sync_log(&mut self) -> Result<()> {
        self.appender.sync().map_err(|source| self.poison_in_doubt(source))
    }

    /// Publishes what was applied, and makes the next commit continue it.
    fn finish(&mut self, encoded: RecordWriter, sequence: Sequence) {
        let (chain, buffer) = encoded.finish();
        self.log.chain = chain;
        self.log.sequence = sequence;
        self.buffer = buffer;
        self.applier.publish(sequence, self.appender.end());
    }

    /// Appends a commit that concerns no key.
    fn append_mark(&mut self, kind: Kind) -> Result<()> {
        let mut encoded = self.encoder();
        let sequence = self.log.sequence.next();
        encoded.push(&NewRecord { kind, sequence, previous: 0, payload: None });
        encoded.end_commit();
        self.append(&encoded)?;
        self.finish(encoded, sequence);
        Ok(())
    }

    fn poison_in_doubt(&mut self, source: io::Error) -> Error {
        self.poison = Some(Arc::from(source.to_string()));
        Error::InDoubt { source: Arc::new(source) }
    }
}

/// A sync that was begun by [`Writer::begin_sync`], to be run on any thread.
#[derive(Debug)]
pub struct SyncTask {
    syncs: Arc<Syncs>,
    position: u64,
}

/// How a sync ended, for [`Writer::finish_sync`].
#[derive(Debug)]
pub struct SyncDone {
    position: u64,
    result: io::Result<()>,
}

impl SyncTask {
    /// Syncs.
    #[must_use]
    pub fn run(self) -> SyncDone {
        SyncDone { position: self.position, result: self.syncs.sync() }
    }
}

/// A group that was decided and encoded, and not yet appended.
struct StagedGroup<'g> {
    encoded: RecordWriter,
    sequence: Sequence,
    changes: Vec<Staged<'g>>,
    outcomes: Vec<Outcome>,
}

struct Staged<'g> {
    hashed: Hashed<'g>,
    key: &'g Key,
    /// What readers see of this key until the group is published, if they see something.
    old: Option<Entry>,
    entry: Entry,
}

/// What earlier operations of the group did to the keys that it names.
struct Earlier<'g>(Option<HashMap<(CollectionId, &'g str), Entry, RandomState>>);

impl<'g> Earlier<'g> {
    fn new(operations: usize) -> Self {
        // A single operation has none before it.
        Self((operations > 1).then(|| HashMap::with_capacity_and_hasher(operations, RandomState::new())))
    }

    /// The entry of a key as this operation finds it, and as readers see it; without tombstones.
    fn find(&self, key: &Hashed<'g>, keydir: &Keydir) -> (Option<Entry>, Option<Entry>) {
        if let Some(entry) = self.0.as_ref().and_then(|map| map.get(&(key.collection, key.key))) {
            return ((!entry.is_tombstone()).then_some(*entry), None);
        }
        let published = keydir.find(key).filter(|entry| !entry.is_tombstone());
        (published, published)
    }

    fn note(&mut self, key: &Hashed<'g>, entry: Entry) {
        if let Some(map) = &mut self.0 {
            map.insert((key.collection, key.key), entry);
        }
    }
}

fn encode(
    encoded: &mut RecordWriter,
    operation: &Operation,
    sequence: Sequence,
    newest: Option<Entry>,
) -> Entry {
    let (kind, expires_at, document) = match &operation.change {
        Change::Set { document, expires_at } => (Kind::Set, *expires_at, document.as_str().as_bytes()),
        Change::Delete => (Kind::Delete, None, &[][..]),
    };
    let payload = Payload { collection: operation.collection, expires_at, key: &operation.key, document };
    let previous = newest.map_or(0, |entry| entry.position());
    let placed = encoded.push(&NewRecord { kind, sequence, previous, payload: Some(payload) });
    match kind {
        Kind::Set => Entry::new(placed.position, sequence, placed.ordinal, placed.payload_bytes),
        _ => Entry::tombstone(sequence, placed.ordinal),
    }
}
