//! Owns how the command opens a database, and what it says of the state in which it found it. Never creates a folder.

use std::path::Path;

use ferrumdb::FerrumDB;

use crate::access::Access;
use crate::exit::{Failure, Status};
use crate::output;

/// Opens the database.
pub(crate) fn open(path: &Path, access: &Access) -> Result<FerrumDB, Failure> {
    let db = FerrumDB::open(access.config(path)?).wait()?;
    warn_of_torn_tail(&db)?;
    Ok(db)
}

/// Opens a database that must be there.
pub(crate) fn open_existing(path: &Path, access: &Access) -> Result<FerrumDB, Failure> {
    if path.exists() {
        return open(path, access);
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
