//! Owns what was saved of a log: of each key the newest record that checks. Never keeps a document in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::generation::Location;
use crate::hint::Start;
use crate::key::{CollectionId, Key, Sequence, Timestamp};
use crate::keydir::{Entry, Keydir, RecordId};
use crate::log::format::FLOOR_MAX;
use crate::log::{Head, Kind, Mark, Payload};
use crate::verify::judge::{Judge, Note};
use crate::verify::known::{unfit, unfit_collection, unfit_definition};

use super::RepairReport;

/// What was found so far.
#[derive(Debug)]
pub(super) struct Salvage {
    judge: Judge,
    generation: u64,
    keydir: Keydir,
    /// The newest record of each definition of an index.
    definitions: BTreeMap<(CollectionId, Box<[u8]>), Definition>,
    collections: BTreeMap<CollectionId, Lived>,
    /// The records of the commit that has not ended.
    staged: Vec<Change>,
    staged_collections: Vec<(CollectionId, RecordPlace, Option<Key>)>,
    notes: Vec<Note>,
    last_kind: Option<Kind>,
    pub(super) report: RepairReport,
}

#[derive(Clone, Copy, Debug)]
struct Definition {
    id: RecordId,
    position: u64,
    is_created: bool,
}

type RecordPlace = (RecordId, u64);

/// The records that have created and dropped a collection.
#[derive(Debug, Default)]
struct Lived {
    created: Option<(RecordPlace, Key)>,
    dropped: Option<RecordPlace>,
}

/// What makes up the new file.
pub(super) struct Survivors {
    /// Collections whose names were lost, and the names that they get.
    pub(super) renamed: Vec<(CollectionId, Key)>,
    /// The records, in the order of their numbers, and where they are.
    pub(super) records: Vec<RecordPlace>,
}

#[derive(Debug)]
struct Change {
    collection: CollectionId,
    key: Key,
    entry: Entry,
}

impl Salvage {
    pub(super) fn new(judge: Judge, generation: u64) -> Self {
        Self {
            judge,
            generation,
            keydir: Keydir::new(),
            definitions: BTreeMap::new(),
            collections: BTreeMap::new(),
            staged: Vec::new(),
            staged_collections: Vec::new(),
            notes: Vec::new(),
            last_kind: None,
            report: RepairReport::default(),
        }
    }

    /// The time of the newest commit.
    pub(super) fn time(&self) -> Timestamp {
        self.judge.time()
    }

    /// Takes a record that checks.
    pub(super) fn record(
        &mut self,
        position: u64,
        head: &Head,
        mark: Option<&Mark>,
        payload: Option<Payload<'_>>,
    ) {
        // A new file cannot begin there.
        if head.sequence.0 > FLOOR_MAX {
            return self.gap(position..position + head.record_bytes(), payload.map(|payload| payload.key));
        }
        let Self { judge, notes, .. } = self;
        judge.enter(head, &mut |note| notes.push(note));
        self.take_notes(Some(head.sequence));
        self.report.records += 1;
        self.last_kind = Some(head.kind);
        self.report.sequence = self.report.sequence.max(head.sequence);
        if let Some(payload) = payload {
            self.stage(position, head, &payload);
        }
        let count = payload.map(|payload| payload.document);
        let Self { judge, notes, .. } = self;
        judge.leave(position, head, mark, count, &mut |note| notes.push(note));
        self.take_notes(Some(head.sequence));
    }

    /// Takes note of bytes that are no record, though they may have been one of this key.
    pub(super) fn gap(&mut self, stretch: Range<u64>, key: Option<&str>) {
        self.last_kind = None;
        self.judge.gap();
        self.report.lose_bytes(stretch);
        if let Some(key) = key {
            self.report.lose_key(key);
        }
    }

