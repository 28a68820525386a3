//! Owns the live file: what the owner of a database tells followers in other processes. Never syncs it, and never lets it
//! decide what the database holds: it can be deleted at any time.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::fs::{File, FileSystem, OpenMode, read_full, write_all};
use crate::key::Sequence;
use crate::log::Header;
use crate::log::format::{read_u32, read_u64, write_u32, write_u64};
use crate::paths;
use crate::writer::{LogState, Writer};

/// The first bytes of a live file. 0xFF occurs in no UTF-8 text.
const MAGIC: [u8; 16] = *b"\xFFFerrumLV\xFE\r\n\x1A\n\xFF\0";
/// The version of the live file.
const VERSION: u32 = 0;
/// Its length.
const LIVE_BYTES: usize = 96;
/// How often it is read again if its bytes do not check: it may just be being written.
const READS_MAX: usize = 3;

/// Offsets within a live file.
mod at {
    pub(super) const MAGIC: usize = 0;
    pub(super) const VERSION: usize = 16;
    pub(super) const LIVE_BYTES: usize = 20;
    pub(super) const FILE_ID: usize = 24;
    pub(super) const GENERATION: usize = 40;
    pub(super) const SEQUENCE: usize = 48;
    pub(super) const LOG_END: usize = 56;
    pub(super) const CHAIN: usize = 64;
    pub(super) const PROCESS: usize = 72;
    pub(super) const CHECKSUM: usize = 92;
}

/// What the owner has published last. There is nothing secret in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Live {
    pub(crate) file_id: [u8; 16],
    pub(crate) generation: u64,
    pub(crate) sequence: Sequence,
    /// The position behind that commit.
    pub(crate) log_end: u64,
    /// The chain value in its mark.
    pub(crate) chain: u64,
    pub(crate) process: u32,
}

impl Live {
    /// What the live file beside this database says. Nothing, if there is none, or none that checks.
    pub(crate) fn read(file_system: &dyn FileSystem, database: &Path) -> Option<Self> {
        let file = file_system.open(&paths::live(database), OpenMode::Read).ok()?;
        (0..READS_MAX).find_map(|_| {
            let mut bytes = [0; LIVE_BYTES];
            let read = read_full(&*file, &mut bytes, 0).ok()?;
            Self::decode(&bytes[..read])
        })
    }

    fn encode(&self) -> [u8; LIVE_BYTES] {
        let mut bytes = [0; LIVE_BYTES];
        bytes[at::MAGIC..at::MAGIC + MAGIC.len()].copy_from_slice(&MAGIC);
        write_u32(&mut bytes, at::VERSION, VERSION);
        write_u32(&mut bytes, at::LIVE_BYTES, LIVE_BYTES as u32);
        bytes[at::FILE_ID..at::FILE_ID + 16].copy_from_slice(&self.file_id);
        write_u64(&mut bytes, at::GENERATION, self.generation);
        write_u64(&mut bytes, at::SEQUENCE, self.sequence.0);
        write_u64(&mut bytes, at::LOG_END, self.log_end);
        write_u64(&mut bytes, at::CHAIN, self.chain);
        write_u32(&mut bytes, at::PROCESS, self.process);
        let checksum = crc32fast::hash(&bytes[..at::CHECKSUM]);
        write_u32(&mut bytes, at::CHECKSUM, checksum);
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let checks = bytes.len() == LIVE_BYTES
            && bytes.starts_with(&MAGIC)
            && read_u32(bytes, at::VERSION) == VERSION
            && read_u32(bytes, at::LIVE_BYTES) == LIVE_BYTES as u32
            && crc32fast::hash(&bytes[..at::CHECKSUM]) == read_u32(bytes, at::CHECKSUM);
        let mut file_id = [0; 16];
        file_id.copy_from_slice(bytes.get(at::FILE_ID..at::FILE_ID + 16)?);
        checks.then(|| Self {
            file_id,
            generation: read_u64(bytes, at::GENERATION),
            sequence: Sequence(read_u64(bytes, at::SEQUENCE)),
            log_end: read_u64(bytes, at::LOG_END),
            chain: read_u64(bytes, at::CHAIN),
            process: read_u32(bytes, at::PROCESS),
        })
    }
}

impl Writer {
    /// Whether something was published that followers have not been told of.
    #[must_use]
    pub fn wants_live(&self) -> bool {
        self.live().is_behind(self.log().header.generation, self.log().sequence)
    }

    /// Tells followers in other processes what was published last. It costs one small write, and fails without
    /// consequences but for them; not to be called more often than about once in a millisecond.
    pub fn write_live(&mut self) {
        let LogState { header: Header { file_id, generation, .. }, chain, sequence, .. } = *self.log();
        // What was appended and could not be synced lies behind what is published.
        let log_end = self.shared().view.load().log_end;
        let (chain, process) = (chain.value(), std::process::id());
        self.live_mut().write(&Live { file_id, generation, sequence, log_end, chain, process });
    }
}

