//! Owns the language of the prompt: one line, one command. Never looks at a database.

mod verbs;

use std::borrow::Cow;
use std::time::Duration;

use ferrumdb::FieldPath;
use serde_json::value::RawValue;

pub(super) use verbs::{Argument, VERBS, Verb, help};

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command<'a> {
    Set {
        key: Cow<'a, str>,
        value: Value<'a>,
        lifetime: Option<Duration>,
    },
    Get {
        key: Cow<'a, str>,
    },
    Delete {
        key: Cow<'a, str>,
    },
    Keys {
        prefix: Cow<'a, str>,
    },
    Range {
        from: Cow<'a, str>,
        to: Cow<'a, str>,
    },
    Count,
    Expire {
        key: Cow<'a, str>,
        lifetime: Duration,
    },
    Persist {
        key: Cow<'a, str>,
    },
    Ttl {
        key: Cow<'a, str>,
    },
    History {
        key: Cow<'a, str>,
    },
    CreateIndex {
        field: FieldPath,
    },
    DropIndex {
        field: FieldPath,
    },
    Indexes,
    Find {
        field: FieldPath,
        value: serde_json::Value,
    },
    FindRange {
        field: FieldPath,
        from: serde_json::Value,
        to: serde_json::Value,
    },
    /// The root, without a name.
    Use {
        name: Option<Cow<'a, str>>,
    },
    Collections,
    Drop {
        name: Cow<'a, str>,
    },
    Info,
    Help,
    Exit,
}

/// The value of a SET as it was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
        "SETEX" => set_ex(rest)?,
        "GET" => Command::Get { key: only_key("GET", rest)? },
        "DELETE" | "DEL" => Command::Delete { key: only_key("DELETE", rest)? },
        "KEYS" if rest.is_empty() => Command::Keys { prefix: Cow::Borrowed("") },
        "KEYS" => Command::Keys { prefix: only_key("KEYS", rest)? },
        "RANGE" => range(rest)?,
        "COUNT" => nothing_else(Command::Count, "COUNT", rest)?,
        "EXPIRE" => expire(rest)?,
        "PERSIST" => Command::Persist { key: only_key("PERSIST", rest)? },
        "TTL" => Command::Ttl { key: only_key("TTL", rest)? },
        "HISTORY" => Command::History { key: only_key("HISTORY", rest)? },
        "INDEX" => Command::CreateIndex { field: only_field("INDEX", rest)? },
        "DROPINDEX" => Command::DropIndex { field: only_field("DROPINDEX", rest)? },
        "INDEXES" => nothing_else(Command::Indexes, "INDEXES", rest)?,
        "FIND" => find(rest)?,
        "FINDRANGE" => find_range(rest)?,
        "USE" if rest.is_empty() => Command::Use { name: None },
        "USE" => Command::Use { name: Some(only_name("USE", rest)?) },
        "COLLECTIONS" => nothing_else(Command::Collections, "COLLECTIONS", rest)?,
        "DROP" => Command::Drop { name: only_name("DROP", rest)? },
        "INFO" => nothing_else(Command::Info, "INFO", rest)?,
        "HELP" => Command::Help,
        "EXIT" | "QUIT" => nothing_else(Command::Exit, &name, rest)?,
        _ => return Err(format!("there is no command {}; HELP lists the commands", quoted(word))),
    };
    Ok(Some(command))
}

/// The key that the text begins with, a word or a JSON string, and what follows it.
pub(super) fn take_key(text: &str) -> Result<(Cow<'_, str>, &str), String> {
    if !text.starts_with('"') {
        let (word, rest) = split_word(text);
        return Ok((Cow::Borrowed(word), rest));
    }
    let broken =
        || "the key begins with a quote, but is not a JSON string; close the quote: \"two words\"".to_owned();
    let mut strings = serde_json::Deserializer::from_str(text).into_iter::<String>();
    let key = strings.next().and_then(Result::ok).ok_or_else(broken)?;
    let rest = follows(text, strings.byte_offset()).ok_or_else(broken)?;
    Ok((Cow::Owned(key), rest))
}

/// The first word of the text, and what follows it.
pub(super) fn split_word(text: &str) -> (&str, &str) {
    let end = text.find(|next: char| next.is_ascii_whitespace()).unwrap_or(text.len());
    (&text[..end], text[end..].trim_ascii_start())
}

fn set(rest: &str) -> Result<Command<'_>, String> {
    const USAGE: &str = "SET needs a key and a value: SET user:1 {\"name\": \"Alice\"}";
    let (key, text) = take_key(present(rest, USAGE)?)?;
    Ok(Command::Set { key, value: value(present(text, USAGE)?), lifetime: None })
}

fn set_ex(rest: &str) -> Result<Command<'_>, String> {
    const USAGE: &str = "SETEX needs a key, seconds and a value: SETEX session:9 60 {\"user\": 1}";
    let (key, rest) = take_key(present(rest, USAGE)?)?;
    let (word, text) = split_word(present(rest, USAGE)?);
    Ok(Command::Set { key, lifetime: Some(seconds(word)?), value: value(present(text, USAGE)?) })
}

fn expire(rest: &str) -> Result<Command<'_>, String> {
    const USAGE: &str = "EXPIRE needs a key and seconds: EXPIRE session:9 60";
    let (key, rest) = take_key(present(rest, USAGE)?)?;
    let (word, more) = split_word(present(rest, USAGE)?);
    nothing_else(Command::Expire { key, lifetime: seconds(word)? }, "EXPIRE with its key and seconds", more)
}

