//! One opening at a time: whatever the name by which the file is found, and whichever process asks.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ferrumdb_engine::Error;
use ferrumdb_engine::fs::{DiskFs, Effect, Fault, FileSystem, SimFs, SimOperation};

use crate::common::{PATH, contents, expected, open_at, open_on, synced};

/// Tells the second process what to do: nothing, when the tests are run.
const TASK: &str = "FERRUMDB_TEST_TASK";

#[track_caller]
fn assert_locked(path: &Path) {
    // Elsewhere, a lock keeps others from reading too.
    let bytes = || cfg!(unix).then(|| std::fs::read(path).unwrap());
    let before = bytes();
    let begin = Instant::now();
    match open_at(DiskFs, path).map(drop) {
        Err(Error::Locked { holder, .. }) => {
            // Layered file systems may hide who it is.
            assert!(holder.is_none_or(|holder| holder > 0));
        }
        other => panic!("{}: {other:?}", path.display()),
    }
    // Whoever waited for the lock would wait for ever.
    assert!(begin.elapsed() < Duration::from_secs(60), "it is told at once");
    assert_eq!(bytes(), before);
}

#[test]
fn a_second_opening_is_refused_by_whatever_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my.db");
    let (mut writer, reader) = open_at(DiskFs, &path).unwrap();
    synced(&mut writer, &["a=1"]).unwrap();
    assert_locked(&path);
    assert_locked(&folder.path().join(".").join("my.db"));
    if cfg!(unix) {
        assert_locked(&relative(&path));
    }
    let hard = folder.path().join("hard.db");
    std::fs::hard_link(&path, &hard).unwrap();
    assert_locked(&hard);
    #[cfg(unix)]
    {
        let soft = folder.path().join("soft.db");
        std::os::unix::fs::symlink("my.db", &soft).unwrap();
        assert_locked(&soft);
    }
    // Reading the file by other means, and closing that, does not give the lock away.
    drop(std::fs::File::open(&path).unwrap());
    drop(std::fs::OpenOptions::new().append(true).open(&path).unwrap());
    assert_locked(&path);
    assert_eq!(contents(&reader), expected(&[("a", "1")]));

    // The writer holds the lock; readers that outlive it do not.
    drop(writer);
    let (writer, _) = open_at(DiskFs, &hard).unwrap();
    writer.close().unwrap();
    let (_, again) = open_at(DiskFs, &path).unwrap();
    assert_eq!(contents(&again), contents(&reader));
}

/// The same file, as seen from the current folder.
fn relative(path: &Path) -> PathBuf {
    let here = std::env::current_dir().unwrap();
    let up = here.components().skip(1).map(|_| "..");
    up.collect::<PathBuf>().join(path.strip_prefix("/").unwrap_or(path))
}

#[test]
fn a_failed_opening_keeps_no_lock() {
    let sim = SimFs::new(1);
    drop(open_on(&sim).unwrap());
    for operation in [SimOperation::Read, SimOperation::Sync, SimOperation::IsNamed, SimOperation::Len] {
        sim.inject(Fault::new(operation, Effect::OsError(5)));
        let error = open_on(&sim).map(drop).unwrap_err();
        assert!(matches!(error, Error::Io { .. }), "{operation:?}: {error}");
        sim.clear_faults();
        drop(open_on(&sim).unwrap());
    }
}

#[test]
fn a_file_that_was_replaced_between_opening_and_locking_is_not_the_database() {
    let sim = SimFs::new(1);
    for (path, change) in [(PATH, "old=1"), ("/new.db", "new=2")] {
        let (mut writer, _) = open_at(sim.clone(), path).unwrap();
        synced(&mut writer, &[change]).unwrap();
        writer.close().unwrap();
    }
    sim.inject(Fault::new(SimOperation::Lock, Effect::Block));
    let opening = {
        let sim = sim.clone();
        std::thread::spawn(move || {
            let (mut writer, reader) = open_on(&sim).unwrap();
            synced(&mut writer, &["more=3"]).unwrap();
            contents(&reader)
        })
    };
    while sim.blocked() == 0 {
        std::thread::yield_now();
    }
    sim.rename(Path::new("/new.db"), Path::new(PATH)).unwrap();
    sim.release();
    assert_eq!(opening.join().unwrap(), expected(&[("more", "3"), ("new", "2")]));
    let (_, reader) = open_on(&sim).unwrap();
    assert_eq!(contents(&reader), expected(&[("more", "3"), ("new", "2")]));
}

/// Starts this test program again, to do one task on this path. It prints what came of it, and then waits.
fn second_process(task: &str, path: &Path) -> (Child, String) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "locks::a_second_process_does_its_task", "--nocapture"])
        .env(TASK, format!("{task} {}", path.display()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let said =
        lines.into_iter().find_map(|line| line.split_once("result: ").map(|(_, said)| said.to_owned()));
    (child, said.expect("it says what came of it"))
}

#[test]
#[allow(clippy::print_stdout, reason = "the second process tells the first")]
fn a_second_process_does_its_task() {
    let Ok(task) = std::env::var(TASK) else { return };
    let (task, path) = task.split_once(' ').unwrap();
    match (task, open_at(DiskFs, path)) {
        ("hold", Ok((mut writer, _reader))) => {
            synced(&mut writer, &["held=true"]).unwrap();
            println!("result: held");
            // Until it is killed, or the first process is gone.
            let _ = std::io::stdin().read_line(&mut String::new());
        }
        (_, Ok(_)) => println!("result: opened"),
        (_, Err(Error::Locked { holder, .. })) => println!("result: locked by {holder:?}"),
        (_, Err(other)) => println!("result: {other}"),
    }
    // Nobody reads what the test program would say next.
    std::process::exit(0);
}

#[test]
fn a_second_process_is_refused_until_the_first_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my.db");
    let (mut child, said) = second_process("hold", &path);
    assert_eq!(said, "held");
    assert_locked(&path);
    match open_at(DiskFs, &path).map(drop) {
        Err(Error::Locked { holder, .. }) => assert!(holder.is_none_or(|holder| holder == child.id())),
        other => panic!("{other:?}"),
    }
    child.kill().unwrap();
    child.wait().unwrap();

    let (mut writer, reader) = open_at(DiskFs, &path).unwrap();
    assert_eq!(contents(&reader), expected(&[("held", "true")]), "what it had been told is there");
    synced(&mut writer, &["a=1"]).unwrap();
    // And the other way round.
    drop(std::fs::File::open(&path).unwrap());
    let (mut child, said) = second_process("try", &path);
    child.wait().unwrap();
    assert!(said.starts_with("locked"), "{said}");
    writer.close().unwrap();
    let (mut child, said) = second_process("try", &path);
    child.wait().unwrap();
    assert_eq!(said, "opened");
}
