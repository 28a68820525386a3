//! Owns the databases that are attacked, and what counts as harm. Never knows how an attack works.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use ferrumdb_engine::fs::{FileSystem, MemoryFs, OpenMode, SimFs, write_all};
use ferrumdb_engine::{
    CollectionId, CompactionStep, Durability, EncodedDocument, EncryptionKey, Error, History, Key, Limits,
    Options, Reader, Timestamp, Transaction, Writer, open,
};

pub(crate) const PATH: &str = "/secret.db";
pub(crate) const HINT: &str = "/secret.db.hint";
pub(crate) const ROOT: CollectionId = CollectionId::ROOT;

pub(crate) type Contents = BTreeMap<String, (String, Option<Timestamp>)>;

pub(crate) fn key(number: u8) -> EncryptionKey {
    EncryptionKey::from_bytes([number; 32])
}

pub(crate) fn open_on(
    file_system: impl FileSystem,
    key: Option<EncryptionKey>,
) -> Result<(Writer, Reader), Error> {
    let mut options = Options::new(PATH);
    options.cache_bytes = 0;
    options.encryption = key;
    open(options, Arc::new(file_system))
}

/// A transaction of `key=json` and `key` (a deletion).
pub(crate) fn transaction(changes: &[&str]) -> Transaction {
    let mut transaction = Transaction::new();
    for change in changes {
        match change.split_once('=') {
            Some((key, json)) => {
                let document = EncodedDocument::from_json(json.as_bytes(), &Limits::default()).unwrap();
                let expires_at = json.starts_with("\"later").then_some(Timestamp(u64::MAX - 1));
                transaction.set(ROOT, Key::from(key), document, expires_at);
            }
            None => transaction.delete(ROOT, Key::from(*change)),
        }
    }
    transaction
}

pub(crate) fn commit(writer: &mut Writer, changes: &[&str]) {
    writer.commit(&[transaction(changes)], Durability::Synced).unwrap()[0].as_ref().unwrap();
}

pub(crate) fn compact(writer: &mut Writer) {
    let mut compaction = writer.begin_compaction(History::None).unwrap().unwrap();
    while compaction.step().unwrap() != CompactionStep::Ready {}
    let (mut relocation, _) = writer.install_compaction(compaction).unwrap();
    while relocation.step() {}
    writer.finish_relocation(&relocation);
}

/// Everything that is there, or the first error that a reader would be told.
pub(crate) fn contents(reader: &Reader) -> Result<Contents, Error> {
    let snapshot = reader.snapshot();
    let read = |key: Key| {
        let document = snapshot.get(ROOT, &key)?.expect("a key of the snapshot has a document");
        let expires_at = reader.expiry(ROOT, &key).expect("it is there");
        Ok((String::from(key), (document.as_str().to_owned(), expires_at)))
    };
    reader.keys(ROOT).map(read).collect()
}

/// A disk with these files on it.
pub(crate) fn disk_with(files: &[(&str, &[u8])]) -> MemoryFs {
    let disk = MemoryFs::new();
    for (path, bytes) in files {
        let file = disk.open(Path::new(path), OpenMode::CreateNew).unwrap();
        write_all(&*file, bytes, 0).unwrap();
    }
    disk
}

/// A simulated disk on which these files are durable.
pub(crate) fn sim_with(files: &[(&str, &[u8])]) -> SimFs {
    let sim = SimFs::new(1);
    for (path, bytes) in files {
        let file = sim.open(Path::new(path), OpenMode::CreateNew).unwrap();
        write_all(&*file, bytes, 0).unwrap();
        file.sync().unwrap();
    }
    sim.sync_directory(Path::new("/")).unwrap();
    sim
}

/// What a file may be read as: its contents after each of its commits.
#[derive(Clone, Debug)]
pub(crate) struct Victim {
    pub(crate) file: Vec<u8>,
    pub(crate) states: Vec<Contents>,
}

impl Victim {
    /// A history of every kind of record; the file is closed if `is_closed`, and else all that it claims of itself is an
    /// empty log.
    pub(crate) fn new(is_closed: bool, is_compacted: bool) -> Self {
        let sim = SimFs::new(1);
        let (mut writer, reader) = open_on(sim.process(), Some(key(1))).unwrap();
        let mut states = vec![Contents::new()];
        if is_compacted {
            commit(&mut writer, &["gone=1", "kept=1"]);
            commit(&mut writer, &["gone=2", "base=[1]", "more=[2]"]);
            commit(&mut writer, &["gone", "kept=2"]);
            compact(&mut writer);
            states = vec![contents(&reader).unwrap()];
        }
        let history: [&[&str]; 6] =
            [&["a=1"], &["b=2"], &["a=3", "c=4", "d=\"later\""], &["b"], &["a=5", "b=6", "c"], &["e=7"]];
        for changes in history {
            writer.commit(&[transaction(changes)], Durability::Appended).unwrap()[0].as_ref().unwrap();
            states.push(contents(&reader).unwrap());
        }
        if is_closed {
            writer.sync().unwrap();
            writer.append_sync_mark().unwrap();
            writer.close().unwrap();
        }
        let mut file = sim.live_bytes(PATH).unwrap();
        let end = file.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        file.truncate(end.next_multiple_of(8));
        Self { file, states }
    }

    /// What comes of opening this file in its place.
    pub(crate) fn attempt(&self, file: &[u8]) -> Result<Contents, Error> {
        let (_writer, reader) = open_on(disk_with(&[(PATH, file)]), Some(key(1)))?;
        contents(&reader)
    }

    /// That the attack is refused, or leaves the newest state, or, where nothing claims more, one that the database was in.
    pub(crate) fn assert_unharmed(&self, file: &[u8], is_closed: bool, attack: &str) {
        match self.attempt(file) {
            Ok(found) => {
                let newest = self.states.last().unwrap();
                let is_right = if is_closed { found == *newest } else { self.states.contains(&found) };
                assert!(is_right, "{attack}: {found:?}");
            }
            Err(Error::Tampered { .. } | Error::Damaged { .. }) => {}
            Err(error) => panic!("{attack}: {error}"),
        }
    }
}
