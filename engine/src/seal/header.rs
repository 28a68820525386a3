//! Owns the header's encryption block: its bytes, and wrapping the data key there. Never believes a block before the key has opened it.

use super::cipher::Cipher;
use super::format::{
    ALGORITHM_AES_256_GCM, KEY_BYTES, NONCE_BYTES, SALT_BYTES, TAG_BYTES, WRAPPED_KEY, block as at, key_kind,
    label,
};
use super::kdf::{Argon2Cost, stretch, subkey};
use super::secret::{EncryptionKey, Secret, UserKey};
use super::{SealError, fill_random};
use crate::log::format::{HEADER_BYTES, header, read_u32, read_u64, write_u32, write_u64};

/// What a header copy says in plain about its encryption. Nothing vouches for it yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EncryptionBlock {
    pub(super) key_kind: KeyKind,
    pub(super) salt: [u8; SALT_BYTES],
    /// The data key has sealed at most so many records of the log.
    pub(crate) sealed_max: u64,
    pub(super) check: [u8; KEY_BYTES],
}

/// What the user's key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyKind {
    Bytes,
    Passphrase(Argon2Cost),
}

/// The user's key as it is needed to write headers. Not the key itself.
#[derive(Debug)]
pub(super) struct Wrapping {
    key_kind: KeyKind,
    salt: [u8; SALT_BYTES],
    check: [u8; KEY_BYTES],
    cipher: Cipher,
}

impl EncryptionBlock {
    /// Whether a passphrase opens the file, rather than a key.
    pub(crate) fn wants_passphrase(&self) -> bool {
        matches!(self.key_kind, KeyKind::Passphrase(_))
    }

    /// The block of a header copy of [`HEADER_BYTES`], if it says what this build can follow.
    ///
    /// # Errors
    /// [`SealError::Parameters`]; nothing has been done then that costs time or memory.
    pub(crate) fn decode(copy: &[u8]) -> Result<Self, SealError> {
        if read_u32(copy, at::ALGORITHM) != ALGORITHM_AES_256_GCM {
            return Err(SealError::Parameters("the algorithm"));
        }
        let [memory_kib, passes, lanes] = [at::MEMORY, at::PASSES, at::LANES].map(|at| read_u32(copy, at));
        let key_kind = match read_u32(copy, at::KEY_KIND) {
            key_kind::BYTES if (memory_kib, passes, lanes) == (0, 0, 0) => KeyKind::Bytes,
            key_kind::ARGON2ID => KeyKind::Passphrase(Argon2Cost { memory_kib, passes, lanes }.checked()?),
            _ => return Err(SealError::Parameters("the kind of key")),
        };
        if copy[at::RESERVED..at::SALT] != [0; 4] {
            return Err(SealError::Parameters("the reserved bytes"));
        }
        Ok(Self {
            key_kind,
            salt: array(copy, at::SALT),
            sealed_max: read_u64(copy, at::SEALED_MAX),
            check: array(copy, at::CHECK),
        })
    }

    /// Whether both copies of a header were written with one and the same user's key.
    pub(crate) fn has_the_key_of(&self, other: &Self) -> bool {
        (self.salt, self.check) == (other.salt, other.check)
    }
}

impl Wrapping {
    /// For headers that will be written from now on with this key.
    pub(super) fn new(key: &EncryptionKey) -> Result<Self, SealError> {
        let mut salt = [0; SALT_BYTES];
        fill_random(&mut salt)?;
        let key_kind = match &key.0 {
            UserKey::Bytes(_) => KeyKind::Bytes,
            UserKey::Passphrase(_, cost) => KeyKind::Passphrase(cost.checked()?),
        };
        Self::derive(key, key_kind, salt)
    }

