//! Owns which collections there are, by name and by number, and answering by them. Never knows what is in one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::error::{Error, Result};
use crate::key::{CollectionId, Key, Sequence};
use crate::log::{Kind, NewRecord, Payload};
use crate::reader::Reader;
use crate::snapshot::Snapshot;
use crate::view::View;

/// The longest name of a collection, in bytes.
const NAME_BYTES_MAX: usize = 255;

/// The collections as of one sequence. A clone is one pointer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Collections(Arc<Names>);

#[derive(Clone, Debug, Default)]
struct Names {
    /// Grows with each collection that is created or dropped: what was found by another number does not fit.
    number: u64,
    /// The highest number that a collection has had. Numbers are never used twice.
    highest: u32,
    by_name: BTreeMap<Key, CollectionId>,
    by_id: BTreeMap<CollectionId, Key>,
    /// Those that were dropped, and whose entries the keydir may still have.
    dropped: BTreeSet<CollectionId>,
}

/// What a commit does to the collections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CollectionChange {
    /// This collection is there from now on, and has this name.
    Created(CollectionId, Key),
    /// It is there no more.
    Dropped(CollectionId),
}

/// A collection, and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CollectionInfo {
    /// Its name.
    pub name: Key,
    /// How many documents it has.
    pub documents: u64,
    /// How many indexes it has.
    pub indexes: u64,
}

/// Checks that a collection can have this name: any text that is not empty and has at most 255 bytes.
///
/// # Errors
/// [`Error::InvalidCollectionName`].
pub fn check_collection_name(name: &str) -> Result<()> {
    let reason = match name.len() {
        0 => "it is empty",
        1..=NAME_BYTES_MAX => return Ok(()),
        _ => "it has more than 255 bytes",
    };
    Err(Error::InvalidCollectionName { reason })
}

impl CollectionChange {
    /// What a record of such a change says, if it is one.
    pub(crate) fn of_record(kind: Kind, collection: CollectionId, name: &str) -> Option<Self> {
        match kind {
            Kind::CollectionCreated => Some(Self::Created(collection, Key::from(name))),
            Kind::CollectionDropped => Some(Self::Dropped(collection)),
            _ => None,
        }
    }

    /// The record of such a change to the collection of this name.
    pub(crate) fn record<'n>(&self, name: &'n str, sequence: Sequence) -> NewRecord<'n> {
        let (kind, collection) = match self {
            Self::Created(id, _) => (Kind::CollectionCreated, *id),
            Self::Dropped(id) => (Kind::CollectionDropped, *id),
        };
        let payload = Payload { collection, expires_at: None, key: name, document: b"" };
        NewRecord { kind, has_expired: false, sequence, previous: 0, payload: Some(payload) }
    }
}

impl Collections {
    /// Whether they are one, and not only equal.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Those of a state that was written down, each with its name, and the highest number that one has had. Nothing, if
    /// a name or a number is there twice.
    pub(crate) fn from_parts(
        highest: u32,
        names: impl IntoIterator<Item = (CollectionId, Key)>,
    ) -> Option<Self> {
        let mut all = Names { highest, ..Names::default() };
        for (id, name) in names {
            let is_new = id != CollectionId::ROOT
                && id.0 <= highest
                && check_collection_name(&name).is_ok()
                && all.by_name.insert(name.clone(), id).is_none()
                && all.by_id.insert(id, name).is_none();
            if !is_new {
                return None;
            }
        }
        Some(Self(Arc::new(all)))
    }

    pub(crate) fn number(&self) -> u64 {
        self.0.number
    }

    pub(crate) fn highest(&self) -> u32 {
        self.0.highest
    }

    pub(crate) fn len(&self) -> usize {
        self.0.by_name.len()
    }

    pub(crate) fn find(&self, name: &str) -> Option<CollectionId> {
        self.0.by_name.get(name).copied()
    }

    pub(crate) fn name(&self, id: CollectionId) -> Option<&Key> {
        self.0.by_id.get(&id)
    }

    pub(crate) fn has(&self, id: CollectionId) -> bool {
        self.0.by_id.contains_key(&id)
    }

    /// Whether there is such a collection, the root included.
    pub(crate) fn is_there(&self, id: CollectionId) -> bool {
        id == CollectionId::ROOT || self.has(id)
    }