    /// Takes note that the log ends at `end`. It may have been longer, if a claim in the header is lost.
    pub(super) fn end(&mut self, end: u64, may_be_longer: bool) {
        let is_unfinished = self.judge.ends_within_a_commit();
        let Self { judge, notes, .. } = self;
        judge.finish(end, &mut |note| notes.push(note));
        if is_unfinished && self.judge.torn_from().is_some() {
            // Nobody was ever told that this commit was made. It is left out, as opening the file would leave it out.
            for change in self.staged.drain(..) {
                self.report.lose_key(&change.key);
            }
            self.staged_collections.clear();
        }
        self.take_notes(None);
        if may_be_longer && self.last_kind != Some(Kind::CloseMark) {
            self.report.lose_commits(self.report.sequence.next(), None);
        }
    }

    /// Finds the keys whose documents lay in the lost bytes, as far as a hint file tells.
    pub(super) fn note_hinted(&mut self, hinted: &Start) {
        let Self { report, .. } = self;
        let lost = std::mem::take(&mut report.lost);
        let mut copy = Vec::new();
        for part in 0..hinted.keydir.parts() {
            hinted.keydir.copy_part_of_all(part, &mut copy);
            for (_, key, entry) in copy.drain(..) {
                let position = entry.location.position();
                let before = lost.partition_point(|stretch| stretch.start <= position);
                if before > 0 && lost[before - 1].contains(&position) {
                    report.lose_key(&key);
                }
            }
        }
        report.lost = lost;
    }

    /// What makes up the new file.
    pub(super) fn survivors(&mut self) -> Survivors {
        let is_dropped = self.dropped();
        let created = self.definitions.iter();
        let created = created.filter(|((collection, _), definition)| {
            definition.is_created && !is_dropped.contains(collection)
        });
        let mut survivors: Vec<_> =
            created.map(|(_, definition)| (definition.id, definition.position, false)).collect();
        let indexes = survivors.len() as u64;
        let mut collections = BTreeSet::new();
        let mut copy = Vec::new();
        for part in 0..self.keydir.parts() {
            self.keydir.copy_part_of(part, |collection| !is_dropped.contains(&collection), &mut copy);
            let set = copy.drain(..).filter(|(_, _, entry)| !entry.is_tombstone());
            survivors.extend(set.map(|(collection, _, entry)| {
                collections.insert(collection);
                (entry.id(), entry.location.position(), true)
            }));
        }
        survivors.extend(self.collection_records(&is_dropped).map(|(id, position)| (id, position, false)));
        let renamed = self.renamed(&collections);
        survivors.sort_unstable();
        let report = &mut self.report;
        survivors.dedup_by(|later, first| {
            // Two records with one number cannot both be right.
            let is_second = later.0 == first.0;
            if is_second {
                report.lose_commits(first.0.0, Some(first.0.0));
            }
            is_second
        });
        report.documents = survivors.iter().filter(|(_, _, is_document)| *is_document).count() as u64;
        report.indexes = indexes;
        let named =
            self.collections.iter().filter(|(id, lived)| lived.created.is_some() && !is_dropped.contains(id));
        report.collections = (named.count() + renamed.len()) as u64;
        Survivors {
            renamed,
            records: survivors.into_iter().map(|(id, position, _)| (id, position)).collect(),
        }
    }

    /// The collections that were dropped: as a record says, or since a later one has got the same name.
    fn dropped(&self) -> BTreeSet<CollectionId> {
        let mut names = BTreeSet::new();
        let mut dropped = BTreeSet::new();
        for (id, lived) in self.collections.iter().rev() {
            let is_second = lived.created.as_ref().is_some_and(|(_, name)| !names.insert(name));
            if lived.dropped.is_some() || is_second {
                dropped.insert(*id);
            }
        }
        dropped
    }

    /// The records of the collections that are there, and that of the highest number, which is not to be used again.
    fn collection_records(&self, dropped: &BTreeSet<CollectionId>) -> impl Iterator<Item = RecordPlace> {
        let there = self.collections.iter().filter(|(id, _)| !dropped.contains(id));
        let created = there.filter_map(|(_, lived)| Some(lived.created.as_ref()?.0));
        let highest = self.collections.last_key_value().and_then(|(_, lived)| lived.dropped);
        created.chain(highest)
    }

