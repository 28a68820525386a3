//! Owns what a database must tell of its past. Never looks at a database.

use std::collections::BTreeMap;

use ferrumdb_engine::{Change, ChangeKind, CollectionId, InCollection, Sequence, Wanted};

/// What a test compares of a change.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Told {
    pub(crate) sequence: u64,
    pub(crate) time: u64,
    pub(crate) place: Place,
    pub(crate) key: String,
    pub(crate) kind: ChangeKind,
    /// The document before, and the commit that wrote it.
    pub(crate) before: Option<(String, u64)>,
    pub(crate) after: Option<String>,
    pub(crate) expires_at: Option<u64>,
    pub(crate) ends_commit: bool,
}

/// The root, or the collection with one of the names; it may be dropped, and another of the same name created.
pub(crate) type Place = usize;
pub(crate) const ROOT: Place = 0;
pub(crate) const NAMES: [&str; 3] = ["", "c", "other"];

/// A key in its collection.
pub(crate) type Id = (Place, String);

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
    /// Of the whole collection.
    Drop(Place),
}

/// What there is after a commit.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct State {
    /// Expired documents that were not purged included.
    pub(crate) documents: BTreeMap<Id, Held>,
    /// The collections but the root, each with its number.
    collections: BTreeMap<Place, CollectionId>,
    /// The highest number that a collection has had.
    highest: u32,
}

/// Everything that was committed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) state: State,
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
            place: change.collection.as_ref().map_or(ROOT, |name| {
                NAMES.iter().position(|known| *name == **known).expect("it is one of the names")
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

impl State {
    /// The collection of this name, if it is there.
    pub(crate) fn number(&self, place: Place) -> CollectionId {
        match place {
            ROOT => CollectionId::ROOT,
            _ => self.collections.get(&place).copied().unwrap_or(CollectionId::NONE),
        }
    }

    /// Does what a change says.
    fn follow(&mut self, told: &Told) {
        let id = (told.place, told.key.clone());
        match &told.after {
            Some(json) => {
                let (json, version, expires_at) = (json.clone(), told.sequence, told.expires_at);
                self.documents.insert(id, Held { json, version, expires_at });
                if self.number(told.place) == CollectionId::NONE {
                    self.highest += 1;
                    self.collections.insert(told.place, CollectionId(self.highest));
                }
            }
            None if told.kind == ChangeKind::Dropped => {
                self.documents.retain(|(place, _), _| *place != told.place);
                self.collections.remove(&told.place);
            }
            None => drop(self.documents.remove(&id)),
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

    /// What there was after a commit.
    pub(crate) fn at(&self, sequence: u64) -> State {
        let mut state = State::default();
        self.changes.iter().take_while(|told| told.sequence <= sequence).for_each(|told| state.follow(told));
        state
    }

    /// What was committed of a key since its collection is there, up to a commit.
    pub(crate) fn versions(&self, place: Place, key: &str, newest: u64) -> Vec<&Told> {
        let there = self.changes.iter().rev().skip_while(|told| told.sequence > newest);
        let of_it = there.filter(|told| told.place == place);
        of_it.take_while(|told| told.kind != ChangeKind::Dropped).filter(|told| told.key == key).collect()
    }

    /// What a feed must tell of the commits behind `since`, up to `newest`.
    pub(crate) fn told(&self, since: Sequence, newest: u64, wanted: &Wanted) -> Vec<Told> {
        let is_wanted = |told: &&Told| {
            let prefix = &wanted.prefix;
            let collection_is_wanted = |told: &Told| match &wanted.collection {
                InCollection::Any => true,
                InCollection::Root => told.place == ROOT,
                InCollection::Named(name) => told.place != ROOT && *name == NAMES[told.place],
            };
            (since.0 < told.sequence && told.sequence <= newest)
                && collection_is_wanted(told)
                && (told.kind == ChangeKind::Dropped || told.key.starts_with(prefix))
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
        let id = match operation {
            Operation::Set(id, ..) | Operation::Expire(id, _) | Operation::Delete(id) => id.clone(),
            Operation::Drop(place) => (*place, String::new()),
        };
        let stored = self.state.documents.get(&id).cloned();
        let live = stored.clone().filter(|held| held.is_there(time));
        let document = |held: Held| (held.json, held.version);
        let mut told = Told {
            sequence,
            time,
            place: id.0,
            key: id.1,
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
            Operation::Drop(place) => {
                told.kind = ChangeKind::Dropped;
                self.state.collections.get(place)?;
            }
        }
        self.state.follow(&told);
        Some(told)
    }
}
