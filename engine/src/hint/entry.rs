//! Owns an entry of the keydir as a hint has it. Never judges whether the log holds what it leads to.

use super::format::{ENTRY_BYTES, ENTRY_EXPIRES, entry};
use crate::key::{CollectionId, Sequence, Timestamp};
use crate::log::format::{read_u32, read_u64};

/// An entry, as its bytes say.
pub(super) struct HintedEntry<'b> {
    pub(super) collection: CollectionId,
    pub(super) key: &'b [u8],
    pub(super) position: u64,
    pub(super) sequence: Sequence,
    pub(super) ordinal: u32,
    pub(super) payload_bytes: u32,
    pub(super) expires_at: Option<Timestamp>,
}

impl<'b> HintedEntry<'b> {
    /// The entry with which these bytes begin, and what follows it.
    #[inline]
    pub(super) fn split(bytes: &'b [u8]) -> Option<(Self, &'b [u8])> {
        let (fixed, rest) = bytes.split_at_checked(ENTRY_BYTES)?;
        let ordinal = read_u32(fixed, entry::ORDINAL);
        let (expires_at, rest) = match ordinal & ENTRY_EXPIRES {
            0 => (None, rest),
            _ => {
                rest.split_first_chunk().map(|(at, rest)| (Some(Timestamp(u64::from_le_bytes(*at))), rest))?
            }
        };
        let (key, rest) = rest.split_at_checked(read_u32(fixed, entry::KEY_BYTES) as usize)?;
        let found = Self {
            collection: CollectionId(read_u32(fixed, entry::COLLECTION)),
            key,
            position: read_u64(fixed, entry::POSITION),
            sequence: Sequence(read_u64(fixed, entry::SEQUENCE)),
            ordinal: ordinal & !ENTRY_EXPIRES,
            payload_bytes: read_u32(fixed, entry::PAYLOAD_BYTES),
            expires_at,
        };
        Some((found, rest))
    }
}
