//! The import: documents from a file into a database, in order, piece by piece. Never holds more of the input than a
//! few transactions.

mod commits;
mod exported;
mod key;
mod progress;
mod source;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::Instant;

use ferrumdb::{FerrumDB, Key, Timestamp};

use crate::access::Access;
use crate::arguments::Import;
use crate::exit::{Failure, Status};
use crate::output::Output;
use crate::{Outcome, opening, output};
use commits::{Batch, Commits};
use exported::Exported;
use key::Keys;
use progress::Bar;
use source::{Documents, Format};

/// Imports what the arguments name.
pub(crate) fn run(arguments: &Import, access: &Access) -> Outcome {
    let start = Instant::now();
    let (input, bytes) = open(&arguments.file)?;
    let db = opening::open(&arguments.database, access)?;
    let output = arguments.acknowledge.then(Output::standard);
    let mut commits = Commits::new(&db, output, Bar::new(arguments.progress, bytes));
    let imported = import(arguments, input, &db, &mut commits);
    let documents = commits.acknowledged();
    commits.finish();
    let closed = db.close().wait();
    imported?;
    closed?;
    summarise(documents, start, arguments.acknowledge)?;
    Ok(Status::Good)
}

fn import(
    arguments: &Import,
    input: Box<dyn Read>,
    db: &FerrumDB,
    commits: &mut Commits<'_>,
) -> Result<(), Failure> {
    let format = if arguments.lines { Some(Format::Lines) } else { Format::of(&arguments.file) };
    let mut documents = match Documents::new(input, format) {
        Ok(documents) => documents,
        Err(error) => return Err(unreadable(&arguments.file, &error)),
    };
    let into = arguments.collection.as_deref().map(Key::from);
    let mut reading = Reading::begin(arguments);
    let mut batch = Batch::default();
    loop {
        let document = match documents.next() {
            Ok(Some(document)) => document,
            Ok(None) => break,
            Err(source::Error::Io(error)) => {
                let failure = unreadable(&arguments.file, &error);
                return Err(commits.stop(batch, failure.status, &failure.message));
            }
            Err(source::Error::Bad { place, reason }) => {
                return Err(commits.stop(batch, Status::Failed, &format!("{place}: {reason}")));
            }
        };
        match reading.next(document.text) {
            Ok(Some(mut stored)) => {
                stored.collection = stored.collection.or_else(|| into.clone());
                batch.add(stored, document.place);
            }
            Ok(None) => {}
            Err(reason) => {
                let message = format!("{}: {reason}", document.place);
                return Err(commits.stop(batch, Status::Failed, &message));
            }
        }
        if batch.is_full() {
            commits.submit(std::mem::take(&mut batch), documents.bytes_read())?;
        }
    }
    commits.submit(batch, documents.bytes_read())?;
    commits.settle()?;
    let Reading::Exported(exported) = reading else { return Ok(()) };
    exported.check().map_err(|reason| commits.stopped(Status::Failed, &reason))?;
    exported.create_indexes(db, into.as_deref())
}

/// How keys are found for documents.
enum Reading {
    /// It is not known yet whether the input is an export.
    First(Keys),
    Plain(Keys),
    Exported(Exported),
}

impl Reading {
    fn begin(arguments: &Import) -> Self {
        let keys = Keys::new(arguments.key.as_deref(), arguments.key_prefix.as_deref());
        let is_told = arguments.key.is_some() || arguments.key_prefix.is_some();
        if is_told { Self::Plain(keys) } else { Self::First(keys) }
    }

    /// What a text of the input stands for: nothing if it is the first line of an export.
    fn next<'t>(&mut self, text: &'t [u8]) -> Result<Option<Stored<'t>>, String> {
        if let Self::First(keys) = self {
            if let Some(exported) = Exported::of_first(text)? {
                *self = Self::Exported(exported);
                return Ok(None);
            }
            *self = Self::Plain(std::mem::take(keys));
        }
        match self {
            Self::First(keys) | Self::Plain(keys) => {
                Ok(Some(Stored { collection: None, key: keys.next(text)?, text, expires_at: None }))
            }
            Self::Exported(exported) => exported.next(text).map(Some),
        }
    }
}

/// A document, as it stands in the input.
struct Stored<'t> {
    /// As the input says; nothing for the root.
    collection: Option<Key>,
    key: Key,
    text: &'t [u8],
    expires_at: Option<Timestamp>,
}

/// The input, and its length if that is known.
fn open(path: &Path) -> Result<(Box<dyn Read>, Option<u64>), Failure> {
    if path == Path::new("-") {
        return Ok((Box::new(io::stdin().lock()), None));
    }
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let metadata = file.metadata().map_err(|error| unreadable(path, &error))?;
    if metadata.is_dir() {
        let message = format!("{} is a folder; name a file of JSON documents", path.display());
        return Err(Failure::new(Status::Io, message));
    }
    Ok((Box::new(file), metadata.is_file().then_some(metadata.len())))
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    let name = if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() };
    Failure::new(Status::Io, format!("could not read {name}: {error}"))
}

fn summarise(documents: u64, start: Instant, on_standard_error: bool) -> io::Result<()> {
    let seconds = start.elapsed().as_secs_f64();
    let noun = if documents == 1 { "document" } else { "documents" };
    let rate = documents as f64 / seconds.max(1e-9);
    let text = format!("imported {documents} {noun} in {seconds:.2} s ({rate:.0} documents/s)");
    if on_standard_error {
        output::note(&text);
        return Ok(());
    }
    let mut output = Output::standard();
    output.line(&text)?;
    output.flush()
}
