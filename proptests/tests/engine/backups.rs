//! Backups and restores on a disk that fails and loses power at every call: whole under their name, or not there.

use std::path::Path;
use std::sync::Arc;

use ferrumdb_engine::fs::{Effect, Fate, Fault, FileSystem, SimFs, SimOperation};
use ferrumdb_engine::{
    BackedUp, Backup, BackupSource, BackupStep, Error, History, Restore, Result, Sequence, SystemClock,
};

use crate::common::{
    Contents, appended, assert_goes_on, at, bytes_of, contents, disk_with, expected, open_at, open_on, synced,
};

pub(crate) const FULL: &str = "/full.db";
pub(crate) const INCREMENT: &str = "/later.inc";
pub(crate) const RESTORED: &str = "/restored.db";

pub(crate) fn finish(backup: Backup) -> Result<BackedUp> {
    let mut backup = backup;
    loop {
        if let BackupStep::Done(done) = backup.step()? {
            return Ok(done);
        }
    }
}

pub(crate) fn full(source: BackupSource, to: &str, sim: &SimFs, history: History) -> Result<BackedUp> {
    let file_system: Arc<dyn FileSystem> = Arc::new(sim.clone());
    finish(source.full(Path::new(to), history, &file_system)?)
}

pub(crate) fn since(source: BackupSource, since: u64, to: &str, sim: &SimFs) -> Result<BackedUp> {
    let file_system: Arc<dyn FileSystem> = Arc::new(sim.clone());
    finish(source.since(Sequence(since), Path::new(to), &file_system)?)
}

pub(crate) fn restore(restore: Restore, to: &str, sim: &SimFs) -> Result<ferrumdb_engine::Restored> {
    let file_system: Arc<dyn FileSystem> = Arc::new(sim.clone());
    restore.to(Path::new(to), &SystemClock, &file_system, |_| true)
}

/// What is wanted, and how to look whether it is there: a work on a disk that writes one file.
struct Work {
    name: &'static str,
    to: &'static str,
    /// The disk on which it is done, with a database at the usual path.
    disk: SimFs,
    run: fn(&SimFs) -> Result<()>,
    /// What a database made of the file holds.
    expected: Contents,
}

/// A disk with a database, a full backup and an incremental one, and the three works on it.
fn works() -> [Work; 3] {
    let sim = SimFs::new(1);
    let (mut writer, _) = open_on(&sim).unwrap();
    for change in ["a=1", "b=2", "a=3", "c=4"] {
        synced(&mut writer, &[change]).unwrap();
    }
    let after_full = expected(&[("a", "3"), ("b", "2"), ("c", "4")]);
    writer.close().unwrap();
    let bare = sim.fork(1);
    let (mut writer, _) = open_on(&sim).unwrap();
    full(writer.backup_source(), FULL, &sim, History::None).unwrap();
    synced(&mut writer, &["b", "d=5"]).unwrap();
    synced(&mut writer, &["a=6"]).unwrap();
    let in_the_end = expected(&[("a", "6"), ("c", "4"), ("d", "5")]);
    writer.close().unwrap();
    let with_full = sim.fork(1);
    let (writer, _) = open_on(&sim).unwrap();
    since(writer.backup_source(), 5, INCREMENT, &sim).unwrap();
    drop(writer);
    let back_up = |sim: &SimFs| {
        let (writer, _) = open_on(sim)?;
        full(writer.backup_source(), FULL, sim, History::None).map(drop)
    };
    let back_up_since = |sim: &SimFs| {
        let (writer, _) = open_on(sim)?;
        since(writer.backup_source(), 5, INCREMENT, sim).map(drop)
    };
    let restored = |sim: &SimFs| restore(Restore::new(FULL).increment(INCREMENT), RESTORED, sim).map(drop);
    [
        Work { name: "full", to: FULL, disk: bare, run: back_up, expected: after_full },
        Work {
            name: "incremental",
            to: INCREMENT,
            disk: with_full,
            run: back_up_since,
            expected: in_the_end.clone(),
        },
        Work { name: "restored", to: RESTORED, disk: sim, run: restored, expected: in_the_end },
    ]
}

impl Work {
    fn calls(&self) -> u64 {
        let sim = self.disk.fork(1);
        let before = sim.total_calls();
        (self.run)(&sim).unwrap();
        sim.total_calls() - before
    }

    /// Whether the file is there, which must then be whole.
    fn is_there(&self, sim: &SimFs, what: &str) -> bool {
        if !sim.names().contains(&at(self.to)) {
            return false;
        }
        let probe = sim.fork(9);
        let path = if self.to == INCREMENT {
            restore(Restore::new(FULL).increment(INCREMENT), "/probe.db", &probe)
                .unwrap_or_else(|error| panic!("{what}: {error}"));
            "/probe.db"
        } else {
            self.to
        };
        let (_writer, reader) = open_at(probe, path).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(contents(&reader), self.expected, "{what}");
        true
    }
}

