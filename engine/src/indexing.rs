//! Owns which indexes there are: creating one beside commits, dropping one, and bringing them back when the log is opened. Never looks for a document.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::build::{BuildRound, IndexBuild};
use crate::error::{Error, Result};
use crate::index::IndexBuilder;
use crate::index::catalog::{Catalog, IndexChange, OldValues};
use crate::index::definition::{DefinitionError, IndexDefinition};
use crate::index::extract::extract;
use crate::index::path::FieldPath;
use crate::key::{CollectionId, Sequence};
use crate::keydir::{Entry, Hashed, RecordId};
use crate::log::{Kind, Payload};
use crate::reader::Reader;
use crate::snapshot::Snapshot;
use crate::transaction::{Change, CollectionRef, Prepared, Transaction};
use crate::view::Shared;
use crate::writer::{Durability, Writer};

impl Writer {
    /// Begins an index on a field. The build reads the documents that are there, on any thread, while commits go on;
    /// readers see the index once it is installed.
    ///
    /// # Errors
    /// [`Error::IndexExists`], also for one that is being built; [`Error::Poisoned`].
    pub fn begin_index(&mut self, collection: CollectionId, path: FieldPath) -> Result<IndexBuild> {
        self.check()?;
        let published = self.applier().catalog().get(collection, &path).is_some();
        if published || self.applier().builds().iter().any(|tracker| tracker.is_for(collection, &path)) {
            return Err(Error::IndexExists { path: path.to_string() });
        }
        let definition = IndexDefinition { path };
        let (build, tracker) = IndexBuild::begin(collection, definition, Snapshot::new(self.shared()));
        self.applier().builds().push(tracker);
        Ok(build)
    }

    /// What a build has to catch up with by now: to be handed to [`IndexBuild::advance`] on its thread, or, if it is
    /// the last round, to [`Writer::install_index`].
    ///
    /// # Panics
    /// When the build was begun by another writer.
    pub fn index_round(&mut self, build: &IndexBuild) -> BuildRound {
        self.applier().round(build)
    }

    /// Brings a build up to now by the round that was just taken, and publishes its index, in a commit that records
    /// its definition.
    ///
    /// # Errors
    /// As [`IndexBuild::advance`] and [`Writer::commit`]; the index is then not there.
    pub fn install_index(
        &mut self,
        mut build: IndexBuild,
        round: BuildRound,
        durability: Durability,
    ) -> Result<Sequence> {
        build.advance(round)?;
        let (collection, index) = build.finish();
        let definition = index.definition().to_json();
        self.commit_definition(Kind::IndexCreated, collection, &definition, durability, |catalog| {
            catalog.add(collection, index);
        })
    }

    /// Drops an index.
    ///
    /// # Errors
    /// [`Error::NoSuchIndex`], and those of [`Writer::commit`].
    pub fn drop_index(
        &mut self,
        collection: CollectionId,
        path: &FieldPath,
        durability: Durability,
    ) -> Result<Sequence> {
        let Some(published) = self.applier().catalog().get(collection, path) else {
            return Err(Error::NoSuchIndex { path: path.to_string() });
        };
        let definition = published.definition().to_json();
        self.commit_definition(Kind::IndexDropped, collection, &definition, durability, |catalog| {
            catalog.remove(collection, path);
        })
    }

    fn commit_definition(
        &mut self,
        kind: Kind,
        collection: CollectionId,
        definition: &str,
        durability: Durability,
        change: impl FnOnce(&mut Catalog),
    ) -> Result<Sequence> {
        let payload = Payload { collection, expires_at: None, key: "", document: definition.as_bytes() };
        self.commit_record(kind, Some(payload), durability, |applier| change(applier.catalog_mut()))
    }
}

