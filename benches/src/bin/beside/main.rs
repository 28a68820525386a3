//! Owns the runs beside a peer: each row measures FerrumDB and something else in turn, in one run, and compares the
//! medians. Never times a store before it has given the right answers.
//!
//! ```text
//! cargo run --release -p ferrumdb-benches --features peers --bin beside -- [--only ROW,ROW,...] [--rounds N]
//!     [--documents N] [--seconds S] [--cache-mib N] [--stores NAME,NAME,...] [--part TEXT] [--folder PATH]
//!     [--results FOLDER] [--strict]
//! ```
//!
//! With `--results` what was measured is kept there, for the page that `pages` writes: each workload as soon as it is done, so that
//! a run that is ended early loses only what it was at. `--part` takes of the workloads that all stores are given those whose names
//! have this text, and `--stores` gives them to these stores alone.

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

use std::path::{Path, PathBuf};
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
    /// Those that the workloads of all stores are given to; empty for all.
    stores: Vec<String>,
    /// What the names of these workloads must have.
    part: String,
    /// A new folder for each round, on the disk that is measured.
    folder: tempfile::TempDir,
    kept: Option<Kept>,
}

/// Where results are kept, and what is said of them there.
#[derive(Debug)]
struct Kept {
    folder: PathBuf,
    machine: String,
    build: String,
}

impl Settings {
    /// Whether a workload that all stores are given is wanted.
    fn wants(&self, workload: &str) -> bool {
        workload.contains(&self.part)
    }

    /// Whether a store is to be given the workloads of all stores.
    fn wants_store(&self, name: &str) -> bool {
        self.stores.is_empty() || self.stores.iter().any(|wanted| wanted == name)
    }

    /// Keeps what a measurement has given so far.
    fn keep(&self, measurement: &str, rows: &[Row]) -> Result<()> {
        let Some(Kept { folder, machine, build }) = &self.kept else { return Ok(()) };
        let lines = rows.iter().map(Row::line).collect();
        let results = Results { machine: machine.clone(), build: build.clone(), lines, series: None };
        Ok(results.keep(folder, measurement)?)
    }
}

/// A row's name on the command line, and what measures it.
type Measurement = (&'static str, fn(&Settings) -> Result<Vec<Row>>);

const MEASUREMENTS: [Measurement; 18] = [
    (matrix::reads::NAME, matrix::reads::gets),
    ("cold", matrix::cold::gets),
    ("mixed", matrix::mixed::reads_and_writes),
    ("writes", matrix::writes::unsynced),
    (matrix::synced::NAME, matrix::synced::threads),
    (matrix::ycsb::NAME, matrix::ycsb::workloads),
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
    let results: String = arguments.value("--results", String::new())?;
    let (rounds, run_for) = (arguments.value("--rounds", 5)?, arguments.value("--seconds", 2.0)?);
    let run_for = Duration::from_secs_f64(run_for);
    let machine = machine::describe(Path::new(&parent));
    println!("{machine}; {rounds} rounds in turn, medians; {} build\n", build());
    let kept = (!results.is_empty()).then(|| Kept {
        folder: results.into(),
        machine,
        build: format!("{rounds} rounds of {run_for:?}, {} build", build()),
    });
    let settings = Settings {
        rounds,
        documents: arguments.value("--documents", 100_000)?,
        opened_documents: arguments.value("--opened-documents", 170_000)?,
        run_for,
        cache_bytes: arguments.value::<u64>("--cache-mib", 4096)? << 20,
        stores: stores_of(arguments)?,
        part: arguments.value("--part", String::new())?,
        folder: tempfile::tempdir_in(&parent)?,
        kept,
    };
    let wanted: Vec<&str> = only.split(',').filter(|name| !name.is_empty()).collect();
    if let Some(unknown) = wanted.iter().find(|wanted| MEASUREMENTS.iter().all(|(name, _)| name != *wanted)) {
        return Err(format!("there is no row `{unknown}`").into());
    }
    let chosen = MEASUREMENTS.iter().filter(|(name, _)| wanted.is_empty() || wanted.contains(name));
    let mut rows = Vec::new();
    for (name, measure) in chosen {
        eprintln!("measuring {name} ...");
        let measured = measure(&settings)?;
        settings.keep(name, &measured)?;
        rows.extend(measured);
    }
    print!("{}", table(&rows).text());
    Ok(!arguments.has("--strict") || rows.iter().all(Row::passes))
}

/// The names after `--stores`, each that of a store.
fn stores_of(arguments: &Arguments) -> Result<Vec<String>> {
    let text: String = arguments.value("--stores", String::new())?;
    let names: Vec<String> = text.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    match names.iter().find(|name| stores::ALL.iter().all(|(known, _)| known != name)) {
        Some(unknown) => Err(format!("there is no store `{unknown}`").into()),
        None => Ok(names),
    }
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new(&COLUMNS);
    rows.iter().for_each(|row| table.row(row.line().cells()));
    table
}

fn build() -> &'static str {
    if cfg!(debug_assertions) { "debug" } else { "release" }
}
