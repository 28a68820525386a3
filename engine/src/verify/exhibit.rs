//! Owns a database file that is only looked at, under its lock, though its header may be bad. Never writes to it.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::fs::{File, FileSystem, OpenMode, read_full};
use crate::hint::{self, Identity};
use crate::key::Sequence;
use crate::lock::FileLock;
use crate::log::format::{HEADER_BYTES, header as at, read_u64};
use crate::log::{
    Chain, ENCRYPTED, Header, HeaderCopy, HeaderState, Kind, LOG_START, LogKeys, Piece, Place, Scanner,
    Survey, VERSION,
};
use crate::recovery::INCREMENT;
use crate::recovery::unlock::{Unlocked, unlock};
use crate::seal::{EncryptionKey, Keyring};

/// How often opening begins anew when another process replaces the file at the same moment.
const ATTEMPTS_MAX: usize = 100;

const UNREADABLE: &str =
    "neither copy of its header checks, and nothing else tells how its records are to be read";
const UNREADABLE_SEALED: &str =
    "neither copy of its header checks, and it is encrypted: only they hold the key to it";

/// The file, its lock, and what it says of itself.
#[derive(Debug)]
pub(crate) struct Exhibit {
    pub(crate) path: Arc<Path>,
    pub(crate) file: Arc<dyn File>,
    pub(crate) file_bytes: u64,
    _lock: FileLock,
    /// By what the records are to be read; nothing in an empty file, or if nothing tells.
    pub(crate) header: Option<Header>,
    /// Its keys, if it is encrypted.
    pub(crate) keyring: Option<Arc<Keyring>>,
    /// Why there is no header, if there is none.
    pub(crate) unreadable: &'static str,
    /// Where the copies of the header stand that do not check.
    pub(crate) bad_copies: Vec<u64>,
}

impl Exhibit {
    /// Opens the file at `path` for reading, and takes its lock.
    pub(crate) fn open(
        file_system: &dyn FileSystem,
        path: &Path,
        key: Option<&EncryptionKey>,
    ) -> Result<Self> {
        let failed = |source| Error::io("open", path, source);
        let path = file_system.canonical(path).map_err(failed)?;
        for _ in 0..ATTEMPTS_MAX {
            let file = file_system.open(&path, OpenMode::Read).map_err(|source| match source.kind() {
                io::ErrorKind::IsADirectory => Error::IsADirectory { path: path.clone() },
                _ => Error::io("open", &path, source),
            })?;
            let lock = FileLock::take(&file).map_err(|source| Error::io("lock", &path, source))?;
            let Some(lock) = lock else {
                return Err(Error::Locked { path, holder: file.lock_holder() });
            };
            if file.is_named(&path).map_err(|source| Error::io("check the name of", &path, source))? {
                return Self::read(file_system, &path, key, file, lock);
            }
        }
        Err(failed(io::Error::new(io::ErrorKind::ResourceBusy, "another process keeps replacing it")))
    }

    /// A walk through the file's log from its start on.
    pub(crate) fn survey<'e>(&'e self, keys: &'e LogKeys) -> io::Result<Survey<'e>> {
        survey(&*self.file, keys)
    }

    fn read(
        file_system: &dyn FileSystem,
        path: &Path,
        key: Option<&EncryptionKey>,
        file: Arc<dyn File>,
        lock: FileLock,
    ) -> Result<Self> {
        let failed = |source| Error::io("read", path, source);
        let mut start = vec![0; LOG_START as usize];
        let read = read_full(&*file, &mut start, 0).map_err(failed)?;
        start.truncate(read);
        let file_bytes = file.len().map_err(failed)?;
        let mut exhibit = Self {
            path: Arc::from(path),
            file,
            file_bytes,
            _lock: lock,
            header: None,
            keyring: None,
            unreadable: UNREADABLE,
            bad_copies: Vec::new(),
        };
        if start.is_empty() {
            return Ok(exhibit);
        }
        exhibit.bad_copies = bad_copies(&start);
        let path = path.to_path_buf();
        match HeaderState::of_file(&start) {
            // What is saved of one would pass for a database, and hold a part of one.
            HeaderState::Valid(copies) if copies[0].header.is_increment() => {
                return Err(Error::NotADatabase { path, found: INCREMENT });
            }
            HeaderState::Valid(copies) => exhibit.unlock(&start, copies, key)?,
            HeaderState::Newer { version } => {
                return Err(Error::UnsupportedVersion { path, found: version, supported: VERSION });
            }
            HeaderState::UnknownFeatures { bits } => {
                return Err(Error::UnsupportedFeatures { path, bits });
            }
            HeaderState::UnknownEncryption(error) => return Err(Error::seal(&path, error)),
            state @ (HeaderState::Damaged | HeaderState::Zeros | HeaderState::Foreign) => {
                let hinted = hint::identity(file_system, &path);
                let found = find_header(&*exhibit.file, &start, hinted);
                exhibit.header = found.map_err(|source| Error::io("read", &path, source))?;
                match (state, &exhibit.header) {
                    (HeaderState::Zeros, None) => {
                        let found = "it begins with nothing but zeros";
                        return Err(Error::NotADatabase { path, found });
                    }
                    (HeaderState::Foreign, None) => {
                        return Err(Error::NotADatabase { path, found: "it begins otherwise" });
                    }
                    (_, Some(_)) if key.is_some() => return Err(Error::NotEncrypted { path }),
                    (_, None) if was_encrypted(&start, hinted) => exhibit.unreadable = UNREADABLE_SEALED,
                    _ => {}
                }
            }
        }
        Ok(exhibit)
    }

