//! One battery for every file system: what the engine relies on holds for the disk, memory and the simulated disk
//! alike. Never tests what only one of them can do.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ferrumdb_engine::fs::{DiskFs, File, FileSystem, MemoryFs, OpenMode, SimFs, read_full, write_all};

/// A file system under test, and a folder in it.
struct Bench {
    fs: Arc<dyn FileSystem>,
    base: PathBuf,
}

impl Bench {
    fn path(&self, name: &str) -> PathBuf {
        self.base.join(name)
    }

    fn create(&self, name: &str, contents: &[u8]) -> Arc<dyn File> {
        let file = self.fs.open(&self.path(name), OpenMode::CreateNew).unwrap();
        write_all(&*file, contents, 0).unwrap();
        file
    }

    fn open(&self, name: &str) -> Arc<dyn File> {
        self.fs.open(&self.path(name), OpenMode::ReadWrite).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        let mut names: Vec<_> = self.fs.list(&self.base).unwrap().into_iter().map(name).collect();
        names.sort();
        names
    }
}

fn contents(file: &dyn File) -> Vec<u8> {
    let mut bytes = vec![0xee; file.len().unwrap() as usize + 10];
    let count = read_full(file, &mut bytes, 0).unwrap();
    bytes.truncate(count);
    bytes
}

fn kind<T: std::fmt::Debug>(result: std::io::Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}

/// Makes each function a test on each file system.
macro_rules! battery {
    ($($name:ident)*) => {
        mod disk {
            $(#[test] fn $name() {
                let folder = tempfile::tempdir().unwrap();
                let base = std::fs::canonicalize(folder.path()).unwrap();
                super::$name(&super::Bench { fs: super::Arc::new(super::DiskFs), base });
            })*
        }
        mod memory {
            $(#[test] fn $name() {
                let fs = super::Arc::new(super::MemoryFs::new());
                super::$name(&super::Bench { fs, base: super::virtual_base() });
            })*
        }
        mod simulated {
            $(#[test] fn $name() {
                let fs = super::Arc::new(super::SimFs::new(7));
                super::$name(&super::Bench { fs, base: super::virtual_base() });
            })*
        }
    };
}

/// A folder that is absolute on every system and touched on none.
fn virtual_base() -> PathBuf {
    std::path::absolute("/simulated").unwrap()
}

battery! {
    what_was_written_is_read_at_its_position
    a_gap_reads_as_zeros
    setting_the_length_cuts_and_extends_with_zeros
    reads_end_at_the_end_of_the_file
    opening_tells_missing_taken_and_folder_apart
    a_file_opened_to_read_refuses_changes
    every_handle_sees_what_another_wrote
    renaming_replaces_and_open_handles_follow_the_file
    a_failed_renaming_changes_no_name
    publishing_never_replaces
    publishing_takes_the_old_name_away
    a_removed_file_lives_on_in_its_handles
    a_listing_holds_the_files_of_that_folder_alone
    the_lock_excludes_other_handles_until_it_is_released
    the_lock_goes_with_the_handle_that_took_it
    the_lock_belongs_to_the_file_not_to_its_name
    a_handle_knows_whether_a_path_still_names_its_file
    the_canonical_path_is_one_for_every_spelling
    a_handle_serves_many_threads_at_once
    syncing_a_file_and_its_folder_succeeds
}

fn what_was_written_is_read_at_its_position(bench: &Bench) {
    let file = bench.create("a", b"hello world");
    write_all(&*file, b"W", 6).unwrap();
    let mut buffer = [0; 5];
    assert_eq!(read_full(&*file, &mut buffer, 6).unwrap(), 5);
    assert_eq!(&buffer, b"World");
    assert_eq!(contents(&*file), b"hello World");
    assert_eq!(file.write_at(b"", 3).unwrap(), 0);
    assert_eq!(file.len().unwrap(), 11);
}

fn a_gap_reads_as_zeros(bench: &Bench) {
    let file = bench.create("a", b"ab");
    write_all(&*file, b"z", 5000).unwrap();
    let bytes = contents(&*file);
    assert_eq!(bytes.len(), 5001);
    assert_eq!((&bytes[..2], bytes[5000]), (&b"ab"[..], b'z'));
    assert!(bytes[2..5000].iter().all(|byte| *byte == 0));
}

fn setting_the_length_cuts_and_extends_with_zeros(bench: &Bench) {
    let file = bench.create("a", b"abcdef");
    file.set_len(3).unwrap();
    assert_eq!(contents(&*file), b"abc");
    file.set_len(6).unwrap();
    assert_eq!(contents(&*file), b"abc\0\0\0", "what was cut off must not return");
    write_all(&*file, b"x", 4).unwrap();
    assert_eq!(contents(&*file), b"abc\0x\0");
    file.set_len(0).unwrap();
    assert_eq!(file.len().unwrap(), 0);
}

