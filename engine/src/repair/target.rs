//! Owns the file that a repair writes: a database that begins with a base section. Never takes the place of another
//! file.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::collections::CollectionChange;
use crate::fs::{File, FileSystem, OpenMode, write_all};
use crate::key::{CollectionId, Key, Sequence, Timestamp};
use crate::lock::FileLock;
use crate::log::format::ORDINAL_MAX;
use crate::log::{
    Chain, ENCRYPTED, Head, Header, Kind, LOG_START, NewRecord, Payload, RecordSealer, RecordWriter,
};
use crate::paths;
use crate::seal::{Keyring, SEALS_MAX};

/// How much is written at a time.
const WRITE_BYTES: usize = 1 << 20;

/// The file that is being written, under a name of its own. Dropping it removes the file, unless it was published.
#[derive(Debug)]
pub(super) struct Target<'f> {
    file_system: &'f dyn FileSystem,
    path: PathBuf,
    temporary: PathBuf,
    file: Arc<dyn File>,
    _lock: FileLock,
    header: Header,
    /// Holds a data key of its own under the same user's key, if the damaged file is encrypted.
    keyring: Option<Keyring>,
    sealer: RecordSealer,
    encoded: RecordWriter,
    records: u64,
    is_published: bool,
}

impl<'f> Target<'f> {
    /// Begins a database whose history floor and birth are those of `state`, changed last at `time`. It is encrypted if
    /// there is a keyring, and for nobody who could not read the file at `like`.
    pub(super) fn create(
        file_system: &'f dyn FileSystem,
        path: PathBuf,
        like: &Path,
        state: Header,
        keyring: Option<&Keyring>,
        time: Timestamp,
    ) -> io::Result<Self> {
        let keyring = keyring.map(Keyring::renewed).transpose().map_err(io::Error::other)?;
        let temporary = paths::temporary(&path);
        let file = file_system.open(&temporary, OpenMode::CreateNew)?;
        // The lock tells other processes that this temporary is not a dead one's.
        let lock = FileLock::take(&file)
            .and_then(|lock| lock.ok_or_else(|| io::ErrorKind::ResourceBusy.into()))
            .and_then(|lock| file_system.copy_permissions(like, &temporary).map(|()| lock))
            .inspect_err(|_| {
                // Whatever is left of it, the next opening removes as well.
                let _ = file_system.remove(&temporary);
            })?;
        let incompatible = if keyring.is_some() { ENCRYPTED } else { 0 };
        let header = Header { file_id: rand::random(), generation: 1, incompatible, ..state };
        let sealer = RecordSealer::new(&header, keyring.as_ref(), 0);
        // No header says so yet, and nobody else goes on with this file before one does.
        sealer.with(|sealer| sealer.allow(SEALS_MAX));
        let chain = Chain::start(header.file_id, header.generation);
        let encoded = RecordWriter::new(Vec::new(), LOG_START, sealer.clone(), chain, time, LOG_START);
        let (records, is_published) = (0, false);
        Ok(Self {
            file_system,
            path,
            temporary,
            file,
            _lock: lock,
            header,
            keyring,
            sealer,
            encoded,
            records,
            is_published,
        })
    }

    /// Gives names to collections that have lost theirs, behind everything else. Nobody knows any more which commits did, so
    /// they get numbers that no record of the newest commit has.
    pub(super) fn name(&mut self, renamed: &[(CollectionId, Key)]) {
        for (ordinal, (id, name)) in (ORDINAL_MAX - renamed.len() as u32..).zip(renamed) {
            let change = CollectionChange::Created(*id, name.clone());
            self.encoded.push_to_base(&change.record(name, self.header.history_floor), ordinal);
            self.records += 1;
        }
    }

    /// Adds a record that was saved, with the number that it had. They come in the order of their numbers.
    pub(super) fn push(&mut self, head: &Head, payload: Payload<'_>) -> io::Result<()> {
        let Head { kind, has_expired, sequence, .. } = *head;
        let record = NewRecord { kind, has_expired, sequence, previous: 0, payload: Some(payload) };
        self.encoded.push_to_base(&record, head.ordinal);
        self.records += 1;
        if self.encoded.bytes().len() >= WRITE_BYTES { self.write() } else { Ok(()) }
    }

    /// Ends the base section, and gives the file its name, durably.
    pub(super) fn publish(mut self) -> io::Result<()> {
        let state_of = self.header.history_floor;
        if state_of > Sequence::ZERO {
            let count = self.records.to_le_bytes();
            let payload =
                Payload { collection: CollectionId::ROOT, expires_at: None, key: "", document: &count };
            let (kind, has_expired, previous, payload) = (Kind::BaseEnd, false, 0, Some(payload));
            self.encoded.push(&NewRecord { kind, has_expired, sequence: state_of, previous, payload });
            self.encoded.end_commit();
        }
        self.write()?;
        self.header.synced = self.encoded.range().end;
        let sealed_max = self.sealer.with(|sealer| sealer.sealed());
        let keys = self.keyring.as_ref().zip(sealed_max);
        for counter in [0, 1] {
            self.header.counter = counter;
            let copy = self.header.encode(keys).map_err(io::Error::other)?;
            write_all(&*self.file, &copy, self.header.position())?;
        }
        // ORDER: the contents are durable before a name leads to them.
        self.file.sync()?;
        self.file_system.publish(&self.temporary, &self.path)?;
        self.is_published = true;
        self.file_system.sync_directory(paths::folder(&self.path))
    }

    fn write(&mut self) -> io::Result<()> {
        write_all(&*self.file, self.encoded.bytes(), self.encoded.range().start)?;
        self.encoded.forget_written(self.encoded.bytes().len());
        Ok(())
    }
}

impl Drop for Target<'_> {
    fn drop(&mut self) {
        if !self.is_published
            && let Err(error) = self.file_system.remove(&self.temporary)
        {
            // The next opening of a database of this name removes it as well.
            tracing::warn!(%error, path = %self.temporary.display(), "could not remove an unfinished repair");
        }
    }
}
