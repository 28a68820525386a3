//! Owns the files of backups: finding a free name for a new one, and opening one to read. Never changes one.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::compaction::{Walk, start};
use crate::error::{Error, Result};
use crate::fs::{File, FileSystem, OpenMode, read_full};
use crate::generation::Generation;
use crate::key::Sequence;
use crate::lock::FileLock;
use crate::log::{Chain, Header, HeaderCopy, HeaderState, LOG_START, Place, VERSION};
use crate::recovery::{Unlocked, canonical, unlock};
use crate::seal::{EncryptionKey, Keyring};

/// A file that holds a log, open to be read.
#[derive(Debug)]
pub(super) struct LogFile {
    pub(super) path: Arc<Path>,
    pub(super) header: Header,
    pub(super) keyring: Option<Arc<Keyring>>,
    generation: Arc<Generation>,
    /// Where the file ends.
    pub(super) end: u64,
    /// Nobody writes to it meanwhile.
    _lock: Option<FileLock>,
}

impl LogFile {
    /// Opens a file that nobody else has open as a database.
    pub(super) fn open(
        file_system: &dyn FileSystem,
        path: &Path,
        key: Option<&EncryptionKey>,
    ) -> Result<Self> {
        let path = canonical(file_system, path)?;
        let file = file_system.open(&path, OpenMode::Read).map_err(|source| match source.kind() {
            io::ErrorKind::IsADirectory => Error::IsADirectory { path: path.clone() },
            _ => Error::io("open", &path, source),
        })?;
        let lock = FileLock::take(&file).map_err(|source| Error::io("lock", &path, source))?;
        if lock.is_none() {
            return Err(Error::Locked { holder: file.lock_holder(), path });
        }
        let copies = read_header(&path, &*file)?;
        let Unlocked { header, keyring, .. } = unlock(&path, copies, key)?;
        Self::new(Arc::from(path), header, keyring, file, lock)
    }

    /// Opens a file that this process is writing, with these keys, under the name that it has so far.
    pub(super) fn reopen(
        file_system: &dyn FileSystem,
        path: &Path,
        keyring: Option<&Arc<Keyring>>,
    ) -> Result<Self> {
        let opened = file_system.open(path, OpenMode::Read);
        let file = opened.map_err(|source| Error::io("read back", path, source))?;
        let mut copies = read_header(path, &*file)?;
        if keyring.is_some_and(|keyring| copies.iter().any(|copy| !keyring.has_written(&copy.bytes))) {
            return Err(Error::Tampered { path: Arc::from(path), position: 0 });
        }
        let header = copies.swap_remove(0).header;
        Self::new(Arc::from(path), header, keyring.cloned(), file, None)
    }

    fn new(
        path: Arc<Path>,
        header: Header,
        keyring: Option<Arc<Keyring>>,
        file: Arc<dyn File>,
        lock: Option<FileLock>,
    ) -> Result<Self> {
        let end = file.len().map_err(|source| Error::io("measure", &path, source))?;
        let generation = Generation::new(&header, keyring.as_deref(), file);
        Ok(Self { path, header, keyring, generation, end, _lock: lock })
    }

    /// Where its log begins: an incremental backup's behind the commit that it follows.
    pub(super) fn start(&self) -> Place {
        match (self.header.is_increment(), &self.header.origin) {
            (true, Some(origin)) => {
                let chain = Chain::start(self.header.file_id, self.header.generation);
                Place { position: LOG_START, sequence: origin.sequence, chain, base: None }
            }
            _ => start(&self.header),
        }
    }

    /// The commit behind which its log holds every commit.
    pub(super) fn floor(&self) -> Sequence {
        if self.header.is_increment() { self.start().sequence } else { self.header.history_floor }
    }

    /// Walks on from a place.
    pub(super) fn walk(&self, place: Place) -> Result<Walk<'_>> {
        Walk::of_file(&self.path, &self.generation, place, self.end)
    }
}

/// The copies of a file's header that check, the one that holds first.
fn read_header(path: &Path, file: &dyn File) -> Result<Vec<HeaderCopy>> {
    let mut bytes = vec![0; LOG_START as usize];
    let read = read_full(file, &mut bytes, 0).map_err(|source| Error::io("read", path, source))?;
    match HeaderState::of_file(&bytes[..read]) {
        // What is made of it would claim features that this build does not keep up.
        HeaderState::Valid(copies) if copies[0].header.features_to_write() != 0 => {
            let bits = copies[0].header.features_to_write();
            Err(Error::UnsupportedFeatures { path: path.to_path_buf(), bits })
        }
        HeaderState::Valid(copies) if read == bytes.len() => Ok(copies),
        state => Err(refusal(path, state)),
    }
}

fn refusal(path: &Path, state: HeaderState) -> Error {
    let path = path.to_path_buf();
    match state {
        HeaderState::UnknownEncryption(error) => Error::seal(&path, error),
        HeaderState::Newer { version } => {
            Error::UnsupportedVersion { path, found: version, supported: VERSION }
        }
        HeaderState::UnknownFeatures { bits } => Error::UnsupportedFeatures { path, bits },
        HeaderState::Damaged | HeaderState::Valid(_) => {
            Error::Damaged { path: Arc::from(path), position: 0, reason: "neither copy of its header checks" }
        }
        HeaderState::Zeros => {
            Error::NotADatabase { path, found: "it begins with nothing but zeros, or is empty" }
        }
        HeaderState::Foreign => Error::NotADatabase { path, found: "it begins otherwise" },
    }
}
