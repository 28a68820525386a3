//! Owns what a database of one size is put through: filling, sets, gets, finds, listing, verifying, compacting, closing. Never
//! leaves a step untimed that grows.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use ferrumdb::{Config, FerrumDB, FsyncPolicy, Transaction};
use ferrumdb_benches::measure::{rate, time};
use ferrumdb_benches::workload::{Numbers, document, key};

use crate::{Figures, Result};

pub(crate) const NAME: &str = "steps";
pub(crate) const FILL: &str = "inserts in transactions of 1,000";
pub(crate) const SETS: &str = "overwrites, one thread";
pub(crate) const CACHED: &str = "gets of 10,000 documents, cached";
pub(crate) const COLD: &str = "gets of any document, no cache";
pub(crate) const FINDS: &str = "finds of 1 key";
pub(crate) const INDEX: &str = "create_index";
pub(crate) const KEYS: &str = "listing all keys";
pub(crate) const VERIFY: &str = "verifying";
pub(crate) const COMPACT: &str = "compacting";
pub(crate) const CLOSE: &str = "closing, with the hint";

const BATCH: usize = 1_000;
/// For how long an operation is repeated.
const RUN_FOR: Duration = Duration::from_millis(500);
/// The documents that are read from the cache.
const HOT: usize = 10_000;
/// Room for those, and no more.
const CACHE_BYTES: u64 = 64 << 20;
/// The field of the index: a value for each document.
const FIELD: &str = "email";

pub(crate) fn open(path: &Path, cache_bytes: u64) -> Result<FerrumDB> {
    let config = Config::new(path).with_fsync_policy(FsyncPolicy::Never).with_cache_bytes(cache_bytes);
    Ok(FerrumDB::open(config.with_auto_compaction(None)).wait()?)
}

/// Fills a new database, and says how long the database's part of that took.
pub(crate) fn fill(db: &FerrumDB, documents: usize) -> Result<Duration> {
    let mut took = Duration::ZERO;
    for start in (0..documents).step_by(BATCH) {
        let numbers = start..(start + BATCH).min(documents);
        let all: Vec<_> = numbers.map(|number| (key(number), document(number, 0))).collect();
        let (done, of_one) = time(|| {
            let all =
                all.iter().fold(Transaction::new(), |all, (key, document)| all.set(key.as_str(), document));
            db.commit(all).wait()
        });
        done?;
        took += of_one;
    }
    Ok(took)
}

/// All steps, one after the other.
pub(crate) fn run(path: &Path, documents: usize) -> Result<Figures> {
    let mut figures = Figures::new();
    let mut note = |name: &str, figure: f64| figures.push((name.to_owned(), figure));
    let db = open(path, CACHE_BYTES)?;
    note(FILL, rate(documents, fill(&db, documents)?));
    let mut numbers = Numbers::new(1);
    // Made before the clock runs; no more than are ever done in the time.
    let some: Vec<_> =
        (0..100_000).map(|_| numbers.below(documents)).map(|at| (key(at), document(at, 1))).collect();
    note(
        SETS,
        repeat(|at| {
            let (key, document) = &some[at % some.len()];
            Ok(db.set(key.as_str(), document).wait().map(drop)?)
        })?,
    );
    note(CACHED, cached(&db, documents)?);
    let (created, took) = time(|| db.create_index(FIELD).wait());
    created?;
    note(INDEX, took.as_secs_f64());
    note(
        FINDS,
        repeat(|at| {
            let found = db.find(FIELD, &some[at % some.len()].1[FIELD])?;
            if black_box(found).len() == 1 { Ok(()) } else { Err("a find found something else".into()) }
        })?,
    );
    let (keys, took) = time(|| db.keys().map(Iterator::count));
    if keys? != documents {
        return Err("keys are missing".into());
    }
    note(KEYS, took.as_secs_f64());
    let (verified, took) = time(|| db.verify().wait());
    if !verified?.is_sound() {
        return Err("the file is not sound".into());
    }
    note(VERIFY, took.as_secs_f64());
    let (compacted, took) = time(|| db.compact().wait());
    compacted?;
    note(COMPACT, took.as_secs_f64());
    let (closed, took) = time(|| db.close().wait());
    closed?;
    note(CLOSE, took.as_secs_f64());
    drop(db);
    let db = open(path, 0)?;
    let keys: Vec<String> = (0..100_000).map(|_| key(numbers.below(documents))).collect();
    note(COLD, repeat(|at| get(&db, &keys[at % keys.len()]))?);
    db.close().wait()?;
    Ok(figures)
}

/// As many documents of any size of database, so that only the keydir grows.
fn cached(db: &FerrumDB, documents: usize) -> Result<f64> {
    let mut numbers = Numbers::new(2);
    let keys: Vec<String> = (0..HOT).map(|_| key(numbers.below(documents))).collect();
    for key in keys.iter().chain(&keys) {
        get(db, key)?;
    }
    repeat(|_| get(db, &keys[numbers.below(HOT)]))
}

fn get(db: &FerrumDB, key: &str) -> Result<()> {
    drop(black_box(db.get(key)?.ok_or("a document is missing")?));
    Ok(())
}

/// How often an operation can be done in a second.
fn repeat(mut operation: impl FnMut(usize) -> Result<()>) -> Result<f64> {
    let (begin, mut done) = (Instant::now(), 0);
    while begin.elapsed() < RUN_FOR {
        for _ in 0..16 {
            operation(done)?;
            done += 1;
        }
    }
    Ok(rate(done, begin.elapsed()))
}
