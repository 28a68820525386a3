//! Owns deciding what a group of transactions does, and encoding it. Never changes anything: not the log, not the keydir.

use std::borrow::Cow;
use std::collections::HashMap;

use ahash::RandomState;

use crate::collections::{CollectionChange, Collections};
use crate::document::Document;
use crate::error::Result;
use crate::generation::Location;
use crate::index::catalog::{Catalog, IndexChange, OldValues};
use crate::key::{CollectionId, Key, Sequence, Timestamp};
use crate::keydir::{Entry, Hashed};
use crate::log::{Kind, NewRecord, Payload, RecordWriter};
use crate::transaction::{
    Change, Changed, CollectionRef, Committed, Operation, Outcome, Refused, Replaced, Requirement,
    Transaction,
};
use crate::validate::RecentChanges;
use crate::view::Shared;
use crate::writer::LogState;

/// Why an entry that the writer has just found is never out of date.
pub(crate) const ONLY_THE_WRITER: &str = "only the writer itself takes a generation away";

/// A group that was decided and encoded, and not yet appended.
pub(crate) struct StagedGroup<'g> {
    pub(crate) encoded: RecordWriter,
    /// The sequence of its last commit.
    pub(crate) sequence: Sequence,
    pub(crate) changes: Vec<StagedChange<'g>>,
    /// The collections that are created or dropped, and by which commits.
    pub(crate) collections: Vec<(Sequence, CollectionChange)>,
    pub(crate) outcomes: Vec<Outcome>,
}

/// What a change of one key means for the keydir.
#[derive(Clone, Debug)]
pub(crate) struct StagedChange<'g> {
    pub(crate) hashed: Hashed<'g>,
    pub(crate) key: &'g Key,
    /// The entry that readers see until the group is published, if they see one and no earlier change of the group
    /// has replaced it.
    pub(crate) old: Option<Entry>,
    pub(crate) entry: Entry,
    pub(crate) expires_at: Option<Timestamp>,
    /// The text of the document that was set, if it is at hand.
    pub(crate) new: Option<&'g str>,
    /// What it means for the indexes, if its collection has any.
    pub(crate) index_change: Option<Cow<'g, IndexChange>>,
}

/// Decides one group; what the earlier members did is seen by the later ones.
struct Stage<'g, 's> {
    shared: &'s Shared,
    catalog: &'s Catalog,
    recent: &'s RecentChanges,
    collections: Cow<'s, Collections>,
    log: &'s LogState,
    group: StagedGroup<'g>,
    /// The collections that the transaction calls by name, as far as they are there.
    named: Vec<Option<CollectionId>>,
    earlier: Option<HashMap<(CollectionId, &'g str), Touched<'g>, RandomState>>,
}

/// What the group has made of a key so far.
struct Touched<'g> {
    entry: Entry,
    expires_at: Option<Timestamp>,
    text: Text<'g>,
}

/// The text of a document that the group has written.
#[derive(Clone)]
enum Text<'g> {
    /// Of an operation of this group; empty for a deletion.
    Staged(&'g str),
    /// Read from the log, since only its expiry changes.
    Loaded(Document),
}

/// What an operation finds.
struct Found<'g> {
    /// The newest entry, tombstones excepted. What it leads to may have expired.
    entry: Option<Entry>,
    /// The same, if it has not expired.
    live: Option<Entry>,
    /// The entry that readers see until the group is published, unless the group has replaced it.
    old: Option<Entry>,
    /// The text of the document, if the group has written it.
    text: Option<Text<'g>>,
}

impl<'g> Text<'g> {
    /// What an operation of the group has set.
    fn staged(&self, kind: Kind) -> Option<&'g str> {
        match self {
            Self::Staged(text) if kind == Kind::Set => Some(text),
            _ => None,
        }
    }
}

impl AsRef<str> for Text<'_> {
    fn as_ref(&self) -> &str {
        match self {
            Self::Staged(text) => text,
            Self::Loaded(document) => document.as_str(),
        }
    }
}

