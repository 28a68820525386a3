//! What is known by other means than by the log is found when it is wrong: keydir, expiries, indexes, hint files.
#![allow(clippy::unwrap_used)] // A test may panic.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::fs::{FileSystem, MemoryFs, OpenMode};
use crate::generation::Location;
use crate::index::extract::{Extracted, extract};
use crate::index::working::Workings;
use crate::key::{CollectionId, Key, Timestamp};
use crate::keydir::Entry;
use crate::{Durability, EncodedDocument, FieldPath, Limits, Options, Transaction, Writer, open};

const PATH: &str = "/my.db";
const ROOT: CollectionId = CollectionId::ROOT;

fn commit(writer: &mut Writer, changes: &[(&str, &str)]) {
    let mut transaction = Transaction::new();
    for (key, json) in changes {
        let document = EncodedDocument::from_json(json.as_bytes(), &Limits::default()).unwrap();
        let expires_at = key.starts_with('e').then_some(Timestamp(u64::MAX));
        transaction.set(ROOT, Key::from(*key), document, expires_at);
    }
    writer.commit(&[transaction], Durability::Synced).unwrap();
}

/// A database with an index on `n` and some versions of its documents.
fn filled(files: &Arc<MemoryFs>) -> (Writer, Reader) {
    let (mut writer, reader) = open(Options::new(PATH), files.clone()).unwrap();
    commit(&mut writer, &[("a", "{\"n\":1}"), ("b", "{\"n\":[1,2]}"), ("e", "{\"n\":3}")]);
    let mut build = writer.begin_index(ROOT, FieldPath::parse("n").unwrap()).unwrap();
    build.run().unwrap();
    let round = writer.index_round(&build);
    writer.install_index(build, round, Durability::Synced).unwrap();
    commit(&mut writer, &[("a", "{\"n\":4}"), ("c", "{\"m\":5}")]);
    (writer, reader)
}

fn found(mut verification: Verification) -> Vec<String> {
    while verification.step().unwrap() != VerifyStep::Done {}
    verification.finish().findings.into_iter().map(|finding| finding.what).collect()
}

/// What is found after the state was spoiled, and then published by one more commit.
fn after(spoil: impl FnOnce(&mut Writer)) -> Vec<String> {
    let (mut writer, reader) = filled(&Arc::new(MemoryFs::new()));
    assert_eq!(found(reader.begin_verify().unwrap()), [""; 0]);
    spoil(&mut writer);
    commit(&mut writer, &[("z", "0")]);
    found(reader.begin_verify().unwrap())
}

fn entry(writer: &Writer, key: &str) -> Entry {
    let keydir = &writer.shared().keydir;
    keydir.find(&keydir.hash(ROOT, key)).unwrap()
}

fn put(writer: &Writer, key: &str, entry: Entry) {
    let keydir = &writer.shared().keydir;
    keydir.put(&keydir.hash(ROOT, key), &Key::from(key), entry);
}

#[track_caller]
fn assert_found(found: &[String], part: &str) {
    assert!(found.iter().any(|what| what.contains(part)), "{found:?}");
}

#[test]
fn an_index_that_does_not_equal_a_scan_is_found() {
    let path = FieldPath::parse("n").unwrap();
    let spoil = |old: Option<&'static str>, new: &'static str| {
        let path = path.clone();
        move |writer: &mut Writer| {
            let mut index = writer.applier().catalog().iter().next().unwrap().index.clone();
            let mut workings = Workings::default();
            let working = workings.of(&index);
            let old = old.map_or(Extracted::NONE, |old| extract(old, &path));
            index.replace(working, &Key::from("b"), &old, &extract(new, &path));
            writer.applier().catalog_mut().remove(ROOT, &path);
            writer.applier().catalog_mut().add(ROOT, index);
        }
    };
    assert_found(&after(spoil(Some("{\"n\":[1,2]}"), "{\"n\":2}")), "does not hold it at its value");
    assert_found(&after(spoil(None, "{\"n\":7}")), "holds other values than the documents");
    assert_found(&after(spoil(Some("{\"n\":[1,2]}"), "{\"n\":[1,3]}")), "does not hold it at its value");
    let dropped =
        after(|writer| writer.applier().catalog_mut().remove(ROOT, &FieldPath::parse("n").unwrap()));
    assert_found(&dropped, "other indexes than those that the log has brought up");
}

