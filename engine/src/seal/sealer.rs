//! Owns sealing and opening with the key of one file, and the count of what it has sealed. Never seals beyond what it was allowed.

use super::SealError;
use super::cipher::Cipher;
use super::format::{OVERHEAD_BYTES, SEALS_MAX};
use super::nonces::Nonces;
use super::secret::Secret;

/// How many seals are allowed ahead: as many as this run has used, within these bounds. What a crash leaves unused is
/// lost, so small runs ask for little.
const AHEAD_MIN: u64 = 1 << 16;
const AHEAD_MAX: u64 = 1 << 24;

/// The half that seals. Not `Clone`: it counts.
#[derive(Debug)]
pub(crate) struct Sealer {
    cipher: Cipher,
    nonces: Nonces,
    sealed: u64,
    /// What `sealed` was when this run began.
    sealed_before: u64,
    /// What `sealed` may become.
    sealed_max: u64,
}

impl Sealer {
    /// Continues with a key that has sealed at most `sealed_max` times so far.
    pub(super) fn resume(key: &Secret, sealed_max: u64) -> Self {
        let sealed_before = sealed_max;
        Self {
            cipher: Cipher::new(key),
            nonces: Nonces::new(),
            sealed: sealed_max,
            sealed_before,
            sealed_max,
        }
    }

    /// Begins with a key that seals in one run only, so that nobody needs to count across runs.
    pub(super) fn begin(key: &Secret) -> Self {
        Self { sealed_max: SEALS_MAX, ..Self::resume(key, 0) }
    }

    /// Makes ready for a group of up to so many records. A number that comes back must be in the header, durably,
    /// and then be told to [`Sealer::allow`], before the first record of the group is sealed.
    ///
    /// # Errors
    /// [`SealError::Exhausted`] when the key may not seal so many more; [`SealError::Random`].
    pub(crate) fn prepare(&mut self, records: u64) -> Result<Option<u64>, SealError> {
        let wanted = self.sealed.checked_add(records).filter(|wanted| *wanted <= SEALS_MAX);
        let wanted = wanted.ok_or(SealError::Exhausted)?;
        self.nonces.fetch(records)?;
        if wanted <= self.sealed_max {
            return Ok(None);
        }
        let ahead = (self.sealed - self.sealed_before).clamp(AHEAD_MIN, AHEAD_MAX);
        Ok(Some(wanted.max(self.sealed + ahead).min(SEALS_MAX)))
    }

    /// Notes that the header says durably that the key seals up to `sealed_max` times.
    pub(crate) fn allow(&mut self, sealed_max: u64) {
        self.sealed_max = sealed_max.min(SEALS_MAX);
    }

    /// How often the key may have sealed, as the header says.
    pub(crate) fn allowed(&self) -> u64 {
        self.sealed_max
    }

    /// Whether it is time for another key, while there is time.
    pub(crate) fn is_worn(&self) -> bool {
        self.sealed_max > SEALS_MAX / 2
    }

    /// How often the key has sealed, at most: what the header may say when nothing more will be sealed in this run.
    pub(crate) fn sealed(&self) -> u64 {
        self.sealed
    }

    /// Seals in place what stands in `sealed` between room for a nonce (12 bytes) and room for a tag (16 bytes).
    /// It opens only together with the same associated data.
    ///
    /// # Errors
    /// [`SealError::Exhausted`] beyond what was allowed; [`SealError::Random`]. Nothing is changed then.
    ///
    /// # Panics
    /// When `sealed` has no room for both.
    pub(crate) fn seal(&mut self, associated: &[u8], sealed: &mut [u8]) -> Result<(), SealError> {
        assert!(sealed.len() >= OVERHEAD_BYTES, "there is no room for a nonce and a tag");
        // INVARIANT: no more is sealed than the header allows, so that no opening ever counts too little.
        if self.sealed >= self.sealed_max {
            return Err(SealError::Exhausted);
        }
        let nonce = self.nonces.take()?;
        self.sealed += 1;
        self.cipher.seal(&nonce, associated, sealed);
        Ok(())
    }
}

/// The half that opens, for any number of threads at once.
#[derive(Debug)]
pub(crate) struct Opener(Cipher);

impl Opener {
    pub(super) fn new(key: &Secret) -> Self {
        Self(Cipher::new(key))
    }

    /// Opens in place what was sealed together with this associated data, and returns the plain bytes.
    ///
    /// # Errors
    /// [`SealError::Tampered`]; the bytes are then what they were.
    pub(crate) fn open<'s>(
        &self,
        associated: &[u8],
        sealed: &'s mut [u8],
    ) -> Result<&'s mut [u8], SealError> {
        self.0.open(associated, sealed)
    }

    /// The same into another buffer, for those who need the sealed bytes again. `plain` is only reused.
    ///
    /// # Errors
    /// [`SealError::Tampered`]; `plain` is then empty.
    pub(crate) fn open_into(
        &self,
        associated: &[u8],
        sealed: &[u8],
        plain: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        self.0.open_into(associated, sealed, plain)
    }
}
