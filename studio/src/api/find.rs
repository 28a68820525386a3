//! Owns finding documents by the value of a field. Never finds more than a page of them.

use std::ops::Bound;
use std::time::Instant;

use serde_json::{Value, json};

use super::keys::{described, snapshot};
use crate::answer::Answer;
use crate::call::{Call, field_of_text};
use crate::failure::Failure;

const LIMIT: usize = 100;
const LIMIT_MAX: usize = 1_000;
const OFFSET_MAX: u64 = 10_000;

pub(crate) fn find(call: &Call) -> Result<Answer, Failure> {
    let begun = Instant::now();
    let name = call.parameter("collection");
    let path = field_of_text(call.needed("field")?)?;
    let bounds = bounds(call)?;
    let limit = call.limit(LIMIT, LIMIT_MAX)?;
    let offset = call.number("offset")?.unwrap_or(0);
    if offset > OFFSET_MAX {
        return Err(Failure::bad_request(format!("\"offset\" is at most {OFFSET_MAX}: narrow the range")));
    }
    let snapshot = snapshot(call, name)?;
    let index = snapshot.indexes()?.iter().any(|index| index.path == path);
    let mut scan = snapshot.range_by(path, bounds)?;
    if call.flag("reverse")? {
        scan = scan.reverse();
    }
    let (mut keys, mut more) = (Vec::new(), false);
    for key in scan.keys().skip(offset as usize) {
        let key = key?;
        if keys.len() == limit {
            more = true;
            break;
        }
        keys.extend(described(&snapshot, &key, true)?);
    }
    let took_ms = begun.elapsed().as_secs_f64() * 1_000.0;
    Answer::json(&json!({"index": index, "took_ms": took_ms, "keys": keys, "more": more}))
}

/// The values between which the field's is to lie.
fn bounds(call: &Call) -> Result<(Bound<Value>, Bound<Value>), Failure> {
    let value = |name| call.value(name);
    let twice =
        || Failure::bad_request("say `equals`, or one of `from` and `above`, and one of `to` and `below`");
    let start = match (value("from")?, value("above")?) {
        (Some(from), None) => Bound::Included(from),
        (None, Some(above)) => Bound::Excluded(above),
        (None, None) => Bound::Unbounded,
        _ => return Err(twice()),
    };
    let end = match (value("to")?, value("below")?) {
        (Some(to), None) => Bound::Included(to),
        (None, Some(below)) => Bound::Excluded(below),
        (None, None) => Bound::Unbounded,
        _ => return Err(twice()),
    };
    match (value("equals")?, &start, &end) {
        (Some(equals), Bound::Unbounded, Bound::Unbounded) => {
            Ok((Bound::Included(equals.clone()), Bound::Included(equals)))
        }
        (Some(_), ..) => Err(twice()),
        (None, ..) => Ok((start, end)),
    }
}
