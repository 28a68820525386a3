//! Owns what must hold for every text that is given as a document. Never knows how texts are read.

use ferrumdb_engine::{EncodedDocument, Error, Limits};
use serde::Deserialize;
use serde_json::Value;

use crate::memory::Bound;

/// A text that is taken comes back exactly, and which ones are taken is what `serde_json` says, but for what is refused on
/// purpose: keys that stand twice, integers beyond 64 bits, and what is too deep.
///
/// # Panics
/// When that is not so.
pub fn json(data: &[u8]) {
    let _bound = Bound::of(data.len());
    let theirs = parse(data);
    match (EncodedDocument::from_json(data, &Limits::default()), theirs) {
        (Ok(ours), Ok(theirs)) => comes_back(data, &ours, &theirs),
        (Err(Error::InvalidJson { offset, reason }), Ok(_)) => {
            assert!(offset < data.len(), "{reason} at {offset} of {}", data.len());
            assert!(reason.contains("second time") || reason.contains("this integer is outside"), "{reason}");
        }
        (Err(Error::InvalidJson { offset, .. }), Err(_)) => assert!(offset <= data.len()),
        (Err(Error::TooDeep { .. }), _) => {
            assert!(data.iter().filter(|byte| b"[{".contains(byte)).count() > 128)
        }
        (ours, theirs) => panic!("ours: {ours:?}\ntheirs: {theirs:?}"),
    }
}

/// What the other reader says, without its limit of depth: inputs are too short to need one.
fn parse(text: &[u8]) -> serde_json::Result<Value> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    deserializer.disable_recursion_limit();
    let value = Value::deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

fn comes_back(given: &[u8], ours: &EncodedDocument, theirs: &Value) {
    let text = ours.as_str();
    assert!(text.len() <= given.len(), "the kept text is the longer one");
    let again = EncodedDocument::from_json(text.as_bytes(), &Limits::default());
    assert_eq!(again.as_ref().map(EncodedDocument::as_str).ok(), Some(text), "a kept text is kept as it is");
    assert!(numbers(given).eq(numbers(text.as_bytes())), "numbers keep their spelling");
    let back = parse(text.as_bytes()).expect("a kept text is a text");
    assert_eq!(&back, theirs);
    // Two objects are equal whatever the order of their keys; their texts are not.
    assert_eq!(back.to_string(), theirs.to_string());
    let encoded =
        EncodedDocument::from_serialize(theirs, &Limits::default()).expect("what was read can be kept");
    assert_eq!(encoded.as_str(), theirs.to_string());
}

/// The spellings of the numbers of a text.
fn numbers(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut in_string, mut is_escaped) = (false, false);
    text.split(move |byte| {
        if in_string {
            (in_string, is_escaped) = (*byte != b'"' || is_escaped, *byte == b'\\' && !is_escaped);
            return true;
        }
        in_string = *byte == b'"';
        !(byte.is_ascii_digit() || b"+-.".contains(byte) || byte.eq_ignore_ascii_case(&b'e'))
    })
    .filter(|token| token.first().is_some_and(|byte| *byte == b'-' || byte.is_ascii_digit()))
}
