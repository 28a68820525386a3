//! The command that backs a database up. Never writes the backup by itself.

use ferrumdb::Sequence;

use crate::access::Access;
use crate::arguments::Backup;
use crate::exit::Status;
use crate::output::Output;
use crate::working::Working;
use crate::{Outcome, opening};

/// Makes the backup that the arguments name.
pub(crate) fn run(arguments: &Backup, access: &Access) -> Outcome {
    let db = opening::open_existing(&arguments.database, access)?;
    let working = Working::begin(arguments.progress, "backing up");
    let backup = match arguments.since {
        Some(since) => db.backup_since(Sequence(since), &arguments.to),
        None => db.backup_to(&arguments.to),
    };
    let outcome = working.wait(backup);
    drop(working);
    let closed = db.close().wait();
    let report = outcome?;
    closed?;
    let what = match report.since {
        Some(since) => format!("the commits from {} to {}", since.0 + 1, report.sequence),
        None => format!("everything up to commit {}", report.sequence),
    };
    let seconds = report.took.as_secs_f64();
    let mut output = Output::standard();
    output.line(&format!(
        "backed up {what}: {} records, {} bytes in {seconds:.2} s",
        report.records, report.bytes
    ))?;
    output.flush()?;
    Ok(Status::Good)
}
