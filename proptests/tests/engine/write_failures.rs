//! Writes that fail, fall short or find the disk full: nothing of the group is kept, and the database goes on.

use std::io::ErrorKind;

use ferrumdb_engine::fs::{Effect, Fate, Fault, PendingChange, SimFs, SimOperation};
use ferrumdb_engine::{Durability, Error};

use crate::bytes::without_prepared_space;
use crate::common::{
    ROOT, appended, assert_goes_on, bytes_of, contents, expected, open_on, synced, transaction,
};

const GROUP: [&[&str]; 3] = [&["b=2", "c=\"33333333333333333333\""], &["a"], &["d=4"]];

/// Whatever became of the failed group: the next commit stands, after a power cut too, and the group does not.
fn assert_next_commit_stands(effect: Effect, nth: u64) {
    let sim = SimFs::new(nth);
    let (mut writer, reader) = open_on(&sim).unwrap();
    synced(&mut writer, &["a=1"]).unwrap();
    appended(&mut writer, &["u=0"]).unwrap();
    let before = without_prepared_space(&bytes_of(&sim));
    sim.inject(Fault::new(SimOperation::Write, effect).nth(nth).always());
    let group = GROUP.map(transaction);
    let error = writer.commit(&group, Durability::Synced).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{effect:?}: {error}");
    assert!(!writer.is_poisoned());
    assert_eq!(bytes_of(&sim), before, "{effect:?}: the log is cut back");
    assert_eq!(contents(&reader), expected(&[("a", "1"), ("u", "0")]), "{effect:?}: nothing of it is seen");
    sim.clear_faults();

    let outcome = synced(&mut writer, &["e=5"]).unwrap();
    assert_eq!(outcome.sequence.0, 3, "the numbers of the failed group are used again");
    drop((writer, reader));
    sim.crash();
    assert_goes_on(&sim, &expected(&[("a", "1"), ("e", "5"), ("u", "0")]));
}

#[test]
fn a_failed_write_keeps_nothing_of_its_group_and_the_next_commit_stands() {
    for kind in [ErrorKind::StorageFull, ErrorKind::Other, ErrorKind::PermissionDenied] {
        assert_next_commit_stands(Effect::Error(kind), 1);
    }
    assert_next_commit_stands(Effect::OsError(5), 1);
    for bytes in (0..400).step_by(7) {
        assert_next_commit_stands(Effect::PartialThenError(bytes, ErrorKind::Other), 1);
    }
}

