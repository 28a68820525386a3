//! Owns what a key has held. Never reads further back than it is asked.

use ferrumdb::{ChangeKind, Version};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::call::Call;
use crate::failure::Failure;

const LIMIT: usize = 20;
const LIMIT_MAX: usize = 100;
/// Where the texts together are longer, the rest comes with the next page.
const TEXT_BYTES_MAX: usize = 8 << 20;

pub(crate) fn history(call: &Call) -> Result<Answer, Failure> {
    let (collection, key) = (call.collection()?, call.needed("key")?);
    let limit = call.limit(LIMIT, LIMIT_MAX)?;
    let before = call.number("before")?.unwrap_or(u64::MAX);
    let (mut versions, mut bytes, mut more) = (Vec::new(), 0, false);
    for version in collection.history(key)? {
        let version = version?;
        if version.sequence.0 >= before {
            continue;
        }
        if versions.len() == limit || bytes > TEXT_BYTES_MAX {
            more = true;
            break;
        }
        bytes += version.document.as_ref().map_or(0, |document| document.as_str().len());
        versions.push(told(&version));
    }
    let floor = call.app.db.stats()?.history_floor;
    Answer::json(&json!({"versions": versions, "more": more, "floor": floor}))
}

fn told(version: &Version) -> Value {
    let text = version.document.as_ref().map(|document| document.as_str());
    json!({
        "sequence": version.sequence,
        "time": version.time.map(|time| time.0),
        "kind": kind(version.kind),
        "text": text,
        "bytes": text.map_or(0, str::len),
        "expires_at": version.expires_at.map(|at| at.0),
    })
}

/// The word for what became of a key.
pub(crate) fn kind(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Set => "set",
        ChangeKind::Deleted => "deleted",
        ChangeKind::Expired => "expired",
        ChangeKind::Dropped => "dropped",
    }
}
