//! Owns how the command opens a database, and what it says of the state in which it found it. Never creates a folder.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use clap_complete::ArgValueCompleter;
use ferrumdb::{Collection, ErrorKind, FerrumDB};

use crate::access::Access;
use crate::exit::{Failure, Outcome, Status};
use crate::options::Options;
use crate::output::{self, Output};
use crate::suggestions;

/// Which documents of which file a command is about.
#[derive(Clone, Debug, Args)]
pub(crate) struct Place {
    /// The database file
    pub(crate) database: PathBuf,

    /// The collection of this name, instead of the root
    #[arg(long, value_name = "NAME", add = ArgValueCompleter::new(suggestions::collections))]
    pub(crate) collection: Option<String>,
}

/// A database that a command works on.
pub(crate) struct Opened {
    pub(crate) db: FerrumDB,
    pub(crate) used: Collection,
    pub(crate) output: Output,
}

impl Place {
    /// Does what only reads, without keeping others from opening the file.
    pub(crate) fn read(&self, options: &Options, work: impl FnOnce(&mut Opened) -> Outcome) -> Outcome {
        self.work_on(open_to_read(&self.database, options)?, options, work)
    }

    /// Does what may write. The file is made if it `may_be_new`.
    pub(crate) fn write(
        &self,
        may_be_new: bool,
        options: &Options,
        work: impl FnOnce(&mut Opened) -> Outcome,
    ) -> Outcome {
        let opening = if may_be_new { open } else { open_existing };
        self.work_on(opening(&self.database, options)?, options, work)
    }

    fn work_on(&self, db: FerrumDB, options: &Options, work: impl FnOnce(&mut Opened) -> Outcome) -> Outcome {
        closing(&db, || {
            let used = collection(&db, self.collection.as_deref())?;
            let mut opened = Opened { db: db.clone(), used, output: Output::standard(options.mode()) };
            let outcome = work(&mut opened);
            // ORDER: what was answered before a failure is seen before the failure is told.
            opened.output.flush()?;
            outcome
        })
    }
}

/// The collection of this name, or the root.
pub(crate) fn collection(db: &FerrumDB, name: Option<&str>) -> Result<Collection, Failure> {
    Ok(match name {
        Some(name) => db.collection(name)?,
        None => (**db).clone(),
    })
}

/// Does something with a database, and closes it. Of several failures the first is told.
pub(crate) fn closing<T>(db: &FerrumDB, work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    let outcome = work();
    let closed = db.close().wait();
    let done = outcome?;
    closed?;
    Ok(done)
}

/// Opens the database.
pub(crate) fn open(path: &Path, options: &Options) -> Result<FerrumDB, Failure> {
    let db = FerrumDB::open(Access::of(options, path)?.config(path)?).wait()?;
    warn_of_torn_tail(&db)?;
    Ok(db)
}

/// Opens a database that must be there.
pub(crate) fn open_existing(path: &Path, options: &Options) -> Result<FerrumDB, Failure> {
    must_exist(path)?;
    open(path, options)
}

/// Opens a database that must be there as a follower, which keeps nobody else from opening it.
///
/// A follower does not show the newest commits that a crash has left, since it cannot know whether they count. So a file that
/// was not closed, and that nobody has open, is recovered first.
pub(crate) fn open_to_read(path: &Path, options: &Options) -> Result<FerrumDB, Failure> {
    must_exist(path)?;
    let access = Access::of(options, path)?;
    let follow = || FerrumDB::open(access.config(path)?.read_only()).wait().map_err(Failure::from);
    let followed = match follow() {
        Ok(db) if options.read_only || db.stats()?.recovery.clean => return Ok(db),
        Ok(db) => Some(db),
        // A file without a byte is a new database, or would be.
        Err(failure) if failure.kind == Some(ErrorKind::NotADatabase) && !options.read_only => None,
        Err(failure) => return Err(failure),
    };
    match FerrumDB::open(access.config(path)?.with_lock_timeout(Duration::ZERO)).wait() {
        Ok(db) => closing(&db, || warn_of_torn_tail(&db))?,
        Err(error) => return followed.ok_or_else(|| error.into()),
    }
    follow()
}

/// Opens a database to carry out commands on it. Who sits in front of a terminal may look at one that somebody else writes.
pub(crate) fn open_for_prompt(path: &Path, options: &Options, prompting: bool) -> Result<FerrumDB, Failure> {
    match open(path, options) {
        Err(failure) if prompting && failure.kind == Some(ErrorKind::Locked) => {
            let db = FerrumDB::open(Access::of(options, path)?.config(path)?.read_only()).wait()?;
            output::warning(&format!(
                "{}; what it commits is shown here, and nothing can be written",
                failure.message
            ));
            Ok(db)
        }
        outcome => outcome,
    }
}

pub(crate) fn must_exist(path: &Path) -> Result<(), Failure> {
    if path.exists() {
        return Ok(());
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
