//! The storage engine of FerrumDB: documents, bytes, order and disk. It starts no thread, sends on no channel and
//! sets no timer.
//!
//! [`open`] returns two halves, like a channel: a [`Writer`], owned, which changes anything only through `&mut self`;
//! and a [`Reader`], `Clone + Send + Sync`, which can change nothing. The single-writer rule is a fact of the types.
//! The crate `ferrumdb` puts the writer on a thread of its own and is what programs use.

mod apply;
mod backup;
mod bounds;
mod build;
mod cache;
mod clock;
mod collections;
mod compaction;
mod counter;
mod document;
mod document_info;
mod documents;
mod error;
mod expiry;
mod feed;
mod field_scan;
mod find;
mod follow;
pub mod fs;
mod generation;
mod hint;
mod index;
mod indexing;
mod inspect;
mod json;
mod key;
mod keydir;
mod live;
mod lock;
mod log;
mod open_transaction;
mod options;
mod ordering;
mod past;
mod paths;
mod pins;
mod reader;
mod recovery;
mod repair;
mod scan;
mod seal;
mod snapshot;
mod stage;
mod stats;
mod superseded;
mod sweep;
mod sync;
mod syncing;
mod transaction;
mod undo;
mod validate;
mod verify;
mod versions;
mod view;
mod writer;

pub use apply::Untidy;
pub use backup::{BackedUp, Backup, BackupSource, BackupStep, Restore, Restored};
pub use bounds::KeyBounds;
pub use build::{BuildRound, CancelBuild, IndexBuild};
pub use clock::{Clock, ManualClock, SystemClock};
pub use collections::{CollectionInfo, check_collection_name};
pub use compaction::{CancelCompaction, Compacted, Compaction, CompactionStep, History, Relocation};
pub use document::{Document, EncodedDocument};
pub use document_info::DocumentInfo;
pub use documents::{Documents, StoredDocument};
pub use error::{Error, Result};
pub use feed::{Change, ChangeKind, Fed, Feed, InCollection, Wanted};
pub use field_scan::{FieldKeyScan, FieldScan};
pub use find::IndexInfo;
pub use follow::{Follower, OwnerWatch, Polled, follow};
pub use hint::HintTask;
pub use index::path::{FieldPath, PathError};
pub use inspect::{FileContents, FileInfo, FileKey, inspect};
pub use key::{CollectionId, Key, Sequence, Timestamp, UpTo};
pub use open_transaction::OpenTransaction;
pub use options::{Limits, Options};
pub use reader::Reader;
pub use recovery::open;
pub use repair::{LostCommits, RepairReport, repair};
pub use scan::{KeyScan, Scan};
pub use seal::EncryptionKey;
pub use snapshot::{Keys, Snapshot};
pub use stats::{RecoveryReport, Stats};
pub use syncing::{SyncDone, SyncTask};
pub use transaction::{
    Changed, CollectionRef, Committed, Condition, Outcome, Refused, Replaced, Transaction,
};
pub use verify::{CancelVerification, Finding, Verification, VerifyReport, VerifyStep};
pub use versions::{Version, Versions};
pub use writer::{Durability, Erased, Writer};
