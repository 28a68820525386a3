//! Owns the lock by which one process at a time has a database file. Never waits for it.

use std::io;
use std::sync::Arc;

use crate::fs::File;

/// A held lock on a file. Dropping it releases it, in the process that took it.
#[derive(Debug)]
pub(crate) struct FileLock {
    file: Arc<dyn File>,
    process: u32,
}

impl FileLock {
    /// Takes the lock if it is free.
    pub(crate) fn take(file: &Arc<dyn File>) -> io::Result<Option<Self>> {
        Ok(file.try_lock()?.then(|| Self { file: Arc::clone(file), process: std::process::id() }))
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // INVARIANT: a forked child shares the lock with its parent, and must not release it.
        if self.process == std::process::id()
            && let Err(error) = self.file.unlock()
        {
            tracing::warn!(%error, "could not release the lock of the database");
        }
    }
}
