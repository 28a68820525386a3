//! Owns writing a hint file, on any thread and beside commits. Never touches the log.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::contents::Numbers;
use super::format::{
    BLOCK_BYTES, BLOCK_HEAD_BYTES, COLLECTION_BYTES, CONTENT_BYTES, ENTRY_BYTES, ENTRY_EXPIRES, HEADER_BYTES,
    INDEX_BYTES, VALUE_CUT, block as at, collection, content, entry, index, kind,
};
use super::header::{HintHeader, checksum};
use crate::fs::{File, FileSystem, OpenMode, write_all};
use crate::index::IndexEntry;
use crate::index::catalog::Published;
use crate::index::value::IndexValue;
use crate::key::{CollectionId, Key, Timestamp};
use crate::keydir::Entry;
use crate::lock::FileLock;
use crate::log::format::{write_u32, write_u64};
use crate::paths;
use crate::seal::{Keyring, NONCE_BYTES, Purpose, Sealer, TAG_BYTES};
use crate::snapshot::Snapshot;
use crate::view::Shared;

/// A hint that was begun by [`crate::Writer::begin_hint`], to be written on any thread. Until it is written or dropped,
/// the versions that are replaced are remembered in memory, as for a snapshot.
pub struct HintTask {
    shared: Arc<Shared>,
    snapshot: Snapshot,
    file_system: Arc<dyn FileSystem>,
    header: HintHeader,
    keyring: Option<Arc<Keyring>>,
    synced: Arc<AtomicU64>,
    written: Arc<AtomicU64>,
    cancelled: Arc<AtomicBool>,
}

/// Stops the writing of a hint from another thread.
#[derive(Clone, Debug)]
pub struct CancelHint(Arc<AtomicBool>);

impl CancelHint {
    /// Makes the writing fail soon, with `std::io::ErrorKind::Other`, unless the hint is whole by then.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether somebody has stopped it.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl fmt::Debug for HintTask {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("HintTask").field("header", &self.header).finish_non_exhaustive()
    }
}

impl HintTask {
    pub(super) fn new(
        shared: Arc<Shared>,
        snapshot: Snapshot,
        file_system: Arc<dyn FileSystem>,
        header: HintHeader,
        keyring: Option<Arc<Keyring>>,
        synced: Arc<AtomicU64>,
        written: Arc<AtomicU64>,
    ) -> Self {
        let cancelled = Arc::default();
        Self { shared, snapshot, file_system, header, keyring, synced, written, cancelled }
    }

    /// The position up to which the log must be synced before this is run.
    #[must_use]
    pub fn needs_synced(&self) -> u64 {
        self.header.log_end
    }

    /// What stops the writing from another thread, when the hint will be of no use.
    #[must_use]
    pub fn canceller(&self) -> CancelHint {
        CancelHint(Arc::clone(&self.cancelled))
    }

