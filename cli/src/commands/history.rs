//! The command that lists what a key has held. Never changes any of it.

use clap::Args;
use clap_complete::ArgValueCompleter;

use crate::exit::{Outcome, Status};
use crate::opening::{Opened, Place};
use crate::options::Options;
use crate::{listings, suggestions};

const EXAMPLES: &str = r#"Examples:
  ferrumdb history my.db user:1              its versions, the newest first
  ferrumdb history my.db user:1 --limit 2    the newest two
  ferrumdb history my.db user:1 --mode ndjson | jq -c '[.sequence, .value.name]'

It goes back as far as the file tells: a compaction drops what was replaced. Exit status: 0, 1 nothing is known of the key."#;

/// Lists what a key has held, the newest version first.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct History {
    #[command(flatten)]
    place: Place,

    /// The key
    #[arg(add = ArgValueCompleter::new(suggestions::keys))]
    key: String,

    /// No more than so many versions
    #[arg(long, value_name = "NUMBER")]
    limit: Option<usize>,
}

impl History {
    pub(super) fn run(&self, options: &Options) -> Outcome {
        self.place.read(options, |Opened { used, output, .. }| {
            let versions = used.history(&self.key)?.take(self.limit.unwrap_or(usize::MAX));
            let told = listings::versions(versions, output)??;
            Ok(if told == 0 { Status::NotFound } else { Status::Good })
        })
    }
}
