//! Random histories of documents that expire, conditions, indexes, hints and compactions, with power cuts at random calls: after
//! each step the database is what a model of it says, and an index finds what a look at every document would.

mod checks;
mod slow_work;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use ferrumdb_engine::fs::{Effect, Fault, FileSystem, SimFs, SimOperation};
use ferrumdb_engine::{
    CollectionId, Compaction, Condition, Durability, EncryptionKey, Error, FieldPath, HintTask, IndexBuild,
    Key, ManualClock, Options, Outcome, Reader, Relocation, Sequence, Snapshot, Timestamp, Transaction,
    Writer, open,
};
use ferrumdb_proptests::Random;
use serde_json::Value;

use crate::common::{PATH, ROOT, document};

const HINT: &str = "/my.db.hint";
const OTHER: CollectionId = CollectionId(7);
const KEYS: [(CollectionId, &str); 7] =
    [(ROOT, ""), (ROOT, "a"), (ROOT, "b"), (ROOT, "c"), (ROOT, "d"), (OTHER, "a"), (OTHER, "b")];
/// So many are held at once.
const SNAPSHOTS: usize = 3;
const INDEXES: [(CollectionId, &str); 3] = [(ROOT, "n"), (ROOT, "m"), (OTHER, "n")];
const DOCUMENTS: [&str; 9] = [
    r#"{"n":1}"#,
    r#"{"n":2,"m":1}"#,
    r#"{"n":[1,2,1]}"#,
    r#"{"n":"x","m":2}"#,
    r#"{"n":null,"m":[2,"x"]}"#,
    r#"{"m":true}"#,
    "7",
    r#"{"n":{"n":1},"m":1.0}"#,
    r#"{"n":3,"m":[1,3]}"#,
];

