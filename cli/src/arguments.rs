//! Owns the command line as a whole: which command is meant, and the help about all of them. Never opens a file.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Parser;
use clap::error::ErrorKind;

use crate::commands::{Command, DEFAULT_PATH};
use crate::exit::{Outcome, Status};
use crate::options::Options;
use crate::{output, repl};

const EXAMPLES: &str = r#"Examples:
  ferrumdb                                  a prompt on ferrum.db in this folder
  ferrumdb my.db --fsync=periodic:100       a prompt on my.db, synced ten times a second
  echo 'GET user:1' | ferrumdb my.db        commands from a pipe, one a line
  ferrumdb set my.db user:1 '{"name":"Ada"}'
  ferrumdb get my.db user:1 | jq .name      one document
  ferrumdb keys my.db user:                 keys, in order
  ferrumdb find my.db role admin            documents by the value of a field
  ferrumdb info my.db --json                what is known of a file, for programs
  ferrumdb watch my.db                      what another process commits there, live
  ferrumdb web my.db                        a page to look into it, in a browser
  ferrumdb import my.db users.json --key id documents from a file
  ferrumdb backup my.db sunday.db           a verified copy
  ferrumdb ./import                         a prompt on a file that is called like a command

Each command tells more, with examples: `ferrumdb import --help`. `docs/command.md` lists what they print as JSON.

Environment:
  FERRUMDB_FSYNC        the policy where --fsync is not given
  FERRUMDB_PASSPHRASE   the passphrase of an encrypted database, where no --key-file is given
  NO_COLOR              no colours, and no hints, if set
  XDG_STATE_HOME        where ferrumdb/history keeps the lines of the prompt [default: ~/.local/state]

Exit status:
  0 all went well        3 the file is in use
  1 it is not there      4 the file is damaged, or no database of this version
  2 wrong usage          5 the system refused: input, output, or writing
                         6 the database refused a command, or a line of input
                       130 Ctrl-C has stopped it"#;

/// FerrumDB: an embedded JSON document database in one file.
///
/// Without a command, opens PATH, and creates it if need be. On a terminal it prompts for commands; from a pipe it
/// reads one a line. HELP lists them.
#[derive(Debug, Parser)]
#[command(name = "ferrumdb", version, after_help = EXAMPLES)]
#[command(disable_help_subcommand = true, subcommand_precedence_over_arg = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,

    /// The database file [default: ferrum.db]
    path: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) options: Options,
}

impl Arguments {
    /// The arguments of this process; or the status to leave with, after help or an error has been printed.
    pub(crate) fn read() -> Result<Self, Status> {
        Self::parse_from_words(std::env::args_os()).map_err(|error| match error.kind() {
            // When nobody reads the help any more, there is nobody to tell.
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                error.print().map_or(Status::Io, |()| Status::Good)
            }
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                error.print().map_or(Status::Io, |()| Status::Usage)
            }
            _ => {
                let text = format!("{}; `ferrumdb --help` shows how", sentence(&error));
                output::error(&text, Status::Usage, None);
                Status::Usage
            }
        })
    }

    /// Does what they say.
    pub(crate) fn run(&self) -> Outcome {
        match &self.command {
            Some(command) => command.run(&self.options),
            None => repl::run(self.path(), &self.options),
        }
    }

    /// The database to prompt for.
    fn path(&self) -> &Path {
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
pub(crate) fn sentence(error: &clap::Error) -> String {
    let message = error.to_string();
    let what = message.split("\n\n").filter(|part| {
        let part = part.trim_start();
        !part.starts_with("Usage:") && !part.starts_with("For more information")
    });
    let words: Vec<_> = what.flat_map(str::split_whitespace).collect();
    let text = words.join(" ");
    text.strip_prefix("error: ").unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use ferrumdb::FsyncPolicy;

    use super::*;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::parse_from_words(line.split(' ').map(OsString::from))
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_teaches_by_examples() {
        let arguments = Arguments::command();
        let nested = arguments.get_subcommands().flat_map(clap::Command::get_subcommands);
        let of_index = |command: &clap::Command| format!("ferrumdb index {}", command.get_name());
        for command in nested {
            let help = command.get_after_help().map(|help| help.to_string()).unwrap_or_default();
            assert!(help.starts_with("Examples:") && help.contains(&of_index(command)), "{help}");
        }
        for command in arguments.get_subcommands() {
            let help = command.get_after_help().map(|help| help.to_string()).unwrap_or_default();
            let call = format!("ferrumdb {}", command.get_name());
            let teaches = help.starts_with("Examples:") && help.contains(&call);
            assert!(teaches || command.get_name() == "repl", "{}: {help}", command.get_name());
        }
    }

    #[test]
    fn a_path_that_is_no_command_opens_the_prompt() {
        let arguments = parse("ferrumdb ./import --fsync=never").expect("valid");
        assert!(arguments.command.is_none());
        assert_eq!(arguments.path(), Path::new("./import"));
        assert_eq!(arguments.options.fsync, Some(FsyncPolicy::Never));
        let default = parse("ferrumdb").expect("valid");
        assert_eq!(default.path(), Path::new("ferrum.db"));
    }

    #[test]
    fn what_every_command_knows_may_stand_before_or_behind_it() {
        for line in ["ferrumdb --fsync=never import a.db b.json", "ferrumdb import a.db b.json --fsync never"]
        {
            let arguments = parse(line).expect("valid");
            assert!(matches!(arguments.command, Some(Command::Import(_))), "{line}");
            assert_eq!(arguments.options.fsync, Some(FsyncPolicy::Never), "{line}");
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
            "ferrumdb get my.db",
            "ferrumdb delete my.db",
            "ferrumdb keys my.db a --from b",
            "ferrumdb find my.db age 1 --from 2",
            "ferrumdb get my.db a --json --mode csv",
        ] {
            let error = parse(line).expect_err(line);
            let text = sentence(&error);
            assert!(!text.contains('\n') && !text.starts_with("error") && text.len() > 20, "{text}");
        }
    }
}
