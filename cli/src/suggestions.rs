//! Owns what shells offer for keys, fields and collections while an argument is typed. Never writes, and never asks for a
//! passphrase: where a file cannot be read at once, nothing is offered.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::Parser;
use clap_complete::CompletionCandidate;
use ferrumdb::{Config, Glance};

use crate::access::Access;
use crate::beginnings::{Beginnings, OFFERED_MAX};
use crate::options::Options;

/// The keys that begin as the argument does, or their beginnings.
pub(crate) fn keys(begun: &OsStr) -> Vec<CompletionCandidate> {
    offered(begun, |words, config, begun| {
        let mut beginnings = Beginnings::default();
        let is_whole = Glance::keys(config, words.collection.as_deref(), begun, |key| {
            // A shell takes a line for an offer.
            if !key.contains(char::is_control) {
                beginnings.add(key);
            }
        });
        is_whole.ok()?.then(|| beginnings.offered())
    })
}

/// The fields that have an index.
pub(crate) fn fields(begun: &OsStr) -> Vec<CompletionCandidate> {
    offered(begun, |words, config, _| {
        let names = Glance::names(config).ok()??;
        Some(names.indexes(words.collection.as_deref()).map(ToString::to_string).collect())
    })
}

/// The names of the collections.
pub(crate) fn collections(begun: &OsStr) -> Vec<CompletionCandidate> {
    offered(begun, |_, config, _| {
        Some(Glance::names(config).ok()??.collections().map(ToString::to_string).collect())
    })
}

fn offered(
    begun: &OsStr,
    names: impl FnOnce(&Words, Config, &str) -> Option<Vec<String>>,
) -> Vec<CompletionCandidate> {
    let found = begun.to_str().and_then(|begun| {
        let words = Words::typed()?;
        let mut names = names(&words, words.config()?, begun)?;
        names.retain(|name| name.starts_with(begun) && !name.contains(char::is_control));
        names.truncate(OFFERED_MAX);
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
    fn config(&self) -> Option<Config> {
        let path = self.rest.iter().map(Path::new).find(|path| path.is_file())?;
        if self.options.passphrase {
            return None;
        }
        Access::of(&self.options, path).ok()?.config(path).ok()
    }
}
