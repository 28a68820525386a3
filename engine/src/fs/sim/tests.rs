//! What only the simulated disk can do. Never tests what every file system must: `tests/filesystems.rs` does.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

use std::collections::HashSet;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;
use crate::fs::write_all;

fn create(sim: &SimFs, path: &str, contents: &[u8]) -> Arc<dyn File> {
    let file = sim.open(Path::new(path), OpenMode::CreateNew).unwrap();
    write_all(&*file, contents, 0).unwrap();
    file
}

/// A file whose name and contents are durable.
fn durable(sim: &SimFs, path: &str, contents: &[u8]) -> Arc<dyn File> {
    let file = create(sim, path, contents);
    file.sync().unwrap();
    sim.sync_directory(Path::new("/")).unwrap();
    file
}

fn open(sim: &SimFs, path: &str) -> Arc<dyn File> {
    sim.open(Path::new(path), OpenMode::ReadWrite).unwrap()
}

fn rename(sim: &SimFs, from: &str, to: &str) {
    sim.rename(Path::new(from), Path::new(to)).unwrap();
}

/// The path as the simulated disk reports it, on systems whose paths begin with a drive too.
fn at(path: &str) -> PathBuf {
    absolute(Path::new(path)).unwrap()
}

fn assert_names(sim: &SimFs, expected: &[&str]) {
    assert_eq!(sim.names(), expected.iter().map(|path| at(path)).collect::<Vec<_>>());
}

#[test]
fn a_crash_keeps_what_was_synced_and_may_drop_what_was_not() {
    let sim = SimFs::new(1);
    let file = durable(&sim, "/a", b"synced");
    file.write_at(b"UNSYNC", 0).unwrap();
    file.set_len(100).unwrap();
    assert_eq!(sim.live_bytes("/a").unwrap().len(), 100);
    assert_eq!(sim.durable_bytes("/a").unwrap(), b"synced");
    let fates = sim.crash_with(|_| Fate::Dropped);
    assert_eq!(fates.len(), 2);
    assert_eq!(sim.live_bytes("/a").unwrap(), b"synced");
    assert!(sim.crash().is_empty(), "nothing is pending any more");
}

#[test]
fn a_synced_file_without_a_synced_name_may_be_gone() {
    let sim = SimFs::new(1);
    create(&sim, "/a", b"synced").sync().unwrap();
    assert_eq!(sim.durable_bytes("/a"), None);
    let lost = sim.fork(1);
    lost.crash_with(|_| Fate::Dropped);
    assert!(lost.names().is_empty());
    sim.crash_with(|_| Fate::Kept);
    assert_eq!(sim.live_bytes("/a").unwrap(), b"synced");
}

#[test]
fn a_name_may_survive_without_the_contents() {
    let sim = SimFs::new(1);
    create(&sim, "/a", b"unsynced");
    sim.sync_directory(Path::new("/")).unwrap();
    durable(&sim, "/b", b"old");
    rename(&sim, "/a", "/b");
    sim.crash_with(|operation| match operation.change {
        PendingChange::Name => Fate::Kept,
        _ => Fate::Dropped,
    });
    assert_names(&sim, &["/b"]);
    assert_eq!(sim.live_bytes("/b").unwrap(), b"", "the rename went before the data");
}

#[test]
fn the_names_of_a_folder_survive_up_to_some_step() {
    let sim = SimFs::new(1);
    create(&sim, "/x/temporary", b"");
    sim.publish(Path::new("/x/temporary"), Path::new("/x/final")).unwrap();
    create(&sim, "/y/other", b"");
    for kept in 0..4 {
        let sim = sim.fork(1);
        let mut asked = 0;
        let fates = sim.crash_with(|operation| {
            asked += u64::from(operation.path.starts_with(at("/x")));
            // Only one step is let go; those after it in the same folder must go with it.
            if asked == kept + 1 && operation.path.starts_with(at("/x")) { Fate::Dropped } else { Fate::Kept }
        });
        assert_eq!(fates.len(), 4);
        let expected: &[&str] = match kept {
            0 => &["/y/other"],
            1 => &["/x/temporary", "/y/other"],
            2 => &["/x/final", "/x/temporary", "/y/other"],
            _ => &["/x/final", "/y/other"],
        };
        assert_names(&sim, expected);
    }
}

