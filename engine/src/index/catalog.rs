//! Owns the set of indexes that is published with a view, and keeping all of them up to one change. Never reads a document.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_utils::CachePadded;

use super::Index;
use super::definition::IndexDefinition;
use super::extract::{Extracted, Values, extract_all};
use super::path::FieldPath;
use super::working::Workings;
use crate::key::{CollectionId, Key};
use crate::pins::thread_number;

/// All indexes as of one sequence. A clone is one pointer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Catalog(Arc<Indexes>);

#[derive(Clone, Debug, Default)]
struct Indexes {
    /// Grows with each creation and deletion of an index: what was extracted for another number does not fit.
    number: u64,
    list: Vec<Published>,
    /// The orders of the keys of collections, where somebody has asked for one.
    orders: Vec<(CollectionId, Index)>,
}

/// One index, of one collection.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    pub(crate) collection: CollectionId,
    pub(crate) index: Index,
    uses: Arc<Uses>,
}

/// How often an index was asked, counted so that readers do not share a cache line.
#[derive(Debug, Default)]
struct Uses([CachePadded<AtomicU64>; 8]);

/// What a change of one document means for the indexes of its collection, in their order.
#[derive(Clone, Debug)]
pub(crate) struct IndexChange {
    pub(crate) old: OldValues,
    pub(crate) new: Values,
}

/// What the document that is replaced held.
#[derive(Clone, Debug)]
pub(crate) enum OldValues {
    /// These values, one list for each index.
    Known(Values),
    /// It cannot be read any more: the indexes must be searched for its key.
    Unreadable,
}

impl Catalog {
    /// Whether they are one, and not only equal.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The number that says which indexes there are.
    pub(crate) fn number(&self) -> u64 {
        self.0.number
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &Published> + Clone {
        self.0.list.iter()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.list.is_empty()
    }

    pub(crate) fn is_indexed(&self, collection: CollectionId) -> bool {
        self.iter().any(|published| published.collection == collection)
    }

    pub(crate) fn get(&self, collection: CollectionId, path: &FieldPath) -> Option<&Published> {
        self.iter().find(|published| published.is(collection, path))
    }

    /// Which one of the indexes of its collection it is.
    pub(crate) fn position(&self, collection: CollectionId, path: &FieldPath) -> Option<usize> {
        self.paths(collection).position(|indexed| indexed == path)
    }

    /// The values of a document for the indexes of its collection, in their order.
    pub(crate) fn extract(&self, collection: CollectionId, text: &str) -> Values {
        extract_all(text, self.paths(collection))
    }

    /// The values of no document.
    pub(crate) fn nothing(&self, collection: CollectionId) -> Values {
        self.paths(collection).map(|_| Extracted::NONE).collect()
    }

    pub(crate) fn add(&mut self, collection: CollectionId, index: Index) {
        let indexes = Arc::make_mut(&mut self.0);
        indexes.number += 1;
        indexes.list.push(Published { collection, index, uses: Arc::default() });
    }

    pub(crate) fn remove(&mut self, collection: CollectionId, path: &FieldPath) {
        let indexes = Arc::make_mut(&mut self.0);
        indexes.number += 1;
        indexes.list.retain(|published| !published.is(collection, path));
    }

    /// All that has a tree: the indexes, and the orders of keys.
    pub(super) fn trees(&self) -> impl Iterator<Item = &Index> {
        let orders = self.0.orders.iter().map(|(_, order)| order);
        self.iter().map(|published| &published.index).chain(orders)
    }

    /// The order of a collection's keys, if it is kept.
    pub(crate) fn order(&self, collection: CollectionId) -> Option<&Index> {
        self.0.orders.iter().find(|(ordered, _)| *ordered == collection).map(|(_, order)| order)
    }

    /// Keeps the order of a collection's keys from now on.
    pub(crate) fn add_order(&mut self, collection: CollectionId, order: Index) {
        Arc::make_mut(&mut self.0).orders.push((collection, order));
    }

    /// Keeps the orders that another one keeps, of these collections.
    pub(crate) fn keep_orders_of(&mut self, other: &Self, of: impl Fn(CollectionId) -> bool) {
        let orders = other.0.orders.iter().filter(|(collection, _)| of(*collection));
        Arc::make_mut(&mut self.0).orders = orders.cloned().collect();
    }

    /// Brings the order of a collection's keys, if it is kept, up to a key that has come or gone.
    pub(crate) fn update_order(
        &mut self,
        workings: &mut Workings,
        collection: CollectionId,
        key: &Key,
        has_come: bool,
    ) {
        // Most databases keep no order: they shall not pay for this.
        if self.0.orders.is_empty() {
            return;
        }
        let orders = Arc::make_mut(&mut self.0).orders.iter_mut();
        for (_, order) in orders.filter(|(ordered, _)| *ordered == collection) {
            let working = workings.of(order);
            match has_come {
                true => order.replace(working, key, &Extracted::NONE, &Extracted::KEY),
                false => order.replace(working, key, &Extracted::KEY, &Extracted::NONE),
            }
        }
    }

    /// Empties the indexes of a collection.
    pub(crate) fn empty(&mut self, collection: CollectionId) {
        for published in &mut Arc::make_mut(&mut self.0).list {
            if published.collection == collection {
                // Of its own: the writer's tree of the full one is not taken for one of it.
                let definition = Arc::new(published.definition().clone());
                published.index = Index::new(definition);
            }
        }
    }

    /// Takes out the indexes of a collection.
    pub(crate) fn remove_collection(&mut self, collection: CollectionId) {
        if self.is_indexed(collection) || self.order(collection).is_some() {
            let indexes = Arc::make_mut(&mut self.0);
            indexes.number += 1;
            indexes.list.retain(|published| published.collection != collection);
            indexes.orders.retain(|(ordered, _)| *ordered != collection);
        }
    }

    /// Brings the indexes of a collection up to a change of one document, and the trees of these indexes.
    pub(crate) fn update(
        &mut self,
        workings: &mut Workings,
        collection: CollectionId,
        key: &Key,
        change: &IndexChange,
    ) {
        let published = Arc::make_mut(&mut self.0).list.iter_mut();
        let concerned = published.filter(|published| published.collection == collection);
        for (number, published) in concerned.enumerate() {
            let new = &change.new[number];
            let working = workings.of(&published.index);
            match &change.old {
                OldValues::Known(old) => published.index.replace(working, key, &old[number], new),
                OldValues::Unreadable => {
                    published.index.forget(working, key);
                    published.index.insert(working, key, new);
                }
            }
        }
    }

    fn paths(&self, collection: CollectionId) -> impl Iterator<Item = &FieldPath> + Clone {
        let concerned = self.iter().filter(move |published| published.collection == collection);
        concerned.map(|published| &published.index.definition().path)
    }
}

impl Published {
    pub(crate) fn definition(&self) -> &IndexDefinition {
        self.index.definition()
    }

    /// Notes that the index was asked.
    pub(crate) fn note_use(&self) {
        self.uses.0[thread_number() % 8].fetch_add(1, Ordering::Relaxed);
    }

    /// How often it was asked since the database was opened.
    pub(crate) fn uses(&self) -> u64 {
        self.uses.0.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    fn is(&self, collection: CollectionId, path: &FieldPath) -> bool {
        self.collection == collection && self.definition().path == *path
    }
}
