//! Holds what encryption promises: nothing of what is stored can be read or changed without the key, and everything
//! works as it does without it.

#![allow(clippy::unwrap_used)] // A test may panic.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use ferrumdb_engine::fs::{Effect, Fate, Fault, FileSystem, OpenMode, SimFs, SimOperation, write_all};
use ferrumdb_engine::{
    CollectionId, CompactionStep, Durability, EncodedDocument, EncryptionKey, Error, FieldPath, History, Key,
    Limits, Options, Reader, Timestamp, Transaction, Writer, open,
};

const PATH: &str = "/secret.db";
const ROOT: CollectionId = CollectionId::ROOT;
const PLANTED: &str = "planted-plaintext";

fn key(number: u8) -> EncryptionKey {
    EncryptionKey::from_bytes([number; 32])
}

fn open_with(sim: &SimFs, key: Option<EncryptionKey>) -> Result<(Writer, Reader), Error> {
    let mut options = Options::new(PATH);
    options.cache_bytes = 0;
    options.encryption = key;
    open(options, Arc::new(sim.process()))
}

fn set(writer: &mut Writer, name: &str, text: &str, expires_at: Option<u64>) {
    let mut transaction = Transaction::new();
    let document =
        EncodedDocument::from_serialize(&serde_json::json!({"n": text}), &Limits::default()).unwrap();
    transaction.set(ROOT, Key::from(name), document, expires_at.map(Timestamp));
    writer.commit(&[transaction], Durability::Synced).unwrap()[0].as_ref().unwrap();
}

fn contents(reader: &Reader) -> BTreeMap<String, String> {
    let snapshot = reader.snapshot();
    let read = |key: Key| {
        let text = snapshot.get(ROOT, &key).unwrap().unwrap().as_str().to_owned();
        (String::from(key), text)
    };
    reader.keys(ROOT).map(read).collect()
}

fn compact(writer: &mut Writer) {
    let mut compaction = writer.begin_compaction(History::None).unwrap().unwrap();
    while compaction.step().unwrap() != CompactionStep::Ready {}
    let (mut relocation, _) = writer.install_compaction(compaction).unwrap();
    while relocation.step() {}
    writer.finish_relocation(&relocation);
}

/// A database with everything in it that writes a file: documents, deletions, expiries, an index, hints, a compaction.
fn fill(sim: &SimFs) -> BTreeMap<String, String> {
    let (mut writer, reader) = open_with(sim, Some(key(1))).unwrap();
    for number in 0..30 {
        let expires_at = (number % 3 == 0).then_some(u64::MAX - 1);
        set(&mut writer, &format!("{PLANTED}-key-{number}"), &format!("{PLANTED}-{number}"), expires_at);
    }
    let path = FieldPath::parse(PLANTED).unwrap();
    for path in [path, FieldPath::parse("n").unwrap()] {
        let mut build = writer.begin_index(ROOT, path).unwrap();
        build.run().unwrap();
        let round = writer.index_round(&build);
        writer.install_index(build, round, Durability::Synced).unwrap();
    }
    writer.begin_hint().unwrap().run().unwrap();
    let mut delete = Transaction::new();
    delete.delete(ROOT, Key::from(format!("{PLANTED}-key-5").as_str()));
    delete.delete(ROOT, Key::from(format!("{PLANTED}-key-6").as_str()));
    writer.commit(&[delete], Durability::Synced).unwrap();
    compact(&mut writer);
    set(&mut writer, "after", PLANTED, None);
    writer.append_sync_mark().unwrap();
    let contents = contents(&reader);
    assert_eq!(contents.len(), 29);
    writer.close().unwrap();
    contents
}

#[test]
fn everything_comes_back_with_the_key_with_and_without_the_hint() {
    let sim = SimFs::new(1);
    let expected = fill(&sim);
    for hint in [true, false] {
        if !hint {
            sim.remove(Path::new("/secret.db.hint")).unwrap();
        }
        let (mut writer, reader) = open_with(&sim, Some(key(1))).unwrap();
        assert_eq!(reader.stats().unwrap().recovery.hint.is_some(), hint);
        assert_eq!(contents(&reader), expected);
        let path = FieldPath::parse("n").unwrap();
        let found = reader.snapshot().find(ROOT, &path, &serde_json::json!(PLANTED)).unwrap();
        assert_eq!(found, ["after"]);
        writer.sync().unwrap();
        drop(writer);
    }
}

