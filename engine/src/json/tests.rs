//! Holds the four functions against serde_json, with values and texts that no one chose. Never repeats what the
//! public types show.

#![allow(clippy::unwrap_used)] // A test may panic.

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::Map;

use super::*;

fn text(bytes: impl AsRef<[u8]>) -> Result<Box<str>> {
    from_text(bytes.as_ref(), &Limits::default())
}

fn deepest() -> Limits {
    Limits { depth_max: 256, ..Limits::default() }
}

/// Any tree that JSON can keep.
fn any_value() -> impl Strategy<Value = Value> {
    let finite = any::<f64>().prop_filter("finite", |number| number.is_finite());
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        finite.prop_map(Value::from),
        any_string().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 80, 10, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..10).prop_map(Value::from),
            prop::collection::vec((any_string(), inner), 0..10)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Any string; control characters, quotes and characters beyond the first plane are frequent.
fn any_string() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[a-z]{0,20}", "[\\x00-\\x7f]{0,30}", "[\"\\\\/a😀é\\n\\x00]{0,12}"]
}

/// Texts that look like JSON, and often are.
fn near_json() -> impl Strategy<Value = String> {
    let token = prop::sample::select(vec![
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "\"a\"",
        "\"\\u0061\"",
        "\"\"",
        "\"\\ud83d\\ude00\"",
        "\"\\ud83d\"",
        "1",
        "-",
        "0",
        "1.5",
        "e",
        "E+",
        "2",
        ".",
        "1e400",
        "18446744073709551616",
        "null",
        "true",
        "fals",
        " ",
        "\n",
        "\"",
        "\\",
        "\\n",
        "é",
        "\u{0}",
        "[1]",
        "{\"a\":1}",
        "{\"b\":[],\"a\":{}}",
    ]);
    prop_oneof![
        prop::collection::vec(token, 0..12).prop_map(|tokens| tokens.concat()),
        (any_value(), any::<prop::sample::Index>(), any::<char>(), 0..4_u8).prop_map(
            |(value, place, other, change)| {
                let mut characters: Vec<char> =
                    serde_json::to_string_pretty(&value).unwrap().chars().collect();
                let place = place.index(characters.len());
                match change {
                    0 => {}
                    1 => characters[place] = other,
                    2 => characters.truncate(place),
                    _ => characters.insert(place, characters[place]),
                }
                characters.into_iter().collect()
            }
        ),
    ]
}

