//! Owns the supply of random nonces. Never keeps one from one group of records to the next.

use std::fmt;

use super::format::NONCE_BYTES;
use super::{SealError, fill_random};

/// How many nonces are fetched at a time, at most.
const BATCH: usize = 256;

/// Random nonces from the system's generator, fetched in batches: a call for each would cost more than the sealing.
pub(super) struct Nonces {
    batch: Box<[[u8; NONCE_BYTES]; BATCH]>,
    /// Those that are fetched and not used yet.
    next: usize,
    end: usize,
}

impl Nonces {
    pub(super) fn new() -> Self {
        Self { batch: Box::new([[0; NONCE_BYTES]; BATCH]), next: 0, end: 0 }
    }

    /// Throws away what is left, and fetches what a group of `records` needs, or the first batch of it.
    ///
    /// INVARIANT: nothing is left over from one group to the next. A process that forks between two groups, or a
    /// machine that is copied there, would use the rest twice.
    pub(super) fn fetch(&mut self, records: u64) -> Result<(), SealError> {
        self.end = 0;
        self.next = 0;
        let count = usize::try_from(records).unwrap_or(BATCH).min(BATCH);
        fill_random(self.batch[..count].as_flattened_mut())?;
        self.end = count;
        Ok(())
    }

    /// A nonce that nobody has used.
    pub(super) fn take(&mut self) -> Result<[u8; NONCE_BYTES], SealError> {
        if self.next == self.end {
            self.fetch(BATCH as u64)?;
        }
        self.next += 1;
        Ok(self.batch[self.next - 1])
    }
}

impl fmt::Debug for Nonces {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Nonces").field("left", &(self.end - self.next)).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn a_new_group_uses_nothing_that_was_fetched_for_another() {
        let mut nonces = Nonces::new();
        nonces.fetch(10).unwrap();
        let used = nonces.take().unwrap();
        let left: Vec<_> = nonces.batch[..10].to_vec();
        assert_eq!((nonces.next, nonces.end, left[0]), (1, 10, used));
        nonces.fetch(10).unwrap();
        for _ in 0..600 {
            assert!(!left.contains(&nonces.take().unwrap()));
        }
    }
}
