//! Holds the engine to its strict JSON: what it takes, what it refuses, and that it gives back what it took. Never
//! looks behind the public types.
//!
//! `fixtures/json_test_suite` holds cases of Nicolas Seriot's JSONTestSuite as packaged by fisker Cheung, without
//! those whose input is not UTF-8 (they stand here, byte by byte) and two that are long and regular.
//! `fixtures/naughty_strings` is Max Woolf's Big List of Naughty Strings.

#![allow(clippy::unwrap_used)] // A test may panic.

mod suites;

use std::collections::BTreeMap;

use ferrumdb_engine::{EncodedDocument, Error, Limits};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Number, Value, json};

fn from_json(text: &str) -> Result<String, Error> {
    from_bytes(text.as_bytes())
}

fn from_bytes(text: &[u8]) -> Result<String, Error> {
    EncodedDocument::from_json(text, &Limits::default()).map(|encoded| encoded.as_str().to_owned())
}

fn from_value(value: &(impl Serialize + ?Sized)) -> Result<String, Error> {
    EncodedDocument::from_serialize(value, &Limits::default()).map(|encoded| encoded.as_str().to_owned())
}

/// Path and reason of the refusal.
fn refusal(value: &(impl Serialize + ?Sized)) -> (String, String) {
    match from_value(value) {
        Err(Error::NotSerializable { path, reason }) => (path, reason),
        other => panic!("should have been refused as not serializable: {other:?}"),
    }
}

fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}

#[test]
fn bytes_that_are_not_utf8_are_refused_where_they_stand() {
    let cases: [(&[u8], usize); 26] = [
        (b"\xff\xfe[\0\"\0\xe9\0\"\0]\0", 0),   // UTF-16LE with a byte order mark
        (b"[\"\xe6\x97\xa5\xd1\x88\xfa\"]", 7), // a byte that begins nothing
        (b"[\"\xed\xa0\x80\"]", 2),             // a surrogate, encoded
        (b"[\"\xff\"]", 2),                     // a byte that UTF-8 never has
        (b"[\"\xe9\"]", 2),                     // ISO Latin 1
        (b"[\"\x81\"]", 2),                     // a continuation byte alone
        (b"[\"\xf4\xbf\xbf\xbf\"]", 2),         // beyond U+10FFFF
        (b"[\"\xc0\xaf\"]", 2),                 // overlong
        (b"[\"\xfc\x83\xbf\xbf\xbf\xbf\"]", 2), // overlong, six bytes
        (b"[\"\xfc\x80\x80\x80\x80\x80\"]", 2), // overlong zero
        (b"[\"\xe0\xff\"]", 2),                 // cut short
        (b"\0[\0\"\0\xe9\0\"\0]", 5),           // UTF-16BE
        (b"[\0\"\0\xe9\0\"\0]\0", 4),           // UTF-16LE
        (b"[a\xe5]", 2),
        (b"[\xff]", 1),
        (b"[123\xe5]", 4),
        (b"[1e1\xe5]", 4),
        (b"[0\xe5]\n", 2),
        (b"[1e\xe5]", 3),
        (b"{\"\xb9\":\"0\",}", 2),
        (b"[\"\\u\xe5\"]", 4),
        (b"[\"\\\xe5\"]", 3),
        (b"\xef\xbb{}", 0), // a byte order mark, cut short
        (b"\xe5", 0),
        (b"\xe9", 0),
        (b"{\"\xed\xb0\x80\":1}", 2), // a surrogate as a key
    ];
    for (text, place) in cases {
        let error = from_bytes(text).unwrap_err();
        assert!(matches!(error, Error::InvalidJson { offset, .. } if offset == place), "{text:?}: {error}");
    }
}