#[test]
fn a_name_moved_between_folders_is_never_in_both_nor_lost() {
    let sim = SimFs::new(1);
    create(&sim, "/x/a", b"").sync().unwrap();
    sim.sync_directory(Path::new("/x")).unwrap();
    rename(&sim, "/x/a", "/y/a");
    sim.sync_directory(Path::new("/z")).unwrap();
    assert_eq!(sim.durable_names(), [at("/x/a")]);
    for seed in 0..20 {
        let sim = sim.fork(seed);
        sim.crash();
        assert_eq!(sim.names().len(), 1);
    }
    sim.sync_directory(Path::new("/x")).unwrap();
    assert_eq!(sim.durable_names(), [at("/y/a")]);
}

#[test]
fn syncing_a_folder_takes_along_what_its_names_rest_on() {
    let sim = SimFs::new(1);
    create(&sim, "/x/a", b"").sync().unwrap();
    rename(&sim, "/x/a", "/y/a");
    sim.sync_directory(Path::new("/y")).unwrap();
    assert!(sim.crash_with(|_| Fate::Kept).is_empty(), "the creation in the other folder went along");
    assert_names(&sim, &["/y/a"]);
}

#[test]
fn a_torn_write_keeps_any_of_its_sectors() {
    let mut states = HashSet::new();
    let (mut shorter, mut grown, mut split) = (false, false, false);
    for seed in 0..400 {
        let sim = SimFs::new(seed);
        let file = durable(&sim, "/a", &[1; 100]);
        file.write_at(&[2; 1500], 50).unwrap();
        let [FatedOperation { fate, .. }] = &sim.crash()[..] else { panic!("one write was pending") };
        let bytes = sim.live_bytes("/a").unwrap();
        match fate {
            Fate::Kept => assert_eq!(bytes, [&[1_u8; 50][..], &[2; 1500]].concat()),
            Fate::Dropped => assert_eq!(bytes, [1; 100]),
            Fate::Torn { kept, .. } => {
                shorter |= bytes.len() < 1550;
                grown |= bytes.len() == 1550 && bytes[1549] == 0;
                split |= kept.iter().any(|part| part.end % 512 != 0 && part.end != 1550);
                assert!(kept.iter().all(|part| part.end % 8 == 0 || part.end == 1550), "{kept:?}");
                for (position, byte) in bytes.iter().enumerate() {
                    let is_new = kept.iter().any(|part| part.contains(&(position as u64)));
                    let old = if position < 100 { 1 } else { 0 };
                    assert_eq!(*byte, if is_new { 2 } else { old }, "at {position} of {kept:?}");
                }
            }
        }
        states.insert(bytes);
    }
    assert!(shorter && grown && split, "{shorter} {grown} {split}");
    assert!(states.len() > 16, "only {} states", states.len());
}

#[test]
fn a_chosen_tear_is_cut_to_the_write() {
    let sim = SimFs::new(1);
    durable(&sim, "/a", b"0123456789").write_at(b"abcd", 4).unwrap();
    sim.crash_with(|_| Fate::Torn { kept: vec![0..5, 7..20], grown: true });
    assert_eq!(sim.live_bytes("/a").unwrap(), b"0123a56d89");
}

#[test]
fn unsynced_writes_survive_out_of_order() {
    let sim = SimFs::new(1);
    let file = durable(&sim, "/a", b"......");
    for (position, byte) in [b"1", b"2", b"3"].into_iter().enumerate() {
        file.write_at(byte, position as u64).unwrap();
    }
    sim.crash_with(|operation| match operation.change {
        PendingChange::Write { position: 1, .. } => Fate::Dropped,
        _ => Fate::Kept,
    });
    assert_eq!(sim.live_bytes("/a").unwrap(), b"1.3...");
}

