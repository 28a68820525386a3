//! Owns opening: from a path to a locked, recovered database. Never changes a file before its lock is held, nor one that it refuses.

mod cases;
mod create;
mod replay;
pub(crate) mod staged;
mod torn;
pub(crate) mod unlock;
pub(crate) mod unread;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::fs::{File, FileSystem, OpenMode, read_full};
use crate::lock::FileLock;
use crate::log::{HeaderCopy, HeaderState, LOG_START, VERSION};
use crate::options::Options;
use crate::reader::Reader;
use crate::writer::Writer;
use cases::FileAction;
pub(crate) use cases::FileFound;
pub(crate) use create::free_name;
pub(crate) use unlock::{Unlocked, unlock};

/// What is said of a file that is no database by itself.
pub(crate) const INCREMENT: &str = "it is an incremental backup, to be restored together with its full one";

/// How often opening begins anew when another process creates, replaces or removes the file at the same moment.
const ATTEMPTS_MAX: usize = 100;

/// Opens the database at a path, creating it if there is none, and returns its two halves.
///
/// ```
/// use std::sync::Arc;
///
/// use ferrumdb_engine::fs::MemoryFs;
/// use ferrumdb_engine::{CollectionId, Durability, EncodedDocument, Key, Options, Transaction, open};
///
/// let (mut writer, reader) = open(Options::new("my.db"), Arc::new(MemoryFs::new()))?;
///
/// let document = EncodedDocument::from_json(br#"{"name": "alice"}"#, &reader.limits())?;
/// let mut transaction = Transaction::new();
/// transaction.set(CollectionId::ROOT, Key::from("user:1"), document, None);
/// let outcomes = writer.commit(&[transaction], Durability::Synced)?;
/// assert_eq!(outcomes[0].as_ref().map(|committed| committed.sequence.0), Ok(1));
///
/// let document = reader.get(CollectionId::ROOT, "user:1")?.expect("it was just set");
/// assert_eq!(document.as_str(), r#"{"name":"alice"}"#);
/// writer.close()?;
/// # Ok::<(), ferrumdb_engine::Error>(())
/// ```
///
/// # Errors
/// [`Error::Locked`], [`Error::IsADirectory`], [`Error::NoSuchFolder`], [`Error::NotADatabase`],
/// [`Error::UnsupportedVersion`], [`Error::UnsupportedFeatures`] and [`Error::Damaged`] leave the file untouched.
/// [`Error::Io`] for everything that the system reports.
pub fn open(options: Options, file_system: Arc<dyn FileSystem>) -> Result<(Writer, Reader)> {
    let options = Options { limits: options.limits.clamped(), ..options };
    let path = canonical(&*file_system, &options.path)?;
    for _ in 0..ATTEMPTS_MAX {
        let Some((found, held)) = look(&*file_system, &path)? else { continue };
        match (found.action(), held) {
            (FileAction::Create, _) => create::publish(&*file_system, &path, &options)?,
            (FileAction::Replace, Some(_held)) => create::replace(&*file_system, &path, &options)?,
            (FileAction::Recover, Some(Held { file, lock, header: HeaderState::Valid(copies) })) => {
                let unlocked = unlock(&path, copies, options.encryption.as_ref())?;
                create::remove_temporaries(&*file_system, &path, Some(&*file));
                return replay::recover(options, file_system, &path, file, lock, unlocked);
            }
            (_, held) => return Err(refusal(path, found, held.map(|held| held.header))),
        }
    }
    let source = io::Error::new(io::ErrorKind::ResourceBusy, "another process keeps replacing it");
    Err(Error::io("open", &path, source))
}

/// An open file whose lock is held, and what its first bytes are.
struct Held {
    file: Arc<dyn File>,
    lock: FileLock,
    header: HeaderState,
}

/// The one path of a file, which need not exist.
pub(crate) fn canonical(file_system: &dyn FileSystem, path: &Path) -> Result<PathBuf> {
    file_system.canonical(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => Error::NoSuchFolder { path: path.to_path_buf() },
        _ => Error::io("find", path, source),
    })
}

