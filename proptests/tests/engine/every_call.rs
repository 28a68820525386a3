//! Every call that the engine makes, failing or losing power in turn: creating, opening, committing, closing, recovering.

use std::path::Path;

use ferrumdb_engine::fs::{Effect, Fate, Fault, FileSystem, OpenMode, SimFs, SimOperation, write_all};
use ferrumdb_engine::{Durability, Error};

use crate::bytes::commit_ends;
use crate::common::{
    Contents, PATH, appended, assert_goes_on, bytes_of, contents, disk_with, expected, open_on, synced,
    transaction,
};

/// What one life of a database was told: the state after each commit that it tried, and how many of them were
/// acknowledged as synced, and as appended.
struct Life {
    states: Vec<Contents>,
    synced: usize,
    appended: usize,
}

/// Opens, commits some groups and closes, for as long as nothing fails for good.
fn live(sim: &SimFs) -> Life {
    let mut life = Life { states: vec![Contents::new()], synced: 0, appended: 0 };
    let Ok((mut writer, _)) = open_on(sim) else { return life };
    let steps: [(&[&str], Durability); 5] = [
        (&["a=1"], Durability::Synced),
        (&["b=2", "a"], Durability::Appended),
        (&["c=3"], Durability::Appended),
        (&["d=4", "b=5"], Durability::Synced),
        (&["e=6"], Durability::Appended),
    ];
    for (changes, durability) in steps {
        let mut state = life.states.last().unwrap().clone();
        for change in changes {
            match change.split_once('=') {
                Some((key, json)) => state.insert(key.to_owned(), json.to_owned()),
                None => state.remove(*change),
            };
        }
        match writer.commit(&[transaction(changes)], durability) {
            Ok(_) => {
                life.states.push(state);
                life.appended = life.states.len() - 1;
                if durability == Durability::Synced {
                    life.synced = life.appended;
                }
            }
            Err(Error::Io { .. }) => {}
            Err(Error::InDoubt { .. }) => {
                life.states.push(state);
                return life;
            }
            Err(other) => panic!("{other}"),
        }
    }
    if writer.close().is_ok() {
        life.synced = life.appended;
    }
    life
}

/// The calls of a whole life without any fault, on this disk.
fn calls_of_a_life(sim: &SimFs) -> u64 {
    let before = sim.total_calls();
    live(sim);
    sim.total_calls() - before
}

fn assert_one_of(found: &Contents, states: &[Contents], what: &str) {
    assert!(states.contains(found), "{what}: {found:?} is none of {states:?}");
}

#[test]
fn any_call_may_fail_once_or_for_good_and_nothing_acknowledged_is_lost() {
    let calls = calls_of_a_life(&SimFs::new(1));
    assert!(calls > 20);
    for nth in 1..=calls + 1 {
        for always in [false, true] {
            for effect in [Effect::OsError(5), Effect::Error(std::io::ErrorKind::StorageFull)] {
                let sim = SimFs::new(nth);
                let fault = Fault::new(SimOperation::Any, effect).nth(nth);
                sim.inject(if always { fault.always() } else { fault });
                let life = live(&sim);
                sim.clear_faults();
                let what = format!("call {nth}, {effect:?}, always: {always}");
                let cut = sim.fork(nth);
                let (writer, reader) = open_on(&sim).unwrap_or_else(|error| panic!("{what}: {error}"));
                assert_one_of(&contents(&reader), &life.states[life.appended..], &what);
                drop((writer, reader));
                cut.crash();
                let (_, reader) = open_on(&cut).unwrap_or_else(|error| panic!("{what}: {error}"));
                assert_one_of(&contents(&reader), &life.states[life.synced..], &what);
            }
        }
    }
}

#[test]
fn the_power_may_go_at_any_call_of_a_life() {
    let calls = calls_of_a_life(&SimFs::new(1));
    for nth in 1..=calls + 1 {
        for seed in 0..6 {
            let sim = SimFs::new(seed);
            sim.inject(Fault::new(SimOperation::Any, Effect::Crash).nth(nth));
            let life = live(&sim);
            sim.clear_faults();
            match seed {
                0 => sim.crash_with(|_| Fate::Dropped),
                1 => sim.crash_with(|_| Fate::Kept),
                _ => sim.crash(),
            };
            let (_, reader) =
                open_on(&sim).unwrap_or_else(|error| panic!("call {nth}, seed {seed}: {error}"));
            let found = contents(&reader);
            assert_one_of(&found, &life.states[life.synced..], &format!("call {nth}, seed {seed}"));
            drop(reader);
            if seed < 3 {
                assert_goes_on(&sim, &found);
            }
        }
    }
}

