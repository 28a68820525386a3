//! Owns reading the changes from the records of a log, one after the other, however long their commits are. Never reads
//! beyond a commit that was published.

use std::io;

use super::names::Names;
use super::{Change, ChangeKind, InCollection, Wanted, document};
use crate::key::{CollectionId, Key, Sequence, Timestamp};
use crate::log::{Head, Kind, Payload, Place, Scanner, Step};

/// What is wrong with a document in a record that checks.
pub(super) const NOT_TEXT: Step = Step::Bad("a document is not UTF-8");

/// A place between two records: commits may be too long to be kept in memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    pub(super) position: u64,
    /// The last commit that lies before it as a whole.
    pub(super) sequence: Sequence,
    pub(super) within: Option<Within>,
}

/// What is known of a commit that was read in part.
#[derive(Clone, Copy, Debug)]
pub(super) struct Within {
    /// Of the next record.
    ordinal: u32,
    time: Timestamp,
}

/// What one look reads.
pub(super) struct Reading<'w> {
    pub(super) place: At,
    pub(super) ready: Vec<Ready>,
    pub(super) wanted: &'w Wanted,
    pub(super) names: &'w mut Names,
}

/// A change, its collection, and where the document before is.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) change: Change,
    pub(super) collection: CollectionId,
    pub(super) previous: u64,
}

/// What a record says.
enum Said {
    Nothing,
    Change(Box<Ready>),
    /// A collection of this name is there.
    Created(CollectionId, Key),
    /// Something of a collection whose name the log ahead has.
    OfUnknown,
    NotText,
}

impl Reading<'_> {
    /// Reads the next record, or a part of the log ahead for a name, and says whether it was the record; or what is wrong
    /// with one.
    pub(super) fn record(
        &mut self,
        scanner: &mut Scanner<'_>,
    ) -> io::Result<std::result::Result<bool, (u64, Step)>> {
        let At { position, sequence, within } = self.place;
        let (wanted, names) = (self.wanted, &*self.names);
        let bad = |bad| Ok(Err((position, bad)));
        let looked = scanner.look_at(position, |head, mark, payload| {
            let said = payload.map_or(Said::Nothing, |payload| wanted.said(head, &payload, names, position));
            (*head, mark.copied(), said)
        })?;
        let (head, mark, said) = match looked {
            Ok(looked) => looked,
            Err(step) => return bad(step),
        };
        let ordinal = within.map_or(0, |within| within.ordinal);
        if (head.sequence, head.ordinal) != (sequence.next(), ordinal) || head.kind == Kind::BaseEnd {
            return bad(Step::Bad("a record is out of order"));
        }
        let end = position + head.record_bytes();
        let time = match (mark, within) {
            (Some(mark), _) => mark.time,
            (None, Some(within)) => within.time,
            // The last record of the commit knows.
            (None, None) => match scanner.mark_from(end)? {
                Some(mark) => mark.time,
                None => return bad(Step::Bad("a commit has no end")),
            },
        };
        match said {
            Said::Nothing => {}
            Said::Change(ready) => {
                self.ready.push(Ready { change: Change { time, ..ready.change }, ..*ready });
            }
            Said::Created(collection, name) => self.names.note(collection, name),
            Said::OfUnknown => {
                return Ok(self.names.look_ahead(position, scanner)?.map(|()| false));
            }
            Said::NotText => return bad(NOT_TEXT),
        }
        self.place = match mark {
            Some(_) => At { position: end, sequence: head.sequence, within: None },
            None => At { position: end, sequence, within: Some(Within { ordinal: ordinal + 1, time }) },
        };
        Ok(Ok(true))
    }
}

impl At {
    /// Behind a commit that is to be looked for.
    pub(super) fn behind(sequence: Sequence) -> Self {
        Self { position: 0, sequence, within: None }
    }
}

impl From<Place> for At {
    fn from(place: Place) -> Self {
        Self { position: place.position, sequence: place.sequence, within: None }
    }
}

impl Wanted {
    fn said(&self, head: &Head, payload: &Payload<'_>, names: &Names, position: u64) -> Said {
        let (collection, key) = (payload.collection, payload.key);
        match (head.kind, ChangeKind::of(head)) {
            (Kind::CollectionCreated, _) => Said::Created(collection, Key::from(key)),
            // The name stands in the place of the key.
            (Kind::CollectionDropped, _) if self.is_in(Some(key)) => {
                let name = Some(Key::from(key));
                let change = self.change(head, payload, name, ChangeKind::Dropped);
                Said::Change(Box::new(Ready {
                    change: Change { key: Key::from(""), ..change },
                    collection,
                    previous: 0,
                }))
            }
            (_, Some(kind)) if key.starts_with(&self.prefix) => {
                let Some(name) = names.find(collection, position) else { return Said::OfUnknown };
                if !self.is_in(name.map(Key::as_str)) {
                    return Said::Nothing;
                }
                if std::str::from_utf8(payload.document).is_err() {
                    return Said::NotText;
                }
                let change = self.change(head, payload, name.cloned(), kind);
                Said::Change(Box::new(Ready { change, collection, previous: head.previous }))
            }
            _ => Said::Nothing,
        }
    }

    fn is_in(&self, name: Option<&str>) -> bool {
        match &self.collection {
            InCollection::Any => true,
            InCollection::Root => name.is_none(),
            InCollection::Named(wanted) => name == Some(&**wanted),
        }
    }

    fn change(
        &self,
        head: &Head,
        payload: &Payload<'_>,
        collection: Option<Key>,
        kind: ChangeKind,
    ) -> Change {
        let Payload { expires_at, key, document: text, .. } = *payload;
        let is_given = kind == ChangeKind::Set && self.after;
        Change {
            sequence: head.sequence,
            time: Timestamp(0),
            collection,
            key: Key::from(key),
            kind,
            before: None,
            before_expires_at: None,
            after: if is_given { document(head, text) } else { None },
            expires_at,
            ends_commit: false,
        }
    }
}