    /// Names for the collections of which documents were found, and nothing that says what they are called.
    fn renamed(&self, found: &BTreeSet<CollectionId>) -> Vec<(CollectionId, Key)> {
        let created = |id: &CollectionId| self.collections.get(id).and_then(|lived| lived.created.as_ref());
        let is_taken = |wanted: &str| {
            self.collections
                .values()
                .any(|lived| lived.created.as_ref().is_some_and(|(_, name)| &**name == wanted))
        };
        let nameless = found.iter().filter(|id| **id != CollectionId::ROOT && created(id).is_none());
        let name = |id: &CollectionId| {
            let mut name = format!("collection-{}", id.0);
            while is_taken(&name) {
                name.push('_');
            }
            (*id, Key::from(name))
        };
        nameless.map(name).collect()
    }

    /// What is to be told of it.
    pub(super) fn finish(mut self) -> RepairReport {
        self.report.tidy();
        self.report
    }

    fn stage(&mut self, position: u64, head: &Head, payload: &Payload<'_>) {
        let id = (head.sequence, head.ordinal);
        let entry = match head.kind {
            Kind::Set if unfit(payload.document).is_some() => return self.report.lose_key(payload.key),
            Kind::Set => {
                let location = Location::new(self.generation, position);
                Entry::new(location, head.sequence, head.ordinal, head.payload_bytes)
            }
            Kind::Delete => Entry::tombstone(head.sequence, head.ordinal),
            Kind::IndexCreated | Kind::IndexDropped => {
                if unfit_definition(payload.document).is_some() {
                    return;
                }
                let is_created = head.kind == Kind::IndexCreated;
                let definition = Definition { id, position, is_created };
                let known = (payload.collection, Box::from(payload.document));
                let newest = self.definitions.entry(known).or_insert(definition);
                if newest.id < id {
                    *newest = definition;
                }
                return;
            }
            Kind::CollectionCreated | Kind::CollectionDropped => {
                if unfit_collection(payload).is_none() {
                    let name = (head.kind == Kind::CollectionCreated).then(|| Key::from(payload.key));
                    self.staged_collections.push((payload.collection, (id, position), name));
                }
                return;
            }
            Kind::BaseEnd | Kind::SyncMark | Kind::CloseMark => return,
        };
        self.staged.push(Change { collection: payload.collection, key: Key::from(payload.key), entry });
    }

    fn take_notes(&mut self, current: Option<Sequence>) {
        for note in std::mem::take(&mut self.notes) {
            match note {
                Note::Complete(_) | Note::Base => self.settle(false),
                Note::Incomplete(sequence) => {
                    self.report.lose_commits(sequence, Some(sequence));
                    self.settle(true);
                }
                Note::Missing { first, last } => self.report.lose_commits(first, last),
                // Nobody knows what it means, so what the record says is not passed off as certain.
                Note::Odd(_) => {
                    current.into_iter().for_each(|sequence| self.report.lose_commits(sequence, current));
                }
            }
        }
    }

    /// Keeps of what was staged what is the newest of its key.
    fn settle(&mut self, is_incomplete: bool) {
        for Change { collection, key, entry } in std::mem::take(&mut self.staged) {
            if is_incomplete {
                self.report.lose_key(&key);
            }
            let hashed = self.keydir.hash(collection, &key);
            if self.keydir.find(&hashed).is_none_or(|found| found.id() < entry.id()) {
                self.keydir.put(&hashed, &key, entry);
            }
        }
        for (collection, place, name) in self.staged_collections.drain(..) {
            let lived = self.collections.entry(collection).or_default();
            match name {
                Some(name) => lived.created = Some((place, name)),
                None => lived.dropped = Some(place),
            }
        }
    }
}
