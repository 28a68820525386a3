//! Owns what a database tells of the long work that goes on beside reads and writes. Never does any of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::checks::Progress;
use crate::link::Link;
use crate::{FieldPath, Key};

/// Long work that goes on beside reads and writes, and how far it is: see [`FerrumDB::works`](crate::FerrumDB::works).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Work {
    /// What is done.
    pub kind: WorkKind,
    /// How much of it is done: bytes, or documents for an index.
    pub done: u64,
    /// How much there is; 0 while that is not known.
    pub of: u64,
}

/// A kind of long work.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WorkKind {
    /// The database is compacted.
    Compaction,
    /// The file is verified.
    Verification,
    /// A backup is made.
    Backup,
    /// An index is built.
    Index {
        /// The collection, unless that is the root.
        collection: Option<Key>,
        /// The field.
        field: FieldPath,
    },
}

/// The work that goes on.
#[derive(Debug, Default)]
pub(crate) struct Works(Mutex<Register>);

#[derive(Debug, Default)]
struct Register {
    next: u64,
    open: Vec<(u64, WorkKind, Progress)>,
}

/// Work that goes on until this is dropped.
pub(crate) struct Ticket {
    link: Arc<Link>,
    number: u64,
    progress: Progress,
}

impl Works {
    pub(crate) fn begin(link: &Arc<Link>, kind: WorkKind) -> Ticket {
        let progress = Progress::new();
        let mut register = link.works.lock();
        let number = register.next;
        register.next += 1;
        register.open.push((number, kind, progress.clone()));
        Ticket { link: Arc::clone(link), number, progress }
    }

    pub(crate) fn told(&self) -> Vec<Work> {
        let register = self.lock();
        let work = |(_, kind, progress): &(u64, WorkKind, Progress)| Work {
            kind: kind.clone(),
            done: progress.done(),
            of: progress.of(),
        };
        register.open.iter().map(work).collect()
    }

    /// Stops all work of a kind that looks whether it is wanted, and says whether there is some.
    pub(crate) fn cancel(&self, meant: &WorkKind) -> bool {
        let register = self.lock();
        let mut found = register.open.iter().filter(|(_, kind, _)| kind == meant).peekable();
        let is_some = found.peek().is_some();
        found.for_each(|(_, _, progress)| progress.cancel());
        is_some
    }

    fn lock(&self) -> MutexGuard<'_, Register> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.link.works.lock().open.retain(|(number, ..)| *number != self.number);
    }
}
