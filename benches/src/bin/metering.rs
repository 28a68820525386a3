//! Owns the measurement of what a cached `get` of the crate `ferrumdb` costs beyond the engine's own: the metrics, and the
//! look whether the database is open. Never touches a disk.
//!
//! ```text
//! cargo run --release -p ferrumdb-benches --bin metering -- [--rounds N] [--gets N] [--documents N]
//! ```

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use ferrumdb::fs::MemoryFs;
use ferrumdb::{Config, Document, FerrumDB, Transaction};
use ferrumdb_benches::arguments::Arguments;
use ferrumdb_benches::measure::{median, time};
use ferrumdb_benches::workload::{Numbers, Workload};
use ferrumdb_engine::{CollectionId, Options};

/// Whatever goes wrong ends the run.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const PATH: &str = "metering.db";

fn main() -> ExitCode {
    match run(&Arguments::of_process()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("metering: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Both get the same keys in turn. Whatever else the machine does can only add to a round, so the quickest rounds are
/// compared; the medians stand beside them to show how quiet it was.
fn run(arguments: &Arguments) -> Result<()> {
    let rounds: usize = arguments.value("--rounds", 41)?;
    let gets: usize = arguments.value("--gets", 1_000_000)?;
    // So few lie in the processor's cache, where a get is quickest and what is added to it weighs most.
    let workload = Workload::new(arguments.value("--documents", 1_000)?, 0);

    let db = filled(&workload)?.0;
    let (closed, files) = filled(&workload)?;
    closed.close().wait()?;
    let (_writer, reader) = ferrumdb_engine::open(Options::new(PATH), files)?;

    let metered = |key: &str| db.get(key).expect("it is open");
    let engine = |key: &str| reader.get(CollectionId::ROOT, key).expect("it is whole");
    round(&workload, gets, &metered);
    round(&workload, gets, &engine);
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for number in 0..rounds.max(1) {
        let mut metered = || with.push(nanos(round(&workload, gets, &metered), gets));
        let mut engine = || without.push(nanos(round(&workload, gets, &engine), gets));
        if number % 2 == 0 {
            (metered(), engine())
        } else {
            (engine(), metered())
        };
    }
    let least = |times: &[f64]| times.iter().copied().fold(f64::INFINITY, f64::min);
    for (name, figure) in [("quickest", &least as &dyn Fn(&[f64]) -> f64), ("median", &median)] {
        let (with, without) = (figure(&with), figure(&without));
        println!(
            "{name}: get {with:.1} ns, the engine's {without:.1} ns, {:+.1} %",
            (with / without - 1.0) * 100.0
        );
    }
    Ok(())
}

/// A database that holds the workload, and its files.
fn filled(workload: &Workload) -> Result<(FerrumDB, Arc<MemoryFs>)> {
    let files = Arc::new(MemoryFs::new());
    let config = Config::new(PATH).with_file_system(Arc::clone(&files) as Arc<dyn ferrumdb::fs::FileSystem>);
    let db = FerrumDB::open(config).wait()?;
    let pairs = workload.keys.iter().zip(&workload.documents);
    let all = pairs.fold(Transaction::new(), |all, (key, document)| all.set(key.as_str(), document));
    db.commit(all).wait()?;
    Ok((db, files))
}

fn round(workload: &Workload, gets: usize, get: &dyn Fn(&str) -> Option<Document>) -> Duration {
    let mut numbers = Numbers::new(4);
    let all = || (0..gets).for_each(|_| drop(black_box(get(&workload.keys[numbers.below(workload.len())]))));
    time(all).1
}

fn nanos(took: Duration, gets: usize) -> f64 {
    took.as_nanos() as f64 / gets as f64
}
