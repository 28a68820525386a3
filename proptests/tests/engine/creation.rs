//! The birth of a database: durable when opening returns, never half made, never in the place of somebody else's.

use std::path::Path;
use std::sync::{Arc, Barrier};

use ferrumdb_engine::fs::{
    DiskFs, Effect, Fate, Fault, FileSystem, OpenMode, PendingChange, SimFs, SimOperation,
};
use ferrumdb_engine::{Error, repair};

use crate::common::{
    LOG_START, PATH, appended, assert_goes_on, at, bytes_of, contents, expected, open_at, open_on, synced,
};

const TEMPORARY: &str = "/my.db.new-0123456789abcdef";

#[test]
fn a_new_database_is_durable_when_opening_returns() {
    let sim = SimFs::new(1);
    let (writer, _) = open_on(&sim).unwrap();
    let bytes = sim.durable_bytes(PATH).expect("its name is durable");
    assert_eq!(bytes.len(), LOG_START);
    assert_eq!(sim.durable_names(), [at(PATH)], "and no other name");
    drop(writer);
    sim.crash_with(|_| Fate::Dropped);
    assert_goes_on(&sim, &expected(&[]));
}

#[test]
fn a_creation_syncs_the_contents_then_names_them_then_syncs_the_folder() {
    let sim = SimFs::new(1);
    sim.record();
    drop(open_on(&sim).unwrap());
    let wanted =
        [SimOperation::Write, SimOperation::Sync, SimOperation::Publish, SimOperation::SyncDirectory];
    let trace: Vec<_> =
        sim.trace().iter().map(|call| call.operation).filter(|call| wanted.contains(call)).collect();
    assert_eq!(trace[..5], [wanted[0], wanted[0], wanted[1], wanted[2], wanted[3]]);
}

#[test]
fn an_empty_file_becomes_a_database_and_stays_one() {
    let sim = crate::common::disk_with(b"");
    let (mut writer, reader) = open_on(&sim).unwrap();
    assert!(reader.stats().unwrap().recovery.clean);
    synced(&mut writer, &["a=1"]).unwrap();
    drop((writer, reader));
    sim.crash_with(|_| Fate::Dropped);
    assert_goes_on(&sim, &expected(&[("a", "1")]));
}

#[test]
fn a_name_that_may_not_be_durable_is_made_so_before_a_commit_is_accepted() {
    let sim = SimFs::new(1);
    // As if the process that made the file had died before it synced the folder.
    sim.inject(Fault::new(SimOperation::SyncDirectory, Effect::OsError(5)));
    let error = open_on(&sim).map(drop).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error}");
    assert_eq!((sim.names().len(), sim.durable_names().len()), (1, 0));
    let (mut writer, reader) = open_on(&sim).unwrap();
    synced(&mut writer, &["a=1"]).unwrap();
    drop((writer, reader));
    sim.crash_with(|_| Fate::Dropped);
    assert_goes_on(&sim, &expected(&[("a", "1")]));
}

#[test]
fn a_stray_temporary_is_removed_and_never_opened_as_the_database() {
    let sim = SimFs::new(1);
    let stray = sim.open(Path::new(TEMPORARY), OpenMode::CreateNew).unwrap();
    stray.write_at(b"half a header", 0).unwrap();
    drop(stray);
    let other = sim.open(Path::new("/my.db.new-notes"), OpenMode::CreateNew).unwrap();
    drop(other);
    let (mut writer, reader) = open_on(&sim).unwrap();
    assert_eq!(contents(&reader), expected(&[]));
    assert!(!sim.names().contains(&at(TEMPORARY)));
    assert_eq!(sim.names().len(), 2, "a file of another kind stays");
    synced(&mut writer, &["a=1"]).unwrap();
    drop((writer, reader));
    assert_goes_on(&sim, &expected(&[("a", "1")]));
}

#[test]
fn a_temporary_whose_maker_lives_is_left_alone() {
    let sim = SimFs::new(1);
    drop(open_on(&sim).unwrap());
    let maker = sim.open(Path::new(TEMPORARY), OpenMode::CreateNew).unwrap();
    assert!(maker.try_lock().unwrap());
    drop(open_on(&sim).unwrap());
    assert_eq!(sim.names().len(), 2);
    maker.unlock().unwrap();
    drop(open_on(&sim).unwrap());
    assert_eq!(sim.names().len(), 1);
}

#[test]
fn a_second_name_that_a_power_cut_left_to_the_database_is_removed() {
    let sim = SimFs::new(1);
    sim.inject(Fault::new(SimOperation::SyncDirectory, Effect::Crash));
    assert!(open_on(&sim).is_err());
    sim.clear_faults();
    // The temporary was made, and got the database's name; it was to lose its own.
    let mut changes = 0;
    sim.crash_with(|operation| {
        changes += u64::from(operation.change == PendingChange::Name);
        if changes < 3 { Fate::Kept } else { Fate::Dropped }
    });
    assert_eq!(sim.names().len(), 2);
    let (writer, _) = open_on(&sim).unwrap();
    assert_eq!(sim.names(), [at(PATH)]);
    drop(writer);
    assert_goes_on(&sim, &expected(&[]));
}

