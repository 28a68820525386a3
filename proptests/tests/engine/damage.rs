//! Bytes that were durable once and are no longer what was written: opening refuses and changes nothing, reading tells.

use ferrumdb_engine::Error;
use ferrumdb_engine::fs::SimFs;

use crate::bytes::{commit_ends, records, seal_header, without_prepared_space};
use crate::common::{
    Contents, LOG_START, PATH, ROOT, appended, assert_goes_on, bytes_of, contents, disk_with, expected,
    open_on, refusal, synced,
};

/// A database that was closed, of five commits and a close mark; and what it holds.
fn closed() -> (Vec<u8>, Contents) {
    let sim = SimFs::new(1);
    let (mut writer, reader) = open_on(&sim).unwrap();
    for changes in [&["a=1"][..], &["b=2"], &["c=3", "a=4", "d=5"], &["b"], &["e=6"]] {
        synced(&mut writer, changes).unwrap();
    }
    let state = contents(&reader);
    writer.close().unwrap();
    (bytes_of(&sim), state)
}

#[track_caller]
pub(crate) fn assert_damaged(file: &[u8], position: usize) {
    let sim = disk_with(file);
    match refusal(&sim) {
        Error::Damaged { position: told, .. } => assert_eq!(told as usize, position),
        other => panic!("expected damage at {position}, got: {other}"),
    }
    assert_eq!(bytes_of(&sim), file, "a refused file is left as it was");
    assert_eq!(sim.names().len(), 1, "and nothing is made beside it");
    assert!(refusal(&sim).to_string().contains(&position.to_string()), "a second look finds the same");
}

#[test]
fn each_bad_byte_before_durable_commits_is_damage_at_its_commit() {
    let (file, _) = closed();
    let ends = commit_ends(&file);
    for position in ends[2]..ends[3] {
        let mut bad = file.clone();
        bad[position] ^= 1;
        assert_damaged(&bad, ends[2]);
    }
}

#[test]
fn a_closed_database_is_damaged_by_any_bad_byte_up_to_its_close_mark() {
    let (file, _) = closed();
    let ends = commit_ends(&file);
    let mark = ends[ends.len() - 2];
    for position in (LOG_START..mark).step_by(3) {
        let mut bad = file.clone();
        bad[position] ^= 0x80;
        assert_damaged(&bad, *ends.iter().rfind(|end| **end <= position).unwrap());
    }
}

#[test]
fn a_closed_database_that_was_cut_short_is_damaged() {
    let (file, state) = closed();
    let ends = commit_ends(&file);
    let mark = ends[ends.len() - 2];
    for end in (LOG_START..mark).step_by(7).chain(ends[..ends.len() - 2].iter().copied()) {
        assert_damaged(&file[..end], *ends.iter().rfind(|known| **known <= end).unwrap());
        let mut zeros = file.clone();
        zeros[end..].fill(0);
        // A record may end in zeros of its own.
        let whole = ends.iter().rfind(|known| **known <= end).unwrap();
        assert_damaged(&zeros, *whole);
    }
    // Only the close mark says nothing of itself.
    for end in mark..file.len() {
        assert_goes_on(&disk_with(&file[..end]), &state);
    }
}

#[test]
fn a_sync_mark_makes_damage_to_the_last_commit_known() {
    let sim = SimFs::new(1);
    let (mut writer, _) = open_on(&sim).unwrap();
    synced(&mut writer, &["a=1"]).unwrap();
    synced(&mut writer, &["b=2"]).unwrap();
    let unmarked = without_prepared_space(&bytes_of(&sim));
    writer.append_sync_mark().unwrap();
    writer.append_sync_mark().unwrap();
    let marked = without_prepared_space(&bytes_of(&sim));
    drop(writer);
    let ends = commit_ends(&marked);
    assert_eq!(ends.len(), 4, "one mark is enough");
    let spoil = |file: &[u8]| {
        let mut bad = file.to_vec();
        bad[ends[1] + 50] ^= 1;
        bad
    };
    // Nothing that survived claims the last commit, so that it looks like one that was never finished.
    assert_goes_on(&disk_with(&spoil(&unmarked)), &expected(&[("a", "1")]));
    assert_damaged(&spoil(&marked), ends[1]);
    assert_goes_on(&disk_with(&marked), &expected(&[("a", "1"), ("b", "2")]));
}

#[test]
fn a_claim_of_the_bad_commit_itself_counts_as_well() {
    let sim = SimFs::new(1);
    let (mut writer, _) = open_on(&sim).unwrap();
    for changes in [["a=1"], ["b=2"], ["c=3"]] {
        synced(&mut writer, &changes).unwrap();
    }
    drop(writer);
    let mut file = without_prepared_space(&bytes_of(&sim));
    let ends = commit_ends(&file);
    file[ends[1]..ends[2]].fill(0);
    // The third commit is whole, and says that the second was synced.
    assert_damaged(&file, ends[1]);
}

