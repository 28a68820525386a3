//! Owns looking at jobs, and stopping one. Never begins one.

use ferrumdb::WorkKind;
use serde::Deserialize;
use serde_json::json;

use crate::answer::Answer;
use crate::call::Call;
use crate::failure::Failure;

pub(crate) fn list(call: &Call) -> Result<Answer, Failure> {
    let jobs = call.app.jobs.all();
    let jobs: Vec<_> = jobs.iter().map(|job| job.told(&call.app.db)).collect();
    Answer::json(&json!({"jobs": jobs}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    id: u64,
}

pub(crate) fn cancel(call: &Call) -> Result<Answer, Failure> {
    let Which { id } = call.body()?;
    let job = call.app.jobs.find(id).ok_or_else(|| Failure::not_found("there is no such job"))?;
    let cancelled = job.cancel();
    if cancelled && job.follows() == Some(&WorkKind::Compaction) {
        call.app.db.cancel_compaction().wait()?;
    }
    Answer::json(&json!({"cancelled": cancelled}))
}