/// A disk on which recovering has everything to do: a torn tail with whole commits in it, behind commits that were
/// never synced; and what recovering keeps. All of it is durable, or only the first commit.
fn torn_disk(is_durable: bool) -> (SimFs, Contents) {
    let sim = SimFs::new(1);
    let (mut writer, _) = open_on(&sim).unwrap();
    synced(&mut writer, &["a=1"]).unwrap();
    appended(&mut writer, &["b=2"]).unwrap();
    let group = [transaction(&["c=3"]), transaction(&["d=4"]), transaction(&["e=5"])];
    writer.commit(&group, Durability::Appended).unwrap();
    let mut file = bytes_of(&sim);
    let ends = commit_ends(&file);
    file[ends[2] + 44] ^= 1;
    let sim = disk_with(&file[..if is_durable { file.len() } else { ends[1] }]);
    let handle = sim.open(Path::new(PATH), OpenMode::ReadWrite).unwrap();
    write_all(&*handle, &file[ends[1]..], ends[1] as u64).unwrap();
    (sim, expected(&[("a", "1"), ("b", "2")]))
}

/// How many calls it takes to recover this disk.
fn calls_of_a_recovery(sim: &SimFs) -> u64 {
    let fork = sim.fork(1);
    let before = fork.total_calls();
    drop(open_on(&fork).unwrap());
    fork.total_calls() - before
}

#[test]
fn the_power_may_go_again_at_any_call_of_a_recovery() {
    let (sim, state) = torn_disk(false);
    let synced_only = expected(&[("a", "1")]);
    for nth in 1..=calls_of_a_recovery(&sim) {
        for seed in 0..6 {
            let sim = sim.fork(seed);
            sim.inject(Fault::new(SimOperation::Any, Effect::Crash).nth(nth));
            assert!(open_on(&sim).is_err() || nth > 8, "the power goes during the opening");
            sim.clear_faults();
            sim.crash();
            let (_, reader) =
                open_on(&sim).unwrap_or_else(|error| panic!("call {nth}, seed {seed}: {error}"));
            let found = contents(&reader);
            assert_one_of(&found, &[synced_only.clone(), state.clone()], &format!("call {nth}, seed {seed}"));
            drop(reader);
            assert_goes_on(&sim, &found);
        }
    }
}

#[test]
fn what_was_durable_before_a_recovery_is_durable_whenever_the_power_goes() {
    let (sim, state) = torn_disk(true);
    for nth in 1..=calls_of_a_recovery(&sim) {
        for third in [None, Some(1), Some(5), Some(9)] {
            let sim = sim.fork(nth);
            for nth in [Some(nth), third].into_iter().flatten() {
                sim.inject(Fault::new(SimOperation::Any, Effect::Crash).nth(nth));
                drop(open_on(&sim));
                sim.clear_faults();
                sim.crash();
            }
            let saved = sim.live_bytes("/my.db.torn-2");
            let (_, reader) = open_on(&sim).unwrap();
            assert_eq!(contents(&reader), state, "call {nth}, then {third:?}");
            let recovery = reader.stats().unwrap().recovery;
            assert!(
                saved.is_some() || recovery.torn_file.is_some(),
                "the tail is cut only after it was saved"
            );
            drop(reader);
            assert_goes_on(&sim, &state);
        }
    }
}

#[test]
fn any_call_of_a_recovery_may_fail_once_or_for_good() {
    let (sim, state) = torn_disk(false);
    for nth in 1..=calls_of_a_recovery(&sim) {
        for always in [false, true] {
            let sim = sim.fork(nth);
            let fault = Fault::new(SimOperation::Any, Effect::OsError(5)).nth(nth);
            sim.inject(if always { fault.always() } else { fault });
            match open_on(&sim) {
                Ok((_, reader)) => {
                    sim.clear_faults();
                    assert_eq!(contents(&reader), state);
                }
                Err(Error::Io { .. }) => {}
                Err(other) => panic!("call {nth}: {other}"),
            }
            sim.clear_faults();
            assert_goes_on(&sim, &state);
            assert!(sim.live_bytes("/my.db.torn-2").is_some());
        }
    }
}

#[test]
fn a_file_that_is_refused_is_never_written_whatever_fails() {
    let (sim, _) = torn_disk(false);
    let mut file = bytes_of(&sim);
    file[8192 + 50] ^= 1;
    let sim = disk_with(&file);
    sim.record();
    assert!(matches!(open_on(&sim), Err(Error::Damaged { .. })));
    let writing = [SimOperation::Write, SimOperation::SetLen, SimOperation::Rename, SimOperation::Publish];
    assert!(sim.trace().iter().all(|call| !writing.contains(&call.operation)));
    assert_eq!(bytes_of(&sim), file);
}
