//! Owns what can be said to every command: how to open a database, and how to print answers. Never opens a file.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use ferrumdb::FsyncPolicy;

use crate::output::Mode;
use crate::time::seconds;

/// What may stand before or behind every command.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Options {
    /// How answers look: without it as fits the place, tables on a terminal and a line of JSON for each elsewhere
    #[arg(long, value_name = "MODE", value_enum, global = true)]
    mode: Option<Mode>,

    /// Print JSON, one value for the whole answer, and errors as JSON; the same as --mode json
    #[arg(long, global = true, conflicts_with = "mode")]
    json: bool,

    /// How to show that long work goes on, on standard error
    #[arg(long, value_name = "KIND", value_enum, default_value_t, global = true)]
    pub(crate) progress: Progress,

    /// When commits are synced to the disk: always, never, or periodic[:MILLISECONDS]
    #[arg(long, value_name = "POLICY", global = true)]
    pub(crate) fsync: Option<FsyncPolicy>,

    /// Wait so long for another process that has the file open
    #[arg(long, value_name = "SECONDS", value_parser = seconds, global = true)]
    pub(crate) wait: Option<Duration>,

    /// Open the file to read only, also while another process writes it
    #[arg(long, global = true)]
    pub(crate) read_only: bool,

    /// The key of an encrypted database is in this file: 32 bytes, or 64 hexadecimal digits
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) key_file: Option<PathBuf>,

    /// Ask for the passphrase of an encrypted database; FERRUMDB_PASSPHRASE answers, too
    #[arg(long, global = true, conflicts_with = "key_file")]
    pub(crate) passphrase: bool,
}

/// How long work is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Progress {
    /// A bar, if standard error is a terminal
    #[default]
    Auto,
    /// A line a second
    Plain,
    /// Nothing
    None,
}

impl Options {
    /// How answers are to look, if that was said.
    pub(crate) fn mode(&self) -> Option<Mode> {
        if self.json { Some(Mode::Json) } else { self.mode }
    }
}
