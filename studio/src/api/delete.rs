//! Owns deleting documents, one or many, counting what would be deleted, and undoing it. Never deletes what was not asked for by
//! name.

use std::collections::BTreeSet;
use std::sync::Arc;

use ferrumdb::{Change, ChangeKind, ErrorKind, Pending, Sequence, WatchOptions};
use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::collections::confirmed;
use super::document::{conditional, conflict, within};
use super::keys::beginning;
use super::sizes;
use crate::answer::Answer;
use crate::app::{App, now_ms};
use crate::call::Call;
use crate::failure::Failure;
use crate::jobs::{Job, Kind, Plan};
use crate::undo::{Taken, Undo};

/// So many keys may be named at once.
pub(crate) const SELECTION_MAX: usize = 10_000;
/// So many documents come back at once.
const CHUNK: usize = 5_000;
/// The runs by which the size of what would be deleted is estimated.
const RUNS: u64 = 64;
/// What is to be typed where all of the root is to be deleted.
const ROOT: &str = "root";
/// How much of a name a title shows.
const TITLE_BYTES: usize = 80;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Delete {
    collection: Option<String>,
    keys: Option<Vec<String>>,
    prefix: Option<String>,
    if_version: Option<u64>,
    #[serde(default)]
    dry_run: bool,
    confirm: Option<String>,
}

pub(crate) fn delete(call: &Call) -> Result<Answer, Failure> {
    let Delete { collection: name, keys, prefix, if_version, dry_run, confirm } = call.body()?;
    if !dry_run {
        call.app.check_write()?;
    }
    match (keys, prefix) {
        (Some(keys), None) => selection(call, name, keys, if_version, dry_run),
        (None, Some(prefix)) if if_version.is_none() => {
            if dry_run {
                return count(call, name.as_deref(), &prefix);
            }
            // Every key begins with an empty prefix, and nobody has to type that.
            let to_type = if prefix.is_empty() { name.as_deref().unwrap_or(ROOT) } else { &prefix };
            confirmed(&confirm.unwrap_or_default(), to_type)?;
            everything(call, name, prefix)
        }
        _ => Err(Failure::bad_request("say `keys` or `prefix`, and a version with one key only")),
    }
}

fn selection(
    call: &Call,
    name: Option<String>,
    keys: Vec<String>,
    if_version: Option<u64>,
    dry_run: bool,
) -> Result<Answer, Failure> {
    let app = &call.app;
    let keys: BTreeSet<String> = keys.into_iter().collect();
    if keys.len() > SELECTION_MAX || if_version.is_some() && keys.len() != 1 {
        let message = format!("at most {SELECTION_MAX} keys at once, and a version with one key only");
        return Err(Failure::bad_request(message));
    }
    let collection = app.collection(name.as_deref())?;
    let (mut documents, mut bytes) = (0, 0);
    for key in &keys {
        if let Some(info) = collection.info(key)? {
            documents += 1;
            bytes += info.bytes;
        }
    }
    if dry_run {
        return Answer::json(&json!({"documents": documents, "bytes": bytes, "exact": true}));
    }
    if documents == 0 && if_version.is_none() {
        return Answer::json(&json!({"deleted": 0, "undo": null}));
    }
    let changes = app.db.watch(watching(name.as_deref(), ""))?;
    let first = keys.first().map_or("", String::as_str);
    let begun = match if_version {
        Some(version) => conditional(name.as_deref(), first, version),
        None => within(name.as_deref()),
    };
    let what = match keys.len() {
        1 => format!("key {}", quoted(first)),
        many => format!("{many} keys"),
    };
    let transaction = keys.iter().fold(begun, |all, key| all.delete(key.as_str()));
    let committed = app.db.commit(transaction).wait();
    let sequence = committed.map_err(|error| conflict(error, &collection, first, None))?;
    let undo = app.undos.add(Undo::new(what, documents, name, sequence.0, changes));
    Answer::json(&json!({"deleted": documents, "undo": undo}))
}

fn count(call: &Call, name: Option<&str>, prefix: &str) -> Result<Answer, Failure> {
    call.app.ordered(name)?;
    let snapshot = super::keys::snapshot(call, name)?;
    let documents = snapshot.count_prefix(prefix)?;
    let size = sizes::with_prefix(&snapshot, prefix, documents, RUNS)?;
    Answer::json(&json!({"documents": documents, "bytes": size.bytes, "exact": size.exact}))
}

