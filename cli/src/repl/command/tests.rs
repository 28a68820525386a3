//! The language of the prompt, line by line, and against any text. Never carries out a command.
#![allow(clippy::unwrap_used, reason = "a test may fail this way")]

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn value(line: &str) -> Value<'_> {
    match parse(line).unwrap().unwrap() {
        Command::Set { value, .. } => value,
        other => panic!("{other:?}"),
    }
}

#[test]
fn commands_are_read_in_any_case() {
    for line in ["get a", "  GET\ta ", "Get \"a\"", "gEt \"\\u0061\"\r"] {
        assert_eq!(parse(line).unwrap(), Some(Command::Get { key: "a".into() }), "{line:?}");
    }
    assert_eq!(parse("del x").unwrap(), parse("DELETE x").unwrap());
    assert_eq!(parse("quit").unwrap(), Some(Command::Exit));
    assert_eq!(parse("keys").unwrap(), Some(Command::Keys { prefix: "".into() }));
    assert_eq!(parse(" \t ").unwrap(), None);
}

#[test]
fn a_quoted_key_may_hold_anything() {
    let line = r#"SET "two words\n\"\u00fc" [1, 2]"#;
    let (key, value) = ("two words\n\"ü".into(), Value::Json("[1, 2]"));
    let expected = Command::Set { key, value, lifetime: None };
    assert_eq!(parse(line).unwrap(), Some(expected));
    for line in [r#"GET "open"#, r#"GET "a"b"#, r#"GET "\ud800""#] {
        assert!(parse(line).unwrap_err().contains("close the quote"), "{line}");
    }
}

#[test]
fn what_is_not_json_is_text_unless_it_is_meant_as_json() {
    for text in ["1", "-1.50e3", "true", "null", "\"x\"", "{ \"a\": 1 }", "1e999", "99999999999999999999"] {
        assert_eq!(value(&format!("SET k {text}")), Value::Json(text));
    }
    for broken in ["{", "[1,", "\"open", "{'a': 1}"] {
        assert_eq!(value(&format!("SET k {broken}")), Value::Json(broken));
    }
    for text in ["Alice", "two words", "01234", "2026-01-31", "nul", "1 2", "+1", "NaN"] {
        assert_eq!(value(&format!("SET k {text}")), Value::Text(text));
    }
}

#[test]
fn a_field_is_dotted_text_or_a_list_of_names() {
    let field = |segments: &[&str]| FieldPath::from_segments(segments.iter().copied()).unwrap();
    for (line, segments) in [
        ("index address.city", &["address", "city"][..]),
        ("index \"two words.city\"", &["two words", "city"]),
        ("index [\"a.b\", \"c\"]", &["a.b", "c"]),
    ] {
        assert_eq!(parse(line).unwrap(), Some(Command::CreateIndex { field: field(segments) }));
    }
    let find = Command::Find { field: field(&["a.b"]), value: json!("c d") };
    assert_eq!(parse("find [\"a.b\"] c d").unwrap(), Some(find));
}

#[test]
fn the_values_of_a_range_end_at_a_space_or_where_json_ends() {
    let range = |line| match parse(line).unwrap().unwrap() {
        Command::FindRange { from, to, .. } => (from, to),
        other => panic!("{other:?}"),
    };
    assert_eq!(range("findrange age 18 64.5"), (json!(18), json!(64.5)));
    assert_eq!(range("findrange name Ann \"Bob B\""), (json!("Ann"), json!("Bob B")));
    assert_eq!(range("findrange at [1, 2] {\"a\": 1}"), (json!([1, 2]), json!({"a": 1})));
}

#[test]
fn a_range_of_keys_is_two_keys() {
    let expected = Command::Range { from: "a b".into(), to: "c".into() };
    assert_eq!(parse("range \"a b\" c").unwrap(), Some(expected));
}

