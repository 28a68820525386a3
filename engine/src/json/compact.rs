//! Owns the way from a text as given to the text as kept. Never changes what a text means.

use super::escape;
use super::invalid;
use super::keys::{Duplicate, Keys, Mark};
use super::number::NumberToken;
use super::scanner::{Escapes, StringToken, Word};
use super::text::{self, Container, Sink};
use crate::error::{Error, Result};
use crate::options::Limits;

/// Appends `text` to `out` as it is kept. It stands `depth` levels deep in what `out` holds already.
pub(super) fn append(text: &str, out: &mut String, depth: usize, limits: &Limits) -> Result<()> {
    let bytes_max = limits.document_bytes_max;
    let mut compactor = Compactor { text, run: 0, out, keys: Keys::new(), objects: Vec::new(), bytes_max };
    text::walk(text, limits.depth_max.saturating_sub(depth), limits.depth_max, &mut compactor)?;
    compactor.flush(text.len())
}

struct Compactor<'t> {
    text: &'t str,
    /// Where the text begins that is kept as it stands and was not appended yet.
    run: usize,
    out: &'t mut String,
    keys: Keys,
    objects: Vec<Mark>,
    bytes_max: usize,
}

impl Compactor<'_> {
    /// Appends the text up to `end`, as it stands.
    #[inline]
    fn flush(&mut self, end: usize) -> Result<()> {
        self.check_size(end)?;
        if self.out.capacity() == 0 {
            self.out.reserve_exact((self.text.len() - self.run).min(self.bytes_max));
        }
        self.out.push_str(&self.text[self.run..end]);
        self.run = end;
        Ok(())
    }

    /// Refuses a document that is too large with the text up to `end`.
    #[inline]
    fn check_size(&self, end: usize) -> Result<()> {
        let len = self.out.len() + (end - self.run);
        if len > self.bytes_max { Err(too_large(len, self.bytes_max)) } else { Ok(()) }
    }

    /// Appends a string in the spelling that is kept, up to its closing quote.
    #[cold]
    fn respell(&mut self, token: StringToken) -> Result<()> {
        let bytes = self.text.as_bytes();
        let mut at = token.start;
        while at < token.end {
            let plain = escape::plain_end(bytes, at).min(token.end);
            if plain == token.end {
                break;
            }
            let escape = escape::read(bytes, plain).map_err(|reason| invalid(plain, reason))?;
            at = plain + escape.len;
            if !escape.canonical {
                self.flush(plain)?;
                escape::push_char(self.out, escape.character);
                self.run = at;
            }
        }
        self.flush(token.end)
    }
}

impl Sink for Compactor<'_> {
    #[inline]
    fn whitespace(&mut self, start: usize, end: usize) -> Result<()> {
        self.flush(start)?;
        self.run = end;
        Ok(())
    }

    #[inline]
    fn open(&mut self, container: Container, at: usize) -> Result<()> {
        if container == Container::Object {
            self.objects.push(self.keys.open());
        }
        self.check_size(at)
    }

    #[inline]
    fn close(&mut self, container: Container, _at: usize) -> Result<()> {
        if container == Container::Array {
            return Ok(());
        }
        let object = self.objects.pop().expect("the walk closes only what it opened");
        self.keys.close(object, self.text.as_bytes()).map_err(twice)
    }

    #[inline]
    fn key(&mut self, token: StringToken) -> Result<()> {
        let object = *self.objects.last().expect("the walk gives keys only within an object");
        let kept = if token.escapes == Escapes::Other {
            self.flush(token.start)?;
            let start = self.out.len();
            self.respell(token)?;
            &self.out[start..]
        } else {
            &self.text[token.start..token.end]
        };
        self.keys.add(object, kept.as_bytes(), self.text.as_bytes(), token.start).map_err(twice)?;
        self.check_size(token.end)
    }

    #[inline]
    fn string(&mut self, token: StringToken) -> Result<()> {
        if token.escapes == Escapes::Other { self.respell(token) } else { Ok(()) }
    }

    #[inline]
    fn number(&mut self, _token: NumberToken) -> Result<()> {
        Ok(())
    }

    #[inline]
    fn word(&mut self, _word: Word) -> Result<()> {
        Ok(())
    }
}

#[cold]
fn twice(Duplicate(at): Duplicate) -> Error {
    invalid(at, "this key stands in its object for the second time")
}

#[cold]
fn too_large(len: usize, max: usize) -> Error {
    Error::DocumentTooLarge { len, max }
}