/// Deletes all keys with a prefix, as they are when its commit comes.
fn everything(call: &Call, name: Option<String>, prefix: String) -> Result<Answer, Failure> {
    let collection = call.app.ordered(name.as_deref())?;
    let what = if prefix.is_empty() {
        "all keys".to_owned()
    } else {
        format!("keys that begin with {}", quoted(&prefix))
    };
    let plan = Plan { kind: Kind::Delete, title: format!("Delete {what}"), follows: None, of: 0 };
    let app = Arc::clone(&call.app);
    begin(call, plan, move |_| {
        let changes = app.db.watch(watching(name.as_deref(), &prefix))?;
        let report = collection.delete_prefix_with_report(&prefix).wait()?;
        let documents = report.documents;
        let undo = (documents > 0)
            .then(|| app.undos.add(Undo::new(what, documents, name, report.sequence.0, changes)));
        Ok(json!({"deleted": documents, "undo": undo}))
    })
}

pub(crate) fn undos(call: &Call) -> Result<Answer, Failure> {
    call.app.undos.expire();
    Answer::json(&json!({"undos": call.app.undos.told()}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    id: u64,
}

pub(crate) fn undo(call: &Call) -> Result<Answer, Failure> {
    let Which { id } = call.body()?;
    call.app.undos.expire();
    let gone = || Failure::new(StatusCode::GONE, "gone", "this cannot be undone any more");
    let mut taken = call.app.undos.take(id).ok_or_else(gone)?;
    let Undo { what, documents, .. } = taken.undo();
    let title = format!("Undo the deletion of {what}");
    let plan = Plan { kind: Kind::Undo, title, follows: None, of: *documents };
    let app = Arc::clone(&call.app);
    begin(call, plan, move |job| restore(&app, taken, job))
}

/// Brings back what a commit has deleted, as the log tells it, where there is nothing new.
fn restore(app: &App, mut taken: Taken, job: &Job) -> Result<Value, Failure> {
    let undo = taken.undo();
    let (mut restored, mut kept) = (0_u64, 0_u64);
    loop {
        let is_over = read_on(undo, job)?;
        let again = |change| (set_again(app, undo.collection.as_deref(), &change), change);
        let under_way: Vec<_> = std::mem::take(&mut undo.read).into_iter().map(again).collect();
        let mut failed = None;
        for (pending, change) in under_way {
            match pending.map(Pending::wait) {
                Some(Ok(_)) => restored += 1,
                None => kept += 1,
                Some(Err(error)) if error.kind() == ErrorKind::Conflict => kept += 1,
                Some(Err(error)) => {
                    failed.get_or_insert(error);
                    undo.read.push(change);
                    continue;
                }
            }
            undo.documents = undo.documents.saturating_sub(1);
            job.note(1);
        }
        if let Some(error) = failed {
            return Err(error.into());
        }
        if is_over {
            taken.finish();
            return Ok(json!({"restored": restored, "kept": kept}));
        }
    }
}

/// Reads on in the log, until there is enough for once; whether that is all.
fn read_on(undo: &mut Undo, job: &Job) -> Result<bool, Failure> {
    loop {
        job.check()?;
        if undo.read.len() >= CHUNK {
            return Ok(false);
        }
        let Some(change) = undo.changes.try_next()?.filter(|change| change.sequence.0 <= undo.commit) else {
            return Ok(true);
        };
        if change.sequence.0 == undo.commit && change.kind == ChangeKind::Deleted {
            undo.read.push(change);
        }
    }
}

/// Stores the document that was there before, unless it would have expired by now.
fn set_again(app: &App, name: Option<&str>, change: &Change) -> Option<Pending<Sequence>> {
    let document = change.before.as_ref()?.as_bytes();
    let transaction = conditional(name, &change.key, 0);
    let transaction = match change.before_expires_at {
        Some(at) if at.0 <= now_ms() => return None,
        Some(at) => transaction.set_raw_until(change.key.clone(), document, at),
        None => transaction.set_raw(change.key.clone(), document),
    };
    Some(app.db.commit(transaction))
}

/// Begins a job, and answers with it.
pub(super) fn begin(
    call: &Call,
    plan: Plan,
    run: impl FnOnce(&Job) -> Result<Value, Failure> + Send + 'static,
) -> Result<Answer, Failure> {
    let job = call.app.jobs.begin(plan, run)?;
    Answer::with_status(StatusCode::ACCEPTED, &json!({"job": job.told(&call.app.db)}))
}

fn watching(name: Option<&str>, prefix: &str) -> WatchOptions {
    let options = WatchOptions::everything().prefix(prefix).with_before();
    match name {
        Some(name) => options.collection(name),
        None => options.root(),
    }
}

fn quoted(name: &str) -> String {
    format!("{:?}", beginning(name, TITLE_BYTES))
}