#[test]
fn numbers_keep_their_spelling_or_are_refused() {
    let kept = [
        "-9223372036854775808",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "9007199254740991",
        "9007199254740992",
        "9007199254740993",
        "9007199254740991.0",
        "0",
        "-0",
        "-0.0",
        "0.0",
        "1",
        "1.0",
        "1e5",
        "1E5",
        "1E+5",
        "1e-5",
        "0.1000",
        "5e-324",
        "1e-999",
        "1.7976931348623157e308",
        "-1.7976931348623157e308",
        "18446744073709551616.0",
        "1.000000000000000000000001",
    ];
    for number in kept {
        assert_eq!(from_json(number).unwrap(), number);
        let nested = format!("{{\"n\":[{number},{number}]}}");
        assert_eq!(from_json(&nested).unwrap(), nested);
    }
    let long = format!("{}.5", "9".repeat(308));
    assert_eq!(from_json(&long).unwrap(), long);
    let refused = [
        "-9223372036854775809",
        "18446744073709551616",
        "1e400",
        "-1e400",
        "1e309",
        "1.8e308",
        "NaN",
        "Infinity",
        "-Infinity",
        "+1",
        "01",
        "-01",
        "1.",
        ".5",
        "1e",
        "1e+",
        "0x10",
        "- 1",
        "--1",
        "1_000",
        "1e5.5",
    ];
    for number in refused {
        assert!(matches!(from_json(number), Err(Error::InvalidJson { .. })), "{number}");
    }
    assert!(from_json(&format!("{}.5", "9".repeat(309))).is_err());
    assert!(from_json(&"9".repeat(1_000_000)).is_err());
    let float = format!("0.{}", "3".repeat(1_000_000));
    assert_eq!(from_json(&float).unwrap(), float);
}

#[test]
fn numbers_of_rust_are_kept_exactly_or_refused() {
    assert_eq!(from_value(&i64::MIN).unwrap(), "-9223372036854775808");
    assert_eq!(from_value(&u64::MAX).unwrap(), "18446744073709551615");
    assert_eq!(from_value(&i128::from(i64::MIN)).unwrap(), "-9223372036854775808");
    assert_eq!(from_value(&i128::from(u64::MAX)).unwrap(), "18446744073709551615");
    assert_eq!(from_value(&u128::from(u64::MAX)).unwrap(), "18446744073709551615");
    assert!(refusal(&(u128::from(u64::MAX) + 1)).1.contains("18446744073709551616"));
    assert!(refusal(&(i128::from(i64::MIN) - 1)).1.contains("-9223372036854775809"));
    let floats = [1.0, -0.0, 0.1, 1e16, 1e-7, 5e-324, f64::MAX, f64::MIN, 9_007_199_254_740_991.0];
    assert_eq!(from_value(&floats).unwrap(), serde_json::to_string(&floats).unwrap());
    for float in floats {
        let kept = from_value(&float).unwrap();
        assert_eq!(kept.parse::<f64>().unwrap().to_bits(), float.to_bits(), "{kept}");
        assert_eq!(from_json(&kept).unwrap(), kept);
    }
    assert_eq!(from_value(&[1.0, -0.0, 0.1]).unwrap(), "[1.0,-0.0,0.1]");
    assert_eq!(from_value(&[0.1_f32, 1.0, 16_777_216.0]).unwrap(), "[0.1,1.0,16777216.0]");
    assert_eq!(from_value(&Number::from_f64(1.0)).unwrap(), "1.0");
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(refusal(&number).0, "$");
    }
    assert_eq!(refusal(&f32::NAN).0, "$");
}

#[derive(Serialize)]
struct Order {
    id: u32,
    price: f64,
}

#[test]
fn a_refusal_names_the_path_to_the_value() {
    #[derive(Serialize)]
    enum Shape {
        Point(f64, f64),
        Circle { radius: f64 },
        Size(f64),
    }
    let orders: Vec<Order> =
        (0..4).map(|id| Order { id, price: if id == 3 { f64::NAN } else { 1.5 } }).collect();
    assert_eq!(refusal(&BTreeMap::from([("orders", orders)])).0, "$.orders[3].price");
    assert_eq!(refusal(&BTreeMap::from([("a \"b\"\n", f64::NAN)])).0, "$[\"a \\\"b\\\"\\n\"]");
    assert_eq!(refusal(&BTreeMap::from([("", f64::NAN)])).0, "$[\"\"]");
    assert_eq!(refusal(&BTreeMap::from([("größe", f64::NAN)])).0, "$.größe");
    assert_eq!(refusal(&[Shape::Point(0.0, f64::NAN)]).0, "$[0].Point[1]");
    assert_eq!(refusal(&Shape::Circle { radius: f64::NAN }).0, "$.Circle.radius");
    assert_eq!(refusal(&Some(Shape::Size(f64::NAN))).0, "$.Size");
}

