//! Transactions that read: whatever is interleaved, those that commit have read what they would have read alone, in the
//! order of their commits. Keys, counts, and searches with and without an index; expiry, groups, changes of indexes, and
//! collections that come and go.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use ferrumdb_engine::fs::MemoryFs;
use ferrumdb_engine::{
    Changed, CollectionId, CollectionRef, Durability, EncodedDocument, FieldPath, Key, KeyBounds,
    ManualClock, OpenTransaction, Options, Reader, Refused, Snapshot, Timestamp, Transaction, Writer, open,
};
use ferrumdb_proptests::serial::{Alone, Item, Place, State, Step};
use proptest::prelude::*;
use serde_json::json;

use crate::common::{PATH, ROOT, document};

/// Transactions that are open at one time.
const SLOTS: usize = 3;

/// The root, and the collections with these names.
const PLACES: usize = 3;
const NAMES: [&str; PLACES] = ["", "one", "two"];

/// What happens next.
#[derive(Clone, Debug)]
enum Op {
    /// A transaction does something in a collection; it begins with the first of its steps. It may say that it will read
    /// ranges.
    Do(usize, bool, Place, Kind),
    /// A transaction is done, and joins the group.
    Finish(usize),
    /// The group is committed.
    Commit,
    /// Time passes.
    Tick(u64),
    /// What has expired is purged.
    Purge,
    /// The index of a collection comes or goes.
    ToggleIndex(Place),
    /// A transaction that drops a collection joins the group; it may put a document under the same name.
    Drop(Place, Option<u8>),
}

#[derive(Clone, Debug)]
enum Kind {
    Get(u8),
    Contains(u8),
    Count,
    /// From a key to another, in reverse or not, no more than so many, with their documents or not.
    Range(u8, u8, bool, usize, bool),
    CountRange(u8, u8),
    /// From a value to another, in reverse or not, no more than so many.
    ByV(i64, i64, bool, usize),
    FindV(i64, i64),
    /// A number that was used so many writes ago.
    FindW(i64),
    /// The lifetime is nothing for ever.
    Set(u8, i64, Option<u64>),
    Expire(u8, Option<u64>),
    Delete(u8),
}

fn kind() -> impl Strategy<Value = Kind> {
    let key = || 0..5_u8;
    let lifetime = || prop::option::weighted(0.3, 0..12_u64);
    prop_oneof![
        4 => key().prop_map(Kind::Get),
        2 => key().prop_map(Kind::Contains),
        1 => Just(Kind::Count),
        4 => (key(), 0..6_u8, any::<bool>(), 0..4_usize, any::<bool>())
            .prop_map(|(from, to, reverse, limit, read)| Kind::Range(from, to, reverse, limit, read)),
        1 => (key(), 0..6_u8).prop_map(|(from, to)| Kind::CountRange(from, to)),
        3 => (0..4_i64, 0..4_i64, any::<bool>(), 0..4_usize)
            .prop_map(|(from, more, reverse, limit)| Kind::ByV(from, from + more, reverse, limit)),
        3 => (0..4_i64, 0..4_i64).prop_map(|(from, more)| Kind::FindV(from, from + more % 2)),
        1 => (0..6_i64).prop_map(Kind::FindW),
        6 => (key(), 0..4_i64, lifetime()).prop_map(|(key, v, lifetime)| Kind::Set(key, v, lifetime)),
        1 => (key(), lifetime()).prop_map(|(key, lifetime)| Kind::Expire(key, lifetime)),
        2 => key().prop_map(Kind::Delete),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    // Half of it in the root, so that transactions meet.
    let place = || prop_oneof![2 => Just(0), 1 => Just(1), 1 => Just(2)];
    prop_oneof![
        24 => (0..SLOTS, any::<bool>(), place(), kind())
            .prop_map(|(slot, ranges, place, kind)| Op::Do(slot, ranges, place, kind)),
        8 => (0..SLOTS).prop_map(Op::Finish),
        6 => Just(Op::Commit),
        2 => (1..8_u64).prop_map(Op::Tick),
        2 => Just(Op::Purge),
        2 => place().prop_map(Op::ToggleIndex),
        1 => (1..PLACES as Place, prop::option::of(0..5_u8)).prop_map(|(place, key)| Op::Drop(place, key)),
    ]
}

/// A transaction that is open.
struct Slot<'r> {
    open: OpenTransaction<'r>,
    steps: Vec<(Place, Step)>,
    /// The commit and the time that its reads are of, once it has read; and the collections that there were.
    stands_on: Option<StandsOn>,
    /// Whether it has said before its first read that it will read ranges.
    expected: bool,
}

