//! Owns what shells offer for keys, fields and collections while an argument is typed. Never writes, and never asks for a
//! passphrase: where a file cannot be read at once, nothing is offered.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::Parser;
use clap_complete::CompletionCandidate;
use ferrumdb::{Collection, FerrumDB};

use crate::access::Access;
use crate::options::Options;

/// The most that is offered.
const CANDIDATES_MAX: usize = 100;

/// The keys that begin as the argument does.
pub(crate) fn keys(begun: &OsStr) -> Vec<CompletionCandidate> {
    offered(begun, |_, used, begun| {
        Some(used.prefix(begun).ok()?.limit(CANDIDATES_MAX).keys().map(String::from).collect())
    })
}

/// The fields that have an index.
pub(crate) fn fields(begun: &OsStr) -> Vec<CompletionCandidate> {
    offered(begun, |_, used, _| {
        Some(used.indexes().ok()?.iter().map(|index| index.path.to_string()).collect())
    })
}

/// The names of the collections.
pub(crate) fn collections(begun: &OsStr) -> Vec<CompletionCandidate> {
    offered(begun, |db, _, _| {
        Some(db.collections().ok()?.iter().map(|collection| collection.name.to_string()).collect())
    })
}

fn offered(
    begun: &OsStr,
    names: impl FnOnce(&FerrumDB, &Collection, &str) -> Option<Vec<String>>,
) -> Vec<CompletionCandidate> {
    let found = begun.to_str().and_then(|begun| {
        let words = Words::typed()?;
        let db = words.open()?;
        let used = match &words.collection {
            Some(name) => db.collection(name.as_str()).ok()?,
            None => (*db).clone(),
        };
        let mut names = names(&db, &used, begun)?;
        names.retain(|name| name.starts_with(begun));
        names.truncate(CANDIDATES_MAX);
        Some(names)
    });
    found.unwrap_or_default().into_iter().map(CompletionCandidate::new).collect()
}

/// The words of the line that is being typed, as far as they say which file is meant, and how to open it.
#[derive(Debug, Parser)]
#[command(no_binary_name = true, ignore_errors = true, disable_help_flag = true)]
struct Words {
    #[command(flatten)]
    options: Options,

    #[arg(long)]
    collection: Option<String>,

    rest: Vec<OsString>,
}

impl Words {
    /// The shell hands over the line behind two dashes.
    fn typed() -> Option<Self> {
        let line = std::env::args_os().skip_while(|word| word != "--").skip(2);
        Self::try_parse_from(line).ok()
    }

    /// The first of the words that names a file is the database.
    fn open(&self) -> Option<FerrumDB> {
        let path = self.rest.iter().map(Path::new).find(|path| path.is_file())?;
        if self.options.passphrase {
            return None;
        }
        let config = Access::of(&self.options, path).ok()?.config(path).ok()?;
        FerrumDB::open(config.read_only()).wait().ok()
    }
}
