//! Readers beside the writer: never half a transaction, never a lost key, never a wait for the disk.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use ferrumdb_engine::fs::{DiskFs, Effect, Fault, MemoryFs, SimFs, SimOperation};
use ferrumdb_engine::{Durability, Key, Options, Reader, Snapshot, Transaction, Untidy, Writer, open};
use ferrumdb_proptests::Random;

use crate::common::{PATH, ROOT, document, open_at, synced, transaction};

const LOAD: Duration = Duration::from_millis(1_500);
/// On a machine with other work to do, everything takes longer.
const PATIENCE: Duration = Duration::from_secs(60);
const PAIRS: usize = 16;
const STABLE: usize = 100;
const CHURN: u64 = 400;

/// Two keys whose documents always add up to zero, and a token that lies always in one of two places.
fn pair(number: usize) -> [String; 2] {
    [format!("plus:{number}"), format!("minus:{number}")]
}

fn places(number: usize) -> [String; 2] {
    [format!("left:{number}"), format!("right:{number}")]
}

fn set(transaction: &mut Transaction, key: &str, number: i64) {
    transaction.set(ROOT, Key::from(key), document(&number.to_string()), None);
}

fn prepare(writer: &mut Writer) {
    let mut transaction = Transaction::new();
    for number in 0..PAIRS {
        pair(number).iter().for_each(|key| set(&mut transaction, key, 0));
        set(&mut transaction, &places(number)[0], 0);
    }
    (0..STABLE).for_each(|number| set(&mut transaction, &format!("stable:{number}"), 0));
    writer.commit(&[transaction], Durability::Appended).unwrap();
}

/// One group: pairs that change, tokens that move (twice, perhaps), and keys that come and go.
fn work(random: &mut Random, sides: &mut [usize; PAIRS]) -> Vec<Transaction> {
    let mut group = Vec::new();
    for _ in 0..=random.below(3) {
        let mut transaction = Transaction::new();
        let number = random.below(PAIRS as u64) as usize;
        let amount = random.below(1_000_000) as i64;
        let [plus, minus] = pair(number);
        set(&mut transaction, &plus, amount);
        set(&mut transaction, &minus, -amount);
        let number = random.below(PAIRS as u64) as usize;
        let (from, to) = (&places(number)[sides[number]], &places(number)[1 - sides[number]]);
        transaction.delete(ROOT, Key::from(from.as_str()));
        set(&mut transaction, to, amount);
        sides[number] = 1 - sides[number];
        for _ in 0..random.below(8) {
            let key = format!("churn:{}", random.below(CHURN));
            match random.once_in(2) {
                true => set(&mut transaction, &key, amount),
                false => transaction.delete(ROOT, Key::from(key)),
            }
        }
        group.push(transaction);
    }
    group
}

/// Ends what other threads wait for, when a test ends well or not.
struct Ending<'a>(&'a AtomicBool, Option<&'a SimFs>);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        self.1.inspect(|sim| sim.release());
    }
}

fn number_of(snapshot: &Snapshot, key: &str) -> Option<i64> {
    snapshot.get(ROOT, key).unwrap().map(|document| document.value().as_i64().unwrap())
}

fn look_at_pairs(reader: &Reader, random: &mut Random) {
    let number = random.below(PAIRS as u64) as usize;
    let found = reader.get_many(ROOT, &pair(number)).unwrap();
    let sum: i64 = found.iter().map(|found| found.as_ref().unwrap().value().as_i64().unwrap()).sum();
    assert_eq!(sum, 0, "half a transaction: {found:?}");
    // The same, from a snapshot that grows older while it is looked at.
    let snapshot = reader.snapshot();
    for number in 0..PAIRS {
        let [plus, minus] = pair(number).map(|key| number_of(&snapshot, &key).unwrap());
        assert_eq!(plus + minus, 0, "half a transaction in a snapshot at {:?}", snapshot.sequence());
        let held = places(number).iter().filter(|key| snapshot.contains(ROOT, key)).count();
        assert_eq!(held, 1, "a token that moves was seen {held} times");
        assert!(reader.get(ROOT, &pair(number)[0]).unwrap().is_some(), "a key that is replaced was gone");
    }
}

fn look_at_keys(reader: &Reader) {
    let snapshot = reader.snapshot();
    let count = snapshot.count(ROOT);
    let keys: Vec<_> = snapshot.keys(ROOT).collect();
    let set: BTreeSet<_> = keys.iter().map(Key::as_str).collect();
    assert_eq!(set.len(), keys.len(), "a key was listed twice");
    assert_eq!(keys.len() as u64, count, "keys and count differ");
    assert!((0..STABLE).all(|number| set.contains(format!("stable:{number}").as_str())), "a key was lost");
    for number in 0..PAIRS {
        assert!(pair(number).iter().all(|key| set.contains(key.as_str())), "a key that is replaced was lost");
        assert_eq!(places(number).iter().filter(|key| set.contains(key.as_str())).count(), 1, "a token");
    }
}