/// A database as it is after one commit.
#[derive(Clone, Debug, Default)]
struct State {
    documents: BTreeMap<(CollectionId, &'static str), Stored>,
    indexes: BTreeSet<(CollectionId, &'static str)>,
}

#[derive(Clone, Copy, Debug)]
struct Stored {
    text: &'static str,
    version: Sequence,
    expires_at: Option<Timestamp>,
}

/// One transaction, and what the model says becomes of it.
struct Planned {
    transaction: Transaction,
    /// The number of its commit and how many of its operations take effect, or the version that is found instead.
    outcome: Result<(Sequence, u64), Option<Sequence>>,
    commits: Option<State>,
}

#[derive(Debug, Default)]
struct Seen {
    power_cuts: u64,
    openings_with_hint: u64,
    openings_with_index: u64,
    refusals: u64,
    purged: u64,
    compacted: u64,
}

struct History {
    sim: SimFs,
    clock: ManualClock,
    now: Timestamp,
    /// Every other database is encrypted.
    key: Option<EncryptionKey>,
    random: Random,
    opened: Option<(Writer, Reader)>,
    build: Option<((CollectionId, &'static str), IndexBuild, bool)>,
    hint: Option<HintTask>,
    compaction: Option<Compaction>,
    relocation: Option<Relocation>,
    snapshots: Vec<(Arc<Snapshot>, State, Timestamp)>,
    /// The state after each commit; then those that were answered with a doubt.
    states: Vec<State>,
    doubtful: Vec<State>,
    durable: usize,
    power_was_cut: bool,
    is_faulty: bool,
    at: String,
    seen: Seen,
}

#[test]
fn any_history_leaves_what_the_second_model_promises() {
    let mut seen = Seen::default();
    for seed in 0..400 {
        let mut history = History::new(seed);
        for step in 0..60 {
            history.step(seed, step);
        }
        history.forget();
        history.at = format!("seed {seed}, the last opening");
        history.open();
        history.check();
        let Seen { power_cuts, openings_with_hint, openings_with_index, refusals, purged, compacted } =
            history.seen;
        seen.compacted += compacted;
        seen.power_cuts += power_cuts;
        seen.openings_with_hint += openings_with_hint;
        seen.openings_with_index += openings_with_index;
        seen.refusals += refusals;
        seen.purged += purged;
    }
    let Seen { power_cuts, openings_with_hint, openings_with_index, refusals, purged, compacted } = seen;
    let least = [power_cuts, openings_with_hint, openings_with_index, refusals, purged, compacted];
    let least = least.into_iter().min();
    assert!(least > Some(100), "too little was tried to say anything: {seen:?}");
}

impl History {
    fn new(seed: u64) -> Self {
        let now = Timestamp(1_000);
        Self {
            sim: SimFs::new(seed),
            clock: ManualClock::new(now),
            now,
            key: (seed % 2 == 1).then(|| EncryptionKey::from_bytes([7; 32])),
            random: Random::new(seed),
            opened: None,
            build: None,
            hint: None,
            compaction: None,
            relocation: None,
            snapshots: Vec::new(),
            states: vec![State::default()],
            doubtful: Vec::new(),
            durable: 0,
            power_was_cut: false,
            is_faulty: false,
            at: String::new(),
            seen: Seen::default(),
        }
    }

    fn step(&mut self, seed: u64, step: u32) {
        if self.opened.is_none() && self.random.once_in(3) {
            self.change_hint();
        }
        self.is_faulty = self.random.once_in(10);
        if self.is_faulty {
            let operation = if self.random.once_in(3) { SimOperation::Sync } else { SimOperation::Any };
            let nth = 1 + self.random.below(if operation == SimOperation::Any { 14 } else { 3 });
            self.sim.inject(Fault::new(operation, Effect::Crash).nth(nth));
        }
        let choice = self.random.below(52);
        self.at = format!("seed {seed}, step {step}, choice {choice}");
        if self.opened.is_none() {
            self.open();
        } else {
            self.change(choice);
        }
        self.sim.clear_faults();
        if self.is_faulty && self.sim.canonical(Path::new(PATH)).is_err() {
            self.cut_power();
        }
        self.check();
    }

    fn change(&mut self, choice: u64) {
        match choice {
            0..=15 => self.commit(),
            16..=18 => {
                self.now.0 += self.random.below(120);
                self.clock.set(self.now);
            }
            19..=20 => self.purge(),
            21..=22 => self.begin_index(),
            23..=25 => self.go_on_with_index(),
            26 => self.drop_index(),
            27..=28 => self.hint = self.writer().begin_hint(),
            29..=31 => self.run_hint(),
            32 => {
                let result = self.writer().sync();
                self.settle(result, None, true);
            }
            33 => self.mark(),
            34 => self.take_snapshot(),
            35 => self.close(),
            36 => self.forget(),
            37 => {
                self.sim.kill_process();
                self.forget();
                self.hint = None;
            }
            38 => self.change_hint(),
            39..=40 => self.begin_compaction(),
            41..=46 => self.go_on_with_compaction(),
            47..=50 => self.relocate(),
            _ => self.cut_power(),
        }
    }

    fn open(&mut self) {
        let without = self.sim.fork(1);
        without.clear_faults();
        let _ = without.remove(Path::new(HINT));
        let opened = match self.open_on(&self.sim) {
            Ok(opened) => opened,
            Err(Error::Io { .. }) if self.is_faulty => return,
            Err(error) => panic!("{}: {error}", self.at),
        };
        let survived = opened.1.sequence().0 as usize;
        let least = if self.power_was_cut { self.durable } else { self.states.len() - 1 };
        self.states.append(&mut self.doubtful);
        assert!((least..self.states.len()).contains(&survived), "{}: {survived}, not {least}", self.at);
        self.states.truncate(survived + 1);
        (self.durable, self.power_was_cut) = (survived, false);
        self.seen.openings_with_hint +=
            u64::from(opened.1.stats().is_ok_and(|stats| stats.recovery.hint.is_some()));
        self.seen.openings_with_index += u64::from(!self.state().indexes.is_empty());
        self.opened = Some(opened);
        let (writer, reader) = self.open_on(&without).unwrap_or_else(|error| panic!("{}: {error}", self.at));
        assert_eq!(reader.stats().unwrap().recovery.hint, None);
        self.check_database(&writer, &reader);
    }

    fn open_on(&self, sim: &SimFs) -> Result<(Writer, Reader), Error> {
        let mut options = Options::new(PATH);
        options.clock = Arc::new(self.clock.clone());
        options.cache_bytes = 0;
        options.encryption = self.key.clone();
        open(options, Arc::new(sim.process()))
    }

    fn commit(&mut self) {
        let (mut state, mut sequence) = (self.state().clone(), self.states.len() as u64 - 1);
        let mut group: Vec<Planned> = Vec::new();
        for _ in 0..=self.random.below(2) {
            let planned = self.plan(&state, sequence);
            if let Some(next) = &planned.commits {
                (state, sequence) = (next.clone(), sequence + 1);
            }
            group.push(planned);
        }
        let mut transactions: Vec<_> = group.iter().map(|planned| planned.transaction.clone()).collect();
        if self.random.once_in(2) {
            transactions.iter_mut().for_each(|transaction| self.reader().prepare(transaction, true));
        }
        let (durability, synced) = self.durability();
        let result = self.writer().commit(&transactions, durability);
        let commits = group.iter().filter_map(|planned| planned.commits.clone());
        let Some(outcomes) = self.settle(result, commits, synced) else { return };
        let told = |outcome: Outcome| match outcome {
            Ok(committed) => Ok((committed.sequence, committed.effective)),
            Err(refused) => Err(refused.found()),
        };
        let told: Vec<_> = outcomes.into_iter().map(told).collect();
        let expected: Vec<_> = group.into_iter().map(|planned| planned.outcome).collect();
        assert_eq!(told, expected, "{}", self.at);
        self.seen.refusals += told.iter().filter(|outcome| outcome.is_err()).count() as u64;
    }

    /// A transaction on this state, which the commit numbered `sequence` has left.
    fn plan(&mut self, state: &State, sequence: u64) -> Planned {
        let (mut next, mut transaction) = (state.clone(), Transaction::new());
        let (mut effective, mut is_commit, mut refused) = (0, false, None);
        if self.random.once_in(3) {
            let at = KEYS[self.random.below(7) as usize];
            let found = state.live(at, self.now).map(|stored| stored.version);
            let (condition, holds) = match self.random.below(4) {
                0 => (Condition::Absent, found.is_none()),
                1 => (Condition::Exists, found.is_some()),
                2 => (Condition::Version(found.unwrap_or(Sequence(1))), found.is_some()),
                _ => (Condition::Version(Sequence(sequence + 1)), false),
            };
            transaction.require(at.0, Key::from(at.1), condition);
            refused = (!holds).then_some(found);
        }
        for _ in 0..=self.random.below(3) {
            let at = KEYS[self.random.below(7) as usize];
            let (key, is_live) = (Key::from(at.1), next.live(at, self.now).is_some());
            let later = Timestamp(self.now.0 + self.random.below(200));
            let expires_at = self.random.once_in(2).then_some(later);
            let version = Sequence(sequence + 1);
            let is_effective = match self.random.below(6) {
                0..=2 => {
                    let text = DOCUMENTS[self.random.below(9) as usize];
                    transaction.set(at.0, key, document(text), expires_at);
                    next.documents.insert(at, Stored { text, version, expires_at });
                    true
                }
                3 => {
                    transaction.expire(at.0, key, expires_at);
                    let stored = next.documents.get_mut(&at).filter(|_| is_live);
                    stored.map(|stored| (stored.version, stored.expires_at) = (version, expires_at)).is_some()
                }
                _ => {
                    transaction.delete(at.0, key);
                    // The deletion of what has expired purges it: a commit, though it changes nothing to see.
                    is_commit |= next.documents.remove(&at).is_some();
                    is_live
                }
            };
            is_commit |= is_effective;
            effective += u64::from(is_effective);
        }
        is_commit &= refused.is_none();
        let outcome = refused.map_or(Ok((Sequence(sequence + u64::from(is_commit)), effective)), Err);
        Planned { transaction, outcome, commits: is_commit.then_some(next) }
    }

    fn purge(&mut self) {
        let mut next = self.state().clone();
        let expired = next.documents.iter().filter(|(_, stored)| stored.has_expired(self.now));
        let mut expired: Vec<_> = expired.map(|(at, stored)| (stored.expires_at, *at)).collect();
        expired.sort_unstable();
        expired.truncate(2);
        next.documents.retain(|at, _| !expired.iter().any(|(_, expired)| expired == at));
        let (durability, synced) = self.durability();
        let result = self.writer().purge_expired(2, durability);
        let is_commit = !expired.is_empty();
        // Where nothing has expired, nothing is synced.
        if let Some(count) = self.settle(result, is_commit.then_some(next), synced && is_commit) {
            assert_eq!(count, expired.len() as u64, "{}", self.at);
            self.seen.purged += count;
        }
    }

    fn mark(&mut self) {
        let result = self.writer().append_sync_mark();
        let grown = result.is_err() || self.reader().sequence().0 as usize == self.states.len();
        let state = self.state().clone();
        self.settle(result, grown.then_some(state), false);
    }

    fn close(&mut self) {
        (self.build, self.compaction, self.relocation) = (None, None, None);
        self.snapshots.clear();
        let (writer, _) = self.opened.take().unwrap();
        let state = self.state().clone();
        match writer.close() {
            Err(Error::Io { .. }) if self.is_faulty => self.doubtful.push(state),
            result => drop(self.settle(result, Some(state), true)),
        }
    }

    fn cut_power(&mut self) {
        self.forget();
        self.hint = None;
        self.sim.crash();
        self.power_was_cut = true;
        self.seen.power_cuts += 1;
    }

    /// Drops all that was opened, but a hint that may still be written.
    fn forget(&mut self) {
        (self.opened, self.build) = (None, None);
        self.snapshots.clear();
        (self.compaction, self.relocation) = (None, None);
    }

    /// Takes note of commits by their answer.
    fn settle<T>(
        &mut self,
        result: Result<T, Error>,
        commits: impl IntoIterator<Item = State>,
        synced: bool,
    ) -> Option<T> {
        match result {
            Ok(value) => {
                self.states.extend(commits);
                if synced {
                    self.durable = self.states.len() - 1;
                }
                Some(value)
            }
            Err(Error::Io { .. }) if self.is_faulty => None,
            Err(Error::InDoubt { .. }) if self.is_faulty => {
                self.doubtful.extend(commits);
                None
            }
            Err(error) => panic!("{}: {error}", self.at),
        }
    }

    fn take_snapshot(&mut self) {
        if self.snapshots.len() == SNAPSHOTS {
            self.snapshots.swap_remove(self.random.below(SNAPSHOTS as u64) as usize);
        }
        let snapshot = Arc::new(self.reader().snapshot());
        self.snapshots.push((snapshot, self.state().clone(), self.now));
    }

    fn state(&self) -> &State {
        self.states.last().unwrap()
    }

    fn writer(&mut self) -> &mut Writer {
        &mut self.opened.as_mut().unwrap().0
    }

    fn reader(&self) -> &Reader {
        &self.opened.as_ref().unwrap().1
    }

    fn durability(&mut self) -> (Durability, bool) {
        let synced = self.random.once_in(3);
        (if synced { Durability::Synced } else { Durability::Appended }, synced)
    }
}

impl State {
    fn live(&self, at: (CollectionId, &'static str), now: Timestamp) -> Option<&Stored> {
        self.documents.get(&at).filter(|stored| !stored.has_expired(now))
    }

    /// The keys of the live documents that `holds` of.
    fn matching(&self, wanted: CollectionId, now: Timestamp, holds: impl Fn(&str) -> bool) -> Vec<String> {
        let live = self.documents.iter().filter(|(_, stored)| !stored.has_expired(now));
        let matching = live.filter(|((collection, _), stored)| *collection == wanted && holds(stored.text));
        matching.map(|((_, key), _)| (*key).to_owned()).collect()
    }
}

impl Stored {
    fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}

/// What a document holds in a field: the field, and the items of it if it is an array. One that is missing is null.
fn values(text: &str, name: &str) -> Vec<Value> {
    let document: Value = serde_json::from_str(text).unwrap();
    let field = document.get(name).cloned().unwrap_or_default();
    let items = field.as_array().cloned().unwrap_or_default();
    std::iter::once(field).chain(items).collect()
}

fn equals(held: &Value, value: &Value) -> bool {
    held == value || held.as_f64().is_some_and(|number| Some(number) == value.as_f64())
}

fn path(name: &str) -> FieldPath {
    FieldPath::parse(name).unwrap()
}

fn sorted(keys: impl IntoIterator<Item = Key>) -> Vec<String> {
    let mut keys: Vec<_> = keys.into_iter().map(String::from).collect();
    keys.sort_unstable();
    keys
}
