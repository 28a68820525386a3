//! Owns the language of the prompt: one line, one command. Never looks at a database.

use std::borrow::Cow;

use serde_json::value::RawValue;

/// What the prompt can do, as HELP tells it.
pub(super) const HELP: &str = r#"Commands, in any case of letters:
  SET <key> <json>   store a document; OK comes when it is committed
  GET <key>          show a document, or (nil) if there is none
  DELETE <key>       remove a document; OK, or (nil) if there was none (short: DEL)
  KEYS [prefix]      list the keys, all or those that begin with the prefix, in no order
  COUNT              count the documents
  HELP               show this
  EXIT               leave (also QUIT, or Ctrl-D; Ctrl-C drops the line being typed)

A key is one word, or quoted as in JSON: "two words", "tab\there".
A value that is not JSON is stored as a string: SET name Alice stores "Alice". But what begins with { or [ or a quote
is meant as JSON and refused if it is broken, and so is a number that cannot be kept exactly.
Examples:
  SET user:1 {"name": "Alice", "age": 34}
  GET user:1
  KEYS user:"#;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command<'a> {
    Set { key: Cow<'a, str>, value: Value<'a> },
    Get { key: Cow<'a, str> },
    Delete { key: Cow<'a, str> },
    Keys { prefix: Cow<'a, str> },
    Count,
    Help,
    Exit,
}

/// The value of a SET as it was typed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// A JSON text, or what is clearly meant as one.
    Json(&'a str),
    /// Any other text.
    Text(&'a str),
}

/// Reads a line; `None` when there is nothing on it.
///
/// # Errors
/// A sentence that says what to type.
pub(super) fn parse(line: &str) -> Result<Option<Command<'_>>, String> {
    let line = line.trim_ascii();
    if line.is_empty() {
        return Ok(None);
    }
    let (word, rest) = split_word(line);
    let name = word.to_ascii_uppercase();
    let command = match name.as_str() {
        "SET" => set(rest)?,
        "GET" => Command::Get { key: only_key("GET", rest)? },
        "DELETE" | "DEL" => Command::Delete { key: only_key("DELETE", rest)? },
        "KEYS" if rest.is_empty() => Command::Keys { prefix: Cow::Borrowed("") },
        "KEYS" => Command::Keys { prefix: only_key("KEYS", rest)? },
        "COUNT" => nothing_else(Command::Count, "COUNT", rest)?,
        "HELP" => Command::Help,
        "EXIT" | "QUIT" => nothing_else(Command::Exit, &name, rest)?,
        _ => return Err(format!("there is no command {}; HELP lists the commands", quoted(word))),
    };
    Ok(Some(command))
}

/// The key that the text begins with, a word or a JSON string, and what follows it.
fn take_key(text: &str) -> Result<(Cow<'_, str>, &str), String> {
    if !text.starts_with('"') {
        let (word, rest) = split_word(text);
        return Ok((Cow::Borrowed(word), rest));
    }
    let broken =
        || "the key begins with a quote, but is not a JSON string; close the quote: \"two words\"".to_owned();
    let mut strings = serde_json::Deserializer::from_str(text).into_iter::<String>();
    let key = strings.next().and_then(Result::ok).ok_or_else(broken)?;
    let rest = &text[strings.byte_offset()..];
    if !rest.is_empty() && !rest.starts_with(|next: char| next.is_ascii_whitespace()) {
        return Err(broken());
    }
    Ok((Cow::Owned(key), rest.trim_ascii_start()))
}

fn set(rest: &str) -> Result<Command<'_>, String> {
    const USAGE: &str = "SET needs a key and a value: SET user:1 {\"name\": \"Alice\"}";
    if rest.is_empty() {
        return Err(USAGE.to_owned());
    }
    let (key, text) = take_key(rest)?;
    if text.is_empty() {
        return Err(USAGE.to_owned());
    }
    let meant_as_json = text.starts_with(['{', '[', '"']);
    // Whether it is JSON is a question of its grammar alone: the database refuses what it cannot keep exactly.
    let json = meant_as_json || serde_json::from_str::<&RawValue>(text).is_ok();
    Ok(Command::Set { key, value: if json { Value::Json(text) } else { Value::Text(text) } })
}

fn only_key<'a>(name: &str, rest: &'a str) -> Result<Cow<'a, str>, String> {
    if rest.is_empty() {
        return Err(format!("{name} needs a key: {name} user:1"));
    }
    let (key, rest) = take_key(rest)?;
    if rest.is_empty() {
        return Ok(key);
    }
    Err(format!(
        "{name} takes one key, and {} follows it; quote a key with spaces: \"two words\"",
        quoted(rest)
    ))
}

fn nothing_else<'a>(command: Command<'a>, name: &str, rest: &str) -> Result<Command<'a>, String> {
    if rest.is_empty() {
        Ok(command)
    } else {
        Err(format!("{name} stands alone; leave out {}", quoted(rest)))
    }
}

fn split_word(text: &str) -> (&str, &str) {
    let end = text.find(|next: char| next.is_ascii_whitespace()).unwrap_or(text.len());
    (&text[..end], text[end..].trim_ascii_start())
}

/// The beginning of a text, quoted.
fn quoted(text: &str) -> String {
    const CHARS_MAX: usize = 40;
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{:?}...", &text[..end]),
        None => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail this way")]

    use proptest::prelude::*;

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
        let expected = Command::Set { key: "two words\n\"ü".into(), value: Value::Json("[1, 2]") };
        assert_eq!(parse(line).unwrap(), Some(expected));
        for line in [r#"GET "open"#, r#"GET "a"b"#, r#"GET "\ud800""#] {
            assert!(parse(line).unwrap_err().contains("close the quote"), "{line}");
        }
    }

    #[test]
    fn what_is_not_json_is_text_unless_it_is_meant_as_json() {
        for text in ["1", "-1.50e3", "true", "null", "\"x\"", "{ \"a\": 1 }", "1e999", "99999999999999999999"]
        {
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
    fn a_wrong_line_is_answered_with_what_to_type() {
        let cases = [
            ("SET", "SET needs a key and a value"),
            ("SET a", "SET needs a key and a value"),
            ("GET", "GET needs a key: GET user:1"),
            ("GET a b", "GET takes one key, and \"b\" follows it"),
            ("COUNT x", "COUNT stands alone"),
            ("EXIT now", "EXIT stands alone"),
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
            name in "(?i)(set|get|del|delete|keys|count|exit)", rest in "(?s).{0,100}",
        ) {
            let line = format!("{name} {rest}");
            if let Ok(Some(Command::Set { key, value: Value::Json(text) | Value::Text(text) })) = parse(&line) {
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
}
