//! Owns how keys, values and fields are typed, in arguments as at the prompt. Never looks at a database.

use std::borrow::Cow;

use ferrumdb::FieldPath;
use serde_json::value::RawValue;

/// A value as it was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    /// A JSON text, or what is clearly meant as one.
    Json(&'a str),
    /// Any other text.
    Text(&'a str),
}

impl<'a> Value<'a> {
    /// What was typed for a value. Whether it is JSON is a question of its grammar alone: the database refuses what it
    /// cannot keep exactly.
    pub(crate) fn of(text: &'a str) -> Self {
        let meant_as_json = text.starts_with(['{', '[', '"']);
        if meant_as_json || serde_json::from_str::<&RawValue>(text).is_ok() {
            Self::Json(text)
        } else {
            Self::Text(text)
        }
    }

    /// The JSON text of it.
    pub(crate) fn json(self) -> Cow<'a, str> {
        match self {
            Self::Json(text) => Cow::Borrowed(text),
            Self::Text(text) => Cow::Owned(serde_json::to_string(text).expect("every text is a JSON string")),
        }
    }

    /// The value itself, to be compared with documents.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub(crate) fn parsed(self) -> Result<serde_json::Value, String> {
        let text = match self {
            Self::Json(text) => text,
            Self::Text(text) => return Ok(text.into()),
        };
        let parsed: serde_json::Value = serde_json::from_str(text).map_err(not_json)?;
        // No document has such a number, and the nearest one that it would become is another.
        if parsed.is_f64() && !text.contains(['.', 'e', 'E']) && text != "-0" {
            return Err(format!("{} is beyond the integers that are kept exactly", quoted(text)));
        }
        Ok(parsed)
    }
}

/// A value in an argument.
///
/// # Errors
/// As [`Value::parsed`].
pub(crate) fn value(text: &str) -> Result<serde_json::Value, String> {
    Value::of(text).parsed()
}

/// A field in an argument: dotted text, or a JSON list of names.
///
/// # Errors
/// A sentence that says how a field is typed.
pub(crate) fn field(text: &str) -> Result<FieldPath, String> {
    match take_field(text)? {
        (field, "") => Ok(field),
        _ => Err("a field is one name, or names with dots between them".to_owned()),
    }
}

/// The key that the text begins with, a word or a JSON string, and what follows it.
pub(crate) fn take_key(text: &str) -> Result<(Cow<'_, str>, &str), String> {
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

/// The value that the text begins with, and what follows it.
pub(crate) fn take_value(text: &str) -> Result<(serde_json::Value, &str), String> {
    if !text.starts_with(['{', '[', '"']) {
        let (word, rest) = split_word(text);
        return Ok((Value::of(word).parsed()?, rest));
    }
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<serde_json::Value>();
    let value = values.next().transpose().map_err(not_json)?.unwrap_or_default();
    let rest = follows(text, values.byte_offset());
    Ok((value, rest.ok_or_else(|| format!("a space is missing in {}", quoted(text)))?))
}

/// The field that the text begins with, and what follows it: dotted text, or a JSON list of names.
pub(crate) fn take_field(text: &str) -> Result<(FieldPath, &str), String> {
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

/// The first word of the text, and what follows it.
pub(crate) fn split_word(text: &str) -> (&str, &str) {
    let end = text.find(|next: char| next.is_ascii_whitespace()).unwrap_or(text.len());
    (&text[..end], text[end..].trim_ascii_start())
}

/// The beginning of a text, quoted.
pub(crate) fn quoted(text: &str) -> String {
    const CHARS_MAX: usize = 40;
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{:?}...", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// What stands behind an argument that ends here, if it ends here.
fn follows(text: &str, end: usize) -> Option<&str> {
    let rest = &text[end..];
    let ends = rest.is_empty() || rest.starts_with(|next: char| next.is_ascii_whitespace());
    ends.then(|| rest.trim_ascii_start())
}

fn not_json(error: serde_json::Error) -> String {
    format!("the value is not valid JSON: {error}")
}
