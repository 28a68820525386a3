//! Owns what a database must tell of its past. Never looks at a database.

use std::collections::BTreeMap;

use ferrumdb_engine::{Change, ChangeKind, InCollection, Sequence, Wanted};

/// What a test compares of a change.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Told {
    pub(crate) sequence: u64,
    pub(crate) time: u64,
    pub(crate) collection: u32,
    pub(crate) key: String,
    pub(crate) kind: ChangeKind,
    /// The document before, and the commit that wrote it.
    pub(crate) before: Option<(String, u64)>,
    pub(crate) after: Option<String>,
    pub(crate) expires_at: Option<u64>,
    pub(crate) ends_commit: bool,
}

/// The root, and the first collection that is created.
pub(crate) const ROOT: u32 = 0;
pub(crate) const NAMED: u32 = 1;
/// How that one is called.
pub(crate) const NAME: &str = "c";

/// A key in its collection.
pub(crate) type Id = (u32, String);

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Held {
    pub(crate) json: String,
    pub(crate) version: u64,
    pub(crate) expires_at: Option<u64>,
}

#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Set(Id, String, Option<u64>),
    Expire(Id, Option<u64>),
    Delete(Id),
}

/// Everything that was committed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) state: BTreeMap<Id, Held>,
    pub(crate) changes: Vec<Told>,
}

impl Held {
    pub(crate) fn is_there(&self, time: u64) -> bool {
        self.expires_at.is_none_or(|at| at > time)
    }
}

impl Told {
    pub(crate) fn of(change: &Change) -> Self {
        Self {
            sequence: change.sequence.0,
            time: change.time.0,
            collection: change.collection.as_ref().map_or(ROOT, |name| {
                assert_eq!(*name, NAME);
                NAMED
            }),
            key: change.key.to_string(),
            kind: change.kind,
            before: change.before.as_ref().map(|before| (before.as_str().to_owned(), before.version().0)),
            after: change.after.as_ref().map(|after| {
                assert_eq!(after.version(), change.sequence);
                after.as_str().to_owned()
            }),
            expires_at: change.expires_at.map(|at| at.0),
            ends_commit: change.ends_commit,
        }
    }
}

impl Model {
    /// Commits operations under the next number, `sequence`, and says whether there was anything to commit.
    pub(crate) fn commit(&mut self, operations: &[Operation], sequence: u64, time: u64) -> bool {
        let first = self.changes.len();
        for operation in operations {
            let told = self.change(operation, sequence, time);
            self.changes.extend(told);
        }
        let is_commit = self.changes.len() > first;
        if is_commit {
            self.changes.last_mut().unwrap().ends_commit = true;
        }
        is_commit
    }

    /// Forgets what was committed after `newest`.
    pub(crate) fn cut(&mut self, newest: u64) {
        let kept = self.changes.partition_point(|told| told.sequence <= newest);
        self.changes.truncate(kept);
        self.state = self.at(newest);
    }

    /// What there was after a commit, expired documents that were not purged included.
    pub(crate) fn at(&self, sequence: u64) -> BTreeMap<Id, Held> {
        let mut state = BTreeMap::new();
        for told in self.changes.iter().take_while(|told| told.sequence <= sequence) {
            let id = (told.collection, told.key.clone());
            match &told.after {
                Some(json) => {
                    let (json, version, expires_at) = (json.clone(), told.sequence, told.expires_at);
                    state.insert(id, Held { json, version, expires_at });
                }
                None => drop(state.remove(&id)),
            }
        }
        state
    }

    /// What a feed must tell of the commits behind `since`, up to `newest`.
    pub(crate) fn told(&self, since: Sequence, newest: u64, wanted: &Wanted) -> Vec<Told> {
        let is_wanted = |told: &&Told| {
            let prefix = &wanted.prefix;
            let collection_is_wanted = |told: &Told| match &wanted.collection {
                InCollection::Any => true,
                InCollection::Root => told.collection == ROOT,
                InCollection::Named(name) => *name == NAME && told.collection == NAMED,
            };
            (since.0 < told.sequence && told.sequence <= newest)
                && collection_is_wanted(told)
                && told.key.starts_with(prefix)
        };
        let mut told: Vec<_> = self.changes.iter().filter(is_wanted).cloned().collect();
        for index in 0..told.len() {
            let next = told.get(index + 1).map(|next| next.sequence);
            let told = &mut told[index];
            told.ends_commit = next != Some(told.sequence);
            told.before = told.before.take().filter(|_| wanted.before);
            told.after = told.after.take().filter(|_| wanted.after);
        }
        told
    }

    fn change(&mut self, operation: &Operation, sequence: u64, time: u64) -> Option<Told> {
        let (Operation::Set(id, ..) | Operation::Expire(id, _) | Operation::Delete(id)) = operation;
        let stored = self.state.get(id).cloned();
        let live = stored.clone().filter(|held| held.is_there(time));
        let document = |held: Held| (held.json, held.version);
        let mut told = Told {
            sequence,
            time,
            collection: id.0,
            key: id.1.clone(),
            kind: ChangeKind::Set,
            before: live.clone().map(document),
            after: None,
            expires_at: None,
            ends_commit: false,
        };
        match operation {
            Operation::Set(_, json, expires_at) => {
                (told.after, told.expires_at) = (Some(json.clone()), *expires_at);
            }
            Operation::Expire(_, at) => {
                (told.after, told.expires_at) = (Some(live?.json), *at);
            }
            Operation::Delete(_) => {
                told.kind = if live.is_some() { ChangeKind::Deleted } else { ChangeKind::Expired };
                told.before = Some(document(stored?));
            }
        }
        match told.after.clone() {
            Some(json) => {
                let held = Held { json, version: sequence, expires_at: told.expires_at };
                self.state.insert(id.clone(), held);
            }
            None => drop(self.state.remove(id)),
        }
        Some(told)
    }
}
