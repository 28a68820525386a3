//! Owns the change feed as a stream of events. Never misses a change, and never holds up a commit.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ferrumdb::{Change, Document, Sequence, WatchOptions};
use serde_json::{Value, json};

use super::events::KEEP_ALIVE;
use super::history::kind;
use super::keys::beginning;
use crate::answer::{Answer, Stopped};
use crate::app::App;
use crate::call::Call;
use crate::failure::Failure;
use crate::sink::Sink;

/// So much of a document is shown.
pub(crate) const TEXT_BYTES: usize = 16 << 10;
/// How often it is looked whether the server ends.
const LOOK: Duration = Duration::from_millis(200);

pub(crate) fn changes(call: &Call) -> Result<Answer, Failure> {
    let mut options = WatchOptions::everything();
    match (call.parameter("collection"), call.flag("root")?) {
        (None, false) => {}
        (None, true) => options = options.root(),
        (Some(name), false) => {
            call.app.collection(Some(name))?;
            options = options.collection(name);
        }
        (Some(_), true) => return Err(Failure::bad_request("the root has no name: say one of the two")),
    }
    if let Some(prefix) = call.parameter("prefix") {
        options = options.prefix(prefix);
    }
    if call.flag("documents")? {
        options = options.with_before().with_after();
    }
    let db = &call.app.db;
    let since = call.last_event.map_or_else(|| call.number("since"), |id| Ok(Some(id)))?;
    let changes = match since {
        Some(since) => db.changes(Sequence(since), options)?,
        None => db.watch(options)?,
    };
    let app = Arc::clone(&call.app);
    Ok(Answer::events(move |sink| tell(&app, changes, sink)))
}

fn tell(app: &App, mut changes: ferrumdb::Changes, sink: &mut Sink) -> Result<(), Stopped> {
    // From here on a browser that connects again misses nothing.
    sink.write(format!("id: {}\n", changes.sequence()).as_bytes())?;
    sink.keep_alive()?;
    let mut spoken = Instant::now();
    loop {
        match changes.try_next() {
            Ok(Some(change)) => {
                // Of a commit of several, the last one alone says that it is over.
                let id = change.ends_commit.then_some(change.sequence.0);
                sink.event("change", id, &told(&change))?;
                spoken = Instant::now();
                if !app.news.is_closing() {
                    continue;
                }
            }
            Ok(None) => sink.flush()?,
            Err(error) => return Ok(sink.event("failed", None, &Failure::from(error).into_json())?),
        }
        if app.news.is_closing() || app.db.snapshot().is_err() {
            return Ok(sink.event("bye", None, &json!({}))?);
        }
        if spoken.elapsed() >= KEEP_ALIVE {
            sink.keep_alive()?;
            spoken = Instant::now();
        }
        match changes.next_within(LOOK) {
            Ok(Some(change)) => {
                let id = change.ends_commit.then_some(change.sequence.0);
                sink.event("change", id, &told(&change))?;
                spoken = Instant::now();
            }
            Ok(None) => {}
            Err(error) => return Ok(sink.event("failed", None, &Failure::from(error).into_json())?),
        }
    }
}

fn told(change: &Change) -> Value {
    json!({
        "sequence": change.sequence,
        "time": change.time.0,
        "collection": change.collection.as_deref(),
        "key": change.key.as_str(),
        "kind": kind(change.kind),
        "before": change.before.as_ref().map(text),
        "after": change.after.as_ref().map(text),
        "expires_at": change.expires_at.map(|at| at.0),
    })
}

fn text(document: &Document) -> Value {
    let text = document.as_str();
    json!({"text": beginning(text, TEXT_BYTES), "bytes": text.len()})
}
