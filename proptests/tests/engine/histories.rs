//! Owns short random lives of a database, with all that a file can hold, and every version that each key had. Never
//! damages one.

use std::collections::BTreeMap;
use std::sync::Arc;

use ferrumdb_engine::fs::SimFs;
use ferrumdb_engine::{
    CompactionStep, Durability, EncryptionKey, FieldPath, History, Key, ManualClock, Options, Reader, Result,
    Timestamp, Transaction, Writer, open,
};
use ferrumdb_proptests::Random;

use crate::common::{PATH, ROOT, document};

/// A document with its version and its expiry.
pub(crate) type Version = (u64, Option<(String, Option<u64>)>);

/// A life, and what it has left.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) sim: SimFs,
    /// The versions of each key, oldest first, those included that the same commit replaced; nothing stands for a
    /// deletion.
    pub(crate) versions: BTreeMap<String, Vec<Version>>,
    pub(crate) index: bool,
    /// What it is encrypted with, if it is.
    pub(crate) key: Option<EncryptionKey>,
}

/// Opens the database without a cache, at a time at which nothing has expired.
pub(crate) fn open_quietly(sim: &SimFs, path: &str) -> Result<(Writer, Reader)> {
    open_sealed(sim, path, None)
}

/// The same with a key, if there is one.
pub(crate) fn open_sealed(sim: &SimFs, path: &str, key: Option<&EncryptionKey>) -> Result<(Writer, Reader)> {
    let mut options = Options::new(path);
    options.cache_bytes = 0;
    options.clock = Arc::new(ManualClock::new(Timestamp(1_000)));
    options.encryption = key.cloned();
    open(options, Arc::new(sim.clone()))
}

/// Compacts the database to the end.
pub(crate) fn compact(writer: &mut Writer, history: History) {
    let Some(mut compaction) = writer.begin_compaction(history).unwrap() else { return };
    loop {
        match compaction.step().unwrap() {
            CompactionStep::Working { .. } => {}
            CompactionStep::Pointless { .. } => return,
            CompactionStep::Ready => break,
        }
    }
    let (mut relocation, _) = writer.install_compaction(compaction).unwrap();
    while relocation.step() {}
    writer.finish_relocation(&relocation);
}

impl Life {
    /// A life of some commits, closed at its end.
    pub(crate) fn random(random: &mut Random, commits: u64) -> Self {
        Self::sealed(random, commits, None)
    }

    /// The same with a key, if there is one.
    pub(crate) fn sealed(random: &mut Random, commits: u64, key: Option<EncryptionKey>) -> Self {
        let mut life = Self { sim: SimFs::new(1), versions: BTreeMap::new(), index: false, key };
        let (mut writer, mut reader) = life.open(PATH).unwrap();
        for _ in 0..commits {
            match random.below(14) {
                0 => {
                    let history = [History::None, History::Versions(2)][random.below(2) as usize];
                    compact(&mut writer, history);
                }
                1 if !life.index => {
                    let mut build = writer.begin_index(ROOT, FieldPath::parse("n").unwrap()).unwrap();
                    build.run().unwrap();
                    let round = writer.index_round(&build);
                    writer.install_index(build, round, Durability::Appended).unwrap();
                    life.index = true;
                }
                2 => {
                    writer.close().unwrap();
                    (writer, reader) = life.open(PATH).unwrap();
                }
                3 => writer.append_sync_mark().unwrap(),
                _ => life.commit(&mut writer, random),
            }
        }
        drop(reader);
        writer.close().unwrap();
        life
    }

    /// Opens a file on its disk with its key.
    pub(crate) fn open(&self, path: &str) -> Result<(Writer, Reader)> {
        open_sealed(&self.sim, path, self.key.as_ref())
    }

    /// The newest version of a key.
    pub(crate) fn newest(&self, key: &str) -> &Version {
        self.versions[key].last().unwrap()
    }

    fn commit(&mut self, writer: &mut Writer, random: &mut Random) {
        let mut transaction = Transaction::new();
        let mut changes = Vec::new();
        for _ in 0..1 + random.below(4) {
            let key = format!("k{}", random.below(12));
            if random.once_in(4) {
                transaction.delete(ROOT, Key::from(key.as_str()));
                changes.push((key, None));
            } else {
                let text = "x".repeat(random.below(60) as usize);
                let json = format!("{{\"n\":{},\"t\":\"{text}\"}}", random.below(5));
                let at = random.once_in(4).then(|| 1_000_000 + random.below(1_000));
                transaction.set(ROOT, Key::from(key.as_str()), document(&json), at.map(Timestamp));
                changes.push((key, Some((json, at))));
            }
        }
        let durability = if random.once_in(2) { Durability::Synced } else { Durability::Appended };
        let committed = writer.commit(&[transaction], durability).unwrap().remove(0).unwrap();
        for (key, change) in changes {
            let last = self.versions.get(&key).and_then(|versions| versions.last());
            if change.is_some() || last.is_some_and(|(_, before)| before.is_some()) {
                self.versions.entry(key).or_default().push((committed.sequence.0, change));
            }
        }
    }
}

/// What the database holds under a key.
pub(crate) fn held(reader: &Reader, key: &str) -> Option<(u64, String, Option<u64>)> {
    let document = reader.get(ROOT, key).unwrap()?;
    let expiry = reader.expiry(ROOT, key).unwrap().map(|at| at.0);
    Some((document.version().0, document.as_str().to_owned(), expiry))
}
