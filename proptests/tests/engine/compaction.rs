//! Compaction on a disk that fails, lies, rots or loses power: the file is the old one or the new one, whole, nothing
//! acknowledged is lost, and whatever ends a compaction changes nothing.

use std::path::Path;
use std::thread;

use ferrumdb_engine::fs::{
    DiskFs, Effect, Fate, Fault, FileSystem, OpenMode, SimFs, SimOperation, write_all,
};
use ferrumdb_engine::{
    Compacted, Compaction, CompactionStep, Durability, Error, History, Reader, Relocation, Result, Writer,
};

use crate::bytes::{commit_ends, records, seal_header};
use crate::common::{
    Contents, LOG_START, PATH, ROOT, appended, assert_goes_on, bytes_of, contents, disk_with, expected,
    open_at, open_on, refusal, synced, transaction,
};
use crate::damage::assert_damaged;
use crate::decoded::{Decoded, seal_log};

/// Steps until the writer can do the rest; false, if there is nothing to do.
pub(crate) fn advance(compaction: &mut Compaction) -> Result<bool> {
    loop {
        match compaction.step()? {
            CompactionStep::Working { .. } => {}
            CompactionStep::Ready => return Ok(true),
            CompactionStep::Pointless { .. } => return Ok(false),
        }
    }
}

pub(crate) fn begin(writer: &mut Writer, history: History) -> Compaction {
    writer.begin_compaction(history).unwrap().expect("there is something to compact")
}

/// A compaction that only its installation is missing to.
pub(crate) fn ready(writer: &mut Writer, history: History) -> Compaction {
    let mut compaction = begin(writer, history);
    assert!(advance(&mut compaction).unwrap(), "it has something to do");
    compaction
}

pub(crate) fn relocate(writer: &mut Writer, mut relocation: Relocation) {
    while relocation.step() {}
    writer.finish_relocation(&relocation);
}

/// A whole compaction.
pub(crate) fn compact(writer: &mut Writer, history: History) -> Compacted {
    let compaction = ready(writer, history);
    let (relocation, compacted) = writer.install_compaction(compaction).unwrap();
    relocate(writer, relocation);
    compacted
}

/// The names of files that are not finished.
fn temporaries(sim: &SimFs) -> usize {
    sim.names().iter().filter(|name| name.display().to_string().contains(".new-")).count()
}

/// Some garbage and some documents, the last commit not synced; and the states before and with that commit.
fn prepared(sim: &SimFs) -> (Writer, Reader, [Contents; 2]) {
    let (mut writer, reader) = open_on(sim).unwrap();
    for changes in [&["a=1", "b=2", "x=0"][..], &["a=3"], &["c=4", "d=5"], &["d", "x"], &["b=6"]] {
        synced(&mut writer, changes).unwrap();
    }
    let before = contents(&reader);
    appended(&mut writer, &["e=7", "c"]).unwrap();
    let with = contents(&reader);
    (writer, reader, [before, with])
}

/// Begins, steps and installs a compaction, for as long as nothing fails.
fn try_to_compact(writer: &mut Writer) -> Result<Relocation> {
    let mut compaction = writer.begin_compaction(History::None)?.expect("there is something to compact");
    assert!(advance(&mut compaction)?);
    writer.install_compaction(compaction).map(|(relocation, _)| relocation)
}

fn calls_of_a_compaction() -> u64 {
    let sim = SimFs::new(1);
    let (mut writer, ..) = prepared(&sim);
    let before = sim.total_calls();
    try_to_compact(&mut writer).unwrap();
    sim.total_calls() - before
}

const EFFECTS: [Effect; 5] = [
    Effect::OsError(5),
    Effect::OsError(28),
    Effect::PartialThenError(100, std::io::ErrorKind::StorageFull),
    Effect::Short(60),
    Effect::Short(0),
];

