//! Owns the walk over a kept text, from a value to its parts, without a tree. Never checks what was checked when the
//! text was encoded, and never looks at a value that its caller did not ask for.

use std::borrow::Cow;

use serde_json::Number;

use crate::json;
use crate::options::Limits;

const ONES: u64 = u64::from_le_bytes([0x01; 8]);
const HIGHS: u64 = u64::from_le_bytes([0x80; 8]);

/// A place in the text of a stored document.
///
/// A file can be made to hold any text behind right checksums. Of one that is no document, the methods make something, but they
/// neither panic nor go round in circles: each one moves on, and at the end there is nothing.
pub(crate) struct Cursor<'t> {
    text: &'t str,
    position: usize,
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Null,
    Number,
    String,
    Object,
    Array,
    False,
    True,
}

impl<'t> Cursor<'t> {
    /// The place of the value that begins at this byte.
    #[inline]
    pub(crate) fn new(text: &'t str, position: usize) -> Self {
        Self { text, position }
    }

    /// The byte where the place is.
    #[inline]
    pub(crate) fn position(&self) -> usize {
        self.position
    }

    /// What begins here.
    #[inline]
    pub(crate) fn kind(&self) -> Kind {
        match self.peek() {
            Some(b'"') => Kind::String,
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'n') | None => Kind::Null,
            Some(b't') => Kind::True,
            Some(b'f') => Kind::False,
            Some(_) => Kind::Number,
        }
    }

    /// Goes into the array or object that begins here.
    #[inline]
    pub(crate) fn enter(&mut self) {
        self.position += 1;
    }

    /// Goes to the next value of the array that was entered, or beyond its end: then false.
    #[inline]
    pub(crate) fn next_item(&mut self) -> bool {
        let next = self.peek();
        if matches!(next, Some(b',' | b']')) {
            self.position += 1;
        }
        !matches!(next, None | Some(b']'))
    }

    /// Goes to the next value of the object that was entered, and gives its key as it is kept; or goes beyond the
    /// object's end.
    #[inline]
    pub(crate) fn next_key(&mut self) -> Option<&'t str> {
        match self.peek() {
            Some(b'}') => {
                self.position += 1;
                return None;
            }
            Some(b',') => self.position += 1,
            Some(_) => {}
            None => return None,
        }
        let key = self.kept_string();
        self.position += 1;
        Some(key)
    }

    /// The string that begins here, as it is kept: without quotes, with its escapes.
    #[inline]
    pub(crate) fn kept_string(&mut self) -> &'t str {
        let start = self.position + 1;
        self.skip_string();
        self.text.get(start..self.position - 1).unwrap_or_default()
    }

    /// The same, if it is kept without an escape; else the place stays.
    #[inline]
    pub(crate) fn plain_string(&mut self) -> Option<&'t str> {
        let start = self.position + 1;
        let end = string_stop(self.text.as_bytes(), start);
        if self.text.as_bytes().get(end) == Some(&b'\\') {
            return None;
        }
        self.position = end + 1;
        self.text.get(start..end)
    }

    /// The number that begins here.
    #[inline]
    pub(crate) fn number(&mut self) -> Number {
        let start = self.position;
        self.skip();
        let spelled = self.text.get(start..self.position).unwrap_or_default();
        if let Ok(unsigned) = spelled.parse::<u64>() {
            return unsigned.into();
        }
        if let Ok(signed) = spelled.parse::<i64>() {
            return signed.into();
        }
        spelled.parse().ok().and_then(Number::from_f64).unwrap_or_else(|| 0.into())
    }

    /// Goes beyond the value that begins here.
    #[inline]
    pub(crate) fn skip(&mut self) {
        match self.kind() {
            Kind::String => self.skip_string(),
            Kind::Array | Kind::Object => self.skip_container(),
            Kind::Number | Kind::Null | Kind::False | Kind::True => {
                self.position += 1;
                while !matches!(self.peek(), None | Some(b',' | b']' | b'}')) {
                    self.position += 1;
                }
            }
        }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.position).copied()
    }

    #[inline]
    fn skip_string(&mut self) {
        let bytes = self.text.as_bytes();
        let mut end = string_stop(bytes, self.position + 1);
        while bytes.get(end) == Some(&b'\\') {
            end = string_stop(bytes, end + 2);
        }
        self.position = end + 1;
    }

    fn skip_container(&mut self) {
        let mut depth = 0_usize;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.skip_string();
                    continue;
                }
                Some(b'[' | b'{') => depth += 1,
                Some(b']' | b'}') => depth -= 1,
                Some(_) => {}
                None => return,
            }
            self.position += 1;
            if depth == 0 {
                return;
            }
        }
    }
}

impl Clone for Cursor<'_> {
    fn clone(&self) -> Self {
        Self::new(self.text, self.position())
    }
}

/// Where the next quote or backslash is, eight bytes at a time.
#[inline]
fn string_stop(bytes: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*chunk);
        let (quote, backslash) = (word ^ (ONES * u64::from(b'"')), word ^ (ONES * u64::from(b'\\')));
        // The lowest mark is right; those above it may be wrong.
        let marks = (quote.wrapping_sub(ONES) & !quote | backslash.wrapping_sub(ONES) & !backslash) & HIGHS;
        if marks != 0 {
            return at + (marks.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while !matches!(bytes.get(at), None | Some(b'"' | b'\\')) {
        at += 1;
    }
    at
}

/// The string that a kept one stands for.
pub(crate) fn decode(kept: &str) -> Cow<'_, str> {
    if !kept.as_bytes().contains(&b'\\') {
        return Cow::Borrowed(kept);
    }
    json::parse_as(&format!("\"{kept}\"")).map_or(Cow::Borrowed(kept), Cow::Owned)
}

/// A string as documents keep it.
pub(crate) fn kept(string: &str) -> String {
    let most = Limits { document_bytes_max: usize::MAX, ..Limits::default() }.clamped();
    let quoted = json::from_serialize(string, &most).expect("a string of less than 1 GiB can be kept");
    quoted[1..quoted.len() - 1].to_owned()
}
