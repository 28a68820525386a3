//! Owns the birth of a database file, and the removal of what a dead process left half made. Never touches a database that exists.

use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::fs::{File, FileSystem, OpenMode, write_all};
use crate::lock::FileLock;
use crate::log::{ENCRYPTED, Header};
use crate::options::Options;
use crate::paths;
use crate::seal::Keyring;

/// Publishes a new, empty database under a free name. If somebody else was faster, theirs stands.
pub(super) fn publish(file_system: &dyn FileSystem, path: &Path, options: &Options) -> Result<()> {
    create(file_system, path, options, |temporary| match file_system.publish(temporary, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => file_system.remove(temporary),
        result => result,
    })
}

/// Puts a new, empty database in the place of an empty file, whose lock the caller holds.
pub(super) fn replace(file_system: &dyn FileSystem, path: &Path, options: &Options) -> Result<()> {
    create(file_system, path, options, |temporary| file_system.rename(temporary, path))
}

/// The path of a new file, whose name must be free. What a dead process has left of one is removed.
pub(crate) fn free_name(file_system: &dyn FileSystem, path: &Path) -> Result<PathBuf> {
    let path = super::canonical(file_system, path)?;
    match file_system.open(&path, OpenMode::Read) {
        Ok(_) => return Err(Error::Exists { path }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
            return Err(Error::IsADirectory { path });
        }
        Err(source) => return Err(Error::io("look for", &path, source)),
    }
    remove_temporaries(file_system, &path, None);
    Ok(path)
}

/// Removes the temporaries of this database, whose lock the caller holds if there is one, that no living process holds. Failing to is no
/// reason not to open.
pub(super) fn remove_temporaries(file_system: &dyn FileSystem, path: &Path, database: Option<&dyn File>) {
    let is_named = |file: &Path| database.map_or(Ok(false), |database| database.is_named(file));
    let result = file_system.list(paths::folder(path)).and_then(|files| {
        for file in files.iter().filter(|file| paths::is_temporary(path, file)) {
            // A power cut between the two steps of a publishing leaves the database itself a second name. Of any other
            // temporary, its maker holds the lock for as long as it lives.
            let is_stray = is_named(file)? || {
                let handle = file_system.open(file, OpenMode::ReadWrite)?;
                FileLock::take(&handle)?.is_some()
            };
            if is_stray {
                file_system.remove(file)?;
            }
        }
        Ok(())
    });
    if let Err(error) = result {
        tracing::warn!(%error, path = %path.display(), "could not remove an unfinished file beside the database");
    }
}

/// Makes a file that holds an empty database, durably, and has `give_name` put it in its place.
fn create(
    file_system: &dyn FileSystem,
    path: &Path,
    options: &Options,
    give_name: impl FnOnce(&Path) -> io::Result<()>,
) -> Result<()> {
    let temporary = paths::temporary(path);
    let created = make(file_system, &temporary, options).and_then(|lock| {
        match give_name(&temporary) {
            // Somebody who opened the database meanwhile took the temporary for a dead process's, just before it was
            // locked. Opening looks again, and finds theirs.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            result => result?,
        }
        file_system.sync_directory(paths::folder(path))?;
        drop(lock);
        Ok(())
    });
    created.map_err(|source| {
        // Whatever is left of it, the next opening removes as well.
        let _ = file_system.remove(&temporary);
        Error::io("create", path, source)
    })
}

fn make(file_system: &dyn FileSystem, temporary: &Path, options: &Options) -> io::Result<Option<FileLock>> {
    let keyring = options.encryption.as_ref().map(Keyring::create).transpose().map_err(io::Error::other)?;
    let file = file_system.open(temporary, OpenMode::CreateNew)?;
    let lock = FileLock::take(&file)?;
    let mut header = Header::new_file(options.clock.now());
    header.incompatible = if keyring.is_some() { ENCRYPTED } else { 0 };
    for counter in [0, 1] {
        header.counter = counter;
        let copy = header.encode(keyring.as_ref().map(|keyring| (keyring, 0))).map_err(io::Error::other)?;
        write_all(&*file, &copy, header.position())?;
    }
    // ORDER: the contents are durable before a name leads to them.
    file.sync()?;
    Ok(lock)
}