#[test]
fn any_call_of_a_compaction_may_fail_once_or_for_good_and_nothing_changes() {
    let calls = calls_of_a_compaction();
    assert!(calls >= 15, "{calls}");
    for nth in 1..=calls + 1 {
        for (effect, always) in EFFECTS.into_iter().flat_map(|effect| [(effect, false), (effect, true)]) {
            let what = format!("call {nth}, {effect:?}, always: {always}");
            let sim = SimFs::new(nth);
            let (mut writer, reader, [before, with]) = prepared(&sim);
            sim.record();
            let fault = Fault::new(SimOperation::Any, effect).nth(nth);
            sim.inject(if always { fault.always() } else { fault });
            let result = try_to_compact(&mut writer);
            sim.clear_faults();
            let failed = sim.trace().into_iter().find(|call| call.effect.is_some());
            let failed = failed.map(|call| call.operation);
            assert_eq!(contents(&reader), with, "{what}");
            let is_installed = match result {
                Ok(relocation) => {
                    relocate(&mut writer, relocation);
                    true
                }
                Err(Error::Io { .. }) => {
                    assert!(failed != Some(SimOperation::SyncDirectory), "{what}");
                    assert!(!writer.is_poisoned(), "{what}");
                    assert!(always || temporaries(&sim) == 0, "{what}: a temporary is left");
                    assert_eq!(Decoded::read(&bytes_of(&sim)).generation, 1, "{what}");
                    false
                }
                Err(Error::InDoubt { .. }) => {
                    // If the renaming failed, it is asked whether it did, which fails too.
                    let may_be = [SimOperation::SyncDirectory, SimOperation::Rename];
                    assert!(failed.is_some_and(|failed| may_be.contains(&failed)), "{what}: {failed:?}");
                    assert!(matches!(synced(&mut writer, &["no=1"]), Err(Error::Poisoned { .. })), "{what}");
                    assert!(matches!(refusal(&sim), Error::Locked { .. }), "{what}");
                    for (seed, states) in [(1, [&before, &with]), (2, [&with, &with])] {
                        let after = sim.fork(seed);
                        if seed == 1 {
                            after.crash();
                        }
                        let (_, reader) = open_on(&after).unwrap();
                        assert!(states.contains(&&contents(&reader)), "{what}");
                    }
                    continue;
                }
                Err(other) => panic!("{what}: {other}"),
            };
            assert!(is_installed || failed.is_some(), "{what}: it fails only if something does");
            power_goes(&sim, &[if is_installed { &with } else { &before }, &with], &what);
            // Commits go on, and the next compaction is not held up by this one.
            synced(&mut writer, &["f=8"]).unwrap();
            let state = contents(&reader);
            assert_eq!(state.len(), with.len() + 1, "{what}");
            compact(&mut writer, History::None);
            assert_eq!(contents(&reader), state, "{what}");
            power_goes(&sim, &[&state], &what);
            drop((writer, reader));
            assert_goes_on(&sim, &state);
        }
    }
}

/// Lets the power go, with every kind of fate for what is not synced, and finds one of these states.
#[track_caller]
fn power_goes(sim: &SimFs, states: &[&Contents], what: &str) {
    for seed in 0..4 {
        let after = sim.fork(seed);
        crash_with_seed(&after, seed);
        let (writer, reader) =
            open_on(&after).unwrap_or_else(|error| panic!("{what}, fates {seed}: {error}"));
        let found = contents(&reader);
        assert!(states.contains(&&found), "{what}, fates {seed}: {found:?} is none of {states:?}");
        assert_eq!(temporaries(&after), 0, "{what}: the next opening removes them");
        drop((writer, reader));
        Decoded::read(&bytes_of(&after));
    }
}

/// What a life with a compaction in it was told.
struct Life {
    states: Vec<Contents>,
    appended: usize,
    synced: usize,
}

impl Life {
    fn commit(&mut self, writer: &mut Writer, key: &str, durability: Durability) -> Result<()> {
        let mut state = self.states.last().unwrap().clone();
        let text = self.states.len().to_string();
        let change = format!("{key}={text}");
        state.insert(key.to_owned(), text);
        let result = writer.commit(&[transaction(&[&change])], durability);
        if matches!(result, Ok(_) | Err(Error::InDoubt { .. })) {
            self.states.push(state);
        }
        result?;
        self.appended = self.states.len() - 1;
        if durability == Durability::Synced {
            self.synced = self.appended;
        }
        Ok(())
    }
}

