//! Repair: whatever was done to a file, everything else is saved, exactly, in a new one, and what was lost is listed.

use std::path::Path;

use ferrumdb_engine::fs::{Effect, Fault, FileSystem, OpenMode, SimFs, SimOperation, write_all};
use ferrumdb_engine::{EncryptionKey, Error, RepairReport, Result, Verification, VerifyStep, repair};
use ferrumdb_proptests::Random;

use crate::bytes::{commit_ends, records, seal_head};
use crate::common::{LOG_START, PATH, ROOT, bytes_of, disk_with, open_on, shared, synced};
use crate::histories::{Life, held, open_quietly};

const TO: &str = "/saved.db";

fn repaired(sim: &SimFs) -> Result<RepairReport> {
    repaired_with(sim, None)
}

fn repaired_with(sim: &SimFs, key: Option<&EncryptionKey>) -> Result<RepairReport> {
    repair(Path::new(PATH), Path::new(TO), key, &shared(sim), &mut |done, of| {
        assert!(done <= of, "{done} of {of}");
        true
    })
}

fn repaired_life(life: &Life) -> Result<RepairReport> {
    repaired_with(&life.sim, life.key.as_ref())
}

/// Puts these bytes in the place of the file, on the disk where it lives.
fn overwrite(sim: &SimFs, bytes: &[u8]) {
    let file = sim.open(Path::new(PATH), OpenMode::ReadWrite).unwrap();
    file.set_len(bytes.len() as u64).unwrap();
    write_all(&*file, bytes, 0).unwrap();
}

fn is_listed(report: &RepairReport, key: &str, sequence: u64) -> bool {
    let covers =
        |first: u64, last: Option<u64>| first <= sequence && last.is_none_or(|last| sequence <= last);
    report.keys.iter().any(|listed| listed == key)
        || report.commits.iter().any(|lost| covers(lost.first.0, lost.last.map(|last| last.0)))
}

/// The new file opens, is sound, and holds what the life has left, except where the report says otherwise.
fn assert_saved(life: &Life, report: &RepairReport, what: &str) {
    let mut verification = Verification::of_file(Path::new(TO), life.key.as_ref(), &life.sim).unwrap();
    while verification.step().unwrap() != VerifyStep::Done {}
    let verified = verification.finish();
    assert!(verified.is_sound() && verified.torn_bytes == 0, "{what}: {verified:?}");
    assert_eq!(verified.documents, report.documents, "{what}");
    let (writer, reader) = life.open(TO).unwrap();
    assert_eq!((writer.sequence(), reader.count(ROOT)), (report.sequence, report.documents), "{what}");
    for (key, versions) in &life.versions {
        let held = held(&reader, key);
        let shown = |(sequence, change): &(u64, Option<(String, Option<u64>)>)| {
            change.clone().map(|(json, at)| (*sequence, json, at))
        };
        let newest = life.newest(key);
        if held != shown(newest) {
            assert!(
                is_listed(report, key, newest.0),
                "{what}: {key} is {held:?}, not {newest:?}: {report:?}"
            );
            assert!(held.is_none() || versions.iter().any(|version| shown(version) == held), "{what}: {key}");
        }
    }
    assert!(reader.keys(ROOT).all(|key| life.versions.contains_key(key.as_str())), "{what}: invented");
    writer.close().unwrap();
}

fn damage(file: &mut Vec<u8>, random: &mut Random) -> String {
    let log = LOG_START as u64;
    let len = file.len() as u64;
    let mut at = || (log + random.below(len - log)) as usize;
    let (first, second) = (at(), at());
    let (start, end) = (first.min(second), first.max(second));
    match random.below(7) {
        0 | 1 => file[first] ^= 1 << random.below(8),
        2 => file[start..end.min(start + 512)].fill(0),
        3 => file[start..end.min(start + 300)].fill_with(|| random.number() as u8),
        4 => file.truncate(first),
        5 => {
            let (one, other) = (start & !511, end & !511);
            for offset in 0..512.min(file.len() - other) {
                file.swap(one + offset, other + offset);
            }
        }
        _ => {
            // A record once more, where another stands.
            let all = records(file);
            if let (Some(one), Some(other)) =
                (all.get(first % all.len().max(1)), all.get(second % all.len().max(1)))
            {
                let copy = file[one.start..one.end.min(file.len())].to_vec();
                let end = (other.start + copy.len()).min(file.len());
                file[other.start..end].copy_from_slice(&copy[..end - other.start]);
            }
        }
    }
    format!("{first} {second}")
}

