//! Owns what one commit is to change, as plain values, and the check of its sizes. Never looks at the database.

use std::hint::black_box;

use smallvec::SmallVec;

use crate::collections::check_collection_name;
use crate::document::EncodedDocument;
use crate::error::{Error, Result};
use crate::index::catalog::IndexChange;
use crate::key::{CollectionId, Key, Sequence, Timestamp};
use crate::keydir::{Entry, RecordId};
use crate::options::Limits;
use crate::validate::RangeReads;

/// What a processor moves from one core to another at a time, and as much of a document as one core asks for at once.
const LINE: usize = 64;
const LINES_MAX: usize = 8;

/// What one commit is to change: all of it or nothing. Operations take effect in their order, if every condition
/// holds before the first of them.
#[derive(Clone, Debug, Default)]
pub struct Transaction {
    conditions: Vec<Requirement>,
    /// One of them, as most transactions have, lies in here: the writer's core has less memory to fetch.
    operations: SmallVec<[Operation; 1]>,
    /// What few transactions have.
    rest: Option<Box<Rest>>,
    bytes: usize,
}

#[derive(Clone, Debug, Default)]
struct Rest {
    /// The collections that it calls by their names.
    names: Vec<Key>,
    range_reads: Option<RangeReads>,
}

/// A collection, as a transaction speaks of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CollectionRef {
    /// By its number. What is done to one that was dropped has no effect.
    Id(CollectionId),
    /// By the name that this transaction has noted under this number: see [`Transaction::collection`].
    Named(u32),
}

impl From<CollectionId> for CollectionRef {
    fn from(id: CollectionId) -> Self {
        Self::Id(id)
    }
}

/// One change of one key.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) collection: CollectionRef,
    pub(crate) key: Key,
    pub(crate) change: Change,
    pub(crate) prepared: Option<Box<Prepared>>,
}

/// What a change means for the indexes, worked out on the caller's thread. It holds if nothing has changed by the
/// time of the commit.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    /// Which indexes there were. Of one that was dropped with its collection this tells, too; and another of the same name
    /// has none in the same group.
    pub(crate) catalog: u64,
    /// Which record the key had, if it had one.
    pub(crate) replaces: Option<RecordId>,
    pub(crate) change: IndexChange,
}

#[derive(Clone, Debug)]
pub(crate) enum Change {
    Set {
        document: EncodedDocument,
        expires_at: Option<Timestamp>,
    },
    Expire {
        at: Option<Timestamp>,
    },
    Delete,
    /// The collection is dropped, and the operation has no key.
    Drop,
}

/// A condition on one key.
#[derive(Clone, Debug)]
pub(crate) struct Requirement {
    pub(crate) collection: CollectionRef,
    pub(crate) key: Key,
    pub(crate) condition: Condition,
}

/// What a transaction may require of a key before it changes anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The key has no document.
    Absent,
    /// The key has a document.
    Exists,
    /// The key has a document, and this commit wrote it.
    Version(Sequence),
}

/// What became of a transaction.
pub type Outcome = std::result::Result<Committed, Refused>;

/// What a committed transaction did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The number of its commit; of the newest commit, if the transaction changed nothing.
    pub sequence: Sequence,
    /// How many of its operations changed something: all but those on keys without a document, which a deletion and
    /// a change of the expiry leave alone.
    pub effective: u64,
    /// The document that its first operation replaced or deleted, if there was one: see [`crate::Snapshot::replaced`].
    pub replaced: Option<Replaced>,
}

/// A version of a document that a transaction replaced. It is read only when asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replaced(pub(crate) CollectionId, pub(crate) Entry);

/// Why a transaction changed nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A condition did not hold.
    Unmet {
        /// The collection of the key, as the transaction speaks of it.
        collection: CollectionRef,
        /// The key whose condition did not hold.
        key: Key,
        /// The condition.
        condition: Condition,
        /// The version of the document that the key had, if it had one.
        found: Option<Sequence>,
    },
    /// What it had read in a range has changed since.
    Changed(Changed),
}

