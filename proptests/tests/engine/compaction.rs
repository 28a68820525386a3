//! Compaction on a disk that fails, lies, rots or loses power: the file is the old one or the new one, whole, nothing
//! acknowledged is lost, and whatever ends a compaction changes nothing.

mod damage;
mod faults;

use std::path::Path;
use std::thread;

use ferrumdb_engine::fs::{DiskFs, Effect, Fault, FileSystem, OpenMode, SimFs, SimOperation, write_all};
use ferrumdb_engine::{
    Compacted, Compaction, CompactionStep, Error, History, Reader, Relocation, Result, Writer,
};

use crate::bytes::seal_header;
use crate::common::{
    Contents, PATH, ROOT, appended, assert_goes_on, bytes_of, contents, disk_with, expected, open_at,
    open_on, refusal, synced,
};
use crate::decoded::Decoded;

/// Steps until the writer can do the rest; false, if there is nothing to do.
pub(crate) fn advance(compaction: &mut Compaction) -> Result<bool> {
    loop {
        match compaction.step()? {
            CompactionStep::Working { .. } => {}
            CompactionStep::Ready => return Ok(true),
            CompactionStep::Pointless { .. } => return Ok(false),
        }
    }
}

pub(crate) fn begin(writer: &mut Writer, history: History) -> Compaction {
    writer.begin_compaction(history).unwrap().expect("there is something to compact")
}

/// A compaction that only its installation is missing to.
pub(crate) fn ready(writer: &mut Writer, history: History) -> Compaction {
    let mut compaction = begin(writer, history);
    assert!(advance(&mut compaction).unwrap(), "it has something to do");
    compaction
}

pub(crate) fn relocate(writer: &mut Writer, mut relocation: Relocation) {
    while relocation.step() {}
    writer.finish_relocation(&relocation);
}

/// A whole compaction.
pub(crate) fn compact(writer: &mut Writer, history: History) -> Compacted {
    let compaction = ready(writer, history);
    let (relocation, compacted) = writer.install_compaction(compaction).unwrap();
    relocate(writer, relocation);
    compacted
}

/// The names of files that are not finished.
fn temporaries(sim: &SimFs) -> usize {
    sim.names().iter().filter(|name| name.display().to_string().contains(".new-")).count()
}

/// Some garbage and some documents, the last commit not synced; and the states before and with that commit.
fn prepared(sim: &SimFs) -> (Writer, Reader, [Contents; 2]) {
    let (mut writer, reader) = open_on(sim).unwrap();
    for changes in [&["a=1", "b=2", "x=0"][..], &["a=3"], &["c=4", "d=5"], &["d", "x"], &["b=6"]] {
        synced(&mut writer, changes).unwrap();
    }
    let before = contents(&reader);
    appended(&mut writer, &["e=7", "c"]).unwrap();
    let with = contents(&reader);
    (writer, reader, [before, with])
}

#[test]
fn a_compaction_that_has_failed_is_of_no_use_any_more() {
    for operation in [SimOperation::Read, SimOperation::Write, SimOperation::Sync] {
        let sim = SimFs::new(1);
        let (mut writer, reader, [_, with]) = prepared(&sim);
        let mut compaction = begin(&mut writer, History::None);
        sim.inject(Fault::new(operation, Effect::OsError(5)));
        assert!(matches!(advance(&mut compaction), Err(Error::Io { .. })), "{operation:?}");
        // A second sync would succeed, and prove nothing.
        for _ in 0..3 {
            assert!(matches!(compaction.step(), Err(Error::Cancelled)), "{operation:?}");
        }
        drop(compaction);
        assert_eq!((temporaries(&sim), contents(&reader)), (0, with));
    }
}

#[test]
fn of_two_compactions_of_one_generation_only_the_first_is_installed() {
    for steps in 0..5 {
        let sim = SimFs::new(1);
        let (mut writer, reader, [_, with]) = prepared(&sim);
        let (first, mut second) = (ready(&mut writer, History::None), begin(&mut writer, History::None));
        for _ in 0..steps {
            second.step().unwrap();
        }
        let (relocation, _) = writer.install_compaction(first).unwrap();
        assert!(writer.begin_compaction(History::None).unwrap().is_none(), "entries are still being moved");
        relocate(&mut writer, relocation);
        synced(&mut writer, &["f=8"]).unwrap();
        // Only if it had come to its end does it find out from the writer.
        match advance(&mut second) {
            Ok(true) => assert!(matches!(writer.install_compaction(second), Err(Error::Cancelled))),
            Err(Error::Cancelled) => drop(second),
            other => panic!("after {steps} steps: {other:?}"),
        }
        assert_eq!(temporaries(&sim), 0);
        let state = contents(&reader);
        assert_eq!(state.len(), with.len() + 1);
        drop((writer, reader));
        assert_goes_on(&sim, &state);
        assert_eq!(Decoded::read(&bytes_of(&sim)).generation, 2);
    }
}

