//! Owns the deletions that can be undone: where in the log they stand, and for how long. Never holds a document.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ferrumdb::Changes;
use serde_json::{Value, json};

use crate::app::now_ms;

/// For how long a deletion can be undone.
pub(crate) const UNDO_TIME: Duration = Duration::from_secs(600);
/// So many can be: the newest ones.
const UNDOS_MAX: usize = 16;

#[derive(Default)]
pub(crate) struct Undos(Mutex<List>);

#[derive(Default)]
struct List {
    last: u64,
    undos: Vec<Undo>,
}

/// A deletion that can be undone.
pub(crate) struct Undo {
    id: u64,
    until: u64,
    pub(crate) what: String,
    pub(crate) documents: u64,
    /// The collection, unless that is the root.
    pub(crate) collection: Option<String>,
    /// The commits that have deleted.
    pub(crate) commits: BTreeSet<u64>,
    /// A place in the log before them.
    pub(crate) changes: Changes,
}

impl Undo {
    pub(crate) fn new(
        what: String,
        documents: u64,
        collection: Option<String>,
        commits: BTreeSet<u64>,
        changes: Changes,
    ) -> Self {
        Self { id: 0, until: 0, what, documents, collection, commits, changes }
    }

    fn told(&self) -> Value {
        json!({"id": self.id, "what": self.what, "documents": self.documents, "until": self.until})
    }
}

impl Undos {
    /// Keeps one, and tells of it.
    pub(crate) fn add(&self, undo: Undo) -> Value {
        let mut list = self.lock();
        list.last += 1;
        let undo = Undo { id: list.last, until: now_ms() + UNDO_TIME.as_millis() as u64, ..undo };
        let told = undo.told();
        if list.undos.len() == UNDOS_MAX {
            list.undos.remove(0);
        }
        list.undos.push(undo);
        told
    }

    /// The newest first.
    pub(crate) fn told(&self) -> Vec<Value> {
        self.lock().undos.iter().rev().map(Undo::told).collect()
    }

    /// Takes one out: it is undone once.
    pub(crate) fn take(&self, id: u64) -> Option<Undo> {
        let mut list = self.lock();
        let place = list.undos.iter().position(|undo| undo.id == id)?;
        Some(list.undos.remove(place))
    }

    /// Those that are too old are let go.
    pub(crate) fn expire(&self) {
        let now = now_ms();
        self.lock().undos.retain(|undo| undo.until > now);
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
