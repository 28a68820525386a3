//! Owns what INFO, INDEXES, COLLECTIONS and HELP tell of a database and its session. Never measures anything itself.

use std::io;
use std::path::Path;
use std::time::Duration;

use ferrumdb::{Collection, CollectionInfo, Distribution, FerrumDB, IndexInfo, Metrics, Result};
use serde::Serialize;

use crate::output::Output;

#[derive(Serialize)]
struct Info {
    path: String,
    version: &'static str,
    documents: u64,
    sequence: u64,
    file_bytes: u64,
    log_bytes: u64,
    live_bytes: u64,
    dead_bytes: u64,
    cache_bytes: u64,
    held_bytes: u64,
    pins: usize,
    snapshots: usize,
    oldest_snapshot_seconds: Option<f64>,
    undo_versions: u64,
    undo_bytes: u64,
    recovery: Recovery,
    collections: Vec<Listed>,
    /// Those of the collection that is used.
    indexes: Vec<Index>,
}

#[derive(Serialize)]
struct Listed {
    name: String,
    documents: u64,
    indexes: u64,
}

#[derive(Serialize)]
struct Recovery {
    clean: bool,
    commits: u64,
    torn_bytes: u64,
    torn_file: Option<String>,
}

#[derive(Serialize)]
struct Index {
    field: String,
    entries: u64,
    uses: u64,
    bytes: u64,
}

/// The file, its sizes, how it was opened, and the indexes, as JSON.
pub(super) fn info(db: &FerrumDB, used: &Collection) -> Result<String> {
    let stats = db.stats()?;
    let text = |path: &Path| path.to_string_lossy().into_owned();
    Ok(json(&Info {
        path: text(&stats.path),
        version: env!("CARGO_PKG_VERSION"),
        documents: stats.documents,
        sequence: stats.sequence.0,
        file_bytes: stats.file_bytes,
        log_bytes: stats.log_bytes,
        live_bytes: stats.live_bytes,
        dead_bytes: stats.dead_bytes,
        cache_bytes: stats.cache_bytes,
        held_bytes: stats.held_bytes,
        pins: stats.pins,
        snapshots: stats.snapshots,
        oldest_snapshot_seconds: stats.oldest_snapshot.map(|age| age.as_secs_f64()),
        undo_versions: stats.undo_versions,
        undo_bytes: stats.undo_bytes,
        recovery: Recovery {
            clean: stats.recovery.clean,
            commits: stats.recovery.commits,
            torn_bytes: stats.recovery.torn_bytes,
            torn_file: stats.recovery.torn_file.as_deref().map(text),
        },
        collections: listed(db)?,
        indexes: sorted(used)?,
    }))
}

/// The indexes: a line for each, for people on a terminal and as JSON elsewhere.
pub(super) fn indexes(used: &Collection, output: &mut Output) -> Result<io::Result<()>> {
    let indexes = sorted(used)?;
    if !output.is_terminal() {
        return Ok(indexes.iter().try_for_each(|index| output.line(&json(index))));
    }
    let width = indexes.iter().map(|index| index.field.chars().count()).max().unwrap_or_default();
    Ok(indexes.iter().try_for_each(|Index { field, entries, uses, bytes }| {
        output.text(&format!("{field:<width$}  {entries} entries, {uses} uses, {bytes} bytes"))
    }))
}

/// The collections besides the root: a line for each, as of the indexes.
pub(super) fn collections(db: &FerrumDB, output: &mut Output) -> Result<io::Result<()>> {
    let collections = listed(db)?;
    if !output.is_terminal() {
        return Ok(collections.iter().try_for_each(|collection| output.line(&json(collection))));
    }
    let width = collections.iter().map(|listed| listed.name.chars().count()).max().unwrap_or_default();
    Ok(collections.iter().try_for_each(|Listed { name, documents, indexes }| {
        output.text(&format!("{name:<width$}  {documents} documents, {indexes} indexes"))
    }))
}

/// What the session has done so far, and how fast.
pub(super) fn metrics(metrics: &Metrics) -> String {
    let Metrics { gets, sets, deletes, commits, errors, .. } = metrics;
    let (operations, seconds) = (gets + sets + deletes, metrics.uptime.as_secs_f64());
    let rate = metrics.operations_per_second;
    format!(
        "This session, {seconds:.0} s so far: {operations} operations ({rate:.0} a second)\n  \
         gets {gets}, sets {sets}, deletes {deletes}, commits {commits}, errors {errors}\n  \
         get     {}\n  commit  {}\n  sync    {}",
        percentiles(&metrics.get_nanos),
        percentiles(&metrics.commit_nanos),
        percentiles(&metrics.sync_nanos),
    )
}

fn percentiles(distribution: &Distribution) -> String {
    let time = |nanos| format!("{:.1?}", Duration::from_nanos(nanos));
    match distribution.count {
        0 => "none measured".to_owned(),
        count => {
            let (p50, p99) = (time(distribution.p50), time(distribution.p99));
            format!("p50 {p50}, p99 {p99} ({count} measured)")
        }
    }
}

fn listed(db: &FerrumDB) -> Result<Vec<Listed>> {
    let told = |info: CollectionInfo| Listed {
        name: info.name.to_string(),
        documents: info.documents,
        indexes: info.indexes,
    };
    Ok(db.collections()?.into_iter().map(told).collect())
}

fn sorted(used: &Collection) -> Result<Vec<Index>> {
    let mut indexes: Vec<_> = used.indexes()?.into_iter().map(Index::from).collect();
    indexes.sort_by(|one, other| one.field.cmp(&other.field));
    Ok(indexes)
}

impl From<IndexInfo> for Index {
    fn from(index: IndexInfo) -> Self {
        let IndexInfo { path, entries, uses, bytes, .. } = index;
        Self { field: path.to_string(), entries, uses, bytes }
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("texts and numbers can be written")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_measured_is_said_to_be_so() {
        let text = metrics(&Metrics::default());
        assert!(text.contains("0 operations") && text.contains("get     none measured"), "{text}");
    }
}