#[test]
fn whatever_is_damaged_everything_else_is_saved_and_the_loss_is_listed() {
    for seed in 0..300 {
        let mut random = Random::new(seed);
        let commits = 5 + random.below(30);
        let key = random.once_in(3).then(|| EncryptionKey::from_bytes([seed as u8; 32]));
        let life = Life::sealed(&mut random, commits, key);
        let mut file = bytes_of(&life.sim);
        if random.once_in(3) {
            life.sim.remove(Path::new(&format!("{PATH}.hint"))).ok();
        }
        let mut what = format!("seed {seed}:");
        for _ in 0..1 + random.below(3) {
            if file.len() > LOG_START + 8 {
                what += &format!(" {}", damage(&mut file, &mut random));
            }
        }
        if random.once_in(4) {
            file[random.below(LOG_START as u64) as usize] ^= 1;
            what += " header";
        }
        overwrite(&life.sim, &file);
        let report = repaired_life(&life).unwrap();
        assert_eq!(bytes_of(&life.sim), file, "{what}: the damaged file is left as it was");
        assert_saved(&life, &report, &what);
    }
}

#[test]
fn what_is_sound_is_saved_whole_and_nothing_is_listed() {
    for seed in 1_000..1_040 {
        let life = Life::random(&mut Random::new(seed), 40);
        let report = repaired_life(&life).unwrap();
        assert!(report.is_complete(), "seed {seed}: {report:?}");
        assert_eq!(report.indexes, u64::from(life.index), "seed {seed}");
        assert_saved(&life, &report, &format!("seed {seed}"));
        let (_, reader) = open_quietly(&life.sim, TO).unwrap();
        assert_eq!(reader.snapshot().indexes().len() as u64, report.indexes, "seed {seed}");
    }
}

#[test]
fn each_bad_byte_costs_no_more_than_its_commit_and_names_what_it_knows() {
    let sim = SimFs::new(1);
    let (mut writer, _) = open_on(&sim).unwrap();
    for changes in [&["a=1"][..], &["b=2"], &["c=3", "a=4", "d=5"], &["b=6"], &["e=7"]] {
        synced(&mut writer, changes).unwrap();
    }
    writer.close().unwrap();
    let file = bytes_of(&sim);
    let third = records(&file)[3];
    assert_eq!(third.sequence, 3);
    for position in third.start..third.end {
        let mut bad = file.clone();
        bad[position] ^= 1;
        let sim = disk_with(&bad);
        let report = repaired(&sim).unwrap();
        assert_eq!((report.lost_total, report.lost[0].start), (1, third.start as u64), "byte {position}");
        let commits: Vec<_> =
            report.commits.iter().map(|lost| (lost.first.0, lost.last.unwrap().0)).collect();
        assert_eq!(commits, [(3, 3)], "byte {position}");
        let keys: Vec<_> = report.keys.iter().map(|key| key.as_str()).collect();
        assert!(
            keys.contains(&"c") && keys.contains(&"d") && !keys.contains(&"e"),
            "byte {position}: {keys:?}"
        );
        let (_, reader) = open_on(&clone_to(&sim)).unwrap();
        let get = |key| reader.get(ROOT, key).unwrap().map(|document| document.as_str().to_owned());
        let expected = [("a", "1"), ("b", "6"), ("c", "3"), ("d", "5"), ("e", "7")];
        for (key, json) in expected {
            assert_eq!(get(key).as_deref(), Some(json), "byte {position}");
        }
    }
}

/// A disk on which the saved file has the usual name.
fn clone_to(sim: &SimFs) -> SimFs {
    disk_with(&sim.live_bytes(TO).unwrap())
}

#[test]
fn a_commit_that_was_never_finished_is_left_out() {
    let sim = SimFs::new(1);
    let (mut writer, _) = open_on(&sim).unwrap();
    synced(&mut writer, &["a=1"]).unwrap();
    synced(&mut writer, &["a=2", "b=3"]).unwrap();
    drop(writer);
    let file = bytes_of(&sim);
    let last = *records(&file).last().unwrap();
    let torn = disk_with(&file[..last.start]);
    let report = repaired(&torn).unwrap();
    assert_eq!((report.documents, report.sequence.0), (1, 2));
    assert_eq!(report.keys.iter().map(|key| key.as_str()).collect::<Vec<_>>(), ["a"]);
    let (_, reader) = open_on(&clone_to(&torn)).unwrap();
    assert_eq!(reader.get(ROOT, "a").unwrap().unwrap().as_str(), "1");
}

