//! Owns the files of backups: finding a free name for a new one, and opening one to read. Never changes one.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::compaction::{Walk, start};
use crate::error::{Error, Result};
use crate::fs::{File, FileSystem, OpenMode, read_full};
use crate::generation::Generation;
use crate::key::Sequence;
use crate::lock::FileLock;
use crate::log::{Chain, Header, HeaderState, LOG_START, Place, VERSION};
use crate::recovery::{canonical, remove_temporaries};

/// A file that holds a log, open to be read.
#[derive(Debug)]
pub(super) struct LogFile {
    pub(super) path: Arc<Path>,
    pub(super) header: Header,
    generation: Arc<Generation>,
    /// Where the file ends.
    pub(super) end: u64,
    /// Nobody writes to it meanwhile.
    _lock: Option<FileLock>,
}

/// The path of a new file, whose name must be free. What a dead process has left of one is removed.
pub(super) fn free_name(file_system: &dyn FileSystem, path: &Path) -> Result<PathBuf> {
    let path = canonical(file_system, path)?;
    match file_system.open(&path, OpenMode::Read) {
        Ok(_) => return Err(Error::Exists { path }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
            return Err(Error::IsADirectory { path });
        }
        Err(source) => return Err(Error::io("look for", &path, source)),
    }
    remove_temporaries(file_system, &path);
    Ok(path)
}

impl LogFile {
    /// Opens a file that nobody else has open as a database.
    pub(super) fn open(file_system: &dyn FileSystem, path: &Path) -> Result<Self> {
        let path = canonical(file_system, path)?;
        let file = file_system.open(&path, OpenMode::Read).map_err(|source| match source.kind() {
            io::ErrorKind::IsADirectory => Error::IsADirectory { path: path.clone() },
            _ => Error::io("open", &path, source),
        })?;
        let lock = FileLock::take(&file).map_err(|source| Error::io("lock", &path, source))?;
        if lock.is_none() {
            return Err(Error::Locked { holder: file.lock_holder(), path });
        }
        Self::read(Arc::from(path), file, lock)
    }

    /// Opens a file that this process is writing, under the name that it has so far.
    pub(super) fn reopen(file_system: &dyn FileSystem, path: &Path) -> Result<Self> {
        let opened = file_system.open(path, OpenMode::Read);
        let file = opened.map_err(|source| Error::io("read back", path, source))?;
        Self::read(Arc::from(path), file, None)
    }

    fn read(path: Arc<Path>, file: Arc<dyn File>, lock: Option<FileLock>) -> Result<Self> {
        let mut bytes = vec![0; LOG_START as usize];
        let (read, end) = read_full(&*file, &mut bytes, 0)
            .and_then(|read| Ok((read, file.len()?)))
            .map_err(|source| Error::io("read", &path, source))?;
        let header = match HeaderState::of_file(&bytes[..read]) {
            HeaderState::Valid(header) if end >= LOG_START => header,
            state => return Err(refusal(&path, &state)),
        };
        let generation = Generation::new(&header, file);
        Ok(Self { path, header, generation, end, _lock: lock })
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

fn refusal(path: &Path, state: &HeaderState) -> Error {
    let path = path.to_path_buf();
    match state {
        HeaderState::Newer { version } => {
            Error::UnsupportedVersion { path, found: *version, supported: VERSION }
        }
        HeaderState::UnknownFeatures { bits } => Error::UnsupportedFeatures { path, bits: *bits },
        HeaderState::Damaged | HeaderState::Valid(_) => {
            Error::Damaged { path: Arc::from(path), position: 0, reason: "neither copy of its header checks" }
        }
        HeaderState::Zeros => {
            Error::NotADatabase { path, found: "it begins with nothing but zeros, or is empty" }
        }
        HeaderState::Foreign => Error::NotADatabase { path, found: "it begins otherwise" },
    }
}
