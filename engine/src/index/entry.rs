//! Owns the entries of an index and their bytes: comparing the bytes of two entries compares their values, and then
//! their keys. Never holds more of an entry than a value and a key.

use std::cmp::Ordering;

use super::ordered::Item;
use super::value::IndexValue;
use crate::key::Key;

/// Stands behind a value that is whole; below everything that a longer value has there.
const WHOLE: u8 = 0x00;
/// Stands behind a value that was cut, and then for the end of all keys: no key holds it.
const CUT: u8 = 0xFF;
const END: u8 = 0xFF;

/// One document at one of its values.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct IndexEntry {
    /// The value.
    pub(crate) value: IndexValue,
    /// The document.
    pub(crate) key: Key,
}

/// The bytes of an entry, in memory that may be used again.
#[derive(Debug, Default)]
pub(super) struct EntryBytes {
    bytes: Vec<u8>,
    split: usize,
}

/// The bytes that lie around all entries with one value.
pub(super) struct ValueBounds {
    len: usize,
    /// The bytes, if they fit: nearly always.
    short: [u8; SHORT],
    long: Vec<u8>,
}

const SHORT: usize = 64;

impl IndexEntry {
    /// How many bytes an entry has.
    pub(super) fn len_of(value: &IndexValue, key: &Key) -> usize {
        value.as_bytes().len() + 1 + key.len()
    }

    /// The entry with these bytes.
    pub(crate) fn from_item(item: Item<'_>) -> Self {
        let (mark, value) = item.first().split_last().expect("a value has a mark");
        let value = IndexValue::from_stored(value, *mark == CUT).expect("the value was one before");
        Self { value, key: key_of(item) }
    }
}

/// How an entry lies to these bytes of one, or to a place between two.
pub(super) fn compare(entry: &IndexEntry, bytes: &[u8]) -> Ordering {
    let value = entry.value.as_bytes();
    match bytes.split_at_checked(value.len()) {
        Some((head, [marked, key @ ..])) => {
            let order = value.cmp(head).then_with(|| mark(&entry.value).cmp(marked));
            order.then_with(|| entry.key.as_bytes().cmp(key))
        }
        // There is more of the entry than of the bytes.
        _ => value.cmp(bytes).then(Ordering::Greater),
    }
}

/// The bytes of the entry of a key at a value, if a place before it is wanted; with one more, of the place behind it.
pub(crate) fn entry_bytes(value: &IndexValue, key: &str) -> Vec<u8> {
    [value.as_bytes(), &[mark(value)], key.as_bytes()].concat()
}

/// The key of an entry.
#[inline]
pub(crate) fn key_of(item: Item<'_>) -> Key {
    Key::from(std::str::from_utf8(item.second()).expect("the key was a string before"))
}

impl EntryBytes {
    /// Makes it those of another entry.
    pub(super) fn set(&mut self, value: &IndexValue, key: &Key) -> Item<'_> {
        self.bytes.clear();
        self.bytes.extend_from_slice(value.as_bytes());
        self.bytes.push(mark(value));
        self.split = self.bytes.len();
        self.bytes.extend_from_slice(key.as_str().as_bytes());
        self.item()
    }

    /// The entry.
    pub(super) fn item(&self) -> Item<'_> {
        Item { bytes: &self.bytes, split: self.split }
    }
}

impl ValueBounds {
    pub(super) fn new(value: &IndexValue) -> Self {
        let bytes = value.as_bytes();
        let (len, marks) = (bytes.len() + 2, [mark(value), END]);
        let (mut short, mut long) = ([0; SHORT], Vec::new());
        match short.get_mut(..len).and_then(|short| short.split_at_mut_checked(bytes.len())) {
            Some((start, end)) => {
                start.copy_from_slice(bytes);
                end.copy_from_slice(&marks);
            }
            None => long = [bytes, &marks].concat(),
        }
        Self { len, short, long }
    }

    /// No entry with a smaller value reaches it, none with this one or a larger lies before it.
    pub(super) fn start(&self) -> &[u8] {
        &self.end()[..self.len - 1]
    }

    /// As [`ValueBounds::start`], behind the entries with this value.
    pub(super) fn end(&self) -> &[u8] {
        self.short.get(..self.len).unwrap_or(&self.long)
    }
}

fn mark(value: &IndexValue) -> u8 {
    if value.is_exact() { WHOLE } else { CUT }
}
