//! What a compaction keeps: everything that readers, snapshots and indexes see, and exactly the history that it was
//! asked to keep, as the bytes of the file say.

mod history;

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use ferrumdb_engine::fs::{Effect, Fault, FileSystem, MemoryFs, OpenMode, SimFs, SimOperation, read_full};
use ferrumdb_engine::{
    CollectionId, CompactionStep, Condition, Durability, Error, FieldPath, History, Key, ManualClock,
    Options, Reader, Sequence, Snapshot, Timestamp, Transaction, Writer, open,
};
use ferrumdb_proptests::Random;
use serde_json::json;

use crate::common::{
    PATH, ROOT, appended, assert_goes_on, bytes_of, contents, document, expected, open_on, synced,
};
use crate::compaction::{advance, begin, compact, ready, relocate};
use crate::decoded::{DELETE, Decoded, INDEX_CREATED, SET};

const OTHER: CollectionId = CollectionId(7);

/// What readers see of a key: its document and the commit that wrote it.
type Versions = BTreeMap<String, (String, Sequence)>;

fn versions(snapshot: &Snapshot, keys: impl IntoIterator<Item = Key>) -> Versions {
    let read = |key: Key| {
        let document = snapshot.get(ROOT, &key).unwrap().unwrap();
        (String::from(key), (document.as_str().to_owned(), document.version()))
    };
    keys.into_iter().map(read).collect()
}

fn seen(reader: &Reader) -> Versions {
    versions(&reader.snapshot(), reader.keys(ROOT))
}

fn open_with(sim: &SimFs, clock: &ManualClock) -> (Writer, Reader) {
    let mut options = Options::new(PATH);
    options.cache_bytes = 0;
    options.clock = Arc::new(clock.clone());
    open(options, Arc::new(sim.clone())).unwrap()
}

fn path(name: &str) -> FieldPath {
    FieldPath::parse(name).unwrap()
}

fn create_index(writer: &mut Writer, collection: CollectionId, name: &str) {
    let mut build = writer.begin_index(collection, path(name)).unwrap();
    build.run().unwrap();
    let round = writer.index_round(&build);
    writer.install_index(build, round, Durability::Appended).unwrap();
}

#[test]
fn a_snapshot_stays_exact_through_several_compactions_and_holds_the_old_files_until_it_is_dropped() {
    let sim = SimFs::new(1);
    let (mut writer, reader) = open_on(&sim).unwrap();
    for number in 0..300 {
        appended(&mut writer, &[&format!("k{}={number}", number % 50), &format!("gone{number}=1")]).unwrap();
    }
    create_index(&mut writer, ROOT, "n");
    let snapshot = reader.snapshot();
    let (was, count) = (seen(&reader), snapshot.count(ROOT));
    let old_bytes = bytes_of(&sim).len() as u64;
    assert_eq!(reader.stats().unwrap().held_bytes, 0);
    let mut held_before = 0;
    for round in 0..5 {
        let change = |writer: &mut Writer, number: u64| {
            let set = format!("k{}={}", number % 50, 1000 * (round + 1) + number);
            appended(writer, &[&set, &format!("gone{}", round * 60 + number % 60)]).unwrap();
        };
        let check = || {
            assert_eq!(versions(&snapshot, was.keys().map(|key| Key::from(key.as_str()))), was, "{round}");
            assert_eq!(snapshot.count(ROOT), count);
        };
        (0..20).for_each(|number| change(&mut writer, number));
        let mut compaction = begin(&mut writer, History::None);
        while !matches!(compaction.step().unwrap(), CompactionStep::Ready) {
            change(&mut writer, 7);
            check();
        }
        let (mut relocation, _) = writer.install_compaction(compaction).unwrap();
        check();
        let mut parts = 0;
        while relocation.step() {
            parts += 1;
            if parts % 100 == 0 {
                change(&mut writer, parts / 100 + 20);
                check();
            }
        }
        writer.finish_relocation(&relocation);
        (30..50).for_each(|number| change(&mut writer, number));
        check();
        let stats = reader.stats().unwrap();
        assert!(stats.held_bytes > held_before && stats.held_bytes >= old_bytes, "{stats:?}");
        assert_eq!(writer.held_generations() as u64, round + 1);
        held_before = stats.held_bytes;
    }
    let keys: BTreeSet<_> = snapshot.keys(ROOT).map(String::from).collect();
    assert_eq!(keys, was.keys().cloned().collect());
    // A snapshot that was used up holds nothing any more.
    let stats = reader.stats().unwrap();
    assert_eq!((stats.held_bytes, stats.pins, writer.held_generations()), (0, 0, 0));
    let now = contents(&reader);
    drop((writer, reader));
    assert_goes_on(&sim, &now);
}

