//! Owns field paths: which strings lead from a document to a value. Never looks into a document.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::cursor;
use crate::json;

/// The most segments of a path. Paths through arrays may be walked in two ways at each numeric segment, so their
/// number is what bounds the time.
const SEGMENTS_MAX: usize = 32;

/// The way from a document to a field: a list of segments, each the name of a field or the index of an array's item.
///
/// Any string is a segment. Dotted text is sugar: `address.city` is the list `["address", "city"]`; a field whose
/// name holds a dot is reached by the list `["a.b"]` only.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct FieldPath(Box<[Segment]>);

/// One step of a path.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Segment {
    name: Box<str>,
    /// The name as documents keep it, where that is another text.
    kept: Option<Box<str>>,
    index: Option<usize>,
}

/// Why a list of segments is no path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// The list is empty.
    #[error("a field path needs at least one segment")]
    Empty,
    /// The list is too long.
    #[error("the field path has more than {max} segments; name a field nearer to the top")]
    TooLong {
        /// The limit.
        max: usize,
    },
}

impl FieldPath {
    /// The path of these segments.
    ///
    /// # Errors
    /// [`PathError`] when there are none, or more than 32.
    pub fn from_segments<S: Into<Box<str>>>(
        segments: impl IntoIterator<Item = S>,
    ) -> Result<Self, PathError> {
        let segments: Vec<_> =
            segments.into_iter().take(SEGMENTS_MAX + 1).map(|name| Segment::new(name.into())).collect();
        match segments.len() {
            0 => Err(PathError::Empty),
            1..=SEGMENTS_MAX => Ok(Self(segments.into_boxed_slice())),
            _ => Err(PathError::TooLong { max: SEGMENTS_MAX }),
        }
    }

    /// The path of a dotted text.
    ///
    /// # Errors
    /// [`PathError::TooLong`] when it has more than 32 segments.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        if text.as_bytes().contains(&b'.') {
            return Self::from_segments(text.split('.'));
        }
        Ok(Self(Box::new([Segment::new(text.into())])))
    }

    /// The segments, from the top.
    pub fn segments(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(|segment| &*segment.name)
    }

    /// The path that leads to nothing: no caller can make it.
    pub(crate) fn none() -> Self {
        Self(Box::default())
    }

    pub(crate) fn steps(&self) -> &[Segment] {
        &self.0
    }
}

impl Segment {
    fn new(name: Box<str>) -> Self {
        let kept = (!json::is_plain(&name)).then(|| cursor::kept(&name).into_boxed_str());
        let index = index(&name);
        Self { name, kept, index }
    }

    /// The name of the field, as documents keep it.
    #[inline]
    pub(crate) fn kept(&self) -> &str {
        self.kept.as_deref().unwrap_or(&self.name)
    }

    /// The index of the item, if the segment can be one.
    #[inline]
    pub(crate) fn index(&self) -> Option<usize> {
        self.index
    }
}

/// A number in the one spelling that names an item: `01` and `+1` are names of fields only.
fn index(name: &str) -> Option<usize> {
    let plain = name.bytes().all(|byte| byte.is_ascii_digit()) && (name == "0" || !name.starts_with('0'));
    if plain { name.parse().ok() } else { None }
}

impl FromStr for FieldPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::parse(text)
    }
}

impl TryFrom<&str> for FieldPath {
    type Error = PathError;

    fn try_from(text: &str) -> Result<Self, PathError> {
        Self::parse(text)
    }
}

impl fmt::Display for FieldPath {
    /// Dotted text where that names the same path, else the list of segments as JSON.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dotted = self.segments().all(|name| !name.contains('.'));
        let separator = if dotted { "." } else { "," };
        formatter.write_str(if dotted { "" } else { "[" })?;
        for (number, segment) in self.0.iter().enumerate() {
            formatter.write_str(if number == 0 { "" } else { separator })?;
            if dotted {
                formatter.write_str(&segment.name)?;
            } else {
                write!(formatter, "\"{}\"", segment.kept())?;
            }
        }
        formatter.write_str(if dotted { "" } else { "]" })
    }
}

impl fmt::Debug for FieldPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.segments()).finish()
    }
}

impl Serialize for FieldPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.segments())
    }
}

impl<'de> Deserialize<'de> for FieldPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let segments = Vec::<Box<str>>::deserialize(deserializer)?;
        Self::from_segments(segments).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // A test may panic.

    use super::*;

    fn path(segments: &[&str]) -> FieldPath {
        FieldPath::from_segments(segments.iter().copied()).unwrap()
    }

    #[test]
    fn dotted_text_is_sugar_for_a_list() {
        assert_eq!(FieldPath::parse("address.city").unwrap(), path(&["address", "city"]));
        assert_eq!(FieldPath::parse("").unwrap(), path(&[""]));
        assert_eq!("a..b.".parse::<FieldPath>().unwrap(), path(&["a", "", "b", ""]));
        assert_ne!(FieldPath::parse("a.b").unwrap(), path(&["a.b"]));
    }

    #[test]
    fn what_is_displayed_names_one_path() {
        for (segments, text) in [
            (&["address", "city"][..], "address.city"),
            (&["a.b"], r#"["a.b"]"#),
            (&["a.b", "c\"\n", "é"], r#"["a.b","c\"\n","é"]"#),
            (&[""], ""),
        ] {
            assert_eq!(path(segments).to_string(), text);
        }
    }

    #[test]
    fn a_path_is_stored_as_a_list_and_comes_back() {
        let stored = serde_json::to_string(&path(&["a.b", "", "7", "\u{0}\"😀"])).unwrap();
        assert_eq!(stored, "[\"a.b\",\"\",\"7\",\"\\u0000\\\"😀\"]");
        assert_eq!(serde_json::from_str::<FieldPath>(&stored).unwrap(), path(&["a.b", "", "7", "\u{0}\"😀"]));
    }

    #[test]
    fn an_empty_list_and_a_long_one_are_refused() {
        assert_eq!(FieldPath::from_segments(<[&str; 0]>::default()), Err(PathError::Empty));
        assert!(FieldPath::from_segments(["0"; 32]).is_ok());
        assert_eq!(FieldPath::from_segments(["0"; 33]), Err(PathError::TooLong { max: 32 }));
        assert!(serde_json::from_str::<FieldPath>("[]").is_err());
        assert!(serde_json::from_str::<FieldPath>("\"a.b\"").is_err());
        assert!(serde_json::from_str::<FieldPath>("[1]").is_err());
    }

    #[test]
    fn only_the_plain_spelling_of_a_number_is_an_index() {
        let index = |name: &str| path(&[name]).steps()[0].index();
        assert_eq!([index("0"), index("7"), index("10")], [Some(0), Some(7), Some(10)]);
        for name in ["", "00", "01", "+1", "-1", "1.0", " 1", "1e2", "99999999999999999999999", "x"] {
            assert_eq!(index(name), None, "{name}");
        }
    }
}