#[test]
fn any_call_of_a_backup_or_a_restore_may_fail_and_its_name_never_leads_to_a_part() {
    for work in works() {
        for nth in 1..=work.calls() + 1 {
            for effect in [Effect::OsError(5), Effect::Error(std::io::ErrorKind::StorageFull)] {
                for always in [false, true] {
                    let what = format!("{}: call {nth}, {effect:?}, always: {always}", work.name);
                    let sim = work.disk.fork(nth);
                    let fault = Fault::new(SimOperation::Any, effect).nth(nth);
                    sim.inject(if always { fault.always() } else { fault });
                    let outcome = (work.run)(&sim);
                    sim.clear_faults();
                    let is_there = work.is_there(&sim, &what);
                    assert!(is_there || outcome.is_err(), "{what}: it was reported, and is not there");
                    assert!(!matches!(outcome, Err(Error::Damaged { .. })), "{what}: {outcome:?}");
                    // Whatever is left does not stand in the way of the next try.
                    if !is_there {
                        (work.run)(&sim).unwrap_or_else(|error| panic!("{what}: {error}"));
                        assert!(work.is_there(&sim, &what));
                    }
                    let strays =
                        sim.names().into_iter().filter(|name| name.to_string_lossy().contains(".new-"));
                    assert!(is_there || strays.count() == 0, "{what}: a temporary is left");
                }
            }
        }
    }
}

#[test]
fn the_power_may_go_at_any_call_of_a_backup_or_a_restore() {
    for work in works() {
        for nth in 1..=work.calls() + 1 {
            for seed in 0..6 {
                let what = format!("{}: call {nth}, seed {seed}", work.name);
                let sim = work.disk.fork(seed);
                sim.inject(Fault::new(SimOperation::Any, Effect::Crash).nth(nth));
                let outcome = (work.run)(&sim);
                sim.clear_faults();
                match seed {
                    0 => sim.crash_with(|_| Fate::Dropped),
                    1 => sim.crash_with(|_| Fate::Kept),
                    _ => sim.crash(),
                };
                let is_there = work.is_there(&sim, &what);
                assert!(is_there || outcome.is_err(), "{what}: it was reported, and is not durable");
            }
        }
    }
}

#[test]
fn a_backup_that_is_given_up_leaves_nothing() {
    let sim = SimFs::new(1);
    let (mut writer, reader) = open_on(&sim).unwrap();
    synced(&mut writer, &["a=1"]).unwrap();
    let names = sim.names();
    let file_system: Arc<dyn FileSystem> = Arc::new(sim.clone());
    for steps in 0..4 {
        let mut backup = writer.backup_source().full(Path::new(FULL), History::None, &file_system).unwrap();
        for _ in 0..steps {
            assert!(matches!(backup.step().unwrap(), BackupStep::Working { .. }));
        }
        assert_eq!(sim.names().len(), names.len() + 1, "it is not there under its name");
        drop(backup);
        assert_eq!(sim.names(), names);
    }
    assert_eq!(contents(&reader), expected(&[("a", "1")]));
}

#[test]
fn an_existing_file_or_folder_is_refused_and_stays() {
    for target in ["/my.db", "/other.txt"] {
        let sim = SimFs::new(1);
        let file = sim.open(Path::new("/other.txt"), ferrumdb_engine::fs::OpenMode::CreateNew).unwrap();
        ferrumdb_engine::fs::write_all(&*file, b"mine", 0).unwrap();
        let (mut writer, _) = open_on(&sim).unwrap();
        synced(&mut writer, &["a=1"]).unwrap();
        let before = bytes_of(&sim);
        let outcomes = [
            full(writer.backup_source(), target, &sim, History::None).map(drop),
            since(writer.backup_source(), 0, target, &sim).map(drop),
        ];
        for outcome in outcomes {
            assert!(matches!(outcome, Err(Error::Exists { .. })), "{outcome:?}");
        }
        drop(writer);
        let outcome = restore(Restore::new("/my.db"), target, &sim);
        assert!(matches!(outcome, Err(Error::Exists { .. })), "{outcome:?}");
        assert_eq!(sim.live_bytes("/other.txt").unwrap(), b"mine");
        assert_eq!(bytes_of(&sim)[..before.len()], before);
    }
}

