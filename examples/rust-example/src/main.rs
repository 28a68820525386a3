//! A task manager for the command line: it turns its arguments into calls of `Tasks`, and what comes back into text.
//! Never talks to the database itself.

mod demo;
mod task;
mod tasks;

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::task::{Status, Task};
use crate::tasks::Tasks;

/// A task manager on FerrumDB.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The database file
    #[arg(long, default_value = "tasks.db")]
    database: PathBuf,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Adds a task
    Add {
        title: String,
        /// When it is due, as in 2026-12-24
        #[arg(long)]
        due: Option<String>,
    },
    /// Lists tasks: all, those of a status, or those due up to a day
    List {
        #[arg(long, conflicts_with = "due_by")]
        status: Option<Status>,
        #[arg(long)]
        due_by: Option<String>,
    },
    /// Shows one task
    Show { id: u64 },
    /// Begins a task, unless somebody else has
    Start { id: u64, person: String },
    /// Ends a task, which stays in the list for a while
    Done {
        id: u64,
        /// For how many seconds
        #[arg(long, default_value_t = 7.0 * 86_400.0)]
        keep: f64,
    },
    /// Opens an ended task again, for as long as it is still there
    Reopen { id: u64 },
    /// Renames a task
    Rename { id: u64, title: String },
    /// Removes a task
    Remove { id: u64 },
    /// Plays a small story on the database, which must be new
    Demo,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let tasks = Tasks::open(&arguments.database)?;
    run(&arguments.command, &tasks, &mut io::stdout().lock())?;
    tasks.close()
}

fn run(command: &Command, tasks: &Tasks, out: &mut impl Write) -> Result<()> {
    match command {
        Command::Add { title, due } => writeln!(out, "added task {}", tasks.add(title, due.as_deref())?)?,
        Command::List { status: Some(status), .. } => list(out, &tasks.with_status(*status)?)?,
        Command::List { due_by: Some(day), .. } => list(out, &tasks.due_by(day)?)?,
        Command::List { .. } => list(out, &tasks.all()?)?,
        Command::Show { id } => show(out, *id, tasks)?,
        Command::Start { id, person } => {
            tasks.start(*id, person)?;
            writeln!(out, "{person} has started task {id}")?;
        }
        Command::Done { id, keep } => {
            tasks.done(*id, Duration::try_from_secs_f64(*keep)?)?;
            writeln!(out, "task {id} is done")?;
        }
        Command::Reopen { id } => {
            tasks.reopen(*id)?;
            writeln!(out, "task {id} is open again")?;
        }
        Command::Rename { id, title } => {
            tasks.rename(*id, title)?;
            writeln!(out, "task {id} is now called {title:?}")?;
        }
        Command::Remove { id } => match tasks.remove(*id)? {
            true => writeln!(out, "removed task {id}")?,
            false => writeln!(out, "there is no task {id}")?,
        },
        Command::Demo => demo::play(tasks, out)?,
    }
    Ok(())
}

/// A line for each task.
fn list(out: &mut impl Write, tasks: &[(u64, Task)]) -> io::Result<()> {
    for (id, task) in tasks {
        writeln!(out, "{id:>4}  {task}")?;
    }
    Ok(())
}

fn show(out: &mut impl Write, id: u64, tasks: &Tasks) -> Result<()> {
    let task = tasks.get(id)?;
    writeln!(out, "{id:>4}  {task}")?;
    if let Some(left) = tasks.time_left(id)? {
        writeln!(out, "      goes in {} s", left.as_secs())?;
    }
    Ok(())
}
