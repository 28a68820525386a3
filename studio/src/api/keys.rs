//! Owns pages of keys, in order. Never looks at keys that it does not show.

use ferrumdb::{DocumentInfo, Snapshot};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::app::now_ms;
use crate::call::Call;
use crate::failure::Failure;

const LIMIT: usize = 100;
const LIMIT_MAX: usize = 1_000;
/// How much of a document a preview shows.
const PREVIEW_BYTES: usize = 200;

pub(crate) fn keys(call: &Call) -> Result<Answer, Failure> {
    let name = call.parameter("collection");
    call.app.ordered(name)?;
    let snapshot = snapshot(call, name)?;
    let prefix = call.parameter("prefix").unwrap_or_default();
    let limit = call.limit(LIMIT, LIMIT_MAX)?;
    let mut scan = snapshot.prefix(prefix)?.limit(limit + 1);
    if call.flag("reverse")? {
        scan = scan.reverse();
    }
    if let Some(after) = call.parameter("after") {
        scan = scan.after(after);
    }
    if let Some(offset) = call.number("offset")? {
        scan = scan.offset(usize::try_from(offset).unwrap_or(usize::MAX));
    }
    let mut keys: Vec<_> = scan.keys().collect();
    let more = keys.len() > limit;
    keys.truncate(limit);
    let with_preview = call.flag("preview")?;
    let keys: Vec<_> =
        keys.iter().map(|key| described(&snapshot, key, with_preview)).collect::<Result<_, _>>()?;
    let keys: Vec<_> = keys.into_iter().flatten().collect();
    Answer::json(&json!({"total": snapshot.count_prefix(prefix)?, "keys": keys, "more": more}))
}

/// A snapshot of a collection, or of the root.
pub(crate) fn snapshot(call: &Call, name: Option<&str>) -> Result<Snapshot, Failure> {
    let snapshot = call.app.db.snapshot()?;
    // A name that cannot be one is refused, rather than found empty.
    call.app.collection(name)?;
    Ok(match name {
        Some(name) => snapshot.collection(name),
        None => snapshot,
    })
}

/// A key and what is known of its document, if there is one.
pub(crate) fn described(
    snapshot: &Snapshot,
    key: &str,
    with_preview: bool,
) -> Result<Option<Value>, Failure> {
    let Some(info) = snapshot.info(key)? else { return Ok(None) };
    let DocumentInfo { version, bytes, .. } = info;
    let mut told = json!({"key": key, "version": version, "bytes": bytes, "ttl_ms": ttl_ms(&info)});
    if with_preview && let Some(document) = snapshot.get(key)? {
        told["preview"] = json!(beginning(document.as_str(), PREVIEW_BYTES));
    }
    Ok(Some(told))
}

/// How long a document will stay.
pub(crate) fn ttl_ms(info: &DocumentInfo) -> Option<u64> {
    info.expires_at.map(|at| at.0.saturating_sub(now_ms()))
}

/// The first bytes of a text, to the end of a letter.
pub(crate) fn beginning(text: &str, bytes: usize) -> &str {
    if text.len() <= bytes {
        return text;
    }
    let end = (0..=bytes).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or_default()]
}
