//! Owns reading documents in the order of the values of a field, as of one sequence. Never tells a document twice, and
//! never remembers which it has told.

use std::borrow::Borrow;
use std::collections::VecDeque;
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use serde_json::Value;

use crate::document::Document;
use crate::error::Result;
use crate::index::definition::IndexDefinition;
use crate::index::extract::{extract, matches_range, told_at};
use crate::index::path::FieldPath;
use crate::index::value::{Operand, ValueRange};
use crate::index::{Index, IndexBuilder, IndexEntry, Walk, entry_bytes};
use crate::key::{CollectionId, Key};
use crate::snapshot::Snapshot;

/// How many entries are copied at once: first few, since few may be wanted, then more.
const ENTRIES_MIN: usize = 8;
const ENTRIES_MAX: usize = 256;

/// The documents of a collection whose field holds a value in a range, in the order of these values, and of their keys
/// where values are equal.
///
/// A document that holds several values there, in an array, is told once: at the smallest of them that is in the range,
/// or, in reverse, at the largest. The order is that of all JSON values: null, numbers, strings, objects, arrays, false,
/// true. Of values that are larger than 1,024 bytes, the first 1,024 decide.
///
/// Its memory does not depend on how many there are if the field has an index; otherwise it begins with a sorted copy of
/// the values.
pub struct FieldScan<S: Borrow<Snapshot> = Snapshot> {
    snapshot: S,
    collection: CollectionId,
    path: FieldPath,
    range: ValueRange,
    reverse: bool,
    after: Option<Vec<u8>>,
    left: usize,
    walking: Option<Walking>,
}

/// The keys of a [`FieldScan`] alone.
#[derive(Debug)]
pub struct FieldKeyScan<S: Borrow<Snapshot> = Snapshot>(FieldScan<S>);

/// A scan that has begun.
struct Walking {
    walk: Walk,
    entries: VecDeque<IndexEntry>,
    /// How many were copied at once last.
    copied: usize,
    /// Whether a document is to be read to know whether, and where, it is to be told.
    needs_document: bool,
}

impl<S: Borrow<Snapshot>> FieldScan<S> {
    /// All documents with a value between two at the path, ascending. Between bounds of one class of values, numbers or
    /// strings for instance, there are only values of that class.
    ///
    /// # Errors
    /// Those of encoding a bound.
    pub fn new(
        snapshot: S,
        collection: CollectionId,
        path: FieldPath,
        bounds: (Bound<&Value>, Bound<&Value>),
    ) -> Result<Self> {
        let range = ValueRange::new(bounds.0, bounds.1)?;
        let (left, walking) = (usize::MAX, None);
        Ok(Self { snapshot, collection, path, range, reverse: false, after: None, left, walking })
    }

    /// The same in reverse. The bounds stay what they are.
    #[must_use]
    pub fn reverse(mut self) -> Self {
        self.reverse = true;
        self
    }

    /// No more than so many.
    #[must_use]
    pub fn limit(mut self, documents: usize) -> Self {
        self.left = documents;
        self
    }

    /// Only what comes after this key at this value: of a document that was told, the value at which it was.
    ///
    /// # Errors
    /// Those of encoding the value.
    pub fn after(mut self, value: &Value, key: &str) -> Result<Self> {
        self.after = Some(entry_bytes(Operand::new(value)?.value(), key));
        Ok(self)
    }

    /// The keys without the documents, which are read only where it takes them to know the keys.
    pub fn keys(self) -> FieldKeyScan<S> {
        FieldKeyScan(self)
    }