/// The owner's end: the live file of a database that is open to be written.
#[derive(Debug)]
pub(crate) struct LiveFile {
    file_system: Arc<dyn FileSystem>,
    path: PathBuf,
    file: Option<Arc<dyn File>>,
    /// What was written last, by generation and sequence.
    written: Option<(u64, Sequence)>,
    /// Whether it could not be written: then it is not tried again.
    has_failed: bool,
}

impl LiveFile {
    pub(crate) fn new(file_system: Arc<dyn FileSystem>, database: &Path) -> Self {
        let path = paths::live(database);
        Self { file_system, path, file: None, written: None, has_failed: false }
    }

    /// Whether this generation and sequence are not in it yet.
    pub(crate) fn is_behind(&self, generation: u64, sequence: Sequence) -> bool {
        !self.has_failed && self.written != Some((generation, sequence))
    }

    /// Writes what was published. A failure is no error: followers then do without.
    pub(crate) fn write(&mut self, live: &Live) {
        if let Err(error) = self.try_write(live) {
            let path = self.path.display();
            tracing::warn!(%path, %error, "could not write the live file; followers stay one commit behind");
            self.has_failed = true;
            self.remove();
        }
        self.written = Some((live.generation, live.sequence));
    }

    /// Removes the file, if this has written one.
    pub(crate) fn remove(&mut self) {
        if self.file.take().is_some()
            && let Err(error) = self.file_system.remove(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "could not remove the live file");
        }
    }

    fn try_write(&mut self, live: &Live) -> io::Result<()> {
        let file = match &self.file {
            Some(file) => file,
            None => self.file.insert(open(&*self.file_system, &self.path)?),
        };
        write_all(&**file, &live.encode(), 0)
    }
}

/// Opens the file that a dead owner has left, or makes one. One that is something else is left alone.
fn open(file_system: &dyn FileSystem, path: &Path) -> io::Result<Arc<dyn File>> {
    let file = match file_system.open(path, OpenMode::ReadWrite) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return file_system.open(path, OpenMode::CreateNew);
        }
        Err(error) => return Err(error),
    };
    let mut bytes = [0; LIVE_BYTES];
    read_full(&*file, &mut bytes, 0)?;
    let is_ours = bytes.starts_with(&MAGIC) || bytes.iter().all(|byte| *byte == 0);
    if !is_ours || file.len()? > LIVE_BYTES as u64 {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "another file has its name"));
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing test may panic")]
    use super::*;
    use crate::fs::MemoryFs;

    const LIVE: Live = Live {
        file_id: [7; 16],
        generation: 3,
        sequence: Sequence(5),
        log_end: 8200,
        chain: 0x0123_4567_89AB_CDEF,
        process: 42,
    };

    #[test]
    fn it_is_believed_right_in_every_byte_or_not_at_all() {
        let bytes = LIVE.encode();
        assert_eq!(Live::decode(&bytes), Some(LIVE));
        for index in 0..bytes.len() {
            let mut torn = bytes;
            torn[index] ^= 0x10;
            assert_eq!(Live::decode(&torn), None, "byte {index}");
            assert_eq!(Live::decode(&bytes[..index]), None, "cut at {index}");
        }
        let newer = Live { sequence: Sequence(6), log_end: 8300, ..LIVE }.encode();
        let mixed: Vec<u8> = newer[..56].iter().chain(&bytes[56..]).copied().collect();
        assert_eq!(Live::decode(&mixed), None, "half of one, half of another");
    }

    #[test]
    fn it_is_written_in_place_and_removed_and_what_a_dead_owner_left_is_taken_over() {
        let (files, database) = (Arc::new(MemoryFs::new()), Path::new("/my.db"));
        let mut first = LiveFile::new(files.clone(), database);
        assert!(first.is_behind(3, Sequence(5)));
        first.write(&LIVE);
        assert!(!first.is_behind(3, Sequence(5)) && first.is_behind(3, Sequence(6)));
        assert!(first.is_behind(4, Sequence(5)), "a compaction changes no sequence");
        assert_eq!(Live::read(&*files, database), Some(LIVE));
        drop(first);
        let mut second = LiveFile::new(files.clone(), database);
        second.write(&Live { process: 43, ..LIVE });
        assert_eq!(Live::read(&*files, database).unwrap().process, 43);
        second.remove();
        assert_eq!(Live::read(&*files, database), None);
        assert_eq!(files.list(Path::new("/")).unwrap(), Vec::<PathBuf>::new());
    }

    #[test]
    fn a_file_of_this_name_that_is_something_else_is_left_alone() {
        let (files, database) = (Arc::new(MemoryFs::new()), Path::new("/my.db"));
        let file = files.open(&paths::live(database), OpenMode::CreateNew).unwrap();
        write_all(&*file, b"a user's", 0).unwrap();
        let mut live = LiveFile::new(files.clone(), database);
        live.write(&LIVE);
        assert!(!live.is_behind(9, Sequence(9)), "it is not tried again");
        let mut bytes = [0; 16];
        assert_eq!(read_full(&*file, &mut bytes, 0).unwrap(), 8);
        assert!(bytes.starts_with(b"a user's") && file.is_named(&paths::live(database)).unwrap());
    }
}
