//! The commands, one file for each or for a few of a kind: its arguments, the help that teaches it, and what it does. Never
//! decides what the database does.

mod backup;
mod bench;
mod checks;
mod compact;
mod delete;
pub(crate) mod export;
mod find;
mod get;
mod history;
pub(crate) mod import;
mod index;
pub(crate) mod info;
mod keys;
mod rekey;
mod restore;
mod set;
mod shell;
mod watch;
mod web;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::exit::Outcome;
use crate::options::Options;
use crate::repl;

/// What the command can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Repl(Repl),
    Get(get::Get),
    Set(set::Set),
    Delete(delete::Delete),
    Keys(keys::Keys),
    Count(keys::Count),
    Find(find::Find),
    Index(index::Index),
    History(history::History),
    Watch(watch::Watch),
    Web(web::Web),
    Info(info::Info),
    Compact(compact::Compact),
    Import(import::Import),
    Export(export::Export),
    Backup(backup::Backup),
    Restore(restore::Restore),
    Verify(checks::Verify),
    Repair(checks::Repair),
    Rekey(rekey::Rekey),
    Bench(bench::Bench),
    Completions(shell::Completions),
    Man(shell::Man),
}

/// Prompts for commands; from a pipe, reads one a line. The same as `ferrumdb` without a command
#[derive(Debug, Args)]
pub(crate) struct Repl {
    /// The database file, which is made if need be
    #[arg(default_value = DEFAULT_PATH)]
    pub(crate) database: PathBuf,
}

pub(crate) use shell::COMPLETE;

pub(crate) const DEFAULT_PATH: &str = "ferrum.db";

impl Command {
    pub(crate) fn run(&self, options: &Options) -> Outcome {
        match self {
            Self::Repl(Repl { database }) => repl::run(database, options),
            Self::Get(get) => get.run(options),
            Self::Set(set) => set.run(options),
            Self::Delete(delete) => delete.run(options),
            Self::Keys(keys) => keys.run(options),
            Self::Count(count) => count.run(options),
            Self::Find(find) => find.run(options),
            Self::Index(index) => index.run(options),
            Self::History(history) => history.run(options),
            Self::Watch(watch) => watch.run(options),
            Self::Web(web) => web.run(options),
            Self::Info(info) => info.run(options),
            Self::Compact(compact) => compact.run(options),
            Self::Import(import) => import::run(import, options),
            Self::Export(export) => export::run(export, options),
            Self::Backup(backup) => backup::run(backup, options),
            Self::Restore(restore) => restore::run(restore, options),
            Self::Verify(verify) => checks::verify(verify, options),
            Self::Repair(repair) => checks::repair(repair, options),
            Self::Rekey(rekey) => rekey.run(options),
            Self::Bench(bench) => bench.run(options),
            Self::Completions(completions) => completions.run(options),
            Self::Man(man) => man.run(options),
        }
    }
}
