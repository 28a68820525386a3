//! Owns the chain value, which ties each commit to all commits before it. Never reads a file.

use super::format::CHAIN_MULTIPLIER;

/// What takes the multiplier back, modulo 2^64.
const CHAIN_INVERSE: u64 = 0xF1DE_83E1_9937_733D;
const _: () = assert!(CHAIN_MULTIPLIER.wrapping_mul(CHAIN_INVERSE) == 1, "one is the inverse of the other");

/// A running digest of a log. An abandoned tail cannot continue another one, since its marks hold another value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chain(u64);

impl Chain {
    /// The value before the first commit of a generation.
    pub(crate) fn start(file_id: [u8; 16], generation: u64) -> Self {
        let id = u128::from_le_bytes(file_id);
        Self(generation).absorb(id as u64).absorb((id >> 64) as u64)
    }

    pub(crate) fn from_stored(value: u64) -> Self {
        Self(value)
    }

    pub(crate) fn value(self) -> u64 {
        self.0
    }

    /// The value after one more number.
    #[must_use]
    pub(crate) fn absorb(self, number: u64) -> Self {
        let mixed = (self.0 ^ number).wrapping_mul(CHAIN_MULTIPLIER);
        Self(mixed ^ (mixed >> 32))
    }

    /// The value before this number was absorbed.
    #[must_use]
    pub(crate) fn before(self, number: u64) -> Self {
        // The upper half has not been mixed, so mixing the lower half with it again takes it out.
        let mixed = self.0 ^ (self.0 >> 32);
        Self(mixed.wrapping_mul(CHAIN_INVERSE) ^ number)
    }

    /// The value after one more record.
    #[must_use]
    pub(crate) fn absorb_record(self, head_checksum: u32, payload_checksum: u32) -> Self {
        self.absorb(record_number(head_checksum, payload_checksum))
    }

    /// The value before this record.
    #[must_use]
    pub(crate) fn before_record(self, head_checksum: u32, payload_checksum: u32) -> Self {
        self.before(record_number(head_checksum, payload_checksum))
    }
}

fn record_number(head_checksum: u32, payload_checksum: u32) -> u64 {
    u64::from(head_checksum) << 32 | u64::from(payload_checksum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_absorbed_can_be_taken_out_again() {
        let mut chain = Chain::start([7; 16], 3);
        for number in [0, 1, u64::MAX, 0x1234_5678_9ABC_DEF0] {
            let after = chain.absorb(number);
            assert_eq!(after.before(number), chain);
            assert_eq!(after.absorb_record(1, 2).before_record(1, 2), after);
            chain = after;
        }
    }
}
