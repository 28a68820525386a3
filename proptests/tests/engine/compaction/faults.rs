//! Compaction on a disk that fails, fills up, lies or loses power: the file is the old one or the new one, whole.

use ferrumdb_engine::fs::{Effect, Fate, Fault, SimFs, SimOperation};
use ferrumdb_engine::{CompactionStep, Durability, Error, History, Relocation, Result, Writer};

use super::{advance, compact, prepared, relocate, temporaries};
use crate::common::{
    Contents, appended, assert_goes_on, bytes_of, contents, expected, open_on, refusal, synced, transaction,
};
use crate::decoded::Decoded;

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
