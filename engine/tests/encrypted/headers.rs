//! Attacks on headers: fields that are forged, copies that are mixed, and what a counter that nobody vouches for may do.

use super::attacker::{HEADER_BYTES, LOG_START, fix_header, newest_header, put, u64_at};
use super::database::{Contents, PATH, Victim, commit, contents, disk_with, key, open_on, sim_with};
use ferrumdb_engine::fs::Fate;
use ferrumdb_engine::{EncryptionKey, Error};

/// Fields by offset and length, and what an attacker would like them to be.
const FORGED: [(&str, usize, &[u8]); 28] = [
    ("version", 16, &[1]),
    ("length of a copy", 20, &[0, 32]),
    ("compatible features", 24, &[1]),
    ("read-only compatible features", 32, &[1]),
    ("no encryption", 40, &[0]),
    ("an incremental backup", 40, &[3]),
    ("an unknown feature", 40, &[5]),
    ("file id", 48, &[0xA5; 16]),
    ("generation 0", 64, &[0; 8]),
    ("generation 2", 64, &[2]),
    ("the last generation", 64, &[0xFF; 8]),
    ("a far counter", 72, &[0xFE, 0xFF, 0xFF, 0xFF]),
    ("history floor", 80, &[1]),
    ("a far history floor", 80, &[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x3F]),
    ("synced nothing", 88, &8192_u64.to_le_bytes()),
    ("synced everything", 88, &[0xFF; 8]),
    ("created", 96, &[0xFF; 8]),
    ("algorithm", 104, &[2]),
    ("no algorithm", 104, &[0]),
    ("a passphrase", 108, &[2]),
    ("a passphrase that costs little", 108, &[2, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 1]),
    ("reserved", 124, &[1]),
    ("salt", 128, &[9; 16]),
    ("sealed nothing", 144, &[0; 8]),
    ("sealed everything", 144, &[0xFF; 8]),
    ("check", 152, &[7; 32]),
    ("data key", 184, &[3; 60]),
    ("reserved, behind", 300, &[1]),
];

fn forge(file: &[u8], at: usize, (_, offset, field): (&str, usize, &[u8])) -> Option<Vec<u8>> {
    let mut forged = file.to_vec();
    put(&mut forged, at + offset, field);
    fix_header(&mut forged, at);
    (forged != file).then_some(forged)
}

fn assert_refused_or(victim: &Victim, file: &[u8], may_open: bool, attack: &str) {
    match victim.attempt(file) {
        Ok(found) => {
            assert!(may_open, "{attack}: it opens");
            assert_eq!(found, *victim.states.last().unwrap(), "{attack}");
        }
        Err(
            Error::Tampered { .. }
            | Error::WrongKey { .. }
            | Error::Damaged { .. }
            | Error::NotEncrypted { .. }
            | Error::NotADatabase { .. }
            | Error::UnsupportedVersion { .. }
            | Error::UnsupportedFeatures { .. },
        ) => {}
        Err(error) => panic!("{attack}: {error}"),
    }
}

#[test]
fn a_forged_field_is_refused_in_the_copy_that_holds_and_never_believed_in_the_other() {
    for is_compacted in [false, true] {
        let victim = Victim::new(true, is_compacted);
        let newest = newest_header(&victim.file);
        let older = HEADER_BYTES - newest;
        for field in FORGED {
            if let Some(file) = forge(&victim.file, newest, field) {
                // If it says that it has another key, or none, the other copy is asked, as after a rekey cut short.
                let may_open = matches!(field.0, "salt" | "check" | "no encryption");
                assert_refused_or(&victim, &file, may_open, field.0);
            }
            if let Some(file) = forge(&victim.file, older, field) {
                assert_refused_or(&victim, &file, true, field.0);
            }
            if let Some(both) = forge(&victim.file, newest, field).and_then(|file| forge(&file, older, field))
            {
                assert_refused_or(&victim, &both, false, field.0);
            }
        }
    }
}

#[test]
fn a_cost_of_a_passphrase_beyond_the_bounds_is_refused_before_it_is_paid() {
    let sim = sim_with(&[]);
    let phrase = || Some(EncryptionKey::from_passphrase("eleven purple lighthouses"));
    drop(open_on(sim.process(), phrase()).unwrap());
    let file = sim.live_bytes(PATH).unwrap();
    let words = |values: [u32; 3]| values.map(u32::to_le_bytes).concat();
    let costs =
        [[u32::MAX; 3], [512 << 10, 64, 4], [64, u32::MAX, 1], [u32::MAX, 1, 1], [64, 1, 1 << 24], [0; 3]];
    for cost in costs {
        let mut forged = file.clone();
        for at in [0, HEADER_BYTES] {
            put(&mut forged, at + 112, &words(cost));
            fix_header(&mut forged, at);
        }
        let begun = std::time::Instant::now();
        let error = open_on(disk_with(&[(PATH, &forged)]), phrase()).map(drop).unwrap_err();
        assert!(matches!(error, Error::WrongKey { .. }), "{cost:?}: {error}");
        // The least of them would take half a minute at best.
        assert!(begun.elapsed().as_secs() < 10, "{cost:?} was paid");
    }
    // One that costs less makes another key, so that a guess costs what it did.
    let mut forged = file;
    for at in [0, HEADER_BYTES] {
        put(&mut forged, at + 112, &words([8, 1, 1]));
        fix_header(&mut forged, at);
    }
    let error = open_on(disk_with(&[(PATH, &forged)]), phrase()).map(drop).unwrap_err();
    assert!(matches!(error, Error::WrongKey { .. }), "{error}");
}

