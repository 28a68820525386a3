//! Owns how the records of one generation are checked, sealed and opened. Never chooses a key.
//!
//! A seal is bound to the place of its record and to everything around it that is not sealed: the head but its two
//! checksums, and of a commit's last record the mark. The chain value in the mark depends on the seal; so that one is
//! bound to the chain value before the record, which the mark leads back to.

use std::sync::{Arc, Mutex, PoisonError};

use super::chain::Chain;
use super::format::{HEAD_BYTES, head as at};
use super::header::Header;
use super::record::{Head, LogId, Mark};
use crate::seal::{Keyring, NONCE_BYTES, Opener, SealError, Sealer, TAG_BYTES};

/// The reading side: what a record must be bound to, and what opens it if the database is encrypted.
#[derive(Clone, Debug)]
pub(crate) struct LogKeys {
    pub(crate) id: LogId,
    opener: Option<Arc<Opener>>,
}

/// The writing side.
#[derive(Clone, Debug)]
pub(crate) struct RecordSealer {
    id: LogId,
    /// Shared, so that its count outlives whoever encodes a group.
    sealer: Option<Arc<Mutex<Sealer>>>,
}

/// What a seal is bound to.
pub(super) struct Bound {
    bytes: [u8; Self::BYTES_MAX],
    len: usize,
}

impl LogKeys {
    pub(crate) fn new(header: &Header, keyring: Option<&Keyring>) -> Self {
        let opener = keyring.map(|keyring| Arc::new(keyring.log_opener(header.file_id)));
        Self { id: LogId::of(header), opener }
    }

    pub(crate) fn is_sealed(&self) -> bool {
        self.opener.is_some()
    }

    /// By how much a seal makes a payload longer.
    pub(super) fn seal_bytes(&self) -> usize {
        if self.is_sealed() { NONCE_BYTES + TAG_BYTES } else { 0 }
    }

    /// The plain payload of a record whose checksums are right; `plain` is used if it is sealed. `mark` is the record's,
    /// if it has one.
    pub(super) fn open<'p>(
        &self,
        position: u64,
        head: (&Head, &[u8]),
        mark: Option<&Mark>,
        payload: &'p [u8],
        plain: &'p mut Vec<u8>,
    ) -> Result<&'p [u8], SealError> {
        let Some(opener) = &self.opener else { return Ok(payload) };
        let (head, head_bytes) = head;
        let mark = mark.map(|mark| (mark, mark.chain_before(head)));
        opener.open_into(Bound::new(self.id, position, head_bytes, mark).as_bytes(), payload, plain)?;
        Ok(plain)
    }
}

impl RecordSealer {
    /// For a log whose data key has sealed at most `sealed_max` records.
    pub(crate) fn new(header: &Header, keyring: Option<&Keyring>, sealed_max: u64) -> Self {
        let sealer = keyring.map(|keyring| keyring.log_sealer(header.file_id, sealed_max));
        Self { id: LogId::of(header), sealer: sealer.map(|sealer| Arc::new(Mutex::new(sealer))) }
    }

    /// Calls `with` for the sealer, if there is one.
    pub(crate) fn with<T>(&self, with: impl FnOnce(&mut Sealer) -> T) -> Option<T> {
        let sealer = self.sealer.as_ref()?;
        Some(with(&mut sealer.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    pub(super) fn id(&self) -> LogId {
        self.id
    }

    /// A number for one write of a commit: a random one, if its records are sealed.
    pub(super) fn new_write_id(&self) -> u32 {
        self.sealer.as_ref().map_or(0, |_| rand::random())
    }

    /// What is written before and behind a payload, until it is sealed.
    pub(super) fn room(&self) -> (&'static [u8], &'static [u8]) {
        match self.sealer {
            Some(_) => (&[0; NONCE_BYTES], &[0; TAG_BYTES]),
            None => (&[], &[]),
        }
    }

    /// Seals the payload of a record in place, between the room for it.
    pub(super) fn seal(&self, position: u64, head: &[u8], mark: Option<(&Mark, Chain)>, payload: &mut [u8]) {
        self.with(|sealer| {
            let sealed = sealer.seal(Bound::new(self.id, position, head, mark).as_bytes(), payload);
            sealed.expect("who encodes a group has made the sealer ready for so many records");
        });
    }
}

impl Bound {
    const BYTES_MAX: usize = 24 + 8 + 28 + 4 + 28;

    /// For the record at `position` with this head, and, of a commit's last one, what the mark says and the chain value
    /// before the record.
    fn new(id: LogId, position: u64, head: &[u8], mark: Option<(&Mark, Chain)>) -> Self {
        debug_assert_eq!(head.len(), HEAD_BYTES);
        let mut bound = Self { bytes: [0; Self::BYTES_MAX], len: 0 };
        bound.push(&id.as_bytes());
        bound.push(&position.to_le_bytes());
        bound.push(&head[..at::PAYLOAD_CHECKSUM]);
        bound.push(&head[at::WRITE_ID..at::CHECKSUM]);
        if let Some((mark, before)) = mark {
            bound.push(&mark.time.0.to_le_bytes());
            bound.push(&mark.synced.to_le_bytes());
            bound.push(&mark.records.to_le_bytes());
            bound.push(&before.value().to_le_bytes());
        }
        bound
    }

    fn push(&mut self, part: &[u8]) {
        self.bytes[self.len..self.len + part.len()].copy_from_slice(part);
        self.len += part.len();
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}
