//! Verification: whatever was done to a file is found, whether the database is open or closed, and nothing is found
//! where nothing was done.

use std::path::Path;

use ferrumdb_engine::fs::{Effect, Fault, FileSystem, SimFs, SimOperation};
use ferrumdb_engine::{Error, History, Reader, Verification, VerifyReport, VerifyStep};
use ferrumdb_proptests::Random;

use crate::bytes::{
    HEAD_BYTES, commit_ends, records, seal_head, seal_header, seal_log, seal_payload, u64_at,
};
use crate::common::{LOG_START, PATH, ROOT, appended, bytes_of, contents, disk_with, open_on, synced};
use crate::compaction;
use crate::damage::assert_damaged;
use crate::decoded::Decoded;
use crate::histories::{Life, compact, open_quietly};

fn finished(mut verification: Verification) -> VerifyReport {
    while verification.step().unwrap() != VerifyStep::Done {}
    verification.finish()
}

fn verified(sim: &SimFs) -> VerifyReport {
    finished(Verification::of_file(Path::new(PATH), None, sim).unwrap())
}

fn verified_open(reader: &Reader) -> VerifyReport {
    finished(reader.begin_verify().unwrap())
}

fn is_told(report: &VerifyReport) -> bool {
    !report.is_sound() || report.torn_bytes > 0
}

#[test]
fn a_sound_database_has_no_findings_open_or_closed_with_and_without_its_hint() {
    for seed in 0..60 {
        let life = Life::random(&mut Random::new(seed), 40);
        let with_hint = verified(&life.sim);
        assert!(!is_told(&with_hint), "seed {seed}: {with_hint:?}");
        let (writer, reader) = open_quietly(&life.sim, PATH).unwrap();
        assert!(matches!(Verification::of_file(Path::new(PATH), None, &life.sim), Err(Error::Locked { .. })));
        let open = verified_open(&reader);
        assert!(!is_told(&open), "seed {seed}: {open:?}");
        assert_eq!(open.documents, reader.count(ROOT), "seed {seed}");
        assert_eq!((open.sequence, open.bytes), (reader.sequence(), reader.stats().unwrap().log_bytes));
        drop((writer, reader));
        life.sim.remove(Path::new(&format!("{PATH}.hint"))).ok();
        assert_eq!(verified(&life.sim), with_hint, "seed {seed}");
        assert_eq!((with_hint.documents, with_hint.records), (open.documents, open.records), "seed {seed}");
        assert_eq!(with_hint.commits, open.commits, "seed {seed}");
    }
}

#[test]
fn every_flipped_byte_of_a_closed_file_is_found() {
    let life = Life::random(&mut Random::new(3), 60);
    let file = bytes_of(&life.sim);
    assert!(u64_at(&file, 80) > 0, "it has a base section");
    for hint in [true, false] {
        if !hint {
            life.sim.remove(Path::new(&format!("{PATH}.hint"))).unwrap();
        }
        for position in (0..LOG_START).step_by(97).chain([0, 17, 50, 4095, 4096]).chain(LOG_START..file.len())
        {
            life.sim.overwrite(PATH, position as u64, &[file[position] ^ 0x10]);
            let report = verified(&life.sim);
            assert!(is_told(&report), "byte {position}");
            let at = report.findings.first().map(|finding| finding.position as usize);
            assert!(at.is_none_or(|at| at <= position), "byte {position}: {at:?}");
            life.sim.overwrite(PATH, position as u64, &[file[position]]);
        }
        assert!(!is_told(&verified(&life.sim)));
    }
}

