//! The command that finds documents by the value of a field. Never builds an index.

use std::ops::Bound;

use clap::Args;
use clap_complete::ArgValueCompleter;
use ferrumdb::FieldPath;
use serde_json::Value;

use crate::exit::{Outcome, Status};
use crate::opening::{Opened, Place};
use crate::options::Options;
use crate::output::{Cell, Plain};
use crate::{suggestions, typed};

const EXAMPLES: &str = r#"Examples:
  ferrumdb find my.db role admin                  the keys of the documents whose role is "admin"
  ferrumdb find my.db address.city Bonn           a field in a field
  ferrumdb find my.db '["name.with.dots"]' true   a JSON list, where a name has dots
  ferrumdb find my.db age --from 18 --to 64       values in a range, in their order; both ends count in
  ferrumdb find my.db age --from 18 --limit 10    the ten smallest from there on
  ferrumdb find my.db role admin --documents      keys and documents
  ferrumdb find my.db tags rust                   where the field is an array, each item counts

With an index on the field (see `ferrumdb index --help`) this costs what is found, and otherwise a look at every document.
A value that is not JSON is meant as a string. Exit status: 0, also if nothing was found."#;

/// Finds documents by the value of a field.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Find {
    #[command(flatten)]
    place: Place,

    /// The field; dots lead into fields of fields
    #[arg(value_parser = typed::field, add = ArgValueCompleter::new(suggestions::fields))]
    field: FieldPath,

    /// The value that it has
    #[arg(value_parser = typed::value, required_unless_present_any = ["from", "to"], conflicts_with_all = ["from", "to"])]
    #[arg(allow_hyphen_values = true)]
    value: Option<Value>,

    /// Values from this one on
    #[arg(long, value_name = "VALUE", value_parser = typed::value, allow_hyphen_values = true)]
    from: Option<Value>,

    /// Values up to this one
    #[arg(long, value_name = "VALUE", value_parser = typed::value, allow_hyphen_values = true)]
    to: Option<Value>,

    /// Show the documents with the keys
    #[arg(long)]
    documents: bool,

    /// No more than so many
    #[arg(long, value_name = "NUMBER")]
    limit: Option<usize>,

    /// The largest value first
    #[arg(long)]
    reverse: bool,
}

impl Find {
    pub(super) fn run(&self, options: &Options) -> Outcome {
        self.place.read(options, |Opened { used, output, .. }| {
            let scan = used.range_by(self.field.clone(), self.bounds())?;
            let scan = scan.limit(self.limit.unwrap_or(usize::MAX));
            let scan = if self.reverse { scan.reverse() } else { scan };
            if self.documents {
                let mut rows = output.rows(&["key", "value"], Plain::Table);
                for found in scan {
                    let (key, document) = found?;
                    rows.push(&[Cell::Text(&key), Cell::Json(document.as_str())])?;
                }
                rows.finish()?;
            } else {
                let mut rows = output.names(&["key"]);
                for key in scan.keys() {
                    rows.push(&[Cell::Text(&key?)])?;
                }
                rows.finish()?;
            }
            Ok(Status::Good)
        })
    }

    fn bounds(&self) -> (Bound<Value>, Bound<Value>) {
        let bound = |end: &Option<Value>| {
            let value = self.value.as_ref().or(end.as_ref());
            value.cloned().map_or(Bound::Unbounded, Bound::Included)
        };
        (bound(&self.from), bound(&self.to))
    }
}
