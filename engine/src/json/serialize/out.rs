//! Owns the bytes of a text while it is written. Never knows a limit, and never holds a half of a character.

use crate::json::escape;
use crate::json::number::Spelled;

/// A text that grows at its end. What lies behind it was written before and is written again.
pub(super) struct Out {
    bytes: Vec<u8>,
    len: usize,
}

impl Out {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self { bytes: vec![0; bytes], len: 0 }
    }

    pub(super) fn capacity(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    #[inline]
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(self.bytes()).expect("only whole texts were appended")
    }

    #[inline]
    pub(super) fn push(&mut self, text: &str) {
        self.room(text.len()).copy_from_slice(text.as_bytes());
        self.len += text.len();
    }

    #[inline]
    pub(super) fn push_number(&mut self, number: &Spelled) {
        let (bytes, len) = number.bytes();
        self.room(bytes.len()).copy_from_slice(bytes);
        self.len += len;
    }

    /// Appends a string as it is kept, in its quotes.
    #[inline]
    pub(super) fn push_string(&mut self, string: &str) {
        let end = string.len() + 1;
        let room = self.room(end + 1);
        (room[0], room[end]) = (b'"', b'"');
        if escape::copy_plain(string.as_bytes(), &mut room[1..]) {
            self.len += end + 1;
        } else {
            self.push_escaped(string);
        }
    }

    #[cold]
    fn push_escaped(&mut self, string: &str) {
        let mut escaped = String::with_capacity(string.len() + string.len() / 8 + 2);
        escaped.push('"');
        escape::push(&mut escaped, string);
        escaped.push('"');
        self.push(&escaped);
    }

    /// Room for so many bytes.
    #[inline]
    fn room(&mut self, bytes: usize) -> &mut [u8] {
        let end = self.len + bytes;
        if end > self.bytes.len() {
            self.grow(end);
        }
        &mut self.bytes[self.len..end]
    }

    #[cold]
    fn grow(&mut self, end: usize) {
        self.bytes.resize(end.max(2 * self.bytes.len()), 0);
    }
}