#[test]
fn readers_never_see_half_a_transaction_and_lose_no_key() {
    for cache_bytes in [0, 1 << 20] {
        let mut options = Options::new(PATH);
        options.cache_bytes = cache_bytes;
        let (mut writer, reader) = open(options, Arc::new(MemoryFs::new())).unwrap();
        prepare(&mut writer);
        let (is_over, looks) = (AtomicBool::new(false), AtomicU64::new(0));
        let mut groups = 0_u64;
        thread::scope(|scope| {
            let readers: Vec<_> = (0..2_u64)
                .map(|seed| {
                    let (reader, is_over, looks) = (reader.clone(), &is_over, &looks);
                    scope.spawn(move || {
                        let mut random = Random::new(seed);
                        for number in 0_u64.. {
                            if is_over.load(Ordering::Relaxed) {
                                break;
                            }
                            look_at_pairs(&reader, &mut random);
                            if number % 8 == seed {
                                look_at_keys(&reader);
                            }
                            looks.fetch_add(1, Ordering::Relaxed);
                        }
                    })
                })
                .collect();
            let ending = Ending(&is_over, None);
            let (mut random, mut sides, begin) = (Random::new(7), [0; PAIRS], Instant::now());
            // For some time, and until so much was done that it proves something.
            let is_enough = |groups| groups > 50 && looks.load(Ordering::Relaxed) > 50;
            while (begin.elapsed() < LOAD || !is_enough(groups))
                && readers.iter().all(|reader| !reader.is_finished())
            {
                assert!(begin.elapsed() < PATIENCE, "{groups} groups beside {looks:?} looks");
                writer.commit(&work(&mut random, &mut sides), Durability::Synced).unwrap();
                groups += 1;
            }
            drop(ending);
            readers.into_iter().for_each(|reader| reader.join().unwrap());
        });
        drop(writer.commit(&[], Durability::Synced));
        set_one(&mut writer);
        while writer.tidy() == Untidy::More {}
        let stats = reader.stats().unwrap();
        assert_eq!((stats.pins, stats.undo_versions), (0, 0), "nothing is kept for nobody");
    }
}

fn set_one(writer: &mut Writer) {
    let mut transaction = Transaction::new();
    set(&mut transaction, "last", 1);
    writer.commit(&[transaction], Durability::Appended).unwrap();
}

/// Reads at a fixed pace for as long as it takes, and says how long each read took from the moment at which it was to
/// begin: one that holds up the next ones counts for all of them.
fn paced(pace: Duration, is_over: &AtomicBool, read: impl Fn(usize)) -> Vec<Duration> {
    let begin = Instant::now();
    let mut taken = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        let due = begin + pace * taken.len() as u32;
        while Instant::now() < due {
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        read(taken.len());
        taken.push(due.elapsed());
    }
    taken
}

fn paced_gets(reader: &Reader, is_over: &AtomicBool) -> Vec<Duration> {
    paced(Duration::from_micros(500), is_over, |number| {
        assert!(reader.get(ROOT, &format!("k{}", number % 100)).unwrap().is_some());
    })
}

/// The time that one of a thousand exceeds.
fn p99_9(mut taken: Vec<Duration>) -> Duration {
    taken.sort_unstable();
    taken[taken.len() - 1 - taken.len() / 1_000]
}

#[test]
fn gets_go_on_for_as_long_as_a_sync_takes() {
    for cache_bytes in [0, 16 << 20] {
        let sim = SimFs::new(1);
        let mut options = Options::new(PATH);
        options.cache_bytes = cache_bytes;
        let (mut writer, reader) = open(options, Arc::new(sim.clone())).unwrap();
        let changes: Vec<_> = (0..100).map(|number| format!("k{number}={number}")).collect();
        synced(&mut writer, &changes.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            let _ending = Ending(&is_over, Some(&sim));
            sim.inject(Fault::new(SimOperation::Sync, Effect::Block));
            let commit = scope.spawn(|| synced(&mut writer, &["k0=\"new\""]).unwrap());
            while sim.blocked() == 0 {
                thread::yield_now();
            }
            let (done, is_done) = mpsc::channel();
            for _ in 0..2 {
                let (reader, done) = (&reader, done.clone());
                scope.spawn(move || {
                    let is_there =
                        |number| reader.get(ROOT, &format!("k{}", number % 100)).unwrap().is_some();
                    done.send((0..2_000).all(is_there)).unwrap();
                });
            }
            for _ in 0..2 {
                assert_eq!(
                    is_done.recv_timeout(PATIENCE),
                    Ok(true),
                    "a get waits for the sync, or finds nothing"
                );
            }
            assert_eq!(reader.get(ROOT, "k0").unwrap().unwrap().as_str(), "0", "nothing is seen before it");
            assert_eq!(reader.keys(ROOT).count(), 100);
            assert_eq!(sim.blocked(), 1, "all of that happened while the commit was in its sync");
            sim.release();
            commit.join().unwrap();
        });
        assert_eq!(reader.get(ROOT, "k0").unwrap().unwrap().as_str(), "\"new\"");
    }
}

