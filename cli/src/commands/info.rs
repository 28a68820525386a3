//! The command that says what is known of a file, and what INFO tells of an open one. Never changes it.

use std::path::{Path, PathBuf};

use clap::Args;
use ferrumdb::{Collection, CollectionInfo, FerrumDB, Result, Stats};
use serde::Serialize;

use crate::exit::{Outcome, Status};
use crate::opening::{closing, open_to_read};
use crate::options::Options;
use crate::output::Output;

const EXAMPLES: &str = r#"Examples:
  ferrumdb info my.db                        what is known of the file
  ferrumdb info my.db --json | jq .dead_bytes   what a compaction would win
  ferrumdb info my.db --json | jq .lock      which process has it open

Nothing is changed, and nobody is kept from opening the file."#;

/// Says what is known of a file: keys, sizes, indexes, format, encryption, and who has it open.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Info {
    /// The database file
    database: PathBuf,
}

/// What INFO tells of an open database.
#[derive(Serialize)]
pub(crate) struct OpenInfo {
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

impl Info {
    pub(super) fn run(&self, options: &Options) -> Outcome {
        let db = open_to_read(&self.database, options)?;
        closing(&db, || {
            let mut output = Output::standard(options.mode());
            output.facts(&of_open(&db, &db)?)?;
            output.flush()?;
            Ok(Status::Good)
        })
    }
}

/// The file, its sizes, how it was opened, and the indexes.
pub(crate) fn of_open(db: &FerrumDB, used: &Collection) -> Result<OpenInfo> {
    let Stats {
        path,
        documents,
        sequence,
        file_bytes,
        log_bytes,
        live_bytes,
        dead_bytes,
        cache_bytes,
        held_bytes,
        pins,
        snapshots,
        oldest_snapshot,
        undo_versions,
        undo_bytes,
        recovery,
        ..
    } = db.stats()?;
    let text = |path: &Path| path.to_string_lossy().into_owned();
    Ok(OpenInfo {
        path: text(&path),
        version: env!("CARGO_PKG_VERSION"),
        documents,
        sequence: sequence.0,
        file_bytes,
        log_bytes,
        live_bytes,
        dead_bytes,
        cache_bytes,
        held_bytes,
        pins,
        snapshots,
        oldest_snapshot_seconds: oldest_snapshot.map(|age| age.as_secs_f64()),
        undo_versions,
        undo_bytes,
        recovery: Recovery {
            clean: recovery.clean,
            commits: recovery.commits,
            torn_bytes: recovery.torn_bytes,
            torn_file: recovery.torn_file.as_deref().map(text),
        },
        collections: collections(db)?,
        indexes: indexes(used)?,
    })
}

fn collections(db: &FerrumDB) -> Result<Vec<Listed>> {
    let told = |CollectionInfo { name, documents, indexes, .. }: CollectionInfo| Listed {
        name: name.to_string(),
        documents,
        indexes,
    };
    Ok(db.collections()?.into_iter().map(told).collect())
}

fn indexes(used: &Collection) -> Result<Vec<Index>> {
    let told = used.indexes()?.into_iter().map(|index| Index {
        field: index.path.to_string(),
        entries: index.entries,
        uses: index.uses,
        bytes: index.bytes,
    });
    let mut indexes: Vec<_> = told.collect();
    indexes.sort_by(|one, other| one.field.cmp(&other.field));
    Ok(indexes)
}
