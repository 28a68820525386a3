//! Owns what is done with the file as a whole: verifying and compacting. Never takes a path from a caller.

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

const FINDINGS_MAX: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

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