#[test]
fn a_keydir_that_does_not_say_what_the_log_says_is_found() {
    let older = Location::new(1, LOG_START);
    let back = |writer: &mut Writer| put(writer, "a", Entry::new(older, Sequence(1), 0, 24));
    assert_found(&after(back), "newer than what the keydir leads to");
    let gone = after(|writer| {
        let keydir = &writer.shared().keydir;
        assert!(keydir.remove(&keydir.hash(ROOT, "b")).is_some());
    });
    assert_found(&gone, "the keydir leads to 5 documents, and the log holds 4 of them");
    let elsewhere = after(|writer| {
        let Entry { sequence, payload_bytes, .. } = entry(writer, "c");
        put(writer, "c", Entry::new(older, sequence, 1, payload_bytes));
    });
    assert_found(&elsewhere, "the keydir leads elsewhere");
    let timeless = after(|writer| writer.shared().expiry_times.remove(entry(writer, "e").id()));
    assert_found(&timeless, "another time for it to expire");
}

#[test]
fn records_that_name_each_others_versions_are_found() {
    let mut versions = versions::Versions::new(100_000);
    let (first, second) = (LOG_START, LOG_START + 80_000);
    for swapped in [false, true] {
        versions.expect_name(first, ROOT, "a");
        versions.expect_name(second, ROOT, "b");
        let (of_a, of_b) = if swapped { (second, first) } else { (first, second) };
        assert!(versions.name(of_a, ROOT, "a") && versions.name(of_b, ROOT, "b"));
        assert_eq!(versions.first_unnamed().is_some(), swapped);
    }
    assert!(!versions.name(first, ROOT, "a"), "once is enough");
    assert!(!versions.name(8, ROOT, "a") && !versions.name(1 << 47, ROOT, "a"));
}

#[test]
fn a_hint_that_checks_and_tells_another_story_is_found() {
    let files = Arc::new(MemoryFs::new());
    let (writer, _) = filled(&files);
    let Entry { sequence, payload_bytes, .. } = entry(&writer, "b");
    put(&writer, "b", Entry::new(Location::new(1, LOG_START), sequence, 1, payload_bytes));
    writer.close().unwrap();
    let verified = || found(Verification::of_file(Path::new(PATH), None, &*files).unwrap());
    assert_found(&verified(), "the keydir leads elsewhere for it");
    files.remove(Path::new("/my.db.hint")).unwrap();
    assert_eq!(verified(), [""; 0], "the log is as it should be");
}

#[test]
fn a_torn_tail_hides_nothing_of_what_a_hint_tells_wrongly() {
    let files = Arc::new(MemoryFs::new());
    let (mut writer, _) = open(Options::new(PATH), files.clone()).unwrap();
    commit(&mut writer, &[("a", "1"), ("b", "2")]);
    let keydir = &writer.shared().keydir;
    let entry = keydir.remove(&keydir.hash(ROOT, "b")).unwrap();
    put(&writer, "never set", entry);
    writer.close().unwrap();
    let log = files.open(Path::new(PATH), OpenMode::ReadWrite).unwrap();
    log.write_at(&[0xA5; 100], log.len().unwrap()).unwrap();
    drop(log);
    let mut verification = Verification::of_file(Path::new(PATH), None, &*files).unwrap();
    while verification.step().unwrap() != VerifyStep::Done {}
    let report = verification.finish();
    assert_eq!(report.torn_bytes, 100);
    let found: Vec<_> = report.findings.into_iter().map(|finding| finding.what).collect();
    assert_found(&found, "the keydir leads to 2 documents, and the log holds 1 of them");
}
