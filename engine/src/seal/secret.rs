//! Owns the bytes of keys while they are in memory. Never shows them, and overwrites them with zeros when they are dropped.

use std::fmt;

use zeroize::{Zeroize, Zeroizing};

use super::format::KEY_BYTES;
use super::kdf::Argon2Cost;
use super::{SealError, fill_random};

/// The bytes of a key. They are behind a pointer, so that moving the key leaves no copy behind.
pub(crate) struct Secret(Box<Zeroizing<[u8; KEY_BYTES]>>);

impl Secret {
    /// A key whose bytes `fill` writes in place.
    pub(super) fn filled(
        fill: impl FnOnce(&mut [u8; KEY_BYTES]) -> Result<(), SealError>,
    ) -> Result<Self, SealError> {
        let mut secret = Self(Box::new(Zeroizing::new([0; KEY_BYTES])));
        fill(&mut secret.0)?;
        Ok(secret)
    }

    pub(super) fn random() -> Result<Self, SealError> {
        Self::filled(|bytes| fill_random(bytes))
    }

    pub(super) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

impl Clone for Secret {
    fn clone(&self) -> Self {
        let mut copy = Box::new(Zeroizing::new([0; KEY_BYTES]));
        copy.copy_from_slice(self.bytes());
        Self(copy)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Key(..)")
    }
}

/// The key that an encrypted database is opened with. It is overwritten with zeros when it is dropped, and shown
/// nowhere.
///
/// ```
/// use ferrumdb_engine::EncryptionKey;
///
/// let key = EncryptionKey::from_passphrase("eleven purple lighthouses");
/// assert_eq!(format!("{key:?}"), "Key(..)");
/// ```
#[derive(Clone)]
pub struct EncryptionKey(pub(super) UserKey);

/// What a user gives.
#[derive(Clone)]
pub(super) enum UserKey {
    /// 32 bytes that nobody can guess.
    Bytes(Secret),
    /// A text that somebody may try to guess, and what a new file makes each guess cost.
    Passphrase(Zeroizing<Box<str>>, Argon2Cost),
}

impl EncryptionKey {
    /// A key of 32 random bytes, from wherever the user keeps it.
    #[must_use]
    pub fn from_bytes(mut bytes: [u8; KEY_BYTES]) -> Self {
        let mut secret = Box::new(Zeroizing::new([0; KEY_BYTES]));
        secret.copy_from_slice(&bytes);
        bytes.zeroize();
        Self(UserKey::Bytes(Secret(secret)))
    }

    /// A passphrase, taken byte for byte. Files made with it have the default cost.
    #[must_use]
    pub fn from_passphrase(passphrase: &str) -> Self {
        Self::from_passphrase_at(passphrase, Argon2Cost::DEFAULT)
    }

    /// A passphrase. Files made with it have this cost; files that exist state their own.
    pub(crate) fn from_passphrase_at(passphrase: &str, cost: Argon2Cost) -> Self {
        Self(UserKey::Passphrase(Zeroizing::new(Box::from(passphrase)), cost))
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Key(..)")
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::super::tests::memory_at;
    use super::*;

    fn holds(memory: &[u8], secret: &[u8]) -> bool {
        secret.windows(6).any(|part| memory.windows(6).any(|found| found == part))
    }

    #[test]
    fn a_dropped_key_is_nowhere_in_its_memory() {
        let bytes: [u8; KEY_BYTES] = std::array::from_fn(|index| 0x5A ^ (index as u8 * 7));
        let key = EncryptionKey::from_bytes(bytes);
        let UserKey::Bytes(secret) = &key.0 else { unreachable!("it was made of bytes") };
        let copy = secret.clone();
        let places = [secret, &copy].map(|secret| secret.bytes().as_ptr().addr());
        assert!(places.iter().all(|place| holds(&memory_at(*place, KEY_BYTES), &bytes)));
        drop(copy);
        drop(key);
        assert!(!places.iter().any(|place| holds(&memory_at(*place, KEY_BYTES), &bytes)));
    }

    #[test]
    fn a_dropped_passphrase_is_nowhere_in_its_memory() {
        let text = "eleven purple lighthouses hum quietly";
        let key = EncryptionKey::from_passphrase(text);
        let UserKey::Passphrase(kept, _) = &key.0 else { unreachable!("it was made of a text") };
        let place = kept.as_ptr().addr();
        assert!(holds(&memory_at(place, text.len()), text.as_bytes()));
        drop(key);
        assert!(!holds(&memory_at(place, text.len()), text.as_bytes()));
    }
}
