//! Paths that are no database of this build: each has its own error, and nothing at them is changed.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use ferrumdb_engine::fs::{DiskFs, Effect, Fault, SimFs, SimOperation};
use ferrumdb_engine::{
    Durability, Error, FieldPath, History, Options, Reader, Restore, Result, SystemClock, Verification,
    VerifyStep, follow, repair,
};

use crate::bytes::{seal_header, without_prepared_space};
use crate::common::{PATH, ROOT, appended, bytes_of, disk_with, expected, open_at, open_on, refusal, synced};
use crate::decoded::seal_log;

/// A database that was closed, with one document.
fn database() -> Vec<u8> {
    let sim = SimFs::new(1);
    let (mut writer, _) = open_on(&sim).unwrap();
    synced(&mut writer, &["a=1"]).unwrap();
    writer.close().unwrap();
    bytes_of(&sim)
}

/// The error of opening a file of these bytes, on a simulated disk and on the real one; neither is changed.
#[track_caller]
fn refused(file: &[u8]) -> Error {
    let sim = disk_with(file);
    let error = refusal(&sim);
    assert_eq!(bytes_of(&sim), file);
    assert_eq!(sim.names().len(), 1);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my.db");
    fs::write(&path, file).unwrap();
    let real = open_at(DiskFs, &path).map(drop).unwrap_err();
    assert_eq!(std::mem::discriminant(&real), std::mem::discriminant(&error), "{real}");
    assert_eq!(fs::read(&path).unwrap(), file);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    error
}

/// The database with eight bytes of both header copies, or of one, changed and the checksums right.
fn with_header_field(copies: &[usize], offset: usize, value: u64) -> Vec<u8> {
    let mut file = database();
    for copy in copies {
        let start = copy * 4096 + offset;
        file[start..start + 8].copy_from_slice(&value.to_le_bytes());
        seal_header(&mut file, *copy);
    }
    file
}

#[test]
fn a_file_of_something_else_is_not_a_database() {
    let mut almost = database();
    almost[0] = 0;
    almost[4096] = 0;
    let files: [&[u8]; 6] =
        [b"Dear diary,\n", &[0; 1], &[0; 4096], &[0; 100_000], b"SQLite format 3\0", &almost];
    for file in files {
        let error = refused(file);
        assert!(matches!(error, Error::NotADatabase { .. }), "{error}");
    }
    assert!(refused(&[0; 9_000]).to_string().contains("zeros"));
}

#[test]
fn a_header_that_is_cut_short_or_bad_is_damage() {
    let file = database();
    for len in [16, 100, 4_095, 4_096, 8_191] {
        let error = refused(&file[..len]);
        assert!(matches!(error, Error::Damaged { position: 0, .. }), "{len} bytes: {error}");
    }
    let mut bad = file;
    bad[30] ^= 1;
    bad[4096 + 30] ^= 1;
    assert!(matches!(refused(&bad), Error::Damaged { position: 0, .. }));
}

#[test]
fn a_newer_version_and_unknown_features_are_told_apart() {
    for copies in [&[0, 1][..], &[0], &[1]] {
        // The version and the length of a copy stand side by side.
        let error = refused(&with_header_field(copies, 16, 7 | 4096 << 32));
        assert!(matches!(error, Error::UnsupportedVersion { found: 7, .. }), "{error}");
        let error = refused(&with_header_field(copies, 40, 1 << 60));
        assert!(matches!(error, Error::UnsupportedFeatures { bits, .. } if bits == 1 << 60), "{error}");
    }
    // What is only compatible may be ignored.
    let sim = disk_with(&with_header_field(&[0, 1], 24, u64::MAX));
    let (_, reader) = open_on(&sim).unwrap();
    assert_eq!(crate::common::contents(&reader), expected(&[("a", "1")]));
}

#[test]
fn a_file_with_a_feature_that_only_writers_must_know_is_read_and_not_written() {
    let file = with_header_field(&[0, 1], 32, 1 << 60);
    let unsupported = |outcome: Result<()>| {
        let error = outcome.unwrap_err();
        assert!(matches!(error, Error::UnsupportedFeatures { bits, .. } if bits == 1 << 60), "{error}");
    };
    unsupported(Err(refused(&file)));
    let sim = disk_with(&file);
    let (to, files) = (Path::new("/saved.db"), crate::common::shared(&sim));
    unsupported(repair(Path::new(PATH), to, None, &files, &mut |_, _| true).map(drop));
    unsupported(Restore::new(PATH).to(to, &SystemClock, &files, |_| true).map(drop));
    assert_eq!((bytes_of(&sim), sim.names().len()), (file, 1));

    let (_follower, reader) = follow(Options::new(PATH), Arc::clone(&files)).unwrap();
    assert_eq!(crate::common::contents(&reader), expected(&[("a", "1")]));
    let mut verification = Verification::of_file(Path::new(PATH), None, &*files).unwrap();
    while verification.step().unwrap() != VerifyStep::Done {}
    assert!(verification.finish().is_sound());
}

