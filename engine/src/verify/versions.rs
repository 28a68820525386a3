//! Owns the question whether each record names the one before it of its key. Never holds more than one bit for every 32
//! bytes of the log, and a fixed table.

use ahash::RandomState;

use crate::key::CollectionId;
use crate::log::{LOG_START, Positions};

/// The sums that tell whether names and records belong to the same keys are kept for so many parts of the log.
const PARTS: u64 = 1024;

/// The records that are not the newest of their key, and are not named by a later one yet.
#[derive(Debug)]
pub(super) struct Versions {
    waiting: Positions,
    end: u64,
    /// For each part of the log, the sum over its records that are not the newest of their key, less the sum over the
    /// names by which later records call them. Of a record and its name the position and the key count.
    sums: Vec<u64>,
    hasher: RandomState,
}

impl Versions {
    /// For a log that ends at `end`.
    pub(super) fn new(end: u64) -> Self {
        let end = end.max(LOG_START);
        Self { waiting: Positions::new(end), end, sums: vec![0; PARTS as usize], hasher: RandomState::new() }
    }

    /// Takes note of a record that a later one has replaced.
    pub(super) fn expect_name(&mut self, position: u64, collection: CollectionId, key: &str) {
        if position < self.end {
            self.waiting.insert(position);
            let (part, number) = self.number(position, collection, key);
            self.sums[part] = self.sums[part].wrapping_add(number);
        }
    }

    /// Takes note that a record of this key names one as the version before it, and says whether that one waits for it.
    pub(super) fn name(&mut self, position: u64, collection: CollectionId, key: &str) -> bool {
        if position < LOG_START || position >= self.end || !self.waiting.remove(position) {
            return false;
        }
        let (part, number) = self.number(position, collection, key);
        self.sums[part] = self.sums[part].wrapping_sub(number);
        true
    }

    /// Where about the first record lies that no later one names, or the name of which is that of another key.
    pub(super) fn first_unnamed(&self) -> Option<u64> {
        let part = self.sums.iter().position(|sum| *sum != 0);
        let mixed_up = part.map(|part| LOG_START + part as u64 * self.part_bytes());
        self.waiting.first().or(mixed_up)
    }

    fn number(&self, position: u64, collection: CollectionId, key: &str) -> (usize, u64) {
        let part = (position - LOG_START) / self.part_bytes();
        // Odd, so that no record leaves the sum as it is.
        (part as usize, self.hasher.hash_one((position, collection, key)) | 1)
    }

    fn part_bytes(&self) -> u64 {
        (self.end - LOG_START).div_ceil(PARTS).max(1)
    }
}