fn reads_end_at_the_end_of_the_file(bench: &Bench) {
    let file = bench.create("a", b"abc");
    file.set_len(5).unwrap();
    let mut buffer = [9; 8];
    assert_eq!(read_full(&*file, &mut buffer, 1).unwrap(), 4);
    assert_eq!(&buffer, b"bc\0\0\x09\x09\x09\x09");
    assert_eq!(file.read_at(&mut buffer, 5).unwrap(), 0);
    assert_eq!(file.read_at(&mut buffer, 1 << 40).unwrap(), 0);
}

fn opening_tells_missing_taken_and_folder_apart(bench: &Bench) {
    let path = bench.path("a");
    assert_eq!(kind(bench.fs.open(&path, OpenMode::Read)), ErrorKind::NotFound);
    assert_eq!(kind(bench.fs.open(&path, OpenMode::ReadWrite)), ErrorKind::NotFound);
    bench.create("a", b"kept");
    assert_eq!(kind(bench.fs.open(&path, OpenMode::CreateNew)), ErrorKind::AlreadyExists);
    assert_eq!(kind(bench.fs.open(&bench.base, OpenMode::Read)), ErrorKind::IsADirectory);
    assert_eq!(kind(bench.fs.open(&bench.base, OpenMode::ReadWrite)), ErrorKind::IsADirectory);
    assert_eq!(contents(&*bench.open("a")), b"kept");
}

fn a_file_opened_to_read_refuses_changes(bench: &Bench) {
    bench.create("a", b"abc");
    let file = bench.fs.open(&bench.path("a"), OpenMode::Read).unwrap();
    assert_eq!(contents(&*file), b"abc");
    assert!(file.write_at(b"x", 0).is_err());
    assert!(file.set_len(1).is_err());
    assert_eq!(contents(&*file), b"abc");
}

fn every_handle_sees_what_another_wrote(bench: &Bench) {
    let writer = bench.create("a", b"one");
    let reader = bench.fs.open(&bench.path("a"), OpenMode::Read).unwrap();
    write_all(&*writer, b"two", 3).unwrap();
    assert_eq!(contents(&*reader), b"onetwo");
    drop(writer);
    assert_eq!(contents(&*reader), b"onetwo");
}

fn renaming_replaces_and_open_handles_follow_the_file(bench: &Bench) {
    let new = bench.create("new", b"new");
    let old = bench.create("old", b"old");
    bench.fs.rename(&bench.path("new"), &bench.path("old")).unwrap();
    assert_eq!(bench.names(), ["old"]);
    assert_eq!(contents(&*bench.open("old")), b"new");
    assert_eq!(contents(&*old), b"old", "a reader of the replaced file goes on");
    write_all(&*new, b"!", 3).unwrap();
    assert_eq!(contents(&*bench.open("old")), b"new!");
}

fn a_failed_renaming_changes_no_name(bench: &Bench) {
    bench.create("a", b"a");
    assert_eq!(kind(bench.fs.rename(&bench.path("none"), &bench.path("a"))), ErrorKind::NotFound);
    assert!(bench.fs.rename(&bench.path("a"), &bench.base).is_err(), "a folder is not replaced");
    assert_eq!(bench.names(), ["a"]);
    bench.fs.rename(&bench.path("a"), &bench.path("a")).unwrap();
    assert_eq!(contents(&*bench.open("a")), b"a");
}

fn publishing_never_replaces(bench: &Bench) {
    bench.create("new", b"new");
    bench.create("old", b"old");
    let published = bench.fs.publish(&bench.path("new"), &bench.path("old"));
    assert_eq!(kind(published), ErrorKind::AlreadyExists);
    assert_eq!(bench.names(), ["new", "old"]);
    assert_eq!(contents(&*bench.open("old")), b"old");
    assert_eq!(contents(&*bench.open("new")), b"new");
}

fn publishing_takes_the_old_name_away(bench: &Bench) {
    let file = bench.create("new", b"new");
    bench.fs.publish(&bench.path("new"), &bench.path("free")).unwrap();
    assert_eq!(bench.names(), ["free"]);
    assert!(file.is_named(&bench.path("free")).unwrap());
    assert_eq!(kind(bench.fs.publish(&bench.path("new"), &bench.path("other"))), ErrorKind::NotFound);
    assert_eq!(bench.names(), ["free"]);
}

fn a_removed_file_lives_on_in_its_handles(bench: &Bench) {
    let file = bench.create("a", b"abc");
    bench.fs.remove(&bench.path("a")).unwrap();
    assert_eq!(kind(bench.fs.remove(&bench.path("a"))), ErrorKind::NotFound);
    assert!(bench.names().is_empty());
    write_all(&*file, b"d", 3).unwrap();
    file.sync().unwrap();
    assert_eq!(contents(&*file), b"abcd");
    bench.create("a", b"another");
    assert_eq!(contents(&*file), b"abcd");
}

