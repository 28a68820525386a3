//! Owns fjall as one store among others. Never batches what a caller waits for one by one.

use fjall::{Config, Keyspace, PartitionCreateOptions, PartitionHandle, PersistMode};
use serde_json::Value;

use super::{Durability, Opening, Session, Store};
use crate::Result;

pub(super) const NAME: &str = "fjall";

struct Fjall {
    db: Keyspace,
    documents: PartitionHandle,
    durability: Durability,
}

pub(super) fn open(opening: &Opening) -> Result<Option<Box<dyn Store>>> {
    let db = Config::new(&opening.folder).cache_size(opening.cache_bytes).open()?;
    let documents = db.open_partition("documents", PartitionCreateOptions::default())?;
    Ok(Some(Box::new(Fjall { db, documents, durability: opening.durability })))
}

impl Store for Fjall {
    fn name(&self) -> &'static str {
        NAME
    }

    fn session(&self) -> Result<Box<dyn Session + '_>> {
        Ok(Box::new(self))
    }
}

impl Session for &Fjall {
    fn set(&mut self, key: &str, document: &Value) -> Result<()> {
        self.documents.insert(key, serde_json::to_vec(document)?)?;
        if self.durability == Durability::Synced {
            self.db.persist(PersistMode::SyncData)?;
        }
        Ok(())
    }

    fn set_all(&mut self, documents: &[(&str, &Value)]) -> Result<()> {
        let mut batch = self.db.batch();
        if self.durability == Durability::Synced {
            batch = batch.durability(Some(PersistMode::SyncData));
        }
        for (key, document) in documents {
            batch.insert(&self.documents, *key, serde_json::to_vec(document)?);
        }
        Ok(batch.commit()?)
    }

    fn get(&mut self, key: &str, see: &mut dyn FnMut(&[u8])) -> Result<bool> {
        Ok(self.documents.get(key)?.map(|text| see(&text)).is_some())
    }

    fn scan(&mut self, from: &str, count: usize, see: &mut dyn FnMut(&[u8])) -> Result<usize> {
        let mut shown = 0;
        for found in self.documents.range(from..).take(count) {
            see(&found?.1);
            shown += 1;
        }
        Ok(shown)
    }
}
