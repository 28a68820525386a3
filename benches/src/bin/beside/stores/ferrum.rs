//! Owns FerrumDB as one store among others. Never uses what its users do not have.

use ferrumdb::{Collection, Config, FerrumDB, FsyncPolicy, Transaction};
use serde_json::Value;

use super::{Durability, Opening, Session, Store, file};
use crate::Result;

pub(crate) const NAME: &str = "FerrumDB";

pub(super) fn open(opening: &Opening) -> Result<Option<Box<dyn Store>>> {
    let policy = match opening.durability {
        Durability::NoSync => FsyncPolicy::Never,
        Durability::Synced => FsyncPolicy::Always,
    };
    let config =
        Config::new(file(&opening.folder)).with_fsync_policy(policy).with_cache_bytes(opening.cache_bytes);
    Ok(Some(Box::new(FerrumDB::open(config).wait()?)))
}

impl Store for FerrumDB {
    fn name(&self) -> &'static str {
        NAME
    }

    fn session(&self) -> Result<Box<dyn Session + '_>> {
        Ok(Box::new(self))
    }

    fn cache_hits_and_misses(&self) -> Option<(u64, u64)> {
        let metrics = self.metrics();
        Some((metrics.cache_hits, metrics.cache_misses))
    }
}

impl Session for &FerrumDB {
    fn set(&mut self, key: &str, document: &Value) -> Result<()> {
        Collection::set(self, key, document).wait()?;
        Ok(())
    }

    fn set_all(&mut self, documents: &[(&str, &Value)]) -> Result<()> {
        let all = documents.iter().fold(Transaction::new(), |all, (key, document)| all.set(*key, document));
        self.commit(all).wait()?;
        Ok(())
    }

    fn get(&mut self, key: &str, see: &mut dyn FnMut(&[u8])) -> Result<bool> {
        let found = Collection::get(self, key)?;
        Ok(found.map(|document| see(document.as_bytes())).is_some())
    }

    fn parsed(&mut self, key: &str, see: &mut dyn FnMut(&Value)) -> Result<bool> {
        let found = Collection::get(self, key)?;
        Ok(found.map(|document| see(document.value())).is_some())
    }

    fn scan(&mut self, from: &str, count: usize, see: &mut dyn FnMut(&[u8])) -> Result<usize> {
        let mut shown = 0;
        for found in self.range(from..)?.take(count) {
            see(found?.1.as_bytes());
            shown += 1;
        }
        Ok(shown)
    }
}