#[test]
fn two_bad_header_copies_are_made_up_for_by_what_is_left_of_them_or_by_the_hint() {
    let life = Life::random(&mut Random::new(7), 40);
    let file = bytes_of(&life.sim);
    for (first, second) in [(100, 4096 + 100), (20, 4096 + 66), (50, 4096 + 4093), (66, 4096 + 50)] {
        let mut bad = file.clone();
        bad[first] ^= 1;
        bad[second] ^= 1;
        overwrite(&life.sim, &bad);
        let report = repaired_life(&life).unwrap();
        assert_saved(&life, &report, &format!("{first} {second}"));
        assert_eq!(report.lost_total, 0);
        life.sim.remove(Path::new(TO)).unwrap();
    }
    let mut wiped = file.clone();
    wiped[..LOG_START].fill(0);
    overwrite(&life.sim, &wiped);
    let report = repaired_life(&life).unwrap();
    assert_saved(&life, &report, "by the hint");
    let refused = |bytes: &[u8]| repaired(&disk_with(bytes)).unwrap_err();
    assert!(matches!(refused(&wiped), Error::NotADatabase { .. }));
    wiped[..9].copy_from_slice(b"\xFFFerrumDB");
    assert!(matches!(refused(&wiped), Error::NotADatabase { .. }), "without its magic it is any file");
    wiped[..16].copy_from_slice(&file[..16]);
    assert!(matches!(refused(&wiped), Error::Damaged { position: 0, .. }));
}

#[test]
fn what_must_not_be_repaired_is_refused_and_nothing_is_made() {
    let sim = SimFs::new(1);
    let (mut writer, _) = open_on(&sim).unwrap();
    synced(&mut writer, &["a=1"]).unwrap();
    assert!(matches!(repaired(&sim), Err(Error::Locked { .. })));
    writer.close().unwrap();
    let itself = repair(Path::new(PATH), Path::new(PATH), None, &shared(&sim), &mut |_, _| true);
    assert!(matches!(itself, Err(Error::Exists { .. })), "{itself:?}");
    let names = sim.names().len();
    for foreign in [&b""[..], b"{\"a\": 1}", &[0; 20_000], &[0xA5; 20_000]] {
        let sim = disk_with(foreign);
        assert!(matches!(repaired(&sim), Err(Error::NotADatabase { .. })), "{} bytes", foreign.len());
        assert_eq!(sim.names().len(), 1);
    }
    repaired(&sim).unwrap();
    assert_eq!(sim.names().len(), names + 1);
    assert!(matches!(repaired(&sim), Err(Error::Exists { .. })));
}

#[test]
fn an_incremental_backup_is_neither_verified_nor_repaired_as_if_it_were_a_database() {
    let sim = SimFs::new(1);
    let (mut writer, _) = open_on(&sim).unwrap();
    for change in ["a=1", "b=2"] {
        synced(&mut writer, &[change]).unwrap();
    }
    for since in [0, 1] {
        let name = format!("/{since}.inc");
        crate::backups::since(writer.backup_source(), since, &name, &sim).unwrap();
        let names = sim.names().len();
        let verified = Verification::of_file(Path::new(&name), None, &sim).map(drop);
        let saved =
            repair(Path::new(&name), Path::new("/saved.db"), None, &shared(&sim), &mut |_, _| true).map(drop);
        for refused in [verified, saved] {
            assert!(
                matches!(refused, Err(Error::NotADatabase { found, .. }) if found.contains("incremental"))
            );
        }
        assert_eq!(sim.names().len(), names);
    }
}

#[test]
fn a_head_that_checks_and_lies_about_its_length_swallows_nothing() {
    let sim = SimFs::new(1);
    let (mut writer, _) = open_on(&sim).unwrap();
    for changes in [["a=1"], ["b=2"], ["c=3"]] {
        synced(&mut writer, &changes).unwrap();
    }
    writer.close().unwrap();
    let mut file = bytes_of(&sim);
    let ends = commit_ends(&file);
    let len = (file.len() - ends[1] - 40) as u32;
    file[ends[1] + 4..ends[1] + 8].copy_from_slice(&len.to_le_bytes());
    seal_head(&mut file, ends[1]);
    let sim = disk_with(&file);
    let report = repaired(&sim).unwrap();
    assert_eq!((report.documents, report.lost_bytes), (2, (ends[2] - ends[1]) as u64));
}

/// A damaged file on a disk of its own, durable, and how many calls it takes to repair it.
fn damaged() -> (Life, Vec<u8>, u64) {
    let key = EncryptionKey::from_bytes([5; 32]);
    let mut life = Life::sealed(&mut Random::new(5), 30, Some(key));
    let mut file = bytes_of(&life.sim);
    let ends = commit_ends(&file);
    file[ends[2] + 50] ^= 1;
    life.sim = disk_with(&file);
    let fork = life.sim.fork(1);
    let before = fork.total_calls();
    repaired_with(&fork, life.key.as_ref()).unwrap();
    (life, file, fork.total_calls() - before)
}