    /// Whether the log is known to be synced so far.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.synced.load(Ordering::Acquire) >= self.needs_synced()
    }

    /// Writes the hint file, and returns its length in bytes. It takes the place of an older one at once, or not at
    /// all. It is not synced: it is a cache, and what a power cut leaves of it is checked before it is believed.
    ///
    /// # Errors
    /// What the system reports; `InvalidInput`, and nothing was done, if the log is not known to be synced as far as
    /// [`HintTask::needs_synced`] says.
    pub fn run(self) -> io::Result<u64> {
        // INVARIANT: a hint describes only what is durable, so no power cut leaves one for commits that are gone.
        if !self.is_ready() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the log is not synced so far"));
        }
        let path = &self.shared.path;
        let temporary = paths::temporary(path);
        let result = self.write(&temporary, path);
        match &result {
            Ok(_) => {
                self.written.fetch_max(self.header.log_end, Ordering::AcqRel);
            }
            Err(_) => {
                // Whatever is left of it, the next opening removes as well.
                let _ = self.file_system.remove(&temporary);
            }
        }
        result
    }

    fn write(&self, temporary: &Path, database: &Path) -> io::Result<u64> {
        let file = self.file_system.open(temporary, OpenMode::CreateNew)?;
        // The lock tells other processes that this temporary is not a dead one's.
        let _lock = FileLock::take(&file)?;
        // Before anything is in it: the keys are for nobody who could not read them before.
        self.file_system.copy_permissions(database, temporary)?;
        let sealer = self.keyring.as_ref().map(|keyring| keyring.file_sealer(Purpose::Hint)).transpose();
        let (salt, sealer) = sealer.map_err(io::Error::other)?.unzip();
        let header = HintHeader { salt: salt.unwrap_or_default(), ..self.header.clone() };
        let mut blocks = Blocks::begin(&*file, &header, sealer)?;
        let view = self.snapshot.view();
        for (name, id) in view.collections.iter() {
            blocks.collection(id, name)?;
        }
        for Published { collection, index, .. } in view.catalog.iter() {
            let (entries, documents) = (index.len() as u64, index.documents() as u64);
            blocks.index(*collection, &index.definition().to_json(), entries, documents)?;
        }
        let mut numbers = Numbers::new(view);
        let (keydir, mut copy) = (&self.shared.keydir, Vec::new());
        for part in 0..keydir.parts() {
            self.go_on()?;
            // What is left of collections that were dropped is not there any more.
            keydir.copy_part_of(part, |id| !view.collections.is_dropped(id), &mut copy);
            for (collection, key, newest) in copy.drain(..) {
                if let Some(entry) = self.snapshot.at_pin(collection, newest, || key.clone()) {
                    blocks.document(collection, &key, &entry, self.shared.expiry_times.get(&entry))?;
                    numbers.push(collection, key);
                }
            }
        }
        for published in view.catalog.iter() {
            blocks.contents(published, &numbers, || self.go_on())?;
        }
        let bytes = blocks.finish()?;
        self.go_on()?;
        self.file_system.rename(temporary, &paths::hint(database))?;
        Ok(bytes)
    }

    fn go_on(&self) -> io::Result<()> {
        if self.cancelled.load(Ordering::Acquire) {
            Err(io::Error::other("it was cancelled"))
        } else {
            Ok(())
        }
    }
}

/// The writing end of a hint file.
pub(super) struct Blocks<'f> {
    file: &'f dyn File,
    position: u64,
    /// What each block is bound to, so that none of another hint passes for one of this.
    header: [u8; HEADER_BYTES],
    sealer: Option<Sealer>,
    kind: u32,
    number: u32,
    entries: u32,
    /// The block that is being filled, its head included.
    buffer: Vec<u8>,
}

impl<'f> Blocks<'f> {
    pub(super) fn begin(file: &'f dyn File, header: &HintHeader, sealer: Option<Sealer>) -> io::Result<Self> {
        let header = header.encode();
        write_all(file, &header, 0)?;
        let buffer = vec![0; BLOCK_HEAD_BYTES];
        let position = HEADER_BYTES as u64;
        Ok(Self { file, position, header, sealer, kind: kind::END, number: 0, entries: 0, buffer })
    }

    pub(super) fn document(
        &mut self,
        collection: CollectionId,
        key: &Key,
        found: &Entry,
        expires_at: Option<Timestamp>,
    ) -> io::Result<()> {
        self.next_entry(kind::KEYDIR)?;
        let mut bytes = [0; ENTRY_BYTES];
        write_u32(&mut bytes, entry::COLLECTION, collection.0);
        write_u32(&mut bytes, entry::KEY_BYTES, key.len() as u32);
        write_u64(&mut bytes, entry::POSITION, found.location.position());
        write_u64(&mut bytes, entry::SEQUENCE, found.sequence.0);
        let flag = if expires_at.is_some() { ENTRY_EXPIRES } else { 0 };
        write_u32(&mut bytes, entry::ORDINAL, found.ordinal() | flag);
        write_u32(&mut bytes, entry::PAYLOAD_BYTES, found.payload_bytes);
        self.buffer.extend_from_slice(&bytes);
        if let Some(at) = expires_at {
            self.buffer.extend_from_slice(&at.0.to_le_bytes());
        }
        self.buffer.extend_from_slice(key.as_bytes());
        Ok(())
    }

    pub(super) fn collection(&mut self, id: CollectionId, name: &str) -> io::Result<()> {
        self.next_entry(kind::COLLECTIONS)?;
        let mut bytes = [0; COLLECTION_BYTES];
        write_u32(&mut bytes, collection::NUMBER, id.0);
        write_u32(&mut bytes, collection::NAME_BYTES, name.len() as u32);
        self.buffer.extend_from_slice(&bytes);
        self.buffer.extend_from_slice(name.as_bytes());
        Ok(())
    }

