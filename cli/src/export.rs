//! The command that writes a database as lines of JSON. Never holds more than a few documents.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use ferrumdb::FerrumDB;

use crate::access::Access;
use crate::arguments::Export;
use crate::exit::{Failure, Status};
use crate::working::Working;
use crate::{Outcome, opening, output};

const BUFFER_BYTES: usize = 256 << 10;
/// The progress is told of so many documents at a time.
const PROGRESS_DOCUMENTS: u64 = 500;

/// Exports the database that the arguments name.
pub(crate) fn run(arguments: &Export, access: &Access) -> Outcome {
    let start = Instant::now();
    let db = opening::open_existing(&arguments.database, access)?;
    let working = Working::begin(arguments.progress, "exported documents:");
    let exported = if arguments.to == Path::new("-") {
        export(&db, io::stdout().lock(), &working)
    } else {
        export_to_file(&db, &arguments.to, &working)
    };
    drop(working);
    let closed = db.close().wait();
    let documents = exported?;
    closed?;
    let noun = if documents == 1 { "document" } else { "documents" };
    output::note(&format!("exported {documents} {noun} in {:.2} s", start.elapsed().as_secs_f64()));
    Ok(Status::Good)
}

/// Writes to a new file, which is on the disk when this returns, and gone if it fails.
fn export_to_file(db: &FerrumDB, path: &Path, working: &Working) -> Result<u64, Failure> {
    let unwritable = |error: io::Error| {
        let message = match error.kind() {
            io::ErrorKind::AlreadyExists => {
                format!("there is a file {} already; remove it, or give another name", path.display())
            }
            _ => format!("could not write {}: {error}", path.display()),
        };
        let is_taken = error.kind() == io::ErrorKind::AlreadyExists;
        Failure::new(if is_taken { Status::Failed } else { Status::Io }, message)
    };
    let file = File::create_new(path).map_err(unwritable)?;
    export(db, &file, working)
        .and_then(|documents| file.sync_all().map(|()| documents).map_err(unwritable))
        .inspect_err(|_| {
            // The first error is the one to tell.
            let _ = fs::remove_file(path);
        })
}

fn export(db: &FerrumDB, to: impl Write, working: &Working) -> Result<u64, Failure> {
    let mut output = BufWriter::with_capacity(BUFFER_BYTES, to);
    let mut lines = 0;
    for line in db.export()? {
        output.write_all(line?.as_bytes())?;
        output.write_all(b"\n")?;
        lines += 1;
        if lines % PROGRESS_DOCUMENTS == 0 {
            working.add(PROGRESS_DOCUMENTS);
        }
    }
    output.flush()?;
    Ok(lines - 1)
}
