//! Owns the contents of indexes in a hint: documents by their numbers there, and indexes from their entries. Never
//! believes an entry that its index could not hold.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use ahash::RandomState;

use super::format::{CONTENT_BYTES, INDEX_BYTES, VALUE_CUT, content, index};
use crate::index::catalog::Catalog;
use crate::index::definition::IndexDefinition;
use crate::index::value::IndexValue;
use crate::index::{Index, IndexEntry};
use crate::indexing::Definitions;
use crate::key::{CollectionId, Key};
use crate::log::Kind;
use crate::log::format::{read_u32, read_u64};
use crate::view::View;

/// The numbers of the documents that are being written: how many entries of the keydir stand before each.
///
/// An index names a document by its number, not by its key: that is a third of the bytes, an index that is read back
/// shares the keys of the keydir, and that each of its documents is there needs no look-up. The map costs the writer
/// memory for as long as it writes, and only for collections that have an index.
#[derive(Debug)]
pub(super) struct Numbers {
    written: u64,
    indexed: HashMap<CollectionId, Documents, RandomState>,
}

pub(super) type Documents = HashMap<Key, u32, RandomState>;

impl Numbers {
    pub(super) fn new(view: &View) -> Self {
        let room = |collection| {
            let documents = view.counts.get(collection) as usize;
            (collection, HashMap::with_capacity_and_hasher(documents, RandomState::new()))
        };
        let collections = view.catalog.iter().map(|published| published.collection);
        Self { written: 0, indexed: collections.map(room).collect() }
    }

    /// Gives the next document its number.
    pub(super) fn push(&mut self, collection: CollectionId, key: Key) {
        if let Some(documents) = self.indexed.get_mut(&collection)
            && let Ok(number) = u32::try_from(self.written)
        {
            documents.insert(key, number);
        }
        self.written += 1;
    }

    /// The numbers of the documents of a collection that has an index.
    pub(super) fn of(&self, collection: CollectionId) -> Option<&Documents> {
        self.indexed.get(&collection)
    }
}

/// The indexes of a hint that is being read.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// The documents by their numbers; none if there is no index.
    documents: Vec<(CollectionId, Key)>,
    definitions: Definitions,
    /// The indexes that are not complete, in their order, and what has been read of the first.
    expected: VecDeque<Expected>,
    loading: Loading,
    /// Those that are.
    catalog: Catalog,
}

/// What the hint says that an index is.
#[derive(Debug)]
struct Expected {
    collection: CollectionId,
    definition: Arc<IndexDefinition>,
    entries: u64,
    documents: u64,
}

/// What has been read of an index.
#[derive(Debug, Default)]
struct Loading {
    entries: Vec<IndexEntry>,
    /// How many entries each document has, up to more than one.
    held: Vec<u8>,
    /// The documents that have one, and those that have more.
    documents: usize,
    multiple: usize,
}

impl Contents {
    /// Takes the entries of a block that says which indexes there are, in a hint with so many bytes. Nothing, if they
    /// are not what the hint's writer can have written.
    pub(super) fn index_block(&mut self, entries: u32, mut bytes: &[u8], hint_bytes: u64) -> Option<()> {
        for _ in 0..entries {
            let (fixed, rest) = bytes.split_at_checked(INDEX_BYTES)?;
            let (definition, rest) =
                rest.split_at_checked(read_u32(fixed, index::DEFINITION_BYTES) as usize)?;
            let collection = CollectionId(read_u32(fixed, index::COLLECTION));
            let definition = self.definitions.note(Kind::IndexCreated, collection, definition).ok()?;
            let entries = read_u64(fixed, index::ENTRIES);
            if entries > hint_bytes / CONTENT_BYTES as u64 {
                return None;
            }
            self.expected.push_back(Expected {
                collection,
                definition: Arc::new(definition),
                entries,
                documents: read_u64(fixed, index::DOCUMENTS),
            });
            bytes = rest;
        }
        // An index that is there twice has one definition.
        (bytes.is_empty() && self.definitions.len() == self.expected.len()).then_some(())
    }

    /// Takes the next document of the keydir.
    pub(super) fn document(&mut self, collection: CollectionId, key: &Key) {
        if !self.expected.is_empty() {
            self.documents.push((collection, key.clone()));
        }
    }

    /// Takes the entries of a block of contents; as [`Contents::index_block`].
    pub(super) fn contents_block(&mut self, entries: u32, mut bytes: &[u8]) -> Option<()> {
        for _ in 0..entries {
            let (fixed, rest) = bytes.split_at_checked(CONTENT_BYTES)?;
            let number = read_u32(fixed, content::NUMBER);
            let value = fixed[content::VALUE_BYTES..].first_chunk().map(|len| u16::from_le_bytes(*len))?;
            let (stored, rest) = rest.split_at_checked(usize::from(value & !VALUE_CUT))?;
            let value = match value {
                0 => None,
                _ => Some(IndexValue::from_stored(stored, value & VALUE_CUT != 0)?),
            };
            self.entry(number, value)?;
            bytes = rest;
        }
        bytes.is_empty().then_some(())
    }

    /// The definitions alone, where nothing else is read.
    pub(super) fn into_definitions(self) -> Definitions {
        self.definitions
    }

    /// The definitions, and the indexes, if all of them are complete.
    pub(super) fn finish(mut self) -> Option<(Definitions, Catalog)> {
        self.complete()?;
        self.expected.is_empty().then_some((self.definitions, self.catalog))
    }

    /// Takes one entry; without a value, it has that of the entry before it.
    fn entry(&mut self, number: u32, value: Option<IndexValue>) -> Option<()> {
        self.complete()?;
        let (expected, loading) = (self.expected.front()?, &mut self.loading);
        let (collection, key) = self.documents.get(number as usize)?;
        if *collection != expected.collection {
            return None;
        }
        if loading.entries.is_empty() {
            loading.entries.reserve_exact(expected.entries as usize);
            loading.held.resize(self.documents.len(), 0);
        }
        let value = match value {
            Some(value) => value,
            None => loading.entries.last()?.value.clone(),
        };
        let held = &mut loading.held[number as usize];
        loading.documents += usize::from(*held == 0);
        loading.multiple += usize::from(*held == 1);
        *held = held.saturating_add(1);
        loading.entries.push(IndexEntry { value, key: key.clone() });
        Some(())
    }

    /// Makes indexes of what has all its entries. Nothing, if one of them is not what it should be.
    fn complete(&mut self) -> Option<()> {
        while self.expected.front().is_some_and(|first| first.entries == self.loading.entries.len() as u64) {
            let Expected { collection, definition, documents, .. } = self.expected.pop_front()?;
            let loaded = std::mem::take(&mut self.loading);
            if loaded.documents as u64 != documents {
                return None;
            }
            let index = Index::from_sorted(definition, &loaded.entries, loaded.documents, loaded.multiple)?;
            self.catalog.add(collection, index);
        }
        Some(())
    }
}
