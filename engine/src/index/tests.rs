//! Holds an index against a scan of its documents. Never looks at how an index keeps them.

#![allow(clippy::unwrap_used)] // A test may panic.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::extract::{extract, matches, matches_range};
use super::path::FieldPath;
use super::value::Operand;
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
    assert!(index.find(operand.value()).filter(checked).eq(scanned.map(|(key, _)| key)));

    for bounds in [
        (Bound::Included(value), Bound::Unbounded),
        (Bound::Excluded(value), Bound::Unbounded),
        (Bound::Unbounded, Bound::Excluded(value)),
        (Bound::Unbounded, Bound::Unbounded),
    ] {
        let range = ValueRange::new(bounds.0, bounds.1).unwrap();
        let checked =
            |found: &&Key| range.is_exact() || matches_range(&text(&documents[*found]), path, &range);
        let scanned: BTreeSet<_> = documents
            .iter()
            .filter(|(_, document)| matches_range(&text(document), path, &range))
            .map(|(key, _)| key)
            .collect();
        let forward: Vec<_> = index.find_range(&range).filter(checked).collect();
        let backward: Vec<_> = index.find_range(&range).rev().filter(checked).collect();
        for found in [forward, backward] {
            assert_eq!(found.len(), scanned.len(), "each once");
            assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), scanned);
        }
    }
}

proptest! {
    #[test]
    fn an_index_finds_what_a_scan_finds_however_it_came_to_be(
        first in prop::collection::btree_map((0..120_u8).prop_map(key), any_document(), 0..40),
        changes in prop::collection::vec(((0..120_u8).prop_map(key), prop::option::of(any_document())), 0..40),
        probes in prop::collection::vec(any_value(), 1..5),
    ) {
        let mut documents: Documents = first;
        let mut builder = IndexBuilder::new(definition());
        documents.iter().rev().for_each(|(key, document)| builder.add(key, &values(document)));
        let mut index = builder.finish();
        let (published, before) = (index.clone(), documents.clone());
        for (key, change) in changes {
            match (documents.remove(&key), &change) {
                (Some(old), Some(new)) => index.replace(&key, &values(&old), &values(new)),
                (Some(old), None) => index.remove(&key, &values(&old)),
                (None, Some(new)) => index.insert(&key, &values(new)),
                (None, None) => {}
            }
            documents.extend(change.map(|document| (key, document)));
        }
        for value in &probes {
            assert_finds_like_a_scan(&index, &documents, value);
            assert_finds_like_a_scan(&published, &before, value);
        }
        let mut rebuilt = IndexBuilder::new(definition());
        documents.iter().for_each(|(key, document)| rebuilt.add(key, &values(document)));
        let rebuilt = rebuilt.finish();
        prop_assert!(index.entries.iter().eq(rebuilt.entries.iter()));
        prop_assert_eq!(index.totals, rebuilt.totals);
        prop_assert_eq!(index.approximate_bytes(), rebuilt.approximate_bytes());

        let entries: Vec<_> = index
            .iter()
            .map(|IndexEntry { value, key }| {
                let value = IndexValue::from_stored(value.as_bytes(), !value.is_exact()).unwrap();
                IndexEntry { value, key: key.clone() }
            })
            .collect();
        let Totals { documents: having, multiple, .. } = index.totals;
        prop_assert_eq!(having, documents.values().filter(|held| !values(held).as_slice().is_empty()).count());
        prop_assert_eq!(multiple, documents.values().filter(|held| values(held).as_slice().len() > 1).count());
        let sorted = |entries| Index::from_sorted(definition(), entries, having, multiple);
        let mut wrong = entries.clone();
        if let Some(last) = wrong.last().cloned() {
            wrong.push(last);
            prop_assert!(sorted(wrong).is_none(), "an entry stands there twice");
        }
        let mut wrong = entries.clone();
        wrong.reverse();
        prop_assert_eq!(sorted(wrong).is_none(), entries.len() > 1);
        let loaded = sorted(entries).unwrap();
        prop_assert!(loaded.entries.iter().eq(index.entries.iter()));
        prop_assert_eq!(loaded.totals, index.totals);
        for value in &probes {
            assert_finds_like_a_scan(&loaded, &documents, value);
        }
    }
}

#[test]
fn a_range_tells_entries_by_value_then_key_in_both_directions() {
    let mut index = Index::new(definition());
    for (name, document) in [
        ("d", json!({"a": {"b": 3}})),
        ("c", json!({"a": {"b": 1}})),
        ("b", json!({"a": {"b": 2.5}})),
        ("a", json!({"a": {"b": 3.0}})),
        ("e", json!({"a": {"b": "3"}})),
        ("f", json!({})),
    ] {
        index.insert(&Key::from(name), &values(&document));
    }
    assert!(!index.is_multiple());
    let range = ValueRange::new(Bound::Included(&json!(2)), Bound::Unbounded).unwrap();
    let keys = |found: Vec<&Key>| found.iter().map(|key| key.as_str()).collect::<String>();
    assert_eq!(keys(index.find_range(&range).collect()), "bad");
    assert_eq!(keys(index.find_range(&range).rev().collect()), "dab");
    assert_eq!(index.find(Operand::new(&json!(3)).unwrap().value()).len(), 2);
    assert_eq!(keys(index.find(&IndexValue::NULL).collect()), "f");
}

#[test]
fn a_document_with_several_values_is_told_once() {
    let mut index = Index::new(definition());
    let several = values(&json!({"a": {"b": [5, 1]}}));
    index.insert(&key(1), &several);
    index.insert(&key(2), &values(&json!({"a": {"b": 3}})));
    assert!(index.is_multiple());
    assert_eq!(index.len(), 4, "the list, each of its items, and the number");
    let range = ValueRange::new(Bound::Included(&json!(0)), Bound::Included(&json!(9))).unwrap();
    assert!(index.find_range(&range).eq([&key(1), &key(2)]));
    assert!(index.find_range(&range).rev().eq([&key(1), &key(2)]));
    index.remove(&key(1), &several);
    assert!(!index.is_multiple());
    assert!(index.find_range(&range).eq([&key(2)]));
}

#[test]
fn a_replacement_leaves_the_values_that_stay() {
    let mut index = Index::new(definition());
    let (old, new) = (values(&json!({"a": {"b": ["x", "y"]}})), values(&json!({"a": {"b": ["y", "z"]}})));
    index.insert(&key(1), &old);
    index.replace(&key(1), &old, &new);
    let holds = |value: Value| index.find(Operand::new(&value).unwrap().value()).len() == 1;
    assert!(!holds(json!("x")) && holds(json!("y")) && holds(json!("z")));
    assert!(!holds(json!(["x", "y"])) && holds(json!(["y", "z"])));
}
