//! Owns strict JSON: what is kept, how it is spelled, and how it is read back. Never keeps a document that it could
//! not give back exactly.
//!
//! The kept form is compact: no whitespace, the shortest escapes, keys in the order given, numbers as spelled. Two
//! texts of one string are therefore equal byte for byte, and keys can be compared without decoding them.

mod compact;
mod escape;
mod keys;
mod number;
mod scanner;
mod serialize;
mod text;
mod value;

#[cfg(test)]
mod tests;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::options::Limits;

/// Encodes any value that serde can serialise.
pub(crate) fn from_serialize<T: Serialize + ?Sized>(value: &T, limits: &Limits) -> Result<Box<str>> {
    serialize::to_text(value, limits.clamped())
}

/// Checks a text and makes it compact. Beside the result, which is never longer than the text, memory grows only with
/// the keys of the objects that are open at one time: 16 bytes for each, doubled as a list grows.
pub(crate) fn from_text(text: &[u8], limits: &Limits) -> Result<Box<str>> {
    let text = std::str::from_utf8(text)
        .map_err(|error| invalid(error.valid_up_to(), "the text is not UTF-8 from here on"))?;
    let mut out = String::new();
    compact::append(text, &mut out, 0, &limits.clamped())?;
    Ok(out.into_boxed_str())
}

/// The tree of a text that this module encoded; of any other, a string of it.
pub(crate) fn parse(text: &str) -> Value {
    value::build(text).unwrap_or_else(|_| Value::from(text))
}

/// A text that this module encoded, as a value of type `T`.
pub(crate) fn parse_as<T: DeserializeOwned>(text: &str) -> serde_json::Result<T> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    // The depth was limited when the text was encoded; the reader's own limit would refuse what the options allow.
    deserializer.disable_recursion_limit();
    let value = T::deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// Whether a string is kept without an escape.
pub(crate) fn is_plain(string: &str) -> bool {
    escape::plain_end(string.as_bytes(), 0) == string.len()
}

#[cold]
fn invalid(offset: usize, reason: &'static str) -> Error {
    Error::InvalidJson { offset, reason }
}
