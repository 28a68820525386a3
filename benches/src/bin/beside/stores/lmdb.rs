//! Owns LMDB as one store among others: one transaction for each operation. Never keeps a transaction open.

use heed::{Env, EnvFlags};
use serde_json::Value;

use super::{Durability, Opening, Session, Store};
use crate::Result;
use crate::lmdb::{self, Lmdb};

pub(super) const NAME: &str = "LMDB";

/// The environment alone: a table borrows from it.
struct Environment(Env);

pub(super) fn open(opening: &Opening) -> Result<Option<Box<dyn Store>>> {
    let folder = opening.folder.join("environment");
    let env = match opening.durability {
        Durability::NoSync => lmdb::open(&folder)?,
        Durability::Synced => lmdb::open_with(&folder, EnvFlags::empty())?,
    };
    Ok(Some(Box::new(Environment(env))))
}

impl Store for Environment {
    fn name(&self) -> &'static str {
        NAME
    }

    fn session(&self) -> Result<Box<dyn Session + '_>> {
        Ok(Box::new(Lmdb::create(&self.0)?))
    }
}

impl Session for Lmdb<'_> {
    fn set(&mut self, key: &str, document: &Value) -> Result<()> {
        Lmdb::set(self, key, document)
    }

    fn set_all(&mut self, documents: &[(&str, &Value)]) -> Result<()> {
        Lmdb::set_all(self, documents.iter().copied())
    }

    fn get(&mut self, key: &str, see: &mut dyn FnMut(&[u8])) -> Result<bool> {
        self.text(key, see)
    }

    fn scan(&mut self, from: &str, count: usize, see: &mut dyn FnMut(&[u8])) -> Result<usize> {
        self.texts_from(from, count, see)
    }
}
