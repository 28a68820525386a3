//! Holds what is read from texts against a walk over trees that was written from the rules alone. Never reads a text
//! to say what is right.

#![allow(clippy::unwrap_used)] // A test may panic.

use std::ops::Bound;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::value::tests::compare;
use super::*;
use crate::json;
use crate::options::Limits;

/// What stands at a path of a tree.
fn reach(value: &Value, path: &[&str]) -> Vec<Value> {
    let Some((name, rest)) = path.split_first() else {
        let items = value.as_array().into_iter().flatten();
        return std::iter::once(value).chain(items).cloned().collect();
    };
    match value {
        Value::Object(fields) => fields.get(*name).map_or(vec![Value::Null], |field| reach(field, rest)),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .flat_map(|(number, item)| {
                let mut found = if item.is_object() { reach(item, path) } else { Vec::new() };
                let goes_on = rest.is_empty() || item.is_object() || item.is_array();
                if *name == number.to_string() && goes_on {
                    found.extend(reach(item, rest));
                }
                found
            })
            .collect(),
        _ => vec![Value::Null],
    }
}

fn text(value: &Value) -> Box<str> {
    json::from_serialize(value, &Limits::default()).unwrap()
}

fn path(segments: &[&str]) -> FieldPath {
    FieldPath::from_segments(segments.iter().copied()).unwrap()
}

fn key(value: &Value) -> IndexValue {
    Operand::new(value).unwrap().value().clone()
}

const NAMES: [&str; 7] = ["a", "b", "0", "1", "01", "a.b", "é\n\"😀\u{1}"];

fn any_document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        (0..3_u8).prop_map(Value::from),
        Just(json!(true)),
        prop::sample::select(vec!["", "s", "\u{0}\"", "long enough to need memory"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((prop::sample::select(&NAMES[..]), inner), 0..4).prop_map(|fields| {
                Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
            }),
        ]
    })
}

fn any_path() -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(prop::sample::select(&NAMES[..]), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn what_is_extracted_from_a_text_stands_in_its_tree(document in any_document(), segments in any_path()) {
        let mut expected: Vec<_> = reach(&document, &segments).iter().map(key).collect();
        expected.sort();
        expected.dedup();
        let extracted = extract(&text(&document), &path(&segments));
        prop_assert_eq!(extracted.as_slice(), &expected[..]);
        prop_assert_eq!(matches!(extracted, Extracted::One(_)), expected.len() == 1);
    }

    #[test]
    fn several_paths_share_a_walk(document in any_document(), all in prop::collection::vec(any_path(), 0..4)) {
        let paths: Vec<_> = all.iter().map(|segments| path(segments)).collect();
        let text = text(&document);
        let each: Vec<_> = paths.iter().map(|path| extract(&text, path)).collect();
        prop_assert_eq!(extract_all(&text, paths.iter()).into_vec(), each);
    }

    #[test]
    fn a_document_matches_by_what_stands_in_its_tree(
        document in any_document(),
        segments in any_path(),
        value in any_document(),
    ) {
        let found = reach(&document, &segments);
        for value in found.iter().chain([&value]) {
            let equal = found.iter().any(|other| compare(other, value).is_eq());
            prop_assert_eq!(matches(&text(&document), &path(&segments), &Operand::new(value).unwrap()), equal);
            let range = ValueRange::new(Bound::Excluded(value), Bound::Unbounded).unwrap();
            let above = |other: &Value| key(other).class() == key(value).class() && compare(other, value).is_gt();
            let expected = found.iter().any(above);
            prop_assert_eq!(matches_range(&text(&document), &path(&segments), &range), expected);
        }
    }
}

/// Whether `{path: value}` matches, asked of the scan and of what an index keeps: they must say the same.
fn equals(document: Value, dotted: &str, value: Value) -> bool {
    let (text, path) = (text(&document), FieldPath::parse(dotted).unwrap());
    let scanned = matches(&text, &path, &Operand::new(&value).unwrap());
    assert_eq!(
        extract(&text, &path).as_slice().contains(&key(&value)),
        scanned,
        "{document} {dotted} {value}"
    );
    scanned
}

