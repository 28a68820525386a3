//! Verification and repair of encrypted files: whatever was done to one by somebody without the key is found, and the
//! rest saved, encrypted.

use std::path::Path;

use ferrumdb_engine::fs::{Fate, SimFs};
use ferrumdb_engine::{
    Durability, EncryptionKey, Error, FieldPath, History, Key, RepairReport, Result, Timestamp, Transaction,
    Verification, VerifyReport, VerifyStep, repair,
};

use crate::bytes::{HEAD_BYTES, MARK_BYTES, Record, records, seal_header, u64_at};
use crate::common::{
    Contents, LOG_START, PATH, ROOT, appended, bytes_of, contents, disk_with, document, expected, shared,
    synced,
};
use crate::histories::{compact, open_sealed};

const TO: &str = "/saved.db";
const HINT: &str = "/my.db.hint";
const PLANTED: &str = "planted-plaintext";

fn key(number: u8) -> Option<EncryptionKey> {
    Some(EncryptionKey::from_bytes([number; 32]))
}

fn verified(sim: &SimFs, path: &str, key: Option<EncryptionKey>) -> Result<VerifyReport> {
    Verification::of_file(Path::new(path), key.as_ref(), sim).map(finished)
}

fn finished(mut verification: Verification) -> VerifyReport {
    while verification.step().unwrap() != VerifyStep::Done {}
    verification.finish()
}

fn repaired(sim: &SimFs, key: Option<EncryptionKey>) -> Result<RepairReport> {
    repair(Path::new(PATH), Path::new(TO), key.as_ref(), &shared(sim), &mut |_, _| true)
}

/// An encrypted database with a base section, an index, expiries, transactions and a hint, closed; and its documents.
fn filled() -> (SimFs, Contents) {
    let sim = SimFs::new(1);
    let (mut writer, reader) = open_sealed(&sim, PATH, key(1).as_ref()).unwrap();
    for number in 0..12 {
        let mut transaction = Transaction::new();
        for part in 0..2 {
            let key = format!("{PLANTED}-{}-{part}", number % 8);
            let json = format!("{{\"n\":{number},\"t\":\"{PLANTED}\"}}");
            let expires_at = (number % 3 == 0).then_some(Timestamp(u64::MAX - 1));
            transaction.set(ROOT, Key::from(key.as_str()), document(&json), expires_at);
        }
        writer.commit(&[transaction], Durability::Synced).unwrap();
        if number == 9 {
            let mut build = writer.begin_index(ROOT, FieldPath::parse(PLANTED).unwrap()).unwrap();
            build.run().unwrap();
            let round = writer.index_round(&build);
            writer.install_index(build, round, Durability::Synced).unwrap();
            compact(&mut writer, History::None);
        }
    }
    synced(&mut writer, &[&format!("{PLANTED}-1-0")]).unwrap();
    let contents = contents(&reader);
    drop(reader);
    writer.close().unwrap();
    assert!(u64_at(&bytes_of(&sim), 80) > 0, "it has a base section");
    assert!(sim.live_bytes(HINT).is_some());
    (sim, contents)
}

/// Changes what is sealed in a record, so that no checksum notices: what is changed is a multiple of the polynomial.
fn tampered(file: &[u8], record: &Record) -> Vec<u8> {
    let mut tampered = file.to_vec();
    for (index, bits) in [0x41, 0x06, 0x71, 0xDB, 0x01].into_iter().enumerate() {
        tampered[record.start + HEAD_BYTES + 14 + index] ^= bits;
    }
    let payload = |file: &[u8]| {
        let bytes = u32::from_le_bytes(file[record.start + 4..record.start + 8].try_into().unwrap()) as usize;
        crc32fast::hash(&file[record.start + HEAD_BYTES..record.start + HEAD_BYTES + bytes])
    };
    assert_eq!(payload(&tampered), payload(file));
    tampered
}