    /// Takes the header from the copies that check, as opening does, except that one that was tampered with is only bad.
    fn unlock(&mut self, start: &[u8], copies: Vec<HeaderCopy>, key: Option<&EncryptionKey>) -> Result<()> {
        let mut left = &copies[..];
        while let [first, others @ ..] = left {
            match unlock(&self.path, left.to_vec(), key) {
                Err(Error::Tampered { .. }) => {
                    self.bad_copies.push(place_of(first, start));
                    left = others;
                }
                Err(error) => return Err(error),
                Ok(Unlocked { header, keyring, .. }) => {
                    if let Some(keyring) = &keyring {
                        let bad = left.iter().filter(|copy| !is_vouched_for(copy, &header, keyring));
                        self.bad_copies.extend(bad.map(|copy| place_of(copy, start)));
                    }
                    (self.header, self.keyring) = (Some(header), keyring);
                    break;
                }
            }
        }
        if self.header.is_none() {
            self.unreadable = UNREADABLE_SEALED;
        }
        self.bad_copies.sort_unstable();
        Ok(())
    }
}

/// Where in the first bytes of a file this copy stands.
fn place_of(copy: &HeaderCopy, start: &[u8]) -> u64 {
    if start.starts_with(&copy.bytes) { 0 } else { HEADER_BYTES as u64 }
}

/// Whether a copy beside the one that was opened, the `header`, is what was written; one for another key may be.
fn is_vouched_for(copy: &HeaderCopy, header: &Header, keyring: &Keyring) -> bool {
    match (&copy.header.encryption, &header.encryption) {
        (Some(block), Some(opened)) => !block.has_the_key_of(opened) || keyring.vouches_for(&copy.bytes),
        _ => false,
    }
}

/// Whether what is left of the header, or the hint file, says that the file is encrypted.
fn was_encrypted(start: &[u8], hinted: Option<Identity>) -> bool {
    let copies = start.chunks(HEADER_BYTES).filter(|copy| copy.len() >= at::COUNTER);
    copies.map(|copy| read_u64(copy, at::INCOMPATIBLE)).any(|bits| bits == ENCRYPTED)
        || hinted.is_some_and(|hinted| hinted.is_sealed)
}

/// Where the copies of the header stand that do not check, in the first bytes of a file.
pub(super) fn bad_copies(start: &[u8]) -> Vec<u64> {
    let (first, second) = start.split_at(start.len().min(HEADER_BYTES));
    let copies = [(0, first), (HEADER_BYTES as u64, second)].into_iter();
    let bad = copies.filter(|(_, copy)| !matches!(HeaderState::of_file(copy), HeaderState::Valid(_)));
    bad.map(|(position, _)| position).collect()
}

/// What the header must have said, where neither copy checks: by what is left of them, or by the hint file, if records
/// in the log check by it.
fn find_header(file: &dyn File, start: &[u8], hinted: Option<Identity>) -> io::Result<Option<Header>> {
    let copies = start.chunks(HEADER_BYTES).filter(|copy| copy.len() >= at::COUNTER);
    let told: Vec<_> = copies.map(|copy| (id_of(copy), read_u64(copy, at::GENERATION))).collect();
    let generations: Vec<_> = told.iter().map(|(_, told)| *told).collect();
    let of_id = |(file_id, _): &([u8; 16], u64)| {
        generations.iter().map(|number| (*file_id, *number)).collect::<Vec<_>>()
    };
    let hinted = hinted.map(|hinted| (hinted.file_id, hinted.generation));
    let identities = told.iter().flat_map(of_id).chain(hinted);
    for (file_id, generation) in identities {
        let header = Header { file_id, generation, ..Header::of_nothing() };
        if let Some(history_floor) = floor_by_records(file, &LogKeys::new(&header, None))? {
            return Ok(Some(Header { history_floor, ..header }));
        }
    }
    Ok(None)
}

fn id_of(copy: &[u8]) -> [u8; 16] {
    let mut file_id = [0; 16];
    file_id.copy_from_slice(&copy[at::FILE_ID..at::GENERATION]);
    file_id
}

/// The history floor of a log that has records by these keys: that of the base section's end, if there is one.
pub(super) fn floor_by_records(file: &dyn File, keys: &LogKeys) -> io::Result<Option<Sequence>> {
    let mut survey = survey(file, keys)?;
    let (mut position, mut found, mut floor) = (LOG_START, false, None);
    loop {
        let piece = survey.piece(position, |head, _, _| {
            found = true;
            if head.kind == Kind::BaseEnd {
                floor = Some(head.sequence);
            }
        })?;
        match piece {
            Piece::Record { end } | Piece::Bad { end, .. } if floor.is_none() => position = end,
            _ => return Ok(found.then(|| floor.unwrap_or_default())),
        }
    }
}

fn survey<'f>(file: &'f dyn File, keys: &'f LogKeys) -> io::Result<Survey<'f>> {
    let (sequence, chain) = (Sequence::ZERO, Chain::from_stored(0));
    Scanner::new(file, keys, Place { position: LOG_START, sequence, chain, base: None }).map(Survey::new)
}
