//! Owns every constant of the bytes on disk. Never says what they mean: `docs/format.md` does, and moves with this file.
//!
//! docs/format.md: 1ce86d03

/// The first bytes of each header copy. 0xFF occurs in no UTF-8 text.
pub(crate) const MAGIC: [u8; 16] = *b"\xFFFerrumDB\xFE\r\n\x1A\n\xFF\0";
/// The format version that this build writes, and the newest that it reads.
pub(crate) const VERSION: u32 = 1;
/// The incompatible features that this build knows. A file with another bit set is refused.
pub(crate) const INCOMPATIBLE_KNOWN: u64 = ENCRYPTED | FEATURE_INCREMENT;
/// The incompatible feature of a file whose records are sealed.
pub(crate) const ENCRYPTED: u64 = 1;
/// The incompatible feature of a file whose log continues another file's: no database by itself.
pub(crate) const FEATURE_INCREMENT: u64 = 1 << 1;
/// The read-only compatible features that this build knows. A file with another bit set is read, and not written.
pub(crate) const READ_ONLY_COMPATIBLE_KNOWN: u64 = 0;

/// The bytes of one header copy; two copies precede the log.
pub(crate) const HEADER_BYTES: usize = 4096;
/// Where the log begins.
pub(crate) const LOG_START: u64 = 2 * HEADER_BYTES as u64;

/// Offsets within a header copy.
pub(crate) mod header {
    pub(crate) const MAGIC: usize = 0;
    pub(crate) const VERSION: usize = 16;
    pub(crate) const HEADER_BYTES: usize = 20;
    pub(crate) const COMPATIBLE: usize = 24;
    pub(crate) const READ_ONLY_COMPATIBLE: usize = 32;
    pub(crate) const INCOMPATIBLE: usize = 40;
    pub(crate) const FILE_ID: usize = 48;
    pub(crate) const GENERATION: usize = 64;
    pub(crate) const COUNTER: usize = 72;
    pub(crate) const HISTORY_FLOOR: usize = 80;
    pub(crate) const SYNCED: usize = 88;
    pub(crate) const CREATED: usize = 96;
    pub(crate) const ORIGIN_FILE_ID: usize = 4056;
    pub(crate) const ORIGIN_SEQUENCE: usize = 4072;
    pub(crate) const ORIGIN_TIME: usize = 4080;
    pub(crate) const CHECKSUM: usize = 4092;
}

/// The first two bytes of a record.
pub(crate) const RECORD_MARKER: [u8; 2] = [0xFF, 0xC5];
/// Records begin at multiples of this.
pub(crate) const ALIGNMENT: u64 = 8;
/// The bytes of a record's head.
pub(crate) const HEAD_BYTES: usize = 40;

/// Offsets within a record's head.
pub(crate) mod head {
    pub(crate) const MARKER: usize = 0;
    pub(crate) const KIND: usize = 2;
    pub(crate) const FLAGS: usize = 3;
    pub(crate) const PAYLOAD_BYTES: usize = 4;
    pub(crate) const SEQUENCE: usize = 8;
    pub(crate) const PREVIOUS: usize = 16;
    pub(crate) const ORDINAL: usize = 24;
    pub(crate) const PAYLOAD_CHECKSUM: usize = 28;
    pub(crate) const WRITE_ID: usize = 32;
    pub(crate) const CHECKSUM: usize = 36;
}

/// A record with a sequence beyond this is none: no writer has ever come so far. The highest bit is never set.
pub(crate) const SEQUENCE_MAX: u64 = u64::MAX >> 1;
/// A history floor beyond this is none. What is committed behind it stays below the other bound for ever.
pub(crate) const FLOOR_MAX: u64 = SEQUENCE_MAX >> 1;
/// Nor is there an ordinal beyond this: the keydir has a use of its own for the highest bit.
pub(crate) const ORDINAL_MAX: u32 = u32::MAX >> 1;

/// The flag of the last record of a commit: a mark follows the payload.
pub(crate) const FLAG_MARK: u8 = 1;
/// The flag of a tombstone whose document had expired.
pub(crate) const FLAG_EXPIRED: u8 = 1 << 1;
/// The bytes of a mark.
pub(crate) const MARK_BYTES: usize = 32;

/// Offsets within a mark.
pub(crate) mod mark {
    pub(crate) const CHAIN: usize = 0;
    pub(crate) const TIME: usize = 8;
    pub(crate) const SYNCED: usize = 16;
    pub(crate) const RECORDS: usize = 24;
    pub(crate) const CHECKSUM: usize = 28;
}

/// The bytes of a payload before the key.
pub(crate) const PREFIX_BYTES: usize = 16;

/// Offsets within a payload.
pub(crate) mod payload {
    pub(crate) const COLLECTION: usize = 0;
    pub(crate) const KEY_BYTES: usize = 4;
    pub(crate) const EXPIRES_AT: usize = 8;
}

/// The numbers of the kinds of records.
pub(crate) mod kind {
    pub(crate) const SET: u8 = 1;
    pub(crate) const DELETE: u8 = 2;
    pub(crate) const INDEX_CREATED: u8 = 3;
    pub(crate) const INDEX_DROPPED: u8 = 4;
    pub(crate) const COLLECTION_CREATED: u8 = 5;
    pub(crate) const COLLECTION_DROPPED: u8 = 6;
    pub(crate) const BASE_END: u8 = 7;
    pub(crate) const SYNC_MARK: u8 = 8;
    pub(crate) const CLOSE_MARK: u8 = 9;
}

/// The multiplier of the chain value, and of the high half of a position in a checksum's seed.
pub(crate) const CHAIN_MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;

pub(crate) fn read_u32(bytes: &[u8], offset: usize) -> u32 {
    let mut field = [0; 4];
    field.copy_from_slice(&bytes[offset..offset + 4]);
    u32::from_le_bytes(field)
}

pub(crate) fn read_u64(bytes: &[u8], offset: usize) -> u64 {
    let mut field = [0; 8];
    field.copy_from_slice(&bytes[offset..offset + 8]);
    u64::from_le_bytes(field)
}

pub(crate) fn write_u32(bytes: &mut [u8], offset: usize, value: u32) {
    bytes[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
}

pub(crate) fn write_u64(bytes: &mut [u8], offset: usize, value: u64) {
    bytes[offset..offset + 8].copy_from_slice(&value.to_le_bytes());
}

/// The next position at which a record may begin.
pub(crate) const fn aligned(position: u64) -> u64 {
    position.next_multiple_of(ALIGNMENT)
}