#[test]
fn the_same_seed_gives_the_same_fates() {
    let run = |seed| {
        let sim = SimFs::new(seed);
        let file = create(&sim, "/a", &[1; 5000]);
        file.write_at(&[2; 5000], 3000).unwrap();
        create(&sim, "/b", b"x");
        (sim.crash(), sim.live_bytes("/a"), sim.live_bytes("/b"))
    };
    assert_eq!(run(3), run(3));
    assert!((0..10).any(|seed| run(seed) != run(3)));
}

#[test]
fn handles_of_a_dead_process_fail_and_hold_no_lock() {
    let sim = SimFs::new(1);
    for end in [SimFs::kill_process, |sim: &SimFs| drop(sim.crash_with(|_| Fate::Kept))] {
        let path = Path::new("/a");
        let process = sim.process();
        let old = sim.open(path, OpenMode::ReadWrite).unwrap_or_else(|_| create(&sim, "/a", b"kept"));
        assert!(old.try_lock().unwrap());
        end(&sim);
        assert!(old.read_at(&mut [0], 0).is_err());
        assert!(old.write_at(b"x", 0).is_err());
        assert!(old.len().is_err() && old.sync().is_err() && old.try_lock().is_err());
        assert!(process.remove(path).is_err(), "a dead process removes nothing");
        let new = open(&sim, "/a");
        assert!(new.try_lock().unwrap());
        drop(old);
        assert!(!open(&sim, "/a").try_lock().unwrap(), "the old handle has nothing to release");
        assert_eq!(sim.live_bytes("/a").unwrap(), b"kept");
    }
}

#[test]
fn killing_the_process_loses_nothing_that_was_written() {
    let sim = SimFs::new(1);
    create(&sim, "/a", b"written");
    sim.kill_process();
    assert_eq!(sim.live_bytes("/a").unwrap(), b"written");
    assert_eq!(sim.durable_bytes("/a"), None, "it is not durable for that");
    sim.crash_with(|_| Fate::Dropped);
    assert!(sim.names().is_empty());
}

#[test]
fn after_a_failed_sync_a_later_one_saves_nothing_of_before() {
    let mut lost = 0;
    for seed in 0..40 {
        let sim = SimFs::new(seed);
        let file = durable(&sim, "/a", b"..");
        file.write_at(b"x", 0).unwrap();
        file.set_len(7).unwrap();
        sim.inject(Fault::new(SimOperation::Sync, Effect::OsError(5)));
        assert_eq!(file.sync().unwrap_err().raw_os_error(), Some(5));
        file.sync().unwrap();
        assert_eq!(sim.live_bytes("/a").unwrap(), b"x.\0\0\0\0\0", "readers still see it");
        sim.crash_with(|_| unreachable!("all of it counts as clean"));
        let bytes = sim.live_bytes("/a").unwrap();
        assert_eq!(bytes.len(), 7, "the length is not a page");
        lost += u32::from(bytes[0] == b'.');
    }
    assert!((5..35).contains(&lost), "{lost} of 40 lost");
}

#[test]
fn what_is_written_again_after_a_failed_sync_is_saved_by_the_next() {
    for seed in 0..10 {
        let sim = SimFs::new(seed);
        let file = durable(&sim, "/a", b"..");
        file.write_at(b"xy", 0).unwrap();
        sim.inject(Fault::new(SimOperation::Sync, Effect::Error(ErrorKind::Other)));
        assert!(file.sync().is_err());
        file.write_at(b"xy", 0).unwrap();
        file.sync().unwrap();
        assert_eq!(sim.durable_bytes("/a").unwrap(), b"xy");
    }
}

