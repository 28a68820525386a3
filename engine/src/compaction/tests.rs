//! A compaction of a database whose hint file checks and is wrong: it is refused, or what could not be read stays unreadable.
#![allow(clippy::unwrap_used)] // A test may panic.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::fs::MemoryFs;
use crate::key::{CollectionId, Key};
use crate::keydir::Entry;
use crate::{Durability, EncodedDocument, Limits, ManualClock, Options, Reader, Transaction, Writer, open};

const ROOT: CollectionId = CollectionId::ROOT;

fn set(writer: &mut Writer, key: &str, json: &str) {
    let document = EncodedDocument::from_json(json.as_bytes(), &Limits::default()).unwrap();
    let mut transaction = Transaction::new();
    transaction.set(ROOT, Key::from(key), document, None);
    writer.commit(&[transaction], Durability::Synced).unwrap();
}

fn open_on(files: &Arc<MemoryFs>, clock: &ManualClock) -> (Writer, Reader) {
    let clock = Arc::new(clock.clone());
    open(Options { cache_bytes: 0, clock, ..Options::new("/my.db") }, files.clone()).unwrap()
}

struct Misled {
    files: Arc<MemoryFs>,
    clock: ManualClock,
    writer: Writer,
    reader: Reader,
}

/// A database that was opened by a hint file which leads elsewhere for `a`: to what was replaced, or to no record.
fn misled(by_a_record: bool) -> Misled {
    let (files, clock) = (Arc::new(MemoryFs::new()), ManualClock::new(Timestamp(1_000)));
    let (mut writer, reader) = open_on(&files, &clock);
    set(&mut writer, "a", "1");
    set(&mut writer, "a", "2");
    clock.set(Timestamp(2_000));
    set(&mut writer, "b", "3");
    let keydir = &writer.shared().keydir;
    let [a, b] = ["a", "b"].map(|key| keydir.hash(ROOT, key));
    let [of_a, of_b] = [&a, &b].map(|key| keydir.find(key).unwrap());
    let position = if by_a_record { LOG_START } else { of_b.location.position() + 8 };
    let wrong = Entry::new(Location::new(1, position), Sequence(1), 0, of_a.payload_bytes);
    assert!(keydir.put(&a, &Key::from("a"), wrong).is_some());
    drop(reader);
    writer.close().unwrap();
    let (writer, reader) = open_on(&files, &clock);
    assert!(reader.stats().unwrap().recovery.hint.is_some());
    Misled { files, clock, writer, reader }
}

fn compact(writer: &mut Writer, history: History) -> Result<()> {
    let mut compaction = writer.begin_compaction(history)?.unwrap();
    loop {
        match compaction.step()? {
            CompactionStep::Working { .. } => {}
            CompactionStep::Pointless { .. } => return Ok(()),
            CompactionStep::Ready => break,
        }
    }
    let (mut relocation, _) = writer.install_compaction(compaction)?;
    while relocation.step() {}
    writer.finish_relocation(&relocation);
    Ok(())
}

#[test]
fn an_entry_of_a_hint_that_leads_to_a_replaced_version_ends_a_compaction_before_anything_is_changed() {
    let Misled { files, clock, mut writer, reader } = misled(true);
    for history in [History::None, History::For(Duration::from_millis(500))] {
        assert_eq!(reader.get(ROOT, "a").unwrap().unwrap().as_str(), "1");
        let error = compact(&mut writer, history).unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
    }
    assert_eq!(reader.get(ROOT, "a").unwrap().unwrap().as_str(), "1");
    drop((writer, reader));
    // The log has the last word.
    files.remove(Path::new("/my.db.hint")).unwrap();
    let (mut writer, reader) = open_on(&files, &clock);
    compact(&mut writer, History::None).unwrap();
    assert_eq!(reader.get(ROOT, "a").unwrap().unwrap().as_str(), "2");
}

#[test]
fn an_entry_of_a_hint_that_leads_to_no_record_stays_one_that_cannot_be_read() {
    let Misled { mut writer, reader, .. } = misled(false);
    for _ in 0..2 {
        let error = reader.get(ROOT, "a").unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
        assert_eq!(reader.get(ROOT, "b").unwrap().unwrap().as_str(), "3");
        // The base section ends before `b`, so the wrong entry is not known for what it is.
        let _ = compact(&mut writer, History::For(Duration::from_millis(500)));
    }
    assert_eq!(writer.log().header.generation, 2, "it was compacted");
}