#[test]
fn a_snapshot_of_the_middle_of_a_relocation_sees_what_was_and_holds_only_what_it_needs() {
    let sim = SimFs::new(1);
    let (mut writer, reader) = open_on(&sim).unwrap();
    for number in 0..2_000 {
        appended(&mut writer, &[&format!("k{}={number}", number % 1_000)]).unwrap();
    }
    let mut held = Vec::new();
    for _ in 0..3 {
        let compaction = ready(&mut writer, History::None);
        held.push((reader.snapshot(), seen(&reader)));
        let (mut relocation, _) = writer.install_compaction(compaction).unwrap();
        for part in 0.. {
            if part % 128 == 0 {
                held.push((reader.snapshot(), seen(&reader)));
                appended(&mut writer, &[&format!("k{part}=\"new\""), &format!("k{}", part + 1)]).unwrap();
            }
            if !relocation.step() {
                break;
            }
        }
        writer.finish_relocation(&relocation);
        held.push((reader.snapshot(), seen(&reader)));
    }
    for (snapshot, was) in &held {
        assert_eq!(versions(snapshot, was.keys().map(|key| Key::from(key.as_str()))), *was);
    }
    assert_eq!(writer.held_generations(), 3);
    let last = held.pop().unwrap();
    drop(held);
    assert_eq!((reader.stats().unwrap().held_bytes, writer.held_generations()), (0, 0));
    assert_eq!(versions(&last.0, last.1.keys().map(|key| Key::from(key.as_str()))), last.1);
}

#[test]
fn a_relocation_that_is_given_up_at_any_part_is_done_anew_and_compactions_go_on() {
    let sim = SimFs::new(1);
    let (mut writer, reader) = open_on(&sim).unwrap();
    assert!(writer.unfinished_relocation().is_none());
    for parts in [0, 1, 300, 511, 512, 513] {
        for number in 0..600 {
            appended(&mut writer, &[&format!("k{}={number}", number % 300)]).unwrap();
        }
        let compaction = ready(&mut writer, History::None);
        let (mut given_up, _) = writer.install_compaction(compaction).unwrap();
        for _ in 0..parts {
            given_up.step();
        }
        drop(given_up);
        appended(&mut writer, &["k1=\"new\"", "k2"]).unwrap();
        let now = seen(&reader);
        assert!(
            writer.begin_compaction(History::None).unwrap().is_none(),
            "entries still lead to the old file"
        );
        let anew = writer.unfinished_relocation().unwrap();
        relocate(&mut writer, anew);
        assert!(writer.unfinished_relocation().is_none());
        assert_eq!((seen(&reader), writer.held_generations()), (now.clone(), 0));
        compact(&mut writer, History::None);
        assert_eq!(seen(&reader), now);
    }
    let before = contents(&reader);
    drop((writer, reader));
    assert_goes_on(&sim, &before);
}

