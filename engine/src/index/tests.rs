//! Holds an index against a scan of its documents. Never looks at how an index keeps them.

#![allow(clippy::unwrap_used)] // A test may panic.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::extract::{extract, matches, matches_range};
use super::path::FieldPath;
use super::value::Operand;
use super::working::Working;
use super::*;
use crate::json;
use crate::options::Limits;

fn definition() -> Arc<IndexDefinition> {
    Arc::new(IndexDefinition { path: FieldPath::parse("a.b").unwrap() })
}

fn values(document: &Value) -> Extracted {
    extract(&text(document), &definition().path)
}

fn text(document: &Value) -> Box<str> {
    json::from_serialize(document, &Limits::default()).unwrap()
}

fn key(number: u8) -> Key {
    // Some keys need memory of their own.
    Key::from(format!("{}{number:03}", "k".repeat(usize::from(number) / 4)))
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        (0..4_u8).prop_map(Value::from),
        prop::sample::select(vec!["", "x", "y"]).prop_map(Value::from),
        (1020..1030_usize, 0..3_u8).prop_map(|(len, end)| Value::from(format!("{}{end}", "z".repeat(len)))),
        prop::sample::select(vec![json!(null), json!(true), json!({"c": 1})]),
    ];
    prop_oneof![leaf.clone(), prop::collection::vec(leaf, 0..4).prop_map(Value::from)]
}

fn any_document() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => any_value().prop_map(|value| json!({"a": {"b": value}})),
        1 => any_value().prop_map(|value| json!({"a": value})),
        2 => prop::collection::vec(any_value(), 0..3)
            .prop_map(|values| json!({"a": values.iter().map(|value| json!({"b": value})).collect::<Vec<_>>()})),
    ]
}

type Documents = BTreeMap<Key, Value>;

fn assert_finds_like_a_scan(index: &Index, documents: &Documents, value: &Value) {
    let path = &index.definition().path;
    let operand = Operand::new(value).unwrap();
    let checked = |found: &&Key| operand.is_exact() || matches(&text(&documents[*found]), path, &operand);
    let scanned = documents.iter().filter(|(_, document)| matches(&text(document), path, &operand));
    assert!(index.find(operand.value()).iter().filter(checked).eq(scanned.map(|(key, _)| key)));

    for bounds in [
        (Bound::Included(value), Bound::Unbounded),
        (Bound::Excluded(value), Bound::Unbounded),
        (Bound::Unbounded, Bound::Excluded(value)),
        (Bound::Unbounded, Bound::Unbounded),
    ] {
        let range = ValueRange::new(bounds.0, bounds.1).unwrap();
        let checked = |found: &Key| range.is_exact() || matches_range(&text(&documents[found]), path, &range);
        let scanned: BTreeSet<_> = documents
            .iter()
            .filter(|(_, document)| matches_range(&text(document), path, &range))
            .map(|(key, _)| key.clone())
            .collect();
        for reverse in [false, true] {
            let mut found = index.find_range(&range, reverse);
            found.retain(checked);
            assert_eq!(found.len(), scanned.len(), "each once");
            assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), scanned);
        }
    }
}

type Changes = Vec<(Key, Option<Value>, bool)>;

fn changes(most: usize) -> impl Strategy<Value = Changes> {
    let change = ((0..120_u8).prop_map(key), prop::option::of(any_document()), prop::bool::weighted(0.1));
    prop::collection::vec(change, 0..most)
}

fn change_one(
    index: &mut Index,
    working: &mut Working,
    documents: &mut Documents,
    key: Key,
    change: Option<Value>,
) {
    let old = documents.remove(&key).map_or(Extracted::NONE, |old| values(&old));
    let new = change.as_ref().map_or(Extracted::NONE, values);
    index.replace(working, &key, &old, &new);
    documents.extend(change.map(|document| (key, document)));
}

fn entries(index: &Index) -> Vec<IndexEntry> {
    let mut entries = Vec::new();
    let collected: Result<(), ()> = index.each(|entry| {
        entries.push(entry);
        Ok(())
    });
    collected.unwrap();
    entries
}