#[test]
fn a_header_that_was_changed_as_often_as_can_be_counted_is_closed_without_another_change() {
    const COUNTED: u64 = 1 << 48;
    let sim = disk_with(&with_header_field(&[0, 1], 72, COUNTED));
    for (change, is_to_be_compacted) in [("b=2", false), ("a=3", true), ("a=4", false)] {
        let (mut writer, _) = open_on(&sim).unwrap();
        synced(&mut writer, &[change]).unwrap();
        if is_to_be_compacted {
            crate::histories::compact(&mut writer, History::None);
        }
        writer.close().unwrap();
        // A compaction begins to count anew.
        let counters = [0, 4096].map(|copy| crate::bytes::u64_at(&bytes_of(&sim), copy + 72));
        assert_eq!(counters.contains(&COUNTED), change == "b=2", "{counters:?}");
    }
    let (_, reader) = open_on(&sim).unwrap();
    assert_eq!(crate::common::contents(&reader), expected(&[("a", "4"), ("b", "2")]));
}

#[test]
fn a_file_of_the_version_before_the_freeze_is_opened_and_becomes_one_of_this_version() {
    let file = with_header_field(&[0, 1], 16, 4096 << 32);
    let sim = disk_with(&file);
    let (writer, reader) = open_on(&sim).unwrap();
    assert_eq!(crate::common::contents(&reader), expected(&[("a", "1")]));
    let told = |reader: &Reader| reader.stats().unwrap().format_version;
    assert_eq!(told(&reader), 0);
    let versions = || [0, 4096].map(|copy| bytes_of(&sim)[copy + 16]);
    writer.close().unwrap();
    let closed = versions();
    assert!(closed.contains(&1), "the copy that holds was written by this build: {closed:?}");
    let (mut writer, reader) = open_on(&sim).unwrap();
    assert_eq!(told(&reader), 1);
    crate::compaction::compact(&mut writer, History::None);
    assert_eq!((versions(), crate::common::contents(&reader)), ([1, 1], expected(&[("a", "1")])));
    let (mut writer, reader) = open_on(&disk_with(&file)).unwrap();
    crate::compaction::compact(&mut writer, History::None);
    assert_eq!(told(&reader), 1);
}

#[test]
fn a_folder_a_missing_folder_and_a_file_in_the_way_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("folder.db")).unwrap();
    fs::write(at("file"), b"x").unwrap();
    let error = |path: &Path| open_at(DiskFs, path).map(drop).unwrap_err();
    assert!(matches!(error(&at("folder.db")), Error::IsADirectory { .. }));
    assert!(matches!(error(&at("missing/my.db")), Error::NoSuchFolder { .. }));
    assert!(matches!(error(&at("file/my.db")), Error::Io { .. } | Error::NoSuchFolder { .. }));
    assert!(matches!(error(Path::new("")), Error::Io { .. } | Error::NoSuchFolder { .. }));
    assert_eq!(fs::read(at("file")).unwrap(), b"x");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn a_file_that_may_not_be_opened_or_locked_is_an_error_of_the_system() {
    let file = database();
    for operation in [SimOperation::Open, SimOperation::Lock, SimOperation::Canonical, SimOperation::Read] {
        let sim = disk_with(&file);
        sim.inject(Fault::new(operation, Effect::Error(std::io::ErrorKind::PermissionDenied)).on(PATH));
        match refusal(&sim) {
            Error::Io { path, source, .. } => {
                assert_eq!(source.kind(), std::io::ErrorKind::PermissionDenied);
                assert!(path.ends_with("my.db"));
            }
            other => panic!("{operation:?}: {other}"),
        }
        assert_eq!(bytes_of(&sim), file);
    }
}

#[test]
fn every_refusal_names_the_file() {
    for file in [&b"text"[..], &database()[..5_000], &with_header_field(&[0], 40, 2)] {
        let said = refused(file).to_string();
        assert!(said.contains("my.db"), "{said}");
    }
}

/// A database that was left behind, with a document and an index.
fn indexed() -> Vec<u8> {
    let sim = SimFs::new(1);
    let (mut writer, _) = open_on(&sim).unwrap();
    synced(&mut writer, &["a=\"xyz\""]).unwrap();
    let mut build = writer.begin_index(ROOT, FieldPath::parse("n").unwrap()).unwrap();
    build.run().unwrap();
    let round = writer.index_round(&build);
    writer.install_index(build, round, Durability::Synced).unwrap();
    appended(&mut writer, &["b=2"]).unwrap();
    drop(writer);
    without_prepared_space(&bytes_of(&sim))
}

#[test]
fn an_index_of_a_newer_build_or_of_none_is_told_as_that() {
    for (wanted, change) in [("has version 9", "\"version\":9"), ("cannot be read", "\"version\":x")] {
        let mut file = indexed();
        let version = file.windows(11).position(|bytes| bytes == b"\"version\":1").unwrap();
        file[version..version + 11].copy_from_slice(change.as_bytes());
        seal_log(&mut file);
        let error = refused(&file);
        assert!(matches!(error, Error::UnreadableIndex { .. }), "{error}");
        assert!(error.to_string().contains(wanted) && error.to_string().contains("my.db"), "{error}");
        let options = Options::new(PATH);
        let error = follow(options, Arc::new(disk_with(&file))).map(drop).unwrap_err();
        assert!(matches!(error, Error::UnreadableIndex { .. }), "{error}");
    }
}

#[test]
fn a_document_that_an_index_cannot_read_is_told_before_a_torn_tail_is_cut() {
    let mut file = indexed();
    let document = file.windows(5).position(|bytes| bytes == b"\"xyz\"").unwrap();
    file[document + 1] = 0xFF;
    seal_log(&mut file);
    file.truncate(file.len() - 8);
    let error = refused(&file);
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
}
