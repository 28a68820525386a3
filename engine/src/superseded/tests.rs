//! Tests of what is remembered for pins: exactly what they need, and dropped in small steps. Never count time.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::fs::MemoryFs;
use crate::key::{CollectionId, Key, Sequence, Timestamp};
use crate::snapshot::Snapshot;
use crate::transaction::Transaction;
use crate::{Durability, EncodedDocument, Options, Reader, Untidy, Writer, open};

const ROOT: CollectionId = CollectionId::ROOT;
/// The second does not lie within the map.
const KEYS: [&str; 3] = ["a", "a key of more than twenty-three bytes", ""];
const LATER: Timestamp = Timestamp(u64::MAX);

type State = BTreeMap<&'static str, u64>;

struct Database {
    writer: Writer,
    reader: Reader,
    state: State,
    /// The versions of each key, by the commits that began and ended them.
    past: BTreeMap<&'static str, Vec<(Sequence, Sequence)>>,
    current: BTreeMap<&'static str, Sequence>,
    snapshots: Vec<(Snapshot, State)>,
}

impl Database {
    fn new() -> Self {
        let (writer, reader) = open(Options::new("pinned.db"), Arc::new(MemoryFs::new())).unwrap();
        let (state, past) = (State::new(), BTreeMap::new());
        Self { writer, reader, state, past, current: BTreeMap::new(), snapshots: Vec::new() }
    }

