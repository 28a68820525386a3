//! Owns finding the keys of a file by the key that was given. Never changes the file.

use std::path::Path;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::log::{Header, HeaderCopy};
use crate::seal::{EncryptionKey, Keyring, SealError};

/// The header that holds, and the keys if the file is encrypted.
pub(crate) struct Unlocked {
    pub(crate) header: Header,
    pub(crate) keyring: Option<Arc<Keyring>>,
    /// Whether the copies of the header want different keys, since a change of the key was interrupted.
    pub(crate) is_rekeyed_in_part: bool,
}

/// Tries the key on the copies of a header, of which the first holds.
///
/// A change of the key that was interrupted leaves two copies with different keys. Either opens the file, and then the
/// change is finished or taken back: nobody was told that it was done.
pub(crate) fn unlock(path: &Path, copies: Vec<HeaderCopy>, key: Option<&EncryptionKey>) -> Result<Unlocked> {
    let newest = copies.iter().map(|copy| copy.header.counter).max().unwrap_or(0);
    let is_encrypted = copies.iter().any(|copy| copy.header.encryption.is_some());
    let is_rekeyed_in_part = match &copies[..] {
        [first, second] => match (&first.header.encryption, &second.header.encryption) {
            (Some(first), Some(second)) => !first.has_the_key_of(second),
            _ => false,
        },
        _ => false,
    };
    let (mut refused, mut features) = (None, 0);
    for HeaderCopy { header, bytes } in copies {
        let keyring = match (&header.encryption, key) {
            (None, None) => None,
            (None, Some(_)) if is_encrypted => {
                features |= header.read_only_compatible;
                continue;
            }
            (None, Some(_)) => return Err(Error::NotEncrypted { path: path.to_path_buf() }),
            (Some(_), None) => return Err(Error::KeyNeeded { path: path.to_path_buf() }),
            (Some(block), Some(key)) => match Keyring::open(key, block, &bytes) {
                Ok(keyring) => Some(Arc::new(keyring)),
                Err(error @ (SealError::WrongKey | SealError::WrongKindOfKey { .. }))
                    if is_rekeyed_in_part =>
                {
                    refused.get_or_insert(error);
                    features |= header.read_only_compatible;
                    continue;
                }
                Err(error) => return Err(Error::seal(path, error)),
            },
        };
        // What is written next must be newer than both, and must not take the place of the copy that holds.
        let counter = newest + (newest - header.counter) % 2;
        // A feature that the newest copy tells of is there, whichever key that copy is for.
        let read_only_compatible = header.read_only_compatible | features;
        let header = Header { counter, read_only_compatible, ..header };
        return Ok(Unlocked { header, keyring, is_rekeyed_in_part });
    }
    Err(Error::seal(path, refused.unwrap_or(SealError::WrongKey)))
}
