//! Owns the making of one golden file: a database in memory, a clock that is set, and what the files must hold. Never asks
//! the database for what it holds: what is expected comes from what was told to it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ferrumdb::fs::{FileSystem, MemoryFs, OpenMode};
use ferrumdb::{Config, FerrumDB, ManualClock, Pending, Timestamp, Transaction};
use ferrumdb_proptests::golden::{Contents, Facts, Found, GoldenKey, Opening, Stored, Verified};

pub(crate) const LOG_START: u64 = 8192;
/// The time of the first commit.
pub(crate) const START: u64 = 1_750_000_000_000;
/// What passes before each commit.
pub(crate) const TICK: u64 = 1_000;
const PATH: &str = "/golden.db";
/// So much of the space prepared ahead stays in the file of a database that was killed.
const PREPARED_BYTES: usize = 256;

/// A golden file that was made, with those beside it.
pub(crate) struct Golden {
    pub(crate) name: &'static str,
    pub(crate) facts: Facts,
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

/// One change of a transaction.
pub(crate) enum Change<'a> {
    Set(&'a str, &'a str),
    /// With a lifetime in seconds.
    SetFor(&'a str, &'a str, u64),
    Expire(&'a str, u64),
    Persist(&'a str),
    Delete(&'a str),
}

/// A database that is being made.
pub(crate) struct Making {
    name: &'static str,
    files: MemoryFs,
    clock: ManualClock,
    config: Config,
    db: FerrumDB,
    key: Option<GoldenKey>,
    now: u64,
    sequence: u64,
    clean: bool,
    contents: Contents,
    /// What there is after each commit.
    pub(crate) states: BTreeMap<u64, Contents>,
    /// Where the log ends after each commit since the last compaction.
    pub(crate) ends: BTreeMap<u64, u64>,
}

impl Making {
    pub(crate) fn new(name: &'static str) -> Self {
        Self::with(name, None, |config| config)
    }

    pub(crate) fn encrypted(name: &'static str, key: GoldenKey) -> Self {
        Self::with(name, Some(key), |config| config)
    }

    pub(crate) fn with(
        name: &'static str,
        key: Option<GoldenKey>,
        change: impl FnOnce(Config) -> Config,
    ) -> Self {
        let (files, clock) = (MemoryFs::new(), ManualClock::new(Timestamp(START)));
        let config = Config::new(PATH)
            .with_file_system(Arc::new(files.clone()))
            .with_clock(Arc::new(clock.clone()))
            .with_auto_compaction(None);
        let config = change(match &key {
            None => config,
            Some(GoldenKey::Bytes(byte)) => config.with_encryption([*byte; 32]),
            Some(GoldenKey::Passphrase(text)) => config.with_passphrase(text),
        });
        let db = done(FerrumDB::open(config.clone()));
        let ends = BTreeMap::from([(0, LOG_START)]);
        let (contents, states) = (Contents::default(), BTreeMap::new());
        Self {
            name,
            files,
            clock,
            config,
            db,
            key,
            now: START,
            sequence: 0,
            clean: true,
            contents,
            states,
            ends,
        }
    }

    pub(crate) fn db(&self) -> &FerrumDB {
        &self.db
    }

    /// The newest commit.
    pub(crate) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// One transaction.
    pub(crate) fn commit(&mut self, changes: &[Change<'_>]) -> &mut Self {
        self.tick();
        let seconds = Duration::from_secs;
        let transaction = changes.iter().fold(Transaction::new(), |transaction, change| match *change {
            Change::Set(key, json) => transaction.set_raw(key, json),
            Change::SetFor(key, json, lifetime) => transaction.set_raw_ex(key, json, seconds(lifetime)),
            Change::Expire(key, lifetime) => transaction.expire(key, seconds(lifetime)),
            Change::Persist(key) => transaction.persist(key),
            Change::Delete(key) => transaction.delete(key),
        });
        self.sequence = done(self.db.commit(transaction)).0;
        changes.iter().for_each(|change| self.expect(change));
        self.committed()
    }

    /// One transaction in a collection.
    pub(crate) fn commit_in(&mut self, name: &str, changes: &[(&str, Option<&str>)]) -> &mut Self {
        self.tick();
        let transaction = Transaction::new().in_collection(name);
        let transaction = changes.iter().fold(transaction, |transaction, (key, json)| match json {
            Some(json) => transaction.set_raw(*key, json),
            None => transaction.delete(*key),
        });
        let version = done(self.db.commit(transaction)).0;
        self.sequence = version;
        let documents = &mut self.contents.collections.entry(name.to_owned()).or_default().documents;
        for (key, json) in changes {
            match json {
                Some(json) => {
                    let stored = Stored { json: (*json).to_owned(), version, expires_at: None };
                    documents.insert((*key).to_owned(), stored);
                }
                None => drop(documents.remove(*key)),
            }
        }
        self.committed()
    }

    /// An index in a collection, and what it finds in the end.
    pub(crate) fn create_index_in(&mut self, name: &str, field: &str, found: &[Found]) -> &mut Self {
        self.tick();
        self.sequence = done(self.db.collection(name).expect("it is a name").create_index(field)).0;
        let contents = self.contents.collections.entry(name.to_owned()).or_default();
        contents.indexes.insert(field.to_owned(), found.to_vec());
        self.committed()
    }

    pub(crate) fn drop_collection(&mut self, name: &str) -> &mut Self {
        self.tick();
        assert!(done(self.db.drop_collection(name)), "it is there");
        self.sequence += 1;
        self.contents.collections.remove(name);
        self.committed()
    }

    pub(crate) fn set(&mut self, key: &str, json: &str) -> &mut Self {
        self.commit(&[Change::Set(key, json)])
    }

    pub(crate) fn create_index(&mut self, field: &str) -> &mut Self {
        self.tick();
        self.sequence = done(self.db.create_index(field)).0;
        self.contents.indexes.insert(field.to_owned(), Vec::new());
        self.committed()
    }

    pub(crate) fn drop_index(&mut self, field: &str) -> &mut Self {
        self.tick();
        self.sequence = done(self.db.drop_index(field)).0;
        self.contents.indexes.remove(field);
        self.committed()
    }

    /// Says what an index finds after the newest commit.
    pub(crate) fn finds(&mut self, field: &str, found: &[Found]) -> &mut Self {
        self.contents.indexes.insert(field.to_owned(), found.to_vec());
        self.states.insert(self.sequence, self.contents.clone());
        self
    }

    pub(crate) fn compact(&mut self) -> &mut Self {
        done(self.db.compact());
        self.ends.clear();
        self.committed()
    }

    /// Closes it, with which a close mark is committed.
    pub(crate) fn close(&mut self) -> &mut Self {
        done(self.db.close());
        self.sequence += 1;
        self.clean = true;
        self
    }

    pub(crate) fn reopen(&mut self) -> &mut Self {
        self.db = done(FerrumDB::open(self.config.clone()));
        self.clean = false;
        self
    }

    /// The files of a database that was closed.
    pub(crate) fn closed(&mut self, about: &str) -> Golden {
        self.close();
        self.golden(about, self.file("").expect("it was made"), None)
    }

    /// The files as they are while the database is open: what a process that is killed leaves.
    pub(crate) fn killed(&mut self, about: &str) -> Golden {
        self.clean = false;
        let live = self.live();
        let mut bytes = self.file("").expect("it was made");
        let end = *self.ends.values().next_back().expect("there is a beginning") as usize;
        assert!(bytes[end..].iter().all(|byte| *byte == 0), "nothing but prepared space follows the log");
        bytes.resize(end + PREPARED_BYTES, 0);
        self.golden(about, bytes, Some(live))
    }

    /// A file of this database's file system: the database with this behind its name.
    pub(crate) fn file(&self, suffix: &str) -> Option<Vec<u8>> {
        let file = self.files.open(Path::new(&format!("{PATH}{suffix}")), OpenMode::Read).ok()?;
        let mut bytes = vec![0; file.len().expect("memory does not fail") as usize];
        let mut read = 0;
        while read < bytes.len() {
            read += file.read_at(&mut bytes[read..], read as u64).expect("memory does not fail");
        }
        Some(bytes)
    }

    /// The path of another file in this database's file system.
    pub(crate) fn path(suffix: &str) -> String {
        format!("{PATH}{suffix}")
    }

    fn golden(&self, about: &str, database: Vec<u8>, live: Option<Vec<u8>>) -> Golden {
        let name = self.name;
        let beside = [("", Some(database)), (".hint", self.file(".hint")), (".live", live)];
        let named = |(suffix, bytes): (&str, Option<Vec<u8>>)| Some((format!("{name}.db{suffix}"), bytes?));
        Golden { name, facts: self.facts(about), files: beside.into_iter().filter_map(named).collect() }
    }

    fn facts(&self, about: &str) -> Facts {
        let (sequence, clean) = (self.sequence, self.clean);
        Facts {
            about: about.to_owned(),
            files: BTreeMap::new(),
            key: self.key.clone(),
            now: self.now + TICK,
            opening: Opening::Opens { sequence, clean, torn_bytes: 0, torn_file: false },
            believes_hint: self.file(".hint").is_some(),
            opening_by_hint: None,
            unreadable: Vec::new(),
            verification: Verified::default(),
            contents: self.contents.clone(),
            increments: Vec::new(),
            restored: Vec::new(),
        }
    }

    /// The live file, once it tells of the newest commit.
    fn live(&self) -> Vec<u8> {
        let deadline = Instant::now() + Duration::from_millis(500);
        loop {
            if let Some(live) = self.file(".live")
                && live[48..56] == self.sequence.to_le_bytes()
            {
                return live;
            }
            assert!(Instant::now() < deadline, "the live file tells of the newest commit");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn tick(&mut self) {
        self.now += TICK;
        self.clock.set(Timestamp(self.now));
    }

    fn committed(&mut self) -> &mut Self {
        let log_bytes = self.db.stats().expect("it is open").log_bytes;
        self.ends.insert(self.sequence, LOG_START + log_bytes);
        self.states.insert(self.sequence, self.contents.clone());
        self
    }

    fn expect(&mut self, change: &Change<'_>) {
        let (version, now, documents) = (self.sequence, self.now, &mut self.contents.documents);
        let mut set = |key: &str, json: String, expires_at| {
            documents.insert(key.to_owned(), Stored { json, version, expires_at });
        };
        match *change {
            Change::Set(key, json) => set(key, json.to_owned(), None),
            Change::SetFor(key, json, seconds) => set(key, json.to_owned(), Some(now + 1_000 * seconds)),
            Change::Delete(key) => drop(documents.remove(key)),
            Change::Expire(key, _) | Change::Persist(key) => {
                let ends =
                    if let Change::Expire(_, seconds) = change { Some(now + 1_000 * seconds) } else { None };
                let stored = documents.get_mut(key).expect("the key has a document");
                (stored.version, stored.expires_at) = (version, ends);
            }
        }
    }
}

impl Golden {
    /// The database itself.
    pub(crate) fn database(&mut self) -> &mut Vec<u8> {
        let name = format!("{}.db", self.name);
        self.files.get_mut(&name).expect("each has one")
    }

    /// Takes away what lies beside it.
    pub(crate) fn alone(mut self) -> Self {
        let name = format!("{}.db", self.name);
        self.files.retain(|file, _| *file == name);
        self.facts.believes_hint = false;
        self
    }
}

/// The answer, which is no error: nothing fails in memory.
pub(crate) fn done<T>(pending: Pending<T>) -> T {
    pending.wait().expect("nothing fails in memory")
}