/// One that is done.
struct Done {
    steps: Vec<(Place, Step)>,
    stands_on: Option<StandsOn>,
    expected: bool,
}

struct StandsOn {
    moment: (u64, u64),
    collections: [CollectionId; PLACES],
}

struct Run<'r> {
    writer: Writer,
    reader: &'r Reader,
    clock: ManualClock,
    now: u64,
    /// The state after each commit.
    states: BTreeMap<u64, State>,
    slots: [Option<Slot<'r>>; SLOTS],
    group: Vec<(Transaction, Done)>,
    written: i64,
    committed: usize,
    refused: usize,
}

impl<'r> Run<'r> {
    fn new(writer: Writer, reader: &'r Reader, clock: ManualClock) -> Self {
        let states = BTreeMap::from([(0, State::new())]);
        let (slots, group) = (Default::default(), Vec::new());
        let (now, written, committed, refused) = (1_000, 0, 0, 0);
        Self { writer, reader, clock, now, states, slots, group, written, committed, refused }
    }

    fn op(&mut self, op: &Op) {
        match op {
            Op::Do(slot, ranges, place, kind) => self.step(*slot, *ranges, *place, kind),
            Op::Finish(slot) => self.finish(*slot),
            Op::Commit => self.commit(),
            Op::Tick(more) => {
                self.now += more;
                self.clock.set(Timestamp(self.now));
            }
            Op::Purge => drop(self.writer.purge_expired(3, Durability::Appended).unwrap()),
            Op::ToggleIndex(place) => self.toggle_index(*place),
            Op::Drop(place, key) => self.drop(*place, *key),
        }
    }

    fn step(&mut self, slot: usize, expected: bool, place: Place, kind: &Kind) {
        let (reader, now) = (self.reader, self.now);
        let slot = self.slots[slot].get_or_insert_with(|| {
            let mut open = reader.begin();
            if expected {
                open.expect_ranges();
            }
            Slot { open, steps: Vec::new(), stands_on: None, expected }
        });
        let step = take_step(&mut slot.open, place, kind, &mut self.written, now);
        if !step.is_write() && slot.stands_on.is_none() {
            let snapshot = slot.open.snapshot();
            let collections = collections(snapshot);
            slot.stands_on = Some(StandsOn { moment: (snapshot.sequence().0, now), collections });
        }
        slot.steps.push((place, step));
    }

    fn finish(&mut self, slot: usize) {
        let Some(Slot { open, steps, stands_on, expected }) = self.slots[slot].take() else { return };
        // Whether it commits or not, it has seen one moment.
        let moment = stands_on.as_ref().map(|stands_on| stands_on.moment);
        let (sequence, now) = moment.unwrap_or((self.writer.sequence().0, self.now));
        let (_, state) = self.states.range(..=sequence).next_back().unwrap();
        Alone::new(state, now).run(&steps).unwrap_or_else(|error| panic!("at its moment: {error}"));
        let writes = steps.iter().any(|(_, step)| step.is_write());
        let transaction = open.finish();
        assert_eq!(
            transaction.is_some(),
            writes,
            "what only reads needs no commit, and nothing else does not"
        );
        self.group.extend(transaction.map(|transaction| (transaction, Done { steps, stands_on, expected })));
    }

    fn drop(&mut self, place: Place, key: Option<u8>) {
        let mut transaction = Transaction::new();
        let collection = transaction.collection(&Key::from(NAMES[place as usize]));
        transaction.drop_collection(collection);
        let mut steps = vec![(place, Step::Drop)];
        if let Some(key) = key {
            self.written += 1;
            let item = Item { v: 0, w: self.written };
            transaction.set(collection, Key::from(name(key)), text(item), None);
            steps.push((place, Step::Set(name(key), item, None)));
        }
        self.group.push((transaction, Done { steps, stands_on: None, expected: false }));
    }

