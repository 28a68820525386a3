//! Owns what is said of a golden file: a small file that was made once, and what must be found in it for ever. Never opens
//! a database.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use ferrumdb::{Config, EncryptionKey};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What must be found in the database `NAME.db`; it stands in `NAME.json`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// What the file is there for.
    pub about: String,
    /// The files that belong together, `NAME.db` among them, and the CRC-32 of each in hexadecimal digits.
    pub files: BTreeMap<String, String>,
    /// What the database is encrypted with.
    pub key: Option<GoldenKey>,
    /// The time at which it is opened.
    pub now: u64,
    /// What comes of opening it without a hint file.
    pub opening: Opening,
    /// Whether it has a hint file that is believed.
    pub believes_hint: bool,
    /// What comes of opening it with the hint file that it has, if that is something else.
    pub opening_by_hint: Option<Opening>,
    /// Keys whose documents cannot be read when the hint file has been believed.
    pub unreadable: Vec<String>,
    /// What a verification finds without the hint file.
    pub verification: Verified,
    /// What is in it.
    pub contents: Contents,
    /// Incremental backups that continue it.
    pub increments: Vec<String>,
    /// What restoring it up to some commits makes, increments included.
    pub restored: Vec<Restored>,
}

/// The key of an encrypted golden file. There is no secret in any of them.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GoldenKey {
    /// 32 times this byte.
    Bytes(u8),
    /// This text.
    Passphrase(String),
}

/// What comes of opening a file.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Opening {
    /// It opens.
    Opens {
        /// The number of its newest commit.
        sequence: u64,
        /// Whether it had been closed.
        clean: bool,
        /// The length of a torn tail that is cut off.
        torn_bytes: u64,
        /// Whether that tail is saved in a file.
        torn_file: bool,
    },
    /// It is damaged, and left as it is.
    Damaged {
        /// Where.
        position: u64,
    },
}

/// What a verification tells.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Verified {
    /// The length of a torn tail.
    pub torn_bytes: u64,
    /// Where the first thing is that is wrong, if something is.
    pub first_finding: Option<u64>,
}

/// What is in a database.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Contents {
    /// The documents by their keys.
    pub documents: BTreeMap<String, Stored>,
    /// The indexes by their fields, with what is found by them.
    pub indexes: BTreeMap<String, Vec<Found>>,
    /// The collections by their names, which are in the root's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub collections: BTreeMap<String, Contents>,
}

/// A document.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Stored {
    /// Its text.
    pub json: String,
    /// The commit that wrote it.
    pub version: u64,
    /// When it expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
}

/// What is found by an index: the keys of the documents with a value, or with one in a range.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Found {
    /// The value, or the first of the range.
    pub value: Value,
    /// The last of the range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Value>,
    /// The keys, ascending.
    pub keys: Vec<String>,
}

/// What a restore makes.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Restored {
    /// Up to which commit.
    pub sequence: u64,
    /// What is in the new file; nothing, if the history does not go back so far.
    pub contents: Option<Contents>,
}

impl Facts {
    /// The facts in this file.
    ///
    /// # Errors
    /// When it cannot be read, or says something else.
    pub fn read(path: &Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&std::fs::read(path)?)?)
    }

    /// This configuration with the key of the file.
    #[must_use]
    pub fn unlocking(&self, config: Config) -> Config {
        match &self.key {
            None => config,
            Some(GoldenKey::Bytes(byte)) => config.with_encryption([*byte; 32]),
            Some(GoldenKey::Passphrase(text)) => config.with_passphrase(text),
        }
    }

    /// The key of the file.
    #[must_use]
    pub fn engine_key(&self) -> Option<EncryptionKey> {
        self.key.as_ref().map(|key| match key {
            GoldenKey::Bytes(byte) => EncryptionKey::from_bytes([*byte; 32]),
            GoldenKey::Passphrase(text) => EncryptionKey::from_passphrase(text),
        })
    }
}

/// The folder of the golden files of a version of the format.
///
/// # Panics
/// When cargo does not run this.
#[must_use]
pub fn folder(version: u32) -> PathBuf {
    // As cargo says at run time: a build folder shared by two checkouts would remember the other one.
    let crate_folder = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs this");
    Path::new(&crate_folder).join(format!("golden/v{version}"))
}

/// The checksum of a golden file, as the facts state it.
#[must_use]
pub fn checksum(bytes: &[u8]) -> String {
    format!("{:08x}", crc32fast::hash(bytes))
}
