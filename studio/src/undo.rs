//! Owns the deletions that can be undone: where in the log they stand, and for how long. Never holds a document, but for those
//! that an undoing which did not come to its end had read.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ferrumdb::{Change, Changes};
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
    /// The commit that has deleted.
    pub(crate) commit: u64,
    /// A place in the log before it.
    pub(crate) changes: Changes,
    /// What was read there, and has not come back yet.
    pub(crate) read: Vec<Change>,
}

/// One that is being undone. It can be undone again, unless that has come to its end.
pub(crate) struct Taken {
    undos: Arc<Undos>,
    undo: Option<Undo>,
}

impl Undo {
    pub(crate) fn new(
        what: String,
        documents: u64,
        collection: Option<String>,
        commit: u64,
        changes: Changes,
    ) -> Self {
        Self { id: 0, until: 0, what, documents, collection, commit, changes, read: Vec::new() }
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

    /// Takes one out: only one job undoes it.
    pub(crate) fn take(self: &Arc<Self>, id: u64) -> Option<Taken> {
        let mut list = self.lock();
        let place = list.undos.iter().position(|undo| undo.id == id)?;
        Some(Taken { undos: Arc::clone(self), undo: Some(list.undos.remove(place)) })
    }

    /// Puts one back to where it was.
    fn put_back(&self, undo: Undo) {
        let mut list = self.lock();
        let place = list.undos.partition_point(|before| before.id < undo.id);
        list.undos.insert(place, undo);
        if list.undos.len() > UNDOS_MAX {
            list.undos.remove(0);
        }
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

impl Taken {
    pub(crate) fn undo(&mut self) -> &mut Undo {
        self.undo.as_mut().expect("it is there until it is finished")
    }

    /// That everything is back.
    pub(crate) fn finish(mut self) {
        self.undo = None;
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        // Where the log cannot be read any more, there is nothing to try again.
        if let Some(undo) = self.undo.take().filter(|undo| !undo.changes.has_ended()) {
            self.undos.put_back(undo);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use ferrumdb::{FerrumDB, WatchOptions};

    use super::*;

    #[test]
    fn what_was_not_undone_to_its_end_can_be_undone_again() {
        let db = FerrumDB::open_in_memory().wait().unwrap();
        let undos = Arc::new(Undos::default());
        for what in ["first", "second"] {
            let changes = db.watch(WatchOptions::everything()).unwrap();
            undos.add(Undo::new(what.to_owned(), 1, None, 1, changes));
        }
        let before = undos.told();
        let taken = undos.take(1).unwrap();
        assert!(undos.take(1).is_none(), "by one at a time");
        drop(taken);
        assert_eq!(undos.told(), before);
        undos.take(1).unwrap().finish();
        assert_eq!(undos.told(), before[..1]);
    }
}
