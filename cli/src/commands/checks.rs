//! The commands `verify` and `repair`: what was found in a file, and what could be saved of it. Never changes the file
//! that they look at.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use ferrumdb::{ErrorKind, FerrumDB, Finding, LostCommits, Progress, RepairReport, VerifyReport, WorkKind};
use serde_json::{Value, json};

use crate::access::Access;
use crate::exit::{Failure, Outcome, Status};
use crate::opening::closing;
use crate::options::Options;
use crate::output::{self, Output, typed};
use crate::progress::{Of, Work, told_of};

const VERIFY_EXAMPLES: &str = r#"Examples:
  ferrumdb verify my.db                  one line for each thing that is wrong, or one that all is well
  ferrumdb verify my.db --json           the same for programs, as one object

The file is only read, and need not be one that can be opened. All of it is read: each checksum, the order of records and
commits, each document, and whether the hint file beside it says what the log says. An end that a crash left unfinished is
no damage: opening the file cuts it off. If another process has the file open, what that has committed by now is verified
beside it; with --wait, that is waited for before.

Exit status: 0 the file is sound, 4 it is damaged, 5 it cannot be read."#;

/// Reads all of a database file, and tells what is not as it should be.
#[derive(Debug, Args)]
#[command(after_help = VERIFY_EXAMPLES)]
pub(crate) struct Verify {
    /// The database file
    pub(crate) database: PathBuf,
}

const REPAIR_EXAMPLES: &str = r#"Examples:
  ferrumdb repair my.db --to saved.db            what was lost, a line for each, and what was saved
  ferrumdb repair my.db --to saved.db --json     the same for programs, as one object

The damaged file is only read; NEW must not exist. The newest version that is left of each document is saved, with its
number and its expiry, and the indexes. A key may hold an older document, or none, if it is listed, or if it was changed
last by a commit that is listed. The first 100,000 lines of each kind are shown. Ctrl-C leaves nothing of NEW.

Exit status: 0 nothing was lost, 3 the file is in use, 4 something was lost, or nothing can be saved, 5 a file cannot be
read or written."#;

/// Saves what can be saved of a damaged database file in a new one, and lists what was lost.
#[derive(Debug, Args)]
#[command(after_help = REPAIR_EXAMPLES)]
pub(crate) struct Repair {
    /// The damaged file
    pub(crate) database: PathBuf,

    /// The file to make
    #[arg(long, value_name = "NEW")]
    pub(crate) to: PathBuf,
}

/// Verifies the file that the arguments name.
pub(super) fn verify(arguments: &Verify, options: &Options) -> Outcome {
    let path = &arguments.database;
    let access = Access::of(options, path)?;
    let (report, is_followed) = match closed(path, &access, options) {
        // What another process has committed by now can be looked at beside it.
        Err(failure) if failure.kind == Some(ErrorKind::Locked) => {
            let told = format!("{}; what it has committed by now is verified", failure.message);
            let report = along(path, &access, options)?;
            output::warning(&told);
            (report, true)
        }
        outcome => (outcome?, false),
    };
    let mut output = Output::standard(options.mode());
    if output.mode().is_some() {
        output.report(&verify_as_json(&report, is_followed), "")?;
        output.flush()?;
        return Ok(if report.is_sound() { Status::Good } else { Status::Damaged });
    }
    for finding in &report.findings {
        output.text(&sentence(finding))?;
    }
    if report.is_sound() {
        let VerifyReport { documents, commits, sequence, bytes, .. } = report;
        let path = path.display();
        output.text(&format!(
            "{path} is sound: {} in {}, the newest {sequence}, in {} of log",
            counted(documents, "document"),
            counted(commits, "commit"),
            counted(bytes, "byte")
        ))?;
    }
    output.flush()?;
    if report.torn_bytes > 0 {
        output::warning(&format!(
            "a crash left {} unfinished at the end; opening the file cuts them off",
            counted(report.torn_bytes, "byte")
        ));
    }
    damaged(path, &report)
}

fn closed(path: &Path, access: &Access<'_>, options: &Options) -> Result<VerifyReport, Failure> {
    let progress = Progress::new();
    let config = access.config(path)?.with_progress(&progress);
    let work = Work::begin(options.progress, "verifying", Of::Bytes(Some(0)));
    work.watch(|| ferrumdb::verify(config), || (progress.done(), progress.of()), None)
}

/// The same beside the process that has it open.
fn along(path: &Path, access: &Access<'_>, options: &Options) -> Result<VerifyReport, Failure> {
    let db = FerrumDB::open(access.config(path)?.read_only()).wait()?;
    closing(&db, || {
        let work = Work::begin(options.progress, "verifying", Of::Bytes(Some(0)));
        work.watch(|| db.verify(), || told_of(&db, &WorkKind::Verification), None)
    })
}