#[test]
fn everything_that_is_not_garbage_survives_any_number_of_compactions() {
    let (sim, clock) = (SimFs::new(1), ManualClock::new(Timestamp(1_000)));
    let (mut writer, reader) = open_with(&sim, &clock);
    let mut set = |key: &str, text: &str, at: Option<u64>, collection| {
        let mut transaction = Transaction::new();
        transaction.set(collection, Key::from(key), document(text), at.map(Timestamp));
        writer.commit(&[transaction], Durability::Appended).unwrap().remove(0).unwrap().sequence
    };
    set("expired", "{\"n\":9}", Some(1_500), ROOT);
    set("later", "{\"n\":1}", Some(9_000), ROOT);
    set("persisted", "{\"n\":2}", Some(1_500), ROOT);
    set("moved", "{\"n\":3}", None, ROOT);
    let version = set("other", "{\"n\":4}", Some(8_000), OTHER);
    set("deleted", "{\"n\":5}", None, ROOT);
    for (collection, name) in [(ROOT, "n"), (ROOT, "m"), (OTHER, "n"), (ROOT, "again")] {
        create_index(&mut writer, collection, name);
    }
    writer.drop_index(ROOT, &path("m"), Durability::Appended).unwrap();
    writer.drop_index(ROOT, &path("again"), Durability::Appended).unwrap();
    create_index(&mut writer, ROOT, "again");
    let mut transaction = Transaction::new();
    transaction.expire(ROOT, Key::from("persisted"), None);
    transaction.expire(ROOT, Key::from("moved"), Some(Timestamp(7_000)));
    transaction.delete(ROOT, Key::from("deleted"));
    writer.commit(&[transaction], Durability::Appended).unwrap();
    clock.set(Timestamp(2_000));
    assert_eq!(writer.purge_expired(10, Durability::Appended).unwrap(), 1);
    let sequence = writer.sequence();
    let was = seen(&reader);

    let check = |writer: &Writer, reader: &Reader| {
        assert_eq!((writer.sequence(), reader.sequence(), seen(reader)), (sequence, sequence, was.clone()));
        assert_eq!(reader.expiry(ROOT, "later"), Some(Some(Timestamp(9_000))));
        assert_eq!(reader.expiry(ROOT, "persisted"), Some(None));
        assert_eq!(reader.expiry(ROOT, "moved"), Some(Some(Timestamp(7_000))));
        assert_eq!(reader.expiry(OTHER, "other"), Some(Some(Timestamp(8_000))));
        assert_eq!(reader.get(OTHER, "other").unwrap().unwrap().version(), version);
        assert_eq!(writer.next_expiry(), Some(Timestamp(7_000)));
        for key in ["deleted", "expired"] {
            assert!(reader.get(ROOT, key).unwrap().is_none(), "{key} came back");
        }
        let snapshot = reader.snapshot();
        let indexes = snapshot.indexes().into_iter().map(|index| (index.collection, index.path.to_string()));
        let expected = [(ROOT, "again"), (ROOT, "n"), (OTHER, "n")];
        let expected = expected.map(|(collection, name)| (collection, name.to_owned()));
        assert_eq!(indexes.collect::<BTreeSet<_>>(), BTreeSet::from(expected));
        for (value, key) in [(1, "later"), (2, "persisted"), (3, "moved")] {
            assert_eq!(snapshot.find(ROOT, &path("n"), &json!(value)).unwrap(), [key]);
        }
        assert!(snapshot.find(ROOT, &path("n"), &json!(5)).unwrap().is_empty());
        assert_eq!(snapshot.find(OTHER, &path("n"), &json!(4)).unwrap(), ["other"]);
    };
    check(&writer, &reader);
    compact(&mut writer, History::None);
    check(&writer, &reader);
    let decoded = Decoded::read(&bytes_of(&sim));
    assert_eq!((decoded.floor, decoded.commits.len()), (sequence.0, 0));
    let kinds = |kind| decoded.base.iter().filter(|entry| entry.kind == kind).count();
    assert_eq!((kinds(SET), kinds(INDEX_CREATED), kinds(DELETE)), (4, 3, 0));
    drop((writer, reader));
    for history in [History::Versions(3), History::For(Duration::from_secs(1_000_000)), History::None] {
        let (mut writer, reader) = open_with(&sim, &clock);
        check(&writer, &reader);
        if let Some(mut compaction) = writer.begin_compaction(history).unwrap() {
            assert!(!advance(&mut compaction).unwrap(), "nothing is garbage");
        }
        check(&writer, &reader);
    }
    // The versions that conditions are about are what they were, and numbers go on from there.
    let (mut writer, _) = open_with(&sim, &clock);
    let mut transaction = Transaction::new();
    transaction.require(OTHER, Key::from("other"), Condition::Version(version));
    transaction.set(OTHER, Key::from("other"), document("1"), None);
    let outcome = writer.commit(&[transaction], Durability::Synced).unwrap().remove(0);
    assert_eq!(outcome.unwrap().sequence, sequence.next());
    clock.set(Timestamp(100_000));
    assert_eq!(writer.purge_expired(10, Durability::Appended).unwrap(), 2);
    compact(&mut writer, History::None);
    drop(writer);
    let (_, reader) = open_with(&sim, &clock);
    clock.set(Timestamp(0));
    assert_eq!(seen(&reader).into_keys().collect::<Vec<_>>(), ["persisted"], "what has expired stays gone");
}