    fn commit(&mut self) {
        let (group, done): (Vec<_>, Vec<_>) = self.group.drain(..).unzip();
        let before = self.writer.sequence().0;
        let drops = done.iter().any(|done| done.steps.iter().any(|(_, step)| *step == Step::Drop));
        let outcomes = self.writer.commit(&group, Durability::Appended).unwrap();
        for (number, (outcome, done)) in outcomes.iter().zip(done).enumerate() {
            let (_, state) = self.states.last_key_value().unwrap();
            let Ok(committed) = outcome else {
                self.refused += 1;
                let stands_on = done.stands_on.expect("what has not read is not refused");
                assert!(
                    number > 0 || stands_on.moment != (before, self.now),
                    "nothing had happened since it read, and {outcome:?}"
                );
                let is_unknown = matches!(outcome, Err(Refused::Changed(Changed::Unknown)));
                let are_same = !drops && self.collections() == stands_on.collections;
                assert!(!(done.expected && is_unknown && are_same), "few changes are all kept for it");
                continue;
            };
            self.committed += 1;
            let mut alone = Alone::new(state, self.now);
            alone.run(&done.steps).unwrap_or_else(|error| panic!("alone, as commit {committed:?}: {error}"));
            let left = alone.leaves();
            self.states.insert(committed.sequence.0, left);
        }
        self.compare();
    }

    /// What is published is what the last transaction has left.
    fn compare(&self) {
        let (_, state) = self.states.last_key_value().unwrap();
        for (place, collection) in self.collections().into_iter().enumerate() {
            for number in 0..5 {
                let id = (place as Place, name(number));
                let found = self.reader.get(collection, &id.1).unwrap();
                let found = found.map(|document| document.to::<Stored>().unwrap().item());
                let kept = state.get(&id).filter(|(_, at)| at.is_none_or(|at| at > self.now));
                assert_eq!(found, kept.map(|(item, _)| *item), "{id:?}");
            }
        }
    }

    fn collections(&self) -> [CollectionId; PLACES] {
        collections(&self.reader.snapshot())
    }

    fn toggle_index(&mut self, place: Place) {
        let (path, collection) = (FieldPath::parse("v").unwrap(), self.collections()[place as usize]);
        if collection == CollectionId::NONE {
            return;
        }
        let indexes = self.reader.snapshot().indexes();
        if indexes.iter().any(|index| index.collection == collection) {
            self.writer.drop_index(collection, &path, Durability::Appended).unwrap();
        } else {
            index_v(&mut self.writer, collection);
        }
    }
}

#[derive(serde::Deserialize)]
struct Stored {
    v: i64,
    w: i64,
}

impl Stored {
    fn item(self) -> Item {
        Item { v: self.v, w: self.w }
    }
}

fn name(number: u8) -> String {
    format!("key:{number}")
}

fn text(item: Item) -> EncodedDocument {
    document(&json!({"v": item.v, "w": item.w}).to_string())
}

fn collections(snapshot: &Snapshot) -> [CollectionId; PLACES] {
    NAMES.map(|name| if name.is_empty() { ROOT } else { snapshot.collection(name) })
}

fn index_v(writer: &mut Writer, collection: CollectionId) {
    let mut build = writer.begin_index(collection, FieldPath::parse("v").unwrap()).unwrap();
    build.run().unwrap();
    let round = writer.index_round(&build);
    writer.install_index(build, round, Durability::Appended).unwrap();
}

