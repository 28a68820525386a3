//! Owns the grammar of a JSON text: one walk without recursion, which tells a sink what it meets. Never builds
//! anything itself.

use super::invalid;
use super::number::NumberToken;
use super::scanner::{Scanner, StringToken, Word};
use crate::error::{Error, Result};

/// What makes something of a text while it is walked. Every position is a byte of the text.
pub(super) trait Sink {
    /// Whitespace from `start` to `end`.
    fn whitespace(&mut self, start: usize, end: usize) -> Result<()>;
    /// An array or an object begins; the bracket is at `at`.
    fn open(&mut self, container: Container, at: usize) -> Result<()>;
    /// The innermost one ends; the bracket is at `at`.
    fn close(&mut self, container: Container, at: usize) -> Result<()>;
    /// The key of the next value.
    fn key(&mut self, token: StringToken) -> Result<()>;
    /// A string value.
    fn string(&mut self, token: StringToken) -> Result<()>;
    /// A number.
    fn number(&mut self, token: NumberToken) -> Result<()>;
    /// `null`, `true` or `false`.
    fn word(&mut self, word: Word) -> Result<()>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Container {
    Array,
    Object,
}

/// Walks the whole of `text`, which must be one value, at most `levels` deep. `depth_max` is what the error tells.
pub(super) fn walk(text: &str, levels: usize, depth_max: usize, sink: &mut impl Sink) -> Result<()> {
    let mut walk = Walk { scanner: Scanner::new(text, 0), open: Vec::new(), levels, depth_max, sink };
    if text.starts_with('\u{feff}') {
        return Err(invalid(0, "the text begins with a byte order mark; leave it out"));
    }
    while walk.value()? {}
    match walk.scanner.peek() {
        None => Ok(()),
        Some(_) => Err(invalid(walk.scanner.position(), "something follows the end of the value")),
    }
}

struct Walk<'t, 's, S> {
    scanner: Scanner<'t>,
    open: Vec<Container>,
    levels: usize,
    depth_max: usize,
    sink: &'s mut S,
}

impl<S: Sink> Walk<'_, '_, S> {
    /// Reads one value, or its beginning, and what follows it. True if another value must follow.
    #[inline]
    fn value(&mut self) -> Result<bool> {
        self.skip_whitespace()?;
        match self.scanner.peek() {
            Some(b'"') => {
                let token = self.scanner.string()?;
                self.sink.string(token)?;
            }
            Some(b'-' | b'0'..=b'9') => {
                let token = self.scanner.number()?;
                self.sink.number(token)?;
            }
            Some(b'{') => {
                if self.begin(Container::Object, b'}')? {
                    self.key()?;
                    return Ok(true);
                }
            }
            Some(b'[') => {
                if self.begin(Container::Array, b']')? {
                    return Ok(true);
                }
            }
            Some(_) => {
                let word = self.scanner.word()?;
                self.sink.word(word)?;
            }
            None => return Err(invalid(self.scanner.position(), "the text ends where a value should stand")),
        }
        self.after_value()
    }

    /// Opens a container. False if it is empty, and closed again.
    #[inline]
    fn begin(&mut self, container: Container, closing: u8) -> Result<bool> {
        if self.open.len() >= self.levels {
            return Err(Error::TooDeep { max: self.depth_max });
        }
        self.sink.open(container, self.scanner.position())?;
        self.scanner.advance();
        self.skip_whitespace()?;
        if self.scanner.peek() == Some(closing) {
            self.sink.close(container, self.scanner.position())?;
            self.scanner.advance();
            return Ok(false);
        }
        self.open.push(container);
        Ok(true)
    }

    /// Reads the commas and brackets after a value. True if another value must follow.
    #[inline]
    fn after_value(&mut self) -> Result<bool> {
        loop {
            self.skip_whitespace()?;
            let Some(&container) = self.open.last() else { return Ok(false) };
            match (self.scanner.peek(), container) {
                (Some(b','), Container::Array) => {
                    self.scanner.advance();
                    return Ok(true);
                }
                (Some(b','), Container::Object) => {
                    self.scanner.advance();
                    self.skip_whitespace()?;
                    self.key()?;
                    return Ok(true);
                }
                (Some(b']'), Container::Array) | (Some(b'}'), Container::Object) => {
                    self.sink.close(container, self.scanner.position())?;
                    self.scanner.advance();
                    self.open.pop();
                }
                (found, _) => return Err(self.no_separator(container, found.is_none())),
            }
        }
    }

    /// Reads a key and its colon.
    #[inline]
    fn key(&mut self) -> Result<()> {
        if self.scanner.peek() != Some(b'"') {
            return Err(invalid(self.scanner.position(), "a key in double quotes should stand here"));
        }
        let token = self.scanner.string()?;
        self.sink.key(token)?;
        self.skip_whitespace()?;
        if self.scanner.peek() != Some(b':') {
            return Err(invalid(self.scanner.position(), "a colon should stand here"));
        }
        self.scanner.advance();
        Ok(())
    }

    #[inline]
    fn skip_whitespace(&mut self) -> Result<()> {
        let start = self.scanner.position();
        self.scanner.skip_whitespace();
        let end = self.scanner.position();
        if start == end { Ok(()) } else { self.sink.whitespace(start, end) }
    }

    #[cold]
    fn no_separator(&self, container: Container, ended: bool) -> Error {
        let reason = match (container, ended) {
            (Container::Array, true) => "the text ends within an array",
            (Container::Object, true) => "the text ends within an object",
            (Container::Array, false) => "a comma or ] should stand here",
            (Container::Object, false) => "a comma or } should stand here",
        };
        invalid(self.scanner.position(), reason)
    }
}