#[test]
fn what_was_emptied_stays_empty_through_crashes_and_compactions() {
    for seed in 0..20 {
        let sim = SimFs::new(seed);
        let (mut writer, reader) = open_on(&sim).unwrap();
        let mut filled = Transaction::new();
        let mut emptied = Transaction::new();
        for number in 0..10 {
            for collection in [ROOT, OTHER] {
                filled.set(collection, Key::from(format!("k{number}")), document("1"), None);
                emptied.delete(collection, Key::from(format!("k{number}")));
            }
        }
        writer.commit(&[filled], Durability::Synced).unwrap();
        writer.commit(&[emptied], Durability::Synced).unwrap();
        if seed % 2 == 1 {
            compact(&mut writer, History::Versions(3));
        }
        drop((writer, reader));
        sim.crash();
        for is_compacted in [true, false] {
            let (mut writer, reader) = open_on(&sim).unwrap();
            assert_eq!((reader.count(ROOT), reader.count(OTHER)), (0, 0), "seed {seed}");
            assert_eq!((reader.keys(ROOT).next(), reader.keys(OTHER).next()), (None, None));
            assert_eq!(reader.get(OTHER, "k1").unwrap(), None);
            if is_compacted {
                appended(&mut writer, &["a=1"]).unwrap();
                appended(&mut writer, &["a"]).unwrap();
                compact(&mut writer, History::None);
            }
            drop((writer, reader));
            sim.crash();
        }
    }
}

#[test]
fn what_was_refused_or_taken_back_never_appears() {
    let sim = SimFs::new(1);
    let (mut writer, reader) = open_on(&sim).unwrap();
    synced(&mut writer, &["a=1", "b=2"]).unwrap();
    let refused = |writer: &mut Writer| {
        let mut transaction = Transaction::new();
        transaction.require(ROOT, Key::from("a"), Condition::Absent);
        transaction.set(ROOT, Key::from("refused"), document("1"), None);
        assert!(writer.commit(&[transaction], Durability::Synced).unwrap().remove(0).is_err());
    };
    let taken_back = |writer: &mut Writer, bytes| {
        // Whether it is the commit's own write or one of zeros ahead of it, some of it arrives.
        sim.inject(
            Fault::new(SimOperation::Write, Effect::PartialThenError(bytes, ErrorKind::Other)).always(),
        );
        assert!(matches!(appended(writer, &["taken=1", "a=9"]), Err(Error::Io { .. })));
        sim.clear_faults();
    };
    for bytes in [0, 60, 130] {
        refused(&mut writer);
        taken_back(&mut writer, bytes);
        let mut compaction = begin(&mut writer, History::Versions(5));
        refused(&mut writer);
        taken_back(&mut writer, bytes);
        assert!(advance(&mut compaction).unwrap());
        taken_back(&mut writer, bytes);
        let (relocation, _) = writer.install_compaction(compaction).unwrap();
        taken_back(&mut writer, bytes);
        relocate(&mut writer, relocation);
        synced(&mut writer, &["b=2"]).unwrap();
        let mut known =
            Decoded::read(&bytes_of(&sim)).all().map(|entry| entry.key.clone()).collect::<Vec<_>>();
        known.retain(|key| !["", "a", "b"].contains(&key.as_str()));
        assert_eq!(known, Vec::<String>::new());
    }
    let state = contents(&reader);
    assert_eq!(state, expected(&[("a", "1"), ("b", "2")]));
    drop((writer, reader));
    assert_goes_on(&sim, &state);
}