/// What one of a thousand gets exceeds, and one of a thousand of the other reads, beside two seconds of synced commits of
/// a megabyte. Nothing if too little was done to say.
fn reads_beside_synced_commits(cache_bytes: u64) -> Option<[Duration; 2]> {
    let folder = tempfile::tempdir().unwrap();
    let mut options = Options::new(folder.path().join("busy.db"));
    options.cache_bytes = cache_bytes;
    let (mut writer, reader) = open(options, Arc::new(DiskFs)).unwrap();
    let keys: Vec<_> = (0..100).map(|number| format!("k{number}")).collect();
    let changes: Vec<_> = keys.iter().map(|key| format!("{key}=1")).collect();
    synced(&mut writer, &changes.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
    let large = format!("large=\"{}\"", "x".repeat(1 << 20));
    let (is_over, begin) = (AtomicBool::new(false), Instant::now());
    let (mut gets, mut others, mut commits) = (Vec::new(), Vec::new(), 0);
    thread::scope(|scope| {
        let _ending = Ending(&is_over, None);
        let getting = scope.spawn(|| paced_gets(&reader, &is_over));
        let reading = scope.spawn(|| {
            paced(Duration::from_millis(2), &is_over, |number| match number % 3 {
                0 => assert_eq!(reader.get_many(ROOT, &keys).unwrap().iter().flatten().count(), 100),
                1 => assert!(reader.keys(ROOT).count() >= 100),
                _ => assert!(reader.count(ROOT) >= 100),
            })
        });
        while begin.elapsed() < Duration::from_secs(2) || commits <= 5 {
            synced(&mut writer, &[&large]).unwrap();
            commits += 1;
        }
        is_over.store(true, Ordering::Relaxed);
        (gets, others) = (getting.join().unwrap(), reading.join().unwrap());
    });
    (gets.len() > 500 && others.len() > 100).then(|| [p99_9(gets), p99_9(others)])
}

#[test]
fn every_kind_of_read_goes_on_beside_synced_commits_on_a_real_disk() {
    /// Far above what a loaded machine adds to a read, far below waiting for the syncs of all these megabytes.
    const BOUND: Duration = Duration::from_millis(250);
    /// A machine may be kept from everything for a while, but not each time.
    const TRIES: usize = 10;
    for cache_bytes in [0, 16 << 20] {
        let is_quick = |worst: &Option<[Duration; 2]>| {
            worst.is_some_and(|worst| worst.iter().all(|worst| *worst < BOUND))
        };
        let mut tries = Vec::new();
        while !tries.last().is_some_and(is_quick) {
            assert!(tries.len() < TRIES, "cache of {cache_bytes}: p99.9 of gets and others: {tries:?}");
            tries.push(reads_beside_synced_commits(cache_bytes));
        }
    }
}

#[test]
fn gets_within_an_iteration_and_commits_beside_it_never_wait_for_each_other() {
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || {
        let (mut writer, reader) = open_at(MemoryFs::new(), PATH).unwrap();
        synced(&mut writer, &["a=1", "b=2"]).unwrap();
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            for (first, second) in [("a", "b"), ("b", "a")] {
                let (reader, is_over) = (reader.clone(), &is_over);
                scope.spawn(move || {
                    while !is_over.load(Ordering::Relaxed) {
                        for key in reader.keys(ROOT) {
                            let held = reader.get(ROOT, first).unwrap();
                            let other = reader.snapshot().get(ROOT, second).unwrap();
                            assert!(held.is_some() && other.is_some() && reader.contains(ROOT, &key));
                        }
                    }
                });
            }
            let _ending = Ending(&is_over, None);
            let begin = Instant::now();
            for number in 0_u64.. {
                if begin.elapsed() > Duration::from_secs(1) {
                    break;
                }
                synced(&mut writer, &[&format!("a={number}"), &format!("b={number}")]).unwrap();
            }
        });
        done.send(()).unwrap();
    });
    is_done.recv_timeout(PATIENCE).expect("two readers and a writer of two keys do not lock up");
}