#[test]
fn a_name_that_is_taken_while_the_backup_is_made_stays_with_its_file() {
    let sim = SimFs::new(1);
    let (mut writer, _) = open_on(&sim).unwrap();
    synced(&mut writer, &["a=1"]).unwrap();
    let file_system: Arc<dyn FileSystem> = Arc::new(sim.clone());
    let backup = writer.backup_source().full(Path::new(FULL), History::None, &file_system).unwrap();
    sim.open(Path::new(FULL), ferrumdb_engine::fs::OpenMode::CreateNew).unwrap();
    assert!(matches!(finish(backup), Err(Error::Exists { .. })));
    assert_eq!(sim.live_bytes(FULL).unwrap(), b"");
}

#[test]
fn a_backup_holds_what_was_published_when_it_was_begun_and_no_more() {
    let sim = SimFs::new(1);
    let (mut writer, _) = open_on(&sim).unwrap();
    appended(&mut writer, &["a=1", "b=1"]).unwrap();
    appended(&mut writer, &["a=2"]).unwrap();
    let source = writer.backup_source();
    appended(&mut writer, &["a=3", "b", "c=3"]).unwrap();
    let done = full(source, FULL, &sim, History::None).unwrap();
    assert_eq!((done.sequence, done.since), (Sequence(2), None));
    assert_eq!(sim.live_bytes(FULL).unwrap().len() as u64, done.bytes);
    let state = expected(&[("a", "2"), ("b", "1")]);
    let (backup, reader) = open_at(sim.clone(), FULL).unwrap();
    assert_eq!(contents(&reader), state);
    drop((backup, reader, writer));
    sim.crash_with(|_| Fate::Dropped);
    let copy = disk_with(&sim.live_bytes(FULL).unwrap());
    assert_goes_on(&copy, &state);
}

#[test]
fn an_empty_database_is_backed_up_and_a_poisoned_one() {
    let sim = SimFs::new(1);
    let (mut writer, _) = open_on(&sim).unwrap();
    assert_eq!(full(writer.backup_source(), FULL, &sim, History::None).unwrap().sequence, Sequence(0));
    let (empty, reader) = open_at(sim.clone(), FULL).unwrap();
    assert_eq!(contents(&reader), Contents::new());
    drop((empty, reader));
    synced(&mut writer, &["a=1"]).unwrap();
    sim.inject(Fault::new(SimOperation::Sync, Effect::OsError(5)));
    synced(&mut writer, &["a=2"]).unwrap_err();
    assert!(writer.is_poisoned());
    full(writer.backup_source(), "/poisoned.db", &sim, History::None).unwrap();
    let (_poisoned, reader) = open_at(sim.clone(), "/poisoned.db").unwrap();
    assert_eq!(contents(&reader), expected(&[("a", "1")]));
    let restored = restore(Restore::new(FULL), RESTORED, &sim);
    assert_eq!(restored.unwrap().sequence, Sequence(0));
}

#[test]
fn damage_to_the_database_makes_no_backup() {
    let sim = SimFs::new(1);
    let (mut writer, _) = open_on(&sim).unwrap();
    synced(&mut writer, &["a=1"]).unwrap();
    synced(&mut writer, &["b=1"]).unwrap();
    sim.overwrite(crate::common::PATH, 8192 + 45, b"?");
    for outcome in [
        full(writer.backup_source(), FULL, &sim, History::None),
        since(writer.backup_source(), 0, FULL, &sim),
    ] {
        assert!(matches!(outcome, Err(Error::Damaged { .. })), "{outcome:?}");
    }
    assert!(!sim.names().contains(&at(FULL)));
}

#[test]
fn what_was_written_is_read_back_before_it_gets_its_name() {
    for backward in 1..150 {
        let sim = SimFs::new(1);
        let (mut writer, _) = open_on(&sim).unwrap();
        synced(&mut writer, &["a=1"]).unwrap();
        let file_system: Arc<dyn FileSystem> = Arc::new(sim.clone());
        let mut backup = writer.backup_source().full(Path::new(FULL), History::None, &file_system).unwrap();
        let temporary =
            sim.names().into_iter().find(|name| name.to_string_lossy().contains(".new-")).unwrap();
        let bytes = loop {
            assert!(matches!(backup.step().unwrap(), BackupStep::Working { .. }));
            let bytes = sim.live_bytes(&temporary).unwrap();
            if bytes.len() > 8192 {
                break bytes;
            }
        };
        let at = bytes.len() - backward;
        sim.overwrite(&temporary, at as u64, &[!bytes[at]]);
        let outcome = finish(backup);
        assert!(matches!(outcome, Err(Error::Damaged { .. })), "{backward} from the end: {outcome:?}");
        assert!(!sim.names().contains(&crate::common::at(FULL)));
    }
}
