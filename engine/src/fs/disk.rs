//! Owns the contract's calls to the operating system. Never caches, retries or reorders one.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use same_file::Handle;

use super::{File, FileSystem, OpenMode};

/// Links followed by hand before the chain is called a loop: the bound Linux has.
const LINKS_MAX: usize = 40;

/// The operating system's files.
///
/// ```
/// use ferrumdb_engine::fs::{DiskFs, FileSystem, OpenMode};
///
/// let folder = tempfile::tempdir()?;
/// let file = DiskFs.open(&folder.path().join("a"), OpenMode::CreateNew)?;
/// file.write_at(b"hello", 0)?;
/// file.sync()?;
/// DiskFs.sync_directory(folder.path())?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct DiskFs;

impl FileSystem for DiskFs {
    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        let mut path = path.to_path_buf();
        for _ in 0..LINKS_MAX {
            match fs::canonicalize(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                other => return other,
            }
            // A link that leads nowhere yet: the file will be made where it points.
            match fs::read_link(&path) {
                Ok(target) => path = folder_of(&path).join(target),
                Err(_) => {
                    let name = path.file_name().ok_or(io::ErrorKind::NotFound)?;
                    return Ok(fs::canonicalize(folder_of(&path))?.join(name));
                }
            }
        }
        Err(io::Error::other("too many links follow each other"))
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        if mode != OpenMode::CreateNew {
            // Opening a folder to read may succeed, and opening a pipe may wait for ever: ask before.
            let kind = fs::metadata(path)?.file_type();
            if kind.is_dir() {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            if !kind.is_file() {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
            }
        }
        let mut options = OpenOptions::new();
        options.read(true).write(mode != OpenMode::Read).create_new(mode == OpenMode::CreateNew);
        let handle = Handle::from_file(options.open(path)?)?;
        Ok(Arc::new(DiskFile { handle }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    /// Links the new name, then takes the old one away: the system checks and links in one step. Where the file
    /// system has no links, the check comes before the rename, and a file that appears between the two is lost.
    fn publish(&self, from: &Path, to: &Path) -> io::Result<()> {
        match fs::hard_link(from, to) {
            Ok(()) => fs::remove_file(from).inspect_err(|_| {
                // The first error is the one to tell; a name left over is recognised by whoever opens next.
                let _ = fs::remove_file(to);
            }),
            Err(error) if has_no_links(&error) => match fs::symlink_metadata(to) {
                Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => fs::rename(from, to),
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    fn copy_permissions(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::set_permissions(to, fs::metadata(from)?.permissions())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        let mut paths = Vec::new();
        for entry in fs::read_dir(or_here(directory))? {
            let entry = entry?;
            if !entry.file_type()?.is_dir() {
                paths.push(entry.path());
            }
        }
        Ok(paths)
    }

    #[cfg(unix)]
    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        fs::File::open(or_here(directory))?.sync_all()
    }

    /// Such systems offer no handle on a folder to sync; their journals keep the order of names.
    #[cfg(not(unix))]
    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        fs::metadata(or_here(directory)).map(drop)
    }
}

struct DiskFile {
    /// The open file together with its identity on its device.
    handle: Handle,
}

impl std::fmt::Debug for DiskFile {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.handle.as_file().fmt(formatter)
    }
}

impl File for DiskFile {
    #[cfg(unix)]
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self.handle.as_file(), buffer, position)
    }

    #[cfg(windows)]
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_read(self.handle.as_file(), buffer, position)
    }

