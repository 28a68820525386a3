//! Owns what is done with the file as a whole: verifying, compacting, and backing up. Never takes a path from a caller.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use ferrumdb::{VerifyReport, WorkKind};
use serde::Deserialize;
use serde_json::{Value, json};

use super::collections::confirmed;
use super::delete::begin;
use crate::answer::Answer;
use crate::app::App;
use crate::call::Call;
use crate::failure::Failure;
use crate::jobs::{Kind, Plan};
use crate::sink::Sink;

const FINDINGS_MAX: usize = 100;
const PIECE_BYTES: usize = 64 << 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Consent {
    confirm: String,
}

pub(crate) fn verify(call: &Call) -> Result<Answer, Failure> {
    let Nothing {} = call.body()?;
    let app = Arc::clone(&call.app);
    let title = format!("Verify {}", app.name());
    let plan = Plan { kind: Kind::Verify, title, follows: Some(WorkKind::Verification), of: 0 };
    begin(call, plan, move |job| job.wait(&app.handle, app.db.verify()).map(|report| verified(&report)))
}

pub(crate) fn compact(call: &Call) -> Result<Answer, Failure> {
    let Consent { confirm } = call.body()?;
    confirmed(&confirm, &call.app.name())?;
    let app = Arc::clone(&call.app);
    let title = format!("Compact {}", app.name());
    let plan = Plan { kind: Kind::Compact, title, follows: Some(WorkKind::Compaction), of: 0 };
    begin(call, plan, move |job| {
        let report = job.wait(&app.handle, app.db.compact())?;
        Ok(json!({
            "bytes_before": report.bytes_before, "bytes_after": report.bytes_after,
            "records_dropped": report.records_dropped, "took_ms": report.took.as_secs_f64() * 1_000.0,
        }))
    })
}

/// The backup is made whole in a temporary file, and then sent: what is sent was verified. All of that is the stream's, which may
/// take as long as it takes.
pub(crate) fn backup(call: &Call) -> Result<Answer, Failure> {
    let app = Arc::clone(&call.app);
    if app.db.is_follower() {
        return Err(Failure::new(
            hyper::StatusCode::FORBIDDEN,
            "read_only",
            "the process that owns this file backs it up",
        ));
    }
    // Whoever asks again, since it takes long, does not make it take longer.
    let busy = |_| Failure::busy("a backup is being made already; wait for it");
    let permit = Arc::clone(&app.backing_up).try_acquire_owned().map_err(busy)?;
    // The name comes before the backup, which takes in what is committed until it begins.
    let file_name = format!("{}-{}.backup.db", stem(&app), app.db.stats()?.sequence);
    let produce = move |sink: &mut Sink| {
        // Gone with this, however it ends.
        let folder = tempfile::Builder::new().prefix("ferrumdb-studio-").tempdir()?;
        let path = folder.path().join("backup.db");
        app.db.backup_to(&path).wait()?;
        drop(permit);
        let mut file = File::open(&path)?;
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            match file.read(&mut piece)? {
                0 => return Ok(()),
                read => sink.write(&piece[..read])?,
            }
        }
    };
    Ok(Answer::file("application/octet-stream", file_name, produce))
}

/// The name of the file without what says its kind.
pub(crate) fn stem(app: &App) -> String {
    let path = app.db.path();
    path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn verified(report: &VerifyReport) -> Value {
    let findings = report.findings.iter().take(FINDINGS_MAX).map(|finding| {
        json!({
            "position": finding.position, "sequence": finding.sequence,
            "key": finding.key.as_ref().map(|key| key.as_str()), "what": finding.what,
        })
    });
    json!({
        "sound": report.is_sound(), "sequence": report.sequence, "commits": report.commits,
        "records": report.records, "documents": report.documents, "bytes": report.bytes,
        "torn_bytes": report.torn_bytes, "findings": findings.collect::<Vec<_>>(),
        "findings_total": report.findings_total,
    })
}