fn greater(document: Value, value: Value) -> bool {
    let range = ValueRange::new(Bound::Excluded(&value), Bound::Unbounded).unwrap();
    matches_range(&text(&document), &path(&["a"]), &range)
}

#[test]
fn null_matches_what_is_null_or_missing() {
    assert!(equals(json!({}), "a", json!(null)));
    assert!(equals(json!({"a": null}), "a", json!(null)));
    assert!(equals(json!({"a": [1, null]}), "a", json!(null)));
    assert!(!equals(json!({"a": 0}), "a", json!(null)));
    assert!(!equals(json!({"a": []}), "a", json!(null)));
    assert!(!equals(json!({"a": false}), "a", json!(null)));
}

#[test]
fn null_below_a_field_matches_by_the_dotted_rule() {
    let matching = [
        json!({}),
        json!({"a": 4}),
        json!({"a": null}),
        json!({"a": "s"}),
        json!({"a": {}}),
        json!({"a": {"b": null}}),
        json!({"a": {"c": 1}}),
        json!({"a": [{"b": 3}, {}]}),
        json!({"a": [{"b": null}]}),
        json!({"a": [{}, 5]}),
        json!({"a": {"b": [1, null]}}),
    ];
    for document in matching {
        assert!(equals(document.clone(), "a.b", json!(null)), "{document}");
    }
    let others = [
        json!({"a": []}),
        json!({"a": [1, "s"]}),
        json!({"a": [[]]}),
        json!({"a": [null]}),
        json!({"a": [[{}]]}),
        json!({"a": [{"b": 3}]}),
        json!({"a": {"b": 0}}),
        json!({"a": {"b": []}}),
        json!({"a": {"b": {}}}),
    ];
    for document in others {
        assert!(!equals(document.clone(), "a.b", json!(null)), "{document}");
    }
}

#[test]
fn a_value_or_one_of_its_items_matches_but_nothing_deeper() {
    assert!(equals(json!({"a": [1, 9]}), "a", json!(9)));
    assert!(equals(json!({"a": [1, 9]}), "a", json!([1, 9])));
    assert!(equals(json!({"a": [[1, 9]]}), "a", json!([1, 9])));
    assert!(equals(json!({"a": [1, 1.0, 1]}), "a", json!(1)));
    assert!(!equals(json!({"a": [[1, 9]]}), "a", json!(9)));
    assert!(!equals(json!({"a": [1, 9]}), "a", json!(true)));
    assert!(!equals(json!({"a": [1, 9]}), "a", json!([9, 1])));
    assert!(!equals(json!({"a": [1, 9]}), "a", json!("1")));
    assert!(equals(json!({"a": {"x": 1, "y": 2}}), "a", json!({"y": 2.0, "x": 1})));
    assert!(!equals(json!({"a": {"x": 1, "y": 2}}), "a", json!({"x": 1})));
}