/// Two compactions with commits before, between and behind all their steps, until something fails.
fn live(sim: &SimFs, life: &mut Life) -> Result<()> {
    let (mut writer, _reader) = open_on(sim)?;
    life.commit(&mut writer, "a", Durability::Synced)?;
    life.commit(&mut writer, "a", Durability::Appended)?;
    for history in [History::None, History::Versions(2)] {
        life.commit(&mut writer, "b", Durability::Synced)?;
        let mut compaction = writer.begin_compaction(history)?.expect("there is something to compact");
        life.commit(&mut writer, "c", Durability::Appended)?;
        while !matches!(compaction.step()?, CompactionStep::Ready) {
            life.commit(&mut writer, "d", Durability::Synced)?;
        }
        life.commit(&mut writer, "a", Durability::Appended)?;
        let (mut relocation, _) = writer.install_compaction(compaction)?;
        life.synced = life.appended;
        life.commit(&mut writer, "e", Durability::Synced)?;
        for _ in 0..200 {
            relocation.step();
        }
        life.commit(&mut writer, "b", Durability::Appended)?;
        relocate(&mut writer, relocation);
        life.commit(&mut writer, "a", Durability::Synced)?;
    }
    writer.close()?;
    life.synced = life.appended;
    Ok(())
}

fn lived(sim: &SimFs) -> Life {
    let mut life = Life { states: vec![Contents::new()], appended: 0, synced: 0 };
    match live(sim, &mut life) {
        Ok(()) | Err(Error::Io { .. } | Error::InDoubt { .. }) => life,
        Err(other) => panic!("{other}"),
    }
}

fn calls_of_a_life() -> u64 {
    let sim = SimFs::new(1);
    let life = lived(&sim);
    assert_eq!(life.synced, life.states.len() - 1, "nothing fails");
    assert_eq!(Decoded::read(&bytes_of(&sim)).generation, 3);
    sim.total_calls()
}

fn crash_with_seed(sim: &SimFs, seed: u64) {
    match seed {
        0 => sim.crash_with(|_| Fate::Dropped),
        1 => sim.crash_with(|_| Fate::Kept),
        _ => sim.crash(),
    };
}

#[test]
fn the_power_may_go_at_any_call_of_a_compaction_and_of_the_recovery_that_follows() {
    let calls = calls_of_a_life();
    for nth in 1..=calls + 1 {
        for seed in 0..6 {
            let what = format!("call {nth}, seed {seed}");
            let sim = SimFs::new(seed);
            sim.inject(Fault::new(SimOperation::Any, Effect::Crash).nth(nth));
            let life = lived(&sim);
            sim.clear_faults();
            crash_with_seed(&sim, seed);
            // And again, at any call of the recovery.
            let recovery = {
                let sim = sim.fork(seed);
                drop(open_on(&sim).unwrap_or_else(|error| panic!("{what}: {error}")));
                sim.total_calls()
            };
            let again = (1..=recovery).filter(|again| (again + nth) % 5 == seed % 5);
            for again in again.chain([u64::MAX]) {
                let sim = sim.fork(seed);
                sim.inject(Fault::new(SimOperation::Any, Effect::Crash).nth(again));
                drop(open_on(&sim));
                sim.clear_faults();
                crash_with_seed(&sim, seed.wrapping_add(again) % 4);
                let (writer, reader) =
                    open_on(&sim).unwrap_or_else(|error| panic!("{what}, {again}: {error}"));
                let found = contents(&reader);
                let may_be = &life.states[life.synced..];
                assert!(may_be.contains(&found), "{what}, {again}: {found:?} is none of {may_be:?}");
                assert_eq!(temporaries(&sim), 0, "{what}, {again}");
                drop((writer, reader));
                Decoded::read(&bytes_of(&sim));
                if again == u64::MAX {
                    assert_goes_on(&sim, &found);
                }
            }
        }
    }
}