fn names_it(report: &VerifyReport, record: &Record) -> bool {
    let is_it = |position: u64, what: &str| position == record.start as u64 && what.contains("tampered with");
    report.findings.iter().any(|finding| is_it(finding.position, &finding.what))
}

#[test]
fn a_record_that_was_tampered_with_is_found_though_its_checksums_are_right() {
    let (sim, _) = filled();
    let file = bytes_of(&sim);
    let sound = verified(&sim, PATH, key(1)).unwrap();
    assert!(sound.is_sound(), "{sound:?}");
    let all = records(&file);
    for record in &all {
        let bad = tampered(&file, record);
        sim.overwrite(PATH, 0, &bad);
        let with_hint = verified(&sim, PATH, key(1)).unwrap();
        let without = verified(&disk_with(&bad), PATH, key(1)).unwrap();
        for report in [with_hint, without] {
            assert!(names_it(&report, record), "{record:?}: {report:?}");
            assert_eq!((report.records, report.torn_bytes), (sound.records - 1, 0), "{record:?}");
        }
    }
    sim.overwrite(PATH, 0, &file);
    let (_writer, reader) = open_sealed(&sim, PATH, key(1).as_ref()).unwrap();
    assert!(finished(reader.begin_verify().unwrap()).is_sound());
    let newest = all.iter().find(|record| record.sequence == 6).unwrap();
    sim.overwrite(PATH, 0, &tampered(&file, newest));
    let open = finished(reader.begin_verify().unwrap());
    assert!(names_it(&open, newest), "{open:?}");
    assert!(open.findings.iter().any(|finding| finding.key.is_some()), "{open:?}");
}

#[test]
fn a_tampered_end_is_no_torn_tail() {
    let sim = SimFs::new(1);
    let (mut writer, _) = open_sealed(&sim, PATH, key(1).as_ref()).unwrap();
    synced(&mut writer, &["a=1"]).unwrap();
    appended(&mut writer, &["b=2", "c=3"]).unwrap();
    drop(writer);
    sim.crash_with(|_| Fate::Kept);
    let file = bytes_of(&sim);
    let all = records(&file);
    for record in &all[1..3] {
        let bad = disk_with(&tampered(&file, record));
        let report = verified(&bad, PATH, key(1)).unwrap();
        assert!(names_it(&report, record) && report.torn_bytes == 0, "{report:?}");
        let refused = open_sealed(&bad, PATH, key(1).as_ref()).map(drop);
        assert!(matches!(refused, Err(Error::Tampered { .. })), "opening says the same: {refused:?}");
        let saved = repaired(&bad, key(1)).unwrap();
        assert_eq!(saved.lost[0].start, record.start as u64);
        assert!(!saved.is_complete());
    }
    // The same bytes with a wrong checksum are what a crash may leave.
    let mut torn = file.clone();
    torn[all[1].start + HEAD_BYTES + 14] ^= 1;
    let report = verified(&disk_with(&torn), PATH, key(1)).unwrap();
    assert!(report.is_sound() && report.torn_bytes > 0, "{report:?}");
}

#[test]
fn a_record_with_the_mark_of_another_write_may_be_a_torn_tail() {
    let sim = SimFs::new(1);
    let (mut writer, _) = open_sealed(&sim, PATH, key(1).as_ref()).unwrap();
    synced(&mut writer, &["a=1"]).unwrap();
    drop(writer);
    let first = disk_with(&bytes_of(&sim));
    let written = |change: &str| {
        let sim = first.fork(1);
        let (mut writer, _) = open_sealed(&sim, PATH, key(1).as_ref()).unwrap();
        appended(&mut writer, &[change]).unwrap();
        bytes_of(&sim)
    };
    let (mut mixed, other) = (written("b=2"), written("b=3"));
    let last = *records(&mixed).last().unwrap();
    mixed[last.end - MARK_BYTES..last.end].copy_from_slice(&other[last.end - MARK_BYTES..last.end]);
    let disk = disk_with(&mixed);
    let report = verified(&disk, PATH, key(1)).unwrap();
    assert!(report.is_sound() && report.torn_bytes > 0, "{report:?}");
    let (_, reader) = open_sealed(&disk, PATH, key(1).as_ref()).unwrap();
    assert_eq!(contents(&reader), expected(&[("a", "1")]), "opening says the same");
}

