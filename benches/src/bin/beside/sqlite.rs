//! Owns SQLite as a peer: a table of JSON texts, with indexes on what `json_extract` gives. Never syncs.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Statement, ToSql};
use serde_json::Value;

use crate::Result;

/// What holds for a commit of a [`Sqlite`], and for one of ours that is not synced: it is in the system's hands.
pub(crate) const DURABILITY: &str = "no sync: outlives the process, both";

const UPSERT: &str =
    "INSERT INTO documents (key, doc) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET doc = excluded.doc";

/// Opens a new file with an empty table.
pub(crate) fn open(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path)?;
    // Room for all pages: the default of 2 MiB would have it read them again and again.
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA cache_size = -524288;
         CREATE TABLE documents (key TEXT PRIMARY KEY, doc TEXT);",
    )?;
    let mode: String = connection.query_row("PRAGMA journal_mode", (), |row| row.get(0))?;
    let synchronous: i64 = connection.query_row("PRAGMA synchronous", (), |row| row.get(0))?;
    match (mode.as_str(), synchronous) {
        ("wal", 0) => Ok(connection),
        _ => Err("SQLite did not take its settings".into()),
    }
}

/// The table of a connection, and its prepared statements.
pub(crate) struct Sqlite<'c> {
    connection: &'c Connection,
    upsert: Statement<'c>,
}

impl<'c> Sqlite<'c> {
    pub(crate) fn new(connection: &'c Connection) -> Result<Self> {
        Ok(Self { connection, upsert: connection.prepare(UPSERT)? })
    }

    /// Serialises and stores a document, in a transaction of its own if none is open.
    pub(crate) fn set(&mut self, key: &str, document: &Value) -> Result<()> {
        let json = serde_json::to_string(document)?;
        self.upsert.execute((key, json))?;
        Ok(())
    }

    /// Stores all of these in one transaction.
    pub(crate) fn fill(&mut self, keys: &[String], documents: &[Value]) -> Result<()> {
        let transaction = self.connection.unchecked_transaction()?;
        for (key, document) in keys.iter().zip(documents) {
            self.set(key, document)?;
        }
        transaction.commit()?;
        // What comes next begins with an empty write-ahead log, as after any pause.
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()))?;
        Ok(())
    }

    pub(crate) fn get(&self, key: &str) -> Result<Option<Value>> {
        let mut statement = self.connection.prepare("SELECT doc FROM documents WHERE key = ?1")?;
        let json: Option<String> = statement.query_row([key], |row| row.get(0)).optional()?;
        Ok(json.map(|json| serde_json::from_str(&json)).transpose()?)
    }

    pub(crate) fn count(&self) -> Result<u64> {
        let count: i64 = self.connection.query_row("SELECT count(*) FROM documents", (), |row| row.get(0))?;
        Ok(u64::try_from(count)?)
    }

    pub(crate) fn create_index(&self, field: &str) -> Result<()> {
        let sql = format!("CREATE INDEX by_{field} ON documents (json_extract(doc, '$.{field}'))");
        Ok(self.connection.execute_batch(&sql)?)
    }

    pub(crate) fn drop_index(&self, field: &str) -> Result<()> {
        Ok(self.connection.execute_batch(&format!("DROP INDEX by_{field}"))?)
    }

    /// The keys with this value, by the index and in no other way, in ascending order.
    pub(crate) fn find(&self, field: &str, value: &Value) -> Result<Vec<String>> {
        let sql = format!(
            "SELECT key FROM documents INDEXED BY by_{field} WHERE json_extract(doc, '$.{field}') = ?1 ORDER BY key"
        );
        let value: &dyn ToSql = match value {
            Value::String(text) => text,
            Value::Number(number) if number.is_i64() => &number.as_i64(),
            Value::Number(number) => &number.as_f64(),
            _ => return Err("only strings and numbers are looked for".into()),
        };
        let mut statement = self.connection.prepare(&sql)?;
        let keys = statement.query_map([value], |row| row.get(0))?;
        Ok(keys.collect::<rusqlite::Result<_>>()?)
    }
}