#[test]
fn any_call_of_a_life_with_compactions_may_fail_for_good() {
    let calls = calls_of_a_life();
    for nth in 1..=calls + 1 {
        for effect in [Effect::OsError(5), Effect::Error(std::io::ErrorKind::StorageFull)] {
            let sim = SimFs::new(nth);
            sim.inject(Fault::new(SimOperation::Any, effect).nth(nth).always());
            let life = lived(&sim);
            sim.clear_faults();
            let what = format!("call {nth}, {effect:?}");
            let cut = sim.fork(nth);
            let (_, reader) = open_on(&sim).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert!(life.states[life.appended..].contains(&contents(&reader)), "{what}");
            cut.crash();
            let (_, reader) = open_on(&cut).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert!(life.states[life.synced..].contains(&contents(&reader)), "{what}");
        }
    }
}

#[test]
fn a_compaction_that_has_failed_is_of_no_use_any_more() {
    for operation in [SimOperation::Read, SimOperation::Write, SimOperation::Sync] {
        let sim = SimFs::new(1);
        let (mut writer, reader, [_, with]) = prepared(&sim);
        let mut compaction = begin(&mut writer, History::None);
        sim.inject(Fault::new(operation, Effect::OsError(5)));
        assert!(matches!(advance(&mut compaction), Err(Error::Io { .. })), "{operation:?}");
        // A second sync would succeed, and prove nothing.
        for _ in 0..3 {
            assert!(matches!(compaction.step(), Err(Error::Cancelled)), "{operation:?}");
        }
        drop(compaction);
        assert_eq!((temporaries(&sim), contents(&reader)), (0, with));
    }
}

#[test]
fn of_two_compactions_of_one_generation_only_the_first_is_installed() {
    for steps in 0..5 {
        let sim = SimFs::new(1);
        let (mut writer, reader, [_, with]) = prepared(&sim);
        let (first, mut second) = (ready(&mut writer, History::None), begin(&mut writer, History::None));
        for _ in 0..steps {
            second.step().unwrap();
        }
        let (relocation, _) = writer.install_compaction(first).unwrap();
        assert!(writer.begin_compaction(History::None).unwrap().is_none(), "entries are still being moved");
        relocate(&mut writer, relocation);
        synced(&mut writer, &["f=8"]).unwrap();
        // Only if it had come to its end does it find out from the writer.
        match advance(&mut second) {
            Ok(true) => assert!(matches!(writer.install_compaction(second), Err(Error::Cancelled))),
            Err(Error::Cancelled) => drop(second),
            other => panic!("after {steps} steps: {other:?}"),
        }
        assert_eq!(temporaries(&sim), 0);
        let state = contents(&reader);
        assert_eq!(state.len(), with.len() + 1);
        drop((writer, reader));
        assert_goes_on(&sim, &state);
        assert_eq!(Decoded::read(&bytes_of(&sim)).generation, 2);
    }
}

#[test]
fn a_compaction_of_an_earlier_opening_is_not_installed() {
    let sim = SimFs::new(1);
    let (mut writer, _, [_, with]) = prepared(&sim);
    let compaction = ready(&mut writer, History::None);
    drop(writer);
    let (mut writer, reader) = open_on(&sim).unwrap();
    assert_eq!(temporaries(&sim), 1, "its maker lives");
    assert!(matches!(writer.install_compaction(compaction), Err(Error::Cancelled)));
    assert_eq!((temporaries(&sim), contents(&reader)), (0, with));
}

#[test]
fn a_compaction_is_cancelled_at_any_step() {
    for steps in 0..6 {
        let sim = SimFs::new(1);
        let (mut writer, reader, [_, with]) = prepared(&sim);
        let before = bytes_of(&sim);
        let mut compaction = begin(&mut writer, History::None);
        let cancel = compaction.canceller();
        for _ in 0..steps {
            compaction.step().unwrap();
        }
        cancel.cancel();
        assert!(matches!(compaction.step(), Err(Error::Cancelled)));
        drop(compaction);
        cancel.cancel();
        assert_eq!((temporaries(&sim), contents(&reader), bytes_of(&sim)), (0, with, before));
    }
}

