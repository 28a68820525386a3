//! Owns SQLite as one store among others: a connection for each session, in the mode of the write-ahead log. Never prepares a
//! statement twice.

use std::path::PathBuf;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row};
use serde_json::Value;

use super::{Durability, Opening, Session, Store, file};
use crate::Result;

pub(super) const NAME: &str = "SQLite";

const UPSERT: &str =
    "INSERT INTO documents (key, doc) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET doc = excluded.doc";

struct Sqlite {
    path: PathBuf,
    settings: String,
}

/// One connection.
struct Connected(Connection);

pub(super) fn open(opening: &Opening) -> Result<Option<Box<dyn Store>>> {
    let synchronous = match opening.durability {
        Durability::NoSync => "OFF",
        Durability::Synced => "FULL",
    };
    let settings = format!(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous}; PRAGMA cache_size = -{};",
        opening.cache_bytes >> 10
    );
    let store = Sqlite { path: file(&opening.folder), settings };
    let created = store.connect()?;
    created.execute_batch("CREATE TABLE documents (key TEXT PRIMARY KEY, doc TEXT) WITHOUT ROWID;")?;
    let mode: String = created.query_row("PRAGMA journal_mode", (), |row| row.get(0))?;
    if mode != "wal" {
        return Err("SQLite did not take its settings".into());
    }
    Ok(Some(Box::new(store)))
}

impl Sqlite {
    fn connect(&self) -> Result<Connection> {
        let connection = Connection::open(&self.path)?;
        // Writers of several threads wait for each other.
        connection.busy_timeout(Duration::from_secs(60))?;
        connection.execute_batch(&self.settings)?;
        Ok(connection)
    }
}

impl Store for Sqlite {
    fn name(&self) -> &'static str {
        NAME
    }

    fn session(&self) -> Result<Box<dyn Session + '_>> {
        Ok(Box::new(Connected(self.connect()?)))
    }
}

impl Session for Connected {
    fn set(&mut self, key: &str, document: &Value) -> Result<()> {
        let json = serde_json::to_string(document)?;
        self.0.prepare_cached(UPSERT)?.execute((key, json))?;
        Ok(())
    }

    fn set_all(&mut self, documents: &[(&str, &Value)]) -> Result<()> {
        let transaction = self.0.transaction()?;
        let mut upsert = transaction.prepare_cached(UPSERT)?;
        for (key, document) in documents {
            upsert.execute((key, serde_json::to_string(document)?))?;
        }
        drop(upsert);
        Ok(transaction.commit()?)
    }

    fn get(&mut self, key: &str, see: &mut dyn FnMut(&[u8])) -> Result<bool> {
        let mut find = self.0.prepare_cached("SELECT doc FROM documents WHERE key = ?1")?;
        let mut show = |row: &Row<'_>| {
            see(row.get_ref(0)?.as_bytes()?);
            Ok(())
        };
        Ok(find.query_row([key], &mut show).optional()?.is_some())
    }

    fn scan(&mut self, from: &str, count: usize, see: &mut dyn FnMut(&[u8])) -> Result<usize> {
        let mut find =
            self.0.prepare_cached("SELECT doc FROM documents WHERE key >= ?1 ORDER BY key LIMIT ?2")?;
        let mut rows = find.query((from, i64::try_from(count)?))?;
        let mut shown = 0;
        while let Some(row) = rows.next()? {
            see(row.get_ref(0)?.as_bytes()?);
            shown += 1;
        }
        Ok(shown)
    }
}
