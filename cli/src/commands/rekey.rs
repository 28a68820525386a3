//! The command that lets another key open an encrypted database. Never takes a key from an argument.

use std::path::PathBuf;

use clap::Args;
use ferrumdb::WorkKind;
use serde_json::json;

use crate::access::{Secret, in_environment};
use crate::exit::{Failure, Outcome, Status};
use crate::opening::{closing, open_existing};
use crate::options::Options;
use crate::output::Output;
use crate::progress::{Of, Work, told_of};

const VARIABLE: &str = "FERRUMDB_NEW_PASSPHRASE";

const EXAMPLES: &str = r#"Examples:
  ferrumdb rekey my.db --key-file old.key --new-key-file new.key    from one key to another
  ferrumdb rekey my.db --passphrase --new-passphrase                asks for both on the terminal
  ferrumdb rekey my.db --passphrase --new-passphrase --renew        and encrypts everything anew

FERRUMDB_NEW_PASSPHRASE answers for --new-passphrase. When it is done, the old key opens the file no more; copies that
were made before still open with it. Without --renew the documents stay encrypted with the key inside the file, which
the user's key opens; with it that is replaced, too, by a compaction."#;

/// Lets another key open an encrypted database, and the old one no more.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Rekey {
    /// The database file
    database: PathBuf,

    /// The new key is in this file: 32 bytes, or 64 hexadecimal digits
    #[arg(long, value_name = "FILE", required_unless_present = "new_passphrase")]
    new_key_file: Option<PathBuf>,

    /// Ask for the new passphrase
    #[arg(long, conflicts_with = "new_key_file")]
    new_passphrase: bool,

    /// Encrypt all documents anew
    #[arg(long)]
    renew: bool,
}

impl Rekey {
    pub(super) fn run(&self, options: &Options) -> Outcome {
        let db = open_existing(&self.database, options)?;
        closing(&db, || {
            // ORDER: the old key has opened the file before somebody is asked for a new one.
            db.rekey(self.secret()?.encryption_key()).wait()?;
            if self.renew {
                let work = Work::begin(options.progress, "encrypting anew, read", Of::Bytes(Some(0)));
                let stop = || drop(db.cancel_compaction().wait());
                let renewed =
                    work.watch(|| db.compact(), || told_of(&db, &WorkKind::Compaction), Some(&stop));
                renewed.map_err(|failure| Failure {
                    message: format!(
                        "{}; the new key opens the database, and nothing was encrypted anew",
                        failure.message
                    ),
                    ..failure
                })?;
            }
            Ok(())
        })?;
        let mut output = Output::standard(options.mode());
        output.report(&json!({ "renewed": self.renew }), "the new key opens the database from now on")?;
        output.flush()?;
        Ok(Status::Good)
    }

    fn secret(&self) -> Result<Secret, Failure> {
        match (&self.new_key_file, in_environment(VARIABLE)?) {
            (Some(file), _) => Secret::in_file(file),
            (None, Some(secret)) => Ok(secret),
            (None, None) => Secret::asked("New passphrase", VARIABLE, true),
        }
    }
}