#[test]
fn a_sync_of_the_old_file_says_nothing_about_the_new_one() {
    for fails in [false, true] {
        let sim = SimFs::new(1);
        let (mut writer, reader) = open_on(&sim).unwrap();
        for number in 0..100 {
            appended(&mut writer, &[&format!("a={number}")]).unwrap();
        }
        let task = writer.begin_sync().unwrap();
        compact(&mut writer, History::None);
        appended(&mut writer, &["b=1"]).unwrap();
        if fails {
            sim.inject(Fault::new(SimOperation::Sync, Effect::OsError(5)));
        }
        // Whatever became of the old file: everything was synced in the new one.
        writer.finish_sync(task.run()).unwrap();
        sim.clear_faults();
        assert!(writer.has_unsynced(), "the newest commit is in the new file alone");
        writer.sync().unwrap();
        drop((writer, reader));
        sim.crash_with(|_| Fate::Dropped);
        assert_goes_on(&sim, &expected(&[("a", "99"), ("b", "1")]));
    }
}

#[test]
fn what_only_memory_held_is_on_the_disk_after_a_compaction() {
    let sim = SimFs::new(1);
    let (mut writer, reader, [_, with]) = prepared(&sim);
    assert!(writer.has_unsynced());
    sim.record();
    compact(&mut writer, History::None);
    assert!(!writer.has_unsynced());
    // The order in which it has to be: contents, name, folder.
    let order: Vec<_> = sim.trace().iter().map(|call| call.operation).collect();
    let last = |operation| order.iter().rposition(|called| *called == operation).unwrap();
    assert!(last(SimOperation::Write) < last(SimOperation::Sync));
    assert!(last(SimOperation::Sync) < last(SimOperation::Rename));
    assert!(last(SimOperation::Rename) < last(SimOperation::SyncDirectory));
    drop((writer, reader));
    sim.crash_with(|_| Fate::Dropped);
    assert_goes_on(&sim, &with);
}

#[test]
fn damage_beneath_a_compaction_is_refused_and_nothing_changes() {
    let sim = SimFs::new(1);
    let (mut writer, reader, [_, with]) = prepared(&sim);
    let end = LOG_START + reader.stats().unwrap().log_bytes as usize;
    for position in (LOG_START..end).step_by(5) {
        for steps in [0, 1] {
            let mut compaction = begin(&mut writer, History::None);
            for _ in 0..steps {
                compaction.step().unwrap();
            }
            let good = bytes_of(&sim);
            sim.overwrite(PATH, position as u64, &[good[position] ^ 4]);
            let bad = bytes_of(&sim);
            match advance(&mut compaction) {
                Err(Error::Damaged { position: told, .. }) => assert!(told as usize <= position),
                other => panic!("byte {position}: {other:?}"),
            }
            drop(compaction);
            assert_eq!((temporaries(&sim), bytes_of(&sim)), (0, bad));
            assert!(!writer.is_poisoned());
            sim.overwrite(PATH, position as u64, &[good[position]]);
        }
    }
    // In what is caught up with by the writer itself.
    let compaction = ready(&mut writer, History::None);
    synced(&mut writer, &["f=8"]).unwrap();
    let good = bytes_of(&sim)[end + 60];
    sim.overwrite(PATH, end as u64 + 60, &[good ^ 1]);
    assert!(matches!(writer.install_compaction(compaction), Err(Error::Damaged { .. })));
    sim.overwrite(PATH, end as u64 + 60, &[good]);
    let mut state = with;
    state.insert("f".to_owned(), "8".to_owned());
    assert_eq!(contents(&reader), state);
    compact(&mut writer, History::None);
    drop((writer, reader));
    assert_goes_on(&sim, &state);
}

/// A compacted file with commits behind its base section, closed or left; and what it holds.
pub(crate) fn compacted(is_closed: bool) -> (Vec<u8>, Contents) {
    let sim = SimFs::new(1);
    let (mut writer, reader, _) = prepared(&sim);
    if is_closed {
        let compaction = ready(&mut writer, History::None);
        synced(&mut writer, &["f=8", "b=9"]).unwrap();
        let (relocation, _) = writer.install_compaction(compaction).unwrap();
        relocate(&mut writer, relocation);
        synced(&mut writer, &["g=10", "a"]).unwrap();
        writer.close().unwrap();
    } else {
        compact(&mut writer, History::None);
    }
    (bytes_of(&sim), contents(&reader))
}