#[test]
fn seconds_may_have_a_fraction() {
    let expected = Command::Expire { key: "k".into(), lifetime: Duration::from_millis(500) };
    assert_eq!(parse("EXPIRE k 0.5").unwrap(), Some(expected));
    let lifetime = Some(Duration::from_secs(60));
    let expected = Command::Set { key: "k".into(), value: Value::Text("a b"), lifetime };
    assert_eq!(parse("SETEX k 60 a b").unwrap(), Some(expected));
}

#[test]
fn every_command_that_is_told_of_is_there() {
    for verb in VERBS {
        let answer = parse(verb.name);
        assert!(!matches!(&answer, Err(error) if error.contains("there is no command")), "{}", verb.name);
        assert!(help().contains(&format!("\n  {} ", verb.name)), "{}", verb.name);
    }
}

#[test]
fn a_wrong_line_is_answered_with_what_to_type() {
    let cases = [
        ("SET", "SET needs a key and a value"),
        ("SET a", "SET needs a key and a value"),
        ("GET", "GET needs a key: GET user:1"),
        ("GET a b", "GET takes one key, and \"b\" follows it"),
        ("COUNT x", "COUNT stands alone"),
        ("EXIT now", "EXIT stands alone"),
        ("SETEX a", "SETEX needs a key, seconds and a value"),
        ("SETEX a 60", "SETEX needs a key, seconds and a value"),
        ("SETEX a soon 1", "\"soon\" is no number of seconds above 0"),
        ("SETEX a -1 1", "no number of seconds above 0"),
        ("EXPIRE a 0", "no number of seconds above 0"),
        ("EXPIRE a inf", "no number of seconds above 0"),
        ("EXPIRE a 1e300", "no number of seconds above 0"),
        ("EXPIRE a 1 2", "leave out \"2\""),
        ("TTL", "TTL needs a key: TTL user:1"),
        ("INDEX", "INDEX needs a field: INDEX address.city"),
        ("INDEX a b", "INDEX takes one field, and \"b\" follows it"),
        ("INDEX [1]", "a field is dotted text or a JSON list of names"),
        ("INDEX []", "a field path needs at least one segment"),
        ("INDEX [\"a\"]b", "put a space behind it"),
        ("RANGE a", "RANGE needs two keys"),
        ("RANGE a b c", "leave out \"c\""),
        ("FIND a", "FIND needs a field and a value"),
        ("FIND a {\"b\"}", "the value is not valid JSON"),
        ("FIND a 99999999999999999999", "is beyond the integers"),
        ("FINDRANGE a 1", "FINDRANGE needs a field and two values"),
        ("FINDRANGE a 1 2 3", "leave out \"3\""),
        ("FINDRANGE a \"1\"2 3", "a space is missing in"),
        ("INFO all", "INFO stands alone"),
        ("FLUSHALL", "there is no command \"FLUSHALL\"; HELP lists the commands"),
    ];
    for (line, expected) in cases {
        let error = parse(line).unwrap_err();
        assert!(error.contains(expected), "{line}: {error}");
    }
}

proptest! {
    #[test]
    fn any_text_is_a_command_or_a_short_answer(line in "\\PC*|(?s).{0,200}") {
        if let Err(error) = parse(&line) {
            prop_assert!(error.len() < 1_000 && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn what_follows_a_command_is_taken_as_it_stands(
        name in "(?i)(set|setex|get|del|delete|keys|count|expire|index|find|findrange|exit)", rest in "(?s).{0,100}",
    ) {
        let line = format!("{name} {rest}");
        if let Ok(Some(Command::Set { key, value: Value::Json(text) | Value::Text(text), .. })) = parse(&line) {
            prop_assert!(line.trim_ascii().ends_with(text));
            prop_assert!(rest.trim_ascii_start().starts_with('"') || line.contains(&*key));
        }
    }

    #[test]
    fn a_quoted_key_is_read_back_whatever_it_holds(key in "(?s).*") {
        let line = format!("GET {}", serde_json::to_string(&key).unwrap());
        prop_assert_eq!(parse(&line).unwrap(), Some(Command::Get { key: key.into() }));
    }
}
