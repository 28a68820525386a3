//! Owns what is counted: each workload is a run of this program as a child, which does one thing a stated number of times.
//! Never counts, and never ends well without having seen that all of it was done.

use std::hint::black_box;
use std::path::Path;
use std::thread;

use ferrumdb::{Config, FerrumDB, FsyncPolicy, Transaction, WatchOptions};
use ferrumdb_benches::workload::Workload;

use crate::Result;

/// A thing that is done again and again.
pub(crate) struct Counted {
    /// On the command line and in the table.
    pub(crate) name: &'static str,
    /// How often a run does it. Two runs open and fill their databases with up to a million instructions more or less, as
    /// tables happen to grow, so what is cheap is done often.
    pub(crate) times: usize,
    /// Does it so many times to a database at this path.
    pub(crate) run: fn(&Path, usize) -> Result<()>,
}

/// All of them.
pub(crate) const COUNTED: [Counted; 5] = [
    Counted { name: "get, cached", times: 200_000, run: |path, times| gets(path, times, 64 << 20) },
    Counted { name: "get, read from the file", times: 40_000, run: |path, times| gets(path, times, 0) },
    Counted { name: "set", times: 8_000, run: |path, times| sets(path, times, false) },
    Counted { name: "set, watched", times: 8_000, run: |path, times| sets(path, times, true) },
    Counted { name: "set in a transaction of 100", times: 20_000, run: transactions },
];

/// Fewer than the smallest number of times, so that every set overwrites, and their cost does not grow.
const DOCUMENTS: usize = 1_000;
const BATCH: usize = 100;

fn open(path: &Path, cache_bytes: u64) -> Result<FerrumDB> {
    let config = Config::new(path).with_fsync_policy(FsyncPolicy::Never).with_cache_bytes(cache_bytes);
    Ok(FerrumDB::open(config).wait()?)
}

fn filled(path: &Path, cache_bytes: u64) -> Result<FerrumDB> {
    let db = open(path, cache_bytes)?;
    db.commit(transaction(&Workload::new(DOCUMENTS, 0), 0..DOCUMENTS)).wait()?;
    Ok(db)
}

fn transaction(workload: &Workload, numbers: impl Iterator<Item = usize>) -> Transaction {
    numbers.fold(Transaction::new(), |all, number| {
        all.set(workload.keys[number].as_str(), &workload.documents[number])
    })
}

fn gets(path: &Path, times: usize, cache_bytes: u64) -> Result<()> {
    let workload = Workload::new(DOCUMENTS, 0);
    let db = filled(path, cache_bytes)?;
    for key in &workload.keys {
        black_box(db.get(key)?);
    }
    let mut bytes = 0;
    for number in 0..times {
        let found = db.get(&workload.keys[number % DOCUMENTS])?.ok_or("a document is missing")?;
        bytes += found.as_bytes().len();
    }
    // Once for all rounds: what is done for each time would be counted.
    let lengths: Vec<usize> = workload.documents.iter().map(|document| document.to_string().len()).collect();
    if bytes != lengths.iter().cycle().take(times).sum::<usize>() {
        return Err("a get answered with another document".into());
    }
    Ok(db.close().wait()?)
}

/// Sets that are waited for, one after the other, of documents that are there.
fn sets(path: &Path, times: usize, is_watched: bool) -> Result<()> {
    let db = open(path, 64 << 20)?;
    let changes = if is_watched { Some(db.watch(WatchOptions::everything())?) } else { None };
    let watcher = changes.map(|changes| thread::spawn(|| changes.filter(|change| change.is_ok()).count()));
    let versions = [Workload::new(DOCUMENTS, 0), Workload::new(DOCUMENTS, 1)];
    db.commit(transaction(&versions[0], 0..DOCUMENTS)).wait()?;
    for number in 0..times {
        let version = &versions[(number / DOCUMENTS + 1) % 2];
        let number = number % DOCUMENTS;
        db.set(version.keys[number].as_str(), &version.documents[number]).wait()?;
    }
    if db.count()? != DOCUMENTS as u64 || db.stats()?.sequence.0 != times as u64 + 1 {
        return Err("the sets were not carried out".into());
    }
    db.close().wait()?;
    match watcher.map(thread::JoinHandle::join) {
        Some(Ok(told)) if told == DOCUMENTS + times => Ok(()),
        None => Ok(()),
        Some(told) => Err(format!("the watcher was told {told:?}").into()),
    }
}

fn transactions(path: &Path, times: usize) -> Result<()> {
    let version = Workload::new(DOCUMENTS, 1);
    let db = filled(path, 64 << 20)?;
    // What is counted is one of its sets.
    let commits = times / BATCH;
    for number in 0..commits {
        let first = number * BATCH % DOCUMENTS;
        db.commit(transaction(&version, first..first + BATCH)).wait()?;
    }
    if db.stats()?.sequence.0 != commits as u64 + 1 {
        return Err("the transactions were not carried out".into());
    }
    Ok(db.close().wait()?)
}
