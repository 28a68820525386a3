//! Owns a disk that shows every byte on its way to a file. Never changes one.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use ferrumdb_engine::fs::{File, FileSystem, OpenMode, SimFs};

/// Is called before each write with the disk, the file's name when it was opened, the position and the bytes.
type Watch = Arc<Mutex<dyn FnMut(&SimFs, &Path, u64, &[u8]) + Send>>;

#[derive(Clone)]
pub(crate) struct Watching {
    disk: SimFs,
    watch: Watch,
}

struct WatchedFile {
    disk: SimFs,
    file: Arc<dyn File>,
    path: PathBuf,
    watch: Watch,
}

impl Watching {
    pub(crate) fn new(
        disk: SimFs,
        watch: Arc<Mutex<impl FnMut(&SimFs, &Path, u64, &[u8]) + Send + 'static>>,
    ) -> Self {
        Self { disk, watch }
    }
}

impl std::fmt::Debug for Watching {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.disk.fmt(formatter)
    }
}

impl std::fmt::Debug for WatchedFile {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.file.fmt(formatter)
    }
}

impl FileSystem for Watching {
    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        self.disk.canonical(path)
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let (disk, watch) = (self.disk.clone(), Arc::clone(&self.watch));
        let file = self.disk.open(path, mode)?;
        Ok(Arc::new(WatchedFile { disk, file, path: path.to_path_buf(), watch }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn publish(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.publish(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        self.disk.list(directory)
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        self.disk.sync_directory(directory)
    }
}

impl File for WatchedFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        self.file.read_at(buffer, position)
    }

    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<usize> {
        (self.watch.lock().unwrap())(&self.disk, &self.path, position, bytes);
        self.file.write_at(bytes, position)
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }

    fn try_lock(&self) -> io::Result<bool> {
        self.file.try_lock()
    }

    fn unlock(&self) -> io::Result<()> {
        self.file.unlock()
    }

    fn lock_holder(&self) -> Option<u32> {
        self.file.lock_holder()
    }

    fn is_named(&self, path: &Path) -> io::Result<bool> {
        self.file.is_named(path)
    }
}