/// Where the record begins that holds this byte.
fn record_of(file: &[u8], position: usize) -> usize {
    records(file).into_iter().rfind(|record| record.start <= position).unwrap().start
}

#[test]
fn each_bad_byte_in_a_base_section_is_damage_at_its_record() {
    for is_closed in [false, true] {
        let (file, state) = compacted(is_closed);
        let base_end = Decoded::read(&file).base_end;
        assert!(Decoded::read(&file).base.len() > 2);
        for position in LOG_START..base_end {
            let mut bad = file.clone();
            bad[position] ^= 1 << (position % 8);
            assert_damaged(&bad, record_of(&file, position));
        }
        assert_goes_on(&disk_with(&file), &state);
    }
}

#[test]
fn a_compacted_file_that_ends_within_its_base_section_is_damaged() {
    for is_closed in [false, true] {
        let (file, _) = compacted(is_closed);
        let base_end = Decoded::read(&file).base_end;
        for end in LOG_START..base_end {
            assert_damaged(&file[..end], record_of(&file, end));
            let mut zeros = file.clone();
            zeros[end..].fill(0);
            let changed = (end..file.len()).find(|position| file[*position] != 0).unwrap();
            assert_damaged(&zeros, record_of(&file, changed));
        }
        // The header says that more was there.
        let mut older = file.clone();
        for copy in [0, 1] {
            older[copy * 4096 + 88..copy * 4096 + 96].copy_from_slice(&(LOG_START as u64).to_le_bytes());
            seal_header(&mut older, copy);
        }
        for end in LOG_START..base_end {
            assert_damaged(&older[..end], record_of(&file, end));
        }
    }
}

#[test]
fn a_forged_base_section_is_damage() {
    let (file, _) = compacted(true);
    let decoded = Decoded::read(&file);
    let (first, second) = (decoded.base[0].position, decoded.base[1].position);
    let end = record_of(&file, decoded.base_end - 1);
    let sequence = |file: &mut [u8], start: usize, number: u64| {
        file[start + 8..start + 16].copy_from_slice(&number.to_le_bytes());
    };
    let forged = |change: &dyn Fn(&mut Vec<u8>), position| {
        let mut bad = file.clone();
        change(&mut bad);
        seal_log(&mut bad);
        assert_damaged(&bad, position);
    };
    let mut same = file.clone();
    seal_log(&mut same);
    assert!(same == file, "sealing changes nothing");
    forged(&|file| file[end + 56] += 1, end);
    forged(&|file| file[end + 56] -= 1, end);
    forged(&|file| sequence(file, end, decoded.floor - 1), end);
    forged(&|file| sequence(file, end, decoded.floor + 1), end);
    forged(&|file| sequence(file, second, decoded.base[0].sequence), second);
    forged(&|file| sequence(file, second, decoded.floor + 1), second);
    forged(&|file| file[first + 2] = 7, first);
    // A commit that ends no base section, and a base section that the header does not know.
    forged(&|file| file[decoded.base_end + 2] = 7, decoded.base_end);
    let floor = |file: &mut Vec<u8>, floor: u64| {
        for copy in [0, 1] {
            file[copy * 4096 + 80..copy * 4096 + 88].copy_from_slice(&floor.to_le_bytes());
            seal_header(file, copy);
        }
    };
    forged(&|file| floor(file, 0), LOG_START);
    forged(&|file| floor(file, decoded.floor + 1), end);
}

#[test]
fn a_record_that_names_itself_or_a_later_one_as_the_version_before_is_damage() {
    let sim = SimFs::new(1);
    let (mut writer, ..) = prepared(&sim);
    synced(&mut writer, &["a"]).unwrap();
    writer.close().unwrap();
    let file = bytes_of(&sim);
    let record = Decoded::read(&file).commits.into_iter().rfind(|entry| entry.previous > 0).unwrap();
    let commit = *commit_ends(&file).iter().rfind(|end| **end <= record.position).unwrap();
    for previous in [record.position, record.end, LOG_START - 8, 1, file.len() * 2, 1 << 50] {
        let mut bad = file.clone();
        bad[record.position + 16..record.position + 24].copy_from_slice(&(previous as u64).to_le_bytes());
        seal_log(&mut bad);
        assert_damaged(&bad, commit);
    }
}