impl<'g> StagedGroup<'g> {
    /// Decides a group whose first commit is the next of this log.
    ///
    /// # Errors
    /// When a document cannot be read of which only the expiry is to change.
    pub(crate) fn decide(
        transactions: impl ExactSizeIterator<Item = &'g Transaction> + Clone,
        shared: &Shared,
        (catalog, collections): (&Catalog, &Collections),
        recent: &RecentChanges,
        log: &LogState,
        encoded: RecordWriter,
    ) -> Result<Self> {
        let keys = |transaction: &Transaction| transaction.len() + transaction.conditions().len();
        let keys = transactions.clone().map(keys).sum::<usize>();
        // A single key has nothing before it.
        let earlier = (keys > 1).then(|| HashMap::with_capacity_and_hasher(keys, RandomState::new()));
        let outcomes = Vec::with_capacity(transactions.len());
        let (sequence, changes) = (log.sequence, Vec::with_capacity(keys));
        let group = Self { encoded, sequence, changes, collections: Vec::new(), outcomes };
        let (collections, named) = (Cow::Borrowed(collections), Vec::new());
        let mut stage = Stage { shared, catalog, collections, recent, log, group, named, earlier };
        for transaction in transactions {
            stage.name(transaction);
            let outcome = match stage.check(transaction) {
                Ok(()) => Ok(stage.transaction(transaction)?),
                Err(refused) => Err(refused),
            };
            stage.group.outcomes.push(outcome);
        }
        Ok(stage.group)
    }
}

