//! The command that makes a database of backups. Never opens one.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use clap::Args;
use ferrumdb::{ErrorKind, Restore as Restoring, RestoreReport, Sequence, Timestamp, UpTo};
use serde_json::json;

use crate::access::Access;
use crate::exit::{Failure, Outcome, Status};
use crate::interrupt;
use crate::options::Options;
use crate::output::Output;
use crate::progress::{Of, Work};
use crate::time;

const EXAMPLES: &str = r#"Examples:
  ferrumdb restore sunday.db --to new.db                         a full backup as a new database
  ferrumdb restore sunday.db monday.inc tuesday.inc --to new.db  and the incremental ones that follow it
  ferrumdb restore sunday.db monday.inc --to new.db --up-to 4800 the state after commit 4800
  ferrumdb restore sunday.db monday.inc --to new.db --at 2026-11-23T04:00:00Z

The backups are verified, and stay as they are. The new file gets its name when it is whole, on the disk, read back and
verified, and Ctrl-C leaves nothing of it. Incremental backups may overlap; if one is missing, or belongs to another database, nothing is restored."#;

/// Makes a new database of a full backup and the incremental ones that follow it.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Restore {
    /// The full backup, or a database file that is not open
    pub(crate) base: PathBuf,

    /// The incremental backups, in their order
    pub(crate) increments: Vec<PathBuf>,

    /// The database file to make, which must not exist
    #[arg(long, value_name = "FILE")]
    pub(crate) to: PathBuf,

    /// Leave out the commits after this one
    #[arg(long, value_name = "COMMIT", conflicts_with = "at")]
    pub(crate) up_to: Option<u64>,

    /// Leave out what was committed after this time: 2026-11-23T04:00:00Z, or milliseconds since 1970
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    pub(crate) at: Option<u64>,
}

/// Restores what the arguments name.
pub(super) fn run(arguments: &Restore, options: &Options) -> Outcome {
    let access = Access::of(options, &arguments.base)?;
    let work = Work::begin(options.progress, "restoring, read", Of::Bytes(None));
    let begun = access.restore(Restoring::new(&arguments.base));
    let mut restore = arguments.increments.iter().fold(begun, |restore, path| restore.increment(path));
    let up_to = arguments.up_to.map(|sequence| UpTo::Sequence(Sequence(sequence)));
    if let Some(up_to) = up_to.or(arguments.at.map(|time| UpTo::Time(Timestamp(time)))) {
        restore = restore.up_to(up_to);
    }
    let outcome = restored(restore, &arguments.to, &work);
    drop(work);
    let report = outcome?;
    let seconds = report.took.as_secs_f64();
    let (sequence, records, bytes) = (report.sequence, report.records, report.bytes);
    let object = json!({
        "to": arguments.to.to_string_lossy(),
        "sequence": sequence,
        "records": records,
        "bytes": bytes,
        "seconds": seconds,
    });
    let words = format!(
        "restored everything up to commit {sequence}: {records} records, {bytes} bytes in {seconds:.2} s"
    );
    let mut output = Output::standard(options.mode());
    output.report(&object, &words)?;
    output.flush()?;
    Ok(Status::Good)
}

/// Restores, until Ctrl-C is pressed.
fn restored(restore: Restoring, to: &Path, work: &Work) -> Result<RestoreReport, Failure> {
    let _caught = interrupt::catch()?;
    let outcome = restore.to_with_progress(to, |bytes| {
        work.add(bytes);
        if interrupt::is_wanted() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    outcome.map_err(|error| match error.kind() {
        ErrorKind::Cancelled => Failure::interrupted(),
        _ => error.into(),
    })
}