#[test]
fn a_log_whose_records_name_those_of_other_keys_is_not_compacted() {
    let sim = SimFs::new(1);
    let (writer, ..) = prepared(&sim);
    writer.close().unwrap();
    let mut file = bytes_of(&sim);
    let commits = Decoded::read(&file).commits;
    let (b, e) =
        (commits.iter().rfind(|entry| entry.key == "b"), commits.iter().find(|entry| entry.key == "e"));
    let (b, e) = (b.unwrap().position, e.unwrap().position);
    file[e + 16..e + 24].copy_from_slice(&(b as u64).to_le_bytes());
    seal_log(&mut file);
    let sim = disk_with(&file);
    let (mut writer, reader) = open_on(&sim).unwrap();
    let state = contents(&reader);
    for history in [History::None, History::Versions(1), History::Versions(2)] {
        let mut compaction = begin(&mut writer, history);
        assert!(matches!(advance(&mut compaction), Err(Error::Damaged { .. })), "{history:?}");
        drop(compaction);
        assert_eq!((bytes_of(&sim), contents(&reader)), (file.clone(), state.clone()));
    }
}

#[test]
fn a_file_that_has_taken_the_name_is_not_replaced() {
    for is_taken in [true, false] {
        let sim = SimFs::new(1);
        let (mut writer, reader, [_, with]) = prepared(&sim);
        let compaction = ready(&mut writer, History::None);
        sim.rename(Path::new(PATH), Path::new("/moved.db")).unwrap();
        let other = is_taken.then(|| open_on(&sim).unwrap());
        let names = sim.names().len() - 1;
        assert!(matches!(writer.install_compaction(compaction), Err(Error::Io { .. })));
        assert_eq!((sim.names().len(), writer.is_poisoned()), (names, false));
        synced(&mut writer, &["f=8"]).unwrap();
        assert_eq!(contents(&reader).len(), with.len() + 1);
        if let Some((mut other, _)) = other {
            synced(&mut other, &["mine=1"]).unwrap();
            drop(other);
            assert_goes_on(&sim, &expected(&[("mine", "1")]));
        }
    }
}

#[cfg(unix)]
#[test]
fn whoever_could_not_read_the_old_file_cannot_read_the_new_one() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my.db");
    let (mut writer, _) = open_at(DiskFs, &path).unwrap();
    synced(&mut writer, &["a=1"]).unwrap();
    for mode in [0o600, 0o640, 0o666] {
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        synced(&mut writer, &["a=1"]).unwrap();
        compact(&mut writer, History::None);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode);
    }
}

#[test]
fn a_temporary_that_a_dead_compaction_left_is_removed_whatever_is_in_it() {
    let (file, state) = compacted(true);
    for (number, bytes) in [&file[..], &file[..8000], &[], &[0; 20_000]].into_iter().enumerate() {
        let sim = disk_with(&file);
        let stray = format!("{PATH}.new-{number:016x}");
        let handle = sim.open(Path::new(&stray), OpenMode::CreateNew).unwrap();
        write_all(&*handle, bytes, 0).unwrap();
        handle.sync().unwrap();
        sim.sync_directory(Path::new("/")).unwrap();
        drop(handle);
        assert_goes_on(&sim, &state);
        assert_eq!(temporaries(&sim), 0);
    }
}

#[test]
fn an_opening_that_waits_while_the_file_is_replaced_gets_the_new_one_or_none() {
    for (operation, is_dropped) in
        [(SimOperation::Lock, true), (SimOperation::Lock, false), (SimOperation::Open, true)]
    {
        let sim = SimFs::new(1);
        let (mut writer, reader, [_, with]) = prepared(&sim);
        let compaction = ready(&mut writer, History::None);
        sim.inject(Fault::new(operation, Effect::Block));
        let opening = {
            let second = sim.process();
            thread::spawn(move || open_on(&second).map(|(_, reader)| contents(&reader)))
        };
        while sim.blocked() == 0 {
            thread::yield_now();
        }
        let (relocation, _) = writer.install_compaction(compaction).unwrap();
        relocate(&mut writer, relocation);
        synced(&mut writer, &["f=8"]).unwrap();
        let state = contents(&reader);
        let held = (!is_dropped).then_some(writer);
        sim.release();
        match opening.join().unwrap() {
            Ok(found) => assert!(is_dropped && found == state, "{operation:?}: {found:?}, not {state:?}"),
            Err(Error::Locked { .. }) => assert!(!is_dropped),
            Err(other) => panic!("{operation:?}: {other}"),
        }
        drop(held);
        assert_eq!(state.len(), with.len() + 1);
    }
}

