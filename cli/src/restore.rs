//! The command that makes a database of backups. Never opens one.

use ferrumdb::{Restore as Restoring, Sequence, Timestamp, UpTo};

use crate::Outcome;
use crate::access::Access;
use crate::arguments::Restore;
use crate::exit::Status;
use crate::output::Output;
use crate::working::Working;

/// Restores what the arguments name.
pub(crate) fn run(arguments: &Restore, access: &Access) -> Outcome {
    let working = Working::begin(arguments.progress, "restoring, bytes read:");
    let begun = access.restore(Restoring::new(&arguments.base));
    let mut restore = arguments.increments.iter().fold(begun, |restore, path| restore.increment(path));
    let up_to = arguments.up_to.map(|sequence| UpTo::Sequence(Sequence(sequence)));
    if let Some(up_to) = up_to.or(arguments.at.map(|time| UpTo::Time(Timestamp(time)))) {
        restore = restore.up_to(up_to);
    }
    let outcome = restore.to_with_progress(&arguments.to, |bytes| working.add(bytes));
    drop(working);
    let report = outcome?;
    let seconds = report.took.as_secs_f64();
    let mut output = Output::standard();
    output.line(&format!(
        "restored everything up to commit {}: {} records, {} bytes in {seconds:.2} s",
        report.sequence, report.records, report.bytes
    ))?;
    output.flush()?;
    Ok(Status::Good)
}
