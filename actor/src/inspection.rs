//! Owns the call that looks at a file without opening it. Never reads what is in it itself.

use ferrumdb_engine::{self as engine, FileInfo};

use crate::checks::on_a_thread;
use crate::config::Config;
use crate::pending::Pending;

/// What a database file says of itself, also while somebody has it open: without its lock, without a byte written, and without
/// its keys in memory, so that it takes milliseconds, however many documents there are. Of the configuration, the path and
/// the key count; without the key, an encrypted file shows its header.
///
/// ```
/// use ferrumdb::FerrumDB;
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("myapp.db");
/// let db = FerrumDB::open(&path).wait()?;
/// db.set("one", 1).wait()?;
/// db.close().wait()?;
///
/// let info = ferrumdb::inspect(&path).wait()?;
/// assert_eq!((info.generation, info.owner), (1, None));
/// let contents = info.contents.expect("the file is small, and not encrypted");
/// assert_eq!((contents.documents, contents.closed), (1, true));
/// # Ok::<(), ferrumdb::Error>(())
/// ```
///
/// # Errors
/// [`NotADatabase`](crate::ErrorKind::NotADatabase), [`UnsupportedFormat`](crate::ErrorKind::UnsupportedFormat),
/// [`Damaged`](crate::ErrorKind::Damaged) when its header is, [`WrongKey`](crate::ErrorKind::WrongKey),
/// [`NotEncrypted`](crate::ErrorKind::NotEncrypted), [`IsADirectory`](crate::ErrorKind::IsADirectory),
/// [`Io`](crate::ErrorKind::Io), also when there is no such file.
pub fn inspect(config: impl Into<Config>) -> Pending<FileInfo> {
    let config = config.into();
    on_a_thread(config.path.clone(), move |_| engine::inspect(&config.engine_options(), &*config.file_system))
}
