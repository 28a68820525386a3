//! FerrumDB, an embedded JSON document database: open a file and go. It never needs a server, a configuration or a
//! migration.
//!
//! One process owns a file, and as many threads as it likes read it at once, without waiting for writers, disks or
//! each other. A single writer thread takes commands, groups them into commits, appends them to one log file, syncs it
//! as the [`FsyncPolicy`] says, and answers each caller.
//!
//! ```
//! use ferrumdb::{FerrumDB, Transaction};
//! use serde::{Deserialize, Serialize};
//! use serde_json::json;
//!
//! #[derive(Serialize, Deserialize, PartialEq, Debug)]
//! struct User {
//!     name: String,
//!     role: String,
//! }
//!
//! # let folder = tempfile::tempdir().unwrap();
//! # let path = folder.path().join("myapp.db");
//! let db = FerrumDB::open(&path).wait()?; // in async code: `.await?`
//!
//! // Writes return a `Pending`. It answers when the commit is as durable as the policy says.
//! db.set("user:1", json!({"name": "alice", "role": "admin"})).wait()?;
//! db.set("user:2", User { name: "bob".into(), role: "guest".into() }).wait()?;
//! db.commit(Transaction::new().set("count", 2).delete("user:9")).wait()?;
//!
//! // Reads answer at once.
//! let document = db.get("user:1")?.expect("it was just set");
//! assert_eq!(document.value()["role"], "admin");
//! let bob: Option<User> = db.get_as("user:2")?;
//! assert_eq!(bob.map(|user| user.name), Some("bob".to_owned()));
//! assert_eq!(db.count()?, 3);
//!
//! assert!(db.delete("user:2").wait()?);
//! db.close().wait()?;
//! # Ok::<(), ferrumdb::Error>(())
//! ```
//!
//! The same in async code, on any runtime:
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! use ferrumdb::FerrumDB;
//!
//! let db = FerrumDB::open_in_memory().await?;
//! let (one, two) = (db.set("one", 1), db.set("two", 2)); // both are under way, and share a sync
//! assert!(one.await? < two.await?);
//! # Ok::<(), ferrumdb::Error>(())
//! # }).unwrap();
//! ```
//!
//! What happens when things go wrong is said by [`ErrorKind`], and every error's text says what to do.

mod backups;
mod bell;
mod changes;
mod checks;
mod collection;
mod command;
mod compactions;
mod config;
mod database;
mod error;
mod expiry;
mod export;
mod follower_thread;
mod fsync_policy;
mod glance;
mod group;
mod hints;
mod inbox;
mod index_builds;
mod inspection;
mod lag;
mod link;
mod live;
mod metered;
mod metrics;
mod open_transaction;
mod opening;
mod order_builds;
mod pending;
mod purge;
mod restore;
mod scan;
mod snapshot;
mod spin;
mod sync;
mod syncer;
mod transact;
mod transaction;
mod watch;
mod works;
mod writer_thread;

pub use backups::BackupReport;
pub use changes::{ChangeStream, Changes, WatchOptions};
pub use checks::{Progress, repair, verify};
pub use collection::{Collection, DeletionReport, KeyHistory};
pub use compactions::{AutoCompaction, CompactionReport};
pub use config::Config;
pub use database::FerrumDB;
pub use error::{Error, ErrorKind, Result};
pub use expiry::Ttl;
pub use export::{EXPORT_VERSION, Export};
pub use ferrumdb_engine::{
    Change, ChangeKind, Clock, CollectionInfo, Document, DocumentInfo, EncryptionKey, FieldPath,
    FileContents, FileInfo, FileKey, Finding, History, IndexInfo, Key, Keys, Limits, LostCommits,
    ManualClock, PathError, RecoveryReport, RepairReport, Sequence, Stamp, Stamped, Stamps, Stats,
    SystemClock, Timestamp, UpTo, VerifyReport, Version, fs,
};
pub use fsync_policy::FsyncPolicy;
pub use glance::Glance;
pub use inspection::inspect;
pub use lag::Lag;
pub use metrics::{Distribution, Meter, Metrics};
pub use open_transaction::{OpenFieldRange, OpenRange, OpenTransaction};
pub use pending::Pending;
pub use restore::{Restore, RestoreReport};
pub use scan::{FieldKeyScan, FieldScan, KeyScan, Scan};
pub use snapshot::Snapshot;
pub use transact::Transact;
pub use transaction::Transaction;
pub use works::{Work, WorkKind};

/// The page that people read first, so that its example compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