    /// By their names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Key, CollectionId)> {
        self.0.by_name.iter().map(|(name, id)| (name, *id))
    }

    /// Whether a collection was dropped. It is known for as long as the keydir may have entries of it.
    pub(crate) fn is_dropped(&self, id: CollectionId) -> bool {
        !self.0.dropped.is_empty() && self.0.dropped.contains(&id)
    }

    pub(crate) fn dropped(&self) -> &BTreeSet<CollectionId> {
        &self.0.dropped
    }

    /// The number that the next collection gets.
    ///
    /// # Errors
    /// [`Error::NoMoreCollections`].
    pub(crate) fn next(&self) -> Result<CollectionId> {
        let next = self.0.highest.checked_add(1).map(CollectionId);
        next.filter(|next| *next != CollectionId::NONE).ok_or(Error::NoMoreCollections)
    }

    pub(crate) fn change(&mut self, change: &CollectionChange) {
        let names = Arc::make_mut(&mut self.0);
        names.number += 1;
        match change {
            CollectionChange::Created(id, name) => {
                names.highest = names.highest.max(id.0);
                // No writer gives a name to two collections; whatever else a log may say.
                if let Some(former) = names.by_name.insert(name.clone(), *id) {
                    names.by_id.remove(&former);
                }
                if let Some(former) = names.by_id.insert(*id, name.clone()).filter(|former| former != name) {
                    names.by_name.remove(&former);
                }
            }
            CollectionChange::Dropped(id) => {
                names.highest = names.highest.max(id.0);
                if let Some(name) = names.by_id.remove(id) {
                    names.by_name.remove(&name);
                }
                names.dropped.insert(*id);
            }
        }
    }

    /// Takes note that a document has this number, though no collection of it was created.
    pub(crate) fn note_number(&mut self, id: CollectionId) {
        if id.0 > self.0.highest {
            Arc::make_mut(&mut self.0).highest = id.0;
        }
    }

    /// Takes note that the keydir has no entry of these any more.
    pub(crate) fn forget_dropped(&mut self, ids: &BTreeSet<CollectionId>) {
        Arc::make_mut(&mut self.0).dropped.retain(|id| !ids.contains(id));
    }

    /// Takes the place of others, whose dropped ones the keydir may still have.
    pub(crate) fn succeed(&mut self, before: &Self) {
        let names = Arc::make_mut(&mut self.0);
        names.number = before.number() + 1;
        names.dropped.extend(&before.0.dropped);
    }

    /// Whether the same collections have the same names.
    pub(crate) fn are_named_as(&self, other: &Self) -> bool {
        self.0.by_name == other.0.by_name
    }
}

impl View {
    /// Whether a collection is there, or documents without one.
    pub(crate) fn has_collection(&self, id: CollectionId) -> bool {
        id == CollectionId::ROOT || self.collections.has(id) || self.counts.get(id) > 0
    }
}

impl Reader {
    /// The number that says which collections there are: it grows when one is created or dropped. What was found while it
    /// was the same is right.
    #[must_use]
    pub fn collections_number(&self) -> u64 {
        self.shared().collections_number.load(Ordering::Acquire)
    }

    /// The collection of this name, and the number as of which this is known. Without one, it is
    /// [`CollectionId::NONE`].
    #[must_use]
    pub fn collection(&self, name: &str) -> (CollectionId, u64) {
        let view = self.shared().view.load();
        (view.collections.find(name).unwrap_or(CollectionId::NONE), view.collections.number())
    }
}

impl Snapshot {
    /// The collection of this name as of this snapshot. Without one, it is [`CollectionId::NONE`], which has no
    /// documents.
    #[must_use]
    pub fn collection(&self, name: &str) -> CollectionId {
        self.view().collections.find(name).unwrap_or(CollectionId::NONE)
    }

    /// All collections but the root, by their names.
    #[must_use]
    pub fn collections(&self) -> Vec<CollectionInfo> {
        let catalog = &self.view().catalog;
        let info = |(name, id): (&Key, CollectionId)| CollectionInfo {
            name: name.clone(),
            documents: self.count(id),
            indexes: catalog.iter().filter(|published| published.collection == id).count() as u64,
        };
        self.view().collections.iter().map(info).collect()
    }
}