#[test]
fn a_log_of_many_steps_with_documents_and_transactions_larger_than_one() {
    let (fs, random) = (MemoryFs::new(), &mut Random::new(1));
    let mut options = Options::new(PATH);
    options.cache_bytes = 0;
    let (mut writer, reader) = open(options.clone(), Arc::new(fs.clone())).unwrap();
    let mut expected = BTreeMap::new();
    let text = |number: u64, bytes: usize| format!("{{\"n\":{number},\"pad\":\"{}\"}}", "x".repeat(bytes));
    let mut work = |writer: &mut Writer, random: &mut Random, round: u64| {
        let mut transaction = Transaction::new();
        let (records, bytes) = match random.below(3) {
            0 => (1, 3_500_000),
            1 => (4_000, 600),
            _ => (200, 40),
        };
        for number in 0..records {
            let key = format!("k{}", random.below(3 * records));
            if random.once_in(4) {
                transaction.delete(ROOT, Key::from(key.as_str()));
                expected.remove(&key);
            } else {
                let text = text(round * 10_000 + number, bytes);
                transaction.set(ROOT, Key::from(key.as_str()), document(&text), None);
                expected.insert(key, text);
            }
        }
        writer.commit(&[transaction], Durability::Appended).unwrap();
        expected.clone()
    };
    for round in 0..4 {
        (0..6).for_each(|_| drop(work(&mut writer, random, round)));
        let history = if round == 1 { History::Versions(2) } else { History::None };
        let mut compaction = begin(&mut writer, history);
        let mut steps = 0;
        while !matches!(compaction.step().unwrap(), CompactionStep::Ready) {
            steps += 1;
            if steps % 4 == 0 {
                work(&mut writer, random, round);
            }
        }
        assert!(steps > 5, "{steps}");
        let state = work(&mut writer, random, round);
        let (relocation, _) = writer.install_compaction(compaction).unwrap();
        relocate(&mut writer, relocation);
        assert!(contents(&reader) == state, "round {round}");
        Decoded::read(&bytes_on(&fs));
    }
    let state = contents(&reader);
    drop((writer, reader));
    let (_, reader) = open(options, Arc::new(fs)).unwrap();
    assert!(contents(&reader) == state);
}

fn bytes_on(fs: &MemoryFs) -> Vec<u8> {
    let file = fs.open(Path::new(PATH), OpenMode::Read).unwrap();
    let mut bytes = vec![0; file.len().unwrap() as usize];
    assert_eq!(read_full(&*file, &mut bytes, 0).unwrap(), bytes.len());
    bytes
}

#[test]
fn gets_beside_compactions_never_fail_and_never_go_back() {
    const KEYS: usize = 64;
    let mut options = Options::new(PATH);
    options.cache_bytes = 0;
    let (mut writer, reader) = open(options, Arc::new(MemoryFs::new())).unwrap();
    // Of each key the newest number that was published; a reader must see that or a later one.
    let published: Vec<_> = (0..KEYS).map(|_| AtomicU64::new(0)).collect();
    let set = |writer: &mut Writer, key: usize, number: u64| {
        appended(writer, &[&format!("k{key}=[{key},{number}]")]).unwrap();
        published[key].store(number, Ordering::Release);
    };
    (0..KEYS).for_each(|key| set(&mut writer, key, 0));
    let (stop, gets) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut number = 0;
    thread::scope(|scope| {
        for seed in 0..3 {
            let (reader, published, stop, gets) = (reader.clone(), &published, &stop, &gets);
            scope.spawn(move || {
                let mut random = Random::new(seed);
                while !stop.load(Ordering::Relaxed) {
                    let key = random.below(KEYS as u64) as usize;
                    let least = published[key].load(Ordering::Acquire);
                    let name = format!("k{key}");
                    let found = reader.get(ROOT, &name).unwrap().expect("a key that is replaced was gone");
                    let value = found.value();
                    assert_eq!(value[0], json!(key), "another key's document");
                    assert!(value[1].as_u64().unwrap() >= least, "{value} after {least}");
                    gets.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        struct Ending<'a>(&'a AtomicBool);
        impl Drop for Ending<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let _ending = Ending(&stop);
        for round in 0..200_u64 {
            // Most keys stay as they are, so that readers meet entries that are moved.
            let compaction = ready(&mut writer, History::None);
            let (mut relocation, _) = writer.install_compaction(compaction).unwrap();
            for part in 0.. {
                if part % 100 == 0 {
                    number += 1;
                    set(&mut writer, (round * 7 + part / 100) as usize % KEYS, number);
                }
                if !relocation.step() {
                    break;
                }
            }
            writer.finish_relocation(&relocation);
        }
    });
    assert!(gets.load(Ordering::Relaxed) > 2_000);
    assert_eq!(reader.stats().unwrap().held_bytes, 0);
}
