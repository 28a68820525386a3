//! The commands that list and count keys. Never read a document.

use clap::Args;
use serde_json::json;

use crate::bounds::KeyRange;
use crate::exit::{Outcome, Status};
use crate::opening::{Opened, Place};
use crate::options::Options;
use crate::output::Cell;

const KEYS_EXAMPLES: &str = r#"Examples:
  ferrumdb keys my.db                           all keys, in the order of their bytes
  ferrumdb keys my.db user:                     those that begin with user:
  ferrumdb keys my.db --from a --to b           those in a range; the end is not in it
  ferrumdb keys my.db user: --limit 10          a page
  ferrumdb keys my.db user: --after user:17 --limit 10   the next one
  ferrumdb keys my.db --reverse --limit 1       the last key

A key is printed as it can be typed: one with spaces in quotes, as in JSON. --mode raw prints it as it is."#;

const COUNT_EXAMPLES: &str = r#"Examples:
  ferrumdb count my.db                          all documents of the root
  ferrumdb count my.db user:                    those whose keys begin with user:
  ferrumdb count my.db --collection orders --from 2024-01 --to 2024-02"#;

/// Lists keys, in order.
#[derive(Debug, Args)]
#[command(after_help = KEYS_EXAMPLES)]
pub(crate) struct Keys {
    #[command(flatten)]
    place: Place,

    #[command(flatten)]
    range: KeyRange,

    /// Only keys behind this one, in the order in which they are listed
    #[arg(long, value_name = "KEY")]
    after: Option<String>,

    /// No more than so many
    #[arg(long, value_name = "NUMBER")]
    limit: Option<usize>,

    /// The last one first
    #[arg(long)]
    reverse: bool,
}

/// Counts documents.
#[derive(Debug, Args)]
#[command(after_help = COUNT_EXAMPLES)]
pub(crate) struct Count {
    #[command(flatten)]
    place: Place,

    #[command(flatten)]
    range: KeyRange,
}

impl Keys {
    pub(super) fn run(&self, options: &Options) -> Outcome {
        self.place.read(options, |Opened { used, output, .. }| {
            let mut scan = self.range.scan(used)?;
            if self.reverse {
                scan = scan.reverse();
            }
            if let Some(after) = &self.after {
                scan = scan.after(after.as_str());
            }
            let mut rows = output.names(&["key"]);
            for key in scan.limit(self.limit.unwrap_or(usize::MAX)).keys() {
                rows.push(&[Cell::Text(&key)])?;
            }
            rows.finish()?;
            Ok(Status::Good)
        })
    }
}

impl Count {
    pub(super) fn run(&self, options: &Options) -> Outcome {
        self.place.read(options, |Opened { used, output, .. }| {
            let count = self.range.count(used)?;
            output.report(&json!({ "count": count }), &count.to_string())?;
            Ok(Status::Good)
        })
    }
}
