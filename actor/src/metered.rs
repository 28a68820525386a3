//! Owns the file system as the database sees it: the one it was given, with its writes, syncs and reads noted. Never
//! changes what an operation does.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use crate::fs::{File, FileSystem, OpenMode};
use crate::link::Link;
use crate::metrics::{Counter, note_document_read};

/// A file system whose files are [`MeteredFile`]s.
pub(crate) struct MeteredFs {
    inner: Arc<dyn FileSystem>,
    link: Arc<Link>,
}

/// A file that tells the counters what is done with it.
struct MeteredFile {
    inner: Arc<dyn File>,
    link: Arc<Link>,
}

impl MeteredFs {
    pub(crate) fn new(inner: Arc<dyn FileSystem>, link: Arc<Link>) -> Self {
        Self { inner, link }
    }
}

impl FileSystem for MeteredFs {
    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        self.inner.canonical(path)
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let inner = self.inner.open(path, mode)?;
        Ok(Arc::new(MeteredFile { inner, link: Arc::clone(&self.link) }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.inner.rename(from, to)
    }

    fn publish(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.inner.publish(from, to)
    }

    fn copy_permissions(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.inner.copy_permissions(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.inner.remove(path)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        self.inner.list(directory)
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        self.inner.sync_directory(directory)
    }
}

impl File for MeteredFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        note_document_read();
        self.inner.read_at(buffer, position)
    }

    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<usize> {
        let written = self.inner.write_at(bytes, position)?;
        self.link.counters.add(Counter::BytesWritten, written as u64);
        Ok(written)
    }

    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.inner.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        let start = Instant::now();
        let outcome = self.inner.sync();
        self.link.counters.record_sync(start.elapsed());
        outcome
    }

    fn try_lock(&self) -> io::Result<bool> {
        self.inner.try_lock()
    }

    fn unlock(&self) -> io::Result<()> {
        self.inner.unlock()
    }

    fn lock_holder(&self) -> Option<u32> {
        self.inner.lock_holder()
    }

    fn is_named(&self, path: &Path) -> io::Result<bool> {
        self.inner.is_named(path)
    }
}

impl fmt::Debug for MeteredFs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(formatter)
    }
}

impl fmt::Debug for MeteredFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(formatter)
    }
}
