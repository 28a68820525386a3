//! The command that has a database compacted. Never copies anything itself.

use std::path::PathBuf;

use clap::Args;
use ferrumdb::WorkKind;
use serde_json::json;

use crate::exit::{Outcome, Status};
use crate::opening::{closing, open_existing};
use crate::options::Options;
use crate::output::Output;
use crate::progress::{Of, Work, told_of};

const EXAMPLES: &str = r#"Examples:
  ferrumdb compact my.db           writes the file anew without what is not needed any more
  ferrumdb info my.db              says beforehand how much that would win: dead_bytes

It needs room for a second file, which takes the place of the first only when it is whole and on the disk. Ctrl-C stops it,
and leaves the first as it was. What was
replaced or deleted is gone from the file then, and from the history of its key."#;

/// Wins back the room of what was replaced, deleted, or has expired.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Compact {
    /// The database file
    database: PathBuf,
}

impl Compact {
    pub(super) fn run(&self, options: &Options) -> Outcome {
        let db = open_existing(&self.database, options)?;
        let report = closing(&db, || {
            let work = Work::begin(options.progress, "compacting, read", Of::Bytes(Some(0)));
            let stop = || drop(db.cancel_compaction().wait());
            work.watch(|| db.compact(), || told_of(&db, &WorkKind::Compaction), Some(&stop))
        })?;
        let mut output = Output::standard(options.mode());
        let (before, after, dropped) = (report.bytes_before, report.bytes_after, report.records_dropped);
        let seconds = report.took.as_secs_f64();
        let object = json!({
            "bytes_before": before,
            "bytes_after": after,
            "records_dropped": dropped,
            "seconds": seconds,
        });
        let words = format!(
            "compacted {before} bytes of log to {after} in {seconds:.2} s; {dropped} records were left out"
        );
        output.report(&object, &words)?;
        output.flush()?;
        Ok(Status::Good)
    }
}
