//! Owns a database on a simulated disk, and beside it the model of what it must tell. Never asserts anything itself
//! but that the database commits what it was told to.

use std::sync::Arc;

use ferrumdb_engine::fs::SimFs;
use ferrumdb_engine::{
    CollectionId, Compaction, CompactionStep, Durability, EncodedDocument, EncryptionKey, FieldPath,
    Follower, History, Key, Limits, ManualClock, Options, Reader, Relocation, Timestamp, Transaction, Writer,
    follow, open,
};

use crate::model::{Id, Model, NAMES, Operation, Place, ROOT};

pub(crate) const PATH: &str = "/my.db";

pub(crate) struct World {
    pub(crate) sim: SimFs,
    pub(crate) clock: ManualClock,
    pub(crate) key: Option<EncryptionKey>,
    /// Nothing while the database is closed.
    pub(crate) open: Option<(Writer, Reader)>,
    pub(crate) model: Model,
    pub(crate) now: u64,
    pub(crate) compaction: Option<Compaction>,
    pub(crate) relocation: Option<Relocation>,
}

impl World {
    pub(crate) fn new(key: Option<EncryptionKey>) -> Self {
        let now = 1_000;
        let (sim, clock) = (SimFs::new(1), ManualClock::new(Timestamp(now)));
        let (model, compaction, relocation) = (Model::default(), None, None);
        let mut world = Self { sim, clock, key, open: None, model, now, compaction, relocation };
        world.open();
        world
    }

    pub(crate) fn options(&self) -> Options {
        let mut options = Options::new(PATH);
        options.cache_bytes = 0;
        options.clock = Arc::new(self.clock.clone());
        options.encryption = self.key.clone();
        options
    }

    pub(crate) fn open(&mut self) {
        (self.compaction, self.relocation, self.open) = (None, None, None);
        self.open = Some(open(self.options(), Arc::new(self.sim.clone())).unwrap());
    }

    /// Ends this opening, by a closing or as if the process had died, and opens again.
    pub(crate) fn reopen(&mut self, is_closed: bool) {
        (self.compaction, self.relocation) = (None, None);
        let (writer, _) = self.open.take().unwrap();
        match is_closed {
            true => writer.close().unwrap(),
            false => drop(writer),
        }
        self.open();
    }

    pub(crate) fn writer(&mut self) -> &mut Writer {
        &mut self.open.as_mut().unwrap().0
    }

    pub(crate) fn reader(&self) -> &Reader {
        &self.open.as_ref().unwrap().1
    }

    pub(crate) fn newest(&self) -> u64 {
        self.reader().sequence().0
    }

    /// Commits a group, here and in the model.
    pub(crate) fn commit(&mut self, group: &[Vec<Operation>], durability: Durability) {
        let transactions: Vec<_> = group.iter().map(|operations| transaction(operations)).collect();
        let mut sequence = self.newest();
        self.writer().commit(&transactions, durability).unwrap();
        for operations in group {
            sequence += u64::from(self.model.commit(operations, sequence + 1, self.now));
        }
        assert_eq!(self.newest(), sequence);
    }

    /// Sets and deletes `key=json` and `key` in the root collection, in one commit.
    pub(crate) fn change(&mut self, changes: &[&str]) {
        let operations = changes.iter().map(|change| match change.split_once('=') {
            Some((key, json)) => Operation::Set(root(key), json.to_owned(), None),
            None => Operation::Delete(root(change)),
        });
        self.commit(&[operations.collect()], Durability::Synced);
    }

    pub(crate) fn pass(&mut self, millis: u64) {
        self.now += millis;
        self.clock.set(Timestamp(self.now));
    }

    /// Purges all that has expired: how much of less than that was of dropped collections, no model knows.
    pub(crate) fn purge(&mut self) {
        let state = &self.model.state;
        let mut expired: Vec<_> = (state.documents.iter())
            .filter(|(_, held)| !held.is_there(self.now))
            .map(|(id, held)| (held.expires_at, state.number(id.0), id.clone()))
            .collect();
        expired.sort_unstable();
        let purge: Vec<_> = expired.into_iter().map(|(.., id)| Operation::Delete(id)).collect();
        let sequence = self.newest();
        let purged = self.writer().purge_expired(usize::MAX, Durability::Appended).unwrap();
        assert_eq!(purged, purge.len() as u64);
        self.model.commit(&purge, sequence + 1, self.now);
    }

    /// Creates an index of a collection, if that is there, or drops it.
    pub(crate) fn index(&mut self, place: Place, name: &str) {
        let (path, collection) = (FieldPath::parse(name).unwrap(), self.model.state.number(place));
        if collection == CollectionId::NONE {
            return;
        }
        let writer = self.writer();
        match writer.begin_index(collection, path.clone()) {
            Ok(mut build) => {
                build.run().unwrap();
                let round = writer.index_round(&build);
                writer.install_index(build, round, Durability::Appended).unwrap();
            }
            Err(_) => drop(writer.drop_index(collection, &path, Durability::Appended).unwrap()),
        }
    }

    /// Takes a compaction one step further, and begins one if none is under way.
    pub(crate) fn step_compaction(&mut self, history: History) {
        if let Some(relocation) = &mut self.relocation {
            for _ in 0..100 {
                if !relocation.step() {
                    let relocation = self.relocation.take().unwrap();
                    self.writer().finish_relocation(&relocation);
                    break;
                }
            }
            return;
        }
        let Some(mut compaction) = self.compaction.take() else {
            self.compaction = self.writer().begin_compaction(history).unwrap();
            return;
        };
        match compaction.step().unwrap() {
            CompactionStep::Working { .. } => self.compaction = Some(compaction),
            CompactionStep::Ready => {
                self.relocation = Some(self.writer().install_compaction(compaction).unwrap().0);
            }
            CompactionStep::Pointless { .. } => {}
        }
    }

    /// A whole compaction.
    pub(crate) fn compact(&mut self, history: History) {
        self.step_compaction(history);
        while self.compaction.is_some() || self.relocation.is_some() {
            self.step_compaction(history);
        }
    }

    pub(crate) fn follow(&self) -> (Follower, Reader) {
        follow(self.options(), Arc::new(self.sim.clone())).unwrap()
    }
}

pub(crate) fn root(key: &str) -> Id {
    (ROOT, key.to_owned())
}

fn transaction(operations: &[Operation]) -> Transaction {
    let mut transaction = Transaction::new();
    for operation in operations {
        let (place, key) = match operation {
            Operation::Set(id, ..) | Operation::Expire(id, _) | Operation::Delete(id) => (id.0, &*id.1),
            Operation::Drop(place) => (*place, ""),
        };
        let collection = match place {
            ROOT => CollectionId::ROOT.into(),
            _ => transaction.collection(&Key::from(NAMES[place])),
        };
        let key = Key::from(key);
        match operation {
            Operation::Set(_, json, at) => {
                let document = EncodedDocument::from_json(json.as_bytes(), &Limits::default()).unwrap();
                transaction.set(collection, key, document, at.map(Timestamp));
            }
            Operation::Expire(_, at) => transaction.expire(collection, key, at.map(Timestamp)),
            Operation::Delete(_) => transaction.delete(collection, key),
            Operation::Drop(_) => transaction.drop_collection(collection),
        }
    }
    transaction
}
