//! Owns how the options of an opening get from JavaScript to the database, and whether two openings of one file agree.
//! Never opens anything.

use std::time::Duration;

use ferrumdb::{AutoCompaction, Config, ErrorKind, FsyncPolicy, History};
use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::failure::{Failure, Result};

/// What `lib/options.js` has made of the user's options: it has checked the types.
#[napi(object)]
pub struct OpenOptions {
    pub path: String,
    pub fsync: Option<String>,
    pub cache_bytes: Option<f64>,
    pub inbox_bytes: Option<f64>,
    pub max_document_bytes: Option<f64>,
    pub lock_timeout_millis: Option<f64>,
    pub read_only: Option<bool>,
    pub encryption_key: Option<Uint8Array>,
    pub passphrase: Option<String>,
    pub keep_versions: Option<f64>,
    pub keep_seconds: Option<f64>,
    pub auto_compaction: Option<bool>,
}

/// What must be the same for all who have a file open in this process.
#[derive(Clone)]
pub(crate) struct Agreed {
    fsync: Option<String>,
    numbers: [(&'static str, Option<f64>); 5],
    auto_compaction: Option<bool>,
    pub(crate) key: Option<KeyDigest>,
}

/// Tells whether two keys are the same, and nothing else.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyDigest([u8; 32]);

impl OpenOptions {
    /// What to open, and what others who open it must agree to.
    ///
    /// # Errors
    /// An fsync policy that is none; an encryption key that has not 32 bytes.
    pub(crate) fn read(self) -> Result<(Config, Agreed)> {
        let agreed = Agreed {
            fsync: self.fsync.clone(),
            numbers: [
                ("cacheBytes", self.cache_bytes),
                ("inboxBytes", self.inbox_bytes),
                ("maxDocumentBytes", self.max_document_bytes),
                ("keepHistory", self.keep_versions),
                ("keepHistory", self.keep_seconds),
            ],
            auto_compaction: self.auto_compaction,
            key: KeyDigest::of(self.encryption_key.as_deref(), self.passphrase.as_deref()),
        };
        let mut config = Config::new(&self.path).from_env()?;
        if let Some(policy) = &self.fsync {
            config = config.with_fsync_policy(policy.parse::<FsyncPolicy>()?);
        }
        if let Some(bytes) = self.cache_bytes {
            config = config.with_cache_bytes(bytes as u64);
        }
        if let Some(bytes) = self.inbox_bytes {
            config = config.with_inbox_bytes(bytes as usize);
        }
        if let Some(bytes) = self.max_document_bytes {
            config = config.with_max_document_bytes(bytes as usize);
        }
        if let Some(millis) = self.lock_timeout_millis {
            config = config.with_lock_timeout(Duration::from_millis(millis as u64));
        }
        if let Some(versions) = self.keep_versions {
            config = config.keep_history(History::Versions(versions as u32));
        }
        if let Some(seconds) = self.keep_seconds {
            config = config.keep_history(History::For(duration(seconds)));
        }
        if self.auto_compaction == Some(false) {
            config = config.with_auto_compaction(None::<AutoCompaction>);
        }
        if self.read_only == Some(true) {
            config = config.read_only();
        }
        if let Some(bytes) = &self.encryption_key {
            config = config.with_encryption(*key_bytes(bytes)?);
        }
        if let Some(passphrase) = self.passphrase.map(Zeroizing::new) {
            config = config.with_passphrase(&*passphrase);
        }
        Ok((config, agreed))
    }
}

impl Agreed {
    /// Whether one who opens with `later` may share what was opened with this: what it does not say, it takes as it is.
    ///
    /// # Errors
    /// A sentence that names what differs.
    pub(crate) fn check(&self, later: &Self, path: &str) -> Result<()> {
        if self.key != later.key {
            let message = format!("{path} is open in this process already, with another key");
            return Err(Failure::new(ErrorKind::WrongKey, message));
        }
        let numbers = self.numbers.iter().zip(&later.numbers);
        let mut differing = numbers.filter(|(now, later)| later.1.is_some() && now.1 != later.1);
        let differs = match differing.next() {
            Some(((name, _), _)) => Some(*name),
            None if later.fsync.is_some() && self.fsync != later.fsync => Some("fsync"),
            None if later.auto_compaction.is_some() && self.auto_compaction != later.auto_compaction => {
                Some("autoCompaction")
            }
            None => None,
        };
        differs.map_or(Ok(()), |option| {
            let message = format!(
                "{path} is open in this process already, with another {option}; leave it out, or say the same"
            );
            Err(Failure::new(ErrorKind::InvalidConfig, message))
        })
    }
}

impl KeyDigest {
    pub(crate) fn of(key: Option<&[u8]>, passphrase: Option<&str>) -> Option<Self> {
        let (kind, secret) = match (key, passphrase) {
            (Some(key), _) => (b"key", key),
            (None, Some(passphrase)) => (b"pas", passphrase.as_bytes()),
            (None, None) => return None,
        };
        let digest = Sha256::new().chain_update(kind).chain_update(secret).finalize();
        Some(Self(digest.into()))
    }
}

/// # Errors
/// When they are not 32.
pub(crate) fn key_bytes(bytes: &[u8]) -> Result<Zeroizing<[u8; 32]>> {
    let key: Result<[u8; 32], _> = bytes.try_into();
    let message = || format!("an encryption key has 32 bytes, and this one has {}", bytes.len());
    key.map(Zeroizing::new).map_err(|_| Failure::new(ErrorKind::InvalidConfig, message()))
}

/// Seconds with their fractions; beyond all time is for ever.
pub(crate) fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX)
}