#[test]
fn a_repair_of_an_encrypted_file_keeps_everything_else_and_shows_nothing() {
    let (sim, expected) = filled();
    let file = bytes_of(&sim);
    let mut lost_keys = 0;
    for record in [None].into_iter().chain(records(&file).into_iter().map(Some)) {
        for sealed_right in [false, true] {
            let bad = match &record {
                None => file.clone(),
                Some(record) if sealed_right => tampered(&file, record),
                Some(record) => {
                    let mut bad = file.clone();
                    bad[record.start + HEAD_BYTES + 20] ^= 1;
                    bad
                }
            };
            let sim = sim.fork(1);
            sim.overwrite(PATH, 0, &bad);
            let report = repaired(&sim, key(1)).unwrap();
            assert_eq!(report.is_complete(), record.is_none(), "{record:?}: {report:?}");
            assert_eq!(bytes_of(&sim), bad, "the damaged file is left as it was");
            let saved = sim.live_bytes(TO).unwrap();
            assert!(!saved.windows(7).any(|window| window == b"planted"), "{record:?}");
            let (allowed, sealed) = (u64_at(&saved, 144), records(&saved).len() as u64);
            assert!(
                (sealed..=sealed + (1 << 16)).contains(&allowed),
                "what the new data key may have sealed"
            );

            assert!(matches!(verified(&sim, TO, None), Err(Error::KeyNeeded { .. })));
            assert!(matches!(verified(&sim, TO, key(2)), Err(Error::WrongKey { .. })));
            assert!(verified(&sim, TO, key(1)).unwrap().is_sound(), "{record:?}");
            let (mut writer, reader) = open_sealed(&sim, TO, key(1).as_ref()).unwrap();
            let found = contents(&reader);
            let listed = |key: &str| report.keys.iter().any(|listed| listed == key);
            let is_kept = |(key, json): (&String, &String)| found.get(key) == Some(json) || listed(key);
            let what = format!("{record:?}: {report:?}");
            assert!(expected.iter().all(is_kept) || report.commits_total > 0, "{what}");
            assert!(expected.iter().filter(|entry| !is_kept(*entry)).count() <= 1, "{what}");
            lost_keys += report.keys.len();
            synced(&mut writer, &["after=1"]).unwrap();
            writer.close().unwrap();
        }
    }
    assert!(lost_keys > 0, "the hint tells keys that lay in lost bytes");
}

#[test]
fn without_the_key_or_with_a_wrong_one_nothing_is_touched() {
    let (sim, _) = filled();
    let (before, names) = (bytes_of(&sim), sim.names());
    for spoiled in [false, true] {
        if spoiled {
            sim.overwrite(PATH, 0, &tampered(&before, &records(&before)[2]));
        }
        let before = bytes_of(&sim);
        for wrong in [None, key(2), Some(EncryptionKey::from_passphrase("x"))] {
            let is_none = wrong.is_none();
            let is_told = |error: &Error| match error {
                Error::KeyNeeded { .. } => is_none,
                Error::WrongKey { .. } => !is_none,
                _ => false,
            };
            assert!(verified(&sim, PATH, wrong.clone()).is_err_and(|error| is_told(&error)));
            assert!(repaired(&sim, wrong).is_err_and(|error| is_told(&error)));
        }
        assert_eq!((bytes_of(&sim), sim.names()), (before, names.clone()));
    }
    let plain = SimFs::new(1);
    let (mut writer, _) = open_sealed(&plain, PATH, None).unwrap();
    synced(&mut writer, &["a=1"]).unwrap();
    writer.close().unwrap();
    for spoiled in [false, true] {
        if spoiled {
            plain.overwrite(PATH, 100, b"?");
            plain.overwrite(PATH, 4196, b"?");
        }
        assert!(matches!(verified(&plain, PATH, key(1)), Err(Error::NotEncrypted { .. })));
        assert!(matches!(repaired(&plain, key(1)), Err(Error::NotEncrypted { .. })));
    }
    assert_eq!(repaired(&plain, None).unwrap().documents, 1);
}

