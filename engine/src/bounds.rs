//! Owns the bounds of ranges of keys: which keys lie between two. Never holds a bound that no key could be compared with.

use std::ops::Bound;

use crate::index::entry_bytes;
use crate::index::value::IndexValue;

/// A range of keys, in the order of their UTF-8 bytes.
///
/// ```
/// use std::ops::Bound;
///
/// use ferrumdb_engine::KeyBounds;
///
/// let bounds = KeyBounds::new(Bound::Included("a"), Bound::Excluded("b"));
/// assert!(bounds.contain("a") && bounds.contain("az") && !bounds.contain("b"));
/// assert!(KeyBounds::prefix("é").contain("été"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyBounds {
    /// No key of the range is before the first of these, and every one is before the second; as bytes, since the place
    /// behind all that begins with a text is no text.
    start: Vec<u8>,
    end: Vec<u8>,
}

impl KeyBounds {
    /// The keys between two. If the end comes before the start, there are none.
    #[must_use]
    pub fn new(start: Bound<&str>, end: Bound<&str>) -> Self {
        let start = match start {
            Bound::Included(key) => key.as_bytes().to_vec(),
            Bound::Excluded(key) => behind(key),
            Bound::Unbounded => Vec::new(),
        };
        let end = match end {
            Bound::Included(key) => behind(key),
            Bound::Excluded(key) => key.as_bytes().to_vec(),
            Bound::Unbounded => vec![u8::MAX],
        };
        Self { start, end }
    }

    /// The keys that begin with a text.
    #[must_use]
    pub fn prefix(prefix: &str) -> Self {
        // No text holds this byte, so whatever begins with the prefix is before it.
        Self { start: prefix.as_bytes().to_vec(), end: [prefix.as_bytes(), &[u8::MAX]].concat() }
    }

    /// All keys.
    #[must_use]
    pub fn all() -> Self {
        Self::prefix("")
    }

    /// Whether a key lies in the range.
    #[must_use]
    pub fn contain(&self, key: &str) -> bool {
        *self.start <= *key.as_bytes() && *key.as_bytes() < *self.end
    }

    /// Those of the keys that come after this one, or, in reverse, before it.
    #[must_use]
    pub fn after(mut self, key: &str, reverse: bool) -> Self {
        if reverse {
            self.end = self.end.min(key.as_bytes().to_vec());
        } else {
            self.start = self.start.max(behind(key));
        }
        self
    }

    /// Those of the keys that come up to this one, or, in reverse, from there on.
    #[must_use]
    pub(crate) fn up_to(self, key: &str, reverse: bool) -> Self {
        if reverse {
            Self { start: key.as_bytes().to_vec(), ..self }
        } else {
            Self { end: behind(key), ..self }
        }
    }

    /// The same, of the entries of an order.
    pub(crate) fn entries(&self) -> (Vec<u8>, Vec<u8>) {
        let begin = entry_bytes(&IndexValue::NULL, "");
        ([&*begin, &*self.start].concat(), [&*begin, &*self.end].concat())
    }
}

/// The place right behind a key.
fn behind(key: &str) -> Vec<u8> {
    [key.as_bytes(), &[0]].concat()
}