impl Reader {
    /// Works out, on the caller's thread, what a transaction means for the indexes. The writer does it itself where
    /// something has changed by the time of the commit, so leaving this out costs time and nothing else: which is done for
    /// a document that is replaced and not in the cache, unless the caller `may_read` the file.
    pub fn prepare(&self, transaction: &mut Transaction, may_read: bool) {
        if !self.shared().has_indexes.load(Ordering::Relaxed) {
            return;
        }
        let view = self.shared().view.load_full();
        let catalog = &view.catalog;
        let (names, operations) = transaction.parts_mut();
        for operation in operations {
            let collection = match operation.collection {
                CollectionRef::Id(id) => id,
                CollectionRef::Named(number) => match view.collections.find(&names[number as usize]) {
                    Some(id) => id,
                    None => continue,
                },
            };
            let new = match &operation.change {
                _ if !catalog.is_indexed(collection) => continue,
                Change::Expire { .. } | Change::Drop => continue,
                Change::Set { document, .. } => catalog.extract(collection, document.as_str()),
                Change::Delete => catalog.nothing(collection),
            };
            let hashed = self.shared().keydir.hash(collection, &operation.key);
            let Some((replaces, old)) = self.stored_values(catalog, &hashed, may_read) else { continue };
            let (catalog, change) = (catalog.number(), IndexChange { old, new });
            operation.prepared = Some(Box::new(Prepared { catalog, replaces, change }));
        }
    }

    /// Which record a key has, and what it holds for the indexes. Nothing, if only the file says that, and must not be read.
    fn stored_values(
        &self,
        catalog: &Catalog,
        key: &Hashed<'_>,
        may_read: bool,
    ) -> Option<(Option<RecordId>, OldValues)> {
        loop {
            let entry = self.shared().keydir.find(key).filter(|entry| !entry.is_tombstone());
            let Some(entry) = entry else {
                return Some((None, OldValues::Known(catalog.nothing(key.collection))));
            };
            if !may_read {
                let old = self.shared().cached_values(catalog, key, &entry)?;
                return Some((Some(entry.id()), old));
            }
            if let Some(old) = self.shared().old_values(catalog, key, &entry) {
                return Some((Some(entry.id()), old));
            }
        }
    }
}

/// The definitions that a log has brought up so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Definitions(Vec<(CollectionId, IndexDefinition)>);

impl Definitions {
    /// Notes a record of a definition, and returns that.
    ///
    /// # Errors
    /// When this build cannot read it.
    pub(crate) fn note(
        &mut self,
        kind: Kind,
        collection: CollectionId,
        stored: &[u8],
    ) -> Result<IndexDefinition, DefinitionError> {
        let definition = IndexDefinition::from_stored(stored)?;
        self.0.retain(|known| *known != (collection, definition.clone()));
        if kind == Kind::IndexCreated {
            self.0.push((collection, definition.clone()));
        }
        Ok(definition)
    }

    /// Forgets those of a collection that was dropped.
    pub(crate) fn forget(&mut self, collection: CollectionId) {
        self.0.retain(|(known, _)| *known != collection);
    }

    /// The collections and the fields that have one, in the order in which the indexes were created.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (CollectionId, &FieldPath)> {
        self.0.iter().map(|(collection, definition)| (*collection, &definition.path))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether these are the definitions of the indexes in a catalog.
    pub(crate) fn are_those_of(&self, catalog: &Catalog) -> bool {
        let is_there = |(collection, definition): &(CollectionId, IndexDefinition)| {
            catalog.get(*collection, &definition.path).is_some()
        };
        self.0.iter().all(is_there) && self.0.len() == catalog.iter().count()
    }

    /// The indexes: those that are `known` as they are, though one may have been dropped and created again, and the
    /// others filled from the documents of a log that was just read into the snapshot's keydir.
    ///
    /// # Errors
    /// When a document cannot be read, and the first of `go_on`, which is asked before each.
    pub(crate) fn build(
        self,
        snapshot: &Snapshot,
        known: &Catalog,
        mut go_on: impl FnMut() -> Result<()>,
    ) -> Result<Catalog> {
        let mut catalog = Catalog::default();
        let mut collections: Vec<_> = self.0.iter().map(|(collection, _)| *collection).collect();
        collections.sort_unstable();
        collections.dedup();
        for wanted in collections {
            let of_collection = || self.0.iter().filter(|(collection, _)| *collection == wanted);
            let mut builders: Vec<_> = of_collection()
                .filter(|(_, definition)| known.get(wanted, &definition.path).is_none())
                .map(|(_, definition)| IndexBuilder::new(Arc::new(definition.clone())))
                .collect();
            if !builders.is_empty() {
                snapshot.each_document(wanted, |key, text| {
                    for builder in &mut builders {
                        let values = extract(text, &builder.definition().path);
                        builder.add(key, &values);
                    }
                    go_on()
                })?;
            }
            let mut built = builders.into_iter().map(IndexBuilder::finish);
            for (_, definition) in of_collection() {
                let known = known.get(wanted, &definition.path).map(|published| published.index.clone());
                let index =
                    known.or_else(|| built.next()).expect("what is not known was built, in this order");
                catalog.add(wanted, index);
            }
        }
        Ok(catalog)
    }
}

