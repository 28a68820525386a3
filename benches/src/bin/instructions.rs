//! Owns the count of instructions that a waited set costs, on its caller's thread and on the writer's, under callgrind,
//! with nobody watching and with a watcher that is told of each. Never reads a clock, so that it may run on a busy machine.
//!
//! ```text
//! cargo run --release -p ferrumdb-benches --bin instructions -- [--program PATH] [--sets N] [--folder PATH]
//! ```
//!
//! `--program` names this program as another version built it, whose figures then stand beside.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::thread;

use ferrumdb::{Config, FerrumDB, FsyncPolicy, Transaction, WatchOptions};
use ferrumdb_benches::arguments::Arguments;
use ferrumdb_benches::report::Table;
use ferrumdb_benches::workload::Workload;

/// Whatever goes wrong ends the run.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const CHILD: &str = "--overwrite";
const WATCHED_CHILD: &str = "--watched";
/// Fewer than the smallest number of sets, so that every set overwrites, and their cost does not grow.
const DOCUMENTS: usize = 1_000;

/// Instructions, in one run or for one set.
#[derive(Clone, Copy, Debug)]
struct Counts {
    caller: f64,
    writer: f64,
    /// The watcher's, which no commit waits for.
    watcher: f64,
}

fn main() -> ExitCode {
    let arguments = Arguments::of_process();
    let done = match arguments.all() {
        [flag, path, sets] if flag == CHILD => overwrite(Path::new(path), sets, false),
        [flag, path, sets] if flag == WATCHED_CHILD => overwrite(Path::new(path), sets, true),
        _ => compare(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("instructions: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What is counted: sets that are waited for, one after the other, of documents that are there.
fn overwrite(path: &Path, sets: &str, is_watched: bool) -> Result<()> {
    let sets: usize = sets.parse()?;
    let db = FerrumDB::open(Config::new(path).with_fsync_policy(FsyncPolicy::Never)).wait()?;
    let changes = if is_watched { Some(db.watch(WatchOptions::everything())?) } else { None };
    let watcher = changes.map(|changes| thread::spawn(|| changes.filter(|change| change.is_ok()).count()));
    let versions = [Workload::new(DOCUMENTS, 0), Workload::new(DOCUMENTS, 1)];
    let pairs = versions[0].keys.iter().zip(&versions[0].documents);
    let fill = pairs.fold(Transaction::new(), |fill, (key, document)| fill.set(key.as_str(), document));
    db.commit(fill).wait()?;
    for number in 0..sets {
        let version = &versions[(number / DOCUMENTS + 1) % 2];
        let number = number % DOCUMENTS;
        db.set(version.keys[number].as_str(), &version.documents[number]).wait()?;
    }
    if db.count()? != DOCUMENTS as u64 || db.stats()?.sequence.0 != sets as u64 + 1 {
        return Err("the sets were not carried out".into());
    }
    db.close().wait()?;
    match watcher.map(thread::JoinHandle::join) {
        Some(Ok(told)) if told == DOCUMENTS + sets => Ok(()),
        None => Ok(()),
        Some(told) => Err(format!("the watcher was told {told:?}").into()),
    }
}

fn compare(arguments: &Arguments) -> Result<()> {
    let sets: usize = arguments.value("--sets", 10_000)?;
    let parent: String = arguments.value("--folder", ".".to_owned())?;
    let folder = tempfile::tempdir_in(&parent)?;
    let this = std::env::current_exe()?;
    let mut programs =
        vec![("this program", CHILD, this.clone()), ("the same, watched", WATCHED_CHILD, this)];
    let other: String = arguments.value("--program", String::new())?;
    if !other.is_empty() {
        programs.insert(0, ("the other", CHILD, PathBuf::from(other)));
    }
    let mut table = Table::new(&["instructions for a set", "caller", "writer", "both", "watcher"]);
    for (name, child, program) in programs {
        // What a run costs beside its sets is the same in both, and falls out.
        let run = |sets| count(&program, child, folder.path(), sets);
        let (few, many) = (run(sets)?, run(2 * sets)?);
        let caller = (many.caller - few.caller) / sets as f64;
        let writer = (many.writer - few.writer) / sets as f64;
        let watcher = (many.watcher - few.watcher) / sets as f64;
        let figures = [caller, writer, caller + writer, watcher].map(|figure| format!("{figure:.0}"));
        table.row([name.to_owned()].into_iter().chain(figures));
    }
    print!("{}", table.text());
    Ok(())
}

/// Runs a program under callgrind, on one processor: there nobody spins, and so nothing is counted twice or by chance.
fn count(program: &Path, child: &str, folder: &Path, sets: usize) -> Result<Counts> {
    let (output, database) = (folder.join("callgrind"), folder.join("counted.db"));
    let mut flag = OsStr::new("--callgrind-out-file=").to_owned();
    flag.push(&output);
    let status = Command::new("taskset")
        .args(["--cpu-list", "0", "valgrind", "--quiet", "--tool=callgrind", "--separate-threads=yes"])
        .arg(flag)
        .arg(program)
        .args([child.as_ref(), database.as_os_str(), sets.to_string().as_ref()])
        .status()
        .map_err(|error| format!("taskset and valgrind are needed: {error}"))?;
    if !status.success() {
        return Err(format!("{} ended with {status}", program.display()).into());
    }
    let mut counts = Counts { caller: 0.0, writer: 0.0, watcher: 0.0 };
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        // A file for each thread, the process's first among them, and one that holds no thread.
        if name == "callgrind-01" {
            counts.caller += total(&path)?;
        } else if name == "callgrind-03" {
            counts.watcher += total(&path)?;
        } else if name.starts_with("callgrind-") {
            counts.writer += total(&path)?;
        }
        fs::remove_file(&path)?;
    }
    Ok(counts)
}

/// The instructions that a file of callgrind's sums up to.
fn total(path: &Path) -> Result<f64> {
    let text = fs::read_to_string(path)?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    Ok(total.ok_or("callgrind wrote no totals")?.trim().parse()?)
}
