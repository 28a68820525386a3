//! A sync that fails: the commit is in doubt, writing stops, and no later sync is trusted.

use ferrumdb_engine::fs::{Effect, Fate, Fault, PendingChange, SimFs, SimOperation};
use ferrumdb_engine::{Durability, Error};

use crate::common::{
    PATH, appended, assert_goes_on, bytes_of, contents, expected, open_on, synced, transaction,
};

fn failing_sync() -> Fault {
    Fault::new(SimOperation::Sync, Effect::OsError(5))
}

#[test]
fn a_failed_sync_puts_the_whole_group_in_doubt_and_stops_writing_for_good() {
    for seed in 0..20 {
        let sim = SimFs::new(seed);
        let (mut writer, reader) = open_on(&sim).unwrap();
        synced(&mut writer, &["a=1"]).unwrap();
        sim.inject(failing_sync());
        let group = [transaction(&["b=2"]), transaction(&["c=3"])];
        let error = writer.commit(&group, Durability::Synced).unwrap_err();
        assert!(matches!(error, Error::InDoubt { .. }), "{error}");
        assert!(writer.is_poisoned());
        let (syncs, writes, before) =
            (sim.calls(SimOperation::Sync), sim.calls(SimOperation::Write), bytes_of(&sim));
        for error in [
            synced(&mut writer, &["d=4"]).unwrap_err(),
            appended(&mut writer, &["d=4"]).unwrap_err(),
            writer.commit(&[], Durability::Synced).unwrap_err(),
            writer.sync().unwrap_err(),
            writer.append_sync_mark().unwrap_err(),
        ] {
            assert!(matches!(error, Error::Poisoned { .. }), "{error}");
        }
        assert_eq!(contents(&reader), expected(&[("a", "1")]), "reads go on, without what is in doubt");
        assert!(matches!(writer.close(), Err(Error::Poisoned { .. })));
        assert_eq!(sim.calls(SimOperation::Sync), syncs, "no second sync is tried");
        assert_eq!((sim.calls(SimOperation::Write), bytes_of(&sim)), (writes, before));

        let cut = sim.fork(seed);
        cut.crash();
        let (_, reader) = open_on(&cut).unwrap();
        let left = contents(&reader);
        let states = [&[("a", "1")][..], &[("a", "1"), ("b", "2")], &[("a", "1"), ("b", "2"), ("c", "3")]];
        assert!(states.iter().any(|state| left == expected(state)), "{left:?}");
        // Without a power cut, everything is still to be read.
        assert_goes_on(&sim, &expected(&[("a", "1"), ("b", "2"), ("c", "3")]));
    }
}

#[test]
fn what_a_failed_sync_left_in_memory_alone_is_durable_after_the_next_opening() {
    for seed in 0..20 {
        let sim = SimFs::new(seed);
        let (mut writer, _) = open_on(&sim).unwrap();
        synced(&mut writer, &["a=1"]).unwrap();
        appended(&mut writer, &["b=2"]).unwrap();
        sim.inject(failing_sync());
        synced(&mut writer, &["c=3"]).unwrap_err();
        drop(writer);
        let (writer, reader) = open_on(&sim).unwrap();
        assert_eq!(contents(&reader).len(), 3);
        drop((writer, reader));
        sim.crash_with(|_| Fate::Dropped);
        assert_goes_on(&sim, &expected(&[("a", "1"), ("b", "2"), ("c", "3")]));
    }
}

#[test]
fn an_opening_whose_sync_fails_fails_and_the_next_one_may_succeed() {
    let sim = SimFs::new(1);
    let (mut writer, _) = open_on(&sim).unwrap();
    appended(&mut writer, &["a=1"]).unwrap();
    drop(writer);
    sim.inject(failing_sync());
    let error = open_on(&sim).map(drop).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error}");
    assert_goes_on(&sim, &expected(&[("a", "1")]));
}

#[test]
fn a_failed_sync_beside_commits_stops_writing_too() {
    let sim = SimFs::new(1);
    let (mut writer, reader) = open_on(&sim).unwrap();
    assert!(writer.begin_sync().is_none(), "nothing is unsynced");
    appended(&mut writer, &["a=1"]).unwrap();
    let task = writer.begin_sync().unwrap();
    appended(&mut writer, &["b=2"]).unwrap();
    sim.inject(failing_sync());
    let error = writer.finish_sync(task.run()).unwrap_err();
    assert!(matches!(error, Error::InDoubt { .. }), "{error}");
    assert!(matches!(appended(&mut writer, &["c=3"]), Err(Error::Poisoned { .. })));
    assert_eq!(contents(&reader).len(), 2, "what was acknowledged stays to be read");
}

