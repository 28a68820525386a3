//! Owns the command line: its arguments, and the help that teaches them. Never opens a file.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand, ValueEnum};
use ferrumdb::FsyncPolicy;

use crate::exit::Status;
use crate::{output, time};

const DEFAULT_PATH: &str = "ferrum.db";

const EXAMPLES: &str = r#"Examples:
  ferrumdb                                  a prompt on ferrum.db in this folder
  ferrumdb my.db --fsync=periodic:100       a prompt on my.db, synced ten times a second
  echo 'GET user:1' | ferrumdb my.db        commands from a pipe, one a line
  ferrumdb import my.db users.json --key id documents from a file; see `ferrumdb import --help`
  ferrumdb export my.db my.ndjson           every document as a line of JSON; `ferrumdb import` reads it
  ferrumdb backup my.db sunday.db           a verified copy; see `ferrumdb backup --help`
  ferrumdb restore sunday.db --to new.db    a database from backups; see `ferrumdb restore --help`
  ferrumdb verify my.db                     whether every byte is as it was written
  ferrumdb repair my.db --to saved.db       what can be saved of a damaged file, in a new one
  ferrumdb ./import                         a prompt on a file that is called like a command

Environment:
  FERRUMDB_FSYNC        the policy where --fsync is not given
  FERRUMDB_PASSPHRASE   the passphrase of an encrypted database, where no --key-file is given
  NO_COLOR              no colours, and no hints, if set
  XDG_STATE_HOME        where ferrumdb/history keeps the lines of the prompt [default: ~/.local/state]

Exit status:
  0 all went well        2 wrong usage          4 the file is damaged, or no database of this version
  1 a command failed     3 the file is in use   5 the system refused: input, output, or writing"#;

const IMPORT_EXAMPLES: &str = r#"Examples:
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
line; the documents before it have been imported, and stay."#;

const EXPORT_EXAMPLES: &str = r#"Examples:
  ferrumdb export my.db my.ndjson               to a new file
  ferrumdb export my.db | gzip > my.ndjson.gz   to a pipe
  ferrumdb export my.db | ferrumdb import new.db -

The first line says what follows: {"ferrumdb_export":1,"sequence":7,"documents":2,"indexes":[["city"]],"collections":[]}.
Each other line is a document: {"key":"user:1","value":{"name":"alice"}}, with "expires_at" in milliseconds since 1970 if
it expires. All of it is as of one commit."#;

const BACKUP_EXAMPLES: &str = r#"Examples:
  ferrumdb backup my.db sunday.db                 everything; it prints the commit up to which that is, say 4711
  ferrumdb backup my.db monday.inc --since 4711   what was committed after that

A backup gets its name when it is whole, on the disk, read back and verified. It never replaces a file. A full one is a
database by itself, compacted. An incremental one is restored together with the full one: see `ferrumdb restore --help`."#;

const RESTORE_EXAMPLES: &str = r#"Examples:
  ferrumdb restore sunday.db --to new.db                         a full backup as a new database
  ferrumdb restore sunday.db monday.inc tuesday.inc --to new.db  and the incremental ones that follow it
  ferrumdb restore sunday.db monday.inc --to new.db --up-to 4800 the state after commit 4800
  ferrumdb restore sunday.db monday.inc --to new.db --at 2026-11-23T04:00:00Z

The backups are verified, and stay as they are. The new file gets its name when it is whole, on the disk, read back and
verified. Incremental backups may overlap; if one is missing, or belongs to another database, nothing is restored."#;

const VERIFY_EXAMPLES: &str = r#"Examples:
  ferrumdb verify my.db                  one line for each thing that is wrong, or one that all is well
  ferrumdb verify my.db --json           the same for programs, as one object

The file must not be open elsewhere; it is only read, and need not be one that can be opened. All of it is read: each
checksum, the order of records and commits, each document, and whether the hint file beside it says what the log says.
An end that a crash left unfinished is no damage: opening the file cuts it off.

Exit status: 0 the file is sound, 3 it is in use, 4 it is damaged, 5 it cannot be read."#;

const REPAIR_EXAMPLES: &str = r#"Examples:
  ferrumdb repair my.db --to saved.db            what was lost, a line for each, and what was saved
  ferrumdb repair my.db --to saved.db --json     the same for programs, as one object

The damaged file is only read; NEW must not exist. The newest version that is left of each document is saved, with its
number and its expiry, and the indexes. A key may hold an older document, or none, if it is listed, or if it was changed
last by a commit that is listed. The first 100,000 lines of each kind are shown.

Exit status: 0 nothing was lost, 3 the file is in use, 4 something was lost, or nothing can be saved, 5 a file cannot be
read or written."#;

