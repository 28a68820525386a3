//! The commands `verify` and `repair`: what was found in a file, and what could be saved of it. Never changes the file
//! that they look at.

use std::fmt::Write as _;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ferrumdb::{Finding, LostCommits, Pending, Progress, RepairReport, VerifyReport};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::Outcome;
use crate::access::Access;
use crate::arguments::{Repair, Verify};
use crate::exit::{Failure, Status};
use crate::output::{self, Output, typed};

const TICK: Duration = Duration::from_millis(100);

/// Verifies the file that the arguments name.
pub(crate) fn verify(arguments: &Verify, access: &Access) -> Outcome {
    let progress = Progress::new();
    let config = access.config(&arguments.database)?.with_progress(&progress);
    let report = watched(ferrumdb::verify(config), &progress)?;
    let mut output = Output::standard();
    if arguments.json {
        output.document(&verify_as_json(&report).to_string())?;
        output.flush()?;
        return Ok(if report.is_sound() { Status::Good } else { Status::Damaged });
    }
    for finding in &report.findings {
        output.text(&sentence(finding))?;
    }
    if report.is_sound() {
        let VerifyReport { documents, commits, sequence, bytes, .. } = report;
        let path = arguments.database.display();
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
    damaged(&arguments.database, &report)
}

/// Repairs the file that the arguments name.
pub(crate) fn repair(arguments: &Repair, access: &Access) -> Outcome {
    let progress = Progress::new();
    let config = access.config(&arguments.database)?.with_progress(&progress);
    let report = watched(ferrumdb::repair(config, &arguments.to), &progress)?;
    let status = if report.is_complete() { Status::Good } else { Status::Damaged };
    let mut output = Output::standard();
    if arguments.json {
        output.document(&repair_as_json(&report).to_string())?;
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

/// Waits, and shows how far it is if somebody sits in front of standard error.
fn watched<T>(pending: Pending<T>, progress: &Progress) -> ferrumdb::Result<T> {
    if !io::stderr().is_terminal() {
        return pending.wait();
    }
    let done = AtomicBool::new(false);
    let template = "{bar:30} {percent:>3} %  {bytes}/{total_bytes}  {eta} left";
    let style = ProgressStyle::with_template(template).expect("the template is well formed");
    let bar = ProgressBar::new(0).with_style(style);
    std::thread::scope(|scope| {
        let drawing = scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                std::thread::park_timeout(TICK);
                bar.set_length(progress.of());
                bar.set_position(progress.done());
            }
            bar.finish_and_clear();
        });
        let answer = pending.wait();
        done.store(true, Ordering::Release);
        drawing.thread().unpark();
        answer
    })
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

fn verify_as_json(report: &VerifyReport) -> Value {
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