    /// Commits one group: each transaction gives keys these numbers, or deletes them.
    fn commit(&mut self, group: &[Vec<(&'static str, Option<u64>, bool)>]) {
        let mut transactions = Vec::new();
        let mut sequence = self.writer.sequence();
        for changes in group {
            let mut transaction = Transaction::new();
            let mut is_effective = false;
            for &(key, number, expires) in changes {
                let is_there = self.state.contains_key(key);
                match number {
                    Some(number) => {
                        set(&mut transaction, key, number, expires.then_some(LATER));
                        self.state.insert(key, number);
                    }
                    None => {
                        transaction.delete(ROOT, Key::from(key));
                        self.state.remove(key);
                    }
                }
                if number.is_some() || is_there {
                    is_effective = true;
                    let ended = match number {
                        Some(_) => self.current.insert(key, sequence.next()),
                        None => self.current.remove(key),
                    };
                    let version = ended.map(|since| (since, sequence.next()));
                    self.past.entry(key).or_default().extend(version);
                }
            }
            if is_effective {
                sequence = sequence.next();
            }
            transactions.push(transaction);
        }
        self.writer.commit(&transactions, Durability::Appended).unwrap();
        assert_eq!(self.writer.sequence(), sequence);
    }

    fn take(&mut self) {
        self.snapshots.push((self.reader.snapshot(), self.state.clone()));
    }

    fn remembered(&self) -> u64 {
        self.reader.stats().unwrap().undo_versions
    }

    /// Compares what is remembered with what the snapshots need, and the snapshots with the states that they show.
    fn check(&self) {
        let is_needed = |(since, until): &(Sequence, Sequence)| {
            self.snapshots.iter().any(|(snapshot, _)| (*since..*until).contains(&snapshot.sequence()))
        };
        let mut needed = 0;
        for key in KEYS {
            let versions =
                self.past.get(key).into_iter().flatten().filter(|version| is_needed(version)).count();
            needed += versions as u64;
            let entry = self.writer.shared().keydir.find(&self.writer.shared().keydir.hash(ROOT, key));
            let tombstone = entry.is_some_and(|entry| entry.is_tombstone());
            let is_gone = !self.state.contains_key(key);
            assert_eq!(tombstone, is_gone && versions > 0, "{key:?} with {versions} old versions");
        }
        assert_eq!(self.remembered(), needed);
        assert_eq!(self.reader.stats().unwrap().undo_bytes > 0, needed > 0);
        for (snapshot, state) in &self.snapshots {
            for key in KEYS {
                let found = snapshot.get(ROOT, key).unwrap().map(|found| found.value().as_u64().unwrap());
                assert_eq!(found, state.get(key).copied(), "{key:?} at {}", snapshot.sequence());
            }
        }
    }
}

fn set(transaction: &mut Transaction, key: &str, number: u64, expires_at: Option<Timestamp>) {
    let document = EncodedDocument::from_json(number.to_string().as_bytes(), &crate::Limits::default());
    transaction.set(ROOT, Key::from(key), document.unwrap(), expires_at);
}

#[test]
fn exactly_what_the_snapshots_need_is_remembered() {
    for seed in 0..8 {
        let (mut random, mut database) = (SmallRng::seed_from_u64(seed), Database::new());
        for number in 0..300 {
            match random.random_range(0..10) {
                0 | 1 if database.snapshots.len() < 6 => database.take(),
                2 if !database.snapshots.is_empty() => {
                    let index = random.random_range(0..database.snapshots.len());
                    drop(database.snapshots.swap_remove(index));
                }
                _ => {
                    let mut change = || {
                        let key = KEYS[random.random_range(0..KEYS.len())];
                        (key, random.random_bool(0.7).then_some(number), random.random_bool(0.3))
                    };
                    let mut transaction = || (0..=number % 3).map(|_| change()).collect();
                    let group: Vec<Vec<_>> = (0..=number % 2).map(|_| transaction()).collect();
                    database.commit(&group);
                }
            }
            while database.writer.tidy() == Untidy::More {}
            database.check();
        }
        database.snapshots.clear();
        while database.writer.tidy() == Untidy::More {}
        assert_eq!(database.writer.tidy(), Untidy::Nothing);
        database.check();
    }
}

#[test]
fn a_key_that_is_overwritten_ten_thousand_times_keeps_one_old_version() {
    let mut database = Database::new();
    database.commit(&[KEYS.iter().map(|key| (*key, Some(0), true)).collect()]);
    database.take();
    for number in 1..10_000 {
        let group = KEYS.map(|key| vec![(key, (number % 7 > 0).then_some(number), number % 5 == 0)]);
        database.commit(&group);
        database.writer.tidy();
        assert_eq!(database.remembered(), 3, "after {number} commits beside one snapshot");
    }
    database.take();
    database.commit(&[vec![("a", Some(1), false)]]);
    database.commit(&[vec![("a", Some(2), false)]]);
    database.writer.tidy();
    assert_eq!(database.remembered(), 4, "and one for each snapshot more");
    database.check();
}

#[test]
fn what_a_commit_supersedes_is_let_go_of_without_any_tidying() {
    let mut database = Database::new();
    for number in 0..1_000 {
        database.commit(&KEYS.map(|key| vec![(key, Some(number), false)]));
        let undo = &database.writer.shared().undo;
        let kept = KEYS.iter().filter(|key| undo.at(ROOT, &Key::from(**key), Sequence(1)).is_some()).count();
        assert!(number < 100 || kept == 0, "the versions of the first commit are kept for nobody");
    }
}

#[test]
fn with_no_pin_open_nothing_is_remembered() {
    let mut database = Database::new();
    for number in 0..20 {
        let changes =
            (0..1_000).map(|index| (KEYS[index % 3], (index % 5 > 0).then_some(number), index % 2 == 0));
        database.commit(&[changes.collect()]);
        assert_eq!(database.writer.tidy(), Untidy::Nothing);
        database.check();
    }
}

/// How many keys have changed beside the snapshot that is dropped.
const CHANGED: u64 = 10_000;
/// What a commit, or a step of tidying, may drop beyond what it adds.
const STEP_MAX: u64 = 256;

fn set_all(writer: &mut Writer, number: u64) {
    let mut transaction = Transaction::new();
    (0..CHANGED).for_each(|key| set(&mut transaction, &format!("key:{key}"), number, None));
    writer.commit(&[transaction], Durability::Appended).unwrap();
}

#[test]
fn what_a_dropped_snapshot_held_back_holds_up_no_commit() {
    let Database { mut writer, reader, .. } = Database::new();
    set_all(&mut writer, 0);
    let (first, second) = (reader.snapshot(), reader.snapshot());
    set_all(&mut writer, 1);
    let remembered = || reader.stats().unwrap().undo_versions;
    assert_eq!(remembered(), CHANGED);
    drop(first);
    assert_eq!(writer.tidy(), Untidy::Pinned, "another stands there");
    assert_eq!(remembered(), CHANGED);
    drop(second);
    let (mut left, mut commits) = (CHANGED, 0);
    while left > CHANGED / 2 {
        let mut transaction = Transaction::new();
        set(&mut transaction, &format!("key:{commits}"), 2, None);
        writer.commit(&[transaction], Durability::Appended).unwrap();
        let dropped = left - remembered();
        assert!((1..=STEP_MAX).contains(&dropped), "a commit dropped {dropped} versions");
        (left, commits) = (left - dropped, commits + 1);
    }
    let mut steps = 0;
    while writer.tidy() == Untidy::More {
        let dropped = left - remembered();
        assert!((1..=STEP_MAX).contains(&dropped), "a step dropped {dropped} versions");
        (left, steps) = (left - dropped, steps + 1);
    }
    assert!(steps > 10 && commits > 10, "{steps} steps and {commits} commits");
    assert_eq!((remembered(), writer.tidy()), (0, Untidy::Nothing));
}

#[test]
fn the_times_of_old_versions_stay_as_long_as_they_do() {
    let mut database = Database::new();
    database.commit(&[vec![("a", Some(0), true)]]);
    let shared = Arc::clone(database.writer.shared());
    let entry = shared.keydir.find(&shared.keydir.hash(ROOT, "a")).unwrap();
    database.take();
    database.commit(&[vec![("a", Some(1), false)]]);
    database.commit(&[vec![("a", None, false)]]);
    database.writer.tidy();
    assert_eq!(shared.expiry_times.get(&entry), Some(LATER));
    database.check();
    database.snapshots.clear();
    database.commit(&[vec![("", Some(1), false)]]);
    database.writer.tidy();
    assert_eq!(shared.expiry_times.get(&entry), None);
    database.check();
}
