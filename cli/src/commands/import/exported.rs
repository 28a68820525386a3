//! Owns reading the lines that an export has made. Never judges a document: the database does.

use std::borrow::Cow;

use ferrumdb::{Collection, EXPORT_VERSION, ErrorKind, FerrumDB, FieldPath, Key, Timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Stored;
use crate::exit::Failure;

/// The first line of an export: what follows.
#[derive(Debug, Deserialize)]
pub(super) struct Exported {
    ferrumdb_export: u32,
    documents: u64,
    indexes: Vec<FieldPath>,
    collections: Vec<OtherCollection>,
    /// How many documents have come so far.
    #[serde(skip)]
    come: u64,
}

/// A collection besides the root.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OtherCollection {
    name: String,
    indexes: Vec<FieldPath>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    #[serde(borrow, default)]
    collection: Option<Cow<'a, str>>,
    #[serde(borrow)]
    key: Cow<'a, str>,
    #[serde(borrow)]
    value: &'a RawValue,
    expires_at: Option<u64>,
}

impl Exported {
    /// What an input's first text says, if that is the first line of an export.
    ///
    /// # Errors
    /// A sentence that says why this build cannot read what follows.
    pub(super) fn of_first(text: &[u8]) -> Result<Option<Self>, String> {
        let inner = text.trim_ascii().strip_prefix(b"{").map(<[u8]>::trim_ascii_start);
        if !inner.is_some_and(|inner| inner.starts_with(b"\"ferrumdb_export\"")) {
            return Ok(None);
        }
        let first: Self = serde_json::from_slice(text)
            .map_err(|error| format!("it begins as an export does, and goes on otherwise: {error}"))?;
        if first.ferrumdb_export > EXPORT_VERSION {
            return Err("a newer FerrumDB has made this export; import it with that".to_owned());
        }
        Ok(Some(first))
    }

    /// The next document.
    ///
    /// # Errors
    /// A sentence that says why it is none.
    pub(super) fn next<'t>(&mut self, text: &'t [u8]) -> Result<Stored<'t>, String> {
        let line: Line<'t> = serde_json::from_slice(text).map_err(|error| {
            format!("not a line of an export ({error}); to import it as it is, give --key or --key-prefix")
        })?;
        self.come += 1;
        Ok(Stored {
            collection: line.collection.map(|name| Key::from(&*name)),
            key: Key::from(&*line.key),
            text: line.value.get().as_bytes(),
            expires_at: line.expires_at.map(Timestamp),
        })
    }

    /// That all documents have come.
    ///
    /// # Errors
    /// A sentence that says that some have not.
    pub(super) fn check(&self) -> Result<(), String> {
        let Self { documents, come, .. } = self;
        if come == documents {
            return Ok(());
        }
        Err(format!("the export was to have {documents} documents, and {come} came: it is not whole"))
    }

    /// Creates the indexes that are not there yet; those of the root in the collection `into`, if there is one.
    pub(super) fn create_indexes(&self, db: &FerrumDB, into: Option<&str>) -> Result<(), Failure> {
        match into {
            Some(name) => create_indexes(&db.collection(name)?, &self.indexes)?,
            None => create_indexes(db, &self.indexes)?,
        }
        for OtherCollection { name, indexes } in &self.collections {
            create_indexes(&db.collection(name.as_str())?, indexes)?;
        }
        Ok(())
    }
}

fn create_indexes(collection: &Collection, paths: &[FieldPath]) -> Result<(), Failure> {
    for path in paths {
        match collection.create_index(path.clone()).wait() {
            Err(error) if error.kind() == ErrorKind::IndexExists => {}
            created => drop(created?),
        }
    }
    Ok(())
}