    /// The next document, by the value at which it is told; without its contents, if they are not wanted and it was not
    /// read.
    pub(crate) fn next_found(&mut self, is_wanted: bool) -> Result<Option<(IndexEntry, Option<Document>)>> {
        loop {
            let Some(entry) = self.next_entry()? else { return Ok(None) };
            let needs_document = self.walking.as_ref().is_some_and(|walking| walking.needs_document);
            if !needs_document && !is_wanted {
                self.left -= 1;
                return Ok(Some((entry, None)));
            }
            if let Some(document) = self.snapshot.borrow().get(self.collection, &entry.key)?
                && (!needs_document || self.is_told_at(&entry, document.as_str()))
            {
                self.left -= 1;
                return Ok(Some((entry, Some(document))));
            }
        }
    }

    /// Whether this is the entry of its document that the scan tells.
    fn is_told_at(&self, entry: &IndexEntry, text: &str) -> bool {
        let told = told_at(text, &self.path, &self.range, self.reverse);
        told.as_ref() == Some(&entry.value)
            && (self.range.is_exact() || matches_range(text, &self.path, &self.range))
    }

    fn next_entry(&mut self) -> Result<Option<IndexEntry>> {
        if self.left == 0 {
            return Ok(None);
        }
        if self.walking.is_none() {
            self.walking = Some(self.begin()?);
        }
        let walking = self.walking.as_mut().expect("it has just begun");
        while walking.entries.is_empty() && !walking.walk.is_done() {
            walking.copied = (walking.copied * 4).clamp(ENTRIES_MIN, ENTRIES_MAX);
            let Walking { walk, entries, copied, .. } = walking;
            walk.step(self.left.min(*copied), |item| entries.push_back(IndexEntry::from_item(item)));
        }
        Ok(walking.entries.pop_front())
    }

    fn begin(&self) -> Result<Walking> {
        let snapshot = self.snapshot.borrow();
        let published = snapshot.view().catalog.get(self.collection, &self.path);
        published.inspect(|published| published.note_use());
        let copy;
        let index = match published {
            Some(published) => &published.index,
            None => {
                copy = self.copy()?;
                &copy
            }
        };
        let (mut start, mut end) = self.range.bounds();
        match &self.after {
            Some(after) if self.reverse => end = end.min(after.clone()),
            Some(after) => start = start.max([&**after, &[0]].concat()),
            None => {}
        }
        let walk = Walk::new(index, start, end, self.range.heads(), self.reverse);
        let may_expire = snapshot.view().expired(snapshot.now()).next().is_some();
        let needs_document = may_expire || index.is_multiple() || !self.range.is_exact();
        Ok(Walking { walk, entries: VecDeque::new(), copied: 0, needs_document })
    }

    /// An index of what is in the range, where there is none of the field.
    fn copy(&self) -> Result<Index> {
        let mut builder = IndexBuilder::new(Arc::new(IndexDefinition { path: self.path.clone() }));
        self.snapshot.borrow().each_document(self.collection, |key, text| {
            let values = extract(text, &self.path);
            if values.as_slice().iter().any(|value| self.range.may_hold(value)) {
                builder.add(key, &values);
            }
            Ok(())
        })?;
        Ok(builder.finish())
    }
}

impl<S: Borrow<Snapshot>> Iterator for FieldScan<S> {
    type Item = Result<(Key, Document)>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = self.next_found(true).transpose()?;
        if self.walking.is_none() {
            // It could not even begin.
            self.left = 0;
        }
        Some(found.map(|(entry, document)| (entry.key, document.expect("it was wanted"))))
    }
}

impl<S: Borrow<Snapshot>> Iterator for FieldKeyScan<S> {
    type Item = Result<Key>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = self.0.next_found(false).transpose()?;
        if self.0.walking.is_none() {
            self.0.left = 0;
        }
        Some(found.map(|(entry, _)| entry.key))
    }
}

impl<S: Borrow<Snapshot>> fmt::Debug for FieldScan<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { collection, path, range, reverse, .. } = self;
        let sequence = self.snapshot.borrow().sequence();
        let mut written = formatter.debug_struct("FieldScan");
        written.field("collection", collection).field("path", path).field("range", range);
        written.field("reverse", reverse).field("sequence", &sequence).finish_non_exhaustive()
    }
}