fn a_listing_holds_the_files_of_that_folder_alone(bench: &Bench) {
    assert!(bench.names().is_empty());
    for name in ["b", "a", "c.db"] {
        bench.create(name, b"");
    }
    let mut paths = bench.fs.list(&bench.base).unwrap();
    paths.sort();
    assert_eq!(paths, ["a", "b", "c.db"].map(|name| bench.path(name)));
    assert_eq!(
        bench.fs.list(bench.base.parent().unwrap()).unwrap().iter().find(|path| paths.contains(path)),
        None
    );
}

fn the_lock_excludes_other_handles_until_it_is_released(bench: &Bench) {
    let first = bench.create("a", b"");
    let second = bench.open("a");
    assert_eq!(first.lock_holder(), None);
    assert!(first.try_lock().unwrap());
    assert!(!second.try_lock().unwrap());
    let holder = second.lock_holder();
    assert!(holder.is_none() || holder == Some(std::process::id()), "{holder:?}");
    second.unlock().unwrap();
    assert!(!second.try_lock().unwrap(), "releasing what one does not hold releases nothing");
    first.unlock().unwrap();
    assert_eq!(second.lock_holder(), None);
    assert!(second.try_lock().unwrap());
    assert!(!first.try_lock().unwrap());
}

fn the_lock_goes_with_the_handle_that_took_it(bench: &Bench) {
    let first = bench.create("a", b"");
    let second = bench.open("a");
    assert!(first.try_lock().unwrap());
    drop(bench.open("a"));
    assert!(!second.try_lock().unwrap(), "closing a handle without the lock releases nothing");
    let shared = Arc::clone(&first);
    drop(first);
    assert!(!second.try_lock().unwrap());
    drop(shared);
    assert!(second.try_lock().unwrap());
}

fn the_lock_belongs_to_the_file_not_to_its_name(bench: &Bench) {
    let old = bench.create("a", b"");
    let new = bench.create("b", b"");
    assert!(old.try_lock().unwrap());
    assert!(new.try_lock().unwrap());
    bench.fs.rename(&bench.path("b"), &bench.path("a")).unwrap();
    let third = bench.open("a");
    drop(old);
    assert!(!third.try_lock().unwrap(), "the renamed file brought its lock along");
    drop(new);
    assert!(third.try_lock().unwrap());
}

fn a_handle_knows_whether_a_path_still_names_its_file(bench: &Bench) {
    let path = bench.path("a");
    let file = bench.create("a", b"same");
    assert!(file.is_named(&path).unwrap());
    assert!(bench.open("a").is_named(&path).unwrap());
    assert!(!file.is_named(&bench.path("none")).unwrap());
    bench.create("b", b"same");
    bench.fs.rename(&bench.path("b"), &path).unwrap();
    assert!(!file.is_named(&path).unwrap());
    bench.fs.remove(&path).unwrap();
    assert!(!file.is_named(&path).unwrap());
}

fn the_canonical_path_is_one_for_every_spelling(bench: &Bench) {
    let path = bench.path("a");
    let spelled = bench.base.join(".").join("..").join(bench.base.file_name().unwrap()).join("a");
    assert_eq!(bench.fs.canonical(&path).unwrap(), path, "before there is such a file");
    assert_eq!(bench.fs.canonical(&spelled).unwrap(), path);
    bench.create("a", b"");
    assert_eq!(bench.fs.canonical(&path).unwrap(), path);
    assert_eq!(bench.fs.canonical(&spelled).unwrap(), path);
    assert!(bench.fs.open(&spelled, OpenMode::Read).unwrap().is_named(&path).unwrap());
    let relative = bench.fs.canonical(Path::new("no-such-file.db")).unwrap();
    assert!(relative.is_absolute());
    assert!(relative.ends_with("no-such-file.db"));
}

fn a_handle_serves_many_threads_at_once(bench: &Bench) {
    const BLOCK: usize = 100_000;
    let file = bench.create("a", b"");
    std::thread::scope(|scope| {
        for number in 0..4_u8 {
            let file = &file;
            scope.spawn(move || {
                let position = u64::from(number) * BLOCK as u64;
                for round in 1..=10 {
                    write_all(&**file, &[number * 16 + round; BLOCK], position).unwrap();
                    let mut buffer = [0; BLOCK];
                    assert_eq!(read_full(&**file, &mut buffer, position).unwrap(), BLOCK);
                    assert_eq!(buffer, [number * 16 + round; BLOCK]);
                }
            });
        }
    });
    assert_eq!(file.len().unwrap(), 4 * BLOCK as u64);
}

fn syncing_a_file_and_its_folder_succeeds(bench: &Bench) {
    let file = bench.create("a", b"abc");
    file.sync().unwrap();
    file.sync().unwrap();
    bench.fs.sync_directory(&bench.base).unwrap();
    assert_eq!(contents(&*file), b"abc");
}
