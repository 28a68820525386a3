//! The cases that others have collected: what parsers take and refuse, what they change, and strings that are often
//! mishandled.

use ferrumdb_engine::Error;
use serde_json::{Value, json};

use super::{from_json, from_value};

fn cases(fixture: &str) -> Vec<(String, String)> {
    serde_json::from_str(fixture).unwrap()
}

const PARSING: &str = include_str!("../fixtures/json_test_suite/parsing.json");

const TRANSFORM: &str = include_str!("../fixtures/json_test_suite/transform.json");

const NAUGHTY: &str = include_str!("../fixtures/naughty_strings/blns.json");

/// Valid JSON that is refused all the same: a key stands twice.
const STRICTER: [&str; 2] = ["y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"];

/// What JSONTestSuite leaves to the parser, and our decision: the kept text, or the kind of refusal.
const DECIDED: [(&str, Result<&str, &str>); 22] = [
    ("i_number_double_huge_neg_exp.json", Ok("[123.456e-789]")),
    ("i_number_huge_exp.json", Err("too large for a 64-bit float")),
    ("i_number_neg_int_huge_exp.json", Err("too large for a 64-bit float")),
    ("i_number_pos_double_huge_exp.json", Err("too large for a 64-bit float")),
    ("i_number_real_neg_overflow.json", Err("too large for a 64-bit float")),
    ("i_number_real_pos_overflow.json", Err("too large for a 64-bit float")),
    ("i_number_real_underflow.json", Ok("[123e-10000000]")),
    ("i_number_too_big_neg_int.json", Err("this integer is outside")),
    ("i_number_too_big_pos_int.json", Err("this integer is outside")),
    ("i_number_very_big_negative_int.json", Err("this integer is outside")),
    ("i_object_key_lone_2nd_surrogate.json", Err("surrogate")),
    ("i_string_1st_surrogate_but_2nd_missing.json", Err("surrogate")),
    ("i_string_1st_valid_surrogate_2nd_invalid.json", Err("surrogate")),
    ("i_string_incomplete_surrogate_and_escape_valid.json", Err("surrogate")),
    ("i_string_incomplete_surrogate_pair.json", Err("surrogate")),
    ("i_string_incomplete_surrogates_escape_valid.json", Err("surrogate")),
    ("i_string_invalid_lonely_surrogate.json", Err("surrogate")),
    ("i_string_invalid_surrogate.json", Err("surrogate")),
    ("i_string_inverted_surrogates_U+1D11E.json", Err("surrogate")),
    ("i_string_lone_second_surrogate.json", Err("surrogate")),
    ("i_structure_500_nested_arrays.json", Err("nested more than 128 levels")),
    ("i_structure_UTF-8_BOM_empty_object.json", Err("byte order mark")),
];

#[test]
fn the_test_suite_is_accepted_and_rejected_as_decided() {
    let cases = cases(PARSING);
    assert_eq!(cases.len(), 291);
    for (name, input) in &cases {
        let result = from_json(input);
        let decided = DECIDED.iter().find(|(decided, _)| decided == name).map(|(_, decision)| *decision);
        match (&result, &name[..2]) {
            (Err(error), "y_") if STRICTER.contains(&name.as_str()) => {
                assert!(error.to_string().contains("second time"), "{name}: {error}");
            }
            (Ok(kept), "y_") if !STRICTER.contains(&name.as_str()) => {
                let given: Value = serde_json::from_str(input).unwrap();
                assert_eq!(serde_json::from_str::<Value>(kept).unwrap(), given, "{name}");
                assert_eq!(from_json(kept).unwrap(), *kept, "{name}");
            }
            (Err(Error::InvalidJson { .. }), "n_") => {}
            (Ok(kept), "i_") => assert_eq!(decided, Some(Ok(kept.as_str())), "{name}"),
            (Err(error), "i_") => {
                let reason = decided.unwrap().expect_err(name);
                assert!(error.to_string().contains(reason), "{name}: {error}");
            }
            _ => panic!("{name} gave {result:?}"),
        }
    }
    for (name, _) in DECIDED {
        assert!(cases.iter().any(|(case, _)| case == name), "{name} is no case");
    }
}

#[test]
fn the_long_cases_of_the_test_suite_are_refused_at_the_limit() {
    for text in ["[".repeat(100_000), "[{\"\":".repeat(50_000) + "\n"] {
        assert!(matches!(from_json(&text), Err(Error::TooDeep { max: 128 })));
    }
}

#[test]
fn what_other_parsers_transform_is_kept_or_refused() {
    for (name, input) in cases(TRANSFORM) {
        let refused = ["number_-9223372036854775809", "object_same_key", "escaped_invalid"]
            .iter()
            .any(|part| name.contains(part));
        let result = from_json(&input);
        if refused {
            assert!(matches!(result, Err(Error::InvalidJson { .. })), "{name}: {result:?}");
        } else {
            assert_eq!(result.unwrap(), input.trim_end(), "{name}");
        }
    }
}

#[test]
fn naughty_strings_round_trip_as_keys_and_values() {
    let strings: Vec<String> = serde_json::from_str(NAUGHTY).unwrap();
    assert_eq!(strings.len(), 485);
    let mut object = serde_json::Map::new();
    for string in &strings {
        object.insert(string.clone(), json!([string]));
        let kept = from_value(string).unwrap();
        assert_eq!(serde_json::from_str::<String>(&kept).unwrap(), *string);
        assert_eq!(from_json(&kept).unwrap(), kept);
    }
    let kept = from_value(&object).unwrap();
    assert_eq!(kept, serde_json::to_string(&object).unwrap());
    assert_eq!(from_json(&serde_json::to_string_pretty(&object).unwrap()).unwrap(), kept);
    assert_eq!(serde_json::from_str::<Value>(&kept).unwrap(), Value::Object(object));
    // Given as JSON, the list itself must come back as the list.
    assert_eq!(serde_json::from_str::<Vec<String>>(&from_json(NAUGHTY).unwrap()).unwrap(), strings);
}