#[test]
fn while_the_file_is_replaced_no_second_opening_succeeds() {
    for operation in
        [SimOperation::Sync, SimOperation::Rename, SimOperation::SyncDirectory, SimOperation::Unlock]
    {
        let sim = SimFs::new(1);
        let (mut writer, _reader, _) = prepared(&sim);
        let compaction = ready(&mut writer, History::None);
        sim.inject(Fault::new(operation, Effect::Block));
        let installing = thread::spawn(move || {
            let (relocation, _) = writer.install_compaction(compaction).unwrap();
            relocate(&mut writer, relocation);
            synced(&mut writer, &["f=8"]).unwrap();
            writer
        });
        while sim.blocked() == 0 {
            assert!(!installing.is_finished(), "{operation:?} is a part of it");
            thread::yield_now();
        }
        let second = sim.process();
        for _ in 0..3 {
            let error = open_on(&second).map(drop).unwrap_err();
            assert!(matches!(error, Error::Locked { .. }), "{operation:?}: {error}");
        }
        sim.release();
        let writer = installing.join().unwrap();
        assert!(matches!(refusal(&sim), Error::Locked { .. }));
        drop(writer);
        let (_, reader) = open_on(&sim).unwrap();
        assert_eq!(reader.get(ROOT, "f").unwrap().unwrap().as_str(), "8");
    }
}

#[test]
fn tombstones_stay_where_they_are_whatever_the_number_of_the_generation() {
    let sim = SimFs::new(1);
    drop(open_on(&sim).unwrap());
    let mut file = bytes_of(&sim);
    for copy in [0, 1] {
        // In a keydir's entry, the number of this generation and nowhere at all look alike.
        file[copy * 4096 + 64..copy * 4096 + 72].copy_from_slice(&0x1_0000_u64.to_le_bytes());
        seal_header(&mut file, copy);
    }
    let sim = disk_with(&file);
    let (mut writer, reader) = open_on(&sim).unwrap();
    synced(&mut writer, &["a=1", "b=2"]).unwrap();
    let snapshot = reader.snapshot();
    synced(&mut writer, &["a"]).unwrap();
    compact(&mut writer, History::None);
    assert_eq!(snapshot.get(ROOT, "a").unwrap().unwrap().as_str(), "1");
    assert_eq!(contents(&reader), expected(&[("b", "2")]));
    drop((writer, reader, snapshot));
    assert_goes_on(&sim, &expected(&[("b", "2")]));
    assert_eq!(Decoded::read(&bytes_of(&sim)).generation, 0x1_0001);
}

#[test]
fn a_full_disk_refuses_a_compaction_and_nothing_else() {
    let sim = SimFs::new(1);
    let (mut writer, reader, [_, with]) = prepared(&sim);
    let mut refused = 0;
    for room in (0..40_000).step_by(512) {
        sim.set_capacity(Some(room));
        let result = try_to_compact(&mut writer);
        sim.set_capacity(None);
        assert_eq!(contents(&reader), with, "room for {room} bytes");
        match result {
            Ok(relocation) => {
                relocate(&mut writer, relocation);
                break;
            }
            Err(Error::Io { .. }) => refused += 1,
            Err(other) => panic!("room for {room} bytes: {other}"),
        }
        assert_eq!((temporaries(&sim), writer.is_poisoned()), (0, false), "room for {room} bytes");
        appended(&mut writer, &["a=3"]).unwrap();
    }
    assert!(refused > 10, "{refused}");
    drop((writer, reader));
    assert_goes_on(&sim, &with);
}