#[test]
fn zeroed_swapped_and_missing_stretches_are_found() {
    let life = Life::random(&mut Random::new(11), 60);
    life.sim.remove(Path::new(&format!("{PATH}.hint"))).ok();
    let file = bytes_of(&life.sim);
    let sound = verified(&disk_with(&file));
    let mark = commit_ends(&file)[commit_ends(&file).len() - 2];
    for start in (LOG_START..file.len()).step_by(104) {
        let mut zeroed = file.clone();
        zeroed[start..(start + 512).min(file.len())].fill(0);
        let mut cut = file.clone();
        cut.truncate(start);
        let mut swapped = file.clone();
        for offset in 0..512.min(file.len() - start) {
            swapped.swap(LOG_START + offset, start + offset);
        }
        for bad in [zeroed, cut, swapped].iter().filter(|bad| **bad != file) {
            let report = verified(&disk_with(bad));
            // Only the close mark is claimed by nothing behind it.
            assert!(
                is_told(&report) || start >= mark && report.documents == sound.documents,
                "{start}: {report:?}"
            );
        }
    }
    let all = records(&file);
    for (one, other) in all.iter().zip(&all[1..]) {
        let mut twice = file.clone();
        let copy = file[one.start..one.end].to_vec();
        let end = (other.start + copy.len()).min(file.len());
        twice[other.start..end].copy_from_slice(&copy[..end - other.start]);
        assert!(is_told(&verified(&disk_with(&twice))), "a record once more at {}", other.start);
    }
}

#[test]
fn records_that_check_and_do_not_belong_where_they_stand_are_found() {
    let sim = SimFs::new(1);
    let (mut writer, _) = open_on(&sim).unwrap();
    for changes in [&["a=1", "b=1"][..], &["a=2", "b=2"], &["a", "c=3"], &["a=4"]] {
        synced(&mut writer, changes).unwrap();
    }
    writer.close().unwrap();
    let file = bytes_of(&sim);
    let all = records(&file);
    let starts: Vec<_> = all.iter().map(|record| record.start).collect();
    // Field by field: kind, sequence, previous, ordinal.
    for (field, value) in [(2, 2_u64), (8, 9), (8, 1), (16, 0), (16, starts[0] as u64), (16, 8200), (24, 1)] {
        for start in &starts {
            let mut odd = file.clone();
            let width = if field == 2 {
                1
            } else if field == 24 {
                4
            } else {
                8
            };
            odd[start + field..start + field + width].copy_from_slice(&value.to_le_bytes()[..width]);
            if odd == file {
                continue;
            }
            seal_head(&mut odd, *start);
            assert!(is_told(&verified(&disk_with(&odd))), "{value} at {field} of the record at {start}");
        }
    }
    for copy in [0, 1] {
        let mut claims = file.clone();
        claims[copy * 4096 + 88..copy * 4096 + 96].copy_from_slice(&(file.len() as u64 + 8).to_le_bytes());
        claims[copy * 4096 + 72..copy * 4096 + 80].copy_from_slice(&(10 + copy as u64).to_le_bytes());
        seal_header(&mut claims, copy);
        let report = verified(&disk_with(&claims));
        assert!(!report.is_sound() && report.torn_bytes == 0, "{report:?}");
    }
}

#[test]
fn a_record_that_names_a_wrong_version_before_it_is_found_though_everything_else_fits() {
    let sim = SimFs::new(1);
    let (mut writer, _) = open_on(&sim).unwrap();
    for changes in [&["a=1", "b=1"][..], &["a=2", "b=2"], &["a", "b=3"], &["a=4"]] {
        synced(&mut writer, changes).unwrap();
    }
    writer.close().unwrap();
    let file = bytes_of(&sim);
    let starts: Vec<_> = records(&file).iter().map(|record| record.start).collect();
    let mut same = file.clone();
    seal_log(&mut same);
    assert_eq!(same, file, "nothing is changed by sealing what is right");
    let named = |start: usize, previous: u64, file: &mut [u8]| {
        file[start + 16..start + 24].copy_from_slice(&previous.to_le_bytes());
    };
    for start in &starts[..7] {
        // One that is not before the record is damage at opening.
        let before = |previous: &u64| *previous < *start as u64;
        for previous in starts.iter().map(|start| *start as u64).chain([0, 8200]).filter(before) {
            let mut odd = file.clone();
            named(*start, previous, &mut odd);
            if odd != file {
                seal_log(&mut odd);
                assert_wrong_name(&odd, &format!("{previous} at {start}"));
            }
        }
    }
    let mut swapped = file.clone();
    named(starts[2], starts[1] as u64, &mut swapped);
    named(starts[3], starts[0] as u64, &mut swapped);
    seal_log(&mut swapped);
    assert_wrong_name(&swapped, "swapped");
}

