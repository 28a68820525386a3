//! Owns a set of positions of records. Never knows what the records hold.

use super::format::{HEAD_BYTES, LOG_START};

/// No two records begin within so many bytes.
const GRAIN_BYTES: u64 = 32;
const _: () = assert!(HEAD_BYTES as u64 >= GRAIN_BYTES, "a record is at least as long as its head");

/// A set of positions of records in a log. It takes one bit for every 32 bytes of the log.
#[derive(Debug)]
pub(crate) struct Positions(Vec<u64>);

impl Positions {
    /// For positions below `end`.
    pub(crate) fn new(end: u64) -> Self {
        let bits = (end - LOG_START).div_ceil(GRAIN_BYTES);
        Self(vec![0; bits.div_ceil(u64::from(u64::BITS)) as usize])
    }

    pub(crate) fn insert(&mut self, position: u64) {
        let (word, bit) = Self::place(position);
        self.0[word] |= bit;
    }

    pub(crate) fn contains(&self, position: u64) -> bool {
        let (word, bit) = Self::place(position);
        self.0[word] & bit != 0
    }

    /// Takes a position out, and says whether it was there.
    pub(crate) fn remove(&mut self, position: u64) -> bool {
        let (word, bit) = Self::place(position);
        let was_there = self.0.get(word).is_some_and(|word| word & bit != 0);
        if was_there {
            self.0[word] &= !bit;
        }
        was_there
    }

    /// Where about the first position lies: a record begins within 32 bytes from there.
    pub(crate) fn first(&self) -> Option<u64> {
        let word = self.0.iter().position(|word| *word != 0)?;
        let number = word as u64 * u64::from(u64::BITS) + u64::from(self.0[word].trailing_zeros());
        Some(LOG_START + number * GRAIN_BYTES)
    }

    fn place(position: u64) -> (usize, u64) {
        let number = (position - LOG_START) / GRAIN_BYTES;
        ((number / u64::from(u64::BITS)) as usize, 1 << (number % u64::from(u64::BITS)))
    }
}