/// What has changed of a range that a transaction had read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// A key in it, or one that might have been in it.
    Key {
        /// The collection of the key.
        collection: CollectionId,
        /// The key.
        key: Key,
        /// The commit that has changed it.
        sequence: Sequence,
    },
    /// A document that was found has expired.
    Expired,
    /// Perhaps nothing: not all commits since are known any more.
    Unknown,
}

impl Refused {
    /// The name of the collection of the key that this transaction was refused for; nothing for the root, and without a
    /// key.
    #[must_use]
    pub fn collection<'t>(&self, transaction: &'t Transaction) -> Option<&'t Key> {
        match self {
            Self::Unmet { collection: CollectionRef::Named(number), .. } => {
                transaction.names().get(*number as usize)
            }
            Self::Changed(Changed::Key { collection, .. }) => {
                transaction.range_reads().and_then(|reads| reads.name_of(*collection))
            }
            Self::Unmet { .. } | Self::Changed(_) => None,
        }
    }

    /// The version of the document that the key of a condition had, if it had one.
    #[must_use]
    pub fn found(&self) -> Option<Sequence> {
        match self {
            Self::Unmet { found, .. } => *found,
            Self::Changed(_) => None,
        }
    }
}

impl Changed {
    /// The key that has changed, if one has.
    #[must_use]
    pub fn key(&self) -> Option<&Key> {
        match self {
            Self::Key { key, .. } => Some(key),
            Self::Expired | Self::Unknown => None,
        }
    }
}

impl Condition {
    /// Whether it holds for a key whose document has this version, or that has none.
    pub(crate) fn holds(self, found: Option<Sequence>) -> bool {
        match self {
            Self::Absent => found.is_none(),
            Self::Exists => found.is_some(),
            Self::Version(version) => found == Some(version),
        }
    }
}

impl Operation {
    /// Reads from each line of memory that a short document takes, so that all of them are on their way from the caller's
    /// core at once, beside what else is looked up for the operation.
    #[inline]
    pub(crate) fn warm(&self) {
        if let Change::Set { document, .. } = &self.change {
            let lines = document.as_str().as_bytes().iter().step_by(LINE).take(LINES_MAX);
            black_box(lines.fold(0, |all, byte| all ^ byte));
        }
    }
}

impl Transaction {
    /// A transaction that changes nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A transaction that changes nothing yet, with room for so many operations.
    #[must_use]
    pub fn with_capacity(operations: usize) -> Self {
        Self { operations: SmallVec::with_capacity(operations), ..Self::default() }
    }

    /// The collection of this name, for this transaction. If there is none when it is committed, the first document that
    /// is set there creates it.
    pub fn collection(&mut self, name: &Key) -> CollectionRef {
        let names = &mut self.rest.get_or_insert_default().names;
        let known = names.iter().position(|known| known == name);
        let number = known.unwrap_or_else(|| {
            self.bytes += name.len();
            names.push(name.clone());
            names.len() - 1
        });
        CollectionRef::Named(number as u32)
    }

    /// Adds: nothing is changed unless `key` meets `condition`.
    pub fn require(&mut self, collection: impl Into<CollectionRef>, key: Key, condition: Condition) {
        self.bytes += key.len();
        self.conditions.push(Requirement { collection: collection.into(), key, condition });
    }

    /// Adds: `key` holds `document` from now on, until `expires_at` if there is one.
    pub fn set(
        &mut self,
        collection: impl Into<CollectionRef>,
        key: Key,
        document: EncodedDocument,
        expires_at: Option<Timestamp>,
    ) {
        self.bytes += document.len();
        self.push(collection, key, Change::Set { document, expires_at: expires_at.map(storable) });
    }

    /// Adds: the document of `key`, if it has one, stays, and expires at `at`, or never.
    pub fn expire(&mut self, collection: impl Into<CollectionRef>, key: Key, at: Option<Timestamp>) {
        self.push(collection, key, Change::Expire { at: at.map(storable) });
    }

    /// Adds: `key` holds nothing from now on.
    pub fn delete(&mut self, collection: impl Into<CollectionRef>, key: Key) {
        self.push(collection, key, Change::Delete);
    }