#[test]
fn one_good_copy_of_the_header_is_enough_and_without_any_it_is_said_that_nothing_can_be_done() {
    let (sim, expected) = filled();
    let file = bytes_of(&sim);
    // A byte that the checksum covers; the same, and the checksum written anew, as somebody without the key can.
    for sealed in [false, true] {
        let spoil = |file: &mut [u8], copy: usize| {
            file[copy * 4096 + 96] ^= 1;
            if sealed {
                seal_header(file, copy);
            }
        };
        for copy in [0, 1] {
            let mut bad = file.clone();
            spoil(&mut bad, copy);
            let disk = disk_with(&bad);
            let report = verified(&disk, PATH, key(1)).unwrap();
            let at: Vec<_> = report.findings.iter().map(|finding| finding.position).collect();
            assert_eq!(at, [copy as u64 * 4096], "{sealed}: {report:?}");
            repaired(&disk, key(1)).unwrap();
            assert_eq!(contents(&open_sealed(&disk, TO, key(1).as_ref()).unwrap().1), expected);
        }
        let mut bad = file.clone();
        spoil(&mut bad, 0);
        spoil(&mut bad, 1);
        assert_unreadable(&disk_with(&bad));
        if !sealed {
            // Nothing but the hint tells that it was encrypted.
            bad[16..LOG_START].fill(0x5A);
            sim.overwrite(PATH, 0, &bad);
            assert_unreadable(&sim);
        }
    }
}

#[test]
fn a_feature_that_only_the_copy_for_another_key_tells_of_is_not_passed_over() {
    let (sim, _) = filled();
    let rekeyed = sim.fork(1);
    let (mut writer, _) = open_sealed(&rekeyed, PATH, key(1).as_ref()).unwrap();
    writer.rekey(&key(2).unwrap()).unwrap();
    drop(writer);
    // As a change of the key leaves it that the power has interrupted.
    let (mut file, other) = (bytes_of(&sim), bytes_of(&rekeyed));
    let newest = if u64_at(&other, 72) > u64_at(&other, 4096 + 72) { 0 } else { 1 };
    let copy = newest * 4096..(newest + 1) * 4096;
    file[copy.clone()].copy_from_slice(&other[copy.clone()]);
    let in_part = disk_with(&file);
    assert!(open_sealed(&in_part, PATH, key(1).as_ref()).is_ok());
    file[copy.start + 32 + 7] = 1 << 4;
    seal_header(&mut file, newest);
    let sim = disk_with(&file);
    let unsupported =
        |error| assert!(matches!(error, Error::UnsupportedFeatures { bits, .. } if bits == 1 << 60));
    unsupported(open_sealed(&sim, PATH, key(1).as_ref()).map(drop).unwrap_err());
    unsupported(repaired(&sim, key(1)).map(drop).unwrap_err());
    assert_eq!((bytes_of(&sim), sim.names().len()), (file, 1));
}

fn assert_unreadable(sim: &SimFs) {
    let names = sim.names();
    let report = verified(sim, PATH, key(1)).unwrap();
    assert_eq!((report.findings_total, report.records), (2, 0), "{report:?}");
    assert!(report.findings[0].what.contains("it is encrypted"), "{report:?}");
    let refused = repaired(sim, key(1)).unwrap_err();
    assert!(
        matches!(refused, Error::Damaged { position: 0, reason, .. } if reason.contains("it is encrypted"))
    );
    assert_eq!(sim.names(), names);
}
