//! Owns the runs beside a peer: each row measures FerrumDB and something else in turn, in one run, and compares the
//! medians. Never times a store before it has given the right answers.
//!
//! ```text
//! cargo run --release -p ferrumdb-benches --features peers --bin beside -- [--only ROW] [--rounds N]
//!     [--documents N] [--seconds S] [--cache-mib N] [--folder PATH] [--results FOLDER] [--strict]
//! ```
//!
//! With `--results` what was measured is kept there, for the page that `pages` writes.

mod compaction;
mod durable;
mod encrypted;
mod existing;
mod finds;
mod follower;
mod indexed;
mod lmdb;
mod matrix;
mod opening;
mod reads;
mod rows;
mod scans;
mod sqlite;
mod stores;
mod transactions;
mod writes;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use ferrumdb_benches::arguments::Arguments;
use ferrumdb_benches::machine;
use ferrumdb_benches::report::Table;
use ferrumdb_benches::results::{COLUMNS, Results};
use rows::Row;

/// Whatever goes wrong ends the run.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// What was asked for on the command line.
#[derive(Debug)]
struct Settings {
    rounds: usize,
    documents: usize,
    opened_documents: usize,
    run_for: Duration,
    /// Of every store that has a cache, for the workloads that all stores are given.
    cache_bytes: u64,
    /// A new folder for each round, on the disk that is measured.
    folder: tempfile::TempDir,
}

/// A row's name on the command line, and what measures it.
type Measurement = (&'static str, fn(&Settings) -> Result<Vec<Row>>);

const MEASUREMENTS: [Measurement; 18] = [
    ("raw", matrix::reads::gets),
    ("cold", matrix::cold::gets),
    ("mixed", matrix::mixed::reads_and_writes),
    ("writes", matrix::writes::unsynced),
    ("synced", matrix::synced::threads),
    ("ycsb", matrix::ycsb::workloads),
    ("sets", writes::sets),
    ("gets", reads::gets),
    ("durable", durable::threads),
    ("opening", opening::what_was_left),
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
        cache_bytes: arguments.value::<u64>("--cache-mib", 4096)? << 20,
        folder: tempfile::tempdir_in(&parent)?,
    };
    let results: String = arguments.value("--results", String::new())?;
    let machine = machine::describe(Path::new(&parent));
    println!("{machine}; {} rounds in turn, medians; {} build\n", settings.rounds, build());
    let chosen = MEASUREMENTS.iter().filter(|(name, _)| only.is_empty() || only == *name);
    let mut rows = Vec::new();
    for (name, measure) in chosen {
        eprintln!("measuring {name} ...");
        let measured = measure(&settings)?;
        if !results.is_empty() {
            let lines = measured.iter().map(Row::line).collect();
            let build = format!("{} rounds of {:?}, {} build", settings.rounds, settings.run_for, build());
            Results { machine: machine.clone(), build, lines, series: None }
                .keep(Path::new(&results), name)?;
        }
        rows.extend(measured);
    }
    if rows.is_empty() {
        return Err(format!("there is no row `{only}`").into());
    }
    print!("{}", table(&rows).text());
    Ok(!arguments.has("--strict") || rows.iter().all(Row::passes))
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new(&COLUMNS);
    rows.iter().for_each(|row| table.row(row.line().cells()));
    table
}

fn build() -> &'static str {
    if cfg!(debug_assertions) { "debug" } else { "release" }
}
