//! What a crash leaves at the end of the log: it is cut off, never taken for a commit, and never in the way later.

use std::path::Path;
use std::time::{Duration, Instant};

use ferrumdb_engine::Durability;
use ferrumdb_engine::fs::{FileSystem, OpenMode, SimFs, SimOperation};

use crate::bytes::{HEAD_BYTES, commit_ends, records, seal_head, without_prepared_space};
use crate::common::{
    Contents, LOG_START, PATH, appended, assert_goes_on, at, bytes_of, contents, disk_with, expected,
    open_on, synced, transaction,
};

/// The file after four synced commits, the third of three records, and the contents after each commit.
fn four_commits() -> (Vec<u8>, Vec<Contents>) {
    let sim = SimFs::new(1);
    let (mut writer, reader) = open_on(&sim).unwrap();
    let mut states = vec![contents(&reader)];
    for changes in [&["a=1"][..], &["b=[2,22]"], &["a=3", "b", "c={\"three\":3}"], &["d=\"four\""]] {
        synced(&mut writer, changes).unwrap();
        states.push(contents(&reader));
    }
    drop(writer);
    (without_prepared_space(&bytes_of(&sim)), states)
}

/// How many commits end at or before this position.
fn whole_before(ends: &[usize], position: usize) -> usize {
    ends.iter().filter(|end| **end <= position).count() - 1
}

#[test]
fn a_log_that_ends_at_any_byte_opens_with_the_whole_commits_before_it() {
    let (file, states) = four_commits();
    let ends = commit_ends(&file);
    assert_eq!((ends.len(), *ends.last().unwrap()), (5, file.len()));
    for cut in LOG_START..=file.len() {
        let sim = disk_with(&file[..cut]);
        let state = &states[whole_before(&ends, cut)];
        {
            let (_, reader) = open_on(&sim).unwrap();
            assert_eq!(contents(&reader), *state, "cut at {cut}");
            let torn = cut - ends[whole_before(&ends, cut)];
            let recovery = reader.stats().unwrap().recovery;
            assert!(
                recovery.torn_bytes as usize <= torn && (recovery.torn_bytes > 0 || torn < 2),
                "cut at {cut}"
            );
        }
        if cut % 5 == 0 {
            assert_goes_on(&disk_with(&file[..cut]), state);
        }
    }
}

#[test]
fn a_commit_with_one_bad_byte_at_the_end_of_the_log_is_not_applied_in_part() {
    let (file, states) = four_commits();
    let ends = commit_ends(&file);
    let file = &file[..ends[3]];
    for position in ends[2]..ends[3] {
        let mut torn = file.to_vec();
        torn[position] ^= 0x10;
        let (_, reader) = open_on(&disk_with(&torn)).unwrap();
        assert_eq!(contents(&reader), states[2], "byte {position}");
    }
}

#[test]
fn a_commit_without_its_mark_or_one_of_its_records_is_not_applied() {
    let (file, states) = four_commits();
    let ends = commit_ends(&file);
    let members: Vec<_> = records(&file).into_iter().filter(|record| record.sequence == 3).collect();
    assert_eq!(members.len(), 3);
    for (what, range) in [
        ("mark", ends[3] - 32..ends[3]),
        ("first", members[0].start..members[0].end),
        ("second", members[1].start..members[1].end),
        ("last", members[2].start..members[2].end),
    ] {
        let mut torn = file[..ends[3]].to_vec();
        torn[range].fill(0);
        let sim = disk_with(&torn);
        assert_goes_on(&sim, &states[2]);
        assert!(!sim.names().iter().any(|name| name.to_string_lossy().contains("torn")), "{what}");
    }
}

