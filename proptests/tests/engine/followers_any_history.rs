//! Whatever an owner does, and whenever its followers look, each shows a state that was published: the newest, where a
//! live file tells, and never one from before.

use std::collections::BTreeMap;
use std::sync::Arc;

use ferrumdb_engine::fs::{Effect, Fault, SimFs, SimOperation};
use ferrumdb_engine::{
    Durability, EncodedDocument, EncryptionKey, FieldPath, Follower, Key, Limits, ManualClock, Options,
    Reader, Sequence, Snapshot, Timestamp, Transaction, Writer, follow, open,
};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use serde_json::json;

use crate::common::{PATH, ROOT};
use crate::followers::{compact, index};

const KEYS: u8 = 12;
const VALUES: u8 = 4;

/// A key, a value or none to delete it, and how many milliseconds it is to live.
type Change = (u8, Option<u8>, Option<u8>);
/// Transactions that are committed at once.
type Group = Vec<Vec<Change>>;

#[derive(Clone, Debug)]
enum Step {
    /// Commit a group, and sync it or not.
    Commit(Group, bool),
    /// The same, and its write fails after so many bytes.
    Fail(Group, usize),
    Tell,
    Poll(bool),
    Compact,
    Index(bool),
    Purge,
    Pass(u8),
    Hint,
    Reopen(bool),
    Follow(bool),
    Pin,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let change =
        (0..KEYS, proptest::option::weighted(0.7, 0..VALUES), proptest::option::weighted(0.2, 1..60_u8));
    let group = || proptest::collection::vec(proptest::collection::vec(change.clone(), 1..4), 1..4);
    let step = prop_oneof![
        12 => (group(), any::<bool>()).prop_map(|(group, synced)| Step::Commit(group, synced)),
        1 => (group(), 0..400_usize).prop_map(|(group, bytes)| Step::Fail(group, bytes)),
        6 => Just(Step::Tell),
        10 => any::<bool>().prop_map(Step::Poll),
        2 => Just(Step::Compact),
        2 => any::<bool>().prop_map(Step::Index),
        1 => Just(Step::Purge),
        2 => (1..40_u8).prop_map(Step::Pass),
        1 => Just(Step::Hint),
        2 => any::<bool>().prop_map(Step::Reopen),
        1 => any::<bool>().prop_map(Step::Follow),
        1 => Just(Step::Pin),
    ];
    proptest::collection::vec(step, 1..80)
}

/// Documents by key, with the time when each expires.
type State = BTreeMap<String, (String, Option<u64>)>;

struct World {
    sim: SimFs,
    clock: ManualClock,
    writer: Option<Writer>,
    /// What each commit has left, and which of them the owner has told.
    history: BTreeMap<u64, State>,
    told: u64,
    followers: Vec<(Follower, Reader)>,
    pinned: Vec<(Snapshot, State)>,
    key: Option<EncryptionKey>,
}

impl World {
    fn new(is_encrypted: bool) -> Self {
        let key = is_encrypted.then(|| EncryptionKey::from_bytes([7; 32]));
        let (sim, clock) = (SimFs::new(1), ManualClock::new(Timestamp(1_000)));
        let (writer, history) = (None, BTreeMap::from([(0, State::new())]));
        let mut world =
            Self { sim, clock, writer, history, told: 0, followers: Vec::new(), pinned: Vec::new(), key };
        world.reopen(true);
        world.follow(0);
        world
    }

    fn options(&self) -> Options {
        let mut options = Options::new(PATH);
        options.clock = Arc::new(self.clock.clone());
        options.cache_bytes = 1 << 12;
        options.encryption = self.key.clone();
        options
    }

    fn reopen(&mut self, clean: bool) {
        match self.writer.take() {
            Some(writer) if clean => writer.close().unwrap(),
            other => drop(other),
        }
        let (writer, _) = open(self.options(), Arc::new(self.sim.process())).unwrap();
        self.writer = Some(writer);
        self.note_quiet_commits();
    }

    fn follow(&mut self, number: usize) {
        let (follower, reader) = follow(self.options(), Arc::new(self.sim.process())).unwrap();
        assert!(reader.sequence().0 >= self.told, "what was told is there from the beginning");
        self.followers.truncate(number);
        self.followers.push((follower, reader));
    }

    fn writer(&mut self) -> &mut Writer {
        self.writer.as_mut().unwrap()
    }

    fn newest(&self) -> State {
        self.history.last_key_value().unwrap().1.clone()
    }

    /// Commits that change no document leave what was there before.
    fn note_quiet_commits(&mut self) {
        let (state, newest) = (self.newest(), self.writer().sequence().0);
        let known = *self.history.last_key_value().unwrap().0;
        (known + 1..=newest).for_each(|sequence| drop(self.history.insert(sequence, state.clone())));
    }

    fn commit(&mut self, group: &[Vec<Change>], synced: bool) {
        let now = self.now();
        let mut transactions = Vec::new();
        for changes in group {
            let mut transaction = Transaction::new();
            for (key, value, lives) in changes {
                let key = Key::from(format!("k{key}"));
                match value {
                    Some(value) => {
                        let document =
                            EncodedDocument::from_json(text(*value).as_bytes(), &Limits::default());
                        let at = lives.map(|lives| Timestamp(now + u64::from(lives)));
                        transaction.set(ROOT, key, document.unwrap(), at);
                    }
                    None => transaction.delete(ROOT, key),
                }
            }
            transactions.push(transaction);
        }
        let durability = if synced { Durability::Synced } else { Durability::Appended };
        let Ok(outcomes) = self.writer().commit(&transactions, durability) else {
            // It was taken back; if that failed too, nobody knows, until it is opened again.
            assert!(!self.writer().is_poisoned());
            return;
        };
        for (changes, outcome) in group.iter().zip(outcomes) {
            let mut state = self.newest();
            for (key, value, lives) in changes {
                let at = lives.map(|lives| now + u64::from(lives));
                match value {
                    Some(value) => drop(state.insert(format!("k{key}"), (text(*value), at))),
                    None => drop(state.remove(&format!("k{key}"))),
                }
            }
            self.history.insert(outcome.unwrap().sequence.0, state);
        }
    }