impl<'g> Stage<'g, '_> {
    fn check(&self, transaction: &'g Transaction) -> std::result::Result<(), Refused> {
        for Requirement { collection, key, condition } in transaction.conditions() {
            let found = self.resolve(*collection).and_then(|collection| {
                self.find(&self.shared.keydir.hash(collection, key)).live.map(|entry| entry.sequence)
            });
            if !condition.holds(found) {
                let (collection, condition) = (*collection, *condition);
                return Err(Refused::Unmet { collection, key: key.clone(), condition, found });
            }
        }
        let Some(reads) = transaction.range_reads() else { return Ok(()) };
        if reads.are_others_named(&self.collections) {
            return Err(Refused::Changed(Changed::Unknown));
        }
        let LogState { sequence, time, .. } = self.log;
        let changed = reads.changed(self.recent, *sequence, &self.group.changes, *time, self.catalog);
        changed.map_or(Ok(()), |changed| Err(Refused::Changed(changed)))
    }

    fn transaction(&mut self, transaction: &'g Transaction) -> Result<Committed> {
        let sequence = self.group.sequence.next();
        let mut committed = Committed { sequence: self.group.sequence, effective: 0, replaced: None };
        for (index, operation) in transaction.operations().iter().enumerate() {
            let Some(collection) = self.collection(transaction, operation, sequence, &mut committed)? else {
                continue;
            };
            operation.warm();
            let hashed = self.shared.keydir.hash(collection, &operation.key);
            let found = self.find(&hashed);
            if index == 0 {
                committed.replaced = found.live.map(|live| Replaced(collection, live));
            }
            let (kind, expires_at, text) = match (&operation.change, found.live) {
                (Change::Set { document, expires_at }, _) => {
                    (Kind::Set, *expires_at, Text::Staged(document.as_str()))
                }
                (Change::Expire { at }, Some(entry)) => (Kind::Set, *at, self.text(&hashed, &found, &entry)?),
                // What has expired is not there for the caller, but its deletion is written: it purges it.
                (Change::Delete, _) if found.entry.is_some() => (Kind::Delete, None, Text::Staged("")),
                (Change::Expire { .. } | Change::Delete | Change::Drop, _) => continue,
            };
            committed.effective += u64::from(kind == Kind::Set || found.live.is_some());
            committed.sequence = sequence;
            let entry = self.encode(&hashed, sequence, &found, kind, expires_at, text.as_ref());
            let index_change = self.index_change(operation, &hashed, &found, &text);
            let (key, old, new) = (&operation.key, found.old, text.staged(kind));
            self.group.changes.push(StagedChange { hashed, key, old, entry, expires_at, new, index_change });
            if let Some(earlier) = &mut self.earlier {
                earlier.insert((hashed.collection, hashed.key), Touched { entry, expires_at, text });
            }
        }
        if committed.sequence == sequence {
            self.group.encoded.end_commit();
            self.group.sequence = sequence;
        }
        Ok(committed)
    }

    /// Finds the collections that a transaction calls by name, as the members before it have left them.
    fn name(&mut self, transaction: &Transaction) {
        self.named.clear();
        let names = transaction.names().iter();
        self.named.extend(names.map(|name| self.collections.find(name)));
    }

    /// The collection of a key, if it is there.
    fn resolve(&self, collection: CollectionRef) -> Option<CollectionId> {
        match collection {
            CollectionRef::Id(CollectionId::ROOT) => Some(CollectionId::ROOT),
            // A record of it would be read as none.
            CollectionRef::Id(CollectionId::NONE) => None,
            CollectionRef::Id(id) => (!self.collections.is_dropped(id)).then_some(id),
            CollectionRef::Named(number) => self.named[number as usize],
        }
    }

    /// The collection of an operation, which is created if a document is to be set there. Nothing, if there is nothing to
    /// be done to a key.
    fn collection(
        &mut self,
        transaction: &Transaction,
        operation: &Operation,
        sequence: Sequence,
        committed: &mut Committed,
    ) -> Result<Option<CollectionId>> {
        let found = self.resolve(operation.collection);
        let CollectionRef::Named(number) = operation.collection else { return Ok(found) };
        let name = &transaction.names()[number as usize];
        let (change, id) = match (&operation.change, found) {
            (Change::Set { .. }, None) => {
                let id = self.collections.next()?;
                (CollectionChange::Created(id, name.clone()), Some(id))
            }
            (Change::Drop, Some(id)) => (CollectionChange::Dropped(id), None),
            (Change::Drop, None) => return Ok(None),
            _ => return Ok(found),
        };
        let record = change.record(name, sequence);
        self.group.encoded.push(&record);
        self.collections.to_mut().change(&change);
        self.group.collections.push((sequence, change));
        self.named[number as usize] = id;
        committed.effective += u64::from(id.is_none());
        committed.sequence = sequence;
        Ok(id)
    }

    /// The text of a document that is there.
    fn text(&self, hashed: &Hashed<'_>, found: &Found<'g>, entry: &Entry) -> Result<Text<'g>> {
        match &found.text {
            Some(text) => Ok(text.clone()),
            None => {
                let document = self.shared.document(hashed, entry, &self.shared.generations.load())?;
                Ok(Text::Loaded(document.expect(ONLY_THE_WRITER)))
            }
        }
    }

    /// What a change means for the indexes of its collection: as the caller has prepared it, or worked out here if
    /// something has changed since then. `text` is the new document's, empty for none.
    fn index_change(
        &self,
        operation: &'g Operation,
        hashed: &Hashed<'_>,
        found: &Found<'_>,
        text: &Text<'_>,
    ) -> Option<Cow<'g, IndexChange>> {
        let (catalog, collection) = (self.catalog, hashed.collection);
        if let Some(prepared) = &operation.prepared
            && prepared.catalog == catalog.number()
            && prepared.replaces == found.entry.map(|entry| entry.id())
            && found.text.is_none()
        {
            return Some(Cow::Borrowed(&prepared.change));
        }
        if !catalog.is_indexed(collection) {
            return None;
        }
        let old = match (&found.text, found.entry) {
            (Some(old), _) if old.as_ref().is_empty() => OldValues::Known(catalog.nothing(collection)),
            (Some(old), _) => OldValues::Known(catalog.extract(collection, old.as_ref())),
            (None, Some(entry)) => self.shared.old_values(catalog, hashed, &entry).expect(ONLY_THE_WRITER),
            (None, None) => OldValues::Known(catalog.nothing(collection)),
        };
        let new = match text.as_ref() {
            "" => catalog.nothing(collection),
            text => catalog.extract(collection, text),
        };
        Some(Cow::Owned(IndexChange { old, new }))
    }

    fn find(&self, key: &Hashed<'g>) -> Found<'g> {
        let touched = self.earlier.as_ref().and_then(|earlier| earlier.get(&(key.collection, key.key)));
        let (entry, expires_at) = match touched {
            Some(touched) => (Some(touched.entry), touched.expires_at),
            None => {
                let entry = self.shared.keydir.find(key);
                (entry, entry.and_then(|entry| self.shared.expiry_times.get(&entry)))
            }
        };
        let entry = entry.filter(|entry| !entry.is_tombstone());
        let expired = expires_at.is_some_and(|at| at <= self.log.time);
        Found {
            entry,
            live: entry.filter(|_| !expired),
            old: if touched.is_some() { None } else { entry },
            text: touched.map(|touched| touched.text.clone()),
        }
    }

    fn encode(
        &mut self,
        &Hashed { collection, key, .. }: &Hashed<'_>,
        sequence: Sequence,
        found: &Found<'_>,
        kind: Kind,
        expires_at: Option<Timestamp>,
        text: &str,
    ) -> Entry {
        let payload = Payload { collection, expires_at, key, document: text.as_bytes() };
        let previous = found.entry.map_or(0, |entry| self.log.position_of(&entry));
        let has_expired = kind == Kind::Delete && found.live.is_none();
        let record = NewRecord { kind, has_expired, sequence, previous, payload: Some(payload) };
        let placed = self.group.encoded.push(&record);
        match kind {
            Kind::Set => {
                let location = Location::new(self.log.generation.number(), placed.position);
                let entry = Entry::new(location, sequence, placed.ordinal, placed.payload_bytes);
                if expires_at.is_some() { entry.expiring() } else { entry }
            }
            _ => Entry::tombstone(sequence, placed.ordinal),
        }
    }
}
