//! The command that tells what is committed, as it is committed. Never holds up whoever commits.

use clap::Args;
use ferrumdb::{Changes, Sequence, WatchOptions};

use crate::exit::{Failure, Outcome, Status};
use crate::listings::{CHANGE_COLUMNS, push_change};
use crate::opening::{Opened, Place};
use crate::options::Options;
use crate::output::Plain;

const EXAMPLES: &str = r#"Examples:
  ferrumdb watch my.db                            what is committed from now on, until Ctrl-C
  ferrumdb watch my.db user: --before             of keys that begin with user:, with what was there before
  ferrumdb watch my.db --since 4711               what was committed after commit 4711, and then what follows
  ferrumdb watch my.db --since 0 --limit 100      the first hundred changes that the file tells
  ferrumdb watch my.db --mode ndjson | jq -c 'select(.kind == "deleted")'

It follows the file while another process writes it. A compaction that drops the commits after --since ends it with
status 1."#;

/// Tells what is committed, in order.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Watch {
    #[command(flatten)]
    place: Place,

    /// Only keys that begin with this text
    prefix: Option<String>,

    /// Begin behind this commit, which the last answer has told, instead of now
    #[arg(long, value_name = "COMMIT")]
    since: Option<u64>,

    /// With the documents that were there before
    #[arg(long)]
    before: bool,

    /// Without the documents that are there from then on
    #[arg(long)]
    no_values: bool,

    /// End after so many changes
    #[arg(long, value_name = "NUMBER")]
    limit: Option<u64>,
}

impl Watch {
    pub(super) fn run(&self, options: &Options) -> Outcome {
        self.place.read(options, |Opened { db, output, .. }| {
            let mut changes = match self.since {
                Some(since) => db.changes(Sequence(since), self.wanted())?,
                None => db.watch(self.wanted())?,
            };
            let mut rows = output.rows(CHANGE_COLUMNS, Plain::Table);
            let mut left = self.limit.unwrap_or(u64::MAX);
            while left > 0 {
                let change = match changes.try_next()? {
                    Some(change) => change,
                    None => {
                        // ORDER: what was told is seen before this waits.
                        rows.flush()?;
                        let Some(change) = next(&mut changes)? else { break };
                        change
                    }
                };
                push_change(&mut rows, &change)?;
                left -= 1;
            }
            rows.finish()?;
            Ok(Status::Good)
        })
    }

    fn wanted(&self) -> WatchOptions {
        let wanted = WatchOptions::everything();
        let wanted = match &self.place.collection {
            Some(name) => wanted.collection(name.as_str()),
            None => wanted,
        };
        let wanted = match &self.prefix {
            Some(prefix) => wanted.prefix(prefix.as_str()),
            None => wanted,
        };
        let wanted = if self.before { wanted.with_before() } else { wanted };
        if self.no_values { wanted } else { wanted.with_after() }
    }
}

fn next(changes: &mut Changes) -> Result<Option<ferrumdb::Change>, Failure> {
    Ok(changes.next().transpose()?)
}
