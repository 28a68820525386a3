//! Random lives of databases whose collections come and go: everybody who reads, however the database came back, sees what a
//! model of it says.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ferrumdb_engine::fs::{Fate, FileSystem, SimFs};
use ferrumdb_engine::{
    Durability, Error, Follower, History, Key, ManualClock, Options, Reader, Restore, Sequence, Snapshot,
    Timestamp, Transaction, Verification, Writer, follow, open,
};
use ferrumdb_proptests::Random;
use serde_json::json;

use super::{HINT, assert_sound, field, id, place, verified};
use crate::backups::{FULL, INCREMENT, RESTORED, full, since};
use crate::common::{PATH, ROOT, document};
use crate::compaction::{advance, relocate};

const NAMES: [&str; 5] =
    ["", "users", "orders", "\0", "größer als eine kurze Zeichenkette, die nirgends hineinpasst"];
const KEYS: [&str; 6] =
    ["", "a", "b", "\0", "\u{0}00000001a", "a key that is longer than what fits in a small string"];

/// The documents of a collection: the number in each, and when it expires.
type Documents = BTreeMap<String, (u64, Option<u64>)>;

/// What a database holds. The root has no name.
#[derive(Clone, Debug, Default, PartialEq)]
struct State {
    collections: BTreeMap<String, Documents>,
    indexed: BTreeSet<String>,
}

impl State {
    fn new() -> Self {
        Self { collections: [(String::new(), Documents::new())].into(), indexed: BTreeSet::new() }
    }

    fn live(&self, name: &str, now: u64) -> BTreeMap<&str, u64> {
        let documents = self.collections.get(name).into_iter().flatten();
        let live = documents.filter(|(_, (_, at))| at.is_none_or(|at| at > now));
        live.map(|(key, (number, _))| (key.as_str(), *number)).collect()
    }
}

fn assert_shows(snapshot: &Snapshot, state: &State, now: u64, what: &str) {
    let named: Vec<_> = snapshot
        .collections()
        .into_iter()
        .map(|info| (info.name.to_string(), info.documents, info.indexes))
        .collect();
    let expected = state.collections.keys().filter(|name| !name.is_empty());
    let expected: Vec<_> = expected
        .map(|name| {
            (name.clone(), state.live(name, now).len() as u64, u64::from(state.indexed.contains(name)))
        })
        .collect();
    assert_eq!(named, expected, "{what}");
    for name in NAMES {
        let (id, live) = (id(snapshot, name), state.live(name, now));
        assert_eq!(snapshot.count(id), live.len() as u64, "{what}: {name:?}");
        for key in KEYS {
            let found =
                snapshot.get(id, key).unwrap().map(|document| document.value()["n"].as_u64().unwrap());
            assert_eq!(found, live.get(key).copied(), "{what}: {key:?} of {name:?}");
        }
        // A different one in each collection and after each commit.
        let number = (snapshot.sequence().0 + u64::from(id.0)) % 4;
        let found = snapshot.find(id, &field(), &json!(number)).unwrap();
        let found: BTreeSet<_> = found.into_iter().map(String::from).collect();
        let expected = live.iter().filter(|(_, held)| **held == number).map(|(key, _)| (*key).to_owned());
        assert_eq!(found, expected.collect(), "{what}: {number} in {name:?}");
    }
}

fn assert_all_shown(reader: &Reader, state: &State, now: u64, what: &str) {
    assert_shows(&reader.snapshot(), state, now, what);
    for name in NAMES {
        let id = if name.is_empty() { ROOT } else { reader.collection(name).0 };
        let keys: BTreeSet<_> = reader.keys(id).map(String::from).collect();
        let expected: BTreeSet<_> = state.live(name, now).keys().map(|key| (*key).to_owned()).collect();
        assert_eq!(keys, expected, "{what}: the keys of {name:?}");
        assert_eq!(reader.count(id), expected.len() as u64);
    }
}

struct Life {
    random: Random,
    sim: SimFs,
    clock: ManualClock,
    halves: Option<(Writer, Reader)>,
    follower: Option<(Follower, Reader)>,
    snapshots: Vec<(Snapshot, State, u64)>,
    state: State,
    now: u64,
    backed_up: Option<(Sequence, u64)>,
}