#[test]
fn one_bad_header_copy_is_harmless_and_the_next_closing_writes_it_anew() {
    let (file, state) = closed();
    for copy in [0, 1] {
        for position in (0..4096).step_by(61).chain([8, 17, 50, 66, 73, 89, 4092, 4095]) {
            let mut bad = file.clone();
            bad[copy * 4096 + position] ^= 4;
            let (_, reader) = open_on(&disk_with(&bad)).unwrap();
            assert_eq!(contents(&reader), state, "byte {position} of copy {copy}");
        }
        let mut bad = file.clone();
        bad[copy * 4096..(copy + 1) * 4096].fill(0xA5);
        let sim = disk_with(&bad);
        assert_goes_on(&sim, &state);
        let mut healed = bytes_of(&sim);
        // What was written since leads through both copies again.
        let (writer, _) = open_on(&sim).unwrap();
        writer.close().unwrap();
        healed.clone_from(&bytes_of(&sim));
        healed[(1 - copy) * 4096] ^= 1;
        let (_, reader) = open_on(&disk_with(&healed)).unwrap();
        assert_eq!(contents(&reader).len(), state.len() + 1);
    }
}

#[test]
fn two_bad_header_copies_are_damage_at_the_start() {
    let (mut file, _) = closed();
    for copy in [0, 1] {
        file[copy * 4096 + 100] ^= 1;
    }
    assert_damaged(&file, 0);
    for copy in [0, 1] {
        seal_header(&mut file, copy);
    }
    assert!(open_on(&disk_with(&file)).is_ok(), "with right checksums, the reserved bytes do not matter");
}

#[test]
fn a_record_that_rots_while_the_database_is_open_is_told_at_every_read() {
    let sim = SimFs::new(1);
    let (mut writer, reader) = open_on(&sim).unwrap();
    synced(&mut writer, &["a=1"]).unwrap();
    synced(&mut writer, &["b=\"text\""]).unwrap();
    let snapshot = reader.snapshot();
    let record = records(&bytes_of(&sim))[1];
    for position in record.start..record.start + 40 + 16 + 7 {
        let good = bytes_of(&sim)[position];
        sim.overwrite(PATH, position as u64, &[good ^ 1]);
        for _ in 0..2 {
            for result in [reader.get(ROOT, "b"), snapshot.get(ROOT, "b")] {
                let error = result.expect_err("a bad record is never returned");
                assert!(matches!(error, Error::Damaged { .. }), "byte {position}: {error}");
            }
            assert!(reader.get_many(ROOT, &["a", "b"]).is_err());
            assert_eq!(reader.get(ROOT, "a").unwrap().unwrap().as_str(), "1");
        }
        sim.overwrite(PATH, position as u64, &[good]);
    }
    assert_eq!(reader.get(ROOT, "b").unwrap().unwrap().as_str(), "\"text\"");
}

#[test]
fn a_walk_over_documents_tells_each_bad_one_and_passes_none_over() {
    let sim = SimFs::new(1);
    let (mut writer, reader) = open_on(&sim).unwrap();
    for number in 0..20 {
        synced(&mut writer, &[format!("k{number}={number}").as_str()]).unwrap();
    }
    let records = records(&bytes_of(&sim));
    for bad in [3, 4, 19] {
        sim.overwrite(PATH, records[bad].start as u64 + 45, &[0xEE]);
    }
    for _ in 0..2 {
        let documents: Vec<_> = reader.snapshot().documents(ROOT).collect();
        let (good, bad): (Vec<_>, Vec<_>) = documents.into_iter().partition(Result::is_ok);
        assert_eq!((good.len(), bad.len()), (17, 3));
        assert!(bad.iter().all(|error| matches!(error, Err(Error::Damaged { .. }))), "{bad:?}");
    }
    assert_eq!(reader.keys(ROOT).count(), 20);
}

#[test]
fn damage_to_what_was_never_synced_looks_like_a_torn_tail() {
    let sim = SimFs::new(1);
    let (mut writer, _) = open_on(&sim).unwrap();
    synced(&mut writer, &["a=1"]).unwrap();
    appended(&mut writer, &["b=2"]).unwrap();
    appended(&mut writer, &["c=3"]).unwrap();
    drop(writer);
    let mut file = without_prepared_space(&bytes_of(&sim));
    let ends = commit_ends(&file);
    file[ends[1] + 45] ^= 1;
    let sim = disk_with(&file);
    assert_goes_on(&sim, &expected(&[("a", "1")]));
    assert!(sim.live_bytes("/my.db.torn-1").is_some(), "the third commit is saved");
}