proptest! {
    #[test]
    fn an_index_finds_what_a_scan_finds_however_it_came_to_be(
        first in prop::collection::btree_map((0..120_u8).prop_map(key), any_document(), 0..40),
        changes in changes(40),
        probes in prop::collection::vec(any_value(), 1..5),
    ) {
        let mut documents: Documents = first;
        let mut builder = IndexBuilder::new(definition());
        documents.iter().rev().for_each(|(key, document)| builder.add(key, &values(document)));
        let mut index = builder.finish();
        let mut working = Working::of(&index);
        let mut published = vec![(index.clone(), documents.clone())];
        for (key, change, is_published) in changes {
            change_one(&mut index, &mut working, &mut documents, key, change);
            if is_published {
                published.push((index.clone(), documents.clone()));
            }
        }
        published.push((index.clone(), documents.clone()));
        for value in &probes {
            for (index, documents) in &published {
                assert_finds_like_a_scan(index, documents, value);
            }
        }
        let mut rebuilt = IndexBuilder::new(definition());
        documents.iter().for_each(|(key, document)| rebuilt.add(key, &values(document)));
        let rebuilt = rebuilt.finish();
        prop_assert_eq!(entries(&index), entries(&rebuilt));
        prop_assert_eq!(index.totals, rebuilt.totals);
        prop_assert_eq!(index.approximate_bytes(), rebuilt.approximate_bytes());

        let entries = entries(&index);
        prop_assert!(entries.is_sorted_by(|left, right| left < right));
        let Totals { documents: having, multiple, .. } = index.totals;
        prop_assert_eq!(having, documents.values().filter(|held| !values(held).as_slice().is_empty()).count());
        prop_assert_eq!(multiple, documents.values().filter(|held| values(held).as_slice().len() > 1).count());
        let sorted = |entries: &[_]| Index::from_sorted(definition(), entries, having, multiple);
        let mut wrong = entries.clone();
        if let Some(last) = wrong.last().cloned() {
            wrong.push(last);
            prop_assert!(sorted(&wrong).is_none(), "an entry stands there twice");
        }
        let mut wrong = entries.clone();
        wrong.reverse();
        prop_assert_eq!(sorted(&wrong).is_none(), entries.len() > 1);
        let loaded = sorted(&entries).unwrap();
        prop_assert_eq!(self::entries(&loaded), entries);
        prop_assert_eq!(loaded.totals, index.totals);
        for value in &probes {
            assert_finds_like_a_scan(&loaded, &documents, value);
        }
    }
}

/// An index of documents, each added on its own.
fn index_of(documents: impl IntoIterator<Item = (Key, Value)>) -> (Index, Working) {
    let mut index = Index::new(definition());
    let mut working = Working::of(&index);
    for (key, document) in documents {
        index.insert(&mut working, &key, &values(&document));
    }
    (index, working)
}

#[test]
fn a_range_tells_entries_by_value_then_key_in_both_directions() {
    let documents = [
        ("d", json!({"a": {"b": 3}})),
        ("c", json!({"a": {"b": 1}})),
        ("b", json!({"a": {"b": 2.5}})),
        ("a", json!({"a": {"b": 3.0}})),
        ("e", json!({"a": {"b": "3"}})),
        ("f", json!({})),
    ];
    let (index, mut working) = index_of(documents.map(|(key, document)| (Key::from(key), document)));
    assert!(!index.is_multiple());
    index.keep_up(&mut working);
    let merged = Index { base: working.tree.clone(), recent: Recent::default(), ..index.clone() };
    let range = ValueRange::new(Bound::Included(&json!(2)), Bound::Unbounded).unwrap();
    let keys = |found: Vec<Key>| found.iter().map(Key::as_str).collect::<String>();
    for index in [index, merged] {
        assert_eq!(keys(index.find_range(&range, false)), "bad");
        assert_eq!(keys(index.find_range(&range, true)), "dab");
        assert_eq!(keys(index.find(Operand::new(&json!(3)).unwrap().value())), "ad");
        assert_eq!(keys(index.find(&IndexValue::NULL)), "f");
    }
}

