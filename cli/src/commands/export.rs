//! The command that writes a database as lines of JSON. Never holds more than a few documents.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use ferrumdb::FerrumDB;
use serde_json::json;

use crate::exit::{Failure, Outcome, Status};
use crate::interrupt;
use crate::opening::{closing, open_to_read};
use crate::options::Options;
use crate::output::{self, Output};
use crate::progress::{Of, Work};

const EXAMPLES: &str = r#"Examples:
  ferrumdb export my.db my.ndjson               to a new file
  ferrumdb export my.db | gzip > my.ndjson.gz   to a pipe
  ferrumdb export my.db | ferrumdb import new.db -

The first line says what follows: {"ferrumdb_export":1,"sequence":7,"documents":2,"indexes":[["city"]],"collections":[]}.
Each other line is a document: {"key":"user:1","value":{"name":"alice"}}, with "expires_at" in milliseconds since 1970 if
it expires. All of it is as of one commit. Ctrl-C leaves nothing of the file."#;

/// Writes every document of a database as a line of JSON, with expiries and the definitions of indexes.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Export {
    /// The database file
    pub(crate) database: PathBuf,

    /// The file to write, which must not exist; or - for standard output
    #[arg(default_value = "-")]
    pub(crate) to: PathBuf,
}

const BUFFER_BYTES: usize = 256 << 10;
/// The progress is told of so many documents at a time.
const PROGRESS_DOCUMENTS: u64 = 500;

/// Exports the database that the arguments name.
pub(super) fn run(arguments: &Export, options: &Options) -> Outcome {
    let start = Instant::now();
    let db = open_to_read(&arguments.database, options)?;
    let documents = closing(&db, || match arguments.to == Path::new("-") {
        true => export(&db, io::stdout().lock(), options),
        false => export_to_file(&db, &arguments.to, options),
    })?;
    let noun = if documents == 1 { "document" } else { "documents" };
    let seconds = start.elapsed().as_secs_f64();
    let words = format!("exported {documents} {noun} in {seconds:.2} s");
    if arguments.to == Path::new("-") || options.mode().is_none() {
        // Standard output is the documents' own.
        output::note(&words);
        return Ok(Status::Good);
    }
    let mut output = Output::standard(options.mode());
    output.report(&json!({"documents": documents, "seconds": seconds}), &words)?;
    output.flush()?;
    Ok(Status::Good)
}

/// Writes to a new file, which is on the disk when this returns, and gone if it fails or Ctrl-C stops it.
pub(crate) fn export_to_file(db: &FerrumDB, path: &Path, options: &Options) -> Result<u64, Failure> {
    let unwritable = |error: io::Error| {
        let message = match error.kind() {
            io::ErrorKind::AlreadyExists => {
                format!("there is a file {} already; remove it, or give another name", path.display())
            }
            _ => format!("could not write {}: {error}", path.display()),
        };
        Failure::new(Status::Io, message)
    };
    let _caught = interrupt::catch()?;
    let file = File::create_new(path).map_err(unwritable)?;
    export(db, &file, options)
        .and_then(|documents| file.sync_all().map(|()| documents).map_err(unwritable))
        .inspect_err(|_| {
            // The first error is the one to tell.
            let _ = fs::remove_file(path);
        })
}

/// Writes all documents, and says how many they are.
pub(crate) fn export(db: &FerrumDB, to: impl Write, options: &Options) -> Result<u64, Failure> {
    let documents = db.export()?;
    let work = Work::begin(options.progress, "exported", Of::Documents(documents.documents()));
    let mut output = BufWriter::with_capacity(BUFFER_BYTES, to);
    let mut lines = 0;
    for line in documents {
        output.write_all(line?.as_bytes())?;
        output.write_all(b"\n")?;
        lines += 1;
        if lines % PROGRESS_DOCUMENTS == 0 {
            work.add(PROGRESS_DOCUMENTS);
            interrupt::check()?;
        }
    }
    output.flush()?;
    Ok(lines - 1)
}
