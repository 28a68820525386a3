//! Owns the measurement of memory: what a process grows by when it opens a database, and when its cache is full. Never measures two
//! of them in one process.

use std::hint::black_box;
use std::path::{Path, PathBuf};

use ferrumdb_benches::machine::resident_bytes;
use ferrumdb_benches::measure::time;
use ferrumdb_benches::results::{Figure, Line, Unit};
use ferrumdb_benches::workload::{Numbers, key};

use crate::steps::{fill as fill_with, open as open_with};
use crate::{Figures, Result, in_child};

/// What children do, and the names of what they measure.
pub(crate) const FILL: &str = "fill";
pub(crate) const OPEN: &str = "opening after a close";
pub(crate) const OPEN_WITHOUT_HINT: &str = "opening without the hint";
pub(crate) const KEY: &str = "memory for a key";
pub(crate) const INDEX_ENTRY: &str = "memory for an entry of an index";
pub(crate) const CACHE: &str = "memory of the cache";
pub(crate) const DROP_INDEXES: &str = "drop indexes";
pub(crate) const WITH_INDEX: &str = "opening after a close, with an index";
/// By how many bytes a process has grown.
pub(crate) const GROWN: &str = "grown";

/// What a key may take.
const KEY_BYTES_MAX: f64 = 110.0;
/// The cache's stated size, how many times as much is read through it, and by how much it may exceed that.
const CACHE_BYTES: u64 = 64 << 20;
const READ_TIMES: usize = 4;
const CACHE_EXCESS_MAX: f64 = 1.10;

/// Fills a database for the others, without an index.
pub(crate) fn fill(path: &Path, documents: usize) -> Result<Figures> {
    let db = open_with(path, 0)?;
    fill_with(&db, documents)?;
    db.close().wait()?;
    Ok(Figures::new())
}

/// Takes all indexes out of a closed database, so that what they took is a difference.
pub(crate) fn drop_indexes(path: &Path) -> Result<Figures> {
    let db = open_with(path, 0)?;
    for index in db.indexes()? {
        db.drop_index(index.path).wait()?;
    }
    db.close().wait()?;
    drop(db);
    // The hint may be one that still has them; the next close writes another.
    std::fs::remove_file(hint(path))?;
    open_with(path, 0)?.close().wait()?;
    Ok(Figures::new())
}

/// Opens a closed database, with its hint or without, and says how long that took and how much this process has grown.
pub(crate) fn open(path: &Path, documents: usize, part: &str) -> Result<Figures> {
    if part == OPEN_WITHOUT_HINT {
        std::fs::remove_file(hint(path))?;
    }
    let before = resident()?;
    let (db, took) = time(|| open_with(path, 0));
    let db = db?;
    let grown = resident()?.saturating_sub(before);
    if db.count()? != documents as u64 {
        return Err("documents are missing".into());
    }
    // Whoever comes next finds a hint again.
    db.close().wait()?;
    Ok(vec![(part.to_owned(), took.as_secs_f64()), (GROWN.to_owned(), grown as f64)])
}

/// What this process grows by when far more is read and parsed than the cache may hold.
pub(crate) fn of_the_cache(path: &Path, documents: usize) -> Result<Figures> {
    let db = open_with(path, CACHE_BYTES)?;
    let keys: Vec<String> = (0..documents).map(key).collect();
    let before = resident()?;
    let mut numbers = Numbers::new(1);
    for _ in 0..READ_TIMES * documents {
        let found = db.get(&keys[numbers.below(documents)])?.ok_or("a document is missing")?;
        black_box(found.value());
    }
    let grown = resident()?.saturating_sub(before);
    Ok(vec![(CACHE.to_owned(), grown as f64)])
}

/// The lines with bars: the dearest key of these sizes, and a full cache.
pub(crate) fn lines(folder: &Path, sizes: &[usize]) -> Result<Vec<Line>> {
    let mut each = Vec::new();
    for documents in sizes {
        let path = folder.join(format!("memory-{documents}.db"));
        in_child(FILL, &path, *documents)?;
        let figures = in_child(OPEN, &path, *documents)?;
        let grown = figures.iter().find(|(name, _)| name == GROWN).ok_or("a child has measured nothing")?.1;
        each.push(grown / *documents as f64);
    }
    let (Some(documents), Some(worst)) = (sizes.first(), each.iter().copied().reduce(f64::max)) else {
        return Ok(Vec::new());
    };
    let path = folder.join(format!("memory-{documents}.db"));
    let cache = in_child(CACHE, &path, *documents)?.first().ok_or("a child has measured nothing")?.1;
    let line = |workload: String, rounds: Vec<f64>, ours: f64, allowed: f64, bar: f64| {
        let figure = |median, rounds| Figure { median, rounds, quantiles: None, note: None };
        Line {
            workload,
            durability: String::new(),
            unit: Unit::Bytes,
            ours: figure(ours, rounds),
            peer: "what is allowed".to_owned(),
            theirs: figure(allowed, vec![allowed]),
            bar: Some(bar),
        }
    };
    let stated = CACHE_BYTES as f64;
    Ok(vec![
        line(format!("memory for a key, the worst of {sizes:?} keys"), each, worst, KEY_BYTES_MAX, 1.0),
        line(
            "memory of a full cache, values parsed".to_owned(),
            vec![cache],
            cache,
            stated,
            CACHE_EXCESS_MAX,
        ),
    ])
}

fn hint(path: &Path) -> PathBuf {
    let mut hint = path.as_os_str().to_owned();
    hint.push(".hint");
    hint.into()
}

fn resident() -> Result<u64> {
    resident_bytes().ok_or_else(|| "this system does not tell a process's memory".into())
}
