//! Owns the registry's package of the same name as one store among others. It hands out values, so a text is made of them.

use existing::{Config, FerrumDB, FsyncPolicy, Transaction};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

use super::{Durability, Opening, Session, Store, file};
use crate::Result;

pub(super) const NAME: &str = "ferrumdb 0.2.1";

struct Existing(FerrumDB);

/// What polls it on one thread.
struct Polled<'d> {
    db: &'d FerrumDB,
    runtime: Runtime,
}

pub(super) fn open(opening: &Opening) -> Result<Option<Box<dyn Store>>> {
    let fsync_policy = match opening.durability {
        Durability::NoSync => FsyncPolicy::Never,
        Durability::Synced => FsyncPolicy::Always,
    };
    let config = Config { path: file(&opening.folder), fsync_policy, ..Config::new() };
    let runtime = Builder::new_current_thread().enable_all().build()?;
    Ok(Some(Box::new(Existing(runtime.block_on(FerrumDB::open(config))?))))
}

impl Store for Existing {
    fn name(&self) -> &'static str {
        NAME
    }

    fn session(&self) -> Result<Box<dyn Session + '_>> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(Box::new(Polled { db: &self.0, runtime }))
    }
}

impl Session for Polled<'_> {
    fn set(&mut self, key: &str, document: &Value) -> Result<()> {
        self.runtime.block_on(self.db.set(key.to_owned(), document.clone()))?;
        Ok(())
    }

    fn set_all(&mut self, documents: &[(&str, &Value)]) -> Result<()> {
        let all = documents
            .iter()
            .fold(Transaction::new(), |all, (key, document)| all.set((*key).to_owned(), (*document).clone()));
        Ok(self.runtime.block_on(self.db.commit(all))?)
    }

    fn get(&mut self, key: &str, see: &mut dyn FnMut(&[u8])) -> Result<bool> {
        let found = self.runtime.block_on(self.db.get(key));
        Ok(found.map(|value| serde_json::to_vec(&value)).transpose()?.map(|text| see(&text)).is_some())
    }

    fn parsed(&mut self, key: &str, see: &mut dyn FnMut(&Value)) -> Result<bool> {
        Ok(self.runtime.block_on(self.db.get(key)).map(|value| see(&value)).is_some())
    }

    fn scan(&mut self, _: &str, _: usize, _: &mut dyn FnMut(&[u8])) -> Result<usize> {
        Err("it has no order".into())
    }
}
