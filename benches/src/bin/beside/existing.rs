//! Owns the registry's package of the same name as a peer: a runtime to poll it, and its find. Never lets the runtime
//! interrupt a run of finds.

use std::path::Path;

use existing::{Config, FerrumDB, FsyncPolicy, Transaction};
use ferrumdb_benches::workload::Workload;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use tokio::task::unconstrained;

use crate::Result;

/// One open database, and what polls it.
pub(crate) struct Existing {
    runtime: Runtime,
    db: FerrumDB,
}

impl Existing {
    /// Fills a new file, with an index on each of these fields.
    pub(crate) fn filled(path: &Path, workload: &Workload, fields: &[&str]) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let config = Config { path: path.to_owned(), fsync_policy: FsyncPolicy::Never, ..Config::new() };
        let db = runtime.block_on(async {
            let db = FerrumDB::open(config).await?;
            // Before the documents: it would read the whole transaction again for each of them.
            for field in fields {
                db.create_index(field).await?;
            }
            let pairs = workload.keys.iter().zip(&workload.documents);
            let transaction = pairs.fold(Transaction::new(), |transaction, (key, document)| {
                transaction.set(key.clone(), document.clone())
            });
            db.commit(transaction).await?;
            Ok::<_, existing::FerrumError>(db)
        })?;
        Ok(Self { runtime, db })
    }

    /// Finds each of these values after the other, and gives each answer away.
    pub(crate) fn find_all<'v>(
        &self,
        field: &str,
        values: impl Iterator<Item = &'v Value>,
        mut found: impl FnMut(Vec<String>),
    ) {
        // Polled once for the whole run, so that a find pays for its own work alone.
        self.runtime.block_on(unconstrained(async {
            for value in values {
                found(self.db.find(field, value).await);
            }
        }));
    }
}
