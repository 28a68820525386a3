//! Owns the engine's options and every limit, with their defaults. Never reads an environment.

use std::path::PathBuf;
use std::sync::Arc;

use crate::clock::{Clock, SystemClock};
use crate::seal::EncryptionKey;

/// What [`crate::open`] needs to know.
#[derive(Clone, Debug)]
pub struct Options {
    /// The database file. It is created if it does not exist; its folder must exist.
    pub path: PathBuf,
    /// The sizes that are refused.
    pub limits: Limits,
    /// The memory for documents that were read, in bytes, their parsed form counted. 0 keeps none.
    pub cache_bytes: u64,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// What the database is encrypted with, if it is.
    pub encryption: Option<EncryptionKey>,
}

impl Options {
    /// The default options for the file at `path`.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            limits: Limits::default(),
            cache_bytes: 256 << 20,
            clock: Arc::new(SystemClock),
            encryption: None,
        }
    }
}

/// The sizes beyond which a key, a document or a transaction is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest key, in bytes. Default 65,536.
    pub key_bytes_max: usize,
    /// The largest document, in bytes of compact JSON. Default 64 MiB; never more than 1 GiB.
    pub document_bytes_max: usize,
    /// The deepest nesting of arrays and objects. Default 128; never more than 256.
    pub depth_max: usize,
    /// The most operations in one transaction. Default 1,000,000.
    pub transaction_operations_max: usize,
    /// The most bytes of keys and documents in one transaction. Default 256 MiB; never more than 2 GiB.
    pub transaction_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            key_bytes_max: 64 << 10,
            document_bytes_max: 64 << 20,
            depth_max: 128,
            transaction_operations_max: 1_000_000,
            transaction_bytes_max: 256 << 20,
        }
    }
}

/// How deep a document may be nested whatever the limits say.
pub(crate) const DEPTH_MAX: usize = 256;

impl Limits {
    /// These limits, each no larger than what the file format and the stack can carry.
    #[must_use]
    pub fn clamped(self) -> Self {
        Self {
            key_bytes_max: self.key_bytes_max.min(16 << 20),
            document_bytes_max: self.document_bytes_max.min(1 << 30),
            depth_max: self.depth_max.min(DEPTH_MAX),
            transaction_operations_max: self.transaction_operations_max.min(1 << 28),
            transaction_bytes_max: self.transaction_bytes_max.min(2 << 30),
        }
    }
}
