//! Owns which collections there are, and dropping one. Never reads a document.

use serde::Deserialize;
use serde_json::json;

use crate::answer::Answer;
use crate::call::Call;
use crate::failure::Failure;

pub(crate) fn list(call: &Call) -> Result<Answer, Failure> {
    let snapshot = call.app.db.snapshot()?;
    let root = json!({"name": null, "documents": snapshot.count()?, "indexes": snapshot.indexes()?.len()});
    let mut collections = vec![root];
    for info in snapshot.collections()? {
        let (name, documents, indexes) = (info.name.as_str(), info.documents, info.indexes);
        collections.push(json!({"name": name, "documents": documents, "indexes": indexes}));
    }
    Answer::json(&json!({"collections": collections}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Drop {
    name: String,
    confirm: String,
}

pub(crate) fn drop(call: &Call) -> Result<Answer, Failure> {
    let Drop { name, confirm } = call.body()?;
    confirmed(&confirm, &name)?;
    let dropped = call.app.db.drop_collection(name).wait()?;
    Answer::json(&json!({"dropped": dropped}))
}

/// That somebody has typed the name of what is to be lost.
pub(crate) fn confirmed(typed: &str, name: &str) -> Result<(), Failure> {
    if typed == name {
        return Ok(());
    }
    Err(Failure::bad_request(format!("to go on, `confirm` must be {name:?}")))
}
