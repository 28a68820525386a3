//! Owns the bytes of index keys: how a kept JSON value is spelled so that comparing bytes compares values. Never
//! recurses deeper than a document may be nested, and reads each byte of a value once.
//!
//! A value is a byte for its kind, then its content. Within arrays and objects each part ends before the next begins: a
//! number has ten bytes, a string ends with a zero, an array or object with another. The order of kinds is that of
//! their bytes, all of them above the zero.

use std::ops::Range;

use serde_json::Number;

use super::cursor::{self, Cursor, Kind};

const END: u8 = 0x00;
/// A key and its value follow.
const PAIR: u8 = 0x01;
/// Stands before the bytes 0 and 1 of a string, raised by one.
const ESCAPE: u8 = 0x01;
pub(super) const NULL: u8 = 0x10;
pub(super) const NUMBER: u8 = 0x20;
pub(super) const STRING: u8 = 0x30;
pub(super) const OBJECT: u8 = 0x40;
pub(super) const ARRAY: u8 = 0x50;
pub(super) const FALSE: u8 = 0x60;
pub(super) const TRUE: u8 = 0x61;
/// All that a key begins with.
pub(super) const KINDS: [u8; 7] = [NULL, NUMBER, STRING, OBJECT, ARRAY, FALSE, TRUE];

/// Every integer up to here has a float of its own.
const EXACT_MAX: u64 = 1 << 53;

/// Writes keys. What it writes is right up to `limit` bytes; it may write more, and then has left something out.
pub(super) struct Encoder {
    out: Vec<u8>,
}

impl Encoder {
    /// The key of the value at the cursor, which goes beyond it.
    pub(super) fn value(cursor: &mut Cursor<'_>, limit: usize) -> Vec<u8> {
        if cursor.kind() == Kind::String {
            return Self::string(cursor.kept_string(), limit);
        }
        let mut encoder = Self { out: Vec::new() };
        encoder.append_value(cursor, limit);
        encoder.finish(limit)
    }

    /// The key of a string that is a whole value: nothing follows it, so nothing ends it.
    pub(super) fn string(kept: &str, limit: usize) -> Vec<u8> {
        let mut encoder = Self { out: Vec::with_capacity(limit.min(kept.len() + 1)) };
        encoder.out.push(STRING);
        encoder.append_content(kept, limit);
        encoder.finish(limit)
    }

    fn finish(mut self, limit: usize) -> Vec<u8> {
        self.out.truncate(limit);
        self.out
    }

    fn append_value(&mut self, cursor: &mut Cursor<'_>, limit: usize) {
        let kind = cursor.kind();
        self.out.push(match kind {
            Kind::Null => NULL,
            Kind::Number => NUMBER,
            Kind::String => STRING,
            Kind::Object => OBJECT,
            Kind::Array => ARRAY,
            Kind::False => FALSE,
            Kind::True => TRUE,
        });
        match kind {
            Kind::Null | Kind::False | Kind::True => cursor.skip(),
            Kind::Number => self.out.extend(number(&cursor.number())),
            Kind::String => self.append_string(cursor.kept_string(), limit),
            Kind::Object => self.append_pairs(cursor, limit),
            Kind::Array => {
                cursor.enter();
                while cursor.next_item() {
                    if self.out.len() < limit { self.append_value(cursor, limit) } else { cursor.skip() }
                }
                self.out.push(END);
            }
        }
    }

    /// Appends the pairs of an object in the order of their keys. Any of them may turn out to be the first, so each is
    /// written as far as it could be needed.
    fn append_pairs(&mut self, cursor: &mut Cursor<'_>, limit: usize) {
        let start = self.out.len();
        let room = limit.saturating_sub(start);
        let mut pairs: Vec<Range<usize>> = Vec::new();
        let mut sorted = true;
        cursor.enter();
        while let Some(key) = cursor.next_key() {
            let begin = self.out.len();
            let limit = begin.saturating_add(room);
            self.out.push(PAIR);
            self.append_string(key, limit);
            if self.out.len() < limit {
                self.append_value(cursor, limit)
            } else {
                cursor.skip()
            }
            let before = pairs.last().cloned().unwrap_or_default();
            sorted &= self.out[before] <= self.out[begin..];
            pairs.push(begin..self.out.len());
        }
        if !sorted {
            pairs.sort_by(|left, right| self.out[left.clone()].cmp(&self.out[right.clone()]));
            let mut ordered = Vec::with_capacity(room.min(self.out.len() - start));
            for pair in pairs {
                if ordered.len() >= room {
                    break;
                }
                ordered.extend_from_slice(&self.out[pair]);
            }
            self.out.truncate(start);
            self.out.append(&mut ordered);
        }
        self.out.push(END);
    }

    /// Appends a string that something may follow.
    fn append_string(&mut self, kept: &str, limit: usize) {
        self.append_content(kept, limit);
        if self.out.len() < limit {
            self.out.push(END);
        }
    }

    fn append_content(&mut self, kept: &str, limit: usize) {
        let room = limit.saturating_sub(self.out.len());
        if !kept.as_bytes().contains(&b'\\') {
            // Without an escape there is no control character in a kept string.
            self.out.extend_from_slice(&kept.as_bytes()[..kept.len().min(room)]);
            return;
        }
        for &byte in cursor::decode(kept).as_bytes() {
            if self.out.len() >= limit {
                break;
            }
            if is_escaped(byte) {
                self.out.extend([ESCAPE, byte + 1]);
            } else {
                self.out.push(byte);
            }
        }
    }
}

/// Whether a byte of a string is spelled as two.
#[inline]
pub(super) fn is_escaped(byte: u8) -> bool {
    byte <= ESCAPE
}

/// A number as ten bytes: the largest float that is not above it, and what is missing from there.
pub(super) fn number(number: &Number) -> [u8; 10] {
    let (float, rest) = match (number.as_u64(), number.as_i64()) {
        (Some(unsigned), _) if unsigned <= EXACT_MAX => (unsigned as f64, 0),
        (_, Some(signed)) if signed.unsigned_abs() <= EXACT_MAX => (signed as f64, 0),
        (Some(unsigned), _) => split(i128::from(unsigned)),
        (None, Some(signed)) => split(i128::from(signed)),
        // A zero has one key: adding the positive one makes it of the negative one.
        (None, None) => (number.as_f64().expect("a number is an integer or a float") + 0.0, 0),
    };
    let bits = float.to_bits();
    let sortable = if float.is_sign_negative() { !bits } else { bits | 1 << 63 };
    let mut bytes = [0; 10];
    bytes[..8].copy_from_slice(&sortable.to_be_bytes());
    bytes[8..].copy_from_slice(&rest.to_be_bytes());
    bytes
}

fn split(integer: i128) -> (f64, u16) {
    let nearest = integer as f64;
    let below = if nearest as i128 > integer { nearest.next_down() } else { nearest };
    let rest = u16::try_from(integer - below as i128);
    (below, rest.expect("two neighbouring floats below 2^64 are at most 2,048 apart"))
}