/// Found in the closed file, and by the database that was opened on it.
fn assert_wrong_name(file: &[u8], what: &str) {
    let sim = disk_with(file);
    let closed = verified(&sim);
    let (_, reader) = open_on(&sim).unwrap();
    for report in [closed, verified_open(&reader)] {
        assert!(!report.is_sound() && report.torn_bytes == 0, "{what}: {report:?}");
        assert!(
            report.findings.iter().all(|found| found.what.contains("version before it")),
            "{what}: {report:?}"
        );
    }
}

#[test]
fn a_torn_tail_is_told_and_is_no_finding_as_long_as_opening_would_cut_it() {
    let sim = SimFs::new(1);
    let (mut writer, _) = open_on(&sim).unwrap();
    synced(&mut writer, &["a=1"]).unwrap();
    synced(&mut writer, &["b=2", "c=3"]).unwrap();
    drop(writer);
    let file = bytes_of(&sim);
    let ends = commit_ends(&file);
    for end in ends[1] + 1..ends[2] {
        let torn = disk_with(&file[..end]);
        let report = verified(&torn);
        // A head that is not whole may look like zeros.
        assert!(report.is_sound(), "{end}: {report:?}");
        assert!(
            report.torn_bytes > 0 && report.torn_bytes <= (end - ends[1]) as u64 + 8,
            "{end}: {report:?}"
        );
        assert_eq!((report.commits, report.documents), (1, 1), "{end}");
        assert_eq!(bytes_of(&torn), &file[..end], "nothing is cut");
        let (_, reader) = open_on(&torn).unwrap();
        assert_eq!(contents(&reader).len(), 1);
    }
    let mut damaged = file.clone();
    damaged[ends[0] + 50] ^= 1;
    let report = verified(&disk_with(&damaged));
    assert!(!report.is_sound() && report.torn_bytes == 0, "the second commit claims the first: {report:?}");
}

#[test]
fn damage_to_an_open_database_is_found_with_the_keys_that_it_costs() {
    let sim = SimFs::new(1);
    let (mut writer, reader) = open_on(&sim).unwrap();
    for changes in [["a=1"], ["b=\"text\""], ["a=2"], ["c=3"]] {
        synced(&mut writer, &changes).unwrap();
    }
    let file = bytes_of(&sim);
    assert!(!is_told(&verified_open(&reader)));
    for (record, key) in records(&file).iter().zip([None, Some("b"), Some("a"), Some("c")]) {
        for (offset, byte) in file[record.start..record.end].iter().enumerate() {
            let position = record.start + offset;
            sim.overwrite(PATH, position as u64, &[byte ^ 1]);
            let report = verified_open(&reader);
            assert_eq!(report.findings[0].position as usize, record.start, "byte {position}");
            let keys: Vec<_> = report.findings.iter().filter_map(|finding| finding.key.as_deref()).collect();
            assert_eq!(keys, key.into_iter().collect::<Vec<_>>(), "byte {position}: {report:?}");
            sim.overwrite(PATH, position as u64, &[*byte]);
        }
    }
    for position in (0..LOG_START).step_by(61) {
        sim.overwrite(PATH, position as u64, &[file[position] ^ 1]);
        let report = verified_open(&reader);
        assert_eq!(report.findings_total, 1, "byte {position}: {report:?}");
        sim.overwrite(PATH, position as u64, &[file[position]]);
    }
    sim.overwrite(PATH, 0, &[0; LOG_START]);
    assert_eq!(verified_open(&reader).findings_total, 2, "both copies, and nothing else");
}

#[test]
fn a_verification_stands_on_its_moment_whatever_is_committed_and_compacted_meanwhile() {
    let sim = SimFs::new(1);
    let (mut writer, reader) = open_on(&sim).unwrap();
    let text = format!("a=\"{}\"", "x".repeat(400_000));
    for _ in 0..8 {
        appended(&mut writer, &[&text, "b=1"]).unwrap();
    }
    appended(&mut writer, &["c=3"]).unwrap();
    let documents = reader.count(ROOT);
    let mut verification = reader.begin_verify().unwrap();
    assert!(matches!(verification.step().unwrap(), VerifyStep::Working { done, of } if done < of));
    appended(&mut writer, &["a=1", "b", "d=4"]).unwrap();
    compact(&mut writer, History::None);
    appended(&mut writer, &["a", "c=5"]).unwrap();
    compact(&mut writer, History::None);
    let report = finished(verification);
    assert!(!is_told(&report), "{report:?}");
    assert_eq!((report.documents, report.sequence.0), (documents, 9));
    let after = verified_open(&reader);
    assert!(!is_told(&after) && after.sequence.0 == 11, "{after:?}");
    let cancelled = reader.begin_verify().unwrap();
    cancelled.canceller().cancel();
    assert!(matches!({ cancelled }.step(), Err(Error::Cancelled)));
}

