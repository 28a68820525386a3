//! Reads of many documents that nobody waits for any more: they end, and those by other snapshots go on.

use std::ops::Bound;
use std::sync::Arc;

use ferrumdb_engine::fs::SimFs;
use ferrumdb_engine::{Error, FieldPath, FieldScan, KeyBounds, Result, Scan, Snapshot};
use serde_json::json;

use crate::common::{ROOT, appended, open_on};

fn is_cancelled<T>(read: Result<T>) -> bool {
    matches!(read, Err(Error::Cancelled))
}

/// Whether each read that looks at many documents is cancelled.
fn assert_cancelled(snapshot: &Snapshot) {
    let path = FieldPath::parse("n").unwrap();
    let all = (Bound::Unbounded, Bound::Unbounded);
    assert!(is_cancelled(snapshot.find(ROOT, &path, &json!(1))));
    assert!(is_cancelled(snapshot.find_documents(ROOT, &path, &json!(1))));
    assert!(is_cancelled(snapshot.find_range(
        ROOT,
        &path,
        (Bound::Included(&json!(0)), Bound::Unbounded),
        false
    )));
    assert!(is_cancelled(snapshot.get_many(ROOT, &["a"])));
    assert!(is_cancelled(snapshot.count_range(ROOT, &KeyBounds::all())));
    let mut scan = Scan::new(snapshot, ROOT, KeyBounds::all());
    assert!(is_cancelled(scan.next().unwrap()) && scan.next().is_none());
    let mut by_field = FieldScan::new(snapshot, ROOT, path, all).unwrap();
    assert!(is_cancelled(by_field.next().unwrap()) && by_field.next().is_none());
}

#[test]
fn a_cancelled_snapshot_reads_no_more_and_another_of_the_moment_does() {
    let (mut writer, reader) = open_on(&SimFs::new(1)).unwrap();
    appended(&mut writer, &[r#"a={"n":1}"#, r#"b={"n":2}"#]).unwrap();
    let kept = Arc::new(reader.snapshot());
    let cancelled = kept.again();
    cancelled.cancel();
    assert_cancelled(&cancelled);
    let path = FieldPath::parse("n").unwrap();
    assert_eq!(kept.find(ROOT, &path, &json!(1)).unwrap(), ["a"]);
    assert_eq!(kept.count_range(ROOT, &KeyBounds::all()).unwrap(), 2);
    assert!(cancelled.get(ROOT, "a").unwrap().is_some(), "a single read is soon done");
}

#[test]
fn a_snapshot_that_was_taken_again_keeps_what_the_first_one_did() {
    let (mut writer, reader) = open_on(&SimFs::new(1)).unwrap();
    appended(&mut writer, &["a=1"]).unwrap();
    let first = Arc::new(reader.snapshot());
    appended(&mut writer, &["a=2"]).unwrap();
    let again = first.again();
    drop(first);
    appended(&mut writer, &["a=3", "b=1"]).unwrap();
    appended(&mut writer, &["a"]).unwrap();
    assert_eq!(again.get(ROOT, "a").unwrap().unwrap().as_str(), "1");
    assert_eq!(again.count(ROOT), 1);
    assert_eq!(again.keys(ROOT).map(String::from).collect::<Vec<_>>(), ["a"]);
}
