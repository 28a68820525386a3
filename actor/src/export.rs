//! Owns the text form of a whole database: one line that says what follows, and a line for each document. Never holds
//! more than a few documents.

use ferrumdb_engine::{CollectionId, Documents, Snapshot, StoredDocument};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::{FieldPath, Key, Sequence};

/// The version of the lines that this build exports.
pub const EXPORT_VERSION: u32 = 1;

/// The database as lines of JSON, without line ends, as of one commit, whatever is written meanwhile: made by
/// [`FerrumDB::export`](crate::FerrumDB::export).
///
/// The first line says what follows, `{"ferrumdb_export":1,"sequence":7,"documents":2,"indexes":[["address","city"]],
/// "collections":[]}`: the version of this form, the commit, how many documents there are, and the fields that have an
/// index. Each line behind it is a document, in no order: `{"key":"user:1","value":{"name":"alice"}}`, and with
/// `"expires_at"` in milliseconds since 1970, UTC, if it expires. Values stand there as they are stored.
///
/// ```
/// use ferrumdb::FerrumDB;
///
/// let db = FerrumDB::open_in_memory().wait()?;
/// db.set("user:1", "alice").wait()?;
/// let lines: Vec<_> = db.export()?.collect::<Result<_, _>>()?;
/// assert_eq!(lines[1], r#"{"key":"user:1","value":"alice"}"#);
/// # Ok::<(), ferrumdb::Error>(())
/// ```
#[derive(Debug)]
pub struct Export {
    sequence: Sequence,
    total: u64,
    first: Option<String>,
    documents: Documents,
}

#[derive(Serialize)]
struct FirstLine<'a> {
    ferrumdb_export: u32,
    sequence: Sequence,
    documents: u64,
    indexes: Vec<&'a FieldPath>,
    /// There is only the root so far.
    collections: [&'static str; 0],
}

impl Export {
    pub(crate) fn new(snapshot: Snapshot) -> Self {
        let (sequence, total) = (snapshot.sequence(), snapshot.count(CollectionId::ROOT));
        let indexes = snapshot.indexes();
        let first = FirstLine {
            ferrumdb_export: EXPORT_VERSION,
            sequence,
            documents: total,
            indexes: indexes.iter().map(|index| &index.path).collect(),
            collections: [],
        };
        let first = serde_json::to_string(&first).expect("it holds numbers and texts only");
        Self { sequence, total, first: Some(first), documents: snapshot.documents(CollectionId::ROOT) }
    }

    /// The newest commit that it shows.
    #[must_use]
    pub fn sequence(&self) -> Sequence {
        self.sequence
    }

    /// How many documents it has.
    #[must_use]
    pub fn documents(&self) -> u64 {
        self.total
    }
}

impl Iterator for Export {
    type Item = Result<String>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.first.take() {
            Some(first) => Some(Ok(first)),
            None => self.documents.next().map(|read| read.map(|stored| line(&stored)).map_err(Error::from)),
        }
    }
}

fn line(stored: &StoredDocument) -> String {
    let StoredDocument { key, document, expires_at } = stored;
    let value = document.as_str();
    let mut line = String::with_capacity(value.len() + key.len() + 48);
    line.push_str("{\"key\":");
    line.push_str(&quoted(key));
    line.push_str(",\"value\":");
    line.push_str(value);
    if let Some(at) = expires_at {
        line.push_str(",\"expires_at\":");
        line.push_str(&at.0.to_string());
    }
    line.push('}');
    line
}

fn quoted(key: &Key) -> String {
    serde_json::to_string(key.as_str()).expect("every text is a JSON string")
}