/// Checks one text against serde_json: what we take, it takes and reads alike; what only we refuse, we refuse for a
/// reason of our own.
fn agrees_with_serde_json(given: &[u8]) {
    let theirs = serde_json::from_slice::<Value>(given);
    match (text(given), theirs) {
        (Ok(kept), Ok(theirs)) => {
            assert_eq!(parse(&kept), theirs);
            assert_eq!(parse_as::<Value>(&kept).unwrap(), theirs);
            assert_eq!(text(kept.as_bytes()).unwrap(), kept, "a kept text is kept as it is");
        }
        (Err(Error::InvalidJson { offset, reason }), Ok(_)) => {
            assert!(reason.contains("second time") || reason.contains("this integer is outside"), "{reason}");
            assert!(offset < given.len());
        }
        (Err(Error::InvalidJson { offset, .. }), Err(_)) => assert!(offset <= given.len()),
        (Ok(kept), Err(error)) => panic!("took {kept}, which serde_json refuses: {error}"),
        (Err(other), _) => panic!("{other}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_value_comes_back_as_it_was(value in any_value()) {
        let kept = from_serialize(&value, &Limits::default()).unwrap();
        prop_assert_eq!(&*kept, &serde_json::to_string(&value).unwrap());
        let back = parse(&kept);
        prop_assert_eq!(serde_json::to_string(&back).unwrap(), serde_json::to_string(&value).unwrap());
        prop_assert_eq!(back, value.clone());
        prop_assert_eq!(parse_as::<Value>(&kept).unwrap(), value.clone());
        prop_assert_eq!(text(serde_json::to_string_pretty(&value).unwrap()).unwrap(), kept);
    }

    #[test]
    fn any_bytes_are_taken_as_serde_json_takes_them(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        agrees_with_serde_json(&bytes);
    }

    #[test]
    fn texts_near_json_are_taken_as_serde_json_takes_them(near in near_json()) {
        agrees_with_serde_json(near.as_bytes());
    }

    #[test]
    fn any_size_limit_is_kept(value in any_value(), max in 0..200_usize) {
        let limits = Limits { document_bytes_max: max, ..Limits::default() };
        let whole = serde_json::to_string(&value).unwrap();
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        prop_assert_eq!(from_serialize(&value, &limits).is_ok(), whole.len() <= max);
        prop_assert_eq!(from_text(pretty.as_bytes(), &limits).is_ok(), whole.len() <= max);
    }
}

#[test]
fn a_byte_that_is_not_plain_is_found_wherever_it_stands() {
    for special in 0..=255_u8 {
        for len in 0..20 {
            for place in 0..len {
                for filling in [b'a', 0x20, 0x21, 0x23, 0x5b, 0x5d, 0x7f, 0x80, 0xa2, 0xdc, 0xff] {
                    let mut bytes = vec![filling; len];
                    bytes[place] = special;
                    let plain = !matches!(special, b'"' | b'\\' | 0..=0x1f);
                    let expected = if plain { len } else { place };
                    assert_eq!(escape::plain_end(&bytes, 0), expected, "{special} at {place} of {len}");
                    let mut room = vec![b'.'; len + 3];
                    assert_eq!(escape::copy_plain(&bytes, &mut room), plain, "{special} at {place} of {len}");
                    assert!(
                        !plain || room.strip_suffix(b"...") == Some(&bytes),
                        "{special} at {place} of {len}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_negative_zero_is_read_as_a_float() {
    for spelled in ["-0", "-0.0", "-0e0"] {
        assert!(
            parse(spelled).as_f64().is_some_and(|zero| zero == 0.0 && zero.is_sign_negative()),
            "{spelled}"
        );
    }
    assert_eq!(parse("0"), Value::from(0_u64));
    assert_eq!(parse("9007199254740991.0").to_string(), "9007199254740991.0");
}

#[derive(Deserialize)]
struct Nest {
    #[serde(default)]
    a: Option<Box<Nest>>,
}

#[test]
fn the_deepest_document_fits_a_stack_of_two_mebibytes() {
    let run = || {
        for kept in ["[".repeat(256) + &"]".repeat(256), "{\"a\":".repeat(256) + "null" + &"}".repeat(256)] {
            assert_eq!(*from_text(kept.as_bytes(), &deepest()).unwrap(), *kept);
            let value = parse(&kept);
            assert_eq!(value, value.clone());
            assert_eq!(*from_serialize(&value, &deepest()).unwrap(), *kept);
            drop(value);
        }
        // Without optimisation serde_json takes three KiB of stack for each level of a tree; our own takes none.
        let kept = "[".repeat(256) + &"]".repeat(256);
        assert_eq!(parse_as::<Value>(&kept).unwrap(), parse(&kept));
        let kept = "{\"a\":".repeat(255) + "{}" + &"}".repeat(255);
        let mut nest: Nest = parse_as(&kept).unwrap();
        let mut depth = 1;
        while let Some(inner) = nest.a {
            nest = *inner;
            depth += 1;
        }
        assert_eq!(depth, 256);
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap().join().unwrap();
}

#[test]
fn hostile_keys_take_bounded_time() {
    let long = "k".repeat(64);
    let time_of = |key: fn(&str, u32) -> String| {
        let keys: Vec<String> = (0..100_000).map(|number| format!("\"{}\":0", key(&long, number))).collect();
        let given = format!("{{{}}}", keys.join(","));
        let started = std::time::Instant::now();
        assert_eq!(*text(&given).unwrap(), *given);
        started.elapsed()
    };
    let easy = time_of(|long, number| format!("{number}{long}"));
    let hostile = time_of(|long, number| format!("{long}{number}"));
    // Comparing each with each would take minutes in a debug build.
    assert!(hostile < 20 * easy + std::time::Duration::from_secs(10), "{hostile:?} and {easy:?}");
}

#[test]
fn a_trailing_value_and_a_wrong_shape_are_errors_of_the_reader() {
    assert!(parse_as::<Vec<u8>>("[1,2]").is_ok());
    assert!(parse_as::<Vec<u8>>("[1,300]").unwrap_err().to_string().contains("300"));
    assert!(parse_as::<u8>("1 2").is_err());
}
