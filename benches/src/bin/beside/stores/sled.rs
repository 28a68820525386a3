//! Owns sled as one store among others. Its flush leaves the bytes with the disk's own cache at best; the tables say so.

use serde_json::Value;
use sled::{Batch, Db};

use super::{Durability, Opening, Session, Store};
use crate::Result;

pub(super) const NAME: &str = "sled";

struct Sled {
    db: Db,
    durability: Durability,
}

pub(super) fn open(opening: &Opening) -> Result<Option<Box<dyn Store>>> {
    let config = sled::Config::new().path(&opening.folder).cache_capacity(opening.cache_bytes);
    Ok(Some(Box::new(Sled { db: config.open()?, durability: opening.durability })))
}

impl Sled {
    fn flush(&self) -> Result<()> {
        if self.durability == Durability::Synced {
            self.db.flush()?;
        }
        Ok(())
    }
}

impl Store for Sled {
    fn name(&self) -> &'static str {
        NAME
    }

    fn session(&self) -> Result<Box<dyn Session + '_>> {
        Ok(Box::new(self))
    }
}

impl Session for &Sled {
    fn set(&mut self, key: &str, document: &Value) -> Result<()> {
        self.db.insert(key, serde_json::to_vec(document)?)?;
        self.flush()
    }

    fn set_all(&mut self, documents: &[(&str, &Value)]) -> Result<()> {
        let mut batch = Batch::default();
        for (key, document) in documents {
            batch.insert(*key, serde_json::to_vec(document)?);
        }
        self.db.apply_batch(batch)?;
        self.flush()
    }

    fn get(&mut self, key: &str, see: &mut dyn FnMut(&[u8])) -> Result<bool> {
        Ok(self.db.get(key)?.map(|text| see(&text)).is_some())
    }

    fn scan(&mut self, from: &str, count: usize, see: &mut dyn FnMut(&[u8])) -> Result<usize> {
        let mut shown = 0;
        for found in self.db.range(from..).take(count) {
            see(&found?.1);
            shown += 1;
        }
        Ok(shown)
    }
}
