//! Owns the handle of one collection; what can be done with it lies in the modules beneath. Never waits for the writer
//! itself.

mod conditional;
mod history;
mod indexes;
mod ordered;
mod reads;
mod updates;
mod writes;

pub use history::KeyHistory;
pub use ordered::DeletionReport;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_utils::CachePadded;
use ferrumdb_engine::{self as engine, CollectionId, Reader, Snapshot};

use crate::Key;
use crate::database::Inner;
use crate::error::{Error, Result};

/// A handle to one collection of an open database: keys of its own, and indexes of its own. Clones are cheap, and each
/// keeps the database open.
///
/// A [`FerrumDB`](crate::FerrumDB) is the handle of its root collection, and makes those of others:
/// [`FerrumDB::collection`](crate::FerrumDB::collection). A handle stands for a name. While there is no collection of
/// that name it is empty to read, and the first document that is set there creates it, in the same commit.
///
/// ```
/// use ferrumdb::FerrumDB;
///
/// let db = FerrumDB::open_in_memory().wait()?;
/// let users = db.collection("users")?;
/// assert_eq!(users.count()?, 0);
/// users.set("alice", 1).wait()?;
/// assert!(users.contains("alice")? && !db.contains("alice")?);
///
/// assert!(db.drop_collection("users").wait()?);
/// assert!(!users.contains("alice")?);
/// users.set("bob", 2).wait()?; // another collection, of the same name
/// assert_eq!(db.collections()?[0].documents, 1);
/// # Ok::<(), ferrumdb::Error>(())
/// ```
#[derive(Clone)]
pub struct Collection {
    pub(crate) db: Arc<CachePadded<Inner>>,
    /// The root has no name.
    named: Option<Arc<Named>>,
    /// Whether a write may read the file on the thread that calls.
    may_read: bool,
}

struct Named {
    name: Key,
    /// The number of the collection in the lower half, and in the upper one that as of which it is known: see
    /// [`Reader::collections_number`]. Of that the lower half suffices, since so many are never created and dropped
    /// between two calls.
    known: AtomicU64,
}

impl Collection {
    pub(crate) fn root(db: Arc<CachePadded<Inner>>) -> Self {
        Self { db, named: None, may_read: true }
    }

    pub(crate) fn named(&self, name: Key) -> Result<Self> {
        engine::check_collection_name(&name).map_err(|error| self.counted(error.into()))?;
        let known = AtomicU64::new(pack(self.db.reader.collection(&name)));
        let named = Some(Arc::new(Named { name, known }));
        Ok(Self { db: Arc::clone(&self.db), named, may_read: self.may_read })
    }

    /// The same handle for callers who must not wait for a disk.
    pub(crate) fn without_reading(&self) -> Self {
        Self { may_read: false, ..self.clone() }
    }

    /// The name of the collection; nothing for the root.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name_key().map(Key::as_str)
    }

    pub(crate) fn name_key(&self) -> Option<&Key> {
        self.named.as_ref().map(|named| &named.name)
    }

    /// Which collection it is now. None has the number that is told while there is none.
    pub(crate) fn id(&self) -> CollectionId {
        match &self.named {
            None => CollectionId::ROOT,
            Some(named) => named.id(&self.db.reader),
        }
    }

    /// The same, and the number of the collections as of which that is known.
    pub(crate) fn id_as_of(&self) -> (CollectionId, u64) {
        match &self.named {
            None => (CollectionId::ROOT, self.db.reader.collections_number()),
            Some(named) => named.id_as_of(&self.db.reader),
        }
    }

    /// Which collection it is for a snapshot.
    pub(crate) fn id_in(&self, snapshot: &Snapshot) -> CollectionId {
        self.name_key().map_or(CollectionId::ROOT, |name| snapshot.collection(name))
    }

    /// Reads that look at many keys check for a fork, too: next to their work it costs nothing.
    pub(crate) fn check_many(&self) -> Result<()> {
        let link = &self.db.link;
        let forked = if link.is_forked() { Err(link.forked()) } else { Ok(()) };
        forked.and_then(|()| link.check_readable()).map_err(|error| self.counted(error))
    }

    pub(crate) fn failed(&self, error: engine::Error, key: &str) -> Error {
        self.counted(Error::from(error).about(key).in_collection(self.name_key()))
    }

    pub(crate) fn counted(&self, error: Error) -> Error {
        self.db.link.counted(error)
    }
}

impl fmt::Debug for Collection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, name) = (self.db.link.path(), self.name());
        formatter.debug_struct("Collection").field("path", &path).field("name", &name).finish_non_exhaustive()
    }
}

impl Named {
    fn id(&self, reader: &Reader) -> CollectionId {
        self.id_as_of(reader).0
    }

    #[inline]
    fn id_as_of(&self, reader: &Reader) -> (CollectionId, u64) {
        let (known, number) = (self.known.load(Ordering::Relaxed), reader.collections_number());
        if (known >> 32) as u32 == number as u32 {
            return (CollectionId(known as u32), number);
        }
        let found = reader.collection(&self.name);
        // Whoever finds it as well finds the same, or knows it as of another number.
        self.known.store(pack(found), Ordering::Relaxed);
        found
    }
}

fn pack((id, number): (CollectionId, u64)) -> u64 {
    number << 32 | u64::from(id.0)
}
