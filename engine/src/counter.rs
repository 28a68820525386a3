//! Owns adding to an integer in the text of a document. Never changes anything else of it.

use std::ops::Range;

use crate::document::{Document, EncodedDocument};
use crate::error::{Error, Result};
use crate::index::cursor::{Cursor, Kind};
use crate::index::path::{FieldPath, Segment};
use crate::options::Limits;

/// Where an integer stands in a text, or where it is missing.
enum Place<'p> {
    Value(Range<usize>),
    /// Before the end of an object, which lacks the first of these segments.
    Missing {
        at: usize,
        is_first: bool,
        segments: &'p [Segment],
    },
}

impl EncodedDocument {
    /// The document with `by` added to the integer at a path, or to the whole of it without one; and the sum. A document
    /// or a field that is missing counts as 0, and is made.
    ///
    /// # Errors
    /// [`Error::NotAnInteger`] when something else stands there, [`Error::Overflow`] when the sum is none that fits;
    /// [`Error::TooDeep`] and [`Error::DocumentTooLarge`].
    pub fn with_sum(
        document: Option<&Document>,
        path: Option<&FieldPath>,
        by: i64,
        limits: &Limits,
    ) -> Result<(Self, i64)> {
        let segments = path.map(FieldPath::steps).unwrap_or_default();
        let text = match document {
            Some(document) => document.as_str(),
            None if segments.is_empty() => "0",
            None => "{}",
        };
        let not_an_integer = |found| Error::NotAnInteger { field: path.map(ToString::to_string), found };
        let (range, spelled, sum) = match find(text, segments).map_err(not_an_integer)? {
            Place::Value(range) => {
                let value = text.get(range.clone()).and_then(|spelled| spelled.parse::<i64>().ok());
                let value =
                    value.ok_or_else(|| not_an_integer("a number beyond 64 bits, or with a fraction"))?;
                let sum = value.checked_add(by).ok_or(Error::Overflow { value, by })?;
                (range, sum.to_string(), sum)
            }
            Place::Missing { at, is_first, segments } => (at..at, fields(is_first, segments, by), by),
        };
        let mut changed = String::with_capacity(text.len() + spelled.len());
        changed.push_str(&text[..range.start]);
        changed.push_str(&spelled);
        changed.push_str(&text[range.end..]);
        Ok((Self::from_json(changed.as_bytes(), limits)?, sum))
    }
}

/// Finds what stands at a path, or says what stands in the way.
fn find<'p>(text: &str, path: &'p [Segment]) -> Result<Place<'p>, &'static str> {
    let mut cursor = Cursor::new(text, 0);
    for (number, segment) in path.iter().enumerate() {
        let is_there = match cursor.kind() {
            Kind::Object => {
                cursor.enter();
                let start = cursor.position();
                if !enter_field(&mut cursor, segment) {
                    // Beyond the brace that ends the object.
                    let at = cursor.position() - 1;
                    return Ok(Place::Missing { at, is_first: at == start, segments: &path[number..] });
                }
                true
            }
            Kind::Array => enter_item(&mut cursor, segment),
            _ => false,
        };
        if !is_there {
            return Err("no field or item of this name");
        }
    }
    let (start, kind) = (cursor.position(), cursor.kind());
    cursor.skip();
    match kind {
        Kind::Number => Ok(Place::Value(start..cursor.position())),
        Kind::Null => Err("null"),
        Kind::String => Err("a string"),
        Kind::Object => Err("an object"),
        Kind::Array => Err("an array"),
        Kind::False | Kind::True => Err("a boolean"),
    }
}

fn enter_field(cursor: &mut Cursor<'_>, segment: &Segment) -> bool {
    while let Some(key) = cursor.next_key() {
        if key == segment.kept() {
            return true;
        }
        cursor.skip();
    }
    false
}

fn enter_item(cursor: &mut Cursor<'_>, segment: &Segment) -> bool {
    cursor.enter();
    let mut number = 0;
    while cursor.next_item() {
        if segment.index() == Some(number) {
            return true;
        }
        cursor.skip();
        number += 1;
    }
    false
}

/// The text of a field that holds a field, and so on, and at last a value; behind a comma, if it is not the first.
fn fields(is_first: bool, segments: &[Segment], value: i64) -> String {
    let mut text = String::from(if is_first { "" } else { "," });
    for (number, segment) in segments.iter().enumerate() {
        text.push_str(if number == 0 { "" } else { "{" });
        text.push_str(&format!("\"{}\":", segment.kept()));
    }
    text.push_str(&value.to_string());
    text.extend(segments.iter().skip(1).map(|_| '}'));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Sequence;

    fn sum(text: Option<&str>, field: Option<&str>, by: i64) -> Result<(String, i64)> {
        let document = text.map(|text| Document::new(text, Sequence(1)));
        let path = field.map(|field| FieldPath::parse(field).expect("it is short"));
        let sum = EncodedDocument::with_sum(document.as_ref(), path.as_ref(), by, &Limits::default());
        sum.map(|(document, sum)| (document.as_str().to_owned(), sum))
    }

    #[test]
    fn nothing_but_the_integer_changes() {
        let added = |text, field, by| sum(Some(text), Some(field), by).expect("it is an integer");
        let text = r#"{"price":1.50,"n":7,"a":{"b":[1,{"c":-2}]},"last":1e2}"#;
        assert_eq!(added(text, "n", 3), (text.replace(":7,", ":10,"), 10));
        assert_eq!(added(text, "a.b.0", -3), (text.replace("[1,", "[-2,"), -2));
        assert_eq!(added(text, "a.b.1.c", 2), (text.replace("-2", "0"), 0));
        assert_eq!(sum(Some("41"), None, 1).expect("it is an integer"), ("42".to_owned(), 42));
    }

    #[test]
    fn what_is_missing_is_made() {
        let added = |text, field, by| sum(text, field, by).expect("it is missing").0;
        assert_eq!(added(None, None, 5), "5");
        assert_eq!(added(None, Some("a.b"), 5), r#"{"a":{"b":5}}"#);
        assert_eq!(added(Some(r#"{"x":{}}"#), Some("x.a\"b"), -5), r#"{"x":{"a\"b":-5}}"#);
        assert_eq!(added(Some(r#"{"x":"}"}"#), Some("y"), 5), r#"{"x":"}","y":5}"#);
    }

    #[test]
    fn what_is_no_integer_or_goes_beyond_is_told() {
        for (text, field) in [
            (r#"{"a":null}"#, "a"),
            (r#"{"a":"1"}"#, "a"),
            (r#"{"a":1.0}"#, "a"),
            (r#"{"a":9223372036854775808}"#, "a"),
            (r#"{"a":[]}"#, "a.0"),
            (r#"{"a":1}"#, "a.b"),
            ("[1]", "a"),
        ] {
            let told = sum(Some(text), Some(field), 1);
            assert!(matches!(told, Err(Error::NotAnInteger { .. })), "{text}: {told:?}");
        }
        for (value, by) in [(i64::MAX, 1), (i64::MIN, -1), (-2, i64::MIN)] {
            let told = sum(Some(&value.to_string()), None, by);
            assert!(matches!(told, Err(Error::Overflow { .. })), "{value} + {by}: {told:?}");
        }
        assert_eq!(sum(Some(&i64::MIN.to_string()), None, i64::MAX).expect("it fits").1, -1);
    }
}
