//! Tests of hint files that no writer writes: right in every checksum, and wrong in what they say.

#![allow(clippy::unwrap_used)] // A test may panic.

use std::path::Path;
use std::sync::Arc;

use super::Start;
use super::format::HEADER_BYTES;
use super::header::HintHeader;
use super::write::Blocks;
use crate::fs::{FileSystem, MemoryFs, OpenMode, read_full};
use crate::generation::Location;
use crate::key::{CollectionId, Key, Sequence, Timestamp};
use crate::keydir::Entry;
use crate::log::{Header, HeaderState, LOG_START, Seed};
use crate::{Durability, EncodedDocument, Limits, Options, Transaction, open, paths};

const PATH: &str = "/hint.db";
const ROOT: CollectionId = CollectionId::ROOT;

struct Fixture {
    disk: MemoryFs,
    header: HintHeader,
    entries: Vec<(Key, Entry, Option<Timestamp>)>,
}

impl Fixture {
    /// A log of three documents, and what a hint of it says.
    fn new() -> Self {
        let disk = MemoryFs::new();
        let (mut writer, _) = open(Options::new(PATH), Arc::new(disk.clone())).unwrap();
        for key in ["a", "b", "c"] {
            let document = EncodedDocument::from_serialize(key, &Limits::default()).unwrap();
            let mut transaction = Transaction::new();
            transaction.set(ROOT, Key::from(key), document, (key == "b").then_some(Timestamp(u64::MAX)));
            writer.commit(&[transaction], Durability::Synced).unwrap();
        }
        writer.begin_hint().unwrap().run().unwrap();
        drop(writer);
        let hint = disk.open(&paths::hint(Path::new(PATH)), OpenMode::Read).unwrap();
        let mut bytes = [0; HEADER_BYTES];
        read_full(&*hint, &mut bytes, 0).unwrap();
        let mut fixture = Self { disk, header: HintHeader::decode(&bytes).unwrap(), entries: Vec::new() };
        let start = fixture.start();
        for key in ["a", "b", "c"] {
            let entry = start.keydir.find(&start.keydir.hash(ROOT, key)).unwrap();
            fixture.entries.push((Key::from(key), entry, start.expiry_times.get(&entry)));
        }
        fixture
    }

    fn start(&self) -> Start {
        let log = self.disk.open(Path::new(PATH), OpenMode::Read).unwrap();
        let mut bytes = vec![0; LOG_START as usize];
        read_full(&*log, &mut bytes, 0).unwrap();
        let HeaderState::Valid(header) = HeaderState::of_file(&bytes) else { panic!("the header is valid") };
        let Header { file_id, generation, .. } = header;
        Start::find(&self.disk, Path::new(PATH), &*log, Seed::new(file_id, generation), &header)
    }

    /// Whether opening uses a hint that says this.
    fn is_used(
        &self,
        change: impl FnOnce(&mut HintHeader, &mut Vec<(Key, Entry, Option<Timestamp>)>),
    ) -> bool {
        let (mut header, mut entries) = (self.header.clone(), self.entries.clone());
        change(&mut header, &mut entries);
        let path = paths::hint(Path::new(PATH));
        self.disk.remove(&path).unwrap();
        let file = self.disk.open(&path, OpenMode::CreateNew).unwrap();
        let mut blocks = Blocks::begin(&*file, &header).unwrap();
        for (key, entry, expires_at) in &entries {
            blocks.document(ROOT, key, entry, *expires_at).unwrap();
        }
        blocks.finish().unwrap();
        let start = self.start();
        assert_eq!(start.walked.hinted().is_none(), start.view.counts.total() == 0);
        start.walked.hinted().is_some()
    }
}

#[test]
fn a_hint_is_used_only_if_the_log_holds_its_commit() {
    let fixture = Fixture::new();
    assert!(fixture.is_used(|_, _| ()));
    assert!(!fixture.is_used(|header, _| header.file_id[15] ^= 1));
    assert!(!fixture.is_used(|header, _| header.generation += 1));
    assert!(!fixture.is_used(|header, _| header.sequence = Sequence(2)));
    assert!(!fixture.is_used(|header, _| header.log_end += 8));
    assert!(!fixture.is_used(|header, _| header.chain ^= 1));
    for last_record in [0, 8, LOG_START, u64::MAX, u64::MAX - 7, 1 << 47] {
        assert!(!fixture.is_used(|header, _| header.last_record = last_record), "{last_record}");
    }
    assert!(!fixture.is_used(|header, _| header.last_record += 1));
}

#[test]
fn a_hint_is_used_only_if_its_totals_are_right() {
    let fixture = Fixture::new();
    assert!(!fixture.is_used(|header, _| header.documents = 2));
    assert!(!fixture.is_used(|header, _| header.documents = u64::MAX));
    assert!(!fixture.is_used(|header, _| header.live_bytes += 8));
    assert!(!fixture.is_used(|_, entries| drop(entries.pop())));
    assert!(!fixture.is_used(|_, entries| entries[2] = entries[1].clone()));
}

#[test]
fn a_hint_is_used_only_if_its_entries_can_be_there() {
    let fixture = Fixture::new();
    let end = fixture.header.log_end;
    for position in [0, LOG_START - 8, LOG_START + 1, end, (1 << 48) - 8] {
        let wrong = |_: &mut HintHeader, entries: &mut Vec<(Key, Entry, Option<Timestamp>)>| {
            let entry = entries[0].1;
            entries[0].1 =
                Entry::new(Location::new(1, position), entry.sequence, entry.ordinal(), entry.payload_bytes);
        };
        assert!(!fixture.is_used(wrong), "{position}");
    }
    assert!(!fixture.is_used(|header, entries| {
        let entry = entries[0].1;
        entries[0].1 = Entry::new(entry.location, header.sequence.next(), 0, entry.payload_bytes);
    }));
}

#[test]
fn a_hint_of_many_blocks_comes_back_whole() {
    let disk = MemoryFs::new();
    let (mut writer, _) = open(Options::new(PATH), Arc::new(disk.clone())).unwrap();
    let mut transaction = Transaction::new();
    let long = "k".repeat(10_000);
    for number in 0..300 {
        let document = EncodedDocument::from_serialize(&number, &Limits::default()).unwrap();
        transaction.set(CollectionId(number % 3), Key::from(format!("{number}{long}")), document, None);
    }
    writer.commit(&[transaction], Durability::Synced).unwrap();
    let bytes = writer.begin_hint().unwrap().run().unwrap();
    assert!(bytes > 3_000_000);
    drop(writer);
    let (_, reader) = open(Options::new(PATH), Arc::new(disk)).unwrap();
    assert_eq!(reader.stats().unwrap().recovery.hint, Some(Sequence(1)));
    for number in 0..300 {
        let document = reader.get(CollectionId(number % 3), &format!("{number}{long}")).unwrap().unwrap();
        assert_eq!(document.as_str(), number.to_string());
    }
}
