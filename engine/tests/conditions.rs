//! Holds what is promised of conditions: all of a transaction or nothing, decided in the order of the commits. Never looks at bytes.

#![allow(clippy::unwrap_used)] // A test may panic.

use std::sync::Arc;

use ferrumdb_engine::fs::MemoryFs;
use ferrumdb_engine::{
    CollectionId, Condition, Durability, EncodedDocument, Key, Limits, Options, Outcome, Reader, Refused,
    Sequence, Transaction, Writer, open,
};

const ROOT: CollectionId = CollectionId::ROOT;

fn database() -> (Writer, Reader) {
    open(Options::new("/conditions.db"), Arc::new(MemoryFs::new())).unwrap()
}

fn set(key: &str, number: u64, condition: Option<Condition>) -> Transaction {
    let mut transaction = Transaction::new();
    if let Some(condition) = condition {
        transaction.require(ROOT, Key::from(key), condition);
    }
    let document = EncodedDocument::from_serialize(&number, &Limits::default()).unwrap();
    transaction.set(ROOT, Key::from(key), document, None);
    transaction
}

fn commit(writer: &mut Writer, group: &[Transaction]) -> Vec<Outcome> {
    writer.commit(group, Durability::Synced).unwrap()
}

fn sequence(outcome: &Outcome) -> u64 {
    outcome.as_ref().unwrap().sequence.0
}

fn found(outcome: &Outcome) -> Option<u64> {
    outcome.as_ref().unwrap_err().found().map(|Sequence(found)| found)
}

#[test]
fn each_condition_holds_exactly_when_it_says() {
    let (mut writer, reader) = database();
    assert!(commit(&mut writer, &[set("a", 1, Some(Condition::Exists))])[0].is_err());
    assert!(commit(&mut writer, &[set("a", 1, Some(Condition::Version(Sequence(0))))])[0].is_err());
    assert_eq!(sequence(&commit(&mut writer, &[set("a", 1, Some(Condition::Absent))])[0]), 1);
    assert_eq!(found(&commit(&mut writer, &[set("a", 2, Some(Condition::Absent))])[0]), Some(1));
    assert_eq!(sequence(&commit(&mut writer, &[set("a", 2, Some(Condition::Exists))])[0]), 2);
    assert_eq!(
        found(&commit(&mut writer, &[set("a", 3, Some(Condition::Version(Sequence(1))))])[0]),
        Some(2)
    );
    assert_eq!(sequence(&commit(&mut writer, &[set("a", 3, Some(Condition::Version(Sequence(2))))])[0]), 3);
    let document = reader.get(ROOT, "a").unwrap().unwrap();
    assert_eq!((document.as_str(), document.version()), ("3", Sequence(3)));
}

#[test]
fn a_refusal_names_the_key_and_the_version_found_and_changes_nothing() {
    let (mut writer, reader) = database();
    commit(&mut writer, &[set("a", 1, None)]);
    let mut both = set("b", 2, None);
    both.require(ROOT, Key::from("c"), Condition::Absent);
    both.require(ROOT, Key::from("a"), Condition::Version(Sequence(7)));
    both.delete(ROOT, Key::from("a"));
    let outcome = commit(&mut writer, &[both]).remove(0);
    let (key, condition) = (Key::from("a"), Condition::Version(Sequence(7)));
    assert_eq!(
        outcome,
        Err(Refused::Unmet { collection: ROOT.into(), key, condition, found: Some(Sequence(1)) })
    );
    assert!(reader.contains(ROOT, "a") && !reader.contains(ROOT, "b"));
    assert_eq!(reader.sequence(), Sequence(1), "a refusal takes no sequence");
}

#[test]
fn members_of_a_group_see_what_the_members_before_them_did() {
    let (mut writer, reader) = database();
    let mut delete = Transaction::new();
    delete.delete(ROOT, Key::from("a"));
    let group = [
        set("a", 1, Some(Condition::Absent)),
        set("a", 2, Some(Condition::Absent)),
        set("a", 3, Some(Condition::Version(Sequence(1)))),
        set("a", 4, Some(Condition::Version(Sequence(1)))),
        delete.clone(),
        set("a", 5, Some(Condition::Exists)),
        delete,
        set("a", 6, Some(Condition::Absent)),
    ];
    let outcomes = commit(&mut writer, &group);
    let sequences: Vec<_> =
        outcomes.iter().map(|outcome| outcome.as_ref().ok().map(|done| done.sequence.0)).collect();
    assert_eq!(sequences, [Some(1), None, Some(2), None, Some(3), None, Some(3), Some(4)]);
    assert_eq!((found(&outcomes[1]), found(&outcomes[3]), found(&outcomes[5])), (Some(1), Some(2), None));
    let effective = |index: usize| outcomes[index].as_ref().unwrap().effective;
    assert_eq!((effective(4), effective(6), effective(7)), (1, 0, 1));
    assert_eq!(reader.get(ROOT, "a").unwrap().unwrap().as_str(), "6");
}

#[test]
fn the_replaced_document_can_be_read_by_a_snapshot_from_before() {
    let (mut writer, reader) = database();
    let replaced = |outcomes: &[Outcome]| outcomes[0].as_ref().unwrap().replaced;
    assert_eq!(replaced(&commit(&mut writer, &[set("a", 1, None)])), None);
    let snapshot = reader.snapshot();
    let first = replaced(&commit(&mut writer, &[set("a", 2, None)])).unwrap();
    for number in 3..10 {
        commit(&mut writer, &[set("a", number, None)]);
    }
    assert_eq!(snapshot.replaced("a", &first).unwrap().as_str(), "1");
    let mut delete = Transaction::new();
    delete.delete(ROOT, Key::from("a"));
    let last = replaced(&commit(&mut writer, &[delete])).unwrap();
    let document = snapshot.replaced("a", &last).unwrap();
    assert_eq!((document.as_str(), document.version()), ("9", Sequence(9)));
}