#[test]
fn garbage_behind_the_log_is_never_taken_for_a_commit() {
    let (file, states) = four_commits();
    let mut random = ferrumdb_proptests::Random::new(7);
    for len in [1, 7, 8, 40, 511, 4_096, 70_000] {
        let noise: Vec<u8> = (0..len).map(|_| random.number() as u8).collect();
        let old: Vec<u8> = file[LOG_START..].iter().copied().cycle().take(len).collect();
        let mut behind_zeros = vec![0; len];
        behind_zeros.push(1);
        let markers: Vec<u8> = [0xFF, 0xC5].into_iter().cycle().take(len).collect();
        let tails = [vec![0; len], vec![0xFF; len], noise, old, behind_zeros, markers];
        for (kind, tail) in tails.into_iter().enumerate() {
            let sim = disk_with(&[&file[..], &tail].concat());
            assert_goes_on(&sim, &states[4]);
            assert!(
                sim.names().iter().all(|name| !name.to_string_lossy().contains(".torn-")),
                "nothing is saved of tail {kind} of {len} bytes"
            );
        }
    }
}

#[test]
fn a_record_of_another_file_is_no_record_of_this_one() {
    let (file, states) = four_commits();
    let (other, _) = four_commits();
    let ends = commit_ends(&file);
    // The same commit at the same place, but of a file with another id.
    let spliced = [&file[..ends[3]], &other[ends[3]..]].concat();
    assert_goes_on(&disk_with(&spliced), &states[3]);
}

#[test]
fn a_commit_of_an_abandoned_history_does_not_continue_this_one() {
    let sim = SimFs::new(1);
    let (mut writer, _) = open_on(&sim).unwrap();
    synced(&mut writer, &["a=1"]).unwrap();
    drop(writer);
    let history = |second: &str| {
        let fork = sim.fork(1);
        let (mut writer, _) = open_on(&fork).unwrap();
        appended(&mut writer, &[second]).unwrap();
        appended(&mut writer, &["c=3"]).unwrap();
        drop(writer);
        without_prepared_space(&bytes_of(&fork))
    };
    let (taken, abandoned) = (history("b=2"), history("b=9"));
    let ends = commit_ends(&taken);
    assert_eq!(ends, commit_ends(&abandoned), "the two histories have the same lengths");
    let joined = [&taken[..ends[2]], &abandoned[ends[2]..]].concat();
    assert_goes_on(&disk_with(&joined), &expected(&[("a", "1"), ("b", "2")]));
}

#[test]
fn a_length_beyond_the_file_is_neither_believed_nor_allocated() {
    let (file, states) = four_commits();
    let last = *records(&file).last().unwrap();
    for payload_bytes in [u32::MAX, i32::MAX as u32, 1 << 24, (last.end - last.start) as u32] {
        let mut torn = file.clone();
        torn[last.start + 4..last.start + 8].copy_from_slice(&payload_bytes.to_le_bytes());
        seal_head(&mut torn, last.start);
        let sim = disk_with(&torn);
        sim.record();
        let (_, reader) = open_on(&sim).unwrap();
        assert_eq!(contents(&reader), states[3], "payload of {payload_bytes} bytes");
        let reads = sim.trace().into_iter().filter(|call| call.operation == SimOperation::Read);
        let longest = reads.map(|call| call.len).max().unwrap();
        assert!(longest <= torn.len() as u64, "a read of {longest} bytes of a file of {}", torn.len());
    }
    assert!(file.len() - last.start > HEAD_BYTES);
}

#[test]
fn whole_commits_beyond_a_torn_one_are_saved_before_they_are_cut_off() {
    let sim = SimFs::new(1);
    let (mut writer, _) = open_on(&sim).unwrap();
    synced(&mut writer, &["a=1"]).unwrap();
    let group = [transaction(&["b=2"]), transaction(&["c=3"]), transaction(&["d=4"])];
    writer.commit(&group, Durability::Appended).unwrap();
    drop(writer);
    let ends = commit_ends(&bytes_of(&sim));
    sim.overwrite(PATH, ends[1] as u64 + 44, b"!");
    let before = bytes_of(&sim);

    let (writer, reader) = open_on(&sim).unwrap();
    assert_eq!(contents(&reader), expected(&[("a", "1")]));
    let recovery = reader.stats().unwrap().recovery;
    assert_eq!(recovery.torn_bytes as usize, ends[4] - ends[1]);
    assert_eq!(recovery.torn_file, Some(at("/my.db.torn-1")));
    assert!(!recovery.clean);
    drop(writer);
    sim.crash_with(|_| ferrumdb_engine::fs::Fate::Dropped);
    let saved = sim.live_bytes("/my.db.torn-1").expect("the saved tail is durable when opening returns");
    assert_eq!(saved, before[ends[1]..ends[4]]);
    assert_goes_on(&sim, &expected(&[("a", "1")]));
    assert_eq!(sim.live_bytes("/my.db.torn-1"), Some(saved), "later openings leave it alone");
}

