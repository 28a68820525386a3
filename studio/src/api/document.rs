//! Owns one document: reading it, and changing it if it is still what was seen. Never changes one that is not.

use std::time::Duration;

use ferrumdb::{Collection, Document, ErrorKind, Timestamp, Transaction};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::keys::ttl_ms;
use crate::answer::Answer;
use crate::app::now_ms;
use crate::call::Call;
use crate::failure::Failure;

pub(crate) fn get(call: &Call) -> Result<Answer, Failure> {
    let (collection, key) = (call.collection()?, call.needed("key")?);
    match read(&collection, key)? {
        Some(document) => Answer::json(&document),
        None => Err(Failure::not_found("there is no document under this key")),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Put {
    collection: Option<String>,
    key: String,
    text: String,
    if_version: u64,
    /// Nothing: as long as the one before.
    #[serde(default, deserialize_with = "given")]
    ttl_ms: Option<Option<u64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ttl {
    collection: Option<String>,
    key: String,
    if_version: u64,
    ttl_ms: Option<u64>,
}

pub(crate) fn put(call: &Call) -> Result<Answer, Failure> {
    let Put { collection: name, key, text, if_version, ttl_ms } = call.body()?;
    let collection = call.app.collection(name.as_deref())?;
    let change = conditional(name.as_deref(), &key, if_version);
    let expires_at = match ttl_ms {
        Some(ttl_ms) => ttl_ms.map(|ttl_ms| Timestamp(now_ms().saturating_add(ttl_ms))),
        // If it has changed by the time of the commit, so has the version.
        None => collection.info(&key)?.and_then(|info| info.expires_at),
    };
    let change = match expires_at {
        Some(at) => change.set_raw_until(key.clone(), &text, at),
        None => change.set_raw(key.clone(), &text),
    };
    commit(call, &collection, &key, change, Some(&text))
}

pub(crate) fn ttl(call: &Call) -> Result<Answer, Failure> {
    let Ttl { collection: name, key, if_version, ttl_ms } = call.body()?;
    if if_version == 0 || ttl_ms == Some(0) {
        return Err(Failure::bad_request("`if_version` and `ttl_ms` begin at 1"));
    }
    let collection = call.app.collection(name.as_deref())?;
    let change = conditional(name.as_deref(), &key, if_version);
    let change = match ttl_ms {
        Some(ttl_ms) => change.expire(key.clone(), Duration::from_millis(ttl_ms)),
        None => change.persist(key.clone()),
    };
    commit(call, &collection, &key, change, None)
}

/// A transaction in the collection of this name, which requires that a key is still of the version that was seen.
pub(crate) fn conditional(name: Option<&str>, key: &str, version: u64) -> Transaction {
    let transaction = within(name);
    match version {
        0 => transaction.if_absent(key),
        version => transaction.if_version(key, ferrumdb::Sequence(version)),
    }
}

/// A transaction in the collection of this name, or in the root.
pub(crate) fn within(name: Option<&str>) -> Transaction {
    match name {
        Some(name) => Transaction::new().in_collection(name),
        None => Transaction::new(),
    }
}

/// Both sides of a conflict.
pub(crate) fn conflict(
    error: ferrumdb::Error,
    collection: &Collection,
    key: &str,
    yours: Option<&str>,
) -> Failure {
    if error.kind() != ErrorKind::Conflict {
        return error.into();
    }
    // Where it cannot be read, there is one side less to show.
    let current = read(collection, key).ok().flatten();
    Failure::from(error).with(json!({"current": current, "yours": yours}))
}

fn commit(
    call: &Call,
    collection: &Collection,
    key: &str,
    change: Transaction,
    text: Option<&str>,
) -> Result<Answer, Failure> {
    call.app.db.commit(change).wait().map_err(|error| conflict(error, collection, key, text))?;
    // Somebody else may have been there since: what is told is what is there.
    let stored = read(collection, key)?;
    let gone = || Failure::not_found("it was stored, and somebody else has deleted it since");
    Answer::json(&stored.ok_or_else(gone)?)
}

fn read(collection: &Collection, key: &str) -> Result<Option<Value>, Failure> {
    loop {
        let Some(document) = collection.get(key)? else { return Ok(None) };
        let info = collection.info(key)?;
        // Otherwise somebody has replaced it between the two looks.
        if let Some(info) = info.filter(|info| info.version == document.version()) {
            return Ok(Some(told(collection.name(), key, &document, ttl_ms(&info))));
        }
    }
}

fn told(name: Option<&str>, key: &str, document: &Document, ttl_ms: Option<u64>) -> Value {
    let (version, text) = (document.version(), document.as_str());
    json!({
        "key": key, "collection": name, "version": version, "bytes": text.len(), "ttl_ms": ttl_ms, "text": text,
    })
}

/// Tells a null from what is not there.
fn given<'d, D: Deserializer<'d>>(deserializer: D) -> Result<Option<Option<u64>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}