#[test]
fn a_lying_sync_makes_nothing_durable() {
    let sim = SimFs::new(1);
    let file = durable(&sim, "/a", b"old");
    sim.inject(Fault::new(SimOperation::Any, Effect::Lie).always());
    file.write_at(b"new", 0).unwrap();
    file.sync().unwrap();
    rename(&sim, "/a", "/b");
    sim.sync_directory(Path::new("/")).unwrap();
    assert_eq!(sim.durable_names(), [at("/a")]);
    sim.crash_with(|_| Fate::Dropped);
    assert_eq!(sim.live_bytes("/a").unwrap(), b"old");
}

#[test]
fn the_nth_call_fails_once_or_from_then_on() {
    let sim = SimFs::new(1);
    let file = create(&sim, "/a", b"");
    let full = Effect::Error(ErrorKind::StorageFull);
    sim.inject(Fault::new(SimOperation::Write, full).nth(2));
    let tries: Vec<_> = (0..4).map(|_| file.write_at(b"x", 0).is_ok()).collect();
    assert_eq!(tries, [true, false, true, true]);
    assert_eq!(sim.armed_faults(), 0);
    sim.inject(Fault::new(SimOperation::Write, full).nth(2).always());
    let tries: Vec<_> = (0..4).map(|_| file.write_at(b"x", 0).is_ok()).collect();
    assert_eq!(tries, [true, false, false, false]);
    sim.clear_faults();
    assert!(file.write_at(b"x", 0).is_ok());
    sim.inject(Fault::new(SimOperation::Any, full).on("/b").always());
    assert!(file.write_at(b"x", 0).is_ok());
    assert!(sim.rename(Path::new("/a"), Path::new("/b")).is_err());
    assert_names(&sim, &["/a"]);
}

