//! Owns a document as it is kept: compact JSON text, parsed at most once. Never changes a stored document.

use std::fmt;
use std::sync::OnceLock;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use triomphe::{Arc, HeaderSlice};

use crate::error::{Error, Result};
use crate::json;
use crate::key::Sequence;
use crate::options::Limits;

/// A document that was read: its JSON text, and the number of the commit that wrote it.
///
/// A clone shares the text and its parsed form. The text is compact; every integer from `i64::MIN` to `u64::MAX`
/// and every finite float in it is spelled as it was given, and keys stand in the order in which they were given.
#[derive(Clone)]
pub struct Document(Arc<HeaderSlice<Header, str>>);

/// What stands before the text: in one allocation with it, and short, so that a read waits for memory once.
struct Header {
    version: Sequence,
    parsed: OnceLock<Box<Value>>,
}

impl Document {
    pub(crate) fn new(json: &str, version: Sequence) -> Self {
        Self(Arc::from_header_and_str(Header { version, parsed: OnceLock::new() }, json))
    }

    /// The JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0.slice
    }

    /// The JSON text as bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.slice.as_bytes()
    }

    /// The number of the commit that wrote this document.
    #[must_use]
    pub fn version(&self) -> Sequence {
        self.0.header.version
    }

    /// The parsed document. The first call parses, later calls on this document or a clone of it do not.
    ///
    /// If somebody has made the file hold a text that is no document, behind right checksums, this is a string of that text.
    /// No writer does; [`Self::to`] tells it by an error, and a verification finds it.
    #[must_use]
    pub fn value(&self) -> &Value {
        self.0.header.parsed.get_or_init(|| Box::new(json::parse(self.as_str())))
    }

    /// The document as a value of type `T`, straight from the text.
    ///
    /// A type that can hold itself takes some stack for each level of nesting; [`Self::value`] does not.
    ///
    /// # Errors
    /// [`Error::TypeMismatch`] when the document does not have that shape.
    pub fn to<T: DeserializeOwned>(&self) -> Result<T> {
        json::parse_as(self.as_str()).map_err(|error| Error::TypeMismatch { reason: error.to_string() })
    }
}

impl PartialEq for Document {
    fn eq(&self, other: &Self) -> bool {
        // Texts may differ in the spelling of a number or the order of keys and still be equal as values.
        self.as_str() == other.as_str() || self.value() == other.value()
    }
}

impl PartialEq<Value> for Document {
    fn eq(&self, other: &Value) -> bool {
        self.value() == other
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Document({}, version {})", self.as_str(), self.version())
    }
}

impl fmt::Display for Document {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A document that is ready to be stored: checked, and compact.
///
/// ```
/// use ferrumdb_engine::{EncodedDocument, Limits};
///
/// let limits = Limits::default();
/// let given = EncodedDocument::from_json(br#"{ "price": 1.50, "name": "caf\u00e9" }"#, &limits)?;
/// assert_eq!(given.as_str(), r#"{"price":1.50,"name":"café"}"#);
///
/// let refused = EncodedDocument::from_serialize(&[1.0, f64::NAN], &limits).unwrap_err();
/// assert!(refused.to_string().starts_with("the value at $[1] cannot be stored"));
/// # Ok::<(), ferrumdb_engine::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedDocument(Box<str>);

impl EncodedDocument {
    /// Encodes any value that serde can serialise.
    ///
    /// # Errors
    /// [`Error::NotSerializable`] for NaN, infinities, integers beyond `i64::MIN..=u64::MAX`, keys that are not
    /// strings, and an object that holds one key twice; [`Error::TooDeep`] and [`Error::DocumentTooLarge`].
    pub fn from_serialize<T: Serialize + ?Sized>(value: &T, limits: &Limits) -> Result<Self> {
        json::from_serialize(value, limits).map(Self)
    }

    /// Checks a JSON text and makes it compact. Numbers keep their spelling.
    ///
    /// # Errors
    /// [`Error::InvalidJson`] when it is not strict JSON, is not UTF-8, escapes a lone surrogate, holds one key twice
    /// in an object, or a number that cannot be kept exactly; [`Error::TooDeep`] and [`Error::DocumentTooLarge`].
    pub fn from_json(text: &[u8], limits: &Limits) -> Result<Self> {
        json::from_text(text, limits).map(Self)
    }

    /// The compact JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The document as a transaction shows it that has not been committed: of version 0.
    pub(crate) fn uncommitted(&self) -> Document {
        Document::new(self.as_str(), Sequence::ZERO)
    }

    /// The length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Always false: no JSON text is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // A test may panic.

    use super::*;

    #[test]
    fn a_text_that_no_writer_has_stored_is_a_string_of_itself() {
        let deep = format!("{}1{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
        for text in ["", "{\"a\":", "1 2", "[1,,2]", "NaN", "\u{feff}1", deep.as_str()] {
            let document = Document::new(text, Sequence(1));
            assert_eq!(document.value(), &Value::from(text));
            assert_eq!(document, document.clone());
            if text.len() < 100 {
                assert!(matches!(document.to::<Value>(), Err(Error::TypeMismatch { .. })), "{text}");
            }
        }
        assert_eq!(Document::new("[1]", Sequence(1)).value(), &serde_json::json!([1]));
    }
}
