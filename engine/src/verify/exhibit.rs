//! Owns a database file that is only looked at, under its lock, though its header may be bad. Never writes to it.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::fs::{File, FileSystem, OpenMode, read_full};
use crate::hint;
use crate::key::Sequence;
use crate::lock::FileLock;
use crate::log::format::{HEADER_BYTES, header as at, read_u64};
use crate::log::{Chain, Header, HeaderState, Kind, LOG_START, Piece, Place, Scanner, Seed, Survey, VERSION};

/// How often opening begins anew when another process replaces the file at the same moment.
const ATTEMPTS_MAX: usize = 100;

/// The file, its lock, and what it says of itself.
#[derive(Debug)]
pub(crate) struct Exhibit {
    pub(crate) path: Arc<Path>,
    pub(crate) file: Arc<dyn File>,
    pub(crate) file_bytes: u64,
    _lock: FileLock,
    /// By what the records are to be read; nothing in an empty file, or if nothing tells.
    pub(crate) header: Option<Header>,
    /// Where the copies of the header stand that do not check.
    pub(crate) bad_copies: Vec<u64>,
}

impl Exhibit {
    /// Opens the file at `path` for reading, and takes its lock.
    pub(crate) fn open(file_system: &dyn FileSystem, path: &Path) -> Result<Self> {
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
                return Self::read(file_system, &path, file, lock);
            }
        }
        Err(failed(io::Error::new(io::ErrorKind::ResourceBusy, "another process keeps replacing it")))
    }

    /// A walk through the file's log from `position` on.
    pub(crate) fn survey(&self, seed: Seed, position: u64) -> io::Result<Survey<'_>> {
        survey(&*self.file, seed, position)
    }

    fn read(file_system: &dyn FileSystem, path: &Path, file: Arc<dyn File>, lock: FileLock) -> Result<Self> {
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
            bad_copies: Vec::new(),
        };
        if start.is_empty() {
            return Ok(exhibit);
        }
        exhibit.bad_copies = bad_copies(&start);
        let path = path.to_path_buf();
        let state = HeaderState::of_file(&start);
        exhibit.header = match &state {
            HeaderState::Valid(header) => Some(header.clone()),
            HeaderState::Newer { version } => {
                return Err(Error::UnsupportedVersion { path, found: *version, supported: VERSION });
            }
            HeaderState::UnknownFeatures { bits } => {
                return Err(Error::UnsupportedFeatures { path, bits: *bits });
            }
            HeaderState::Damaged | HeaderState::Zeros | HeaderState::Foreign => {
                let found = find_header(&*exhibit.file, &start, hint::identity(file_system, &path));
                found.map_err(|source| Error::io("read", &path, source))?
            }
        };
        match (state, &exhibit.header) {
            (HeaderState::Zeros, None) => {
                Err(Error::NotADatabase { path, found: "it begins with nothing but zeros" })
            }
            (HeaderState::Foreign, None) => Err(Error::NotADatabase { path, found: "it begins otherwise" }),
            _ => Ok(exhibit),
        }
    }
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
fn find_header(file: &dyn File, start: &[u8], hinted: Option<([u8; 16], u64)>) -> io::Result<Option<Header>> {
    let copies = start.chunks(HEADER_BYTES).filter(|copy| copy.len() >= at::COUNTER);
    let told: Vec<_> = copies.map(|copy| (id_of(copy), read_u64(copy, at::GENERATION))).collect();
    let generations: Vec<_> = told.iter().map(|(_, told)| *told).collect();
    let of_id = |(file_id, _): &([u8; 16], u64)| {
        generations.iter().map(|number| (*file_id, *number)).collect::<Vec<_>>()
    };
    let identities = told.iter().flat_map(of_id).chain(hinted);
    for (file_id, generation) in identities {
        if let Some(floor) = floor_by_records(file, Seed::new(file_id, generation))? {
            return Ok(Some(Header { file_id, generation, history_floor: floor, ..Header::of_nothing() }));
        }
    }
    Ok(None)
}

fn id_of(copy: &[u8]) -> [u8; 16] {
    let mut file_id = [0; 16];
    file_id.copy_from_slice(&copy[at::FILE_ID..at::GENERATION]);
    file_id
}

/// The history floor of a log that has records by this seed: that of the base section's end, if there is one.
pub(super) fn floor_by_records(file: &dyn File, seed: Seed) -> io::Result<Option<Sequence>> {
    let mut survey = survey(file, seed, LOG_START)?;
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

fn survey(file: &dyn File, seed: Seed, position: u64) -> io::Result<Survey<'_>> {
    let (sequence, chain) = (Sequence::ZERO, Chain::from_stored(0));
    Scanner::new(file, seed, Place { position, sequence, chain, base: None }).map(Survey::new)
}
