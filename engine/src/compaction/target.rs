//! Owns the file that a compaction, a backup or a repair writes. Never gives it a name before it is whole.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Moves;
use super::garbage::Garbage;
use crate::fs::{FileSystem, OpenMode, write_all};
use crate::generation::Generation;
use crate::key::{CollectionId, Sequence, Timestamp};
use crate::lock::FileLock;
use crate::log::{
    Chain, Head, Header, Kind, LOG_START, NewRecord, Origin, Payload, RecordSealer, RecordWriter,
    record_bytes,
};
use crate::paths;
use crate::seal::{Keyring, SEALS_MAX};

/// How many more records than the copied ones the header allows the data key to seal.
const SEALS_AHEAD: u64 = 1 << 16;
/// How much is written at a time.
const WRITE_BYTES: usize = 1 << 20;

/// A generation that is being written, under a name of its own. Dropping it removes the file, unless it has been
/// taken over.
#[derive(Debug)]
pub(crate) struct Target {
    file_system: Arc<dyn FileSystem>,
    path: PathBuf,
    /// What it has of its own, once nothing can be taken back.
    pub(super) file: Option<TargetFile>,
    old_header: Header,
    encoded: RecordWriter,
    pub(super) moves: Moves,
    last_record: u64,
    documents: u64,
    document_bytes: u64,
    base_records: u64,
}

/// The file, its lock, and what it says of itself.
#[derive(Debug)]
pub(super) struct TargetFile {
    pub(super) header: Header,
    pub(super) generation: Arc<Generation>,
    pub(super) lock: FileLock,
    /// The data key is a new one, which begins to count anew.
    pub(super) keyring: Option<Arc<Keyring>>,
    pub(super) sealer: RecordSealer,
}

impl Target {
    /// Makes a file with this header that is to get a name: what it will hold comes from one with the old header, at
    /// `like`, and is for nobody who could not read it there.
    pub(crate) fn create(
        file_system: &Arc<dyn FileSystem>,
        name: &Path,
        like: &Path,
        old_header: &Header,
        header: Header,
        keyring: Option<&Keyring>,
    ) -> io::Result<Self> {
        let path = paths::temporary(name);
        let file = file_system.open(&path, OpenMode::CreateNew)?;
        // The lock tells other processes that this temporary is not a dead one's, and is held when the file gets its
        // name.
        let lock = FileLock::take(&file)
            .and_then(|lock| lock.ok_or_else(|| io::ErrorKind::ResourceBusy.into()))
            // Before anything is in it: the documents are for nobody who could not read them before.
            .and_then(|lock| {
                file_system.copy_permissions(like, &path).or_else(missing_is_fine).map(|()| lock)
            })
            .inspect_err(|_| {
                // Whatever is left of it, the next opening removes as well.
                let _ = file_system.remove(&path);
            })?;
        let keyring = keyring.map(Keyring::renewed).transpose().map_err(io::Error::other)?.map(Arc::new);
        let generation = Generation::new(&header, keyring.as_deref(), file);
        let sealer = RecordSealer::new(&header, keyring.as_deref(), 0);
        // No header says so yet, and nobody else goes on with this file before one does.
        sealer.with(|sealer| sealer.allow(SEALS_MAX));
        let chain = Chain::start(header.file_id, header.generation);
        let (start, time) = (LOG_START, Timestamp(0));
        let encoded = RecordWriter::new(Vec::new(), start, sealer.clone(), chain, time, start);
        Ok(Self {
            file_system: Arc::clone(file_system),
            path,
            file: Some(TargetFile { header, generation, lock, keyring, sealer }),
            old_header: old_header.clone(),
            encoded,
            moves: Moves::default(),
            last_record: 0,
            documents: 0,
            document_bytes: 0,
            base_records: 0,
        })
    }

    pub(crate) fn old_header(&self) -> &Header {
        &self.old_header
    }

    /// How many documents the base section shows, and how many bytes their records have.
    pub(super) fn documents(&self) -> u64 {
        self.documents
    }

    pub(super) fn document_bytes(&self) -> u64 {
        self.document_bytes
    }

    /// Copies a record of the old generation into the base section.
    pub(super) fn push_to_base(
        &mut self,
        position: u64,
        head: &Head,
        payload: Payload<'_>,
        garbage: &Garbage,
    ) {
        let keeps = |previous| garbage.keeps(previous, Kind::Set, payload.collection);
        let previous = self.moved(head.previous, keeps);
        let moved = self.push_to_base_as(head, payload, previous);
        self.moves.push(position, moved);
        if head.kind == Kind::Set && !garbage.is_replaced(position) {
            self.documents += 1;
            self.document_bytes += record_bytes(head.payload_bytes);
        }
    }

    /// Encodes a record as it was read, but for the position of its key's version before, and says where it will stand.
    pub(crate) fn push_as(&mut self, head: &Head, payload: Option<Payload<'_>>, previous: u64) -> u64 {
        let record = copied(head, previous, payload);
        self.last_record = self.encoded.push(&record).position;
        self.last_record
    }

    /// The same in the base section.
    pub(crate) fn push_to_base_as(&mut self, head: &Head, payload: Payload<'_>, previous: u64) -> u64 {
        self.push_new_to_base(&copied(head, previous, Some(payload)), head.ordinal)
    }

    /// Adds a record that was in no file to the base section.
    pub(crate) fn push_new_to_base(&mut self, record: &NewRecord<'_>, ordinal: u32) -> u64 {
        self.base_records += 1;
        self.encoded.push_to_base(record, ordinal).position
    }