#[test]
fn a_write_that_takes_nothing_is_an_error_and_no_endless_loop() {
    assert_next_commit_stands(Effect::Short(0), 1);
    let sim = SimFs::new(1);
    let (mut writer, _) = open_on(&sim).unwrap();
    sim.inject(Fault::new(SimOperation::Write, Effect::Short(0)).always());
    match synced(&mut writer, &["a=1"]) {
        Err(Error::Io { source, .. }) => assert_eq!(source.kind(), ErrorKind::WriteZero),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_cut_back_that_a_power_cut_could_undo_is_synced_before_anything_follows() {
    let sim = SimFs::new(1);
    let (mut writer, _) = open_on(&sim).unwrap();
    synced(&mut writer, &["a=1"]).unwrap();
    sim.inject(Fault::new(SimOperation::Write, Effect::PartialThenError(200, ErrorKind::Other)));
    sim.record();
    appended(&mut writer, &["b=\"refused\""]).unwrap_err();
    let order: Vec<_> = sim.trace().iter().map(|call| call.operation).collect();
    assert_eq!(order, [SimOperation::Write, SimOperation::SetLen, SimOperation::Sync]);
    // The whole refused commit had been written; no fate of what is unsynced may bring it back.
    for (write, cut) in [(true, true), (true, false), (false, true), (false, false)] {
        let fork = sim.fork(1);
        fork.crash_with(|operation| match (&operation.change, write, cut) {
            (PendingChange::Write { .. }, true, _) | (PendingChange::SetLen { .. }, _, true) => Fate::Kept,
            _ => Fate::Dropped,
        });
        assert_goes_on(&fork, &expected(&[("a", "1")]));
    }
}

#[test]
fn a_log_that_cannot_be_cut_back_stops_writing() {
    for broken in [SimOperation::SetLen, SimOperation::Sync] {
        let sim = SimFs::new(1);
        let (mut writer, reader) = open_on(&sim).unwrap();
        synced(&mut writer, &["a=1"]).unwrap();
        sim.inject(Fault::new(SimOperation::Write, Effect::PartialThenError(90, ErrorKind::Other)));
        sim.inject(Fault::new(broken, Effect::OsError(5)));
        let error = appended(&mut writer, &["b=2"]).unwrap_err();
        assert!(matches!(error, Error::InDoubt { .. }), "{broken:?}: {error}");
        assert!(matches!(synced(&mut writer, &["c=3"]), Err(Error::Poisoned { .. })));
        assert_eq!(contents(&reader), expected(&[("a", "1")]));
        drop((writer, reader));
        let (_, reader) = open_on(&sim).unwrap();
        assert!(contents(&reader).len() <= 2);
    }
}

#[test]
fn short_writes_and_reads_of_any_length_and_interruptions_are_gone_on_from() {
    for bytes in 1..=64 {
        let sim = SimFs::new(1);
        // A cut-short reading of the two headers and an empty log.
        sim.inject(Fault::new(SimOperation::Write, Effect::Short(bytes * 16)).always());
        sim.inject(Fault::new(SimOperation::Read, Effect::Short(bytes * 16)).always());
        let (mut writer, reader) = open_on(&sim).unwrap();
        sim.clear_faults();
        for (effect, always) in [(Effect::Short(bytes), true), (Effect::Error(ErrorKind::Interrupted), false)]
        {
            for operation in [SimOperation::Write, SimOperation::Read] {
                let fault = Fault::new(operation, effect);
                sim.inject(if always { fault.always() } else { fault });
            }
            synced(&mut writer, &["a=[1,2,3]", "b=\"some longer text than the others\""]).unwrap();
            assert_eq!(reader.get(ROOT, "a").unwrap().unwrap().as_str(), "[1,2,3]");
            sim.clear_faults();
        }
        drop((writer, reader));
        sim.crash_with(|_| Fate::Dropped);
        let state = expected(&[("a", "[1,2,3]"), ("b", "\"some longer text than the others\"")]);
        assert_goes_on(&sim, &state);
    }
}

#[test]
fn a_disk_that_fills_up_at_any_sector_refuses_commits_and_nothing_else() {
    for sectors in 0..60 {
        let sim = SimFs::new(sectors);
        sim.set_capacity(Some(sectors * 512));
        let (mut writer, reader) = match open_on(&sim) {
            Ok(opened) => opened,
            Err(Error::Io { source, .. }) => {
                assert_eq!(source.kind(), ErrorKind::StorageFull);
                assert!(sectors < 16, "a new database needs its two headers and no more");
                assert!(sim.names().is_empty(), "nothing half made is left");
                continue;
            }
            Err(other) => panic!("{other}"),
        };
        let mut kept = Vec::new();
        for number in 0..40 {
            let key = format!("k{number}");
            match synced(&mut writer, &[&format!("{key}=\"{}\"", "x".repeat(700))]) {
                Ok(_) => kept.push(key),
                Err(Error::Io { source, .. }) => assert_eq!(source.kind(), ErrorKind::StorageFull),
                Err(other) => panic!("{other}"),
            }
            assert_eq!(reader.count(ROOT) as usize, kept.len());
        }
        assert!(kept.len() < 40 && !writer.is_poisoned(), "{sectors} sectors");
        let state = contents(&reader);
        assert_eq!(state.len(), kept.len(), "everything that was accepted can be read");
        sim.set_capacity(None);
        synced(&mut writer, &["late=true"]).unwrap();
        drop((writer, reader));
        sim.crash();
        let (_, reader) = open_on(&sim).unwrap();
        assert_eq!(contents(&reader).len(), kept.len() + 1);
    }
}

#[test]
fn a_full_disk_lets_a_closed_database_be_opened_read_and_closed() {
    let sim = SimFs::new(1);
    let (mut writer, _) = open_on(&sim).unwrap();
    synced(&mut writer, &["a=1"]).unwrap();
    writer.close().unwrap();
    sim.set_capacity(Some(0));
    let (mut writer, reader) = open_on(&sim).unwrap();
    assert_eq!(contents(&reader), expected(&[("a", "1")]));
    // The rest of the last sector may still take a commit; a larger one finds no room.
    let large = format!("b=\"{}\"", "x".repeat(2_000));
    assert!(matches!(synced(&mut writer, &[&large]), Err(Error::Io { .. })));
    // Closing may find no room for its mark; that loses nothing.
    drop(writer.close());
    sim.set_capacity(None);
    assert_goes_on(&sim, &expected(&[("a", "1")]));
}

#[test]
fn zeros_are_written_ahead_of_small_synced_commits_and_of_no_others() {
    let sim = SimFs::new(1);
    let (mut writer, reader) = open_on(&sim).unwrap();
    let writes = || sim.calls(SimOperation::Write);
    let (large, before) = (format!("large=\"{}\"", "x".repeat(20_000)), writes());
    synced(&mut writer, &["a=1"]).unwrap();
    assert_eq!(writes() - before, 2, "the zeros, and the commit before them");
    let ahead = bytes_of(&sim).len() as u64 - reader.stats().unwrap().log_bytes;
    assert!((64 << 10..=192 << 10).contains(&ahead), "{ahead} bytes of space ahead of a small log");

    let before = writes();
    for number in 0..100 {
        synced(&mut writer, &[&format!("k{number}=1")]).unwrap();
    }
    assert_eq!(writes() - before, 100, "what stands there serves many commits");
    let before = writes();
    for number in 0..5_000 {
        appended(&mut writer, &[&format!("k{number}=1")]).unwrap();
    }
    for _ in 0..20 {
        synced(&mut writer, &[&large]).unwrap();
    }
    assert_eq!(writes() - before, 5_020, "neither what is large nor what waits for a sync is written twice");
}

#[test]
fn zeros_ahead_that_cannot_be_written_are_done_without() {
    for effect in [
        Effect::Error(ErrorKind::StorageFull),
        Effect::PartialThenError(5_000, ErrorKind::StorageFull),
        Effect::Short(0),
    ] {
        let sim = SimFs::new(1);
        let (mut writer, reader) = open_on(&sim).unwrap();
        sim.inject(Fault::new(SimOperation::Write, effect));
        synced(&mut writer, &["a=1"]).unwrap();
        synced(&mut writer, &["b=2"]).unwrap();
        drop((writer, reader));
        sim.crash_with(|_| Fate::Dropped);
        assert_goes_on(&sim, &expected(&[("a", "1"), ("b", "2")]));
    }
}