/// FerrumDB: an embedded JSON document database in one file.
///
/// Without a command, opens PATH, and creates it if need be. On a terminal it prompts for commands; from a pipe it
/// reads one a line. HELP lists them.
#[derive(Debug, Parser)]
#[command(name = "ferrumdb", version, after_help = EXAMPLES)]
#[command(disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// The database file [default: ferrum.db]
    path: Option<PathBuf>,

    /// When commits are synced to the disk: always, never, or periodic[:MILLISECONDS]
    #[arg(long, value_name = "POLICY", global = true)]
    pub(crate) fsync: Option<FsyncPolicy>,

    #[command(flatten)]
    pub(crate) key: KeyArguments,
}

/// Where the key of an encrypted database is. It is never an argument itself: those can be seen by others.
#[derive(Debug, Args)]
pub(crate) struct KeyArguments {
    /// The key of an encrypted database is in this file: 32 bytes, or 64 hexadecimal digits
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) key_file: Option<PathBuf>,

    /// Ask for the passphrase of an encrypted database; FERRUMDB_PASSPHRASE answers, too
    #[arg(long, global = true, conflicts_with = "key_file")]
    pub(crate) passphrase: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Import(Import),
    Export(Export),
    Backup(Backup),
    Restore(Restore),
    Verify(Verify),
    Repair(Repair),
}

/// Stores the documents of a JSON file in a database, which is created if need be.
#[derive(Debug, Args)]
#[command(after_help = IMPORT_EXAMPLES)]
pub(crate) struct Import {
    /// The database file
    pub(crate) database: PathBuf,

    /// The file to read, or - for standard input
    pub(crate) file: PathBuf,

    /// Store the documents in the collection of this name, unless the input says otherwise
    #[arg(long, value_name = "NAME")]
    pub(crate) collection: Option<String>,

    /// Take each key from this field of the document, a string or an integer; dots lead into fields of fields
    #[arg(long, value_name = "FIELD", conflicts_with = "key_prefix")]
    pub(crate) key: Option<String>,

    /// Make the keys of this text and a running number from 1 [default: the number alone]
    #[arg(long, value_name = "TEXT")]
    pub(crate) key_prefix: Option<String>,

    /// Read one document a line, even if the input begins with `[`
    #[arg(long)]
    pub(crate) lines: bool,

    /// Print `N documents, sequence S` after each acknowledged commit: the first N documents are stored
    #[arg(long)]
    pub(crate) acknowledge: bool,

    /// How to show that it goes on: a bar if standard error is a terminal, a line a second, or nothing
    #[arg(long, value_name = "KIND", value_enum, default_value_t = Progress::Auto)]
    pub(crate) progress: Progress,
}

/// Writes every document of a database as a line of JSON, with expiries and the definitions of indexes.
#[derive(Debug, Args)]
#[command(after_help = EXPORT_EXAMPLES)]
pub(crate) struct Export {
    /// The database file
    pub(crate) database: PathBuf,

    /// The file to write, which must not exist; or - for standard output
    #[arg(default_value = "-")]
    pub(crate) to: PathBuf,

    /// How to show that it goes on: a counter if standard error is a terminal, a line a second, or nothing
    #[arg(long, value_name = "KIND", value_enum, default_value_t = Progress::Auto)]
    pub(crate) progress: Progress,
}

/// Copies a database to a new file, whole or only what is new, and verifies it.
#[derive(Debug, Args)]
#[command(after_help = BACKUP_EXAMPLES)]
pub(crate) struct Backup {
    /// The database file
    pub(crate) database: PathBuf,

    /// The file to write, which must not exist
    pub(crate) to: PathBuf,

    /// Copy only the commits after this one: the number that the backup before has printed
    #[arg(long, value_name = "COMMIT")]
    pub(crate) since: Option<u64>,

    /// How to show that it goes on: a counter if standard error is a terminal, a line a second, or nothing
    #[arg(long, value_name = "KIND", value_enum, default_value_t = Progress::Auto)]
    pub(crate) progress: Progress,
}

/// Makes a new database of a full backup and the incremental ones that follow it.
#[derive(Debug, Args)]
#[command(after_help = RESTORE_EXAMPLES)]
pub(crate) struct Restore {
    /// The full backup, or a database file that is not open
    pub(crate) base: PathBuf,

    /// The incremental backups, in their order
    pub(crate) increments: Vec<PathBuf>,

    /// The database file to make, which must not exist
    #[arg(long, value_name = "FILE")]
    pub(crate) to: PathBuf,

