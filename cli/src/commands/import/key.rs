//! Owns the key of each imported document: from a field of it, or a running number. Never changes a document.

use std::fmt;

use ferrumdb::Key;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Gives keys to documents, in their order.
pub(super) enum Keys {
    Numbered { prefix: String, last: u64 },
    Field { name: String, path: Vec<String> },
}

impl Default for Keys {
    fn default() -> Self {
        Self::new(None, None)
    }
}

impl Keys {
    /// Keys from a field, dotted for a field in a field; without one, a prefix and a number.
    pub(super) fn new(field: Option<&str>, prefix: Option<&str>) -> Self {
        match field {
            Some(name) => {
                Self::Field { name: name.to_owned(), path: name.split('.').map(str::to_owned).collect() }
            }
            None => Self::Numbered { prefix: prefix.unwrap_or_default().to_owned(), last: 0 },
        }
    }

    /// The key of the next document.
    ///
    /// # Errors
    /// A sentence that says why it has none.
    pub(super) fn next(&mut self, document: &[u8]) -> Result<Key, String> {
        match self {
            Self::Numbered { prefix, last } => {
                *last += 1;
                Ok(Key::from(format!("{prefix}{last}")))
            }
            Self::Field { name, path } => from_field(document, path, name).map(Key::from),
        }
    }
}

fn from_field(document: &[u8], path: &[String], name: &str) -> Result<String, String> {
    let mut deserializer = serde_json::Deserializer::from_slice(document);
    let found =
        Field { path }.deserialize(&mut deserializer).and_then(|found| deserializer.end().map(|()| found));
    let value = match found {
        Ok(found) => {
            found.ok_or_else(|| format!("the document has no field {name:?} to take its key from"))?
        }
        Err(error) if error.is_data() => {
            return Err(format!(
                "there is no field {name:?} to take the key from, because {}",
                reason(&error)
            ));
        }
        Err(error) => {
            return Err(format!(
                "not valid JSON at byte {}: {}",
                error.column().saturating_sub(1),
                reason(&error)
            ));
        }
    };
    let text = value.get();
    let digits = text.strip_prefix('-').unwrap_or(text);
    if text.starts_with('"') {
        serde_json::from_str(text)
            .map_err(|error| format!("the field {name:?} is no valid string: {}", reason(&error)))
    } else if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        Err(format!("the field {name:?} is neither a string nor an integer, so it cannot be the key"))
    }
}

/// The reason alone, without serde's place: a document stands on a line of its own count.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rfind(" at line ").map_or(text.clone(), |end| text[..end].to_owned())
}

/// Walks along a path of fields, without building what lies beside it.
struct Field<'a> {
    path: &'a [String],
}

impl<'de> DeserializeSeed<'de> for Field<'_> {
    type Value = Option<Box<RawValue>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        if self.path.is_empty() {
            return serde::Deserialize::deserialize(deserializer).map(Some);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Field<'_> {
    type Value = Option<Box<RawValue>>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "an object with the field {:?}", self.path.first().map_or("", String::as_str))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (first, rest) = self.path.split_first().ok_or_else(|| A::Error::custom("the path is empty"))?;
        let mut found = None;
        while let Some(name) = map.next_key::<String>()? {
            if name == *first {
                found = map.next_value_seed(Field { path: rest })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail this way")]

    use super::*;

    fn key(field: &str, document: &str) -> Result<String, String> {
        Keys::new(Some(field), None).next(document.as_bytes()).map(String::from)
    }

    #[test]
    fn a_key_is_a_string_or_the_text_of_an_integer() {
        assert_eq!(key("id", r#"{"a": [1], "id": "x\u00fc y"}"#).unwrap(), "xü y");
        assert_eq!(key("id", r#"{"id": -17, "a": 1}"#).unwrap(), "-17");
        assert_eq!(key("id", r#"{"id": 18446744073709551616}"#).unwrap(), "18446744073709551616");
        assert_eq!(key("a.b", r#"{"a": {"c": 1, "b": "deep"}, "b": 2}"#).unwrap(), "deep");
    }

    #[test]
    fn a_document_without_a_usable_key_is_refused_in_words() {
        let cases = [
            (r#"{"a": 1}"#, "the document has no field \"id\""),
            (r#"{"id": 1.5}"#, "neither a string nor an integer"),
            (r#"{"id": null}"#, "neither a string nor an integer"),
            (r#"{"id": {}}"#, "neither a string nor an integer"),
            ("[1]", "because invalid type: sequence"),
            ("1", "because invalid type: integer"),
            (r#"{"id": "a" "#, "not valid JSON at byte"),
            (r#"{"id": "a"} x"#, "not valid JSON at byte"),
        ];
        for (document, expected) in cases {
            let error = key("id", document).unwrap_err();
            assert!(error.contains(expected) && !error.contains("at line"), "{document}: {error}");
        }
    }

    #[test]
    fn without_a_field_keys_are_numbered_from_one() {
        let mut keys = Keys::new(None, Some("city:"));
        assert_eq!(keys.next(b"{}").unwrap(), "city:1");
        assert_eq!(keys.next(b"1").unwrap(), "city:2");
        assert_eq!(Keys::new(None, None).next(b"1").unwrap(), "1");
    }
}
