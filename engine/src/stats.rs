//! Owns the sizes and counts that a database tells of itself. Never measures time.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::fs::File;
use crate::key::Sequence;
use crate::log::LOG_START;
use crate::view::Shared;

/// Sizes and counts of an open database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// The database file.
    pub path: PathBuf,
    /// The version of the format that the file states.
    pub format_version: u32,
    /// How many compactions have made the file what it is.
    pub generation: u64,
    /// From this commit on, every version is in the file.
    pub history_floor: Sequence,
    /// Whether the file is encrypted.
    pub encrypted: bool,
    /// The number of the newest commit.
    pub sequence: Sequence,
    /// Documents in all collections.
    pub documents: u64,
    /// Collections besides the root.
    pub collections: usize,
    /// The length of the file, space prepared ahead included, in bytes.
    pub file_bytes: u64,
    /// What files from before a compaction take, in bytes, since snapshots still read them. They have no name any more.
    pub held_bytes: u64,
    /// The length of the log, in bytes.
    pub log_bytes: u64,
    /// The part of the log that holds the newest version of a document, in bytes.
    pub live_bytes: u64,
    /// The rest of the log, which a compaction would win, in bytes.
    pub dead_bytes: u64,
    /// What the cache of documents holds, in bytes, as it charges them.
    pub cache_bytes: u64,
    /// Open snapshots and iterations.
    pub pins: usize,
    /// The oldest commit that one of them stands on, or stood on when it was begun.
    pub oldest_pin: Option<Sequence>,
    /// Versions that are remembered for them.
    pub undo_versions: u64,
    /// The memory that those take, about, in bytes.
    pub undo_bytes: u64,
    /// The snapshots among the pins that a caller holds. Whoever hands them out counts them, and measures their age.
    pub snapshots: usize,
    /// For how long the oldest of those has been held.
    pub oldest_snapshot: Option<Duration>,
    /// What was found when the database was opened.
    pub recovery: RecoveryReport,
}

/// What was found, and done, when the database was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RecoveryReport {
    /// Whether the database had been closed, rather than left by a crash. True for a new one.
    pub clean: bool,
    /// How many commits were read from the log.
    pub commits: u64,
    /// The newest of the commits before those, if the hint file stood for them.
    pub hint: Option<Sequence>,
    /// How many bytes of a torn tail were cut off: a commit that a crash left unfinished, and what lay beyond it.
    pub torn_bytes: u64,
    /// Where that tail was saved, if whole commits were in it.
    pub torn_file: Option<PathBuf>,
}

impl Stats {
    pub(crate) fn of(shared: &Shared) -> Result<Self> {
        let view = shared.view.load_full();
        let log_bytes = view.log_end - LOG_START;
        let generations = shared.generations.load();
        let measured =
            |file: &dyn File| file.len().map_err(|source| Error::io("measure", &shared.path, source));
        let newest = generations.newest();
        let file_bytes = measured(&*newest.file)?;
        let held = shared.retired.open();
        let held_bytes = held.iter().map(|generation| measured(&*generation.file)).sum::<Result<u64>>()?;
        let remembered = shared.undo.remembered();
        Ok(Self {
            path: shared.path.to_path_buf(),
            format_version: newest.version(),
            generation: newest.number(),
            history_floor: newest.floor(),
            encrypted: newest.keys.is_sealed(),
            sequence: view.sequence,
            documents: view.counts.total(),
            collections: view.collections.len(),
            file_bytes,
            held_bytes,
            log_bytes,
            live_bytes: view.live_bytes,
            dead_bytes: log_bytes - view.live_bytes,
            cache_bytes: shared.cache.bytes(),
            pins: shared.pins.count(),
            oldest_pin: shared.pins.oldest(),
            undo_versions: remembered.versions,
            undo_bytes: remembered.bytes,
            snapshots: 0,
            oldest_snapshot: None,
            recovery: shared.recovery.get().cloned().unwrap_or_default(),
        })
    }
}
