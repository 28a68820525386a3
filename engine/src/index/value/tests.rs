//! Holds the order of index values against a comparison of trees that was written from the rules alone. Never uses a
//! key to say what is right.

#![allow(clippy::unwrap_used)] // A test may panic.

use proptest::prelude::*;
use serde_json::{Map, Number, json};

use super::*;

/// The order of two values, by the rules: kinds, then exact numbers, bytes, items, sorted pairs.
pub(in crate::index) fn compare(left: &Value, right: &Value) -> Ordering {
    let kind = |value: &Value| match value {
        Value::Null => 0,
        Value::Number(_) => 1,
        Value::String(_) => 2,
        Value::Object(_) => 3,
        Value::Array(_) => 4,
        Value::Bool(false) => 5,
        Value::Bool(true) => 6,
    };
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => compare_numbers(left, right),
        (Value::String(left), Value::String(right)) => left.chars().cmp(right.chars()),
        (Value::Array(left), Value::Array(right)) => compare_lists(left, right, compare),
        (Value::Object(left), Value::Object(right)) => {
            compare_lists(&sorted(left), &sorted(right), |(a, x), (b, y)| {
                a.chars().cmp(b.chars()).then(compare(x, y))
            })
        }
        _ => kind(left).cmp(&kind(right)),
    }
}

fn compare_lists<T>(left: &[T], right: &[T], compare: impl Fn(&T, &T) -> Ordering) -> Ordering {
    let different = left.iter().zip(right).map(|(x, y)| compare(x, y)).find(|order| order.is_ne());
    different.unwrap_or(left.len().cmp(&right.len()))
}

fn sorted(fields: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut pairs: Vec<_> = fields.iter().collect();
    pairs.sort_by_key(|(key, _)| *key);
    pairs
}