#[test]
fn a_sync_beside_commits_covers_what_was_there_when_it_began_and_no_more() {
    let sim = SimFs::new(1);
    let (mut writer, _) = open_on(&sim).unwrap();
    appended(&mut writer, &["a=1"]).unwrap();
    let done = writer.begin_sync().unwrap().run();
    appended(&mut writer, &["b=2"]).unwrap();
    writer.finish_sync(done).unwrap();
    assert!(writer.has_unsynced(), "the second commit came after");
    writer.sync().unwrap();
    assert!(!writer.has_unsynced());
}

#[test]
fn a_synced_commit_is_on_the_disk_when_it_returns_and_an_appended_one_need_not_be() {
    let sim = SimFs::new(1);
    let (mut writer, _) = open_on(&sim).unwrap();
    let syncs = sim.calls(SimOperation::Sync);
    appended(&mut writer, &["a=1"]).unwrap();
    assert_eq!(sim.calls(SimOperation::Sync), syncs);
    let lost = sim.fork(1);
    lost.crash_with(|_| Fate::Dropped);
    assert_goes_on(&lost, &expected(&[]));
    // No acknowledged commit is lost with the process alone.
    let killed = sim.fork(1);
    killed.kill_process();
    assert_goes_on(&killed, &expected(&[("a", "1")]));

    sim.record();
    synced(&mut writer, &["b=2"]).unwrap();
    let order: Vec<_> = sim.trace().iter().map(|call| call.operation).collect();
    assert_eq!(order, [SimOperation::Write, SimOperation::Sync]);
    sim.crash_with(|_| Fate::Dropped);
    assert_goes_on(&sim, &expected(&[("a", "1"), ("b", "2")]));
}

#[test]
fn a_group_is_synced_once() {
    let sim = SimFs::new(1);
    let (mut writer, _) = open_on(&sim).unwrap();
    let (syncs, writes) = (sim.calls(SimOperation::Sync), sim.calls(SimOperation::Write));
    let group: Vec<_> = (0..100).map(|number| transaction(&[&format!("k{number}=1")])).collect();
    let outcomes = writer.commit(&group, Durability::Synced).unwrap();
    assert_eq!(outcomes.last().unwrap().as_ref().unwrap().sequence.0, 100);
    assert_eq!((sim.calls(SimOperation::Sync) - syncs, sim.calls(SimOperation::Write) - writes), (1, 1));
    assert_eq!(writer.commit(&[], Durability::Synced).unwrap(), []);
    assert_eq!(sim.calls(SimOperation::Sync) - syncs, 1, "nothing to sync, no sync");
    assert!(sim.durable_bytes(PATH).unwrap().len() > 8192);
}

#[test]
fn a_disk_that_lies_is_found_out_when_a_claim_survives_without_its_commits() {
    let sim = SimFs::new(1);
    let (mut writer, _) = open_on(&sim).unwrap();
    sim.inject(Fault::new(SimOperation::Sync, Effect::Lie).always());
    for changes in [["a=1"], ["b=2"], ["c=3"]] {
        synced(&mut writer, &changes).unwrap();
    }
    sim.clear_faults();
    drop(writer);
    // Of the three commits the first is lost, although the third says that it was synced.
    sim.crash_with(|operation| match operation.change {
        PendingChange::Write { position: 8192, .. } => Fate::Dropped,
        _ => Fate::Kept,
    });
    let error = open_on(&sim).map(drop).unwrap_err();
    assert!(matches!(error, Error::Damaged { position: 8192, .. }), "{error}");
}

#[test]
fn no_sync_is_trusted_while_one_beside_it_has_failed_and_nobody_was_told_yet() {
    for seed in 0..20 {
        let sim = SimFs::new(seed);
        let (mut writer, reader) = open_on(&sim).unwrap();
        appended(&mut writer, &["a=1"]).unwrap();
        let task = writer.begin_sync().unwrap();
        sim.inject(failing_sync());
        let done = task.run();
        // The system would say that all is well now, and "a" may be gone.
        let acknowledged = synced(&mut writer, &["b=2"]).is_ok();
        assert!(writer.finish_sync(done).is_err());
        drop((writer, reader));
        sim.crash_with(|_| Fate::Dropped);
        let (_, reader) = open_on(&sim).unwrap();
        assert!(!acknowledged || contents(&reader).len() == 2, "a commit that was acknowledged is gone");
    }
}

#[test]
fn a_log_is_not_cut_back_on_the_word_of_a_sync_that_followed_a_failed_one() {
    let sim = SimFs::new(1);
    let (mut writer, _) = open_on(&sim).unwrap();
    appended(&mut writer, &["a=1"]).unwrap();
    let task = writer.begin_sync().unwrap();
    sim.inject(failing_sync());
    let _done = task.run();
    sim.inject(Fault::new(SimOperation::Write, Effect::OsError(28)));
    assert!(matches!(appended(&mut writer, &["b=2"]), Err(Error::InDoubt { .. })));
    assert!(writer.is_poisoned());
}