    /// Ends the base section, which holds the state after this commit.
    pub(crate) fn end_base(&mut self, state_of: Sequence, time: Timestamp) {
        let count = self.base_records.to_le_bytes();
        let payload = Payload { collection: CollectionId::ROOT, expires_at: None, key: "", document: &count };
        let (kind, sequence) = (Kind::BaseEnd, state_of);
        let record = NewRecord { kind, has_expired: false, sequence, previous: 0, payload: Some(payload) };
        self.last_record = self.encoded.push(&record).position;
        self.end_commit(time);
        if let Some(file) = &mut self.file {
            file.header.history_floor = state_of;
            file.generation.note_floor(state_of);
        }
    }

    /// Copies a record of a commit that is copied whole.
    pub(super) fn push(&mut self, position: u64, head: &Head, payload: Option<Payload<'_>>) {
        let previous = self.moved(head.previous, |_| true);
        let moved = self.push_as(head, payload, previous);
        self.moves.push(position, moved);
    }

    /// Ends a commit of this time.
    pub(crate) fn end_commit(&mut self, time: Timestamp) {
        self.encoded.set_time(time);
        self.encoded.end_commit();
    }

    pub(crate) fn write_if_full(&mut self) -> io::Result<()> {
        if self.encoded.bytes().len() >= WRITE_BYTES { self.write() } else { Ok(()) }
    }

    /// How much of it is not synced yet, in bytes.
    pub(super) fn unsynced(&self) -> u64 {
        self.encoded.range().end - self.file.as_ref().expect(NOT_TAKEN).header.synced
    }

    /// Writes and syncs everything up to here.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.write()?;
        let file = self.file.as_mut().expect(NOT_TAKEN);
        file.generation.file.sync()?;
        file.header.synced = self.encoded.range().end;
        Ok(())
    }

    /// Writes and syncs the rest, and both copies of the header; nothing is written by this any more. `current` is
    /// what the database is encrypted with now, if that may have changed. Returns where the log ends, its chain value, and its last record.
    pub(crate) fn finish(&mut self, current: Option<&Keyring>) -> io::Result<(u64, Chain, u64)> {
        self.write()?;
        let TargetFile { header, generation, keyring, sealer, .. } = self.file.as_mut().expect(NOT_TAKEN);
        // The user's key may have been changed since the compaction began.
        if let (Some(own), Some(current)) = (keyring.as_deref(), current) {
            *keyring = Some(Arc::new(own.wrapped_as(current)));
        }
        let sealed_max = sealer.with(|sealer| {
            sealer.allow(sealer.sealed() + SEALS_AHEAD);
            sealer.allowed()
        });
        let keys = keyring.as_deref().zip(sealed_max);
        for _copy in 0..2 {
            header.counter += 1;
            let copy = header.encode(keys).map_err(io::Error::other)?;
            write_all(&*generation.file, &copy, header.position())?;
        }
        generation.file.sync()?;
        Ok((self.encoded.range().end, self.encoded.chain(), self.last_record))
    }

    /// Gives the file the database's name, in the place of the one that has it.
    pub(super) fn rename(&self, database: &Path) -> io::Result<()> {
        self.file_system.rename(&self.path, database)
    }

    /// Gives the file, durably, a name that must be free.
    pub(crate) fn publish(mut self, name: &Path) -> io::Result<()> {
        self.file_system.publish(&self.path, name)?;
        let file = self.file.take().expect(NOT_TAKEN).generation;
        self.file_system.sync_directory(paths::folder(name)).inspect_err(|_| {
            // Who is told that it failed may try again, and finds the name free.
            if file.file.is_named(name).unwrap_or(false) {
                let _ = self.file_system.remove(name);
            }
        })
    }

    /// Notes what the file was copied from.
    pub(crate) fn set_origin(&mut self, origin: Origin) {
        self.file.as_mut().expect(NOT_TAKEN).header.origin = Some(origin);
    }

    /// What it says of itself, and its keys if it is encrypted.
    pub(crate) fn written(&self) -> (&Header, Option<&Arc<Keyring>>) {
        let file = self.file.as_ref().expect(NOT_TAKEN);
        (&file.header, file.keyring.as_ref())
    }

    /// Where it can be read until it gets its name.
    pub(crate) fn place(&self) -> (&dyn FileSystem, &Path) {
        (&*self.file_system, &self.path)
    }

    fn write(&mut self) -> io::Result<()> {
        let file = self.file.as_ref().expect(NOT_TAKEN);
        write_all(&*file.generation.file, self.encoded.bytes(), self.encoded.range().start)?;
        self.encoded.forget_written(self.encoded.bytes().len());
        Ok(())
    }

    /// The new position of a record's previous version; 0 if that is not kept.
    fn moved(&self, previous: u64, is_kept: impl Fn(u64) -> bool) -> u64 {
        match previous {
            0 => 0,
            previous if is_kept(previous) => self.moves.find(previous).unwrap_or(0),
            _ => 0,
        }
    }
}

/// A record as it was read, but for the position of its key's version before.
fn copied<'p>(head: &Head, previous: u64, payload: Option<Payload<'p>>) -> NewRecord<'p> {
    let Head { kind, has_expired, sequence, .. } = *head;
    NewRecord { kind, has_expired, sequence, previous, payload }
}

/// A database in memory has no file to be like.
fn missing_is_fine(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// Why there is a file to write to.
const NOT_TAKEN: &str = "a file is written until it is taken over, and no longer";

impl Drop for Target {
    fn drop(&mut self) {
        if self.file.is_some()
            && let Err(error) = self.file_system.remove(&self.path)
        {
            // The next opening removes it as well.
            tracing::warn!(%error, path = %self.path.display(), "could not remove an unfinished compaction");
        }
    }
}