fn compare_numbers(left: &Number, right: &Number) -> Ordering {
    let integer = |number: &Number| number.as_u64().map(i128::from).or(number.as_i64().map(i128::from));
    match (integer(left), integer(right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        (None, None) => left.as_f64().unwrap().partial_cmp(&right.as_f64().unwrap()).unwrap(),
        (Some(left), None) => compare_exactly(left, right.as_f64().unwrap()),
        (None, Some(right)) => compare_exactly(right, left.as_f64().unwrap()).reverse(),
    }
}

fn compare_exactly(integer: i128, float: f64) -> Ordering {
    if float.abs() >= 1e30 {
        return if float > 0.0 { Ordering::Less } else { Ordering::Greater };
    }
    integer.cmp(&(float.floor() as i128)).then(if float == float.floor() {
        Ordering::Equal
    } else {
        Ordering::Less
    })
}

fn key(value: &Value) -> IndexValue {
    Operand::new(value).unwrap().value
}

fn any_number() -> impl Strategy<Value = Value> {
    let edges = prop::sample::select(vec![0_i128, 1 << 10, 1 << 53, 1 << 54, 1 << 62, 1 << 63, 1 << 64]);
    let near =
        (edges, -5000..5000_i128, any::<bool>(), any::<bool>()).prop_map(|(edge, by, negative, float)| {
            let number = (edge + by) * if negative { -1 } else { 1 };
            match (float, u64::try_from(number), i64::try_from(number)) {
                (false, Ok(number), _) => json!(number),
                (false, _, Ok(number)) => json!(number),
                _ => json!(number as f64),
            }
        });
    let finite = any::<f64>().prop_filter("finite", |number| number.is_finite());
    prop_oneof![
        near,
        finite.prop_map(Value::from),
        (-3..3_i32).prop_map(|halves| json!(f64::from(halves) / 2.0)),
        (-3..3_i64).prop_map(Value::from),
        Just(json!(-0.0)),
        Just(json!(5e-324)),
    ]
}

fn any_string() -> impl Strategy<Value = String> {
    prop_oneof!["[ab\\x00\\x01\\x02é\u{ffff}😀]{0,4}", "[a\\x00\\x01\"\\\\]{18,26}", any::<String>()]
}

/// Any value; small and alike ones are frequent.
pub(in crate::index) fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any_number(),
        any_string().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((any_string(), inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Values whose keys are cut, or nearly: they share beginnings of about that length.
fn long_value() -> impl Strategy<Value = Value> {
    let long = (VALUE_BYTES_MAX - 12..VALUE_BYTES_MAX + 4, any_string())
        .prop_map(|(len, end)| Value::from(format!("{}{end}", "x".repeat(len))));
    let part = prop_oneof![long, any_value()];
    prop_oneof![
        part.clone(),
        prop::collection::vec(part.clone(), 0..3).prop_map(Value::from),
        prop::collection::vec((prop_oneof![any_string(), Just("y".repeat(VALUE_BYTES_MAX))], part), 0..4)
            .prop_map(|fields| Value::Object(fields.into_iter().collect())),
    ]
}

fn order_in_text(operand: &Operand, value: &Value) -> Ordering {
    let text = json::from_serialize(value, &Limits::default()).unwrap();
    operand.order_of(Cursor::new(&text, 0))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn keys_lie_as_their_values_do_and_are_equal_only_for_equal_values(left in any_value(), right in any_value()) {
        let (left_key, right_key) = (key(&left), key(&right));
        prop_assume!(left_key.is_exact() && right_key.is_exact());
        prop_assert_eq!(left_key.cmp(&right_key), compare(&left, &right));
        prop_assert_eq!(left_key == right_key, compare(&left, &right).is_eq());
        prop_assert_eq!(left_key.as_bytes().cmp(right_key.as_bytes()), compare(&left, &right));
    }

    #[test]
    fn numbers_lie_exactly(left in any_number(), right in any_number()) {
        prop_assert_eq!(key(&left).cmp(&key(&right)), compare(&left, &right));
    }

    #[test]
    fn a_key_that_was_cut_is_loose_but_never_wrong(left in long_value(), right in long_value()) {
        let (left_key, right_key) = (key(&left), key(&right));
        let order = compare(&left, &right);
        let told = left_key.cmp(&right_key);
        if told.is_eq() && order.is_ne() {
            prop_assert!(!left_key.is_exact() && !right_key.is_exact());
        } else {
            prop_assert_eq!(told, order);
        }
        prop_assert_eq!(order_in_text(&Operand::new(&right).unwrap(), &left), order);
    }

    #[test]
    fn a_range_keeps_every_key_that_may_match(value in long_value(), start in long_value(), end in long_value()) {
        for (from, to) in [
            (Bound::Included(&start), Bound::Excluded(&end)),
            (Bound::Excluded(&start), Bound::Included(&end)),
            (Bound::Excluded(&start), Bound::Unbounded),
            (Bound::Unbounded, Bound::Included(&start)),
        ] {
            let range = ValueRange::new(from, to).unwrap();
            let same_kind = |bound: &Value| key(bound).class() == key(&value).class();
            let after = match from {
                Bound::Included(bound) => same_kind(bound) && compare(&value, bound).is_ge(),
                Bound::Excluded(bound) => same_kind(bound) && compare(&value, bound).is_gt(),
                Bound::Unbounded => true,
            };
            let before = match to {
                Bound::Included(bound) => same_kind(bound) && compare(&value, bound).is_le(),
                Bound::Excluded(bound) => same_kind(bound) && compare(&value, bound).is_lt(),
                Bound::Unbounded => true,
            };
            let text = json::from_serialize(&value, &Limits::default()).unwrap();
            prop_assert_eq!(range.contains(&Cursor::new(&text, 0)), after && before);
            let kept = !range.is_before_start(&key(&value)) && range.is_before_end(&key(&value));
            prop_assert!(kept || !(after && before), "the index may keep too much, never too little");
            prop_assert!(!range.is_exact() || kept == (after && before));
        }
    }
}

#[test]
fn the_order_of_all_kinds_is_this() {
    let ascending = [
        "null",
        "-1.7976931348623157e308",
        "-18446744073709551616.0",
        "-9223372036854775808",
        "-9007199254740993",
        "-9007199254740992.0",
        "-2",
        "-1.5",
        "-1",
        "-5e-324",
        "0",
        "5e-324",
        "0.5",
        "1",
        "1.5",
        "2",
        "9007199254740992.0",
        "9007199254740993",
        "9007199254740994",
        "9223372036854775807",
        "9223372036854775808.0",
        "9223372036854775809",
        "18446744073709551615",
        "18446744073709551616.0",
        "1e308",
        r#""""#,
        r#""\u0000""#,
        r#""\u0000\u0000""#,
        r#""\u0001""#,
        r#""\u0002""#,
        r#""A""#,
        r#""a""#,
        r#""a\u0000""#,
        r#""a\u0001""#,
        r#""ab""#,
        r#""b""#,
        r#""é""#,
        "\"\u{ffff}\"",
        r#""😀""#,
        "{}",
        r#"{"":null}"#,
        r#"{"":0,"a":0}"#,
        r#"{"a":null}"#,
        r#"{"a":1}"#,
        r#"{"b":9,"a":1}"#,
        r#"{"a":1,"c":0}"#,
        r#"{"a":2}"#,
        r#"{"a":"x"}"#,
        r#"{"a\u0000":0}"#,
        r#"{"b":null}"#,
        "[]",
        "[null]",
        "[null,null]",
        "[0]",
        "[0,9]",
        "[1]",
        r#"["a"]"#,
        r#"["a","b"]"#,
        r#"["a\u0000"]"#,
        r#"["ab"]"#,
        "[{}]",
        "[[]]",
        "[[],0]",
        "[[0]]",
        "[false]",
        "[true]",
        "false",
        "true",
    ];
    let keys = ascending.map(|text| IndexValue::read(&mut Cursor::new(text, 0)));
    for (number, pair) in keys.windows(2).enumerate() {
        assert!(pair[0] < pair[1], "{} lies before {}", ascending[number], ascending[number + 1]);
    }
    assert!(keys.is_sorted_by_key(IndexValue::class));
}

#[test]
fn values_that_are_equal_have_one_key() {
    for (left, right) in [
        ("1", "1.0"),
        ("1", "1e0"),
        ("100", "1E+2"),
        ("0", "-0"),
        ("0", "-0.0"),
        ("9007199254740992", "9007199254740992.0"),
        ("18446744073709549568", "18446744073709549568.0"),
        (r#"{"a":1,"b":[2.0]}"#, r#"{"b":[2],"a":1.0}"#),
    ] {
        let key = |text| IndexValue::read(&mut Cursor::new(text, 0));
        assert_eq!(key(left), key(right), "{left} = {right}");
    }
}

#[test]
fn keys_are_spelled_like_this() {
    let bytes = |value: Value| key(&value).as_bytes().to_vec();
    assert_eq!(bytes(json!(null)), [0x10]);
    assert_eq!(bytes(json!(1)), [0x20, 0xBF, 0xF0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(bytes(json!(-1)), [0x20, 0x40, 0x0F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0]);
    assert_eq!(bytes(json!((1_u64 << 53) + 1)), [0x20, 0xC3, 0x40, 0, 0, 0, 0, 0, 0, 0, 1]);
    assert_eq!(bytes(json!("a\u{0}\u{1}\u{2}")), [0x30, b'a', 1, 1, 1, 2, 2]);
    assert_eq!(bytes(json!(["a", false])), [0x50, 0x30, b'a', 0, 0x60, 0]);
    assert_eq!(bytes(json!({"b": true, "": []})), [0x40, 1, 0, 0x50, 0, 1, b'b', 0, 0x61, 0]);
}

#[test]
fn short_keys_need_no_memory_of_their_own_and_long_ones_are_cut() {
    let text = |len: usize| key(&Value::from("s".repeat(len)));
    assert!(text(VALUE_BYTES_MAX - 1).is_exact());
    assert!(!text(VALUE_BYTES_MAX).is_exact());
    assert_eq!(text(100_000).as_bytes().len(), VALUE_BYTES_MAX);
    assert_eq!(text(100_000), text(VALUE_BYTES_MAX));
    assert!(text(VALUE_BYTES_MAX) > text(VALUE_BYTES_MAX - 1));
    let wide = Value::Array((0..100_000).map(Value::from).collect());
    assert_eq!(key(&wide).as_bytes().len(), VALUE_BYTES_MAX);
}

#[test]
fn a_value_too_deep_for_any_document_is_refused() {
    let deep = (0..300).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
    assert!(matches!(Operand::new(&deep), Err(crate::Error::TooDeep { .. })));
}

#[test]
fn only_bytes_that_a_key_can_have_come_back_as_one() {
    for value in [json!(null), json!(-1), json!(""), json!("x".repeat(1023)), json!([{"a": true}, false])] {
        let key = key(&value);
        assert_eq!(IndexValue::from_stored(key.as_bytes(), false), Some(key));
    }
    let cut = key(&json!("x".repeat(1024)));
    assert_eq!(IndexValue::from_stored(cut.as_bytes(), true), Some(cut.clone()));
    assert_ne!(
        IndexValue::from_stored(cut.as_bytes(), false),
        Some(cut.clone()),
        "a key of just that length"
    );
    assert_eq!(IndexValue::from_stored(&cut.as_bytes()[1..], true), None);
    assert_eq!(IndexValue::from_stored(&[cut.as_bytes(), b"x"].concat(), true), None);
    assert_eq!(IndexValue::from_stored(&[cut.as_bytes(), b"x"].concat(), false), None);
    for unknown in [&b""[..], b"\0", b"\x31", b"\xFFx"] {
        assert_eq!(IndexValue::from_stored(unknown, false), None);
    }
}
