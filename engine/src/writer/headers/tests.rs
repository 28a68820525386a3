//! A data key that has sealed nearly as often as it may, as the header of a file says it: what still goes, and what renews
//! it.

#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::fs::{FileSystem, MemoryFs, OpenMode, read_full, write_all};
use crate::log::{HeaderState, LOG_START};
use crate::paths;
use crate::recovery::{Unlocked, unlock};
use crate::seal::{EncryptionKey, SEALS_MAX};
use crate::{
    CollectionId, CompactionStep, Durability, EncodedDocument, Error, History, Key, Limits, Options, Reader,
    Result, Transaction, Writer, follow, open,
};

const PATH: &str = "/worn.db";
const EVERYTHING: History = History::For(Duration::from_secs(1 << 40));

fn key() -> EncryptionKey {
    EncryptionKey::from_bytes([1; 32])
}

fn open_on(files: &MemoryFs) -> (Writer, Reader) {
    let encryption = Some(key());
    open(Options { encryption, ..Options::new(PATH) }, Arc::new(files.clone())).unwrap()
}

/// Writes a header that says that so many seals are left, as an opening would that has made the others.
fn leave_seals(files: &MemoryFs, left: u64) {
    let file = files.open(Path::new(PATH), OpenMode::ReadWrite).unwrap();
    let mut copies = vec![0; LOG_START as usize];
    read_full(&*file, &mut copies, 0).unwrap();
    let HeaderState::Valid(copies) = HeaderState::of_file(&copies) else { panic!("a closed database") };
    let Unlocked { mut header, keyring, .. } = unlock(Path::new(PATH), copies, Some(&key())).unwrap();
    header.counter += 1;
    let copy = header.encode(keyring.as_deref().map(|keys| (keys, SEALS_MAX - left))).unwrap();
    write_all(&*file, &copy, header.position()).unwrap();
}

fn set(writer: &mut Writer, key: &str) -> Result<()> {
    let document = EncodedDocument::from_json(b"1", &Limits::default()).unwrap();
    let mut transaction = Transaction::new();
    transaction.set(CollectionId::ROOT, Key::from(key), document, None);
    writer.commit(&[transaction], Durability::Synced).map(drop)
}

fn assert_holds(reader: &Reader, keys: &[&str]) {
    assert_eq!(reader.count(CollectionId::ROOT), keys.len() as u64);
    for key in keys {
        assert_eq!(reader.get(CollectionId::ROOT, key).unwrap().unwrap().as_str(), "1");
    }
}

fn compact(writer: &mut Writer, history: History) -> bool {
    let mut compaction = writer.begin_compaction(history).unwrap().unwrap();
    loop {
        match compaction.step().unwrap() {
            CompactionStep::Working { .. } => {}
            CompactionStep::Pointless { .. } => return false,
            CompactionStep::Ready => break,
        }
    }
    let (mut relocation, _) = writer.install_compaction(compaction).unwrap();
    while relocation.step() {}
    writer.finish_relocation(&relocation);
    true
}

/// A database with a document, whose key has so many seals left.
fn worn(left: u64) -> MemoryFs {
    let files = MemoryFs::new();
    let (mut writer, _) = open_on(&files);
    set(&mut writer, "a").unwrap();
    writer.close().unwrap();
    leave_seals(&files, left);
    files
}

#[test]
fn a_worn_out_key_seals_no_commit_more_and_takes_nothing_away() {
    let files = worn(2);
    let (mut writer, reader) = open_on(&files);
    set(&mut writer, "b").unwrap();
    set(&mut writer, "c").unwrap();
    for _ in 0..2 {
        assert!(matches!(set(&mut writer, "d"), Err(Error::KeyWornOut)));
        assert!(!writer.is_poisoned());
        assert_holds(&reader, &["a", "b", "c"]);
    }
    writer.sync().unwrap();
    drop(reader);
    writer.close().expect("everything is durable, though no mark can be sealed");
    let (mut writer, reader) = open_on(&files);
    assert_holds(&reader, &["a", "b", "c"]);
    assert!(matches!(set(&mut writer, "d"), Err(Error::KeyWornOut)), "nobody begins to count anew");
}

#[test]
fn a_log_that_is_closed_without_a_mark_keeps_the_live_file_which_proves_its_last_commit() {
    let followed = |files: &MemoryFs| {
        // It can be deleted at any time.
        let _ = files.remove(&paths::hint(Path::new(PATH)));
        let options = Options { encryption: Some(key()), ..Options::new(PATH) };
        follow(options, Arc::new(files.clone())).unwrap().1.count(CollectionId::ROOT)
    };
    for (left, is_marked) in [(1, false), (2, true)] {
        let files = worn(left);
        let (mut writer, _) = open_on(&files);
        set(&mut writer, "b").unwrap();
        writer.write_live();
        writer.close().unwrap();
        let is_there = files.open(&paths::live(Path::new(PATH)), OpenMode::Read).is_ok();
        assert_eq!((is_there, followed(&files)), (!is_marked, 2), "with {left} seals left");
    }
}

#[test]
fn a_compaction_renews_a_worn_key_though_there_is_nothing_to_drop() {
    for history in [History::None, EVERYTHING] {
        let files = worn(0);
        let (mut writer, reader) = open_on(&files);
        assert!(matches!(set(&mut writer, "b"), Err(Error::KeyWornOut)));
        assert!(compact(&mut writer, history), "{history:?}");
        set(&mut writer, "b").unwrap();
        assert_holds(&reader, &["a", "b"]);
        drop(reader);
        writer.close().unwrap();
        leave_seals(&files, 1);
        let (mut writer, reader) = open_on(&files);
        assert_holds(&reader, &["a", "b"]);
        set(&mut writer, "c").unwrap();
        assert!(matches!(set(&mut writer, "d"), Err(Error::KeyWornOut)), "{history:?}");
        assert!(compact(&mut writer, EVERYTHING));
        set(&mut writer, "d").unwrap();
        assert_holds(&reader, &["a", "b", "c", "d"]);
    }
}

#[test]
fn a_compaction_that_would_drop_nothing_is_pointless_while_the_key_is_fresh() {
    let (mut writer, _) = open_on(&worn(SEALS_MAX));
    assert!(!compact(&mut writer, EVERYTHING));
}
