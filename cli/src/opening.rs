//! Owns how the command opens a database, and what it says of the state in which it found it. Never creates a folder.

use std::path::Path;

use ferrumdb::{Config, FerrumDB, FsyncPolicy};

use crate::exit::{Failure, Status};
use crate::output;

/// Opens the database with the policy given, or with the one that the environment sets.
pub(crate) fn open(path: &Path, fsync: Option<FsyncPolicy>) -> Result<FerrumDB, Failure> {
    let config = Config::new(path);
    let config = match fsync {
        Some(policy) => config.with_fsync_policy(policy),
        None => config.from_env()?,
    };
    let db = FerrumDB::open(config).wait()?;
    warn_of_torn_tail(&db)?;
    Ok(db)
}

/// Opens a database that must be there.
pub(crate) fn open_existing(path: &Path, fsync: Option<FsyncPolicy>) -> Result<FerrumDB, Failure> {
    if path.exists() {
        return open(path, fsync);
    }
    Err(Failure::new(Status::Io, format!("there is no database {}; look at the path", path.display())))
}

fn warn_of_torn_tail(db: &FerrumDB) -> Result<(), Failure> {
    let recovery = db.stats()?.recovery;
    if recovery.torn_bytes == 0 {
        return Ok(());
    }
    let saved = match recovery.torn_file {
        Some(file) => format!("whole commits in it were saved to {}", file.display()),
        None => "no whole commit was in it".to_owned(),
    };
    output::warning(&format!(
        "a crash left {} bytes unfinished, which were cut off; {saved}",
        recovery.torn_bytes
    ));
    Ok(())
}
