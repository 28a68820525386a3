//! Owns RocksDB as one store among others, where the machine has its library. Never changes an option beyond what all stores are
//! given.

use serde_json::Value;

use super::rocksdb_library::{Calls, Database};
use super::{Durability, Opening, Session, Store};
use crate::Result;

pub(super) const NAME: &str = "RocksDB";

pub(super) fn open(opening: &Opening) -> Result<Option<Box<dyn Store>>> {
    let Some(calls) = Calls::load()? else { return Ok(None) };
    let is_synced = opening.durability == Durability::Synced;
    let cache_bytes = usize::try_from(opening.cache_bytes)?;
    Ok(Some(Box::new(Database::open(calls, &opening.folder, is_synced, cache_bytes)?)))
}

impl Store for Database {
    fn name(&self) -> &'static str {
        NAME
    }

    fn session(&self) -> Result<Box<dyn Session + '_>> {
        Ok(Box::new(self))
    }
}

impl Session for &Database {
    fn set(&mut self, key: &str, document: &Value) -> Result<()> {
        self.put(key.as_bytes(), &serde_json::to_vec(document)?)
    }

    fn set_all(&mut self, documents: &[(&str, &Value)]) -> Result<()> {
        let pairs: serde_json::Result<Vec<_>> =
            documents.iter().map(|(key, document)| Ok((key, serde_json::to_vec(document)?))).collect();
        self.put_all(pairs?.into_iter())
    }

    fn get(&mut self, key: &str, see: &mut dyn FnMut(&[u8])) -> Result<bool> {
        Database::get(self, key.as_bytes(), see)
    }

    fn scan(&mut self, from: &str, count: usize, see: &mut dyn FnMut(&[u8])) -> Result<usize> {
        Ok(Database::scan(self, from.as_bytes(), count, see))
    }
}
