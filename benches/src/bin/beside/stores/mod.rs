//! Owns what every store that is measured can do, and which there are. Never times anything, and never lets one store do less
//! than another for the same call.

mod existing;
mod ferrum;
mod fjall;
mod floor;
mod lmdb;
mod redb;
mod rocksdb;
mod rocksdb_library;
mod sled;
mod sqlite;

use std::path::{Path, PathBuf};

use ferrumdb_benches::workload::{Numbers, Workload};
use serde_json::Value;

use crate::Result;

pub(crate) use ferrum::NAME as FERRUM;
pub(crate) use floor::NAME as FLOOR;

pub(crate) const LMDB: &str = lmdb::NAME;
pub(crate) const FJALL: &str = fjall::NAME;
pub(crate) const ROCKSDB: &str = rocksdb::NAME;
pub(crate) const EXISTING: &str = existing::NAME;

/// When a write is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// Before any sync: the quickest setting in which a store still writes to its file at once, if it has one.
    NoSync,
    /// After its sync.
    Synced,
}

impl Durability {
    /// As a table says it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NoSync => "no sync",
            Self::Synced => "sync before the answer",
        }
    }
}

/// How a store is opened: alike for all of them.
#[derive(Clone, Debug)]
pub(crate) struct Opening {
    /// A new folder.
    pub(crate) folder: PathBuf,
    pub(crate) durability: Durability,
    /// The memory for its cache. LMDB has none of its own: it maps the file.
    pub(crate) cache_bytes: u64,
}

/// One open store, which any number of threads use at once.
pub(crate) trait Store: Sync {
    fn name(&self) -> &'static str;

    /// What one thread works with.
    fn session(&self) -> Result<Box<dyn Session + '_>>;

    /// Answers from memory, and reads of the file, since it was opened: where the store tells.
    fn cache_hits_and_misses(&self) -> Option<(u64, u64)> {
        None
    }
}

/// One thread's use of a store. Documents go in as values, and are serialised by each store's session.
pub(crate) trait Session {
    /// Stores a document in a transaction of its own, and waits for the answer.
    fn set(&mut self, key: &str, document: &Value) -> Result<()>;

    /// Stores documents in one transaction.
    fn set_all(&mut self, documents: &[(&str, &Value)]) -> Result<()>;

    /// Shows the text of a document. Says whether there is one.
    fn get(&mut self, key: &str, see: &mut dyn FnMut(&[u8])) -> Result<bool>;

    /// Shows a document as a value.
    fn parsed(&mut self, key: &str, see: &mut dyn FnMut(&Value)) -> Result<bool> {
        let mut parsed = None;
        let found = self.get(key, &mut |text| parsed = Some(serde_json::from_slice(text)))?;
        if let Some(value) = parsed {
            see(&value?);
        }
        Ok(found)
    }

    /// Shows up to `count` documents in the order of their keys, from one on. Says how many there were.
    fn scan(&mut self, from: &str, count: usize, see: &mut dyn FnMut(&[u8])) -> Result<usize>;
}

/// A store's name, and what opens it: nothing, if this machine has not got it.
pub(crate) type Kind = (&'static str, fn(&Opening) -> Result<Option<Box<dyn Store>>>);

/// All of them, ours first.
pub(crate) const ALL: [Kind; 9] = [
    (ferrum::NAME, ferrum::open),
    (lmdb::NAME, lmdb::open),
    (fjall::NAME, fjall::open),
    (rocksdb::NAME, rocksdb::open),
    (redb::NAME, redb::open),
    (sqlite::NAME, sqlite::open),
    (sled::NAME, sled::open),
    (existing::NAME, existing::open),
    (floor::NAME, floor::open),
];

/// Opens these stores, each in a folder of its own; those that are missing are told and left out.
pub(crate) fn open_all(kinds: &[Kind], opening: &Opening) -> Result<Vec<Box<dyn Store>>> {
    let mut stores = Vec::new();
    for (name, open) in kinds {
        let folder = opening.folder.join(name.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-"));
        std::fs::create_dir_all(&folder)?;
        match open(&Opening { folder, ..opening.clone() })? {
            Some(store) => stores.push(store),
            None => eprintln!("SKIPPED: {name} is not on this machine; its column stays empty"),
        }
    }
    Ok(stores)
}

/// Gives a store all documents of a workload, in this order, a thousand in a transaction; the registry's package gets them one by
/// one, since it reads the whole transaction for each get of what one has written.
pub(crate) fn fill(store: &dyn Store, workload: &Workload, order: &[usize]) -> Result<()> {
    let mut session = store.session()?;
    let batch = if store.name() == EXISTING { 1 } else { 1_000 };
    for part in order.chunks(batch) {
        let documents: Vec<_> = part
            .iter()
            .map(|number| (workload.keys[*number].as_str(), &workload.documents[*number]))
            .collect();
        session.set_all(&documents)?;
    }
    Ok(())
}

/// Compares a thousand documents in both forms, and a scan, with what a store was given.
pub(crate) fn check(store: &dyn Store, workload: &Workload) -> Result<()> {
    check_one_of(store, &[workload])
}

/// The same of a store that holds each document in one of these versions.
pub(crate) fn check_one_of(store: &dyn Store, versions: &[&Workload]) -> Result<()> {
    let wrong = |what: &str| format!("{} {what}", store.name());
    let (mut session, mut numbers) = (store.session()?, Numbers::new(3));
    let count = versions[0].len();
    for _ in 0..1_000.min(count) {
        let number = numbers.below(count);
        let key = &versions[0].keys[number];
        let is_given = |found: &Value| versions.iter().any(|version| version.documents[number] == *found);
        let mut is_right = false;
        session.get(key, &mut |text| {
            is_right = serde_json::from_slice::<Value>(text).is_ok_and(|found| is_given(&found));
        })?;
        let mut is_right_when_parsed = false;
        session.parsed(key, &mut |found| is_right_when_parsed = is_given(found))?;
        if !is_right || !is_right_when_parsed {
            return Err(wrong(&format!("holds another document under {key}")).into());
        }
    }
    if session.get("nobody", &mut |_| ())? {
        return Err(wrong("holds a document that nobody gave it").into());
    }
    Ok(())
}

/// A scan from one document on, compared with these versions: for the stores that keep an order.
pub(crate) fn check_scan(store: &dyn Store, start: usize, versions: &[Workload; 2]) -> Result<()> {
    const SCANNED: usize = 100;
    let mut found = Vec::new();
    store.session()?.scan(&versions[0].keys[start], SCANNED, &mut |text| {
        found.push(serde_json::from_slice::<Value>(text).unwrap_or_default());
    })?;
    let is_given = |(number, found): (usize, &Value)| {
        versions.iter().any(|version| version.documents[start + number] == *found)
    };
    match found.len() == SCANNED && found.iter().enumerate().all(is_given) {
        true => Ok(()),
        false => Err(format!("{} scans other documents", store.name()).into()),
    }
}

/// The file of a store in its folder.
fn file(folder: &Path) -> PathBuf {
    folder.join("documents.db")
}
