//! Owns the measurement of what gets and commits wait for while a large database is compacted, an index is built, and a hint file is
//! written: requests are due on a schedule, and a latency counts from when its request was due. Never slows the schedule down for
//! requests that are late.
//!
//! ```text
//! cargo run --release -p ferrumdb-benches --bin waits -- [--documents N] [--gets N] [--commits N] [--fsync POLICY]
//!     [--quiet SECONDS] [--folder PATH] [--results FOLDER] [--strict]
//! ```
//!
//! `--gets` and `--commits` are how many are due in a second.

use std::fmt;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ferrumdb::{CompactionReport, Config, FerrumDB, FsyncPolicy, Transaction};
use ferrumdb_benches::arguments::Arguments;
use ferrumdb_benches::floor::append_and_sync;
use ferrumdb_benches::machine;
use ferrumdb_benches::measure::Latencies;
use ferrumdb_benches::prepared_file::Preparation;
use ferrumdb_benches::report::{Table, duration};
use ferrumdb_benches::results::{Figure, Line, Results, Unit};
use ferrumdb_benches::workload::{Numbers, document, key};

/// Whatever goes wrong ends the run.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Threads that read, and share the schedule of the gets.
const READERS: u32 = 2;
/// How many documents a transaction of the filling has.
const BATCH: usize = 1_000;
/// For how many megabytes of commits a hint file is waited for at most.
const HINT_BATCHES_MAX: usize = 4_000;
/// What nobody may wait longer than for a compaction, syncs aside.
const WAIT_MAX: Duration = Duration::from_millis(10);

/// What happens besides the requests.
const PHASES: [&str; 5] = [
    "with nothing beside them",
    "beside a compaction",
    "after it",
    "beside an index build",
    "beside transactions of 1,000 and the hint file",
];
const DURING: usize = 1;
const INDEXING: usize = 3;
const HINTING: usize = 4;
const ENDED: usize = PHASES.len();

/// The latencies of one kind of request, by phase.
type Waits = [Latencies; PHASES.len()];

/// What was asked for on the command line.
struct Settings {
    documents: usize,
    /// In a second.
    gets: u32,
    commits: u32,
    fsync: FsyncPolicy,
    /// How long it runs before the compaction, and behind it.
    quiet: Duration,
    folder: tempfile::TempDir,
}

