//! Owns the tokens of a JSON text: whitespace, strings, numbers, words. Never looks at how they nest, never allocates.

use super::escape;
use super::invalid;
use super::number::{self, NumberToken};
use crate::error::Result;

/// A place in a text, and the ways to go on from there.
pub(super) struct Scanner<'t> {
    text: &'t str,
    position: usize,
}

/// A string as it stands in a text: its bytes between the quotes.
#[derive(Clone, Copy, Debug)]
pub(super) struct StringToken {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) escapes: Escapes,
}

/// Which escapes a string holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escapes {
    /// None.
    None,
    /// Only such as are kept.
    Kept,
    /// Some that are kept in another spelling.
    Other,
}

/// The words of JSON.
#[derive(Clone, Copy, Debug)]
pub(super) enum Word {
    Null,
    True,
    False,
}

impl<'t> Scanner<'t> {
    pub(super) fn new(text: &'t str, position: usize) -> Self {
        Self { text, position }
    }

    #[inline]
    pub(super) fn position(&self) -> usize {
        self.position
    }

    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.position).copied()
    }

    /// Goes beyond the byte that [`Self::peek`] gave.
    #[inline]
    pub(super) fn advance(&mut self) {
        self.position += 1;
    }

    #[inline]
    pub(super) fn skip_whitespace(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.position += 1;
        }
    }

    /// The string whose opening quote is the next byte.
    #[inline]
    pub(super) fn string(&mut self) -> Result<StringToken> {
        let bytes = self.text.as_bytes();
        let start = self.position + 1;
        let mut at = start;
        let mut escapes = Escapes::None;
        loop {
            at = escape::plain_end(bytes, at);
            match bytes.get(at) {
                Some(b'"') => {
                    self.position = at + 1;
                    return Ok(StringToken { start, end: at, escapes });
                }
                Some(b'\\') => {
                    let escape = escape::read(bytes, at).map_err(|reason| invalid(at, reason))?;
                    if !escape.canonical {
                        escapes = Escapes::Other;
                    } else if escapes == Escapes::None {
                        escapes = Escapes::Kept;
                    }
                    at += escape.len;
                }
                Some(_) => {
                    return Err(invalid(at, "a control character stands in a string without an escape"));
                }
                None => return Err(invalid(at, "the text ends within a string")),
            }
        }
    }

    /// The number whose first byte is the next byte.
    #[inline]
    pub(super) fn number(&mut self) -> Result<NumberToken> {
        let token =
            number::scan(self.text, self.position).map_err(|(offset, reason)| invalid(offset, reason))?;
        self.position = token.end;
        Ok(token)
    }

    /// The word whose first letter is the next byte.
    #[inline]
    pub(super) fn word(&mut self) -> Result<Word> {
        let rest = &self.text.as_bytes()[self.position..];
        let (word, len) = if rest.starts_with(b"true") {
            (Word::True, 4)
        } else if rest.starts_with(b"false") {
            (Word::False, 5)
        } else if rest.starts_with(b"null") {
            (Word::Null, 4)
        } else {
            return Err(invalid(self.position, "a value cannot begin like this"));
        };
        self.position += len;
        Ok(word)
    }
}
