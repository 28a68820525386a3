//! Owns the few steps that every test takes. Never hides an assertion that a test is about.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ferrumdb_engine::fs::{FileSystem, OpenMode, SimFs, write_all};
use ferrumdb_engine::{
    Clock, CollectionId, Committed, Durability, EncodedDocument, Error, Key, Limits, Options, Reader, Result,
    Timestamp, Transaction, Writer, open,
};

pub(crate) const ROOT: CollectionId = CollectionId::ROOT;
pub(crate) const PATH: &str = "/my.db";
/// Where the log begins.
pub(crate) const LOG_START: usize = 8192;

/// The documents of the root collection by key.
pub(crate) type Contents = BTreeMap<String, String>;

/// A clock that is a millisecond further at each look, so that no two groups of commits ever bear the same time, as they
/// may by the system's clock: a fast machine makes two in a millisecond, and the clock may be set back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TickingClock;

impl Clock for TickingClock {
    fn now(&self) -> Timestamp {
        static LOOKS: AtomicU64 = AtomicU64::new(1_000);
        Timestamp(LOOKS.fetch_add(1, Ordering::Relaxed))
    }
}

/// Opens the database on this disk without a cache, so that every read is a read of the disk.
pub(crate) fn open_on(sim: &SimFs) -> Result<(Writer, Reader)> {
    open_at(sim.clone(), PATH)
}

pub(crate) fn open_at(file_system: impl FileSystem, path: impl AsRef<Path>) -> Result<(Writer, Reader)> {
    let mut options = Options::new(path.as_ref());
    options.cache_bytes = 0;
    options.clock = Arc::new(TickingClock);
    open(options, Arc::new(file_system))
}

/// The path as the simulated disk reports it, on systems whose paths begin with a drive too.
pub(crate) fn at(path: &str) -> PathBuf {
    std::path::absolute(path).unwrap()
}

pub(crate) fn document(json: &str) -> EncodedDocument {
    EncodedDocument::from_json(json.as_bytes(), &Limits::default()).unwrap()
}

/// The same disk, for who keeps it.
pub(crate) fn shared(sim: &SimFs) -> Arc<dyn FileSystem> {
    Arc::new(sim.clone())
}

/// A transaction of `key=json` and `key` (a deletion).
pub(crate) fn transaction(changes: &[&str]) -> Transaction {
    let mut transaction = Transaction::new();
    for change in changes {
        match change.split_once('=') {
            Some((key, json)) => transaction.set(ROOT, Key::from(key), document(json), None),
            None => transaction.delete(ROOT, Key::from(*change)),
        }
    }
    transaction
}

pub(crate) fn commit(writer: &mut Writer, changes: &[&str], durability: Durability) -> Result<Committed> {
    writer.commit(&[transaction(changes)], durability).map(|mut outcomes| outcomes.remove(0).unwrap())
}

/// Commits and syncs.
pub(crate) fn synced(writer: &mut Writer, changes: &[&str]) -> Result<Committed> {
    commit(writer, changes, Durability::Synced)
}

/// Commits without a sync.
pub(crate) fn appended(writer: &mut Writer, changes: &[&str]) -> Result<Committed> {
    commit(writer, changes, Durability::Appended)
}

/// Everything in the root collection, every document read.
pub(crate) fn contents(reader: &Reader) -> Contents {
    let snapshot = reader.snapshot();
    let keys: Vec<_> = reader.keys(ROOT).collect();
    assert_eq!(keys.len() as u64, reader.count(ROOT));
    let read = |key: Key| {
        let document = snapshot.get(ROOT, &key).unwrap().unwrap();
        (String::from(key), document.as_str().to_owned())
    };
    keys.into_iter().map(read).collect()
}

pub(crate) fn expected(entries: &[(&str, &str)]) -> Contents {
    entries.iter().map(|(key, json)| ((*key).to_owned(), (*json).to_owned())).collect()
}

/// A disk with nothing but this file on it, durably.
pub(crate) fn disk_with(bytes: &[u8]) -> SimFs {
    let sim = SimFs::new(1);
    let file = sim.open(Path::new(PATH), OpenMode::CreateNew).unwrap();
    write_all(&*file, bytes, 0).unwrap();
    file.sync().unwrap();
    sim.sync_directory(Path::new("/")).unwrap();
    sim
}

pub(crate) fn bytes_of(sim: &SimFs) -> Vec<u8> {
    sim.live_bytes(PATH).unwrap()
}

/// The error of an opening that is refused.
pub(crate) fn refusal(sim: &SimFs) -> Error {
    open_on(sim).map(|_| ()).unwrap_err()
}

/// Commits, closes and opens again; what was there before and what was added is there.
pub(crate) fn assert_goes_on(sim: &SimFs, before: &Contents) {
    let (mut writer, reader) = open_on(sim).unwrap();
    assert_eq!(contents(&reader), *before);
    synced(&mut writer, &["after=true"]).unwrap();
    drop((writer, reader));
    sim.crash_with(|_| ferrumdb_engine::fs::Fate::Dropped);
    let (writer, reader) = open_on(sim).unwrap();
    let mut after = before.clone();
    after.insert("after".to_owned(), "true".to_owned());
    assert_eq!(contents(&reader), after, "a commit after the recovery");
    writer.close().unwrap();
    let (_, reader) = open_on(sim).unwrap();
    assert_eq!(contents(&reader), after, "after a closing");
    assert!(reader.stats().unwrap().recovery.clean);
}