#[test]
fn another_torn_tail_after_the_same_commit_leaves_the_first_one_saved() {
    let sim = SimFs::new(1);
    let (mut writer, _) = open_on(&sim).unwrap();
    synced(&mut writer, &["a=1"]).unwrap();
    drop(writer);
    let mut saved = Vec::new();
    for value in 2..5 {
        let (mut writer, reader) = open_on(&sim).unwrap();
        assert_eq!(contents(&reader), expected(&[("a", "1")]));
        let group = [transaction(&[&format!("b={value}")]), transaction(&["c=3"])];
        writer.commit(&group, Durability::Appended).unwrap();
        drop(writer);
        let ends = commit_ends(&bytes_of(&sim));
        sim.overwrite(PATH, ends[1] as u64 + 44, b"!");
        saved.push(bytes_of(&sim)[ends[1]..ends[3]].to_vec());
        open_on(&sim).unwrap();
    }
    for (name, tail) in ["/my.db.torn-1", "/my.db.torn-1-2", "/my.db.torn-1-3"].into_iter().zip(saved) {
        assert_eq!(sim.live_bytes(name), Some(tail), "{name}");
    }
}

#[test]
fn a_long_torn_tail_of_whole_commits_is_judged_in_little_time() {
    let sim = SimFs::new(1);
    let (mut writer, _) = open_on(&sim).unwrap();
    synced(&mut writer, &["a=1"]).unwrap();
    let group: Vec<_> = (0..20_000).map(|number| transaction(&[&format!("k{number}=1")])).collect();
    writer.commit(&group, Durability::Appended).unwrap();
    drop(writer);
    sim.overwrite(PATH, commit_ends(&bytes_of(&sim))[1] as u64 + 44, b"!");
    sim.record();
    let begin = Instant::now();
    let (_, reader) = open_on(&sim).unwrap();
    assert!(begin.elapsed() < Duration::from_secs(60), "it took {:?}", begin.elapsed());
    assert_eq!(reader.count(crate::common::ROOT), 1);
    let reads = sim.trace().into_iter().filter(|call| call.operation == SimOperation::Read);
    let (read, len): (u64, u64) = (reads.map(|call| call.len).sum(), bytes_of(&sim).len() as u64);
    let torn = reader.stats().unwrap().recovery.torn_bytes;
    assert!(read < 8 * (len + torn) + (4 << 20), "{read} bytes read to judge a tail of {torn}");
}

#[test]
fn the_same_tail_is_saved_once_though_a_crash_comes_between_saving_and_cutting() {
    let sim = SimFs::new(1);
    let (mut writer, _) = open_on(&sim).unwrap();
    synced(&mut writer, &["a=1"]).unwrap();
    writer.commit(&[transaction(&["b=2"]), transaction(&["c=3"])], Durability::Appended).unwrap();
    drop(writer);
    let ends = commit_ends(&bytes_of(&sim));
    sim.overwrite(PATH, ends[1] as u64 + 44, b"!");
    let tail = bytes_of(&sim)[ends[1]..ends[3]].to_vec();
    let left = sim.open(Path::new("/my.db.torn-1"), OpenMode::CreateNew).unwrap();
    left.write_at(&tail, 0).unwrap();
    drop(left);
    let (_, reader) = open_on(&sim).unwrap();
    assert_eq!(reader.stats().unwrap().recovery.torn_file, Some(at("/my.db.torn-1")));
    assert_eq!(sim.live_bytes("/my.db.torn-1"), Some(tail));
    assert_eq!(sim.live_bytes("/my.db.torn-1-2"), None);
}