    /// Adds: the collection, which this transaction calls by its name, is there no more, with all its documents and
    /// indexes; if there is one.
    pub fn drop_collection(&mut self, collection: CollectionRef) {
        debug_assert!(matches!(collection, CollectionRef::Named(_)), "it is called by its name");
        self.push(collection, Key::from(""), Change::Drop);
    }

    /// How many operations it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.operations.len()
    }

    /// Whether it has no operation.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// How many operations it has, or conditions, if these are more.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.operations.len().max(self.conditions.len())
    }

    /// The bytes of its keys and documents.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// About what it takes in memory outside of itself: its keys and documents, and each operation and condition, but for the
    /// operation that lies in here.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let operations = self.operations.len().saturating_sub(1) * size_of::<Operation>();
        self.bytes + operations + self.conditions.len() * size_of::<Requirement>()
    }

    /// Checks the sizes, so that a commit cannot fail for them.
    ///
    /// # Errors
    /// [`Error::KeyTooLong`], [`Error::DocumentTooLarge`], [`Error::TransactionTooLarge`] or
    /// [`Error::InvalidCollectionName`].
    pub fn check(&self, limits: &Limits) -> Result<()> {
        self.names().iter().try_for_each(|name| check_collection_name(name))?;
        let keys = self.operations.iter().map(|operation| &operation.key);
        for key in keys.chain(self.conditions.iter().map(|requirement| &requirement.key)) {
            if key.len() > limits.key_bytes_max {
                return Err(Error::KeyTooLong { len: key.len(), max: limits.key_bytes_max });
            }
        }
        for operation in &self.operations {
            if let Change::Set { document, .. } = &operation.change
                && document.len() > limits.document_bytes_max
            {
                return Err(Error::DocumentTooLarge { len: document.len(), max: limits.document_bytes_max });
            }
        }
        let too_large = |found, max, unit| Err(Error::TransactionTooLarge { found, max, unit });
        let entries = self.entries();
        if entries > limits.transaction_operations_max {
            return too_large(entries, limits.transaction_operations_max, "operations");
        }
        if self.bytes > limits.transaction_bytes_max {
            return too_large(self.bytes, limits.transaction_bytes_max, "bytes");
        }
        Ok(())
    }

    /// Adds: nothing is changed if one of these ranges has changed.
    pub(crate) fn require_unchanged(&mut self, reads: RangeReads) {
        self.rest.get_or_insert_default().range_reads = Some(reads);
    }

    /// Whether it has read ranges, so that the writer keeps what has changed since for as long as this is kept.
    #[must_use]
    pub fn has_range_reads(&self) -> bool {
        self.range_reads().is_some()
    }

    pub(crate) fn range_reads(&self) -> Option<&RangeReads> {
        self.rest.as_deref()?.range_reads.as_ref()
    }

    pub(crate) fn names(&self) -> &[Key] {
        self.rest.as_deref().map_or(&[], |rest| &rest.names)
    }

    /// How many records it makes at most.
    pub(crate) fn records_max(&self) -> usize {
        // Each operation may find that its collection has to be created, since one before it has dropped it.
        if self.names().is_empty() { self.operations.len() } else { self.operations.len() * 2 }
    }

    pub(crate) fn conditions(&self) -> &[Requirement] {
        &self.conditions
    }

    pub(crate) fn operations(&self) -> &[Operation] {
        &self.operations
    }

    pub(crate) fn parts_mut(&mut self) -> (&[Key], &mut [Operation]) {
        (self.rest.as_deref().map_or(&[], |rest| &rest.names), &mut self.operations)
    }

    fn push(&mut self, collection: impl Into<CollectionRef>, key: Key, change: Change) {
        self.bytes += key.len();
        let collection = collection.into();
        self.operations.push(Operation { collection, key, change, prepared: None });
    }
}

/// The time as it can be stored: the log writes 0 for never, and the millisecond after it is as long ago.
fn storable(at: Timestamp) -> Timestamp {
    at.max(Timestamp(1))
}
