//! Owns every constant of the bytes that encryption adds. Never says what they mean: `docs/format.md` does, and moves with this file.

use std::ops::Range;

/// The bytes of a key, of every kind.
pub(crate) const KEY_BYTES: usize = 32;
/// The bytes of a salt.
pub(crate) const SALT_BYTES: usize = 16;
/// The bytes of a nonce, which stands before what it sealed.
pub(crate) const NONCE_BYTES: usize = 12;
/// The bytes of a tag, which stands behind what it authenticates.
pub(crate) const TAG_BYTES: usize = 16;
/// By how much sealed bytes are longer than plain ones.
pub(crate) const OVERHEAD_BYTES: usize = NONCE_BYTES + TAG_BYTES;
/// How often one key may seal with random nonces: then the chance that two of them are the same is below 2^-32.
pub(crate) const SEALS_MAX: u64 = 1 << 32;

/// Offsets within a header copy.
pub(super) mod block {
    pub(in crate::seal) const ALGORITHM: usize = 104;
    pub(in crate::seal) const KEY_KIND: usize = 108;
    pub(in crate::seal) const MEMORY: usize = 112;
    pub(in crate::seal) const PASSES: usize = 116;
    pub(in crate::seal) const LANES: usize = 120;
    pub(in crate::seal) const RESERVED: usize = 124;
    pub(in crate::seal) const SALT: usize = 128;
    pub(in crate::seal) const SEALED_MAX: usize = 144;
    pub(in crate::seal) const CHECK: usize = 152;
    pub(in crate::seal) const WRAPPED_KEY: usize = 184;
    pub(in crate::seal) const END: usize = 244;
}

/// The data key as the header holds it, its nonce and its tag included.
pub(super) const WRAPPED_KEY: Range<usize> = block::WRAPPED_KEY..block::END;

/// The number of the one algorithm: AES-256-GCM, subkeys by HKDF-SHA-256. 0 is no encryption.
pub(super) const ALGORITHM_AES_256_GCM: u32 = 1;

/// The numbers of the kinds of keys.
pub(super) mod key_kind {
    pub(in crate::seal) const BYTES: u32 = 1;
    pub(in crate::seal) const ARGON2ID: u32 = 2;
}

/// What a key is derived for, as HKDF is told.
pub(super) mod label {
    pub(in crate::seal) const WRAP: &[u8] = b"FerrumDB 1 wrap";
    pub(in crate::seal) const CHECK: &[u8] = b"FerrumDB 1 check";
    pub(in crate::seal) const LOG: &[u8] = b"FerrumDB 1 log";
    pub(in crate::seal) const HINT: &[u8] = b"FerrumDB 1 hint";
}
