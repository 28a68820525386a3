//! Owns the count of instructions that reads and commits cost, on their caller's thread and on the writer's, under callgrind.
//! Never reads a clock, so that it may run on a busy machine.
//!
//! ```text
//! cargo run --release -p ferrumdb-benches --bin instructions -- [--check | --renew] [--program PATH] [--only NAME]
//!     [--folder PATH]
//! ```
//!
//! `--check` fails if an operation takes more than `benches/instructions.json` says, beyond a tolerance; `--renew` writes that
//! file. Its counts are those of the build that `./test` makes. `--program` names this program as another version built it,
//! whose figures then stand beside.

mod callgrind;
mod ledger;
mod workloads;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use callgrind::{Counts, count_one, probe};
use ferrumdb_benches::arguments::Arguments;
use ferrumdb_benches::report::Table;
use ledger::{Ledger, compiler};
use workloads::COUNTED;

/// Whatever goes wrong ends the run.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// So often a count that is too high is made again: what goes on beside can only add to it, and does not each time.
const RECOUNTS: usize = 4;

/// Makes this program do a workload instead of counting one.
const CHILD: &str = "--do";

fn main() -> ExitCode {
    let arguments = Arguments::of_process();
    let done = match arguments.all() {
        [flag, name, path, times] if flag == CHILD => do_one(name, Path::new(path), times),
        _ => count(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("instructions: {error}");
            ExitCode::FAILURE
        }
    }
}

fn do_one(name: &str, path: &Path, times: &str) -> Result<()> {
    let counted = COUNTED.iter().find(|known| known.name == name).ok_or("there is no such workload")?;
    (counted.run)(path, times.parse()?)
}

fn count(arguments: &Arguments) -> Result<()> {
    let (checks, renews) = (arguments.has("--check"), arguments.has("--renew"));
    if let (Err(error), true) = (probe(), checks) {
        eprintln!("SKIPPED: no instructions are counted, since callgrind does not run here: {error}");
        return Ok(());
    }
    let only: String = arguments.value("--only", String::new())?;
    let folder = tempfile::tempdir_in(arguments.value("--folder", ".".to_owned())?)?;
    let mut programs = vec![("this program", std::env::current_exe()?)];
    let other: String = arguments.value("--program", String::new())?;
    if !other.is_empty() {
        programs.insert(0, ("the other", PathBuf::from(other)));
    }
    let (compiler, mut noted) = (compiler()?, Vec::new());
    let ledger = if checks { Some(Ledger::read()?) } else { None };
    let is_too_high = |workload, counts| {
        ledger
            .as_ref()
            .is_some_and(|ledger| !ledger.excesses(workload, counts, ledger.tolerance(&compiler)).is_empty())
    };
    let mut table = Table::new(&["instructions for one", "program", "caller", "writer", "both", "watcher"]);
    for counted in COUNTED.iter().filter(|counted| only.is_empty() || only == counted.name) {
        for (program, path) in &programs {
            let mut counts = count_one(path, counted, folder.path())?;
            for _ in 0..RECOUNTS {
                if !is_too_high(counted.name, counts) {
                    break;
                }
                counts = counts.least(count_one(path, counted, folder.path())?);
            }
            let Counts { caller, writer, watcher } = counts;
            let figures = [caller, writer, caller + writer, watcher].map(|figure| format!("{figure:.0}"));
            table.row([counted.name.to_owned(), (*program).to_owned()].into_iter().chain(figures));
            noted.push((counted.name, counts));
        }
    }
    print!("{}", table.text());
    if renews {
        let mut ledger = Ledger::new(compiler.clone());
        noted.iter().for_each(|(workload, counts)| ledger.note(workload, *counts));
        println!("written: {}", ledger.write()?.display());
    }
    ledger.map_or(Ok(()), |ledger| check(&ledger, &compiler, &noted))
}

fn check(ledger: &Ledger, compiler: &str, noted: &[(&str, Counts)]) -> Result<()> {
    let tolerance = ledger.tolerance(compiler);
    println!("at most {:.0} % above the committed counts, for {compiler}", tolerance * 100.0);
    let excesses: Vec<String> =
        noted.iter().flat_map(|(workload, counts)| ledger.excesses(workload, *counts, tolerance)).collect();
    match excesses.is_empty() {
        true => Ok(()),
        false => Err(format!(
            "{}; take it out again, or say in the commit what it buys and renew the counts with --renew",
            excesses.join("; ")
        )
        .into()),
    }
}