#[test]
fn a_failed_creation_leaves_nothing_and_the_next_one_succeeds() {
    for operation in [SimOperation::Write, SimOperation::Sync, SimOperation::Publish, SimOperation::Open] {
        let sim = SimFs::new(1);
        // The first opening looks whether the file is there; the second makes it.
        let nth = if operation == SimOperation::Open { 2 } else { 1 };
        sim.inject(Fault::new(operation, Effect::OsError(5)).nth(nth));
        let error = open_on(&sim).map(drop).unwrap_err();
        assert!(matches!(error, Error::Io { .. }), "{operation:?}: {error}");
        assert!(sim.names().is_empty(), "{operation:?} left {:?}", sim.names());
        assert_goes_on(&sim, &expected(&[]));
    }
}

#[test]
fn an_empty_file_is_not_replaced_under_somebody_who_holds_it() {
    let sim = crate::common::disk_with(b"");
    let holder = sim.open(Path::new(PATH), OpenMode::ReadWrite).unwrap();
    assert!(holder.try_lock().unwrap());
    assert!(matches!(open_on(&sim), Err(Error::Locked { .. })));
    assert!(bytes_of(&sim).is_empty());
}

#[test]
fn of_many_who_create_at_once_one_wins_and_the_others_find_it_locked() {
    for round in 0..30 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("my.db");
        if round % 2 == 0 {
            std::fs::write(&path, b"").unwrap();
        }
        let barrier = Arc::new(Barrier::new(4));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (path, barrier) = (path.clone(), Arc::clone(&barrier));
                std::thread::spawn(move || {
                    barrier.wait();
                    let opened = open_at(DiskFs, &path);
                    barrier.wait();
                    match opened {
                        Ok(_) => true,
                        Err(Error::Locked { .. }) => false,
                        Err(other) => panic!("round {round}: {other}"),
                    }
                })
            })
            .collect();
        let winners = threads.into_iter().map(|thread| thread.join().unwrap());
        assert_eq!(winners.filter(|won| *won).count(), 1, "round {round}");
        let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(names.len(), 1, "round {round}: no temporary is left: {names:?}");
    }
}

#[test]
fn a_creation_whose_temporary_was_taken_for_a_stray_one_looks_again() {
    for is_there in [false, true] {
        let sim = if is_there { crate::common::disk_with(b"") } else { SimFs::new(1) };
        // The slower one has made its temporary, and not locked it yet.
        sim.inject(Fault::new(SimOperation::Lock, Effect::Block).nth(if is_there { 2 } else { 1 }));
        let slower = {
            let sim = sim.clone();
            std::thread::spawn(move || open_on(&sim).map(drop))
        };
        while sim.blocked() == 0 {
            std::thread::yield_now();
        }
        if is_there {
            // Nobody else can create it now: the empty file is locked. The temporary goes by other means.
            let temporary = sim.names().into_iter().find(|name| *name != at(PATH)).unwrap();
            sim.remove(&temporary).unwrap();
            sim.release();
            slower.join().unwrap().unwrap();
        } else {
            let faster = open_on(&sim).unwrap();
            sim.release();
            let error = slower.join().unwrap().unwrap_err();
            assert!(matches!(error, Error::Locked { .. }), "{error}");
            drop(faster);
        }
        assert_eq!(sim.names(), [at(PATH)]);
        assert_goes_on(&sim, &expected(&[]));
    }
}

#[cfg(unix)]
#[test]
fn no_file_beside_the_database_can_be_read_by_more_than_the_database() {
    use std::os::unix::fs::{FileExt, PermissionsExt};

    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let path = at("my.db");
    let (mut writer, _) = open_at(DiskFs, &path).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    synced(&mut writer, &["a=1"]).unwrap();
    writer.begin_hint().unwrap().run().unwrap();
    // Of two commits that nothing claims to be synced, the first is torn and the second whole.
    let start = writer.log_bytes() + LOG_START as u64;
    appended(&mut writer, &["b=2"]).unwrap();
    appended(&mut writer, &["c=3"]).unwrap();
    drop(writer);
    std::fs::File::options().write(true).open(&path).unwrap().write_all_at(&[0xAA], start + 50).unwrap();
    drop(open_at(DiskFs, &path).unwrap());
    let files: Arc<dyn FileSystem> = Arc::new(DiskFs);
    repair(&path, &at("saved.db"), None, &files, &mut |_, _| true).unwrap();
    for name in ["my.db.hint", "my.db.torn-1", "saved.db"] {
        let mode = std::fs::metadata(at(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name}");
    }
}