#[test]
fn a_compaction_of_an_earlier_opening_is_not_installed() {
    let sim = SimFs::new(1);
    let (mut writer, _, [_, with]) = prepared(&sim);
    let compaction = ready(&mut writer, History::None);
    drop(writer);
    let (mut writer, reader) = open_on(&sim).unwrap();
    assert_eq!(temporaries(&sim), 1, "its maker lives");
    assert!(matches!(writer.install_compaction(compaction), Err(Error::Cancelled)));
    assert_eq!((temporaries(&sim), contents(&reader)), (0, with));
}

#[test]
fn a_compaction_is_cancelled_at_any_step() {
    for steps in 0..6 {
        let sim = SimFs::new(1);
        let (mut writer, reader, [_, with]) = prepared(&sim);
        let before = bytes_of(&sim);
        let mut compaction = begin(&mut writer, History::None);
        let cancel = compaction.canceller();
        for _ in 0..steps {
            compaction.step().unwrap();
        }
        cancel.cancel();
        assert!(matches!(compaction.step(), Err(Error::Cancelled)));
        drop(compaction);
        cancel.cancel();
        assert_eq!((temporaries(&sim), contents(&reader), bytes_of(&sim)), (0, with, before));
    }
}

/// A compacted file with commits behind its base section, closed or left; and what it holds.
pub(crate) fn compacted(is_closed: bool) -> (Vec<u8>, Contents) {
    let sim = SimFs::new(1);
    let (mut writer, reader, _) = prepared(&sim);
    if is_closed {
        let compaction = ready(&mut writer, History::None);
        synced(&mut writer, &["f=8", "b=9"]).unwrap();
        let (relocation, _) = writer.install_compaction(compaction).unwrap();
        relocate(&mut writer, relocation);
        synced(&mut writer, &["g=10", "a"]).unwrap();
        writer.close().unwrap();
    } else {
        compact(&mut writer, History::None);
    }
    (bytes_of(&sim), contents(&reader))
}

#[test]
fn a_file_that_has_taken_the_name_is_not_replaced() {
    for is_taken in [true, false] {
        let sim = SimFs::new(1);
        let (mut writer, reader, [_, with]) = prepared(&sim);
        let compaction = ready(&mut writer, History::None);
        sim.rename(Path::new(PATH), Path::new("/moved.db")).unwrap();
        let other = is_taken.then(|| open_on(&sim).unwrap());
        let names = sim.names().len() - 1;
        assert!(matches!(writer.install_compaction(compaction), Err(Error::Io { .. })));
        assert_eq!((sim.names().len(), writer.is_poisoned()), (names, false));
        synced(&mut writer, &["f=8"]).unwrap();
        assert_eq!(contents(&reader).len(), with.len() + 1);
        if let Some((mut other, _)) = other {
            synced(&mut other, &["mine=1"]).unwrap();
            drop(other);
            assert_goes_on(&sim, &expected(&[("mine", "1")]));
        }
    }
}

#[cfg(unix)]
#[test]
fn whoever_could_not_read_the_old_file_cannot_read_the_new_one() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my.db");
    let (mut writer, _) = open_at(DiskFs, &path).unwrap();
    synced(&mut writer, &["a=1"]).unwrap();
    for mode in [0o600, 0o640, 0o666] {
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        synced(&mut writer, &["a=1"]).unwrap();
        compact(&mut writer, History::None);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode);
    }
}