fn main() -> ExitCode {
    match run(&Arguments::of_process()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("waits: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether the run counts as passed.
fn run(arguments: &Arguments) -> Result<bool> {
    let parent: String = arguments.value("--folder", ".".to_owned())?;
    let settings = Settings {
        documents: arguments.value("--documents", 1_000_000)?,
        gets: arguments.value("--gets", 10_000)?,
        commits: arguments.value("--commits", 1_000)?,
        fsync: arguments.value("--fsync", FsyncPolicy::Never)?,
        quiet: Duration::from_secs_f64(arguments.value("--quiet", 5.0)?),
        folder: tempfile::tempdir_in(&parent)?,
    };
    let (machine, build) = (machine::describe(Path::new(&parent)), settings.to_string());
    println!("{machine}; {build}");
    let sync = append_and_sync(
        &settings.folder.path().join("floor"),
        Preparation::Growing,
        256,
        Duration::from_secs(2),
    )?;
    let path = settings.folder.path().join("waits.db");
    fill(&path, settings.documents)?;
    let (gets, commits, report) = measure(&settings, &path)?;
    println!(
        "{} documents, each overwritten once: compacted from {} to {} MiB in {}\n",
        settings.documents,
        report.bytes_before >> 20,
        report.bytes_after >> 20,
        duration(report.took)
    );
    print!("{}", table(&[("get", &gets), ("commit", &commits)]).text());
    let (bar, longest) =
        (WAIT_MAX + 2 * sync.longest(), gets[DURING].longest().max(commits[DURING].longest()));
    let passes = longest <= bar;
    let kept: String = arguments.value("--results", String::new())?;
    if !kept.is_empty() {
        let mut lines = lines(&[("gets", &gets), ("commits", &commits)]);
        lines.push(line(
            "the longest wait beside a compaction",
            longest,
            "10 ms and two syncs",
            bar,
            Some(1.0),
        ));
        Results { machine, build, lines, series: None }.keep(Path::new(&kept), "waits")?;
    }
    println!(
        "\nthe longest wait during the compaction was {}; the bar is {} and two syncs, of which the longest here took {}: {}",
        duration(longest),
        duration(WAIT_MAX),
        duration(sync.longest()),
        if passes { "pass" } else { "FAIL" }
    );
    Ok(passes || !arguments.has("--strict"))
}

/// Half of what lies in the file afterwards is garbage.
fn fill(path: &Path, documents: usize) -> Result<()> {
    let config = Config::new(path).with_fsync_policy(FsyncPolicy::Never).with_auto_compaction(None);
    let db = FerrumDB::open(config).wait()?;
    for round in 0..2 {
        for start in (0..documents).step_by(BATCH) {
            let numbers = start..(start + BATCH).min(documents);
            let sets = numbers
                .fold(Transaction::new(), |sets, number| sets.set(key(number), document(number, round)));
            db.commit(sets).wait()?;
        }
    }
    db.close().wait()?;
    Ok(())
}

fn measure(settings: &Settings, path: &Path) -> Result<(Waits, Waits, CompactionReport)> {
    let config = Config::new(path).with_fsync_policy(settings.fsync).with_auto_compaction(None);
    let db = FerrumDB::open(config).wait()?;
    let (phase, count) = (&AtomicUsize::new(0), settings.documents);
    thread::scope(|scope| {
        let db = &db;
        let readers: Vec<_> = (0..READERS)
            .map(|reader| {
                let interval = Duration::from_secs(1) * READERS / settings.gets;
                let offset = interval / READERS * reader;
                let mut numbers = Numbers::new(u64::from(reader));
                scope.spawn(move || {
                    on_schedule(interval, offset, phase, || {
                        db.get(key(numbers.below(count)))?.ok_or("a document is missing")?;
                        Ok(())
                    })
                })
            })
            .collect();
        let mut numbers = Numbers::new(u64::from(READERS));
        let committer = scope.spawn(move || {
            on_schedule(Duration::from_secs(1) / settings.commits, Duration::ZERO, phase, || {
                let number = numbers.below(count);
                Ok(db.set(key(number), document(number, 2)).wait().map(drop)?)
            })
        });
        let done = beside(db, settings, path, phase);
        // Whatever has come of it: the threads wait for this.
        phase.store(ENDED, Ordering::SeqCst);
        let mut gets = Waits::default();
        for reader in readers {
            let waits = reader.join().map_err(|_| "a reader panicked")??;
            gets.iter_mut().zip(&waits).for_each(|(all, waits)| all.add(waits));
        }
        let commits = committer.join().map_err(|_| "the committer panicked")??;
        if db.count()? != count as u64 {
            return Err("documents are missing".into());
        }
        Ok((gets, commits, done?))
    })
}

/// One phase after the other.
fn beside(db: &FerrumDB, settings: &Settings, path: &Path, phase: &AtomicUsize) -> Result<CompactionReport> {
    thread::sleep(settings.quiet);
    phase.store(DURING, Ordering::SeqCst);
    let report = db.compact().wait();
    phase.store(DURING + 1, Ordering::SeqCst);
    thread::sleep(settings.quiet);
    phase.store(INDEXING, Ordering::SeqCst);
    db.create_index("email").wait()?;
    phase.store(HINTING, Ordering::SeqCst);
    let mut hint = path.as_os_str().to_owned();
    hint.push(".hint");
    let written = || std::fs::metadata(&hint).and_then(|hint| hint.modified()).ok();
    let (before, mut batches) = (written(), 0);
    while written() == before && batches < HINT_BATCHES_MAX {
        let start = batches * BATCH % settings.documents;
        let numbers = start..(start + BATCH).min(settings.documents);
        let sets =
            numbers.fold(Transaction::new(), |sets, number| sets.set(key(number), document(number, 3)));
        db.commit(sets).wait()?;
        // It is of what is synced, and no commit of this run asks for that.
        db.sync().wait()?;
        batches += 1;
    }
    if written() == before {
        return Err("no hint file was written".into());
    }
    Ok(report?)
}

/// Makes requests as they are due, or as soon as it can where they are late, and notes how long each took from when it was due.
/// One that the compaction has met is of its phase.
fn on_schedule(
    interval: Duration,
    offset: Duration,
    phase: &AtomicUsize,
    mut request: impl FnMut() -> Result<()>,
) -> Result<Waits> {
    let mut waits = Waits::default();
    let mut due = Instant::now() + offset;
    loop {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let before = phase.load(Ordering::SeqCst);
        request()?;
        let took = due.elapsed();
        let after = phase.load(Ordering::SeqCst);
        let of = if before < DURING { after } else { before };
        match waits.get_mut(of) {
            Some(waits) => waits.note(took),
            None => return Ok(waits),
        }
        due += interval;
    }
}

fn lines(kinds: &[(&str, &Waits)]) -> Vec<Line> {
    let mut lines = Vec::new();
    for (kind, waits) in kinds {
        let quiet = waits[0].quantile(0.999);
        for (phase, waits) in PHASES.iter().zip(*waits) {
            let workload = format!("p99.9 of {kind} {phase}");
            let mut line = line(&workload, waits.quantile(0.999), PHASES[0], quiet, None);
            line.ours.quantiles = Some(waits.quantiles());
            lines.push(line);
        }
    }
    lines
}

fn line(workload: &str, ours: Duration, peer: &str, theirs: Duration, bar: Option<f64>) -> Line {
    let figure = |took: Duration| {
        let median = took.as_secs_f64();
        Figure { median, rounds: vec![median], quantiles: None, note: None }
    };
    Line {
        workload: workload.to_owned(),
        durability: String::new(),
        unit: Unit::Seconds,
        ours: figure(ours),
        peer: peer.to_owned(),
        theirs: figure(theirs),
        bar,
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { documents, gets, commits, fsync, .. } = self;
        write!(formatter, "{documents} documents, {gets} gets and {commits} commits a second, fsync {fsync}")
    }
}

fn table(kinds: &[(&str, &Waits)]) -> Table {
    let mut table = Table::new(&["request", "phase", "requests", "median", "p99.9", "p99.99", "longest"]);
    for (kind, waits) in kinds {
        for (phase, waits) in PHASES.iter().zip(*waits) {
            let quantiles = [0.5, 0.999, 0.9999].map(|share| duration(waits.quantile(share)));
            let cells = [(*kind).to_owned(), (*phase).to_owned(), waits.count().to_string()];
            table.row(cells.into_iter().chain(quantiles).chain([duration(waits.longest())]));
        }
    }
    table
}