#[test]
fn a_document_with_several_values_is_told_once() {
    let several = json!({"a": {"b": [5, 1]}});
    let (mut index, mut working) = index_of([(key(1), several.clone()), (key(2), json!({"a": {"b": 3}}))]);
    assert!(index.is_multiple());
    assert_eq!(index.len(), 4, "the list, each of its items, and the number");
    let range = ValueRange::new(Bound::Included(&json!(0)), Bound::Included(&json!(9))).unwrap();
    assert_eq!(index.find_range(&range, false), [key(1), key(2)]);
    assert_eq!(index.find_range(&range, true), [key(1), key(2)]);
    index.replace(&mut working, &key(1), &values(&several), &Extracted::NONE);
    assert!(!index.is_multiple());
    assert_eq!(index.find_range(&range, false), [key(2)]);
}

#[test]
fn a_replacement_leaves_the_values_that_stay() {
    let (old, new) = (json!({"a": {"b": ["x", "y"]}}), json!({"a": {"b": ["y", "z"]}}));
    let (mut index, mut working) = index_of([(key(1), old.clone())]);
    index.replace(&mut working, &key(1), &values(&old), &values(&new));
    let holds = |value: Value| index.find(Operand::new(&value).unwrap().value()).len() == 1;
    assert!(!holds(json!("x")) && holds(json!("y")) && holds(json!("z")));
    assert!(!holds(json!(["x", "y"])) && holds(json!(["y", "z"])));
}

fn numbered(number: u64) -> Value {
    json!({"a": {"b": number % 7}})
}

#[test]
fn a_published_index_stays_as_it_is_while_its_tree_is_published_again_and_again() {
    let documents = (0..120).map(|number| (key(number), numbered(number.into())));
    let (mut index, mut working) = index_of(documents);
    let find = |index: &Index, value: u64| index.find(Operand::new(&json!(value)).unwrap().value());
    let before = index.clone();
    let found: Vec<_> = (0..7).map(|value| find(&index, value)).collect();
    let mut trees = 0;
    let mut held: Vec<u64> = (0..120).collect();
    for round in 0..300 {
        let recent = index.recent.iter().count();
        let (slot, old) = (round % 120, held[round % 120]);
        held[slot] += 1;
        index.replace(&mut working, &key(slot as u8), &values(&numbered(old)), &values(&numbered(old + 1)));
        trees += usize::from(index.recent.iter().count() < recent);
    }
    assert!(trees >= 2, "the tree was published {trees} times");
    assert!((0..7).map(|value| find(&before, value)).eq(found));
    let fresh = Working::of(&index);
    index.keep_up(&mut working);
    assert!(fresh.tree.iter().eq(working.tree.iter()) && fresh.tree.len() == index.len());
}

#[test]
fn two_clones_may_change_in_different_ways() {
    let (index, _) = index_of([(key(1), numbered(1))]);
    let mut clones = [index.clone(), index.clone()];
    for (number, clone) in (2..).zip(&mut clones) {
        let mut working = Working::of(&index);
        clone.insert(&mut working, &key(number), &values(&numbered(1)));
    }
    let one = Operand::new(&json!(1)).unwrap();
    assert_eq!(index.find(one.value()), [key(1)]);
    assert_eq!(clones[0].find(one.value()), [key(1), key(2)]);
    assert_eq!(clones[1].find(one.value()), [key(1), key(3)]);
}

#[test]
fn a_document_that_cannot_be_read_is_taken_out_by_its_key() {
    let (mut index, mut working) =
        index_of([(key(1), json!({"a": {"b": [5, 1]}})), (key(2), numbered(1)), (key(3), numbered(5))]);
    index.forget(&mut working, &key(1));
    assert_eq!((index.documents(), index.is_multiple(), index.len()), (2, false, 2));
    assert_eq!(entries(&index).iter().map(|entry| entry.key.clone()).collect::<Vec<_>>(), [key(2), key(3)]);
}
