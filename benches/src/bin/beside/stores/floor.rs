//! Owns the floor of all reads: a map of texts in memory, without a file. Never serialises on a read.

use std::sync::Arc;

use ahash::RandomState;
use dashmap::DashMap;
use serde_json::Value;

use super::{Opening, Session, Store};
use crate::Result;

pub(crate) const NAME: &str = "DashMap of Arc<[u8]>";

type Map = DashMap<String, Arc<[u8]>, RandomState>;

pub(super) fn open(_: &Opening) -> Result<Option<Box<dyn Store>>> {
    Ok(Some(Box::new(Map::with_hasher(RandomState::new()))))
}

impl Store for Map {
    fn name(&self) -> &'static str {
        NAME
    }

    fn session(&self) -> Result<Box<dyn Session + '_>> {
        Ok(Box::new(self))
    }
}

impl Session for &Map {
    fn set(&mut self, key: &str, document: &Value) -> Result<()> {
        self.insert(key.to_owned(), Arc::from(serde_json::to_vec(document)?));
        Ok(())
    }

    fn set_all(&mut self, documents: &[(&str, &Value)]) -> Result<()> {
        documents.iter().try_for_each(|(key, document)| self.set(key, document))
    }

    fn get(&mut self, key: &str, see: &mut dyn FnMut(&[u8])) -> Result<bool> {
        let found = DashMap::get(self, key).map(|found| Arc::clone(&found));
        Ok(found.map(|text| see(&text)).is_some())
    }

    fn scan(&mut self, _: &str, _: usize, _: &mut dyn FnMut(&[u8])) -> Result<usize> {
        Err("a hash map has no order".into())
    }
}