#[test]
fn headers_of_another_generation_do_not_open_this_log() {
    let sim = sim_with(&[]);
    let (mut writer, _) = open_on(sim.process(), Some(key(1))).unwrap();
    commit(&mut writer, &["a=1"]);
    let old = sim.live_bytes(PATH).unwrap();
    super::database::compact(&mut writer);
    commit(&mut writer, &["a=2"]);
    writer.close().unwrap();
    let new = sim.live_bytes(PATH).unwrap();
    let victim = Victim { file: new.clone(), states: Vec::new() };
    let swapped = [&old[..LOG_START], &new[LOG_START..]].concat();
    let mut swapped_newer = swapped.clone();
    for at in [0, HEADER_BYTES] {
        // Even if it stands for the newer one.
        let counter = u64_at(&swapped, at + 72) + 100;
        put(&mut swapped_newer, at + 72, &counter.to_le_bytes());
        fix_header(&mut swapped_newer, at);
    }
    for file in [&swapped, &swapped_newer] {
        match victim.attempt(file) {
            // The older headers claim nothing of the log: an older file, and its whole log cut off.
            Ok(found) => assert_eq!(found, Contents::new()),
            Err(error) => assert!(matches!(error, Error::Tampered { .. } | Error::Damaged { .. }), "{error}"),
        }
    }
    // Beside a copy of the new generation, the one with the higher counter holds.
    for at in [0, HEADER_BYTES] {
        let mut mixed = new.clone();
        mixed[at..at + HEADER_BYTES].copy_from_slice(&old[at..at + HEADER_BYTES]);
        match victim.attempt(&mixed) {
            Ok(found) => assert_eq!(found["a"].0, "2"),
            Err(error) => assert!(matches!(error, Error::Tampered { .. } | Error::Damaged { .. }), "{error}"),
        }
    }
}

#[test]
fn a_counter_that_cannot_go_on_stops_nobody() {
    let victim = Victim::new(true, false);
    let newest = newest_header(&victim.file);
    let older = HEADER_BYTES - newest;
    let counters = [u64::MAX, u64::MAX - 1, u64::MAX - 2, u64::MAX / 2, u64::MAX / 2 + 1];
    for counter in counters {
        for (at, foreign) in [(newest, true), (older, true), (newest, false), (older, false)] {
            let mut forged = victim.file.clone();
            put(&mut forged, at + 72, &counter.to_le_bytes());
            if foreign {
                put(&mut forged, at + 128, &[9; 16]);
            }
            fix_header(&mut forged, at);
            let sim = sim_with(&[(PATH, &forged)]);
            for _ in 0..3 {
                match open_on(sim.process(), Some(key(1))) {
                    Ok((mut writer, reader)) => {
                        commit(&mut writer, &["z=1"]);
                        assert_eq!(contents(&reader).unwrap().len(), victim.states.last().unwrap().len() + 1);
                        writer.close().unwrap();
                    }
                    Err(error) => assert!(
                        matches!(
                            error,
                            Error::Tampered { .. } | Error::WrongKey { .. } | Error::Damaged { .. }
                        ),
                        "{error}"
                    ),
                }
                sim.crash_with(|_| Fate::Dropped);
            }
        }
    }
}

#[test]
fn a_file_of_zeros_noise_and_huge_numbers_behind_right_checksums_is_refused() {
    let victim = Victim::new(true, false);
    let mut state = 0x9E37_79B9_u64;
    for round in 0..300 {
        let mut file = victim.file.clone();
        for at in [0, HEADER_BYTES] {
            for _ in 0..=round % 4 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let offset = 16 + (state >> 33) as usize % 228;
                file[at + offset] = if round % 3 == 0 { 0xFF } else { (state >> 25) as u8 };
            }
            fix_header(&mut file, at);
        }
        let is_forged = |at: usize| file[at..at + HEADER_BYTES] != victim.file[at..at + HEADER_BYTES];
        if is_forged(0) && is_forged(HEADER_BYTES) {
            assert_refused_or(&victim, &file, false, &format!("round {round}"));
        }
    }
}
