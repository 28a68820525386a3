//! Records of two writes of one commit: they do not pass for one commit, though everything else about them fits.

#![allow(clippy::unwrap_used)] // A test may panic.

use std::path::Path;

use super::*;
use crate::fs::{FileSystem, MemoryFs, OpenMode, write_all};
use crate::key::{CollectionId, Sequence, Timestamp};
use crate::seal::{EncryptionKey, Keyring};
use crate::verify::judge::{Judge, Note};

/// The bytes of two records, the second with a mark, and the second of another write if `is_mixed`.
fn encoded(sealer: RecordSealer, chain: Chain, is_base: bool, is_mixed: bool) -> Vec<u8> {
    let count = 1_u64.to_le_bytes();
    let record = |kind, key, document| {
        let payload = Payload { collection: CollectionId::ROOT, expires_at: None, key, document };
        NewRecord { kind, has_expired: false, sequence: Sequence(1), previous: 0, payload: Some(payload) }
    };
    let mut writer = RecordWriter::new(Vec::new(), LOG_START, sealer, chain, Timestamp(1), LOG_START);
    let first = record(Kind::Set, "a", b"1");
    if is_base {
        writer.push_to_base(&first, 0);
    } else {
        writer.push(&first);
    }
    writer.write_id ^= u32::from(is_mixed);
    let second = if is_base { record(Kind::BaseEnd, "", &count) } else { record(Kind::Set, "b", b"2") };
    writer.push(&second);
    writer.end_commit();
    writer.finish().1
}

/// Why a walk stops at these records, if it does, and what a judge says of them.
fn walked(is_sealed: bool, is_base: bool, is_mixed: bool) -> (Option<&'static str>, Vec<Note>) {
    let header = Header::new_file(Timestamp(1));
    let keyring = is_sealed.then(|| Keyring::create(&EncryptionKey::from_bytes([7; 32])).unwrap());
    let keys = LogKeys::new(&header, keyring.as_ref());
    let sealer = RecordSealer::new(&header, keyring.as_ref(), 0);
    sealer.with(|sealer| sealer.allow(1 << 20));
    let chain = Chain::start(header.file_id, header.generation);
    let file = MemoryFs::new().open(Path::new("/log"), OpenMode::CreateNew).unwrap();
    write_all(&*file, &encoded(sealer, chain, is_base, is_mixed), LOG_START).unwrap();

    let floor = if is_base { Sequence(1) } else { Sequence::ZERO };
    let place = Place::first(header.file_id, header.generation, floor);
    let mut scanner = Scanner::new(&*file, &keys, place).unwrap();
    let stopped = loop {
        match scanner.next(|_, _, _| {}).unwrap() {
            Step::Base => {}
            Step::Bad(reason) => break Some(reason),
            Step::Commit(_) => break None,
            step @ (Step::End | Step::Tampered(_)) => panic!("{step:?}"),
        }
    };
    let mut survey = Survey::new(Scanner::new(&*file, &keys, place).unwrap());
    let (mut judge, mut notes, mut position) = (Judge::new(floor, Some(chain), 0), Vec::new(), LOG_START);
    loop {
        let judged = |head: &Head, mark: Option<&Mark>, payload: Option<Payload<'_>>| {
            judge.enter(head, &mut |note| notes.push(note));
            judge.leave(position, head, mark, payload.map(|payload| payload.document), &mut |note| {
                notes.push(note)
            });
        };
        match survey.piece(position, judged).unwrap() {
            Piece::Record { end } => position = end,
            _ => return (stopped, notes),
        }
    }
}

#[test]
fn sealed_records_of_another_write_of_a_commit_are_not_a_part_of_it() {
    assert_eq!(walked(true, false, false), (None, vec![Note::Complete(Sequence(1))]));
    assert_eq!(walked(true, false, true), (Some(OTHER_WRITE), vec![Note::Incomplete(Sequence(1))]));
    assert_eq!(walked(true, true, false), (None, vec![Note::Base, Note::Base]));
    assert_eq!(
        walked(true, true, true),
        (Some(OTHER_WRITE), vec![Note::Base, Note::Odd(OTHER_WRITE), Note::Base])
    );
}

#[test]
fn a_plain_record_has_no_write_id() {
    assert_eq!(walked(false, false, false), (None, vec![Note::Complete(Sequence(1))]));
    let (stopped, notes) = walked(false, false, true);
    assert_eq!((stopped, notes), (Some("no record begins here"), Vec::new()), "its second record is none");
}

#[test]
fn each_write_of_a_commit_has_a_number_of_its_own() {
    let header = Header::new_file(Timestamp(1));
    let keyring = Keyring::create(&EncryptionKey::from_bytes([7; 32])).unwrap();
    let sealer = RecordSealer::new(&header, Some(&keyring), 0);
    let ids: std::collections::BTreeSet<u32> = (0..64).map(|_| sealer.new_write_id()).collect();
    assert!(ids.len() > 60, "{ids:?}");
    assert_eq!(RecordSealer::new(&header, None, 0).new_write_id(), 0);
}
