//! The commands that print what a shell or a manual needs. Never open a database.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::env::Shells;

use crate::arguments::Arguments;
use crate::exit::{Failure, Outcome, Status};
use crate::options::Options;
use crate::output::Output;

/// The variable by which a shell asks for what may follow.
pub(crate) const COMPLETE: &str = "FERRUMDB_COMPLETE";

/// Of our own, since bash breaks keys apart.
const BASH: &str = include_str!("completions.bash");

const COMPLETIONS_EXAMPLES: &str = r#"Examples:
  echo 'source <(ferrumdb completions bash)' >> ~/.bashrc
  echo 'source <(ferrumdb completions zsh)' >> ~/.zshrc
  echo 'ferrumdb completions fish | source' >> ~/.config/fish/config.fish

From then on, Tab completes commands and options, and the keys, fields and collections of the file that is named. The
script belongs to this version of the command, so let the shell ask for it at each start, as above."#;

const MAN_EXAMPLES: &str = r#"Examples:
  ferrumdb man | man -l -                                  reads the page
  ferrumdb man --to ~/.local/share/man/man1                a page for the command, and one for each of its commands"#;

/// Prints the script that lets a shell complete commands, files, keys and fields.
#[derive(Debug, Args)]
#[command(after_help = COMPLETIONS_EXAMPLES)]
pub(crate) struct Completions {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the manual page, or writes all of them to a folder.
#[derive(Debug, Args)]
#[command(after_help = MAN_EXAMPLES)]
pub(crate) struct Man {
    /// Write the pages to this folder, which must exist
    #[arg(long, value_name = "FOLDER")]
    to: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shell {
    Bash,
    Elvish,
    Fish,
    Powershell,
    Zsh,
}

impl Completions {
    pub(super) fn run(&self, options: &Options) -> Outcome {
        if let Shell::Bash = self.shell {
            return print(BASH.as_bytes(), options);
        }
        let name = self.shell.to_possible_value().expect("no shell is left out");
        let shells = Shells::builtins();
        let completer = shells.completer(name.get_name()).expect("each of these shells is built in");
        let mut script = Vec::new();
        completer.write_registration(COMPLETE, "ferrumdb", "ferrumdb", "ferrumdb", &mut script)?;
        print(&script, options)
    }
}

impl Man {
    pub(super) fn run(&self, options: &Options) -> Outcome {
        let command = Arguments::command();
        match &self.to {
            None => print(&page(command)?, options),
            Some(folder) => {
                let unwritable = |error: io::Error| {
                    let folder = folder.display();
                    Failure::new(Status::Io, format!("could not write the pages to {folder}: {error}"))
                };
                write_pages(&command, folder).map_err(unwritable)?;
                Ok(Status::Good)
            }
        }
    }
}

fn write_pages(command: &clap::Command, folder: &Path) -> io::Result<()> {
    let mut command = command.clone();
    command.build();
    fs::write(folder.join("ferrumdb.1"), page(command.clone())?)?;
    for sub in command.get_subcommands() {
        let name = format!("ferrumdb-{}", sub.get_name());
        fs::write(folder.join(format!("{name}.1")), page(sub.clone().name(name.clone()))?)?;
    }
    Ok(())
}

fn page(command: clap::Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    Ok(page)
}

fn print(text: &[u8], options: &Options) -> Outcome {
    let mut output = Output::standard(options.mode());
    output.line(String::from_utf8_lossy(text).trim_end())?;
    output.flush()?;
    Ok(Status::Good)
}