    /// Leave out the commits after this one
    #[arg(long, value_name = "COMMIT", conflicts_with = "at")]
    pub(crate) up_to: Option<u64>,

    /// Leave out what was committed after this time: 2026-11-23T04:00:00Z, or milliseconds since 1970
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    pub(crate) at: Option<u64>,

    /// How to show that it goes on: a counter if standard error is a terminal, a line a second, or nothing
    #[arg(long, value_name = "KIND", value_enum, default_value_t = Progress::Auto)]
    pub(crate) progress: Progress,
}

/// Reads all of a database file, and tells what is not as it should be.
#[derive(Debug, Args)]
#[command(after_help = VERIFY_EXAMPLES)]
pub(crate) struct Verify {
    /// The database file
    pub(crate) database: PathBuf,

    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Saves what can be saved of a damaged database file in a new one, and lists what was lost.
#[derive(Debug, Args)]
#[command(after_help = REPAIR_EXAMPLES)]
pub(crate) struct Repair {
    /// The damaged file
    pub(crate) database: PathBuf,

    /// The file to make
    #[arg(long, value_name = "NEW")]
    pub(crate) to: PathBuf,

    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Progress {
    Auto,
    Plain,
    None,
}

impl Arguments {
    /// The arguments of this process; or the status to leave with, after help or an error has been printed.
    pub(crate) fn read() -> Result<Self, Status> {
        Self::parse_from_words(std::env::args_os()).map_err(|error| match error.kind() {
            // When nobody reads the help any more, there is nobody to tell.
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                error.print().map_or(Status::Io, |()| Status::Good)
            }
            _ => {
                output::error(&sentence(&error.to_string()));
                Status::Usage
            }
        })
    }

    /// The database that is opened, or made; of a restore the backup that is read.
    pub(crate) fn database(&self) -> &Path {
        match &self.command {
            Some(Command::Import(Import { database, .. }))
            | Some(Command::Export(Export { database, .. }))
            | Some(Command::Backup(Backup { database, .. }))
            | Some(Command::Verify(Verify { database, .. }))
            | Some(Command::Repair(Repair { database, .. })) => database,
            Some(Command::Restore(Restore { base, .. })) => base,
            None => self.path(),
        }
    }

    /// The database to prompt for.
    pub(crate) fn path(&self) -> &Path {
        self.path.as_deref().unwrap_or(Path::new(DEFAULT_PATH))
    }

    fn parse_from_words(words: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let arguments = Self::try_parse_from(words)?;
        match (&arguments.path, &arguments.command) {
            (Some(path), Some(_)) => {
                let message = format!("a command takes its database behind its name, so leave out {path:?}");
                Err(clap::Error::raw(ErrorKind::ArgumentConflict, message))
            }
            _ => Ok(arguments),
        }
    }
}

/// The parser's message of several paragraphs as one line.
fn sentence(message: &str) -> String {
    let what = message.split("\n\n").filter(|part| {
        let part = part.trim_start();
        !part.starts_with("Usage:") && !part.starts_with("For more information")
    });
    let words: Vec<_> = what.flat_map(str::split_whitespace).collect();
    let text = words.join(" ");
    format!("{}; `ferrumdb --help` shows how", text.strip_prefix("error: ").unwrap_or(&text))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::parse_from_words(line.split(' ').map(OsString::from))
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_path_that_is_no_command_opens_the_prompt() {
        let arguments = parse("ferrumdb ./import --fsync=never").expect("valid");
        assert!(arguments.command.is_none());
        assert_eq!(arguments.path(), Path::new("./import"));
        assert_eq!(arguments.fsync, Some(FsyncPolicy::Never));
        let default = parse("ferrumdb").expect("valid");
        assert_eq!(default.path(), Path::new("ferrum.db"));
    }

    #[test]
    fn the_policy_may_stand_before_or_behind_the_command() {
        for line in ["ferrumdb --fsync=never import a.db b.json", "ferrumdb import a.db b.json --fsync never"]
        {
            let arguments = parse(line).expect("valid");
            assert!(matches!(arguments.command, Some(Command::Import(_))), "{line}");
            assert_eq!(arguments.fsync, Some(FsyncPolicy::Never), "{line}");
        }
    }

    #[test]
    fn wrong_usage_is_told_in_one_line() {
        for line in [
            "ferrumdb --fsync=maybe",
            "ferrumdb import",
            "ferrumdb --nothing",
            "ferrumdb a b",
            "ferrumdb a import b c",
        ] {
            let error = parse(line).expect_err(line);
            let text = sentence(&error.to_string());
            assert!(!text.contains('\n') && text.ends_with("shows how") && text.len() > 40, "{text}");
        }
    }
}
