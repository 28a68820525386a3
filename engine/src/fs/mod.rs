//! Owns the contract between the engine and a file system. Never knows what is in a file.
//!
//! Three implementations keep it: [`DiskFs`], the operating system's; [`MemoryFs`], for databases without a file;
//! and [`SimFs`], a simulated disk that loses, tears and refuses what a real one may. One battery of tests
//! (`tests/filesystems.rs`) runs against all three.

mod disk;
mod memory;
mod sim;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use disk::DiskFs;
pub use memory::MemoryFs;
pub use sim::{
    Call, Effect, Fate, FatedOperation, Fault, PendingChange, PendingOperation, SimFs, SimOperation, Unsynced,
};

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// An existing file, to read only.
    Read,
    /// An existing file, to read and write.
    ReadWrite,
    /// A file that must not exist yet, to read and write.
    CreateNew,
}

/// A set of named files. What a name stands for is durable only after [`FileSystem::sync_directory`].
pub trait FileSystem: Send + Sync + fmt::Debug + 'static {
    /// The one path by which every name of this file is known: absolute, links resolved. The file itself need not
    /// exist, its folder must.
    ///
    /// # Errors
    /// When the folder is missing or cannot be read.
    fn canonical(&self, path: &Path) -> io::Result<PathBuf>;

    /// Opens a file.
    ///
    /// # Errors
    /// `NotFound` when it is missing, `AlreadyExists` for [`OpenMode::CreateNew`] when it is there, `IsADirectory`
    /// for a folder, and whatever else the system reports.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>>;

    /// Gives the file at `from` the name `to`; a file that had that name loses it.
    ///
    /// # Errors
    /// When the system refuses; both names are then what they were.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Gives the file at `from` the name `to`, which must be free, and takes its old name away.
    ///
    /// # Errors
    /// `AlreadyExists` when `to` is taken; both names are then what they were.
    fn publish(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Lets whoever may read or write the file at `from` do so with the one at `to`, and nobody else, as far as the
    /// system knows such rights.
    ///
    /// # Errors
    /// When the system refuses.
    fn copy_permissions(&self, from: &Path, to: &Path) -> io::Result<()> {
        let _ = (from, to);
        Ok(())
    }

    /// Takes the name away. Open handles go on reading and writing.
    ///
    /// # Errors
    /// `NotFound` when there is no such name.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// The paths of the files in a folder, in no order.
    ///
    /// # Errors
    /// When the folder cannot be read.
    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>>;

    /// Makes every change of names in this folder durable.
    ///
    /// # Errors
    /// When the system reports that it could not.
    fn sync_directory(&self, directory: &Path) -> io::Result<()>;
}

/// An open file. Reads and writes name their position, so handles are shared freely.
#[expect(
    clippy::len_without_is_empty,
    reason = "asking the system for a length can fail, and nobody asks for emptiness"
)]
pub trait File: Send + Sync + fmt::Debug + 'static {
    /// Reads up to `buffer.len()` bytes at `position`, and says how many; 0 only at the end of the file.
    ///
    /// # Errors
    /// What the system reports; `Interrupted` means try again.
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize>;

    /// Writes up to `bytes.len()` bytes at `position`, and says how many. A gap before `position` reads as zeros.
    ///
    /// # Errors
    /// What the system reports; `Interrupted` means try again.
    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<usize>;

    /// The length in bytes.
    ///
    /// # Errors
    /// What the system reports.
    fn len(&self) -> io::Result<u64>;

    /// Cuts the file, or extends it with zeros.
    ///
    /// # Errors
    /// What the system reports.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Makes durable all that was written, and the length as far as reading it back needs it.
    ///
    /// # Errors
    /// What the system reports. What was written since the last successful sync may then be lost or not, and a
    /// second sync that succeeds proves nothing about it.
    fn sync(&self) -> io::Result<()>;

    /// Takes the file's one exclusive, advisory lock if it is free, and says whether it did.
    ///
    /// # Errors
    /// What the system reports.
    fn try_lock(&self) -> io::Result<bool>;

    /// Releases the lock.
    ///
    /// # Errors
    /// What the system reports.
    fn unlock(&self) -> io::Result<()>;

    /// The process that holds the lock, where the system tells.
    fn lock_holder(&self) -> Option<u32>;

    /// Whether `path` still names this very file.
    ///
    /// # Errors
    /// What the system reports, except that a missing name is an answer.
    fn is_named(&self, path: &Path) -> io::Result<bool>;
}

/// Reads until `buffer` is full or the file ends, and says how much was read.
///
/// # Errors
/// What the file reports, interruptions excepted.
pub fn read_full(file: &dyn File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match file.read_at(&mut buffer[done..], position + done as u64) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Writes all of `bytes`, however often the file writes less than it was given.
///
/// # Errors
/// What the file reports, interruptions excepted; `WriteZero` when it accepts nothing more.
pub fn write_all(file: &dyn File, bytes: &[u8], position: u64) -> io::Result<()> {
    let mut done = 0;
    while done < bytes.len() {
        match file.write_at(&bytes[done..], position + done as u64) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