impl Life {
    fn new(seed: u64) -> Self {
        let mut life = Self {
            random: Random::new(seed),
            sim: SimFs::new(seed),
            clock: ManualClock::new(Timestamp(1_000)),
            halves: None,
            follower: None,
            snapshots: Vec::new(),
            state: State::new(),
            now: 1_000,
            backed_up: None,
        };
        life.open();
        life
    }

    fn options(&self) -> Options {
        let mut options = Options::new(PATH);
        options.cache_bytes = 0;
        options.clock = Arc::new(self.clock.clone());
        options
    }

    fn open(&mut self) {
        self.halves = Some(open(self.options(), Arc::new(self.sim.process())).unwrap());
    }

    fn writer(&mut self) -> &mut Writer {
        &mut self.halves.as_mut().unwrap().0
    }

    fn reader(&self) -> &Reader {
        &self.halves.as_ref().unwrap().1
    }

    fn name(&mut self) -> &'static str {
        NAMES[self.random.below(NAMES.len() as u64) as usize]
    }

    /// One change of the next transaction, in it and in the state.
    fn change(&mut self, transaction: &mut Transaction) {
        let (name, key) = (self.name(), KEYS[self.random.below(KEYS.len() as u64) as usize]);
        let collection = place(transaction, name);
        let kind = self.random.below(10);
        let live = self.state.live(name, self.now).contains_key(key);
        let documents = self.state.collections.get_mut(name);
        match kind {
            0..6 => {
                let (number, expires) = (self.random.below(4), self.random.once_in(4));
                let at = expires.then(|| self.now + self.random.below(300));
                transaction.set(
                    collection,
                    Key::from(key),
                    document(&json!({"n": number}).to_string()),
                    at.map(Timestamp),
                );
                self.state
                    .collections
                    .entry(name.to_owned())
                    .or_default()
                    .insert(key.to_owned(), (number, at));
            }
            6 | 7 => {
                transaction.delete(collection, Key::from(key));
                documents.map(|documents| documents.remove(key));
            }
            8 => {
                transaction.expire(collection, Key::from(key), None);
                if let Some(documents) = documents.filter(|_| live) {
                    documents.get_mut(key).unwrap().1 = None;
                }
            }
            _ if name.is_empty() => {}
            _ => {
                transaction.drop_collection(collection);
                self.state.collections.remove(name);
                self.state.indexed.remove(name);
            }
        }
    }

    fn commit(&mut self) {
        // Conditions rest on the time of the commit, and so does what has expired.
        let mut group = Vec::new();
        for _ in 0..=self.random.below(3) {
            let mut transaction = Transaction::new();
            for _ in 0..=self.random.below(5) {
                self.change(&mut transaction);
            }
            group.push(transaction);
        }
        let outcomes = self.writer().commit(&group, Durability::Synced).unwrap();
        assert!(outcomes.iter().all(|outcome| outcome.is_ok()));
    }

    fn index(&mut self) {
        let name = self.name();
        if self.state.indexed.remove(name) {
            let id = if name.is_empty() { ROOT } else { self.writer().find_collection(name).unwrap() };
            self.writer().drop_index(id, &field(), Durability::Synced).unwrap();
            return;
        }
        let writer = self.writer();
        let id = if name.is_empty() {
            ROOT
        } else {
            writer.collection(&Key::from(name), Durability::Synced).unwrap()
        };
        let mut build = writer.begin_index(id, field()).unwrap();
        build.run().unwrap();
        let round = writer.index_round(&build);
        writer.install_index(build, round, Durability::Synced).unwrap();
        self.state.collections.entry(name.to_owned()).or_default();
        self.state.indexed.insert(name.to_owned());
    }

    fn compact(&mut self) {
        let history = [History::None, History::Versions(2), History::For(Duration::from_millis(100))];
        let history = history[self.random.below(3) as usize];
        let is_beside = self.random.once_in(2);
        let Some(mut compaction) = self.writer().begin_compaction(history).unwrap() else { return };
        if is_beside {
            self.commit();
        }
        if !advance(&mut compaction).unwrap() {
            return;
        }
        let (mut relocation, _) = self.writer().install_compaction(compaction).unwrap();
        for _ in 0..self.random.below(3) {
            let _ = (0..100).all(|_| relocation.step());
            self.commit();
            self.tidy();
        }
        relocate(self.writer(), relocation);
    }

    fn tidy(&mut self) {
        for _ in 0..self.random.below(2_000) {
            self.writer().tidy();
        }
    }

    fn reopen(&mut self) {
        let (mut writer, reader) = self.halves.take().unwrap();
        self.snapshots.clear();
        let sequence = writer.sequence();
        drop(reader);
        match self.random.below(4) {
            0 => writer.close().unwrap(),
            1 => {
                if let Some(hint) = writer.begin_hint() {
                    hint.run().unwrap();
                }
                drop(writer);
            }
            2 => {
                drop(writer);
                self.follower = None;
                self.sim.crash_with(|_| Fate::Dropped);
            }
            _ => {
                drop(writer);
                let _ = self.sim.remove(Path::new(HINT));
            }
        }
        if self.random.once_in(2) {
            let report = verified(Verification::of_file(Path::new(PATH), None, &self.sim).unwrap());
            assert!(report.is_sound(), "{:?}", report.findings);
        }
        self.open();
        assert!(self.writer().sequence() >= sequence);
        if self.random.once_in(3) {
            self.follower = None;
        }
    }

    /// The follower sees what the owner does.
    fn follow(&mut self) {
        self.writer().write_live();
        if self.follower.is_none() {
            self.follower = Some(follow(self.options(), Arc::new(self.sim.process())).unwrap());
        }
        let (follower, reader) = self.follower.as_mut().unwrap();
        follower.poll().unwrap();
        follower.poll().unwrap();
        assert_eq!(follower.sequence(), self.halves.as_ref().unwrap().0.sequence());
        assert_all_shown(reader, &self.state, self.now, "followed");
    }

    fn back_up(&mut self) {
        let sim = self.sim.clone();
        if let Some((sequence, number)) = self.backed_up {
            let increment = format!("{INCREMENT}{number}");
            match since(self.writer().backup_source(), sequence.0, &increment, &sim) {
                Ok(_) => {
                    let restored = format!("{RESTORED}{number}");
                    let from = Restore::new(format!("{FULL}{number}")).increment(&increment);
                    let file_system: Arc<dyn FileSystem> = Arc::new(sim.clone());
                    from.to(Path::new(&restored), &self.clock, &file_system, |_| true).unwrap();
                    let mut options = self.options();
                    options.path = restored.into();
                    let (_writer, reader) = open(options, Arc::new(sim.process())).unwrap();
                    assert_all_shown(&reader, &self.state, self.now, "restored");
                    assert_sound(&reader, "restored");
                }
                Err(error) => assert!(matches!(error, Error::HistoryDropped { .. }), "{error}"),
            }
            self.backed_up = None;
            return;
        }
        let number = self.random.below(1 << 32);
        let source = self.writer().backup_source();
        let backed_up = full(source, &format!("{FULL}{number}"), &sim, History::None).unwrap();
        self.backed_up = Some((backed_up.sequence, number));
    }

    fn step(&mut self) {
        match self.random.below(20) {
            0..9 => self.commit(),
            9 => self.index(),
            10 | 11 => self.compact(),
            12 | 13 => self.reopen(),
            14 => self.follow(),
            15 => self.back_up(),
            16 => {
                self.now += self.random.below(200);
                self.clock.set(Timestamp(self.now));
            }
            17 => {
                self.writer().purge_expired(4, Durability::Synced).unwrap();
            }
            18 => self.tidy(),
            _ if self.snapshots.len() < 3 => {
                let taken = (self.reader().snapshot(), self.state.clone(), self.now);
                self.snapshots.push(taken);
            }
            _ => drop(self.snapshots.remove(0)),
        }
    }
}

#[test]
fn whatever_is_done_to_collections_everybody_sees_the_same() {
    for seed in 0..15 {
        let mut life = Life::new(seed);
        for step in 0..60 {
            life.step();
            let what = format!("seed {seed}, step {step}");
            assert_all_shown(life.reader(), &life.state, life.now, &what);
            for (snapshot, state, now) in &life.snapshots {
                assert_shows(snapshot, state, *now, &format!("{what}, a snapshot"));
            }
            if step % 7 == 0 {
                assert_sound(life.reader(), &what);
            }
        }
        life.reopen();
        assert_all_shown(life.reader(), &life.state, life.now, &format!("seed {seed}, at the end"));
        assert_sound(life.reader(), "at the end");
    }
}