/// Finds out what the path names, and takes its lock if it is a file. Nothing, if the name changed hands meanwhile.
fn look(file_system: &dyn FileSystem, path: &Path) -> Result<Option<(FileFound, Option<Held>)>> {
    let file = match file_system.open(path, OpenMode::ReadWrite) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some((FileFound::Missing, None))),
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
            return Ok(Some((FileFound::Folder, None)));
        }
        Err(source) => return Err(Error::io("open", path, source)),
    };
    let Some(lock) = FileLock::take(&file).map_err(|source| Error::io("lock", path, source))? else {
        return Err(Error::Locked { path: path.to_path_buf(), holder: file.lock_holder() });
    };
    // INVARIANT: the lock is on the file that the path names *now*. Between the opening and the locking, another
    // process may have put a new file under the name.
    if !file.is_named(path).map_err(|source| Error::io("check the name of", path, source))? {
        return Ok(None);
    }
    let (found, header) = identify(&*file, path)?;
    Ok(Some((found, Some(Held { file, lock, header }))))
}

/// Opens a database to read only, and without its lock; its header is not empty.
pub(crate) fn open_to_look(
    file_system: &dyn FileSystem,
    path: &Path,
) -> Result<(Arc<dyn File>, Vec<HeaderCopy>)> {
    let file = file_system.open(path, OpenMode::Read).map_err(|source| match source.kind() {
        io::ErrorKind::IsADirectory => Error::IsADirectory { path: path.to_path_buf() },
        _ => Error::io("open", path, source),
    })?;
    match identify(&*file, path)? {
        (FileFound::Database | FileFound::ReadOnlyFeatures, HeaderState::Valid(copies)) => Ok((file, copies)),
        (found, header) => Err(refusal(path.to_path_buf(), found, Some(header))),
    }
}

/// Finds out what a file is by its first bytes.
pub(crate) fn identify(file: &dyn File, path: &Path) -> Result<(FileFound, HeaderState)> {
    let mut start = vec![0; LOG_START as usize];
    let read = read_full(file, &mut start, 0).map_err(|source| Error::io("read", path, source))?;
    start.truncate(read);
    let header = HeaderState::of_file(&start);
    let found = match &header {
        _ if start.is_empty() => FileFound::Empty,
        HeaderState::Valid(_) if start.len() < LOG_START as usize => FileFound::DamagedHeader,
        HeaderState::Valid(copies) if copies[0].header.is_increment() => FileFound::Increment,
        HeaderState::Valid(copies) if copies[0].header.features_to_write() != 0 => {
            FileFound::ReadOnlyFeatures
        }
        HeaderState::Valid(_) => FileFound::Database,
        HeaderState::Newer { .. } => FileFound::NewerVersion,
        HeaderState::UnknownFeatures { .. } => FileFound::UnknownFeatures,
        HeaderState::UnknownEncryption(_) => FileFound::UnknownFeatures,
        HeaderState::Damaged => FileFound::DamagedHeader,
        HeaderState::Zeros => FileFound::Zeros,
        HeaderState::Foreign => FileFound::Foreign,
    };
    Ok((found, header))
}

pub(crate) fn refusal(path: PathBuf, found: FileFound, header: Option<HeaderState>) -> Error {
    match (found, header) {
        (FileFound::Folder, _) => Error::IsADirectory { path },
        (_, Some(HeaderState::Newer { version })) => {
            Error::UnsupportedVersion { path, found: version, supported: VERSION }
        }
        (_, Some(HeaderState::UnknownEncryption(error))) => Error::seal(&path, error),
        (_, Some(HeaderState::UnknownFeatures { bits })) => Error::UnsupportedFeatures { path, bits },
        (FileFound::ReadOnlyFeatures, Some(HeaderState::Valid(copies))) => {
            Error::UnsupportedFeatures { path, bits: copies[0].header.features_to_write() }
        }
        (FileFound::DamagedHeader, _) => {
            Error::Damaged { path: Arc::from(path), position: 0, reason: "neither copy of its header checks" }
        }
        (FileFound::Empty, _) => Error::NotADatabase { path, found: "it is empty" },
        (FileFound::Increment, _) => Error::NotADatabase { path, found: INCREMENT },
        (FileFound::Zeros, _) => Error::NotADatabase { path, found: "it begins with nothing but zeros" },
        _ => Error::NotADatabase { path, found: "it begins otherwise" },
    }
}
