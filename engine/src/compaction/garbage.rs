//! Owns telling which records of a log a compaction need not keep. Never reads a document.

use std::collections::HashSet;

use ahash::RandomState;

use crate::key::{CollectionId, Sequence, Timestamp};
use crate::log::{Head, Kind, Payload, Positions};

use super::History;

/// Which records are garbage, as far as the log has been walked.
///
/// It takes one bit for every 32 bytes of the log; if versions are counted, two bits, and 16 bytes for each record.
#[derive(Debug)]
pub(super) struct Garbage {
    replaced: Positions,
    versions: Option<Versions>,
    /// Commits after this time are kept as they are.
    until: Timestamp,
    cut: Sequence,
    has_some: bool,
    definitions: Vec<Definition>,
    /// The collections that were dropped: all that is in them is garbage.
    dropped: HashSet<CollectionId, RandomState>,
    /// The record that created or dropped the collection of the highest number. It is kept, so that none gets it again.
    highest: Option<(CollectionId, u64)>,
    /// The records of the commit whose mark has not been seen yet.
    staged: Vec<Noted>,
}

/// What keeps the last versions of each document.
#[derive(Debug)]
struct Versions {
    kept: u32,
    garbage: Positions,
    /// From each record that was noted to the one before of its key, both ascending by the first.
    previous: Vec<(u64, u64)>,
}

/// An index that was created, and not dropped so far.
#[derive(Debug)]
struct Definition {
    collection: CollectionId,
    json: Box<[u8]>,
    position: u64,
}

#[derive(Debug)]
struct Noted {
    position: u64,
    previous: u64,
    kind: Kind,
    definition: Option<(CollectionId, Box<[u8]>)>,
    collection: CollectionId,
}

impl Garbage {
    /// For a log that ends at `end`.
    pub(super) fn new(history: History, now: Timestamp, end: u64) -> Self {
        let until = match history {
            History::For(duration) => {
                let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
                Timestamp(now.0.saturating_sub(millis))
            }
            History::None | History::Versions(_) => Timestamp(u64::MAX),
        };
        let versions = match history {
            History::Versions(kept) if kept > 1 => {
                Some(Versions { kept, garbage: Positions::new(end), previous: Vec::new() })
            }
            _ => None,
        };
        let replaced = Positions::new(end);
        Self {
            replaced,
            versions,
            until,
            cut: Sequence::ZERO,
            has_some: false,
            definitions: Vec::new(),
            dropped: HashSet::default(),
            highest: None,
            staged: Vec::new(),
        }
    }

    /// Whether a record that holds a document is garbage.
    pub(super) fn has_some(&self) -> bool {
        self.has_some
    }

    /// The commit whose state the base section will hold.
    pub(super) fn cut(&self) -> Sequence {
        self.cut
    }

    /// Notes a record of a commit that is being walked.
    pub(super) fn note(&mut self, position: u64, head: &Head, payload: Option<Payload<'_>>) {
        let definition = match (head.kind, payload) {
            (Kind::IndexCreated | Kind::IndexDropped, Some(Payload { collection, document, .. })) => {
                Some((collection, Box::from(document)))
            }
            _ => None,
        };
        let Head { kind, previous, .. } = *head;
        let collection = payload.map_or(CollectionId::ROOT, |payload| payload.collection);
        self.staged.push(Noted { position, previous, kind, definition, collection });
    }

    /// Takes a record of the base section for good.
    pub(super) fn settle_base_record(&mut self) {
        while let Some(noted) = self.staged.pop() {
            self.take(noted);
        }
    }

    /// Takes note that the base section, which holds the state after this commit, was walked.
    pub(super) fn settle_base_end(&mut self, state_of: Sequence) {
        self.settle_base_record();
        self.cut = state_of;
    }

    /// Takes the noted records for those of a commit of this number and time. Says whether the walk is to go on: it
    /// ends at the first commit that is to be kept whole.
    pub(super) fn settle_commit(&mut self, sequence: Sequence, time: Timestamp) -> bool {
        if time > self.until {
            return false;
        }
        self.cut = sequence;
        for noted in std::mem::take(&mut self.staged) {
            self.take(noted);
        }
        true
    }

    /// Whether a record at or before the cut is to be kept, which is of this collection.
    pub(super) fn keeps(&self, position: u64, kind: Kind, collection: CollectionId) -> bool {
        match kind {
            Kind::CollectionDropped => self.highest == Some((collection, position)),
            _ if !self.dropped.is_empty() && self.dropped.contains(&collection) => false,
            Kind::CollectionCreated => true,
            Kind::Set => match &self.versions {
                Some(versions) => !versions.garbage.contains(position),
                None => !self.replaced.contains(position),
            },
            Kind::IndexCreated => self.definitions.iter().any(|definition| definition.position == position),
            Kind::Delete | Kind::IndexDropped | Kind::BaseEnd | Kind::SyncMark | Kind::CloseMark => false,
        }
    }

    /// Whether a later record at or before the cut has replaced the one at `position`.
    pub(super) fn is_replaced(&self, position: u64) -> bool {
        self.replaced.contains(position)
    }

    fn take(&mut self, noted: Noted) {
        let Noted { position, previous, kind, definition, collection } = noted;
        if previous != 0 {
            self.replaced.insert(previous);
        }
        self.has_some |= match &mut self.versions {
            Some(versions) => versions.take(position, previous, kind),
            None => previous != 0,
        };
        if matches!(kind, Kind::CollectionCreated | Kind::CollectionDropped)
            && self.highest.is_none_or(|(highest, _)| highest <= collection)
        {
            self.highest = Some((collection, position));
        }
        if kind == Kind::CollectionDropped && self.dropped.insert(collection) {
            self.definitions.retain(|known| known.collection != collection);
            // Of what a base section says was dropped, it holds nothing.
            self.has_some |= self.cut > Sequence::ZERO;
        }
        if let Some((collection, json)) = definition {
            self.definitions.retain(|known| (known.collection, &known.json) != (collection, &json));
            if kind == Kind::IndexCreated {
                self.definitions.push(Definition { collection, json, position });
            }
        }
    }
}

impl Versions {
    /// Takes note of a record, and says whether it makes garbage of another.
    fn take(&mut self, position: u64, previous: u64, kind: Kind) -> bool {
        let (mut before, mut count, mut makes_garbage) = (previous, 1, false);
        while before != 0 {
            // Of a document that is deleted nothing is kept.
            if kind == Kind::Delete || count >= self.kept {
                self.garbage.insert(before);
                makes_garbage = true;
                if kind != Kind::Delete {
                    break;
                }
            }
            before = self.previous_of(before);
            count += 1;
        }
        if kind == Kind::Set {
            self.previous.push((position, previous));
        }
        makes_garbage
    }

    fn previous_of(&self, position: u64) -> u64 {
        let index = self.previous.binary_search_by_key(&position, |noted| noted.0);
        index.map_or(0, |index| self.previous[index].1)
    }
}
