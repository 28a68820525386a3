//! The command that stores one document. Never reads more than its value.

use std::io::{self, Read};
use std::time::Duration;

use clap::{ArgGroup, Args};
use clap_complete::ArgValueCompleter;
use ferrumdb::{Sequence, Transaction};
use serde_json::json;

use crate::exit::{Failure, Outcome, Status};
use crate::opening::{Opened, Place};
use crate::options::Options;
use crate::suggestions;
use crate::time::lifetime;
use crate::typed::Value;

const EXAMPLES: &str = r#"Examples:
  ferrumdb set my.db user:1 '{"name": "Ada"}'       a document
  ferrumdb set my.db name Ada                       what is not JSON is stored as a string
  ferrumdb set my.db zip 01234 --text               a string, whatever it looks like
  curl -s $URL | ferrumdb set my.db page:1 -        from a pipe
  ferrumdb set my.db session:9 '{}' --ttl 60        it expires after a minute
  ferrumdb set my.db leader '"me"' --if-absent      only if there is none
  ferrumdb set my.db user:1 '{}' --if-version 7     only if nobody has changed it since `get --meta`

The file is made if it does not exist. Exit status: 0 stored, 6 refused: a condition did not hold, or the value begins
as JSON does and is none."#;

/// Stores a document under a key.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, group = ArgGroup::new("condition"))]
pub(crate) struct Set {
    #[command(flatten)]
    place: Place,

    /// The key
    #[arg(add = ArgValueCompleter::new(suggestions::keys))]
    key: String,

    /// The document: JSON, or a text; or - for standard input
    #[arg(default_value = "-", allow_hyphen_values = true)]
    value: String,

    /// Store the value as a string, even if it is JSON
    #[arg(long)]
    text: bool,

    /// Let the document expire after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = lifetime)]
    ttl: Option<Duration>,

    /// Store it only if there is no document under the key
    #[arg(long, group = "condition")]
    if_absent: bool,

    /// Store it only if there is a document under the key
    #[arg(long, group = "condition")]
    if_exists: bool,

    /// Store it only if the document under the key is of this version
    #[arg(long, value_name = "VERSION", group = "condition")]
    if_version: Option<u64>,
}

impl Set {
    pub(super) fn run(&self, options: &Options) -> Outcome {
        let given = self.given()?;
        let value = if self.text { Value::Text(&given) } else { Value::of(given.trim_ascii()) };
        let transaction = self.transaction(&value.json());
        self.place.write(true, options, |Opened { db, output, .. }| {
            let sequence = db.commit(transaction).wait()?;
            output.report(&json!({"key": self.key, "sequence": sequence}), "OK")?;
            Ok(Status::Good)
        })
    }

    fn given(&self) -> Result<String, Failure> {
        if self.value != "-" {
            return Ok(self.value.clone());
        }
        let unreadable = |error: io::Error| match error.kind() {
            io::ErrorKind::InvalidData => Failure::new(Status::Refused, "standard input is not UTF-8 text"),
            _ => Failure::new(Status::Io, format!("could not read standard input: {error}")),
        };
        io::read_to_string(io::stdin().lock().take(u64::MAX)).map_err(unreadable)
    }

    fn transaction(&self, json: &str) -> Transaction {
        let key = self.key.as_str();
        let begun = match &self.place.collection {
            Some(name) => Transaction::new().in_collection(name.as_str()),
            None => Transaction::new(),
        };
        let begun = match self.if_version {
            Some(version) => begun.if_version(key, Sequence(version)),
            None if self.if_absent => begun.if_absent(key),
            None if self.if_exists => begun.if_exists(key),
            None => begun,
        };
        match self.ttl {
            Some(lifetime) => begun.set_raw_ex(key, json, lifetime),
            None => begun.set_raw(key, json),
        }
    }
}