#[test]
fn a_snapshot_stays_as_it_was_and_costs_nothing_once_it_is_dropped() {
    let (mut writer, reader) = open_at(MemoryFs::new(), PATH).unwrap();
    synced(&mut writer, &["a=0", "gone=true"]).unwrap();
    let mut snapshots = Vec::new();
    for number in 1..=200 {
        snapshots.push((number - 1, reader.snapshot()));
        let other = if number % 2 == 0 { "gone=true" } else { "gone" };
        synced(&mut writer, &[&format!("a={number}"), other]).unwrap();
    }
    // Dropped from the middle outwards, each remaining one stays right.
    while !snapshots.is_empty() {
        drop(snapshots.remove(snapshots.len() / 2));
        synced(&mut writer, &["noise=1"]).unwrap();
        for (number, snapshot) in &snapshots {
            assert_eq!(number_of(snapshot, "a"), Some(*number));
            assert_eq!(snapshot.contains(ROOT, "gone"), number % 2 == 0, "at {number}");
            assert_eq!(snapshot.count(ROOT), if number % 2 == 0 { 2 } else { 1 });
            assert!(!snapshot.contains(ROOT, "noise"));
        }
    }
    let stats = reader.stats().unwrap();
    assert_eq!((stats.pins, stats.undo_versions, stats.documents), (0, 0, 3));
}

#[test]
fn an_old_snapshot_sees_through_what_was_replaced_and_removed_after_it() {
    let (mut writer, reader) = open_at(MemoryFs::new(), PATH).unwrap();
    synced(&mut writer, &["a=0", "b=0"]).unwrap();
    let old = reader.snapshot();
    for round in 1..=100 {
        // Replaced, removed, and there again: of all these only the first version is needed, and then the second.
        synced(&mut writer, &[&format!("a={round}")]).unwrap();
        let middle = reader.snapshot();
        synced(&mut writer, &["a", &format!("b={round}")]).unwrap();
        assert_eq!((number_of(&old, "a"), number_of(&old, "b")), (Some(0), Some(0)), "in round {round}");
        assert_eq!(number_of(&middle, "a"), Some(round));
        assert_eq!(number_of(&middle, "b"), Some(if round == 1 { 0 } else { round - 1 }));
        assert!(!reader.contains(ROOT, "a"));
        drop(middle);
        synced(&mut writer, &["noise=1"]).unwrap();
        while writer.tidy() == Untidy::More {}
        assert_eq!(reader.stats().unwrap().undo_versions, 2, "in round {round}");
    }
    assert_eq!(old.keys(ROOT).count(), 2);
    synced(&mut writer, &["noise=2"]).unwrap();
    while writer.tidy() == Untidy::More {}
    assert_eq!(reader.stats().unwrap().undo_versions, 0);
}

#[test]
fn what_replaces_a_cached_document_is_cached_once_it_is_committed_and_nothing_else_is() {
    let sim = SimFs::new(1);
    let (mut writer, reader) = open(Options::new(PATH), Arc::new(sim.clone())).unwrap();
    let cached =
        |key| reader.get_cached(ROOT, key).map(|known| known.map(|document| document.as_str().to_owned()));
    let is = |json: &str| Some(Some(json.to_owned()));
    synced(&mut writer, &["a=1", "b=1"]).unwrap();
    reader.get(ROOT, "a").unwrap();
    assert_eq!((cached("a"), cached("b")), (is("1"), None), "it was read, and the other was not");

    writer.commit(&[transaction(&["a=2"]), transaction(&["b=2", "a=3"])], Durability::Synced).unwrap();
    assert_eq!((cached("a"), cached("b")), (is("3"), None));
    sim.inject(Fault::new(SimOperation::Write, Effect::Error(ErrorKind::StorageFull)).always());
    synced(&mut writer, &["a=4"]).unwrap_err();
    sim.clear_faults();
    assert_eq!(cached("a"), is("3"), "what was refused is nowhere");
    let committed = synced(&mut writer, &["a=5"]).unwrap();
    assert_eq!(cached("a"), is("5"), "under the number that the refused one would have had");
    assert_eq!(reader.get(ROOT, "a").unwrap().unwrap().version(), committed.sequence);
    synced(&mut writer, &["a"]).unwrap();
    assert_eq!(cached("a"), Some(None));
}
