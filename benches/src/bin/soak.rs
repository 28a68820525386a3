//! Owns the soak: overwrites of the same documents for as long as is asked, with compactions as they come, and what memory, disk
//! and rates do meanwhile. Never holds anything of its own that grows.
//!
//! ```text
//! cargo run --release -p ferrumdb-benches --bin soak -- [--minutes M] [--documents N] [--rate SETS]
//!     [--folder PATH] [--results FOLDER]
//! ```
//!
//! `--rate` is how many sets are made in a second at most, for a machine that has other work, too; all that it can if not said.

use std::hint::black_box;
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use ferrumdb::{AutoCompaction, Config, FerrumDB, FsyncPolicy, Transaction};
use ferrumdb_benches::arguments::Arguments;
use ferrumdb_benches::machine::{self, resident_bytes};
use ferrumdb_benches::measure::rate;
use ferrumdb_benches::report::{bytes, per_second};
use ferrumdb_benches::results::{Results, Series, Unit};
use ferrumdb_benches::workload::{Numbers, Workload};

/// Whatever goes wrong ends the run.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// How many points the plot gets.
const POINTS: u32 = 60;
/// How many sets are followed by a get.
const SETS: usize = 4;
const CACHE_BYTES: u64 = 16 << 20;
/// Without a floor of its own a small database would not compact itself at all.
const DEAD_BYTES_MIN: u64 = 16 << 20;
/// Between the first fifth of the points and the last, by how much memory may grow.
const GROWTH_MAX: f64 = 1.10;
/// How far a run with a rate may be ahead before it sleeps.
const AHEAD_MAX: Duration = Duration::from_millis(5);
/// What an allocator keeps back in pieces, which weighs in a short run of a few documents alone.
const KEPT_BACK_BYTES: f64 = 4.0 * 1024.0 * 1024.0;

fn main() -> ExitCode {
    match run(&Arguments::of_process()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("soak: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let minutes: f64 = arguments.value("--minutes", 60.0)?;
    let parent: String = arguments.value("--folder", ".".to_owned())?;
    let kept: String = arguments.value("--results", String::new())?;
    let documents: usize = arguments.value("--documents", 100_000)?;
    let sets_per_second: f64 = arguments.value("--rate", f64::INFINITY)?;
    let machine = machine::describe(Path::new(&parent));
    let folder = tempfile::tempdir_in(&parent)?;
    let versions = [Workload::new(documents, 0), Workload::new(documents, 1)];
    let auto = AutoCompaction { dead_bytes: DEAD_BYTES_MIN, ..AutoCompaction::default() };
    let config = Config::new(folder.path().join("soak.db"))
        .with_fsync_policy(FsyncPolicy::Never)
        .with_cache_bytes(CACHE_BYTES)
        .with_auto_compaction(auto);
    let db = FerrumDB::open(config).wait()?;
    let pairs = versions[0].keys.iter().zip(&versions[0].documents);
    let fill = pairs.fold(Transaction::new(), |fill, (key, document)| fill.set(key.as_str(), document));
    db.commit(fill).wait()?;
    for field in ["age", "email"] {
        db.create_index(field).wait()?;
    }
    let interval = Duration::from_secs_f64(minutes * 60.0) / POINTS;
    let (mut points, mut numbers, begin) = (Vec::new(), Numbers::new(1), Instant::now());
    for point in 1..=POINTS {
        let (mut sets, since) = (0, Instant::now());
        while begin.elapsed() < interval * point {
            let number = numbers.below(documents);
            let version = &versions[sets % 2];
            db.set(version.keys[number].as_str(), &version.documents[number]).wait()?;
            sets += 1;
            keep_to(sets_per_second, sets, since);
            if sets % SETS == 0 {
                black_box(
                    db.get(&versions[0].keys[numbers.below(documents)])?.ok_or("a document is missing")?,
                );
            }
        }
        let stats = db.stats()?;
        let resident = resident_bytes().ok_or("this system does not tell a process's memory")?;
        let figures = [rate(sets, since.elapsed()), resident as f64, stats.file_bytes as f64];
        println!(
            "{:.1} s: {}, resident {}, file {}, generation {}",
            begin.elapsed().as_secs_f64(),
            per_second(figures[0]),
            bytes(figures[1]),
            bytes(figures[2]),
            stats.generation
        );
        points.push((begin.elapsed().as_secs_f64().round(), figures.map(Some).to_vec()));
    }
    if db.count()? != documents as u64 {
        return Err("documents are missing".into());
    }
    db.close().wait()?;
    check(&points)?;
    let columns =
        [("sets, two indexes", Unit::Rate), ("resident memory", Unit::Bytes), ("file", Unit::Bytes)];
    let columns = columns.map(|(name, unit)| (name.to_owned(), unit)).to_vec();
    let series = Some(Series { along: "seconds".to_owned(), columns, points });
    let build = format!("{documents} documents, a get after every {SETS} sets{}", rate_of(sets_per_second));
    if !kept.is_empty() {
        Results { machine, build, lines: Vec::new(), series }.keep(Path::new(&kept), "soak")?;
    }
    Ok(())
}

/// Sleeps where so many sets were made too soon.
fn keep_to(sets_per_second: f64, sets: usize, since: Instant) {
    let ahead = Duration::from_secs_f64(sets as f64 / sets_per_second).saturating_sub(since.elapsed());
    if ahead > AHEAD_MAX {
        thread::sleep(ahead);
    }
}

fn rate_of(sets_per_second: f64) -> String {
    if sets_per_second.is_finite() { format!(", {sets_per_second} sets a second") } else { String::new() }
}

/// Memory is where it was: the most of the last fifth is hardly more than the most of the second.
fn check(points: &[(f64, Vec<Option<f64>>)]) -> Result<()> {
    let fifth = points.len() / 5;
    let most = |part: &[(f64, Vec<Option<f64>>)]| {
        part.iter().filter_map(|(_, figures)| figures[1]).fold(0.0, f64::max)
    };
    let (early, late) = (most(&points[fifth..2 * fifth]), most(&points[points.len() - fifth..]));
    if late > early * GROWTH_MAX + KEPT_BACK_BYTES {
        return Err(format!("memory has grown from {} to {}", bytes(early), bytes(late)).into());
    }
    Ok(())
}
