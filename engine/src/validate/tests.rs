//! Owns the tests of what is kept of changes, and for how long. Never opens a database.

#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

use std::ops::Bound;
use std::sync::LazyLock;

use super::*;
use crate::generation::Location;
use crate::keydir::{Entry, Keydir};

const ROOT: CollectionId = CollectionId::ROOT;

/// Lets one commit set a key.
fn commit(recent: &mut RecentChanges, readers: &RangeReaders, number: u64, key: &str) {
    static KEYDIR: LazyLock<Keydir> = LazyLock::new(Keydir::new);
    let (keydir, key) = (&*KEYDIR, Key::from(key));
    let hashed = keydir.hash(ROOT, &key);
    let entry = Entry::new(Location::new(1, 8), Sequence(number), 0, 0);
    recent.begin(readers, Sequence(number));
    let change =
        StagedChange { hashed, key: &key, old: None, entry, expires_at: None, new: None, index_change: None };
    recent.note(&change, 0);
}

/// What is told of a transaction that has read this range of keys as of a commit, after so many.
fn told(recent: &RecentChanges, readers: &RangeReaders, since: u64, newest: u64) -> Option<Changed> {
    let mut reads = RangeReads::new(Sequence(since), readers.enter());
    let bounds = KeyBounds::new(Bound::Included("b"), Bound::Excluded("d"));
    reads.note(RangeRead::Keys { collection: ROOT, bounds, documents: false }, None);
    reads.changed(recent, Sequence(newest), &[], Timestamp(0), &Catalog::default())
}

#[test]
fn without_a_reader_nothing_is_kept_and_nothing_is_claimed() {
    let (mut recent, readers) = (RecentChanges::default(), RangeReaders::default());
    (1..=10).for_each(|number| commit(&mut recent, &readers, number, "c"));
    assert!(recent.changes.is_empty());
    assert_eq!(told(&recent, &readers, 9, 10), Some(Changed::Unknown));
    assert_eq!(told(&recent, &readers, 10, 10), None, "nothing was committed since");
}

#[test]
fn what_is_kept_for_one_reader_stays_for_the_next() {
    let (mut recent, readers) = (RecentChanges::default(), RangeReaders::default());
    let reader = readers.enter();
    commit(&mut recent, &readers, 1, "a");
    drop(reader);
    commit(&mut recent, &readers, 2, "c");
    commit(&mut recent, &readers, 3, "d");
    assert_eq!(
        told(&recent, &readers, 1, 3),
        Some(Changed::Key { collection: ROOT, key: Key::from("c"), sequence: Sequence(2) })
    );
    assert_eq!(told(&recent, &readers, 2, 3), None, "the end of a range is not in it");
    (4..=LINGER + 2).for_each(|number| commit(&mut recent, &readers, number, "c"));
    assert!(recent.changes.is_empty(), "nobody has come back");
    assert_eq!(told(&recent, &readers, LINGER + 1, LINGER + 2), Some(Changed::Unknown));
}

#[test]
fn what_is_kept_is_bounded_and_what_was_dropped_is_not_called_unchanged() {
    let (mut recent, readers) = (RecentChanges::default(), RangeReaders::default());
    let _reader = readers.enter();
    let many = CHANGES_MAX as u64 + 10;
    (1..=many).for_each(|number| commit(&mut recent, &readers, number, "a"));
    assert_eq!(recent.changes.len(), CHANGES_MAX);
    assert_eq!(told(&recent, &readers, 9, many), Some(Changed::Unknown));
    assert_eq!(told(&recent, &readers, 10, many), None);
    let long = "a".repeat(BYTES_MAX / 4);
    (many + 1..=many + 9).for_each(|number| commit(&mut recent, &readers, number, &long));
    assert!(recent.bytes <= BYTES_MAX && recent.changes.len() == 3, "{}", recent.changes.len());
    assert_eq!(recent.bytes, recent.changes.iter().map(RecentChange::bytes).sum::<usize>());
}

#[test]
fn many_ranges_become_their_collections() {
    let readers = RangeReaders::default();
    let mut reads = RangeReads::new(Sequence(0), readers.enter());
    for number in 0..2 * RANGES_MAX {
        let bounds = KeyBounds::new(Bound::Included("b"), Bound::Excluded("d"));
        let collection = CollectionId(number as u32 % 2);
        reads.note(RangeRead::Keys { collection, bounds, documents: false }, Some(Timestamp(9)));
    }
    assert!(reads.ranges.len() <= RANGES_MAX);
    let recent = RecentChanges::default();
    let told = |now| reads.changed(&recent, Sequence(0), &[], Timestamp(now), &Catalog::default());
    assert_eq!((told(8), told(9)), (None, Some(Changed::Expired)));
}