    fn now(&self) -> u64 {
        use ferrumdb_engine::Clock;
        self.clock.now().0
    }

    fn poll(&mut self) {
        for number in 0..self.followers.len() {
            let before = self.followers[number].1.sequence();
            loop {
                let polled = self.followers[number].0.poll().unwrap();
                if !polled.advanced {
                    break;
                }
            }
            let reader = &self.followers[number].1;
            assert!(reader.sequence() >= before && reader.sequence().0 >= self.told, "told: {}", self.told);
            self.check(reader);
        }
    }

    /// That a reader shows the state after its newest commit, by every kind of read.
    fn check(&self, reader: &Reader) {
        let Sequence(sequence) = reader.sequence();
        let state = self.history.get(&sequence).unwrap_or_else(|| panic!("there is no commit {sequence}"));
        let snapshot = reader.snapshot();
        assert_eq!(seen(&snapshot), alive(state, self.now()), "after commit {sequence}");
        assert_eq!(snapshot.count(ROOT), alive(state, self.now()).len() as u64);
        for value in 0..VALUES {
            let path = FieldPath::try_from("v").unwrap();
            let mut found = snapshot.find(ROOT, &path, &json!(value)).unwrap();
            found.sort();
            let wanted: Vec<_> = alive(state, self.now())
                .into_iter()
                .filter(|(_, json)| *json == text(value))
                .map(|(key, _)| Key::from(key))
                .collect();
            assert_eq!(found, wanted, "v = {value} after commit {sequence}");
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Commit(group, synced) => self.commit(group, *synced),
            Step::Fail(group, bytes) => {
                let effect = Effect::PartialThenError(*bytes, std::io::ErrorKind::Other);
                self.sim.inject(Fault::new(SimOperation::Write, effect).on(PATH));
                self.commit(group, false);
                self.sim.clear_faults();
            }
            Step::Tell => {
                self.writer().write_live();
                self.told = self.writer().sequence().0;
            }
            Step::Poll(told) => {
                if *told {
                    self.step(&Step::Tell);
                }
                self.poll();
            }
            Step::Compact => compact(self.writer()),
            Step::Index(true) if !self.has_index() => index(self.writer(), "v"),
            Step::Index(false) if self.has_index() => {
                let path = FieldPath::try_from("v").unwrap();
                self.writer().drop_index(ROOT, &path, Durability::Appended).unwrap();
            }
            Step::Index(_) => {}
            Step::Purge => {
                let now = self.now();
                let mut state = self.newest();
                state.retain(|_, (_, at)| at.is_none_or(|at| at > now));
                if self.writer().purge_expired(100, Durability::Appended).unwrap() > 0 {
                    let sequence = self.writer().sequence().0;
                    self.history.insert(sequence, state);
                }
            }
            Step::Pass(millis) => self.clock.set(Timestamp(self.now() + u64::from(*millis))),
            Step::Hint => {
                self.writer().sync().unwrap();
                if let Some(hint) = self.writer().begin_hint() {
                    hint.run().unwrap();
                }
            }
            Step::Reopen(clean) => self.reopen(*clean),
            Step::Follow(second) => self.follow(usize::from(*second).min(self.followers.len())),
            Step::Pin => {
                let snapshot = self.followers[0].1.snapshot();
                let state = seen(&snapshot);
                let state = state.into_iter().map(|(key, json)| (key, (json, None))).collect();
                self.pinned.push((snapshot, state));
            }
        }
        self.note_quiet_commits();
        for (snapshot, state) in &self.pinned {
            assert_eq!(seen(snapshot), alive(state, 0), "a snapshot changed");
        }
    }

    fn has_index(&mut self) -> bool {
        let path = FieldPath::try_from("v").unwrap();
        let begun = self.writer().begin_index(ROOT, path);
        begun.is_err()
    }
}

fn text(value: u8) -> String {
    format!("{{\"v\":{value}}}")
}

fn alive(state: &State, now: u64) -> BTreeMap<String, String> {
    let alive = state.iter().filter(|(_, (_, at))| at.is_none_or(|at| at > now));
    alive.map(|(key, (json, _))| (key.clone(), json.clone())).collect()
}

fn seen(snapshot: &Snapshot) -> BTreeMap<String, String> {
    let keys = (0..KEYS).map(|key| format!("k{key}"));
    keys.filter_map(|key| {
        let document = snapshot.get(ROOT, &key).unwrap()?;
        Some((key, document.as_str().to_owned()))
    })
    .collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_history_is_followed(steps in steps(), is_encrypted in proptest::bool::weighted(0.1)) {
        let mut world = World::new(is_encrypted);
        steps.iter().for_each(|step| world.step(step));
        world.step(&Step::Poll(true));
        let newest = world.writer().sequence();
        assert!(world.followers.iter().all(|(_, reader)| reader.sequence() == newest));
    }
}
