//! Owns every constant of the hint file's bytes. Never says what they mean: `docs/format.md` does, and moves with this file.

/// The first bytes of a hint file.
pub(super) const MAGIC: [u8; 16] = *b"\xFFFerrumHT\xFE\r\n\x1A\n\xFF\0";
/// The version that this build writes, and the only one that it reads.
pub(super) const VERSION: u32 = 0;
/// The bytes of the header.
pub(super) const HEADER_BYTES: usize = 160;

/// Offsets within the header.
pub(super) mod header {
    pub(in crate::hint) const MAGIC: usize = 0;
    pub(in crate::hint) const VERSION: usize = 16;
    pub(in crate::hint) const HEADER_BYTES: usize = 20;
    pub(in crate::hint) const FILE_ID: usize = 24;
    pub(in crate::hint) const GENERATION: usize = 40;
    pub(in crate::hint) const SEQUENCE: usize = 48;
    pub(in crate::hint) const LOG_END: usize = 56;
    pub(in crate::hint) const LAST_RECORD: usize = 64;
    pub(in crate::hint) const CHAIN: usize = 72;
    pub(in crate::hint) const DOCUMENTS: usize = 80;
    pub(in crate::hint) const LIVE_BYTES: usize = 88;
    pub(in crate::hint) const HASH_SEEDS: usize = 96;
    pub(in crate::hint) const SALT: usize = 128;
    pub(in crate::hint) const COLLECTIONS: usize = 144;
    pub(in crate::hint) const RESERVED: usize = 148;
    pub(in crate::hint) const CHECKSUM: usize = 156;
}

/// The bytes of a block before its entries.
pub(super) const BLOCK_HEAD_BYTES: usize = 20;
/// A block is written once its entries take so many bytes.
pub(super) const BLOCK_BYTES: usize = 1 << 20;

/// Offsets within the head of a block.
pub(super) mod block {
    pub(in crate::hint) const KIND: usize = 0;
    pub(in crate::hint) const NUMBER: usize = 4;
    pub(in crate::hint) const ENTRIES: usize = 8;
    pub(in crate::hint) const PAYLOAD_BYTES: usize = 12;
    pub(in crate::hint) const CHECKSUM: usize = 16;
}

/// The kinds of blocks.
pub(super) mod kind {
    pub(in crate::hint) const KEYDIR: u32 = 1;
    pub(in crate::hint) const INDEXES: u32 = 2;
    pub(in crate::hint) const CONTENTS: u32 = 3;
    pub(in crate::hint) const COLLECTIONS: u32 = 4;
    pub(in crate::hint) const END: u32 = 255;
}

/// The bytes of an entry of the keydir before its expiry and its key.
pub(super) const ENTRY_BYTES: usize = 32;

/// Offsets within an entry of the keydir.
pub(super) mod entry {
    pub(in crate::hint) const COLLECTION: usize = 0;
    pub(in crate::hint) const KEY_BYTES: usize = 4;
    pub(in crate::hint) const POSITION: usize = 8;
    pub(in crate::hint) const SEQUENCE: usize = 16;
    pub(in crate::hint) const ORDINAL: usize = 24;
    pub(in crate::hint) const PAYLOAD_BYTES: usize = 28;
}

/// The bit of an entry's ordinal that says that its expiry follows.
pub(super) const ENTRY_EXPIRES: u32 = 1 << 31;

/// The bytes of an entry of the collections before its name.
pub(super) const COLLECTION_BYTES: usize = 8;

/// Offsets within an entry of the collections.
pub(super) mod collection {
    pub(in crate::hint) const NUMBER: usize = 0;
    pub(in crate::hint) const NAME_BYTES: usize = 4;
}

/// The bytes of an entry of the indexes before its definition.
pub(super) const INDEX_BYTES: usize = 24;

/// Offsets within an entry of the indexes.
pub(super) mod index {
    pub(in crate::hint) const COLLECTION: usize = 0;
    pub(in crate::hint) const DEFINITION_BYTES: usize = 4;
    pub(in crate::hint) const ENTRIES: usize = 8;
    pub(in crate::hint) const DOCUMENTS: usize = 16;
}

/// The bytes of an entry of an index's contents before its value.
pub(super) const CONTENT_BYTES: usize = 6;

/// Offsets within an entry of an index's contents.
pub(super) mod content {
    pub(in crate::hint) const NUMBER: usize = 0;
    pub(in crate::hint) const VALUE_BYTES: usize = 4;
}

/// The bit of a value's length that says that the value was cut.
pub(super) const VALUE_CUT: u16 = 1 << 15;