#[test]
fn a_temporary_that_a_dead_compaction_left_is_removed_whatever_is_in_it() {
    let (file, state) = compacted(true);
    for (number, bytes) in [&file[..], &file[..8000], &[], &[0; 20_000]].into_iter().enumerate() {
        let sim = disk_with(&file);
        let stray = format!("{PATH}.new-{number:016x}");
        let handle = sim.open(Path::new(&stray), OpenMode::CreateNew).unwrap();
        write_all(&*handle, bytes, 0).unwrap();
        handle.sync().unwrap();
        sim.sync_directory(Path::new("/")).unwrap();
        drop(handle);
        assert_goes_on(&sim, &state);
        assert_eq!(temporaries(&sim), 0);
    }
}

#[test]
fn an_opening_that_waits_while_the_file_is_replaced_gets_the_new_one_or_none() {
    for (operation, is_dropped) in
        [(SimOperation::Lock, true), (SimOperation::Lock, false), (SimOperation::Open, true)]
    {
        let sim = SimFs::new(1);
        let (mut writer, reader, [_, with]) = prepared(&sim);
        let compaction = ready(&mut writer, History::None);
        sim.inject(Fault::new(operation, Effect::Block));
        let opening = {
            let second = sim.process();
            thread::spawn(move || open_on(&second).map(|(_, reader)| contents(&reader)))
        };
        while sim.blocked() == 0 {
            thread::yield_now();
        }
        let (relocation, _) = writer.install_compaction(compaction).unwrap();
        relocate(&mut writer, relocation);
        synced(&mut writer, &["f=8"]).unwrap();
        let state = contents(&reader);
        let held = (!is_dropped).then_some(writer);
        sim.release();
        match opening.join().unwrap() {
            Ok(found) => assert!(is_dropped && found == state, "{operation:?}: {found:?}, not {state:?}"),
            Err(Error::Locked { .. }) => assert!(!is_dropped),
            Err(other) => panic!("{operation:?}: {other}"),
        }
        drop(held);
        assert_eq!(state.len(), with.len() + 1);
    }
}

#[test]
fn while_the_file_is_replaced_no_second_opening_succeeds() {
    for operation in
        [SimOperation::Sync, SimOperation::Rename, SimOperation::SyncDirectory, SimOperation::Unlock]
    {
        let sim = SimFs::new(1);
        let (mut writer, _reader, _) = prepared(&sim);
        let compaction = ready(&mut writer, History::None);
        sim.inject(Fault::new(operation, Effect::Block));
        let installing = thread::spawn(move || {
            let (relocation, _) = writer.install_compaction(compaction).unwrap();
            relocate(&mut writer, relocation);
            synced(&mut writer, &["f=8"]).unwrap();
            writer
        });
        while sim.blocked() == 0 {
            assert!(!installing.is_finished(), "{operation:?} is a part of it");
            thread::yield_now();
        }
        let second = sim.process();
        for _ in 0..3 {
            let error = open_on(&second).map(drop).unwrap_err();
            assert!(matches!(error, Error::Locked { .. }), "{operation:?}: {error}");
        }
        sim.release();
        let writer = installing.join().unwrap();
        assert!(matches!(refusal(&sim), Error::Locked { .. }));
        drop(writer);
        let (_, reader) = open_on(&sim).unwrap();
        assert_eq!(reader.get(ROOT, "f").unwrap().unwrap().as_str(), "8");
    }
}

#[test]
fn tombstones_stay_where_they_are_whatever_the_number_of_the_generation() {
    let sim = SimFs::new(1);
    drop(open_on(&sim).unwrap());
    let mut file = bytes_of(&sim);
    for copy in [0, 1] {
        // In a keydir's entry, the number of this generation and nowhere at all look alike.
        file[copy * 4096 + 64..copy * 4096 + 72].copy_from_slice(&0x1_0000_u64.to_le_bytes());
        seal_header(&mut file, copy);
    }
    let sim = disk_with(&file);
    let (mut writer, reader) = open_on(&sim).unwrap();
    synced(&mut writer, &["a=1", "b=2"]).unwrap();
    let snapshot = reader.snapshot();
    synced(&mut writer, &["a"]).unwrap();
    compact(&mut writer, History::None);
    assert_eq!(snapshot.get(ROOT, "a").unwrap().unwrap().as_str(), "1");
    assert_eq!(contents(&reader), expected(&[("b", "2")]));
    drop((writer, reader, snapshot));
    assert_goes_on(&sim, &expected(&[("b", "2")]));
    assert_eq!(Decoded::read(&bytes_of(&sim)).generation, 0x1_0001);
}