#[test]
fn no_file_ever_holds_a_planted_text() {
    let sim = SimFs::new(2);
    sim.record();
    fill(&sim);
    // A torn tail is saved, too.
    let (mut writer, _) = open_with(&sim, Some(key(1))).unwrap();
    for number in 0..6 {
        let mut transaction = Transaction::new();
        let document = EncodedDocument::from_serialize(&PLANTED, &Limits::default()).unwrap();
        transaction.set(ROOT, Key::from(format!("{number}").as_str()), document, None);
        writer.commit(&[transaction], Durability::Appended).unwrap();
    }
    drop(writer);
    let mut first = true;
    sim.crash_with(|_| if std::mem::take(&mut first) { Fate::Dropped } else { Fate::Kept });
    drop(open_with(&sim, Some(key(1))).unwrap());
    let mut looked_at = 0;
    for name in sim.names() {
        let bytes = sim.live_bytes(&name).unwrap();
        let found = bytes.windows(7).any(|window| window == b"planted");
        assert!(!found, "{} holds it", name.display());
        looked_at += 1;
    }
    assert!(looked_at >= 2, "{:?}", sim.names());
}

#[test]
fn a_wrong_key_or_none_is_told_at_once_and_the_file_is_left_alone() {
    let sim = SimFs::new(3);
    fill(&sim);
    let before = sim.live_bytes(PATH).unwrap();
    let refused = |key| open_with(&sim, key).map(drop).unwrap_err();
    assert!(matches!(refused(None), Error::KeyNeeded { .. }));
    assert!(matches!(refused(Some(key(2))), Error::WrongKey { .. }));
    assert!(matches!(refused(Some(EncryptionKey::from_passphrase("x"))), Error::WrongKey { .. }));
    assert_eq!(sim.live_bytes(PATH).unwrap(), before);

    let plain = SimFs::new(4);
    let (mut writer, _) = open_with(&plain, None).unwrap();
    set(&mut writer, "a", "b", None);
    writer.close().unwrap();
    let before = plain.live_bytes(PATH).unwrap();
    assert!(matches!(open_with(&plain, Some(key(1))).map(drop).unwrap_err(), Error::NotEncrypted { .. }));
    assert_eq!(plain.live_bytes(PATH).unwrap(), before);
}

#[test]
fn a_passphrase_opens_what_it_has_encrypted() {
    let sim = SimFs::new(5);
    let phrase = || Some(EncryptionKey::from_passphrase("eleven purple lighthouses"));
    let (mut writer, _) = open_with(&sim, phrase()).unwrap();
    set(&mut writer, "a", "b", None);
    writer.close().unwrap();
    assert_eq!(open_with(&sim, phrase()).unwrap().1.count(ROOT), 1);
    let wrong = Some(EncryptionKey::from_passphrase("eleven purple lighthouse"));
    assert!(matches!(open_with(&sim, wrong).map(drop).unwrap_err(), Error::WrongKey { .. }));
}

/// A head, a sealed nothing, the padding and a mark.
const CLOSE_MARK_BYTES: usize = 40 + 28 + 4 + 32;

#[test]
fn any_flipped_byte_of_the_file_is_refused_or_harmless() {
    let sim = SimFs::new(6);
    let (mut writer, reader) = open_with(&sim, Some(key(1))).unwrap();
    set(&mut writer, "a", "b", None);
    set(&mut writer, "c", "d", Some(u64::MAX));
    let expected = contents(&reader);
    writer.close().unwrap();
    // With a hint, damage is told when the record is read.
    sim.remove(Path::new("/secret.db.hint")).unwrap();
    let bytes = sim.live_bytes(PATH).unwrap();
    for position in (0..bytes.len()).filter(|at| *at < 260 || *at >= 4096 && *at < 4360 || *at >= 8192) {
        let other = sim.fork(1);
        other.overwrite(PATH, position as u64, &[bytes[position] ^ 0x40]);
        match open_with(&other, Some(key(1))) {
            Ok((_, reader)) => {
                // One copy of the header is as good as two, and a bad close mark is as good as none.
                assert!(position < 8192 || position >= bytes.len() - CLOSE_MARK_BYTES, "{position}");
                assert_eq!(contents(&reader), expected);
            }
            Err(Error::Damaged { .. } | Error::Tampered { .. } | Error::WrongKey { .. }) => {}
            Err(error) => panic!("{position}: {error}"),
        }
    }
}