#[test]
fn only_strings_are_keys() {
    #[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
    enum Name {
        First,
        Second(u8),
    }
    #[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
    struct Wrapped(String);
    assert_eq!(from_value(&BTreeMap::from([('"', 1)])).unwrap(), r#"{"\"":1}"#);
    assert_eq!(from_value(&BTreeMap::from([(Name::First, 1)])).unwrap(), r#"{"First":1}"#);
    assert_eq!(from_value(&BTreeMap::from([(Wrapped("w".into()), 1)])).unwrap(), r#"{"w":1}"#);
    for (found, reason) in [
        ("an integer", refusal(&BTreeMap::from([(1, 1)])).1),
        ("a boolean", refusal(&BTreeMap::from([(true, 1)])).1),
        ("a missing value", refusal(&BTreeMap::from([(None::<String>, 1)])).1),
        ("a sequence", refusal(&BTreeMap::from([([1, 2], 1)])).1),
        ("an enum with content", refusal(&BTreeMap::from([(Name::Second(1), 1)])).1),
    ] {
        assert_eq!(reason, format!("a key of this object is {found}; keys must be strings"));
    }
    let nested = BTreeMap::from([("a", BTreeMap::from([(7_u8, 1)]))]);
    assert_eq!(refusal(&nested).0, "$.a");
}

/// A map that may hold a key twice.
struct Pairs(Vec<(String, u32)>);

impl Serialize for Pairs {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

#[test]
fn a_key_that_stands_twice_is_refused_at_any_size() {
    for (text, place) in [
        (r#"{"a":1,"a":1}"#, 8),
        (r#"{"a":1,"b":{"a":1},"a":1}"#, 20),
        (r#"{"a":1,"\u0061":2}"#, 8),
        (r#"{"\u0061":1,"a":2}"#, 13),
        (r#"{"\n":1,"\u000a":2}"#, 9),
        (r#"{"\/":1,"/":2}"#, 9),
        (r#"{"\ud83d\ude00":1,"😀":2}"#, 19),
        (r#"{"":1,"":2}"#, 7),
        (r#"[{"x":{"k":[{}],"k":0}}]"#, 17),
    ] {
        let error = from_json(text).unwrap_err();
        let reason = "this key stands in its object for the second time";
        assert_eq!(error.to_string(), format!("not valid JSON at byte {place}: {reason}"), "{text}");
    }
    for text in [
        r#"{"a":{"a":1},"b":{"a":1}}"#,
        r#"[{"a":1},{"a":1}]"#,
        "{\"é\":1,\"e\u{301}\":2}",
        r#"{"a":1,"A":2}"#,
    ] {
        assert_eq!(from_json(text).unwrap(), text);
    }
    for len in [2, 16, 31, 32, 33, 34, 64, 1_000, 100_000] {
        let mut pairs: Vec<(String, u32)> =
            (0..len).map(|number| (format!("key {number}"), number)).collect();
        assert!(from_value(&Pairs(pairs.clone())).is_ok());
        let last = pairs.len() - 1;
        pairs[last].0 = "key 0".into();
        let (path, reason) = refusal(&BTreeMap::from([("map", Pairs(pairs.clone()))]));
        assert_eq!((path.as_str(), reason.contains("second time")), ("$.map[\"key 0\"]", true));
        let text: Vec<String> = pairs.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
        let text = format!("{{{}}}", text.join(","));
        let place = text.rfind("key 0\"").unwrap();
        assert!(
            matches!(from_json(&text), Err(Error::InvalidJson { offset, .. }) if offset == place),
            "{len}"
        );
    }
}

#[test]
fn serde_shapes_are_written_as_serde_json_writes_them() {
    #[derive(Serialize)]
    struct Unit;
    #[derive(Serialize)]
    struct Newtype(u8);
    #[derive(Serialize)]
    enum Shape {
        Nothing,
        One(u8),
        Pair(u8, u8),
        Named { a: u8, b: Option<u8> },
    }
    fn same(value: &(impl Serialize + ?Sized)) {
        assert_eq!(from_value(value).unwrap(), serde_json::to_string(value).unwrap());
    }
    same(&Unit);
    same(&());
    same(&Newtype(1));
    same(&[Shape::Nothing, Shape::One(1), Shape::Pair(1, 2), Shape::Named { a: 1, b: None }]);
    same(&(1, "two", 3.0, 'x', true, None::<u8>, Some(Some(4)), Vec::<u8>::new(), json!({})));
    same("\u{0}\u{1f}\u{7f}\u{80}\u{2028}\u{feff}\u{ffff}😀\"\\/\u{8}\u{c}\n\r\t");
    same(&Order { id: 1, price: 0.1 });
    same(&Number::from(7));
}

#[test]
fn a_raw_value_is_checked_and_made_compact() {
    let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
    let value = BTreeMap::from([("raw", raw("{ \"a\" : [ 1.0 , 1e5, \"\\u0041\" ] }"))]);
    assert_eq!(from_value(&value).unwrap(), r#"{"raw":{"a":[1.0,1e5,"A"]}}"#);
    let (path, reason) = refusal(&BTreeMap::from([("raw", [raw(r#"{"a":1,"a":2}"#)])]));
    assert_eq!(path, "$.raw[0]");
    assert!(reason.contains("second time"), "{reason}");
    let deep = |depth: usize| raw(&("[".repeat(depth) + &"]".repeat(depth)));
    assert!(from_value(&[deep(127)]).is_ok());
    assert!(matches!(from_value(&[deep(128)]), Err(Error::TooDeep { max: 128 })));
}

#[test]
fn strings_are_kept_with_the_shortest_escapes() {
    for (given, kept) in [
        (r#""\u0041\u00e9\u20ac\ud83d\ude00""#, "\"Aé€😀\""),
        (r#""\/\u002f/""#, "\"///\""),
        (r#""\u0022\u005C""#, r#""\"\\""#),
        (r#""\u0008\u0009\u000A\u000C\u000d""#, r#""\b\t\n\f\r""#),
        (r#""\u0000\u001F\u001f\u000B""#, r#""\u0000\u001f\u001f\u000b""#),
        (r#""\u007f\u2028\uFEFF\uffff""#, "\"\u{7f}\u{2028}\u{feff}\u{ffff}\""),
        (r#""plain text before \n and \u0061fter""#, r#""plain text before \n and after""#),
        (r#"{"\u006bey" : "\u0076alue"}"#, r#"{"key":"value"}"#),
    ] {
        assert_eq!(from_json(given).unwrap(), kept, "{given}");
        assert_eq!(from_json(kept).unwrap(), kept);
    }
}

#[test]
fn whitespace_goes_and_order_stays() {
    let given =
        " \t\r\n{ \"z\" :\n[ 1 , { } , [ ] , \" a b \" ] ,\t\"a\" : null , \"m\":true,\"b\": false } \n";
    assert_eq!(from_json(given).unwrap(), r#"{"z":[1,{},[]," a b "],"a":null,"m":true,"b":false}"#);
    for text in [
        "",
        " ",
        "\u{a0}1",
        "\u{b}1",
        "1 2",
        "1,",
        "nul",
        "nulls",
        "[1,]",
        "{\"a\":1,}",
        "{a:1}",
        "'a'",
        "//\n1",
    ] {
        assert!(matches!(from_json(text), Err(Error::InvalidJson { .. })), "{text:?}");
    }
}

#[test]
fn nesting_is_refused_beyond_the_limit_on_both_paths() {
    let array = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let object = |depth: usize| "{\"a\":".repeat(depth) + "1" + &"}".repeat(depth);
    for make in [array as fn(usize) -> String, object] {
        for depth in [0, 1, 127, 128] {
            let text = if depth == 0 { "1".to_owned() } else { make(depth) };
            assert_eq!(from_json(&text).unwrap(), text);
        }
        for depth in [129, 130, 100_000] {
            assert!(matches!(from_json(&make(depth)), Err(Error::TooDeep { max: 128 })), "{depth}");
        }
        let most = limits(|limits| limits.depth_max = 10_000);
        assert!(EncodedDocument::from_json(make(256).as_bytes(), &most).is_ok());
        let error = EncodedDocument::from_json(make(257).as_bytes(), &most).unwrap_err();
        assert!(matches!(error, Error::TooDeep { max: 256 }));
    }
    for (depth, fits) in [(127, true), (128, true), (129, false), (250, false)] {
        let mut value = json!(1);
        for _ in 0..depth {
            value = json!([value]);
        }
        assert_eq!(from_value(&value).is_ok(), fits, "{depth}");
    }
    let none = limits(|limits| limits.depth_max = 0);
    assert!(EncodedDocument::from_json(b"1", &none).is_ok());
    assert!(EncodedDocument::from_json(b"[]", &none).is_err());
}

/// A value that never ends.
struct Endless;

impl Serialize for Endless {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(std::iter::repeat("again and again"))
    }
}

/// A value that holds itself.
struct Bottomless;

impl Serialize for Bottomless {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([("deeper", Bottomless)])
    }
}

#[test]
fn a_document_may_have_the_largest_size_and_not_a_byte_more() {
    let at_most = |max: usize| limits(|limits| limits.document_bytes_max = max);
    for text in ["\"0123456789\"", "[1,22,333,4]", "{\"a\":{},\"b\"", "1234567890.5", "\"\\n\\n\\n\\n\\n\""] {
        let text = if text.starts_with('{') { format!("{text}:1}}") } else { text.to_owned() };
        let spaced = format!("  {text}   ");
        assert_eq!(
            EncodedDocument::from_json(spaced.as_bytes(), &at_most(text.len())).unwrap().as_str(),
            text
        );
        let error = EncodedDocument::from_json(spaced.as_bytes(), &at_most(text.len() - 1)).unwrap_err();
        assert!(matches!(error, Error::DocumentTooLarge { max, .. } if max == text.len() - 1), "{error}");
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(EncodedDocument::from_serialize(&value, &at_most(text.len())).unwrap().len(), text.len());
        let error = EncodedDocument::from_serialize(&value, &at_most(text.len() - 1)).unwrap_err();
        assert!(matches!(error, Error::DocumentTooLarge { .. }), "{error}");
    }
    let raw = [RawValue::from_string("11".into()).unwrap(), RawValue::from_string("[ 2 ]".into()).unwrap()];
    assert_eq!(EncodedDocument::from_serialize(&raw, &at_most(8)).unwrap().as_str(), "[11,[2]]");
    for max in 0..8 {
        let error = EncodedDocument::from_serialize(&raw, &at_most(max)).unwrap_err();
        let told = matches!(error, Error::DocumentTooLarge { len, max: told } if told == max && len > max);
        assert!(told, "at most {max}: {error}");
    }
    let small = at_most(10_000);
    assert!(matches!(EncodedDocument::from_serialize(&Endless, &small), Err(Error::DocumentTooLarge { .. })));
    assert!(matches!(EncodedDocument::from_serialize(&Bottomless, &small), Err(Error::TooDeep { .. })));
}

#[test]
fn an_error_of_the_value_itself_is_told_with_its_path() {
    struct Broken;
    impl Serialize for Broken {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("the clock is unreadable"))
        }
    }
    let (path, reason) = refusal(&BTreeMap::from([("a", [Broken])]));
    assert_eq!((path.as_str(), reason.as_str()), ("$.a[0]", "the clock is unreadable"));
}
