//! Power cuts and failures at each call of what only encrypted databases do, and of what they do in another way.

use super::attacker::{HEADER_BYTES, newest_header, u64_at};
use super::database::{Contents, PATH, commit, compact, contents, key, open_on};
use ferrumdb_engine::fs::{Effect, Fate, Fault, SimFs, SimOperation};
use ferrumdb_engine::{CompactionStep, EncryptionKey, Error, History};

/// What becomes of what was not synced; the last keeps every other piece of each write, of a header too.
fn fates() -> [Fate; 3] {
    let kept = (0..64 << 10).step_by(304).map(|at| at..at + 152).collect();
    [Fate::Dropped, Fate::Kept, Fate::Torn { kept, grown: true }]
}

fn opens(sim: &SimFs, number: u8) -> Option<Contents> {
    match open_on(sim.fork(1).process(), Some(key(number))) {
        Ok((_writer, reader)) => Some(contents(&reader).unwrap()),
        Err(Error::WrongKey { .. }) => None,
        Err(error) => panic!("with key {number}: {error}"),
    }
}

/// Runs `work` from the same beginning with the power cut at its first call, its second, and so on until it is done, and
/// hands over what is left each time.
fn at_each_call(
    begin: impl Fn() -> SimFs,
    work: impl Fn(&SimFs) -> bool,
    check: impl Fn(&SimFs, bool, &str),
) {
    for (number, fate) in fates().into_iter().enumerate() {
        for nth in 1.. {
            let sim = begin();
            sim.inject(Fault::new(SimOperation::Any, Effect::Crash).nth(nth));
            let done = work(&sim);
            let is_over = sim.armed_faults() > 0;
            sim.clear_faults();
            sim.crash_with(|_| fate.clone());
            check(&sim, done, &format!("call {nth}, fate {number}"));
            assert!(nth < 500, "it ends");
            if is_over {
                break;
            }
        }
    }
}

fn filled() -> SimFs {
    let sim = SimFs::new(1);
    let (mut writer, _) = open_on(sim.process(), Some(key(1))).unwrap();
    commit(&mut writer, &["a=1", "b=2"]);
    commit(&mut writer, &["a=3", "c=\"later\""]);
    writer.close().unwrap();
    sim
}

#[test]
fn the_power_may_go_at_any_call_of_the_creation() {
    at_each_call(
        || SimFs::new(1),
        |sim| open_on(sim.process(), Some(key(1))).is_ok(),
        |sim, done, at| {
            if done {
                assert!(opens(sim, 2).is_none(), "{at}: any key opens it");
            }
            let (mut writer, reader) = open_on(sim.process(), Some(key(1))).unwrap();
            commit(&mut writer, &["a=1"]);
            assert_eq!(contents(&reader).unwrap().len(), 1, "{at}");
            assert!(sim.live_bytes(PATH).unwrap()[40] == 1, "{at}: it is encrypted");
        },
    );
}

#[test]
fn the_power_may_go_at_any_call_of_a_first_commit_which_writes_the_header() {
    let before = opens(&filled(), 1).unwrap();
    at_each_call(
        filled,
        |sim| {
            let Ok((mut writer, _)) = open_on(sim.process(), Some(key(1))) else { return false };
            let transaction = super::database::transaction(&["d=4"]);
            writer.commit(&[transaction], ferrumdb_engine::Durability::Synced).is_ok()
        },
        |sim, done, at| {
            let after = opens(sim, 1).unwrap_or_else(|| panic!("{at}: the key is wrong"));
            assert!(after.len() == 4 || !done && after == before, "{at}: {after:?}");
            assert!(opens(sim, 2).is_none(), "{at}");
        },
    );
}

#[test]
fn the_power_may_go_at_any_call_of_a_compaction() {
    let before = opens(&filled(), 1).unwrap();
    at_each_call(
        filled,
        |sim| {
            let Ok((mut writer, _)) = open_on(sim.process(), Some(key(1))) else { return false };
            let Ok(Some(mut compaction)) = writer.begin_compaction(History::None) else { return false };
            loop {
                match compaction.step() {
                    Ok(CompactionStep::Ready) => break,
                    Ok(_) => {}
                    Err(_) => return false,
                }
            }
            writer.install_compaction(compaction).is_ok()
        },
        |sim, done, at| {
            assert_eq!(opens(sim, 1), Some(before.clone()), "{at}");
            assert!(opens(sim, 2).is_none(), "{at}");
            let bytes = sim.live_bytes(PATH).unwrap();
            assert!(!done || u64_at(&bytes, newest_header(&bytes) + 64) == 2, "{at}: the new generation");
        },
    );
}

