//! Owns reading the lines that an export has made. Never judges a document: the database does.

use std::borrow::Cow;

use ferrumdb::{EXPORT_VERSION, ErrorKind, FerrumDB, FieldPath, Key, Timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::exit::Failure;

/// The first line of an export: what follows.
#[derive(Debug, Deserialize)]
pub(super) struct Exported {
    ferrumdb_export: u32,
    documents: u64,
    indexes: Vec<FieldPath>,
    collections: Vec<serde_json::Value>,
    /// How many documents have come so far.
    #[serde(skip)]
    come: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
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
        if first.ferrumdb_export > EXPORT_VERSION || !first.collections.is_empty() {
            return Err("a newer FerrumDB has made this export; import it with that".to_owned());
        }
        Ok(Some(first))
    }

    /// The key of the next document, its text, and when it expires.
    ///
    /// # Errors
    /// A sentence that says why it is none.
    pub(super) fn next<'t>(&mut self, text: &'t [u8]) -> Result<(Key, &'t [u8], Option<Timestamp>), String> {
        let line: Line<'t> = serde_json::from_slice(text).map_err(|error| {
            format!("not a line of an export ({error}); to import it as it is, give --key or --key-prefix")
        })?;
        self.come += 1;
        Ok((Key::from(&*line.key), line.value.get().as_bytes(), line.expires_at.map(Timestamp)))
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

    /// Creates the indexes that are not there yet.
    pub(super) fn create_indexes(&self, db: &FerrumDB) -> Result<(), Failure> {
        for path in &self.indexes {
            match db.create_index(path.clone()).wait() {
                Err(error) if error.kind() == ErrorKind::IndexExists => {}
                created => drop(created?),
            }
        }
        Ok(())
    }
}
