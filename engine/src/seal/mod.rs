//! Owns encryption: keys, the header's encryption block, and the sealing of records. Never knows what it seals, nor touches a file.
//!
//! From the user's key to a record:
//!
//! 1. The user's key is 32 bytes, or comes out of a passphrase by Argon2id. HKDF-SHA-256 makes two values of it and of
//!    a salt in the header: the wrapping key, and the check value, which stands in the header and tells a wrong key.
//! 2. The data key is random, made anew with each generation. Each header copy holds it wrapped; the wrapping
//!    authenticates everything else in that copy. A copy says other things than the one before it, so each header
//!    write wraps anew, and the wrapping key stays in memory for as long as the database is open.
//! 3. HKDF-SHA-256 makes the key that seals of the data key, of what it is for, and of a salt: the log's is the file's
//!    id; every other file has a random one of its own, so that its seals need not be counted together with others'.
//! 4. AES-256-GCM seals, with a random nonce. The log's seals are counted across openings by a number in the header.

mod cipher;
mod format;
mod header;
mod kdf;
mod keyring;
mod nonces;
mod sealer;
mod secret;
#[cfg(test)]
mod tests;

pub(crate) use format::{NONCE_BYTES, SALT_BYTES, SEALS_MAX, TAG_BYTES};
pub(crate) use header::EncryptionBlock;
pub(crate) use keyring::{Keyring, Purpose};
pub(crate) use sealer::{Opener, Sealer};
pub use secret::EncryptionKey;

/// Why something could not be sealed, opened, wrapped or unwrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SealError {
    /// The key is not the one that the header was written with.
    #[error("the encryption key is wrong")]
    WrongKey,
    /// A passphrase was given where the file wants a key of 32 bytes, or the other way round.
    #[error("the database is encrypted with {wanted}, and something else was given")]
    WrongKindOfKey {
        /// What the file wants.
        wanted: &'static str,
    },
    /// The header names an algorithm that this build does not know, or parameters that nobody should follow.
    #[error("the parameters of encryption are out of bounds: {0}")]
    Parameters(&'static str),
    /// The bytes are not what was sealed, or not there where they were sealed.
    #[error("the seal is broken: these bytes were changed, or moved, by someone without the key")]
    Tampered,
    /// The key has sealed as often as one key may.
    #[error("the data key has sealed 2^32 records, as many as it may; compact the database to renew it")]
    Exhausted,
    /// The system gave no random bytes.
    #[error("the system's random generator failed: {0}")]
    Random(rand::rngs::SysError),
    /// Argon2id needs more memory than there is.
    #[error("there is not enough memory to derive the key from the passphrase")]
    OutOfMemory,
}

/// Fills `bytes` from the system's random generator.
fn fill_random(bytes: &mut [u8]) -> Result<(), SealError> {
    use rand::TryRng;

    rand::rngs::SysRng.try_fill_bytes(bytes).map_err(SealError::Random)
}
