//! Owns the keys of one open file, and which of them is for what. Never holds the key that the user gave.

use std::sync::Arc;

use super::format::{SALT_BYTES, label};
use super::header::{EncryptionBlock, Wrapping};
use super::kdf::subkey;
use super::sealer::{Opener, Sealer};
use super::secret::{EncryptionKey, Secret};
use super::{SealError, fill_random};

/// What it takes to write the headers of one generation, and to seal and open everything that belongs to it.
#[derive(Debug)]
pub(crate) struct Keyring {
    wrapping: Arc<Wrapping>,
    data_key: Secret,
}

/// A kind of file that is sealed, besides the log itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Hint,
}

impl Keyring {
    /// For a new database.
    ///
    /// # Errors
    /// [`SealError::Random`], [`SealError::OutOfMemory`], [`SealError::Parameters`].
    pub(crate) fn create(key: &EncryptionKey) -> Result<Self, SealError> {
        Ok(Self { wrapping: Arc::new(Wrapping::new(key)?), data_key: Secret::random()? })
    }

    /// For the file that begins with this header copy, whose checksum is right, and whose block `block` is.
    ///
    /// # Errors
    /// [`SealError::WrongKey`] and [`SealError::WrongKindOfKey`] before anything else is looked at;
    /// [`SealError::Tampered`] when the key is right and the copy is not what was written with it.
    pub(crate) fn open(key: &EncryptionKey, block: &EncryptionBlock, copy: &[u8]) -> Result<Self, SealError> {
        let wrapping = Wrapping::of_block(key, block)?;
        let data_key = wrapping.unwrap(copy)?;
        Ok(Self { wrapping: Arc::new(wrapping), data_key })
    }

    /// Whether this header copy, which was written with the same user's key, is what was written.
    pub(crate) fn vouches_for(&self, copy: &[u8]) -> bool {
        self.wrapping.unwrap(copy).is_ok()
    }

    /// The same data key under another user's key.
    ///
    /// # Errors
    /// [`SealError::Random`], [`SealError::OutOfMemory`], [`SealError::Parameters`].
    pub(crate) fn rekeyed(&self, key: &EncryptionKey) -> Result<Self, SealError> {
        Ok(Self { wrapping: Arc::new(Wrapping::new(key)?), data_key: self.data_key.clone() })
    }

    /// A new data key under the same user's key: for the next generation.
    ///
    /// # Errors
    /// [`SealError::Random`].
    pub(crate) fn renewed(&self) -> Result<Self, SealError> {
        Ok(Self { wrapping: Arc::clone(&self.wrapping), data_key: Secret::random()? })
    }

    /// Whether this header copy, whose checksum is right, was written with these keys.
    pub(crate) fn has_written(&self, copy: &[u8]) -> bool {
        self.wrapping.unwrap(copy).is_ok_and(|data_key| data_key.bytes() == self.data_key.bytes())
    }

    /// The same data key under the user's key of another keyring.
    pub(crate) fn wrapped_as(&self, other: &Self) -> Self {
        Self { wrapping: Arc::clone(&other.wrapping), data_key: self.data_key.clone() }
    }

    /// Fills in the encryption block of a header copy that is otherwise complete, its checksum excepted.
    ///
    /// # Errors
    /// [`SealError::Random`]; the copy is then what it was.
    pub(crate) fn wrap_into(&self, copy: &mut [u8], sealed_max: u64) -> Result<(), SealError> {
        self.wrapping.wrap(&self.data_key, sealed_max, copy)
    }

    /// What seals the log, of which at most `sealed_max` records have been sealed so far.
    pub(crate) fn log_sealer(&self, file_id: [u8; 16], sealed_max: u64) -> Sealer {
        Sealer::resume(&self.log_key(file_id), sealed_max)
    }

    /// What opens the log.
    pub(crate) fn log_opener(&self, file_id: [u8; 16]) -> Opener {
        Opener::new(&self.log_key(file_id))
    }

    /// What seals a new file of this kind, and the salt that the file must hold.
    ///
    /// # Errors
    /// [`SealError::Random`].
    pub(crate) fn file_sealer(&self, purpose: Purpose) -> Result<([u8; SALT_BYTES], Sealer), SealError> {
        let mut salt = [0; SALT_BYTES];
        fill_random(&mut salt)?;
        Ok((salt, Sealer::begin(&subkey(&self.data_key, &salt, purpose.label()))))
    }

    /// What opens a file of this kind that holds this salt.
    pub(crate) fn file_opener(&self, purpose: Purpose, salt: [u8; SALT_BYTES]) -> Opener {
        Opener::new(&subkey(&self.data_key, &salt, purpose.label()))
    }

    fn log_key(&self, file_id: [u8; 16]) -> Secret {
        subkey(&self.data_key, &file_id, label::LOG)
    }
}

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Hint => label::HINT,
        }
    }
}
