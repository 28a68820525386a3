//! What a compaction keeps of the past: exactly what was promised, through any number of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ferrumdb_engine::fs::SimFs;
use ferrumdb_engine::{
    CompactionStep, Durability, History, Key, ManualClock, Timestamp, Transaction, Writer,
};
use ferrumdb_proptests::Random;

use super::{OTHER, create_index, open_with, path, seen};
use crate::common::{Contents, ROOT, appended, assert_goes_on, bytes_of, document, synced};
use crate::compaction::{advance, begin, compact, relocate};
use crate::decoded::{DELETE, Decoded, Entry, INDEX_CREATED, SET};

/// The records that a compaction of this log, which begins at `now`, has to keep: those of the base section, and the
/// number of the commit whose state that is.
fn wanted(log: &Decoded, history: History, now: u64) -> (u64, BTreeSet<(u64, u32)>) {
    let until = match history {
        History::For(duration) => now.saturating_sub(duration.as_millis() as u64),
        _ => u64::MAX,
    };
    let kept = match history {
        History::Versions(kept) => kept.max(1) as usize,
        _ => 1,
    };
    let first_later = log.commits.iter().find(|entry| entry.time > until).map(|entry| entry.sequence);
    let last = log.commits.last().map_or(log.floor, |last| last.sequence);
    let cut = first_later.map_or(last, |later| later - 1);
    let mut of_keys: BTreeMap<(u32, &str), Vec<&Entry>> = BTreeMap::new();
    let mut definitions: BTreeMap<(u32, &[u8]), &Entry> = BTreeMap::new();
    for entry in log.all().filter(|entry| entry.sequence <= cut) {
        match entry.kind {
            SET => of_keys.entry((entry.collection, &entry.key)).or_default().push(entry),
            DELETE => drop(of_keys.remove(&(entry.collection, entry.key.as_str()))),
            INDEX_CREATED => drop(definitions.insert((entry.collection, &entry.document), entry)),
            4 => drop(definitions.remove(&(entry.collection, &entry.document[..]))),
            _ => {}
        }
    }
    let last_versions = of_keys.values().flat_map(|all| &all[all.len().saturating_sub(kept)..]);
    (cut, last_versions.chain(definitions.values()).map(|entry| entry.id()).collect())
}

/// Without its places, which are others in another file.
fn unplaced(entry: &Entry) -> Entry {
    Entry { position: 0, end: 0, previous: 0, time: 0, ..entry.clone() }
}

/// That `new` is what a compaction of `old` has to leave.
#[track_caller]
fn assert_compacted(old: &Decoded, new: &Decoded, history: History, now: u64, what: &str) {
    let (cut, kept) = wanted(old, history, now);
    assert_eq!((new.generation, new.floor), (old.generation + 1, cut), "{what}");
    let base: Vec<_> = old.all().filter(|entry| kept.contains(&entry.id())).map(unplaced).collect();
    let found: Vec<_> = new.base.iter().map(unplaced).collect();
    assert_eq!(found, base, "{what}: the base section");
    let whole = |log: &Decoded| {
        let later = log.commits.iter().filter(|entry| entry.sequence > cut);
        later.map(|entry| (unplaced(entry), entry.time)).collect::<Vec<_>>()
    };
    assert_eq!(whole(new), whole(old), "{what}: the commits after it");
}

#[test]
fn exactly_the_promised_history_stays_through_any_number_of_compactions() {
    let (mut installed, mut pointless) = (0, 0);
    for seed in 0..60 {
        let (sim, clock) = (SimFs::new(seed), ManualClock::new(Timestamp(1_000)));
        let random = &mut Random::new(seed);
        let (mut writer, mut reader) = open_with(&sim, &clock);
        let mut now = 1_000;
        for round in 0..12 {
            let what = format!("seed {seed}, round {round}");
            for _ in 0..random.below(12) {
                now += random.below(40);
                clock.set(Timestamp(now));
                change(&mut writer, random, now);
            }
            if random.once_in(4) {
                drop((writer, reader));
                (writer, reader) = open_with(&sim, &clock);
            }
            let history = match random.below(6) {
                0 | 1 => History::None,
                2 => History::Versions(random.below(2) as u32),
                3 => History::Versions(2 + random.below(3) as u32),
                _ => History::For(Duration::from_millis(random.below(400))),
            };
            let (was, sequence) = (seen(&reader), reader.sequence());
            let Some(mut compaction) = writer.begin_compaction(history).unwrap() else { continue };
            let old = Decoded::read(&bytes_of(&sim));
            if !advance(&mut compaction).unwrap() {
                let (cut, kept) = wanted(&old, history, now);
                let keeps_all = old.all().all(|entry| entry.sequence > cut || kept.contains(&entry.id()));
                assert!(keeps_all || cut == 0, "{what}: {history:?} is not pointless");
                assert!(cut <= old.floor, "{what}");
                pointless += 1;
                continue;
            }
            let (relocation, told) = writer.install_compaction(compaction).unwrap();
            relocate(&mut writer, relocation);
            let new = Decoded::read(&bytes_of(&sim));
            assert_compacted(&old, &new, history, now, &what);
            assert_eq!((told.bytes_before, told.bytes_after), (old.end as u64 - 8192, new.end as u64 - 8192));
            assert_eq!((seen(&reader), reader.sequence()), (was, sequence), "{what}");
            installed += 1;
        }
        let was = seen(&reader);
        drop((writer, reader));
        let (_, reader) = open_with(&sim, &clock);
        assert_eq!(seen(&reader), was, "seed {seed}");
    }
    assert!(installed > 300 && pointless > 20, "{installed} {pointless}");
}