fn range(rest: &str) -> Result<Command<'_>, String> {
    const USAGE: &str = "RANGE needs two keys: RANGE user:1 user:2";
    let (from, rest) = take_key(present(rest, USAGE)?)?;
    let (to, rest) = take_key(present(rest, USAGE)?)?;
    nothing_else(Command::Range { from, to }, "RANGE with its two keys", rest)
}

fn find(rest: &str) -> Result<Command<'_>, String> {
    const USAGE: &str = "FIND needs a field and a value: FIND address.city \"Bonn\"";
    let (field, text) = take_field(present(rest, USAGE)?)?;
    Ok(Command::Find { field, value: parsed(value(present(text, USAGE)?))? })
}

fn find_range(rest: &str) -> Result<Command<'_>, String> {
    const USAGE: &str = "FINDRANGE needs a field and two values: FINDRANGE age 18 64";
    let (field, rest) = take_field(present(rest, USAGE)?)?;
    let (from, rest) = take_value(present(rest, USAGE)?)?;
    let (to, rest) = take_value(present(rest, USAGE)?)?;
    nothing_else(Command::FindRange { field, from, to }, "FINDRANGE with its field and two values", rest)
}

/// What was typed for a value. Whether it is JSON is a question of its grammar alone: the database refuses what it
/// cannot keep exactly.
fn value(text: &str) -> Value<'_> {
    let meant_as_json = text.starts_with(['{', '[', '"']);
    if meant_as_json || serde_json::from_str::<&RawValue>(text).is_ok() {
        Value::Json(text)
    } else {
        Value::Text(text)
    }
}

fn parsed(value: Value<'_>) -> Result<serde_json::Value, String> {
    let text = match value {
        Value::Json(text) => text,
        Value::Text(text) => return Ok(text.into()),
    };
    let parsed: serde_json::Value = serde_json::from_str(text).map_err(not_json)?;
    // No document has such a number, and the nearest one that it would become is another.
    if parsed.is_f64() && !text.contains(['.', 'e', 'E']) && text != "-0" {
        return Err(format!("{} is beyond the integers that are kept exactly", quoted(text)));
    }
    Ok(parsed)
}

/// The value that the text begins with, and what follows it.
fn take_value(text: &str) -> Result<(serde_json::Value, &str), String> {
    if !text.starts_with(['{', '[', '"']) {
        let (word, rest) = split_word(text);
        return Ok((parsed(value(word))?, rest));
    }
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<serde_json::Value>();
    let value = values.next().transpose().map_err(not_json)?.unwrap_or_default();
    let rest = follows(text, values.byte_offset());
    Ok((value, rest.ok_or_else(|| format!("a space is missing in {}", quoted(text)))?))
}

/// The field that the text begins with, and what follows it: dotted text, or a JSON list of names.
fn take_field(text: &str) -> Result<(FieldPath, &str), String> {
    if !text.starts_with('[') {
        let (dotted, rest) = take_key(text)?;
        return Ok((FieldPath::parse(&dotted).map_err(|error| error.to_string())?, rest));
    }
    let broken =
        |reason| format!("a field is dotted text or a JSON list of names: [\"a.b\", \"c\"]; {reason}");
    let mut lists = serde_json::Deserializer::from_str(text).into_iter::<FieldPath>();
    let list = lists.next().transpose().map_err(|error| broken(error.to_string()))?;
    match (list, follows(text, lists.byte_offset())) {
        (Some(field), Some(rest)) => Ok((field, rest)),
        _ => Err(broken("put a space behind it".to_owned())),
    }
}

/// What stands behind an argument that ends here, if it ends here.
fn follows(text: &str, end: usize) -> Option<&str> {
    let rest = &text[end..];
    let ends = rest.is_empty() || rest.starts_with(|next: char| next.is_ascii_whitespace());
    ends.then(|| rest.trim_ascii_start())
}

fn seconds(word: &str) -> Result<Duration, String> {
    let lifetime = word.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    lifetime
        .filter(|lifetime| !lifetime.is_zero())
        .ok_or_else(|| format!("{} is no number of seconds above 0; type 60, or 0.5", quoted(word)))
}

fn only_key<'a>(name: &str, rest: &'a str) -> Result<Cow<'a, str>, String> {
    let (key, rest) = take_key(present(rest, &format!("{name} needs a key: {name} user:1"))?)?;
    if rest.is_empty() {
        return Ok(key);
    }
    Err(format!(
        "{name} takes one key, and {} follows it; quote a key with spaces: \"two words\"",
        quoted(rest)
    ))
}

fn only_name<'a>(name: &str, rest: &'a str) -> Result<Cow<'a, str>, String> {
    let (collection, rest) = take_key(present(rest, &format!("{name} needs a collection: {name} users"))?)?;
    if rest.is_empty() {
        return Ok(collection);
    }
    Err(format!("{name} takes one collection, and {} follows it; quote a name with spaces", quoted(rest)))
}

fn only_field(name: &str, rest: &str) -> Result<FieldPath, String> {
    let (field, rest) = take_field(present(rest, &format!("{name} needs a field: {name} address.city"))?)?;
    if rest.is_empty() {
        return Ok(field);
    }
    Err(format!("{name} takes one field, and {} follows it", quoted(rest)))
}

fn nothing_else<'a>(command: Command<'a>, name: &str, rest: &str) -> Result<Command<'a>, String> {
    if rest.is_empty() {
        Ok(command)
    } else {
        Err(format!("{name} stands alone; leave out {}", quoted(rest)))
    }
}

fn present<'a>(text: &'a str, usage: &str) -> Result<&'a str, String> {
    if text.is_empty() { Err(usage.to_owned()) } else { Ok(text) }
}

fn not_json(error: serde_json::Error) -> String {
    format!("the value is not valid JSON: {error}")
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
mod tests;
