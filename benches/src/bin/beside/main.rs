//! Owns the runs beside a peer: each row measures FerrumDB and something else in turn, in one run, and compares the
//! medians. Never times a store before it has given the right answers.
//!
//! ```text
//! cargo run --release -p ferrumdb-benches --features peers --bin beside -- [--only ROW] [--rounds N]
//!     [--documents N] [--seconds S] [--folder PATH] [--strict]
//! ```

mod compaction;
mod durable;
mod encrypted;
mod existing;
mod finds;
mod follower;
mod indexed;
mod lmdb;
mod opening;
mod reads;
mod rows;
mod scans;
mod sqlite;
mod transactions;
mod writes;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use ferrumdb_benches::arguments::Arguments;
use ferrumdb_benches::machine;
use ferrumdb_benches::report::Table;
use rows::Row;

/// Whatever goes wrong ends the run.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// What was asked for on the command line.
#[derive(Debug)]
struct Settings {
    rounds: usize,
    documents: usize,
    opened_documents: usize,
    run_for: Duration,
    /// A new folder for each round, on the disk that is measured.
    folder: tempfile::TempDir,
}

/// A row's name on the command line, and what measures it.
type Measurement = (&'static str, fn(&Settings) -> Result<Vec<Row>>);

const MEASUREMENTS: [Measurement; 12] = [
    ("sets", writes::sets),
    ("gets", reads::gets),
    ("durable", durable::threads),
    ("opening", opening::after_a_kill),
    ("finds", finds::by_index),
    ("scans", scans::by_prefix),
    ("indexed", indexed::overwrites),
    ("index", indexed::building),
    ("transact", transactions::of_two_threads),
    ("encrypted", encrypted::beside_plain),
    ("compaction", compaction::of_overwritten_documents),
    ("follower", follower::gets),
];

fn main() -> ExitCode {
    let arguments = Arguments::of_process();
    if let Some(done) = opening::run_as_child(&arguments) {
        return finish(done);
    }
    finish(run(&arguments))
}

fn finish(result: Result<bool>) -> ExitCode {
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("beside: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether the run counts as passed.
fn run(arguments: &Arguments) -> Result<bool> {
    let only: String = arguments.value("--only", String::new())?;
    let parent: String = arguments.value("--folder", ".".to_owned())?;
    let settings = Settings {
        rounds: arguments.value("--rounds", 5)?,
        documents: arguments.value("--documents", 100_000)?,
        opened_documents: arguments.value("--opened-documents", 170_000)?,
        run_for: Duration::from_secs_f64(arguments.value("--seconds", 2.0)?),
        folder: tempfile::tempdir_in(&parent)?,
    };
    let machine = machine::describe(Path::new(&parent));
    println!("{machine}; {} rounds in turn, medians; {} build\n", settings.rounds, build());
    let chosen = MEASUREMENTS.iter().filter(|(name, _)| only.is_empty() || only == *name);
    let mut rows = Vec::new();
    for (name, measure) in chosen {
        eprintln!("measuring {name} ...");
        rows.extend(measure(&settings)?);
    }
    if rows.is_empty() {
        return Err(format!("there is no row `{only}`").into());
    }
    print!("{}", table(&rows).text());
    Ok(!arguments.has("--strict") || rows.iter().all(Row::passes))
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new(&[
        "workload",
        "durability",
        "FerrumDB",
        "p99.9",
        "beside it",
        "median",
        "p99.9",
        "ratio",
        "bar",
        "",
    ]);
    rows.iter().for_each(|row| table.row(row.cells()));
    table
}

fn build() -> &'static str {
    if cfg!(debug_assertions) { "debug" } else { "release" }
}
