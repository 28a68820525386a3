//! The command that backs a database up. Never writes the backup by itself.

use std::path::PathBuf;

use clap::Args;
use ferrumdb::{Sequence, WorkKind};
use serde_json::json;

use crate::exit::{Outcome, Status};
use crate::opening::{closing, open_existing};
use crate::options::Options;
use crate::output::Output;
use crate::progress::{Of, Work, told_of};

const EXAMPLES: &str = r#"Examples:
  ferrumdb backup my.db sunday.db                 everything; it prints the commit up to which that is, say 4711
  ferrumdb backup my.db monday.inc --since 4711   what was committed after that

A backup gets its name when it is whole, on the disk, read back and verified. It never replaces a file, and Ctrl-C leaves
nothing of it. A full one is a
database by itself, compacted. An incremental one is restored together with the full one: see `ferrumdb restore --help`."#;

/// Copies a database to a new file, whole or only what is new, and verifies it.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Backup {
    /// The database file
    pub(crate) database: PathBuf,

    /// The file to write, which must not exist
    pub(crate) to: PathBuf,

    /// Copy only the commits after this one: the number that the backup before has printed
    #[arg(long, value_name = "COMMIT")]
    pub(crate) since: Option<u64>,
}

/// Makes the backup that the arguments name.
pub(super) fn run(arguments: &Backup, options: &Options) -> Outcome {
    let db = open_existing(&arguments.database, options)?;
    let report = closing(&db, || {
        let work = Work::begin(options.progress, "backing up, read", Of::Bytes(Some(0)));
        let begin = || match arguments.since {
            Some(since) => db.backup_since(Sequence(since), &arguments.to),
            None => db.backup_to(&arguments.to),
        };
        let stop = || {
            db.cancel_backups();
        };
        work.watch(begin, || told_of(&db, &WorkKind::Backup), Some(&stop))
    })?;
    let what = match report.since {
        Some(since) => format!("the commits from {} to {}", since.0 + 1, report.sequence),
        None => format!("everything up to commit {}", report.sequence),
    };
    let seconds = report.took.as_secs_f64();
    let (records, bytes) = (report.records, report.bytes);
    let object = json!({
        "to": arguments.to.to_string_lossy(),
        "since": report.since,
        "sequence": report.sequence,
        "records": records,
        "bytes": bytes,
        "seconds": seconds,
    });
    let mut output = Output::standard(options.mode());
    output
        .report(&object, &format!("backed up {what}: {records} records, {bytes} bytes in {seconds:.2} s"))?;
    output.flush()?;
    Ok(Status::Good)
}
