//! Owns the text form of a whole database: one line that says what follows, and a line for each document. Never holds
//! more than a few documents.

use std::collections::VecDeque;

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
/// "collections":[]}`: the version of this form, the commit, how many documents there are in all, the fields of the root
/// that have an index, and the other collections that hold anything, `{"name":"users","indexes":[["role"]]}`. Each line
/// behind it is a document, in no order: `{"key":"user:1","value":{"name":"alice"}}`, with `"collection":"users"` before the
/// key unless it is of the root, and with `"expires_at"` in milliseconds since 1970, UTC, if it expires. Values stand there
/// as they are stored.
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
    /// What each line of this collection begins with, and the collections behind it.
    beginning: String,
    rest: VecDeque<(Key, CollectionId)>,
}

#[derive(Serialize)]
struct FirstLine<'a> {
    ferrumdb_export: u32,
    sequence: Sequence,
    documents: u64,
    indexes: Vec<&'a FieldPath>,
    collections: Vec<OtherCollection<'a>>,
}

#[derive(Serialize)]
struct OtherCollection<'a> {
    name: &'a str,
    indexes: Vec<&'a FieldPath>,
}

impl Export {
    pub(crate) fn new(snapshot: Snapshot) -> Self {
        let (sequence, indexes) = (snapshot.sequence(), snapshot.indexes());
        let indexes_of = |id| {
            let of_collection = indexes.iter().filter(|index| index.collection == id);
            of_collection.map(|index| &index.path).collect()
        };
        let mut others = snapshot.collections();
        others.retain(|info| info.documents + info.indexes > 0);
        let total =
            snapshot.count(CollectionId::ROOT) + others.iter().map(|info| info.documents).sum::<u64>();
        let collections = others.iter().map(|info| OtherCollection {
            name: &info.name,
            indexes: indexes_of(snapshot.collection(&info.name)),
        });
        let first = FirstLine {
            ferrumdb_export: EXPORT_VERSION,
            sequence,
            documents: total,
            indexes: indexes_of(CollectionId::ROOT),
            collections: collections.collect(),
        };
        let first = Some(serde_json::to_string(&first).expect("it holds numbers and texts only"));
        let others = others.into_iter().map(|info| (snapshot.collection(&info.name), info.name));
        let rest = others.map(|(id, name)| (name, id)).collect();
        let (beginning, documents) = ("{".to_owned(), snapshot.documents(CollectionId::ROOT));
        Self { sequence, total, first, documents, beginning, rest }
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
        if let Some(first) = self.first.take() {
            return Some(Ok(first));
        }
        loop {
            if let Some(read) = self.documents.next() {
                return Some(read.map(|stored| line(&self.beginning, &stored)).map_err(Error::from));
            }
            let (name, id) = self.rest.pop_front()?;
            self.beginning = format!("{{\"collection\":{},", quoted(&name));
            self.documents.go_on_with(id);
        }
    }
}

fn line(beginning: &str, stored: &StoredDocument) -> String {
    let StoredDocument { key, document, expires_at } = stored;
    let value = document.as_str();
    let mut line = String::with_capacity(beginning.len() + value.len() + key.len() + 48);
    line.push_str(beginning);
    line.push_str("\"key\":");
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
