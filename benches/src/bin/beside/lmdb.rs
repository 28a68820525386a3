//! Owns LMDB's environment and its one table: a transaction for each operation. Never shares a folder with a second
//! environment.

use std::borrow::Borrow;
use std::hint::black_box;
use std::ops::Bound;
use std::path::Path;

use heed::types::{Bytes, Str};
use heed::{CommitOrAbort, Database, Env, EnvFlags, EnvOpenOptions};
use serde_json::Value;

use crate::Result;

/// Opens an environment in a new folder, without syncs.
pub(crate) fn open(folder: &Path) -> Result<Env> {
    open_with(folder, EnvFlags::NO_SYNC | EnvFlags::NO_META_SYNC)
}

/// Opens an environment in a new folder.
pub(crate) fn open_with(folder: &Path, flags: EnvFlags) -> Result<Env> {
    std::fs::create_dir(folder)?;
    let mut options = EnvOpenOptions::new();
    options.map_size(8 << 30);
    #[expect(unsafe_code, reason = "the folder is new, and nobody else opens or changes its files")]
    let env = unsafe { options.flags(flags).open(folder)? };
    Ok(env)
}

/// One table of an environment, from keys to JSON text.
pub(crate) struct Lmdb<'e> {
    env: &'e Env,
    table: Database<'e, Str, Bytes>,
}

impl<'e> Lmdb<'e> {
    /// Creates the table.
    pub(crate) fn create(env: &'e Env) -> Result<Self> {
        let created = env.create_databases_and_commit(env.write_txn()?, |opener, transaction| {
            opener.create_database(transaction, None).map(CommitOrAbort::<_, ()>::Commit)
        });
        Ok(Self { env, table: created?.unwrap_commit() })
    }

    /// Serialises and stores a document in a transaction of its own.
    pub(crate) fn set(&self, key: &str, document: &Value) -> Result<()> {
        let json = serde_json::to_vec(document)?;
        let mut transaction = self.env.write_txn()?;
        self.table.put(&mut transaction, key, &json)?;
        Ok(transaction.commit()?)
    }

    /// Reads two documents and overwrites both, in one transaction.
    pub(crate) fn exchange(&self, keys: [&str; 2], documents: [&Value; 2]) -> Result<()> {
        let mut transaction = self.env.write_txn()?;
        for key in keys {
            let found = self.table.get(&transaction, key)?;
            assert!(found.is_some_and(|json| json.len() > 100), "every document is there");
        }
        for (key, document) in keys.into_iter().zip(documents) {
            self.table.put(&mut transaction, key, &serde_json::to_vec(document)?)?;
        }
        Ok(transaction.commit()?)
    }

    /// Finds a document in a transaction of its own, and parses it.
    pub(crate) fn get(&self, key: &str) -> Result<Option<Value>> {
        let transaction = self.env.read_txn()?;
        let json = self.table.get(&transaction, key)?;
        Ok(json.map(serde_json::from_slice).transpose()?)
    }

    /// Serialises and stores documents in one transaction.
    pub(crate) fn set_all(
        &self,
        documents: impl Iterator<Item = (impl AsRef<str>, impl Borrow<Value>)>,
    ) -> Result<()> {
        let mut transaction = self.env.write_txn()?;
        for (key, document) in documents {
            self.table.put(&mut transaction, key.as_ref(), &serde_json::to_vec(document.borrow())?)?;
        }
        Ok(transaction.commit()?)
    }

    /// Visits the documents whose keys begin with a text, in their order, with one cursor.
    pub(crate) fn scan(&self, prefix: &str, mut visit: impl FnMut(&str, &[u8]) -> Result<()>) -> Result<()> {
        let transaction = self.env.read_txn()?;
        for found in self.table.prefix_iter(&transaction, prefix)? {
            let (key, text) = found?;
            visit(key, text)?;
        }
        Ok(())
    }

    /// Scans and parses. Says how many documents there were.
    pub(crate) fn values(&self, prefix: &str) -> Result<usize> {
        let mut count = 0;
        self.scan(prefix, |key, text| {
            black_box((key, serde_json::from_slice::<Value>(text)?));
            count += 1;
            Ok(())
        })?;
        Ok(count)
    }

    /// Scans without parsing. Says how many bytes there were.
    pub(crate) fn texts(&self, prefix: &str) -> Result<usize> {
        let mut bytes = 0;
        self.scan(prefix, |key, text| {
            bytes += black_box(key).len() + black_box(text).len();
            Ok(())
        })?;
        Ok(bytes)
    }

    /// Scans the keys. Says how many bytes they had.
    pub(crate) fn keys(&self, prefix: &str) -> Result<usize> {
        let mut bytes = 0;
        self.scan(prefix, |key, _| {
            bytes += black_box(key).len();
            Ok(())
        })?;
        Ok(bytes)
    }

    /// Shows the text of a document, in a transaction of its own. Says whether there is one.
    pub(crate) fn text(&self, key: &str, see: &mut dyn FnMut(&[u8])) -> Result<bool> {
        let transaction = self.env.read_txn()?;
        Ok(self.table.get(&transaction, key)?.map(see).is_some())
    }

    /// Shows up to `count` documents from a key on, with one cursor. Says how many there were.
    pub(crate) fn texts_from(&self, from: &str, count: usize, see: &mut dyn FnMut(&[u8])) -> Result<usize> {
        let transaction = self.env.read_txn()?;
        let range = (Bound::Included(from), Bound::Unbounded);
        let mut shown = 0;
        for found in self.table.range(&transaction, &range)?.take(count) {
            see(found?.1);
            shown += 1;
        }
        Ok(shown)
    }

    pub(crate) fn count(&self) -> Result<u64> {
        let transaction = self.env.read_txn()?;
        Ok(self.table.len(&transaction)?)
    }
}