/// Lets a transaction do something, and notes what it got.
fn take_step(open: &mut OpenTransaction<'_>, place: Place, kind: &Kind, written: &mut i64, now: u64) -> Step {
    let collection = match NAMES[place as usize] {
        "" => CollectionRef::Id(ROOT),
        name => open.collection(&Key::from(name)),
    };
    let path = |field: &str| FieldPath::parse(field).unwrap();
    let ends = |lifetime: Option<u64>| lifetime.map(|lifetime| now + lifetime);
    let strings = |keys: Vec<Key>| keys.into_iter().map(String::from).collect();
    match *kind {
        Kind::Get(key) => {
            let found = open.get(collection, &name(key)).unwrap();
            Step::Get(name(key), found.map(|document| document.to::<Stored>().unwrap().item()))
        }
        Kind::Contains(key) => Step::Contains(name(key), open.contains(collection, &name(key))),
        Kind::Count => Step::Count(open.count(collection)),
        Kind::Range(from, to, reverse, limit, read) => {
            // Three or more are no limit for some, and one for others.
            let (range, limit) = (name(from)..name(to), if limit == 3 { usize::MAX } else { limit });
            let bounds = KeyBounds::new(Bound::Included(&range.start), Bound::Excluded(&range.end));
            if read {
                let found = open.range(collection, bounds, reverse, limit).unwrap().into_iter();
                let items = found.map(|(key, found)| (key.into(), found.to::<Stored>().unwrap().item()));
                return Step::Read(range, reverse, limit, items.collect());
            }
            let keys = open.range_keys(collection, bounds, reverse, limit);
            Step::Range(range, reverse, limit, keys.into_iter().map(String::from).collect())
        }
        Kind::CountRange(from, to) => {
            let range = name(from)..name(to);
            let bounds = KeyBounds::new(Bound::Included(&range.start), Bound::Excluded(&range.end));
            let count = open.count_range(collection, bounds);
            Step::CountRange(range, count)
        }
        Kind::ByV(from, to, reverse, limit) => {
            let limit = if limit == 3 { usize::MAX } else { limit };
            let bounds = (&json!(from), &json!(to));
            let bounds = (Bound::Included(bounds.0), Bound::Included(bounds.1));
            let keys = open.range_by(collection, &path("v"), bounds, reverse, limit).unwrap();
            Step::ByV(from, to, reverse, limit, keys.into_iter().map(String::from).collect())
        }
        Kind::FindV(from, to) if from == to => {
            Step::FindV(from, to, strings(open.find(collection, &path("v"), &json!(from)).unwrap()))
        }
        Kind::FindV(from, to) => {
            let bounds = (Bound::Included(&json!(from)), Bound::Included(&json!(to)));
            Step::FindV(from, to, strings(open.find_range(collection, &path("v"), bounds, false).unwrap()))
        }
        Kind::FindW(ago) => {
            let w = *written - ago;
            Step::FindW(w, strings(open.find(collection, &path("w"), &json!(w)).unwrap()))
        }
        Kind::Set(key, v, lifetime) => {
            *written += 1;
            let (item, at) = (Item { v, w: *written }, ends(lifetime));
            open.set(collection, Key::from(name(key)), text(item), at.map(Timestamp));
            // With a lifetime of nothing it is never seen.
            if lifetime == Some(0) { Step::Delete(name(key)) } else { Step::Set(name(key), item, at) }
        }
        Kind::Expire(key, lifetime) => {
            open.expire(collection, Key::from(name(key)), ends(lifetime).map(Timestamp));
            if lifetime == Some(0) {
                Step::Delete(name(key))
            } else {
                Step::Expire(name(key), ends(lifetime))
            }
        }
        Kind::Delete(key) => {
            open.delete(collection, Key::from(name(key)));
            Step::Delete(name(key))
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_interleaved_what_commits_could_have_run_alone(ops in prop::collection::vec(op(), 20..160)) {
        let clock = ManualClock::new(Timestamp(1_000));
        let mut options = Options::new(PATH);
        options.clock = Arc::new(clock.clone());
        let (writer, reader) = open(options, Arc::new(MemoryFs::new())).unwrap();
        let mut run = Run::new(writer, &reader, clock);
        ops.iter().for_each(|op| run.op(op));
        (0..SLOTS).for_each(|slot| run.finish(slot));
        run.commit();
    }
}

/// A database with these documents under `v`, and an index.
fn indexed(values: &[(&str, &str)]) -> (Writer, Reader) {
    let (mut writer, reader) = open(Options::new(PATH), Arc::new(MemoryFs::new())).unwrap();
    index_v(&mut writer, ROOT);
    values.iter().for_each(|(key, v)| set(&mut writer, key, v));
    (writer, reader)
}

fn set(writer: &mut Writer, key: &str, v: &str) {
    let mut transaction = Transaction::new();
    transaction.set(ROOT, Key::from(key), document(&json!({ "v": v }).to_string()), None);
    writer.commit(&[transaction], Durability::Appended).unwrap().remove(0).unwrap();
}

/// Whether the transaction commits, once it has written something.
fn commits(writer: &mut Writer, mut open: OpenTransaction<'_>) -> Result<(), Refused> {
    open.set(ROOT, Key::from("result"), document("true"), None);
    let outcome = writer.commit(&[open.finish().unwrap()], Durability::Appended).unwrap().remove(0);
    outcome.map(drop)
}

#[test]
fn a_range_that_is_first_read_after_others_have_committed_is_not_called_unchanged() {
    let (mut writer, reader) = indexed(&[("a", "x")]);
    let mut open = reader.begin();
    open.get(ROOT, "a").unwrap();
    set(&mut writer, "b", "x");
    assert_eq!(open.count(ROOT), 1);
    assert_eq!(commits(&mut writer, open), Err(Refused::Changed(Changed::Unknown)));
    let mut open = reader.begin();
    open.expect_ranges();
    assert_eq!(open.count(ROOT), 2);
    assert_eq!(commits(&mut writer, open), Ok(()));
}

#[test]
fn what_a_range_does_not_hold_is_no_conflict() {
    let (mut writer, reader) = indexed(&[("a", "x"), ("b", "y")]);
    let begin = || {
        let mut open = reader.begin();
        assert_eq!(open.find(ROOT, &FieldPath::parse("v").unwrap(), &json!("x")).unwrap(), ["a"]);
        open
    };
    // Another value, the same value again, a key that comes and goes elsewhere.
    let open = begin();
    set(&mut writer, "b", "z");
    set(&mut writer, "a", "x");
    set(&mut writer, "c", "w");
    assert_eq!(commits(&mut writer, open), Ok(()));
    // One that leaves, and one that joins.
    for (key, v) in [("a", "y"), ("c", "x")] {
        let (mut writer, reader) = indexed(&[("a", "x"), ("b", "y")]);
        let mut open = reader.begin();
        assert_eq!(open.find(ROOT, &FieldPath::parse("v").unwrap(), &json!("x")).unwrap(), ["a"]);
        set(&mut writer, key, v);
        let refused = commits(&mut writer, open).unwrap_err();
        assert!(matches!(refused, Refused::Changed(Changed::Key { key: changed, .. }) if changed == key));
    }
    // An overwrite does not change how many there are.
    let mut open = reader.begin();
    let count = open.count(ROOT);
    set(&mut writer, "a", "w");
    assert_eq!(commits(&mut writer, open), Ok(()));
    assert_eq!(count, 4);
}

#[test]
fn what_lies_behind_the_last_one_that_was_read_in_order_is_no_conflict() {
    let read = |reverse| {
        let (writer, reader) = indexed(&[("a", "x"), ("c", "x"), ("d", "y")]);
        let mut open = reader.begin();
        let all = (Bound::Unbounded, Bound::Unbounded);
        let found = open.range_by(ROOT, &FieldPath::parse("v").unwrap(), all, reverse, 2).unwrap();
        assert_eq!(found, if reverse { ["d", "c"] } else { ["a", "c"] });
        open.set(ROOT, Key::from("c"), document("{\"v\":\"x\"}"), None);
        (writer, open.finish().unwrap())
    };
    // Who comes or goes, with which value, and whether that is of what was read.
    let cases = [
        ("b", "x", true, false),
        ("b0", "y", false, true),
        ("cc", "x", false, true),
        ("e", "z", false, true),
        ("c", "z", true, true),
    ];
    for (key, v, is_forward, is_reverse) in cases {
        for (reverse, conflicts) in [(false, is_forward), (true, is_reverse)] {
            let (mut writer, read) = read(reverse);
            set(&mut writer, key, v);
            let outcome = writer.commit(&[read], Durability::Appended).unwrap().remove(0);
            assert_eq!(outcome.is_err(), conflicts, "{key}, in reverse: {reverse}");
        }
    }
}

#[test]
fn long_values_that_begin_alike_are_told_apart() {
    let long = "x".repeat(2_000);
    let (one, two) = (format!("{long}1"), format!("{long}2"));
    let (mut writer, reader) = indexed(&[("a", &one)]);
    let mut open = reader.begin();
    assert_eq!(open.find(ROOT, &FieldPath::parse("v").unwrap(), &json!(two)).unwrap(), [] as [Key; 0]);
    set(&mut writer, "a", &two);
    let refused = commits(&mut writer, open).unwrap_err();
    assert!(matches!(refused, Refused::Changed(Changed::Key { .. })), "{refused:?}");
}