#[test]
fn a_range_matches_values_of_its_own_kind_only() {
    assert!(greater(json!({"a": [1, 9]}), json!(4)));
    assert!(!greater(json!({"a": [[1, 9]]}), json!(4)));
    assert!(!greater(json!({"a": "5"}), json!(4)));
    assert!(!greater(json!({"a": null}), json!(null)));
    assert!(greater(json!({"a": [1, 9]}), json!([1, 2])));
    assert!(greater(json!({"a": [5]}), json!([1, 2])));
    assert!(greater(json!({"a": true}), json!(false)));
    let null = json!(null);
    for bounds in [(Bound::Included(&null), Bound::Unbounded), (Bound::Unbounded, Bound::Included(&null))] {
        let range = ValueRange::new(bounds.0, bounds.1).unwrap();
        assert!(matches_range("{}", &path(&["a"]), &range));
        assert!(matches_range(r#"{"a":null}"#, &path(&["a"]), &range));
        assert!(!matches_range(r#"{"a":0}"#, &path(&["a"]), &range));
        assert!(!matches_range(r#"{"a":[]}"#, &path(&["a"]), &range));
    }
    let crossed = ValueRange::new(Bound::Included(&json!(1)), Bound::Included(&json!("z"))).unwrap();
    assert!(!matches_range(r#"{"a":[1,"a"]}"#, &path(&["a"]), &crossed));
}

#[test]
fn a_path_crosses_arrays_of_objects_and_takes_numbers_as_indexes_or_keys() {
    let orders = json!({"orders": [{"items": [{"sku": "x"}, {"sku": "y"}]}, {"items": [{"sku": "z"}]}]});
    for sku in ["x", "y", "z"] {
        assert!(equals(orders.clone(), "orders.items.sku", json!(sku)));
    }
    assert!(equals(orders.clone(), "orders.1.items.0.sku", json!("z")));
    assert!(!equals(orders.clone(), "orders.0.items.sku", json!("z")));
    assert!(!equals(orders, "orders.01.items.sku", json!("z")));
    assert!(equals(json!({"a": {"0": 5}}), "a.0", json!(5)));
    assert!(equals(json!({"a": [5]}), "a.0", json!(5)));
    assert!(equals(json!({"a": [{"0": 5}]}), "a.0", json!(5)));
    assert!(equals(json!({"a": [[5, 6]]}), "a.0.1", json!(6)));
    assert!(!equals(json!({"a": [[{"b": 1}]]}), "a.b", json!(1)));
    assert!(equals(json!({"a": [[{"b": 1}]]}), "a.0.b", json!(1)));
}

#[test]
fn any_name_is_reached_by_its_segment() {
    for name in ["", "a.b", "\"", "\\", "\n", "\u{0}", "\u{7f}", "é", "😀", "/", "$x"] {
        let mut fields = serde_json::Map::new();
        fields.insert("other".to_owned(), json!(["\"}", {"x": "]"}]));
        fields.insert(name.to_owned(), json!("here"));
        let document = text(&Value::Object(fields));
        assert_eq!(extract(&document, &path(&[name])), Extracted::One(key(&json!("here"))), "{name:?}");
    }
}

#[test]
fn a_document_that_is_no_object_is_walked_like_any_value() {
    assert_eq!(extract("5", &path(&["a"])).as_slice(), [IndexValue::NULL]);
    assert_eq!(extract("[]", &path(&["a"])).as_slice(), []);
    assert_eq!(extract(r#"[{"a":1},{"a":2}]"#, &path(&["a"])).as_slice(), [key(&json!(1)), key(&json!(2))]);
}

#[test]
fn values_that_differ_beyond_the_cut_are_told_apart_by_the_check() {
    let long = |end: &str| json!({"a": format!("{}{end}", "x".repeat(2000))});
    let operand = Operand::new(&long("1")["a"]).unwrap();
    assert!(!operand.is_exact());
    assert_eq!(extract(&text(&long("2")), &path(&["a"])), Extracted::One(operand.value().clone()));
    assert!(matches(&text(&long("1")), &path(&["a"]), &operand));
    assert!(!matches(&text(&long("2")), &path(&["a"]), &operand));
    assert!(!matches(&text(&long("")), &path(&["a"]), &operand));
    assert!(!matches(&text(&long("11")), &path(&["a"]), &operand));
}

#[test]
fn a_text_that_is_no_document_has_some_values_and_no_panic() {
    let texts = [
        "",
        "{",
        "[",
        "\"",
        "\"\\",
        "\"\\é",
        "[}",
        "{]",
        "{é",
        "[,",
        "[1",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":}",
        "{\"n\":[",
        "}",
        "]",
        ":",
        "{\"n\":tru",
        "{\"n\":-}",
        "{\"n\":\"\\q\"}",
        "[{\"n\":}é",
        "\u{fe}",
        "{\"n\":[[[{{{\"",
        "{\"n\"é:1}",
        "[\"é\\",
    ];
    let path = FieldPath::parse("n").unwrap();
    for text in texts {
        for end in (0..=text.len()).filter(|end| text.is_char_boundary(*end)) {
            let _ = extract(&text[..end], &path);
            let _ = extract_all(&text[..end], [&path, &path].into_iter());
        }
    }
}
