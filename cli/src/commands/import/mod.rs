//! The import: documents from a file into a database, in order, piece by piece. Never holds more of the input than a
//! few transactions.

mod commits;
mod exported;
mod input;
mod key;
mod source;

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, Parser};
use ferrumdb::{FerrumDB, Key, Timestamp};
use serde_json::json;

use crate::arguments::sentence;
use crate::exit::{Failure, Outcome, Status};
use crate::interrupt;
use crate::opening::{closing, open as open_database};
use crate::options::Options;
use crate::output::{self, Output};
use crate::progress::{Of, Work};
use commits::{Batch, Commits};
use exported::Exported;
use input::{Input, unreadable};
use key::Keys;
use source::{Documents, Format};

const EXAMPLES: &str = r#"Examples:
  ferrumdb import my.db countries.json --key cca3        keys from a field: "ABW", "AFG", ...
  ferrumdb import my.db cities.json --key-prefix city:   keys are city:1, city:2, ...
  ferrumdb import my.db users.ndjson --key account.id    a field in a field
  zcat log.ndjson.gz | ferrumdb import my.db -           from a pipe; keys are 1, 2, ...
  ferrumdb export old.db | ferrumdb import new.db -      from one database into another

The input is one JSON array of documents, or one document a line, or what `ferrumdb export` has made: then keys, expiries
and indexes come back as they were, unless --key or --key-prefix is given. An input that begins with `[` is an array, unless the
file is called *.ndjson or *.jsonl or --lines is given. It is read piece by piece, so it can be larger than memory.

Documents are committed in their order, up to 500 or 1 MiB of them at a time, all or nothing. A document replaces an
older one under the same key, in the database or earlier in the input. At a bad document the import stops and names its
line; the documents before it have been imported, and stay. Ctrl-C stops it in the same way."#;

/// Stores the documents of a JSON file in a database, which is created if need be.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Import {
    /// The database file
    database: PathBuf,

    #[command(flatten)]
    source: Source,
}

/// What is imported, and under which keys.
#[derive(Debug, Args)]
pub(crate) struct Source {
    /// The file to read, or - for standard input
    file: PathBuf,

    /// Store the documents in the collection of this name, unless the input says otherwise
    #[arg(long, value_name = "NAME")]
    collection: Option<String>,

    /// Take each key from this field of the document, a string or an integer; dots lead into fields of fields
    #[arg(long, value_name = "FIELD", conflicts_with = "key_prefix")]
    key: Option<String>,

    /// Make the keys of this text and a running number from 1 [default: the number alone]
    #[arg(long, value_name = "TEXT")]
    key_prefix: Option<String>,

    /// Read one document a line, even if the input begins with `[`
    #[arg(long)]
    lines: bool,

    /// Print `N documents, sequence S` after each acknowledged commit: the first N documents are stored
    #[arg(long)]
    acknowledge: bool,
}

/// A line of the prompt.
#[derive(Debug, Parser)]
#[command(no_binary_name = true, disable_help_flag = true)]
struct Words {
    #[command(flatten)]
    source: Source,
}

impl Source {
    /// What the words behind `.import` say; where they name no collection, this one is meant.
    pub(crate) fn of_words(words: &[Cow<'_, str>], collection: Option<&str>) -> Result<Self, Failure> {
        let parsed = Words::try_parse_from(words.iter().map(|word| word.as_ref()));
        let Words { source } = parsed.map_err(|error| Failure::new(Status::Refused, sentence(&error)))?;
        if source.file == Path::new("-") || source.acknowledge {
            let message = ".import reads a file, and tells when all of it is there";
            return Err(Failure::new(Status::Refused, message));
        }
        let collection = source.collection.or_else(|| collection.map(str::to_owned));
        Ok(Self { collection, ..source })
    }
}

/// Imports what the arguments name.
pub(super) fn run(arguments: &Import, options: &Options) -> Outcome {
    let (start, source) = (Instant::now(), &arguments.source);
    // ORDER: no database is made for an input that is not there.
    let input = Input::open(&source.file)?;
    let db = open_database(&arguments.database, options)?;
    let documents = closing(&db, || import_all(source, input, &db, options))?;
    summarise(documents, start, source, options)?;
    Ok(Status::Good)
}

/// Imports into a database that is open, and says how many documents that were.
pub(crate) fn into_open(source: &Source, db: &FerrumDB, options: &Options) -> Result<u64, Failure> {
    import_all(source, Input::open(&source.file)?, db, options)
}

fn import_all(source: &Source, input: Input, db: &FerrumDB, options: &Options) -> Result<u64, Failure> {
    let _caught = interrupt::catch()?;
    let acknowledgements = source.acknowledge.then(|| Output::standard(None));
    let work = Work::begin(options.progress, "imported", Of::Bytes(input.bytes));
    let mut commits = Commits::new(db, acknowledgements, work);
    import(source, input, db, &mut commits)?;
    Ok(commits.acknowledged())
}

fn import(arguments: &Source, input: Input, db: &FerrumDB, commits: &mut Commits<'_>) -> Result<(), Failure> {
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
                return Err(commits.stop(batch, Status::Refused, &format!("{place}: {reason}")));
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
                return Err(commits.stop(batch, Status::Refused, &message));
            }
        }
        if batch.is_full() {
            commits.submit(std::mem::take(&mut batch), documents.bytes_read())?;
        }
    }
    commits.submit(batch, documents.bytes_read())?;
    commits.settle()?;
    let Reading::Exported(exported) = reading else { return Ok(()) };
    exported.check().map_err(|reason| commits.stopped(Status::Refused, &reason))?;
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
    fn begin(arguments: &Source) -> Self {
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

fn summarise(documents: u64, start: Instant, source: &Source, options: &Options) -> io::Result<()> {
    let seconds = start.elapsed().as_secs_f64();
    let noun = if documents == 1 { "document" } else { "documents" };
    let rate = documents as f64 / seconds.max(1e-9);
    let words = format!("imported {documents} {noun} in {seconds:.2} s ({rate:.0} documents/s)");
    if source.acknowledge {
        // Standard output is the acknowledgements' own.
        output::note(&words);
        return Ok(());
    }
    let mut output = Output::standard(options.mode());
    output.report(&json!({"documents": documents, "seconds": seconds}), &words)?;
    output.flush()
}