#[test]
fn the_power_may_go_at_any_call_of_a_rekey_and_again_at_any_call_of_the_opening_behind_it() {
    let before = opens(&filled(), 1).unwrap();
    let rekeyed = |sim: &SimFs| {
        let Ok((mut writer, _)) = open_on(sim.process(), Some(key(1))) else { return false };
        writer.rekey(&key(2)).is_ok()
    };
    at_each_call(filled, rekeyed, |sim, done, at| {
        let opened: Vec<u8> = [1, 2].into_iter().filter(|number| opens(sim, *number).is_some()).collect();
        assert!(!opened.is_empty() && (!done || opened == [2]), "{at}: {opened:?}");
        for number in opened {
            at_each_call(
                || sim.fork(2),
                |sim| open_on(sim.process(), Some(key(number))).is_ok(),
                |sim, done, again| {
                    // Whoever has only this key is not locked out by opening it once more.
                    assert_eq!(opens(sim, number), Some(before.clone()), "{at}, then {again} with {number}");
                    assert!(!done || opens(sim, 3 - number).is_none(), "{at}, then {again} with {number}");
                },
            );
        }
    });
}

#[test]
fn a_header_write_that_fails_is_repeated_in_its_place_and_the_other_copy_stays() {
    for written in [0, 1, 512, 2000, 4096] {
        let sim = filled();
        let (mut writer, _) = open_on(sim.process(), Some(key(1))).unwrap();
        let failing = Effect::PartialThenError(written, std::io::ErrorKind::StorageFull);
        sim.inject(Fault::new(SimOperation::Write, failing));
        let transaction = super::database::transaction(&["d=4"]);
        let synced = ferrumdb_engine::Durability::Synced;
        let error = writer.commit(std::slice::from_ref(&transaction), synced).unwrap_err();
        assert!(matches!(error, Error::Io { .. }), "{error}");
        // The next one is cut short by the power.
        sim.inject(Fault::new(SimOperation::Sync, Effect::Crash));
        writer.commit(&[transaction], synced).unwrap_err();
        drop(writer);
        sim.clear_faults();
        sim.crash_with(|_| fates()[2].clone());
        assert_eq!(opens(&sim, 1).map(|found| found.len()), Some(3), "{written}");
    }
}

#[test]
fn a_rekey_that_fails_leaves_no_copy_of_its_key_that_counts_too_little() {
    for (nth, expected) in [(1, 1), (2, 2)] {
        let sim = filled();
        let (mut writer, _) = open_on(sim.process(), Some(key(1))).unwrap();
        commit(&mut writer, &["d=4"]);
        sim.inject(Fault::new(SimOperation::Write, Effect::OsError(5)).nth(nth));
        assert!(matches!(writer.rekey(&key(2)).unwrap_err(), Error::Io { .. }));
        sim.clear_faults();
        // So many seals that the header has to allow more of them.
        let mut many = ferrumdb_engine::Transaction::new();
        for number in 0..70_000 {
            many.delete(super::database::ROOT, ferrumdb_engine::Key::from(format!("{number}").as_str()));
        }
        writer.commit(&[many], ferrumdb_engine::Durability::Synced).unwrap();
        drop(writer);
        sim.crash_with(|_| Fate::Kept);
        let opened: Vec<u8> = [1, 2].into_iter().filter(|number| opens(&sim, *number).is_some()).collect();
        assert_eq!(opened, [expected], "the write {nth} has failed");
    }
}

#[test]
fn a_key_that_was_changed_during_a_compaction_stays_changed() {
    for when in 0..4 {
        let sim = filled();
        let (mut writer, reader) = open_on(sim.process(), Some(key(1))).unwrap();
        let before = contents(&reader).unwrap();
        let mut compaction = writer.begin_compaction(History::None).unwrap().unwrap();
        let mut steps = 0;
        loop {
            if steps == when {
                writer.rekey(&key(2)).unwrap();
            }
            steps += 1;
            if compaction.step().unwrap() == CompactionStep::Ready && steps > when {
                break;
            }
        }
        let (mut relocation, _) = writer.install_compaction(compaction).unwrap();
        sim.kill_process();
        assert_eq!(opens(&sim, 2), Some(before), "after {when} steps");
        assert!(opens(&sim, 1).is_none(), "after {when} steps: the old key is of no use");
        while relocation.step() {}
    }
}

#[test]
fn a_passphrase_may_take_the_place_of_a_key_and_the_other_way_round() {
    let sim = filled();
    let phrase = || EncryptionKey::from_passphrase("eleven purple lighthouses");
    let (mut writer, _) = open_on(sim.process(), Some(key(1))).unwrap();
    writer.rekey(&phrase()).unwrap();
    compact(&mut writer);
    drop(writer);
    assert!(opens(&sim, 1).is_none());
    let (mut writer, _) = open_on(sim.process(), Some(phrase())).unwrap();
    writer.rekey(&key(2)).unwrap();
    drop(writer);
    assert_eq!(opens(&sim, 2).unwrap().len(), 3);
    assert!(matches!(open_on(sim.process(), Some(phrase())).map(drop).unwrap_err(), Error::WrongKey { .. }));
}

#[test]
fn after_a_rekey_no_copy_of_the_header_opens_with_the_old_key() {
    let sim = filled();
    let (mut writer, _) = open_on(sim.process(), Some(key(1))).unwrap();
    writer.rekey(&key(2)).unwrap();
    drop(writer);
    for at in [0, HEADER_BYTES] {
        let one_copy = sim.fork(1);
        one_copy.overwrite(PATH, at as u64, &[0xEE; HEADER_BYTES]);
        assert!(opens(&one_copy, 1).is_none());
        assert!(opens(&one_copy, 2).is_some());
    }
}
