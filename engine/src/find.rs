//! Owns finding documents by the value of a field, with an index or without one. Never changes which indexes there are.

use std::collections::HashSet;
use std::ops::Bound;

use ahash::RandomState;
use serde_json::Value;

use crate::document::Document;
use crate::error::Result;
use crate::index::extract::{matches, matches_range};
use crate::index::path::FieldPath;
use crate::index::value::{Operand, ValueRange};
use crate::key::{CollectionId, Key, Timestamp};
use crate::reader::Reader;
use crate::snapshot::Snapshot;
use crate::view::View;

/// An index, and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct IndexInfo {
    /// The collection whose documents it holds.
    pub collection: CollectionId,
    /// The field.
    pub path: FieldPath,
    /// How many entries it has: one for each document and each of its distinct values.
    pub entries: u64,
    /// The memory that it takes, about, in bytes.
    pub bytes: u64,
    /// How often it was asked since the database was opened.
    pub uses: u64,
}

impl Reader {
    /// As [`Snapshot::find`], as of now, if an index alone can answer: it says which keys there are, and no document is
    /// looked at, so that nothing is to be held back for it. Otherwise nothing.
    ///
    /// # Errors
    /// Those of encoding `value`.
    pub fn find_indexed(
        &self,
        collection: CollectionId,
        path: &FieldPath,
        value: &Value,
    ) -> Result<Option<Vec<Key>>> {
        let operand = Operand::new(value)?;
        if !operand.is_exact() {
            return Ok(None);
        }
        let view = self.shared().view.load();
        Ok(view.find(collection, path, &operand, || self.shared().now()))
    }
}

impl View {
    /// The keys that an index finds, if there is one: those of one value, or, where the operand is not exact, perhaps
    /// some of others.
    fn find(
        &self,
        collection: CollectionId,
        path: &FieldPath,
        operand: &Operand,
        now: impl FnOnce() -> Timestamp,
    ) -> Option<Vec<Key>> {
        let published = self.catalog.get(collection, path)?;
        published.note_use();
        let mut keys = published.index.find(operand.value());
        self.leave_out_expired(collection, &mut keys, now);
        Some(keys)
    }

    fn leave_out_expired(
        &self,
        collection: CollectionId,
        keys: &mut Vec<Key>,
        now: impl FnOnce() -> Timestamp,
    ) {
        // Where nothing ever expires, nothing is looked at.
        if !self.expiring.is_empty() {
            let expired = self.expired_keys(collection, now());
            keys.retain(|key| !expired.contains(key));
        }
    }

    /// The keys that have expired and are not purged yet: normally none.
    fn expired_keys(&self, collection: CollectionId, now: Timestamp) -> HashSet<Key, RandomState> {
        let expired = self.expired(now).filter(|expired| expired.collection == collection);
        expired.map(|expired| expired.key).collect()
    }
}

impl Snapshot {
    /// The keys of the documents that hold a value equal to `value` at `path`: the field itself, or an item of it if
    /// it is an array. An index answers if there is one; otherwise every document is looked at. Without an order.
    ///
    /// # Errors
    /// [`crate::Error::Io`] and [`crate::Error::Damaged`]; [`crate::Error::Cancelled`]; those of encoding `value`.
    pub fn find(&self, collection: CollectionId, path: &FieldPath, value: &Value) -> Result<Vec<Key>> {
        let operand = Operand::new(value)?;
        let Some(keys) = self.view().find(collection, path, &operand, || self.now()) else {
            return self.scan(collection, |text| matches(text, path, &operand));
        };
        if operand.is_exact() {
            Ok(keys)
        } else {
            self.recheck(collection, keys, |text| matches(text, path, &operand))
        }
    }

    /// The keys of the documents that hold a value between two bounds at `path`, each once. The bounds are of one
    /// class of values, numbers or strings for instance, and values of other classes are not between them. In the
    /// order of the values if there is an index, descending if `reverse`; otherwise without an order.
    ///
    /// # Errors
    /// As [`Snapshot::find`].
    pub fn find_range(
        &self,
        collection: CollectionId,
        path: &FieldPath,
        bounds: (Bound<&Value>, Bound<&Value>),
        reverse: bool,
    ) -> Result<Vec<Key>> {
        let range = ValueRange::new(bounds.0, bounds.1)?;
        let Some(published) = self.view().catalog.get(collection, path) else {
            return self.scan(collection, |text| matches_range(text, path, &range));
        };
        published.note_use();
        let mut keys = published.index.find_range(&range, reverse);
        self.view().leave_out_expired(collection, &mut keys, || self.now());
        if range.is_exact() {
            Ok(keys)
        } else {
            self.recheck(collection, keys, |text| matches_range(text, path, &range))
        }
    }

    /// As [`Snapshot::find`], with the documents.
    ///
    /// # Errors
    /// As [`Snapshot::find`].
    pub fn find_documents(
        &self,
        collection: CollectionId,
        path: &FieldPath,
        value: &Value,
    ) -> Result<Vec<(Key, Document)>> {
        let keys = self.find(collection, path, value)?;
        let mut found = Vec::with_capacity(keys.len());
        for key in keys {
            self.check_cancelled()?;
            if let Some(document) = self.get(collection, &key)? {
                found.push((key, document));
            }
        }
        Ok(found)
    }

    /// The indexes of all collections.
    #[must_use]
    pub fn indexes(&self) -> Vec<IndexInfo> {
        let catalog = &self.view().catalog;
        let info = |published: &crate::index::catalog::Published| IndexInfo {
            collection: published.collection,
            path: published.definition().path.clone(),
            entries: published.index.len() as u64,
            bytes: published.index.approximate_bytes() as u64,
            uses: published.uses(),
        };
        catalog.iter().map(info).collect()
    }

    /// The keys of all documents that `holds` of.
    fn scan(&self, collection: CollectionId, holds: impl Fn(&str) -> bool) -> Result<Vec<Key>> {
        let expired = self.view().expired_keys(collection, self.now());
        let mut keys = Vec::new();
        self.each_document(collection, |key, text| {
            if holds(text) && !expired.contains(key) {
                keys.push(key.clone());
            }
            Ok(())
        })?;
        Ok(keys)
    }

    /// Those of the keys whose documents `holds` of.
    fn recheck(
        &self,
        collection: CollectionId,
        keys: Vec<Key>,
        holds: impl Fn(&str) -> bool,
    ) -> Result<Vec<Key>> {
        let mut kept = Vec::new();
        for key in keys {
            self.check_cancelled()?;
            if self.get(collection, &key)?.is_some_and(|document| holds(document.as_str())) {
                kept.push(key);
            }
        }
        Ok(kept)
    }
}