    /// For headers that were written with this key, if it is the one.
    ///
    /// # Errors
    /// [`SealError::WrongKey`], [`SealError::WrongKindOfKey`].
    pub(super) fn of_block(key: &EncryptionKey, block: &EncryptionBlock) -> Result<Self, SealError> {
        let wrapping = Self::derive(key, block.key_kind, block.salt)?;
        // Both sides are as good as public, so the time that this takes tells nobody anything.
        if wrapping.check != block.check {
            return Err(SealError::WrongKey);
        }
        Ok(wrapping)
    }

    /// Fills in the block of a header copy that is otherwise complete, its checksum excepted.
    pub(super) fn wrap(&self, data_key: &Secret, sealed_max: u64, copy: &mut [u8]) -> Result<(), SealError> {
        let mut nonce = [0; NONCE_BYTES];
        fill_random(&mut nonce)?;
        let (number, cost) = match self.key_kind {
            KeyKind::Bytes => (key_kind::BYTES, Argon2Cost { memory_kib: 0, passes: 0, lanes: 0 }),
            KeyKind::Passphrase(cost) => (key_kind::ARGON2ID, cost),
        };
        copy[at::ALGORITHM..at::END].fill(0);
        write_u32(copy, at::ALGORITHM, ALGORITHM_AES_256_GCM);
        write_u32(copy, at::KEY_KIND, number);
        write_u32(copy, at::MEMORY, cost.memory_kib);
        write_u32(copy, at::PASSES, cost.passes);
        write_u32(copy, at::LANES, cost.lanes);
        copy[at::SALT..at::SEALED_MAX].copy_from_slice(&self.salt);
        write_u64(copy, at::SEALED_MAX, sealed_max);
        copy[at::CHECK..at::WRAPPED_KEY].copy_from_slice(&self.check);
        let associated = associated(copy);
        let wrapped = &mut copy[WRAPPED_KEY];
        // The plain key is in the copy only until the next line has run.
        wrapped[NONCE_BYTES..NONCE_BYTES + KEY_BYTES].copy_from_slice(data_key.bytes());
        self.cipher.seal(&nonce, &associated, wrapped);
        Ok(())
    }

    /// The data key of a header copy, of which nothing was changed since it was written.
    ///
    /// # Errors
    /// [`SealError::Tampered`].
    pub(super) fn unwrap(&self, copy: &[u8]) -> Result<Secret, SealError> {
        let associated = associated(copy);
        Secret::filled(|bytes| {
            let mut wrapped = zeroize::Zeroizing::new([0; NONCE_BYTES + KEY_BYTES + TAG_BYTES]);
            wrapped.copy_from_slice(&copy[WRAPPED_KEY]);
            bytes.copy_from_slice(self.cipher.open(&associated, &mut wrapped[..])?);
            Ok(())
        })
    }

    fn derive(key: &EncryptionKey, key_kind: KeyKind, salt: [u8; SALT_BYTES]) -> Result<Self, SealError> {
        let stretched;
        let secret = match (&key.0, key_kind) {
            (UserKey::Bytes(secret), KeyKind::Bytes) => secret,
            (UserKey::Passphrase(passphrase, _), KeyKind::Passphrase(cost)) => {
                stretched = stretch(passphrase, &salt, cost)?;
                &stretched
            }
            (_, KeyKind::Bytes) => return Err(SealError::WrongKindOfKey { wanted: "a key of 32 bytes" }),
            (_, KeyKind::Passphrase(_)) => return Err(SealError::WrongKindOfKey { wanted: "a passphrase" }),
        };
        let check = *subkey(secret, &salt, label::CHECK).bytes();
        let cipher = Cipher::new(&subkey(secret, &salt, label::WRAP));
        Ok(Self { key_kind, salt, check, cipher })
    }
}

/// What the wrapping authenticates: the whole copy but the wrapped key itself and the checksum, as zeros.
fn associated(copy: &[u8]) -> Vec<u8> {
    let mut associated = copy[..HEADER_BYTES].to_vec();
    associated[WRAPPED_KEY].fill(0);
    associated[header::CHECKSUM..].fill(0);
    associated
}

fn array<const N: usize>(copy: &[u8], offset: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&copy[offset..offset + N]);
    field
}
