//! Owns what is told of the database as a whole: who serves it, its sizes, its file, and its figures. Never changes anything.

use ferrumdb::{FsyncPolicy, Stats};
use serde_json::{Value, json};

use super::delete::SELECTION_MAX;
use crate::answer::Answer;
use crate::app::App;
use crate::call::Call;
use crate::failure::Failure;
use crate::http::BODY_BYTES_MAX;
use crate::undo::UNDO_TIME;

/// The longest key of a database that was opened with no other limits.
const KEY_BYTES_MAX: usize = 64 << 10;

pub(crate) fn session(call: &Call) -> Result<Answer, Failure> {
    let app = &call.app;
    Answer::json(&json!({
        "version": env!("CARGO_PKG_VERSION"),
        "name": app.name(),
        "path": path(app),
        "access": app.access,
        "limits": {"body_bytes": BODY_BYTES_MAX, "key_bytes": KEY_BYTES_MAX, "selection": SELECTION_MAX},
        "undo_seconds": UNDO_TIME.as_secs(),
    }))
}

pub(crate) fn overview(call: &Call) -> Result<Answer, Failure> {
    let app = &call.app;
    let stats = app.db.stats()?;
    Answer::json(&json!({
        "sequence": stats.sequence,
        "documents": stats.documents,
        "collections": stats.collections,
        "bytes": {
            "file": stats.file_bytes, "log": stats.log_bytes, "live": stats.live_bytes,
            "dead": stats.dead_bytes, "held": stats.held_bytes,
        },
        "memory": {
            "cache_bytes": stats.cache_bytes, "pins": stats.pins, "snapshots": stats.snapshots,
            "oldest_snapshot_ms": stats.oldest_snapshot.map(|age| age.as_millis() as u64),
            "undo_versions": stats.undo_versions, "undo_bytes": stats.undo_bytes,
        },
        "file": file(app, &stats),
        "recovery": {
            "clean": stats.recovery.clean, "commits": stats.recovery.commits,
            "torn_bytes": stats.recovery.torn_bytes,
            "torn_file": stats.recovery.torn_file.as_ref().map(|path| path.to_string_lossy()),
        },
        "lag": lag(app, &stats),
        "sample": app.samples.last(),
    }))
}

pub(crate) fn metrics(call: &Call) -> Result<Answer, Failure> {
    Answer::json(&call.app.samples.series())
}

fn file(app: &App, stats: &Stats) -> Value {
    let fsync = app.db.fsync_policy().map(|policy| match policy {
        FsyncPolicy::Always => "always".to_owned(),
        FsyncPolicy::Periodic(period) => format!("periodic:{}", period.as_millis()),
        FsyncPolicy::Never => "never".to_owned(),
    });
    json!({
        "name": app.name(), "path": path(app), "format_version": stats.format_version,
        "generation": stats.generation, "history_floor": stats.history_floor,
        "encrypted": stats.encrypted, "fsync": fsync,
    })
}

fn lag(app: &App, stats: &Stats) -> Option<Value> {
    app.db.is_follower().then(|| match app.db.lag() {
        Ok(lag) => json!({
            "sequence": lag.sequence, "published": lag.published,
            "behind_ms": lag.behind.as_secs_f64() * 1_000.0, "error": null,
        }),
        Err(error) => json!({
            "sequence": stats.sequence, "published": stats.sequence, "behind_ms": 0.0,
            "error": error.to_string(),
        }),
    })
}

/// Where the file lies, as far as that can be told.
fn path(app: &App) -> String {
    let path = app.db.path();
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).to_string_lossy().into_owned()
}