#[test]
fn a_file_that_cannot_be_opened_is_verified_and_one_that_is_no_database_refused() {
    let file = bytes_of(&Life::random(&mut Random::new(5), 30).sim);
    let mut headless = file.clone();
    headless[100] ^= 1;
    headless[5000] ^= 1;
    let report = verified(&disk_with(&headless));
    assert_eq!(report.findings_total, 2, "{report:?}");
    assert_eq!(report.commits, verified(&disk_with(&file)).commits);
    headless[..LOG_START].iter_mut().skip(16).for_each(|byte| *byte = 0x5A);
    let report = verified(&disk_with(&headless));
    assert!(!report.is_sound() && report.records == 0, "{report:?}");
    for foreign in [&b"{}"[..], &[0; 10_000], &[0xA5; 10_000]] {
        let refused = Verification::of_file(Path::new(PATH), None, &disk_with(foreign));
        assert!(matches!(refused, Err(Error::NotADatabase { .. })));
    }
    assert!(!is_told(&verified(&disk_with(b""))), "an empty file is a new database");
    for len in [1, 4095, 5000, LOG_START] {
        let cut = disk_with(&file[..len]);
        let told = Verification::of_file(Path::new(PATH), None, &cut).map(finished);
        assert!(told.is_err() || told.is_ok_and(|report| !report.is_sound()), "{len}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_an_error_and_no_finding() {
    let sim = SimFs::new(1);
    let (mut writer, reader) = open_on(&sim).unwrap();
    synced(&mut writer, &["a=1"]).unwrap();
    let mut verification = reader.begin_verify().unwrap();
    sim.inject(Fault::new(SimOperation::Read, Effect::Error(std::io::ErrorKind::Other)));
    assert!(matches!(verification.step(), Err(Error::Io { .. })));
    sim.clear_faults();
    assert!(!is_told(&finished(verification)), "it can go on");
}

/// A base section may leave out ordinals and sequences, so nothing but their size tells that these are none.
#[test]
fn a_record_that_no_writer_makes_is_damage() {
    let (file, _) = compaction::compacted(true);
    let decoded = Decoded::read(&file);
    let first = decoded.base[0].position;
    let last_of_commit =
        decoded.base.windows(2).find(|two| two[0].sequence < two[1].sequence).unwrap()[0].position;
    for (position, field, bytes) in [
        (last_of_commit, 24, (1_u64 << 31).to_le_bytes()),
        (first, 8, 0_u64.to_le_bytes()),
        (first, 8, (1_u64 << 63).to_le_bytes()),
        // The root is neither created nor dropped.
        (first, 2, 5_u64.to_le_bytes()),
        (first, 2, 6_u64.to_le_bytes()),
        // No collection has the highest number.
        (first, HEAD_BYTES, u64::MAX.to_le_bytes()),
    ] {
        let mut bad = file.clone();
        let width = [(2, 1), (8, 8), (24, 4), (HEAD_BYTES, 4)].iter().find(|(at, _)| *at == field).unwrap().1;
        bad[position + field..position + field + width].copy_from_slice(&bytes[..width]);
        let record = records(&bad).into_iter().find(|record| record.start == position).unwrap();
        seal_payload(&mut bad, &record);
        seal_log(&mut bad);
        assert_damaged(&bad, position);
        let report = verified(&disk_with(&bad));
        assert_eq!(
            report.findings.first().map(|finding| finding.position),
            Some(position as u64),
            "{report:?}"
        );
    }
    let mut floored = file;
    for copy in [0, 1] {
        floored[copy * 4096 + 80..copy * 4096 + 88].copy_from_slice(&(1_u64 << 62).to_le_bytes());
        seal_header(&mut floored, copy);
    }
    assert_damaged(&floored, 0);
}