#[test]
fn another_key_opens_it_after_a_rekey_and_the_old_one_does_not() {
    let sim = SimFs::new(7);
    let expected = fill(&sim);
    let (mut writer, _) = open_with(&sim, Some(key(1))).unwrap();
    writer.rekey(&key(2)).unwrap();
    drop(writer);
    sim.crash_with(|_| Fate::Dropped);
    assert!(matches!(open_with(&sim, Some(key(1))).map(drop).unwrap_err(), Error::WrongKey { .. }));
    let (mut writer, reader) = open_with(&sim, Some(key(2))).unwrap();
    assert_eq!(contents(&reader), expected);
    compact(&mut writer);
    writer.rekey(&EncryptionKey::from_passphrase("now a passphrase")).unwrap();
    assert_eq!(contents(&reader), expected);
    writer.close().unwrap();
    let phrase = Some(EncryptionKey::from_passphrase("now a passphrase"));
    assert_eq!(contents(&open_with(&sim, phrase).unwrap().1), expected);
}

#[test]
fn a_rekey_that_is_cut_short_leaves_a_file_that_one_key_or_the_other_opens() {
    for nth in 1..=6 {
        for keep in [false, true] {
            let sim = SimFs::new(8);
            let expected = fill(&sim);
            let (mut writer, _) = open_with(&sim, Some(key(1))).unwrap();
            sim.inject(Fault::new(SimOperation::Any, Effect::Crash).nth(nth));
            let done = writer.rekey(&key(2)).is_ok();
            drop(writer);
            sim.clear_faults();
            sim.crash_with(|_| if keep { Fate::Kept } else { Fate::Dropped });
            let opened: Vec<u8> = [1, 2]
                .into_iter()
                .filter(|number| match open_with(&sim.fork(1), Some(key(*number))) {
                    Ok((_, reader)) => contents(&reader) == expected,
                    Err(Error::WrongKey { .. }) => false,
                    Err(error) => panic!("{nth}: {error}"),
                })
                .collect();
            assert!(!opened.is_empty(), "{nth} {keep}");
            assert!(!done || opened == [2], "{nth} {keep}: {opened:?}");
            // Whichever opened it is the only one from then on.
            drop(open_with(&sim, Some(key(opened[0]))).unwrap());
            sim.crash_with(|_| Fate::Dropped);
            assert_eq!(contents(&open_with(&sim, Some(key(opened[0]))).unwrap().1), expected);
            assert!(open_with(&sim, Some(key(3 - opened[0]))).is_err(), "{nth} {keep}");
        }
    }
}

#[test]
fn records_cannot_be_put_in_the_place_of_others() {
    let sim = SimFs::new(9);
    let (mut writer, _) = open_with(&sim, Some(key(1))).unwrap();
    set(&mut writer, "a", "1", None);
    let first = sim.live_bytes(PATH).unwrap();
    writer.close().unwrap();
    // Another life of the same file from its beginning: the same positions, sequences and lengths.
    let other = sim.fork(2);
    let bytes = sim.live_bytes(PATH).unwrap();
    other.remove(Path::new(PATH)).unwrap();
    let file = other.open(Path::new(PATH), OpenMode::CreateNew).unwrap();
    write_all(&*file, &first[..8192], 0).unwrap();
    drop(file);
    let (mut writer, _) = open_with(&other, Some(key(1))).unwrap();
    set(&mut writer, "a", "2", None);
    writer.close().unwrap();
    let replayed = other.live_bytes(PATH).unwrap();
    assert_eq!(replayed.len(), bytes.len());
    // The whole first commit, but its mark's chain value and what follows from it, is of the other life.
    let mixed = sim.fork(3);
    mixed.remove(Path::new("/secret.db.hint")).unwrap();
    mixed.overwrite(PATH, 8192, &replayed[8192..8192 + 40]);
    assert!(open_with(&mixed, Some(key(1))).is_err());
}

#[test]
fn what_the_data_key_has_sealed_is_counted_across_any_number_of_crashes() {
    let sim = SimFs::new(10);
    let sealed_max = |sim: &SimFs| {
        let bytes = sim.durable_bytes(PATH).unwrap();
        let read = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        // The copy with the higher counter, at offset 72, holds; what it allows stands at 144.
        [0, 4096].into_iter().max_by_key(|at| read(at + 72)).map(|at| read(at + 144)).unwrap()
    };
    let mut last = 0;
    for number in 0..50 {
        let (mut writer, _) = open_with(&sim, Some(key(1))).unwrap();
        set(&mut writer, "k", &format!("{number}"), None);
        assert!(sealed_max(&sim) > last, "nothing is sealed that the header does not allow durably");
        last = sealed_max(&sim);
        drop(writer);
        sim.crash_with(|_| Fate::Dropped);
    }
    let (writer, _) = open_with(&sim, Some(key(1))).unwrap();
    writer.close().unwrap();
    assert_eq!(sealed_max(&sim), last + 1, "closing says exactly what was sealed: one more, the close mark");
}
