//! The command that shows documents by their keys. Never writes.

use clap::Args;
use clap_complete::ArgValueCompleter;
use ferrumdb::Document;

use crate::exit::{Outcome, Status};
use crate::given::GivenKeys;
use crate::opening::{Opened, Place};
use crate::options::Options;
use crate::output::{Cell, Plain};
use crate::suggestions;
use crate::time::seconds_left;

const EXAMPLES: &str = r#"Examples:
  ferrumdb get my.db user:1                      the document
  ferrumdb get my.db user:1 | jq .name           a field of it
  ferrumdb get my.db name --mode raw             a string without its quotes
  ferrumdb get my.db user:1 user:2               several, with their keys
  ferrumdb get my.db user:1 --meta               with its version, and the seconds that it has left
  ferrumdb keys my.db user: | ferrumdb get my.db -   keys from a pipe, one a line

Several documents are as of one moment. Exit status: 0 all were there, 1 one or more were not."#;

/// Shows the documents under some keys.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Get {
    #[command(flatten)]
    place: Place,

    /// The keys; or - for keys on standard input, one a line
    #[arg(required = true, add = ArgValueCompleter::new(suggestions::keys))]
    keys: Vec<String>,

    /// Show the version and the lifetime of each document, too
    #[arg(long)]
    meta: bool,
}

/// So many keys from a pipe are looked up at once.
const KEYS_AT_ONCE: usize = 1000;

impl Get {
    pub(super) fn run(&self, options: &Options) -> Outcome {
        self.place.read(options, |opened| match &self.keys[..] {
            [key] if key != "-" && !self.meta => one(opened, key),
            keys => self.several(opened, keys),
        })
    }

    fn several(&self, opened: &mut Opened, keys: &[String]) -> Outcome {
        let Opened { used, output, .. } = opened;
        let columns: &[_] =
            if self.meta { &["key", "version", "ttl_seconds", "value"] } else { &["key", "value"] };
        let mut rows = output.rows(columns, Plain::Table);
        let mut status = Status::Good;
        GivenKeys::of(keys).each(KEYS_AT_ONCE, |keys| {
            let found = used.get_many(keys)?;
            for (key, document) in keys.iter().zip(found) {
                let Some(document) = document else {
                    status = Status::NotFound;
                    continue;
                };
                let value = Cell::Json(document.as_str());
                if self.meta {
                    let left = seconds_left(used.ttl(key)?);
                    let version = Cell::Number(document.version().0);
                    rows.push(&[Cell::Text(key), version, Cell::number(left), value])?;
                } else {
                    rows.push(&[Cell::Text(key), value])?;
                }
            }
            Ok(())
        })?;
        rows.finish()?;
        Ok(status)
    }
}

fn one(opened: &mut Opened, key: &str) -> Outcome {
    let Opened { used, output, .. } = opened;
    let found: Option<Document> = used.get(key)?;
    Ok(match found {
        Some(document) => {
            output.document(document.as_str())?;
            Status::Good
        }
        None => Status::NotFound,
    })
}
