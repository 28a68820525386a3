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
use crate::index::value::IndexValue;
use crate::key::{CollectionId, Key, Sequence, Timestamp};
use crate::keydir::Entry;
use crate::log::{HeaderState, LOG_START, LogKeys};
use crate::{Durability, EncodedDocument, Limits, Options, Transaction, open, paths};

const PATH: &str = "/hint.db";
const ROOT: CollectionId = CollectionId::ROOT;

type SaidContents = Vec<(u32, Option<IndexValue>)>;

/// What a hint says of an index: a head, and the entries behind it.
struct SaidIndex {
    collection: CollectionId,
    definition: &'static str,
    entries: u64,
    documents: u64,
    contents: SaidContents,
}

impl SaidIndex {
    /// An index of the three documents: two at a number, and the first and the third at a text.
    fn right() -> Self {
        let definition = r#"{"version":1,"path":["n"]}"#;
        let contents =
            vec![(0, Some(value(b"\x20----------"))), (1, None), (0, Some(value(b"\x30x"))), (2, None)];
        Self { collection: ROOT, definition, entries: 4, documents: 3, contents }
    }
}

fn value(bytes: &[u8]) -> IndexValue {
    IndexValue::from_stored(bytes, false).unwrap()
}

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
        let HeaderState::Valid(copies) = HeaderState::of_file(&bytes) else { panic!("the header is valid") };
        let header = &copies[0].header;
        Start::find(&self.disk, Path::new(PATH), &*log, &LogKeys::new(header, None), header, None)
    }

    /// Whether opening uses a hint that says this.
    fn is_used(
        &self,
        change: impl FnOnce(&mut HintHeader, &mut Vec<(Key, Entry, Option<Timestamp>)>),
    ) -> bool {
        let (mut header, mut entries) = (self.header.clone(), self.entries.clone());
        change(&mut header, &mut entries);
        self.put(&header, &entries, &[])
    }

    /// The same, of one that says this of its indexes.
    fn is_used_with_indexes(&self, change: impl FnOnce(&mut Vec<SaidIndex>)) -> bool {
        let other = SaidIndex { definition: r#"{"version":1,"path":["m"]}"#, ..SaidIndex::right() };
        let mut indexes = vec![SaidIndex::right(), other];
        change(&mut indexes);
        self.put(&self.header, &self.entries, &indexes)
    }

    fn put(
        &self,
        header: &HintHeader,
        entries: &[(Key, Entry, Option<Timestamp>)],
        indexes: &[SaidIndex],
    ) -> bool {
        let path = paths::hint(Path::new(PATH));
        self.disk.remove(&path).unwrap();
        let file = self.disk.open(&path, OpenMode::CreateNew).unwrap();
        let mut blocks = Blocks::begin(&*file, header, None).unwrap();
        for SaidIndex { collection, definition, entries, documents, .. } in indexes {
            blocks.index(*collection, definition, *entries, *documents).unwrap();
        }
        for (key, entry, expires_at) in entries {
            blocks.document(ROOT, key, entry, *expires_at).unwrap();
        }
        for (number, value) in indexes.iter().flat_map(|index| &index.contents) {
            blocks.content(*number, value.as_ref()).unwrap();
        }
        blocks.finish().unwrap();
        let start = self.start();
        assert_eq!(start.walked.hinted().is_none(), start.view.counts.total() == 0);
        assert!(start.view.catalog.iter().count() == indexes.len() || start.view.catalog.is_empty());
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
fn a_hint_is_used_only_if_its_indexes_are_complete() {
    let fixture = Fixture::new();
    assert!(fixture.is_used_with_indexes(|_| ()));
    assert!(fixture.is_used_with_indexes(|indexes| {
        let empty = |path| SaidIndex {
            definition: path,
            entries: 0,
            documents: 0,
            contents: vec![],
            ..SaidIndex::right()
        };
        indexes.insert(0, empty(r#"{"version":1,"path":["before"]}"#));
        indexes.insert(2, empty(r#"{"version":1,"path":["between"]}"#));
        indexes.push(empty(r#"{"version":1,"path":["behind"]}"#));
    }));
    assert!(!fixture.is_used_with_indexes(|indexes| indexes[1].definition = indexes[0].definition));
    for definition in
        ["", "{}", r#"{"version":2,"path":["n"]}"#, r#"{"version":1,"path":["n"],"unique":true}"#]
    {
        assert!(!fixture.is_used_with_indexes(|indexes| indexes[0].definition = definition), "{definition}");
    }
    for entries in [0, 3, 5, u64::MAX] {
        assert!(!fixture.is_used_with_indexes(|indexes| indexes[0].entries = entries), "{entries}");
        assert!(!fixture.is_used_with_indexes(|indexes| indexes[1].entries = entries), "{entries}");
    }
    for documents in [0, 2, 4, u64::MAX] {
        assert!(!fixture.is_used_with_indexes(|indexes| indexes[1].documents = documents), "{documents}");
    }
    assert!(!fixture.is_used_with_indexes(|indexes| drop(indexes[1].contents.pop())));
    assert!(!fixture.is_used_with_indexes(|indexes| indexes[1].contents.push((2, Some(value(b"\x61"))))));
    assert!(!fixture.is_used_with_indexes(|indexes| indexes[0].contents.clear()));
}

#[test]
fn a_hint_is_used_only_if_its_indexes_hold_what_they_can_in_their_order() {
    let fixture = Fixture::new();
    let is_used = |change: &dyn Fn(&mut SaidContents)| {
        fixture.is_used_with_indexes(|indexes| change(&mut indexes[1].contents))
    };
    assert!(!is_used(&|contents| contents[3].0 = 1), "a document less than the index should hold");
    assert!(!is_used(&|contents| contents[3].0 = 3), "no document has this number");
    assert!(!is_used(&|contents| contents.swap(0, 2)), "the values descend");
    assert!(!is_used(&|contents| contents[0].1 = None), "there is no entry before it in its index");
    assert!(!is_used(&|contents| contents[1].0 = 0), "the same entry twice");
    assert!(!is_used(&|contents| (contents[2].0, contents[3].0) = (2, 0)), "the keys descend");
    assert!(is_used(&|contents| contents[3].1 = Some(value(b"\x30x"))), "the value may be told again");
    assert!(!fixture.is_used_with_indexes(|indexes| indexes[1].collection = CollectionId(1)));
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