/// Some commit.
fn change(writer: &mut Writer, random: &mut Random, now: u64) {
    const KEYS: [&str; 5] = ["", "a", "b", "c", "a longer key than what fits in a small string"];
    match random.below(12) {
        0 => drop(writer.purge_expired(2, Durability::Appended).unwrap()),
        1 => {
            let name = ["n", "m"][random.below(2) as usize];
            if writer.drop_index(ROOT, &path(name), Durability::Appended).is_err() {
                create_index(writer, ROOT, name);
            }
        }
        2 => writer.sync().and_then(|()| writer.append_sync_mark()).unwrap(),
        _ => {
            let mut transaction = Transaction::new();
            for _ in 0..=random.below(3) {
                let key = Key::from(KEYS[random.below(5) as usize]);
                let collection = if random.once_in(4) { OTHER } else { ROOT };
                let at = random.once_in(4).then(|| Timestamp(now + random.below(300)));
                match random.below(4) {
                    0 => transaction.delete(collection, key),
                    1 => transaction.expire(collection, key, at),
                    _ => {
                        let text = format!("{{\"n\":{},\"m\":\"{now}\"}}", random.below(5));
                        transaction.set(collection, key, document(&text), at);
                    }
                }
            }
            writer.commit(&[transaction], Durability::Appended).unwrap();
        }
    }
}

#[test]
fn an_empty_log_and_one_that_is_to_be_kept_whole_are_not_compacted() {
    let (sim, clock) = (SimFs::new(1), ManualClock::new(Timestamp(1_000)));
    let (mut writer, reader) = open_with(&sim, &clock);
    assert!(writer.begin_compaction(History::None).unwrap().is_none());
    for number in 0..5 {
        appended(&mut writer, &[&format!("a={number}")]).unwrap();
    }
    let before = bytes_of(&sim);
    let mut compaction = begin(&mut writer, History::For(Duration::from_millis(1)));
    let step = loop {
        match compaction.step().unwrap() {
            CompactionStep::Working { .. } => {}
            other => break other,
        }
    };
    let log_bytes = reader.stats().unwrap().log_bytes;
    assert_eq!(step, CompactionStep::Pointless { log_bytes });
    assert_eq!(compaction.step().unwrap(), step);
    drop(compaction);
    assert_eq!((bytes_of(&sim), sim.names().len()), (before, 1));
    // Kept for its history, the base section is garbage as soon as that is not wanted any more.
    compact(&mut writer, History::Versions(3));
    assert_eq!(Decoded::read(&bytes_of(&sim)).base.len(), 3);
    assert!(!advance(&mut begin(&mut writer, History::Versions(3))).unwrap());
    compact(&mut writer, History::Versions(2));
    assert_eq!(Decoded::read(&bytes_of(&sim)).base.len(), 2);
    compact(&mut writer, History::None);
    assert_eq!(Decoded::read(&bytes_of(&sim)).base.len(), 1);
    assert!(!advance(&mut begin(&mut writer, History::None)).unwrap());
    // A database from which everything is deleted leaves an empty section.
    synced(&mut writer, &["a"]).unwrap();
    compact(&mut writer, History::Versions(9));
    assert_eq!(Decoded::read(&bytes_of(&sim)).base, []);
    drop((writer, reader));
    assert_goes_on(&sim, &Contents::new());
}
