//! Owns files that live in memory, and the reading of a path as mere text. Never touches the operating system's files.

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::{File, FileSystem, OpenMode};

/// A write gives readers a turn after so many bytes.
const TURN_BYTES: usize = 1 << 16;

/// Files in memory, gone with the last clone and the last handle. Every folder is taken to exist.
///
/// ```
/// use ferrumdb_engine::fs::{FileSystem, MemoryFs, OpenMode};
/// use std::path::Path;
///
/// let memory = MemoryFs::new();
/// let file = memory.open(Path::new("/a"), OpenMode::CreateNew)?;
/// file.write_at(b"hello", 0)?;
/// assert_eq!(file.len()?, 5);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemoryFs {
    names: Arc<RwLock<BTreeMap<PathBuf, Arc<Inode>>>>,
}

impl MemoryFs {
    /// A file system without a file.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<PathBuf, Arc<Inode>>> {
        self.names.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<PathBuf, Arc<Inode>>> {
        self.names.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FileSystem for MemoryFs {
    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        absolute(path)
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let path = absolute(path)?;
        let inode = if mode == OpenMode::CreateNew {
            let mut names = self.write();
            if names.contains_key(&path) || is_folder(&names, &path) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            Arc::clone(names.entry(path).or_default())
        } else {
            let names = self.read();
            Arc::clone(names.get(&path).ok_or_else(|| missing(&names, &path))?)
        };
        Ok(Arc::new(MemoryFile { fs: self.clone(), inode, id: next_id(), writable: mode != OpenMode::Read }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (absolute(from)?, absolute(to)?);
        let mut names = self.write();
        if is_folder(&names, &to) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let inode = names.remove(&from).ok_or_else(|| missing(&names, &from))?;
        names.insert(to, inode);
        Ok(())
    }

    fn publish(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (absolute(from)?, absolute(to)?);
        let mut names = self.write();
        if !names.contains_key(&from) {
            return Err(missing(&names, &from));
        }
        if names.contains_key(&to) || is_folder(&names, &to) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = names.remove(&from).expect("it was found under this very guard");
        names.insert(to, inode);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let path = absolute(path)?;
        let mut names = self.write();
        names.remove(&path).map(drop).ok_or_else(|| missing(&names, &path))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        let directory = absolute_folder(directory)?;
        Ok(self.read().keys().filter(|path| path.parent() == Some(&directory)).cloned().collect())
    }

    fn sync_directory(&self, _directory: &Path) -> io::Result<()> {
        Ok(())
    }
}

/// What handles share, whatever becomes of the name.
#[derive(Debug, Default)]
struct Inode {
    contents: RwLock<Contents>,
    /// The handle that holds the lock, 0 for none.
    holder: AtomicU64,
}

/// INVARIANT: `bytes.len() <= len`; what lies between reads as zeros and takes no memory.
#[derive(Default)]
struct Contents {
    bytes: Vec<u8>,
    len: u64,
}

impl std::fmt::Debug for Contents {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} bytes", self.len)
    }
}

impl Contents {
    fn read(&self, buffer: &mut [u8], position: u64) -> usize {
        let left = self.len.saturating_sub(position);
        let count = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let (kept, zeros) = buffer[..count].split_at_mut(self.kept_from(position).len().min(count));
        kept.copy_from_slice(&self.kept_from(position)[..kept.len()]);
        zeros.fill(0);
        count
    }

    fn write(&mut self, bytes: &[u8], position: u64) -> io::Result<()> {
        let too_large = |_| io::Error::from(io::ErrorKind::FileTooLarge);
        let start = usize::try_from(position).map_err(too_large)?;
        let end = start.checked_add(bytes.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        if end > self.bytes.len() {
            let more = end - self.bytes.len();
            self.bytes.try_reserve(more).map_err(|_| io::Error::from(io::ErrorKind::StorageFull))?;
            self.bytes.resize(start.max(self.bytes.len()), 0);
        }
        let (over, beyond) = bytes.split_at(bytes.len().min(self.bytes.len() - start));
        self.bytes[start..start + over.len()].copy_from_slice(over);
        self.bytes.extend_from_slice(beyond);
        self.len = self.len.max(end as u64);
        Ok(())
    }

    fn set_len(&mut self, len: u64) {
        self.len = len;
        self.bytes.truncate(usize::try_from(len).unwrap_or(usize::MAX));
        if self.bytes.len() < self.bytes.capacity() / 2 {
            self.bytes.shrink_to_fit();
        }
    }

    fn kept_from(&self, position: u64) -> &[u8] {
        usize::try_from(position).ok().and_then(|start| self.bytes.get(start..)).unwrap_or_default()
    }
}

#[derive(Debug)]
struct MemoryFile {
    fs: MemoryFs,
    inode: Arc<Inode>,
    id: u64,
    writable: bool,
}

impl MemoryFile {
    fn contents_mut(&self) -> io::Result<RwLockWriteGuard<'_, Contents>> {
        if !self.writable {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Ok(self.inode.contents.write().unwrap_or_else(PoisonError::into_inner))
    }