    pub(super) fn index(
        &mut self,
        collection: CollectionId,
        definition: &str,
        entries: u64,
        documents: u64,
    ) -> io::Result<()> {
        self.next_entry(kind::INDEXES)?;
        let mut bytes = [0; INDEX_BYTES];
        write_u32(&mut bytes, index::COLLECTION, collection.0);
        write_u32(&mut bytes, index::DEFINITION_BYTES, definition.len() as u32);
        write_u64(&mut bytes, index::ENTRIES, entries);
        write_u64(&mut bytes, index::DOCUMENTS, documents);
        self.buffer.extend_from_slice(&bytes);
        self.buffer.extend_from_slice(definition.as_bytes());
        Ok(())
    }

    fn contents(
        &mut self,
        published: &Published,
        numbers: &Numbers,
        go_on: impl Fn() -> io::Result<()>,
    ) -> io::Result<()> {
        let documents = numbers.of(published.collection);
        let mut before = None;
        published.index.each(|IndexEntry { value, key }| {
            go_on()?;
            let number = documents
                .and_then(|documents| documents.get(&key))
                .ok_or_else(|| io::Error::other("an index holds a document that has no number"))?;
            self.content(*number, (before.as_ref() != Some(&value)).then_some(&value))?;
            before = Some(value);
            Ok(())
        })
    }

    /// Adds an entry of the contents of the index whose turn it is. Without a value, it has that of the one before.
    pub(super) fn content(&mut self, number: u32, value: Option<&IndexValue>) -> io::Result<()> {
        self.next_entry(kind::CONTENTS)?;
        let stored = value.map(IndexValue::as_bytes).unwrap_or_default();
        let flag = if value.is_none_or(IndexValue::is_exact) { 0 } else { VALUE_CUT };
        let mut bytes = [0; CONTENT_BYTES];
        write_u32(&mut bytes, content::NUMBER, number);
        bytes[content::VALUE_BYTES..].copy_from_slice(&(stored.len() as u16 | flag).to_le_bytes());
        self.buffer.extend_from_slice(&bytes);
        self.buffer.extend_from_slice(stored);
        Ok(())
    }

    /// Writes the end, and returns the length of the file.
    pub(super) fn finish(mut self) -> io::Result<u64> {
        self.flush()?;
        self.kind = kind::END;
        self.write_block()?;
        Ok(self.position)
    }

    /// Makes room for one more entry of this kind.
    fn next_entry(&mut self, kind: u32) -> io::Result<()> {
        if self.kind != kind || self.buffer.len() >= BLOCK_BYTES {
            self.flush()?;
            self.kind = kind;
        }
        self.entries += 1;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.entries > 0 { self.write_block() } else { Ok(()) }
    }

    fn write_block(&mut self) -> io::Result<()> {
        if self.sealer.is_some() {
            self.buffer.splice(BLOCK_HEAD_BYTES..BLOCK_HEAD_BYTES, [0; NONCE_BYTES]);
            self.buffer.extend_from_slice(&[0; TAG_BYTES]);
        }
        let payload_bytes = (self.buffer.len() - BLOCK_HEAD_BYTES) as u32;
        write_u32(&mut self.buffer, at::KIND, self.kind);
        write_u32(&mut self.buffer, at::NUMBER, self.number);
        write_u32(&mut self.buffer, at::ENTRIES, self.entries);
        write_u32(&mut self.buffer, at::PAYLOAD_BYTES, payload_bytes);
        let (head, payload) = self.buffer.split_at_mut(BLOCK_HEAD_BYTES);
        if let Some(sealer) = &mut self.sealer {
            sealer.seal(&block_bound(&self.header, head), payload).map_err(io::Error::other)?;
        }
        let checksum = block_checksum(checksum(&self.header), &head[..at::CHECKSUM], payload);
        write_u32(head, at::CHECKSUM, checksum);
        write_all(self.file, &self.buffer, self.position)?;
        self.position += self.buffer.len() as u64;
        self.buffer.truncate(BLOCK_HEAD_BYTES);
        self.number += 1;
        self.entries = 0;
        Ok(())
    }
}

/// What the seal of a block is bound to: the whole header, and what the block's head says besides its checksum.
pub(super) fn block_bound(header: &[u8], head: &[u8]) -> Vec<u8> {
    [header, &head[..at::CHECKSUM]].concat()
}

/// The checksum of a block: of the head's fields before it, and of the entries.
pub(super) fn block_checksum(seed: u32, head: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(seed);
    hasher.update(head);
    hasher.update(payload);
    hasher.finalize()
}
