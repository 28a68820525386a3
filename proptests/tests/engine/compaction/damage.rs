//! Damage beneath a compaction, and in the base section that one has written: it is refused, at its record.

use ferrumdb_engine::fs::SimFs;
use ferrumdb_engine::{Error, History};

use super::{advance, begin, compact, compacted, prepared, ready, temporaries};
use crate::bytes::{commit_ends, records, seal_header};
use crate::common::{LOG_START, PATH, assert_goes_on, bytes_of, contents, disk_with, open_on, synced};
use crate::damage::assert_damaged;
use crate::decoded::{Decoded, seal_log};

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
            // A checksum may end with zeros, which are no change.
            if let Some(changed) = (end..file.len()).find(|position| file[*position] != 0) {
                assert_damaged(&zeros, record_of(&file, changed));
            }
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
    let file = bytes_of(&sim);
    let commits = Decoded::read(&file).commits;
    let first = |key: &str| commits.iter().find(|entry| entry.key == key).unwrap().position;
    let last = |key: &str| commits.iter().rfind(|entry| entry.key == key).unwrap().position;
    // Of the second forgery, as many documents are left, and as many bytes.
    let forgeries: [&[(usize, usize)]; 2] =
        [&[(first("e"), last("b"))], &[(last("a"), first("b")), (last("b"), last("a"))]];
    for forged in forgeries {
        let mut file = file.clone();
        for &(record, previous) in forged {
            file[record + 16..record + 24].copy_from_slice(&(previous as u64).to_le_bytes());
        }
        seal_log(&mut file);
        let sim = disk_with(&file);
        let (mut writer, reader) = open_on(&sim).unwrap();
        let state = contents(&reader);
        for history in [History::None, History::Versions(1), History::Versions(2)] {
            let mut compaction = begin(&mut writer, history);
            let outcome = advance(&mut compaction);
            assert!(matches!(outcome, Err(Error::Damaged { .. })), "{forged:?}, {history:?}: {outcome:?}");
            drop(compaction);
            assert_eq!((bytes_of(&sim), contents(&reader)), (file.clone(), state.clone()));
        }
    }
}
