//! Owns redb as one store among others. Without syncs it keeps its commits in memory, and a killed process has lost them.

use redb::{Builder, Database, Durability as Persistence, ReadableDatabase, TableDefinition};
use serde_json::Value;

use super::{Durability, Opening, Session, Store, file};
use crate::Result;

pub(super) const NAME: &str = "redb";

const TABLE: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("documents");

struct Redb {
    db: Database,
    persistence: Persistence,
}

pub(super) fn open(opening: &Opening) -> Result<Option<Box<dyn Store>>> {
    let cache_bytes = usize::try_from(opening.cache_bytes)?;
    let db = Builder::new().set_cache_size(cache_bytes).create(file(&opening.folder))?;
    let creation = db.begin_write()?;
    drop(creation.open_table(TABLE)?);
    creation.commit()?;
    let persistence = match opening.durability {
        Durability::NoSync => Persistence::None,
        Durability::Synced => Persistence::Immediate,
    };
    Ok(Some(Box::new(Redb { db, persistence })))
}

impl Store for Redb {
    fn name(&self) -> &'static str {
        NAME
    }

    fn session(&self) -> Result<Box<dyn Session + '_>> {
        Ok(Box::new(self))
    }
}

impl Session for &Redb {
    fn set(&mut self, key: &str, document: &Value) -> Result<()> {
        self.set_all(&[(key, document)])
    }

    fn set_all(&mut self, documents: &[(&str, &Value)]) -> Result<()> {
        let mut writing = self.db.begin_write()?;
        writing.set_durability(self.persistence)?;
        let mut table = writing.open_table(TABLE)?;
        for (key, document) in documents {
            table.insert(*key, &*serde_json::to_vec(document)?)?;
        }
        drop(table);
        Ok(writing.commit()?)
    }

    fn get(&mut self, key: &str, see: &mut dyn FnMut(&[u8])) -> Result<bool> {
        let table = self.db.begin_read()?.open_table(TABLE)?;
        Ok(table.get(key)?.map(|text| see(text.value())).is_some())
    }

    fn scan(&mut self, from: &str, count: usize, see: &mut dyn FnMut(&[u8])) -> Result<usize> {
        let table = self.db.begin_read()?.open_table(TABLE)?;
        let mut shown = 0;
        for found in table.range(from..)?.take(count) {
            see(found?.1.value());
            shown += 1;
        }
        Ok(shown)
    }
}