#[test]
fn whatever_call_of_a_repair_fails_there_is_a_whole_new_file_or_none() {
    let (mut life, file, calls) = damaged();
    let disk = life.sim.clone();
    for nth in 1..=calls {
        for always in [false, true] {
            life.sim = disk.fork(nth);
            let fault = Fault::new(SimOperation::Any, Effect::OsError(5)).nth(nth);
            life.sim.inject(if always { fault.always() } else { fault });
            let outcome = repaired_life(&life);
            life.sim.clear_faults();
            let what = format!("call {nth}, always: {always}: {outcome:?}");
            assert_eq!(bytes_of(&life.sim), file, "{what}");
            match outcome {
                Ok(report) => assert_saved(&life, &report, &what),
                Err(Error::Io { .. }) => {
                    // The folder may not have been synced, though the name was given.
                    if life.sim.live_bytes(TO).is_some() {
                        life.sim.remove(Path::new(TO)).unwrap();
                    }
                    assert_saved(&life, &repaired_life(&life).unwrap(), &what);
                }
                Err(other) => panic!("{what}: {other}"),
            }
        }
    }
}

#[test]
fn whenever_the_power_goes_there_is_a_whole_new_file_or_none() {
    let (mut life, file, calls) = damaged();
    let disk = life.sim.clone();
    let whole = disk.fork(1);
    let report = repaired_with(&whole, life.key.as_ref()).unwrap();
    for nth in 1..=calls + 1 {
        for seed in 0..4 {
            life.sim = disk.fork(seed);
            life.sim.inject(Fault::new(SimOperation::Any, Effect::Crash).nth(nth));
            let is_done = repaired_life(&life).is_ok();
            life.sim.clear_faults();
            life.sim.crash();
            let what = format!("call {nth}, seed {seed}");
            assert_eq!(bytes_of(&life.sim), file, "{what}");
            match life.sim.live_bytes(TO) {
                Some(_) => assert_saved(&life, &report, &what),
                None => {
                    assert!(!is_done, "{what}: what was told to be there is there");
                    assert_saved(&life, &repaired_life(&life).unwrap(), &what);
                }
            }
        }
    }
}

#[test]
fn whatever_the_heads_say_a_repair_ends_soon_with_a_file_that_opens() {
    let life = Life::random(&mut Random::new(21), 30);
    let file = bytes_of(&life.sim);
    let starts: Vec<_> = records(&file).iter().map(|record| record.start).collect();
    for seed in 0..400 {
        let mut random = Random::new(seed);
        let mut odd = file.clone();
        for _ in 0..1 + random.below(4) {
            let start = starts[random.below(starts.len() as u64) as usize];
            let (field, width) = [(2, 1), (3, 1), (4, 4), (8, 8), (16, 8), (24, 4)][random.below(6) as usize];
            let value = match random.below(4) {
                0 => u64::MAX,
                1 => random.below(10),
                2 => random.below(file.len() as u64),
                _ => random.number(),
            };
            odd[start + field..start + field + width].copy_from_slice(&value.to_le_bytes()[..width]);
            seal_head(&mut odd, start);
        }
        let sim = disk_with(&odd);
        let report = repaired(&sim).unwrap();
        let mut verification = Verification::of_file(Path::new(PATH), None, &sim).unwrap();
        while verification.step().unwrap() != VerifyStep::Done {}
        let (mut writer, reader) = open_quietly(&sim, TO).unwrap();
        assert_eq!(reader.count(ROOT), report.documents, "seed {seed}");
        assert_eq!(crate::common::contents(&reader).len() as u64, report.documents, "seed {seed}");
        synced(&mut writer, &["after=1"]).unwrap();
        writer.close().unwrap();
    }

    // Heads that check, each within what the ones before it claim for their own.
    let mut nested = file[..LOG_START].to_vec();
    nested.resize(4 << 20, 1);
    for start in (LOG_START..nested.len() - 40).step_by(40) {
        let len = (nested.len() - start - 40) as u32;
        nested[start..start + 40].fill(0);
        nested[start..start + 3].copy_from_slice(&[0xFF, 0xC5, 1]);
        nested[start + 4..start + 8].copy_from_slice(&len.to_le_bytes());
        seal_head(&mut nested, start);
    }
    let begun = std::time::Instant::now();
    let report = repaired(&disk_with(&nested)).unwrap();
    assert_eq!((report.documents, report.lost_total), (0, 1));
    assert!(begun.elapsed().as_secs() < 240, "it took {:?}", begun.elapsed());
}
