//! Owns the chain value, which ties each commit to all commits before it. Never reads a file.

use super::format::CHAIN_MULTIPLIER;

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

    /// The value after one more record.
    #[must_use]
    pub(crate) fn absorb_record(self, head_checksum: u32, payload_checksum: u32) -> Self {
        self.absorb(u64::from(head_checksum) << 32 | u64::from(payload_checksum))
    }
}