    fn contents(&self) -> RwLockReadGuard<'_, Contents> {
        self.inode.contents.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl File for MemoryFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        Ok(self.contents().read(buffer, position))
    }

    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<usize> {
        let mut done = 0;
        for part in bytes.chunks(TURN_BYTES) {
            match self.contents_mut()?.write(part, position.saturating_add(done as u64)) {
                Ok(()) => done += part.len(),
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(done)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.contents().len)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.contents_mut()?.set_len(len);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn try_lock(&self) -> io::Result<bool> {
        let taken = self.inode.holder.compare_exchange(0, self.id, Ordering::AcqRel, Ordering::Acquire);
        Ok(taken.is_ok() || taken == Err(self.id))
    }

    fn unlock(&self) -> io::Result<()> {
        // Another handle's lock is left alone.
        let _ = self.inode.holder.compare_exchange(self.id, 0, Ordering::AcqRel, Ordering::Acquire);
        Ok(())
    }

    fn lock_holder(&self) -> Option<u32> {
        (self.inode.holder.load(Ordering::Acquire) != 0).then(std::process::id)
    }

    fn is_named(&self, path: &Path) -> io::Result<bool> {
        let path = absolute(path)?;
        Ok(self.fs.read().get(&path).is_some_and(|inode| Arc::ptr_eq(inode, &self.inode)))
    }
}

impl Drop for MemoryFile {
    fn drop(&mut self) {
        let _ = self.inode.holder.compare_exchange(self.id, 0, Ordering::AcqRel, Ordering::Acquire);
    }
}

/// The absolute path that the text means, without asking what is there.
pub(super) fn absolute(path: &Path) -> io::Result<PathBuf> {
    let mut resolved = PathBuf::new();
    for component in std::path::absolute(path)?.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                resolved.pop();
            }
            other => resolved.push(other),
        }
    }
    Ok(resolved)
}

/// As [`absolute`]; the empty path is the current folder.
pub(super) fn absolute_folder(directory: &Path) -> io::Result<PathBuf> {
    absolute(if directory.as_os_str().is_empty() { Path::new(".") } else { directory })
}

/// Whether some file lies in it.
pub(super) fn is_folder<T>(names: &BTreeMap<PathBuf, T>, path: &Path) -> bool {
    names.keys().any(|name| name != path && name.starts_with(path))
}

/// Why a path that names no file cannot be used as one.
pub(super) fn missing<T>(names: &BTreeMap<PathBuf, T>, path: &Path) -> io::Error {
    let kind = if is_folder(names, path) { io::ErrorKind::IsADirectory } else { io::ErrorKind::NotFound };
    kind.into()
}

/// A number that no other handle has; never 0.
pub(super) fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing test may panic")]
    use super::*;

    #[test]
    fn a_length_set_ahead_takes_no_memory_until_it_is_written() {
        let mut contents = Contents::default();
        contents.set_len(1 << 50);
        assert_eq!((contents.len, contents.bytes.capacity()), (1 << 50, 0));
        contents.write(b"abc", 4).unwrap();
        assert_eq!(contents.bytes.len(), 7);
        let mut buffer = [9; 9];
        assert_eq!(contents.read(&mut buffer, 2), 9);
        assert_eq!(&buffer, b"\0\0abc\0\0\0\0");
        assert_eq!(contents.read(&mut buffer, (1 << 50) - 2), 2);
    }

    #[test]
    fn what_was_cut_off_does_not_return_when_the_file_grows_again() {
        let mut contents = Contents::default();
        contents.write(b"abcdef", 0).unwrap();
        contents.set_len(2);
        contents.set_len(6);
        let mut buffer = [9; 6];
        assert_eq!(contents.read(&mut buffer, 0), 6);
        assert_eq!(&buffer, b"ab\0\0\0\0");
    }

    #[test]
    fn one_file_has_one_canonical_path_however_it_is_spelled() {
        let memory = MemoryFs::new();
        let plain = memory.canonical(Path::new("x.db")).unwrap();
        assert_eq!(memory.canonical(Path::new("./sub/../x.db")).unwrap(), plain);
        assert!(plain.is_absolute());
        assert!(memory.canonical(Path::new("")).is_err());
    }
}
