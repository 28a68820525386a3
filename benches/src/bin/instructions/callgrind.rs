//! Owns the runs under callgrind: one child at a time, and the instructions of each of its threads. Never knows what a child
//! does.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::Result;
use crate::workloads::Counted;

/// Instructions, in one run or for one operation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Counts {
    pub(crate) caller: f64,
    pub(crate) writer: f64,
    /// A watcher's, which no commit waits for.
    pub(crate) watcher: f64,
}

impl Counts {
    /// The least that each thread has taken in either of two counts.
    pub(crate) fn least(self, other: Self) -> Self {
        Self {
            caller: self.caller.min(other.caller),
            writer: self.writer.min(other.writer),
            watcher: self.watcher.min(other.watcher),
        }
    }
}

/// What one operation of a workload costs: the difference of two runs, so that what a run costs beside them falls out.
pub(crate) fn count_one(program: &Path, counted: &Counted, folder: &Path) -> Result<Counts> {
    let times = counted.times;
    let run = |times| count(program, counted.name, folder, times);
    let (few, many) = (run(times)?, run(2 * times)?);
    let each = |few: f64, many: f64| ((many - few) / times as f64).max(0.0);
    Ok(Counts {
        caller: each(few.caller, many.caller),
        writer: each(few.writer, many.writer),
        watcher: each(few.watcher, many.watcher),
    })
}

/// Whether callgrind runs here, and if not, why.
///
/// # Errors
/// A sentence.
pub(crate) fn probe() -> Result<()> {
    let mut callgrind = Command::new("valgrind");
    callgrind.args(["--quiet", "--tool=callgrind", "--callgrind-out-file=/dev/null", "true"]);
    match callgrind.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned().into()),
        Err(error) => Err(format!("valgrind cannot be started: {error}").into()),
    }
}

/// Runs a program under callgrind, on one processor: there nobody spins, and so nothing is counted twice or by chance.
fn count(program: &Path, workload: &str, folder: &Path, times: usize) -> Result<Counts> {
    let run = tempfile::tempdir_in(folder)?;
    let (output, database) = (run.path().join("callgrind"), run.path().join("counted.db"));
    let mut flag = OsStr::new("--callgrind-out-file=").to_owned();
    flag.push(&output);
    let status = Command::new("taskset")
        .args(["--cpu-list", "0", "valgrind", "--quiet", "--tool=callgrind", "--separate-threads=yes"])
        .arg(flag)
        .arg(program)
        .args([crate::CHILD.as_ref(), workload.as_ref(), database.as_os_str(), times.to_string().as_ref()])
        .status()
        .map_err(|error| format!("taskset and valgrind are needed: {error}"))?;
    if !status.success() {
        return Err(format!("{} ended with {status}", program.display()).into());
    }
    let mut counts = Counts::default();
    for entry in fs::read_dir(run.path())? {
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
    }
    Ok(counts)
}

/// The instructions that a file of callgrind's sums up to.
fn total(path: &Path) -> Result<f64> {
    let text = fs::read_to_string(path)?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    Ok(total.ok_or("callgrind wrote no totals")?.trim().parse()?)
}
