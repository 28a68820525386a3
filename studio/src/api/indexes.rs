//! Owns the indexes of a collection: which there are, building one, and dropping one. Never decides which is used.

use std::sync::Arc;

use ferrumdb::{FieldPath, IndexInfo, WorkKind};
use serde::Deserialize;
use serde_json::{Value, json};

use super::collections::confirmed;
use super::delete::begin;
use crate::answer::Answer;
use crate::call::{Call, field};
use crate::failure::Failure;
use crate::jobs::{Kind, Plan};

pub(crate) fn list(call: &Call) -> Result<Answer, Failure> {
    let name = call.parameter("collection");
    let collection = call.app.collection(name)?;
    let mut indexes: Vec<Value> = collection.indexes()?.iter().map(ready).collect();
    for work in call.app.db.works() {
        if let WorkKind::Index { collection, field } = &work.kind
            && collection.as_deref() == name
        {
            let jobs = call.app.jobs.all();
            let job = jobs.iter().find(|job| job.is_running() && job.follows() == Some(&work.kind));
            indexes.push(json!({
                "name": field.to_string(), "field": field, "state": "building", "entries": 0, "bytes": 0, "uses": 0,
                "job": job.map(|job| job.told(&call.app.db)),
            }));
        }
    }
    indexes.sort_by(|one, other| one["name"].as_str().cmp(&other["name"].as_str()));
    Answer::json(&json!({"indexes": indexes}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    collection: Option<String>,
    field: Value,
}

pub(crate) fn create(call: &Call) -> Result<Answer, Failure> {
    let Create { collection: name, field: value } = call.body()?;
    let (collection, path) = (call.app.collection(name.as_deref())?, field(&value)?);
    if collection.indexes()?.iter().any(|index| index.path == path) {
        let message = format!("there is an index on {path} already");
        return Err(Failure::new(hyper::StatusCode::CONFLICT, "index_exists", message));
    }
    let follows = WorkKind::Index { collection: name.map(Into::into), field: path.clone() };
    let title = format!("Build an index on {path}");
    let plan = Plan { kind: Kind::Index, title, follows: Some(follows), of: 0 };
    let app = Arc::clone(&call.app);
    begin(call, plan, move |job| {
        let built = job.wait(&app.handle, collection.create_index(path.clone()));
        if job.check().is_err() {
            // Stopped: the build as well. It may have come to its end just now, and then the index is dropped.
            let _ = collection.drop_index(path).wait();
        }
        built.map(|sequence| json!({"sequence": sequence}))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Drop {
    collection: Option<String>,
    field: Value,
    confirm: String,
}

pub(crate) fn drop(call: &Call) -> Result<Answer, Failure> {
    let Drop { collection: name, field: value, confirm } = call.body()?;
    let path: FieldPath = field(&value)?;
    confirmed(&confirm, &path.to_string())?;
    let sequence = call.app.collection(name.as_deref())?.drop_index(path).wait()?;
    Answer::json(&json!({"sequence": sequence}))
}

fn ready(index: &IndexInfo) -> Value {
    json!({
        "name": index.path.to_string(), "field": index.path, "state": "ready", "entries": index.entries,
        "bytes": index.bytes, "uses": index.uses, "job": null,
    })
}
