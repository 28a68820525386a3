//! Owns the small value types that name things: keys, collections, sequences, positions and times. Never touches a disk or a map.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;

use serde::Serialize;
use smol_str::SmolStr;

/// The key of a document: any UTF-8 text, the empty one included. A clone never copies a long one, and keys of up to
/// 23 bytes need no allocation.
///
/// ```
/// use ferrumdb_engine::Key;
///
/// let key = Key::from("user:1");
/// assert_eq!(&*key, "user:1");
/// assert!(key.starts_with("user:"));
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(SmolStr);

impl Key {
    /// The key's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    pub(crate) fn small(&self) -> &SmolStr {
        &self.0
    }
}

impl Deref for Key {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Key {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self(SmolStr::from(text))
    }
}

impl From<SmolStr> for Key {
    fn from(text: SmolStr) -> Self {
        Self(text)
    }
}

impl From<String> for Key {
    fn from(text: String) -> Self {
        Self(SmolStr::from(text))
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.0.into()
    }
}

impl PartialEq<str> for Key {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Key {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), formatter)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The number of a collection. Numbers are never used twice; 0 is the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct CollectionId(pub u32);

impl CollectionId {
    /// The collection that is always there.
    pub const ROOT: Self = Self(0);
    /// The number that no collection ever has: it holds nothing.
    pub const NONE: Self = Self(u32::MAX);
}

/// The number of a commit: 1 for the first, and contiguous from there. 0 stands for the state before any commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Sequence(pub u64);

impl Sequence {
    /// The state before any commit.
    pub const ZERO: Self = Self(0);

    /// The number after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

impl From<Sequence> for u64 {
    fn from(sequence: Sequence) -> Self {
        sequence.0
    }
}

/// The last commit that is wanted of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpTo {
    /// The one of this number.
    Sequence(Sequence),
    /// The last one that was made at this time or before.
    Time(Timestamp),
}

impl fmt::Display for UpTo {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sequence(sequence) => write!(formatter, "commit {sequence}"),
            Self::Time(time) => write!(formatter, "the state at {} ms after 1970", time.0),
        }
    }
}

/// A moment, in milliseconds since 1 January 1970, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);
