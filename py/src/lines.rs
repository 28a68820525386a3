//! Owns documents as lines of JSON. Never reads a value on its way: its text is kept as it is.

use std::collections::HashMap;

use ferrumdb::Timestamp;
use pyo3::prelude::*;
use serde_json::value::RawValue;

use crate::error::{raise, raise_as};
use crate::snapshot::Snapshot;
use crate::transaction::Transaction;

/// When a document expires, in milliseconds since 1970, if it does.
#[pyfunction]
pub(crate) fn expires_at(snapshot: &Snapshot, key: &str) -> PyResult<Option<u64>> {
    let info = snapshot.look()?.info(key).map_err(raise)?;
    Ok(info.and_then(|info| info.expires_at).map(|at| at.0))
}

/// Adds the document of a line to a transaction: that under "value", or, if there is a `field` to take its key from, all of it.
#[pyfunction]
#[pyo3(signature = (transaction, line, number, field = None))]
pub(crate) fn add_line(
    transaction: &Transaction,
    line: &[u8],
    number: u64,
    field: Option<&str>,
) -> PyResult<()> {
    let wrong =
        |what: &str| raise_as("InvalidArgument", "invalid-argument", &format!("line {number} {what}"));
    let name = field.unwrap_or("key");
    let no_key = || wrong(&format!("is no object with a text under {name:?}"));
    let members: HashMap<String, &RawValue> = serde_json::from_slice(line).map_err(|error| {
        if error.is_data() {
            return no_key();
        }
        let message = format!("line {number} is not JSON from column {} on", error.column());
        raise_as("InvalidJSON", "invalid-json", &message)
    })?;
    let key = members.get(name).and_then(|key| serde_json::from_str::<String>(key.get()).ok());
    let key = key.ok_or_else(no_key)?;
    if field.is_some() {
        return transaction.add_text(key, line, None);
    }
    let value = members.get("value").ok_or_else(|| wrong("has no value"))?;
    let expires_at = members.get("expires_at").map(|at| serde_json::from_str::<Option<u64>>(at.get()));
    let expires_at = expires_at.transpose().map_err(|_| wrong("expires at no number of milliseconds"))?;
    transaction.add_text(key, value.get().as_bytes(), expires_at.flatten().map(Timestamp))
}