/// Repairs the file that the arguments name.
pub(super) fn repair(arguments: &Repair, options: &Options) -> Outcome {
    let progress = Progress::new();
    let access = Access::of(options, &arguments.database)?;
    let config = access.config(&arguments.database)?.with_progress(&progress);
    let work = Work::begin(options.progress, "repairing", Of::Bytes(Some(0)));
    let repairing = || ferrumdb::repair(config, &arguments.to);
    let stop = || progress.cancel();
    let outcome = work.watch(repairing, || (progress.done(), progress.of()), Some(&stop));
    drop(work);
    let report = outcome?;
    let status = if report.is_complete() { Status::Good } else { Status::Damaged };
    let mut output = Output::standard(options.mode());
    if output.mode().is_some() {
        output.report(&repair_as_json(&report), "")?;
        output.flush()?;
        return Ok(status);
    }
    for stretch in &report.lost {
        output.text(&format!("lost bytes {} to {}", stretch.start, stretch.end))?;
    }
    for lost in &report.commits {
        output.text(&format!("lost {}, or parts of it", commits(lost)))?;
    }
    for key in &report.keys {
        output.line(&format!("affected key {}", typed(key)))?;
    }
    output.text(&saved(&arguments.to, &report))?;
    output.flush()?;
    Ok(status)
}

fn damaged(path: &Path, report: &VerifyReport) -> Outcome {
    if report.is_sound() {
        return Ok(Status::Good);
    }
    let path = path.display();
    let listed = report.findings.len() as u64;
    let more = match report.findings_total - listed {
        0 => String::new(),
        more => format!(", {more} of them not shown"),
    };
    let total = counted(report.findings_total, "finding");
    let message = format!(
        "{path} is damaged: {total}{more}; `ferrumdb repair {path} --to NEW` saves what can be saved"
    );
    Err(Failure::new(Status::Damaged, message))
}

fn sentence(finding: &Finding) -> String {
    let mut text = format!("byte {}", finding.position);
    if let Some(sequence) = finding.sequence {
        let _ = write!(text, ", commit {sequence}");
    }
    if let Some(key) = &finding.key {
        let _ = write!(text, ", key {}", typed(key));
    }
    text + ": " + &finding.what
}

fn saved(to: &Path, report: &RepairReport) -> String {
    let RepairReport { documents, indexes, sequence, .. } = report;
    let mut text = format!("saved {}", counted(*documents, "document"));
    if *indexes > 0 {
        let noun = if *indexes == 1 { "index" } else { "indexes" };
        let _ = write!(text, " and {indexes} {noun}");
    }
    let _ = write!(text, " as of commit {sequence} in {}", to.display());
    if report.is_complete() {
        return text + "; nothing was lost";
    }
    let listed = (report.lost.len() + report.commits.len() + report.keys.len()) as u64;
    let total = report.lost_total + report.commits_total + report.keys_total;
    let _ = write!(text, "; {} of log could not be read", counted(report.lost_bytes, "byte"));
    if total > listed {
        let _ = write!(text, "; {} more lines are not shown", total - listed);
    }
    text
}

fn commits(lost: &LostCommits) -> String {
    match lost.last {
        Some(last) if last == lost.first => format!("commit {last}"),
        Some(last) => format!("commits {} to {last}", lost.first),
        None => format!("commits {} and later", lost.first),
    }
}

fn counted(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

fn verify_as_json(report: &VerifyReport, is_followed: bool) -> Value {
    let findings = report.findings.iter().map(|finding| {
        json!({
            "position": finding.position,
            "sequence": finding.sequence,
            "key": finding.key.as_deref(),
            "what": finding.what,
        })
    });
    json!({
        "sound": report.is_sound(),
        "sequence": report.sequence,
        "commits": report.commits,
        "records": report.records,
        "documents": report.documents,
        "bytes": report.bytes,
        "torn_bytes": report.torn_bytes,
        "followed": is_followed,
        "findings": findings.collect::<Vec<_>>(),
        "findings_total": report.findings_total,
    })
}

fn repair_as_json(report: &RepairReport) -> Value {
    let lost = report.lost.iter().map(|stretch| json!([stretch.start, stretch.end]));
    let commits = report.commits.iter().map(|lost| json!([lost.first, lost.last]));
    json!({
        "complete": report.is_complete(),
        "sequence": report.sequence,
        "documents": report.documents,
        "indexes": report.indexes,
        "records": report.records,
        "lost_bytes": report.lost_bytes,
        "lost": lost.collect::<Vec<_>>(),
        "lost_total": report.lost_total,
        "commits": commits.collect::<Vec<_>>(),
        "commits_total": report.commits_total,
        "keys": report.keys.iter().map(|key| key.as_str()).collect::<Vec<_>>(),
        "keys_total": report.keys_total,
    })
}