#[test]
fn short_calls_do_part_of_the_work() {
    let sim = SimFs::new(1);
    let file = create(&sim, "/a", b"");
    sim.inject(Fault::new(SimOperation::Write, Effect::Short(2)));
    assert_eq!(file.write_at(b"abcdef", 0).unwrap(), 2);
    sim.inject(Fault::new(SimOperation::Write, Effect::PartialThenError(3, ErrorKind::StorageFull)));
    assert_eq!(file.write_at(b"ABCDEF", 0).unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(sim.live_bytes("/a").unwrap(), b"ABC");
    sim.inject(Fault::new(SimOperation::Any, Effect::Short(1)).always());
    sim.inject(Fault::new(SimOperation::Write, Effect::Error(ErrorKind::Interrupted)).nth(2));
    write_all(&*file, b"all of it", 0).unwrap();
    let mut buffer = [0; 9];
    assert_eq!(crate::fs::read_full(&*file, &mut buffer, 0).unwrap(), 9);
    assert_eq!(&buffer, b"all of it");
}

#[test]
fn the_power_can_go_at_any_one_call() {
    let sim = SimFs::new(1);
    let file = durable(&sim, "/a", b"old");
    sim.inject(Fault::new(SimOperation::Any, Effect::Crash).nth(2));
    file.write_at(b"new", 0).unwrap();
    assert!(file.sync().is_err(), "the power goes before the sync takes effect");
    assert!(sim.open(Path::new("/a"), OpenMode::Read).is_err(), "the machine is off");
    let calls = sim.total_calls();
    assert!(sim.list(Path::new("/")).is_err());
    assert_eq!(sim.total_calls(), calls);
    assert_eq!(sim.crash_with(|_| Fate::Dropped).len(), 1);
    assert_eq!(sim.live_bytes("/a").unwrap(), b"old");
    open(&sim, "/a");
}

#[test]
fn a_panicking_call_leaves_the_disk_usable() {
    let sim = SimFs::new(1);
    let file = create(&sim, "/a", b"old");
    sim.inject(Fault::new(SimOperation::Write, Effect::Panic));
    assert!(catch_unwind(AssertUnwindSafe(|| file.write_at(b"new", 0))).is_err());
    assert_eq!(sim.live_bytes("/a").unwrap(), b"old");
    file.write_at(b"new", 0).unwrap();
}

#[test]
fn a_blocked_sync_holds_up_no_reader_and_goes_on_when_released() {
    let sim = SimFs::new(1);
    let file = durable(&sim, "/a", b"old");
    file.write_at(b"new", 0).unwrap();
    sim.inject(Fault::new(SimOperation::Sync, Effect::Block).always());
    std::thread::scope(|scope| {
        let syncing = scope.spawn(|| file.sync());
        while sim.blocked() == 0 {
            std::thread::yield_now();
        }
        let mut buffer = [0; 3];
        file.read_at(&mut buffer, 0).unwrap();
        assert_eq!(&buffer, b"new");
        assert_eq!(sim.durable_bytes("/a").unwrap(), b"old");
        sim.release();
        syncing.join().unwrap().unwrap();
    });
    assert_eq!((sim.durable_bytes("/a").unwrap(), sim.blocked()), (b"new".to_vec(), 0));
    file.sync().unwrap();
}

#[test]
fn a_blocked_call_ends_when_its_process_does() {
    let power_cut_at_a_call = |sim: &SimFs| {
        sim.inject(Fault::new(SimOperation::List, Effect::Crash));
        assert!(sim.list(Path::new("/")).is_err());
    };
    for end in [SimFs::kill_process, |sim: &SimFs| drop(sim.crash()), power_cut_at_a_call] {
        let sim = SimFs::new(1);
        let file = durable(&sim, "/a", b"old");
        sim.inject(Fault::new(SimOperation::Sync, Effect::Block));
        std::thread::scope(|scope| {
            let syncing = scope.spawn(|| file.sync());
            while sim.blocked() == 0 {
                std::thread::yield_now();
            }
            end(&sim);
            assert!(syncing.join().unwrap().is_err());
        });
    }
}

#[test]
fn a_full_disk_takes_what_fits_and_a_length_ahead_is_no_room() {
    let sim = SimFs::new(1);
    sim.set_capacity(Some(2048));
    let file = create(&sim, "/a", &[1; 1000]);
    file.set_len(1 << 20).unwrap();
    assert_eq!(file.write_at(&[2; 5000], 1000).unwrap(), 1048);
    assert_eq!(file.write_at(&[3; 10], 2048).unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(file.write_at(&[3; 10], 100).unwrap(), 10, "what has room is overwritten in place");
    file.set_len(1024).unwrap();
    assert_eq!(file.write_at(&[4; 10], 4096).unwrap(), 10, "cutting makes room");
    drop(file);
    sim.remove(Path::new("/a")).unwrap();
    sim.sync_directory(Path::new("/")).unwrap();
    create(&sim, "/b", &[5; 2048]);
}

#[test]
fn the_record_tells_the_order_of_calls() {
    let sim = SimFs::new(1);
    let file = durable(&sim, "/a", b"");
    assert!(sim.trace().is_empty());
    sim.record();
    file.write_at(b"abc", 7).unwrap();
    file.sync().unwrap();
    let trace = sim.trace();
    let [write, sync] = &trace[..] else { panic!("two calls: {trace:?}") };
    assert_eq!((write.operation, write.position, write.len), (SimOperation::Write, 7, 3));
    assert_eq!((sync.operation, &sync.path), (SimOperation::Sync, &at("/a")));
    assert_eq!((sim.calls(SimOperation::Sync), sim.calls(SimOperation::Write)), (2, 1));
}

#[test]
fn rot_is_seen_at_once_and_outlives_a_crash() {
    let sim = SimFs::new(1);
    durable(&sim, "/a", b"sound");
    sim.overwrite("/a", 1, b"!");
    assert_eq!(sim.live_bytes("/a").unwrap(), b"s!und");
    sim.crash();
    assert_eq!(sim.live_bytes("/a").unwrap(), b"s!und");
}