    #[cfg(unix)]
    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::write_at(self.handle.as_file(), bytes, position)
    }

    #[cfg(windows)]
    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_write(self.handle.as_file(), bytes, position)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.handle.as_file().metadata()?.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.handle.as_file().set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        self.handle.as_file().sync_data()
    }

    fn try_lock(&self) -> io::Result<bool> {
        match self.handle.as_file().try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn unlock(&self) -> io::Result<()> {
        self.handle.as_file().unlock()
    }

    #[cfg(target_os = "linux")]
    fn lock_holder(&self) -> Option<u32> {
        use std::os::linux::fs::MetadataExt;
        let metadata = self.handle.as_file().metadata().ok()?;
        holder_in(&fs::read_to_string("/proc/locks").ok()?, metadata.st_dev(), metadata.st_ino())
    }

    #[cfg(not(target_os = "linux"))]
    fn lock_holder(&self) -> Option<u32> {
        None
    }

    fn is_named(&self, path: &Path) -> io::Result<bool> {
        match Handle::from_path(path) {
            Ok(named) => Ok(named == self.handle),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    or_here(path.parent().unwrap_or(path))
}

/// The empty path is what `parent` says of a plain file name: the current folder.
fn or_here(directory: &Path) -> &Path {
    if directory.as_os_str() == OsStr::new("") { Path::new(".") } else { directory }
}

/// Whether linking failed in a way in which file systems without links refuse it.
fn has_no_links(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied)
}

/// The process with an exclusive `flock` on this inode, from the text of `/proc/locks`. Where the device shown there
/// is not the one `stat` tells (some layered file systems), nobody is named rather than somebody else.
#[cfg(target_os = "linux")]
fn holder_in(locks: &str, device: u64, inode: u64) -> Option<u32> {
    let major = ((device >> 32) & 0xffff_f000) | ((device >> 8) & 0xfff);
    let minor = ((device >> 12) & 0xffff_ff00) | (device & 0xff);
    let file = format!("{major:02x}:{minor:02x}:{inode}");
    locks.lines().find_map(|line| {
        // "1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF"; those who wait have "->" after the number.
        let mut words = line.split_whitespace().skip(1);
        let is_flock = words.next()? == "FLOCK";
        let is_exclusive = words.nth(1)? == "WRITE";
        let process = words.next()?.parse().ok().filter(|process| *process != 0)?;
        (is_flock && is_exclusive && words.next()? == file).then_some(process)
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing test may panic")]
    use super::*;

    const LOCKS: &str = "1: POSIX  ADVISORY  WRITE 11 08:01:77 0 EOF\n\
                         2: FLOCK  ADVISORY  READ 12 08:01:77 0 EOF\n\
                         3: -> FLOCK  ADVISORY  WRITE 13 08:01:77 0 EOF\n\
                         4: FLOCK  ADVISORY  WRITE 14 08:02:77 0 EOF\n\
                         5: FLOCK  ADVISORY  WRITE 15 103:0a:77 0 EOF\n\
                         6: FLOCK  ADVISORY  WRITE 0 08:03:77 0 EOF\n";

    #[test]
    fn the_holder_is_the_exclusive_flock_on_the_same_device_and_inode() {
        let device = |major: u64, minor: u64| (major << 8) | minor;
        assert_eq!(holder_in(LOCKS, device(8, 2), 77), Some(14));
        assert_eq!(holder_in(LOCKS, device(0x103, 0x0a), 77), Some(15));
        assert_eq!(holder_in(LOCKS, device(8, 1), 77), None);
        assert_eq!(holder_in(LOCKS, device(8, 3), 77), None, "a holder outside this container has no number");
        assert_eq!(holder_in(LOCKS, device(8, 2), 78), None);
        assert_eq!(holder_in("nonsense\n\n", device(8, 2), 77), None);
    }

    #[test]
    fn a_link_that_leads_nowhere_yet_is_followed_to_where_the_file_will_be() {
        let folder = tempfile::tempdir().unwrap();
        let base = fs::canonicalize(folder.path()).unwrap();
        fs::create_dir(base.join("sub")).unwrap();
        std::os::unix::fs::symlink("sub/second", base.join("first")).unwrap();
        std::os::unix::fs::symlink("target.db", base.join("sub/second")).unwrap();
        assert_eq!(DiskFs.canonical(&base.join("first")).unwrap(), base.join("sub/target.db"));
        fs::write(base.join("sub/target.db"), b"x").unwrap();
        assert_eq!(DiskFs.canonical(&base.join("first")).unwrap(), base.join("sub/target.db"));
        std::os::unix::fs::symlink("loop", base.join("loop")).unwrap();
        assert!(DiskFs.canonical(&base.join("loop")).is_err());
    }

    #[test]
    fn a_plain_file_name_lies_in_the_current_folder() {
        let here = fs::canonicalize(".").unwrap();
        assert_eq!(DiskFs.canonical(Path::new("absent.db")).unwrap(), here.join("absent.db"));
        assert!(DiskFs.list(Path::new("")).is_ok());
        assert!(DiskFs.sync_directory(Path::new("")).is_ok());
    }

    #[test]
    fn a_missing_folder_and_a_pipe_are_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let missing = DiskFs.canonical(&folder.path().join("none/x.db")).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert_eq!(DiskFs.open(&pipe, OpenMode::Read).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