/// How many old documents are read at least, and which part of all at most, to bring the indexes of a hint up to the
/// commits behind it. Each costs a read of its own; past so many, reading all documents in order costs less.
const OLD_READS_MIN: u64 = 1024;
const OLD_READS_PARTS: u64 = 16;

/// Brings the indexes of a hint up to the commits behind it.
#[derive(Debug)]
pub(crate) struct CatchUp {
    old_reads_left: u64,
}

impl CatchUp {
    /// For a hint of so many documents.
    pub(crate) fn new(documents: u64) -> Self {
        Self { old_reads_left: OLD_READS_MIN.max(documents / OLD_READS_PARTS) }
    }

    /// What a change of a key that had `entry` means for the indexes in `catalog`; `document` is the new one, `None` for a
    /// deletion. An index that cannot be kept up with is taken out: it is filled anew when the whole log was read.
    pub(crate) fn index_change(
        &mut self,
        shared: &Shared,
        catalog: &mut Catalog,
        key: &Hashed<'_>,
        entry: Option<Entry>,
        document: Option<&[u8]>,
    ) -> Option<IndexChange> {
        if !catalog.is_indexed(key.collection) {
            return None;
        }
        let new = match document.map(std::str::from_utf8) {
            None => Ok(catalog.nothing(key.collection)),
            Some(text) => text.map(|text| catalog.extract(key.collection, text)),
        };
        let old_reads_left = self.old_reads_left.checked_sub(u64::from(entry.is_some()));
        let (Ok(new), Some(old_reads_left)) = (new, old_reads_left) else {
            *catalog = Catalog::default();
            return None;
        };
        self.old_reads_left = old_reads_left;
        let old = match entry {
            Some(entry) => {
                let old = shared.old_values(catalog, key, &entry);
                old.expect("while a database is being opened, it has one generation")
            }
            None => OldValues::Known(catalog.nothing(key.collection)),
        };
        Some(IndexChange { old, new })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // A test may panic.

    use super::*;
    use crate::document::EncodedDocument;
    use crate::fs::MemoryFs;
    use crate::key::Key;
    use crate::options::{Limits, Options};
    use serde_json::json;

    #[test]
    fn what_the_caller_may_not_read_is_left_to_the_writer() {
        let (mut writer, reader) =
            crate::open(Options::new("/prepared.db"), Arc::new(MemoryFs::new())).unwrap();
        let path = FieldPath::parse("n").unwrap();
        let mut build = writer.begin_index(CollectionId::ROOT, path.clone()).unwrap();
        build.run().unwrap();
        let round = writer.index_round(&build);
        writer.install_index(build, round, Durability::Appended).unwrap();
        let set = |n: u64| {
            let document = EncodedDocument::from_serialize(&json!({ "n": n }), &Limits::default()).unwrap();
            let mut transaction = Transaction::new();
            transaction.set(CollectionId::ROOT, Key::from("a"), document, None);
            transaction
        };
        let is_prepared = |transaction: &mut Transaction, may_read| {
            reader.prepare(transaction, may_read);
            transaction.operations()[0].prepared.is_some()
        };
        let (mut new, mut unread, mut read) = (set(1), set(2), set(3));
        assert!(is_prepared(&mut new, false), "there is nothing to be read");
        writer.commit(&[new], Durability::Appended).unwrap();
        assert!(!is_prepared(&mut unread, false));
        assert!(is_prepared(&mut unread.clone(), true));
        reader.get(CollectionId::ROOT, "a").unwrap();
        assert!(is_prepared(&mut read, false), "it is in the cache");
        writer.commit(&[unread], Durability::Appended).unwrap();
        let found = |n: u64| reader.snapshot().find(CollectionId::ROOT, &path, &json!(n)).unwrap();
        assert_eq!((found(1).len(), found(2).len()), (0, 1));
    }
}
