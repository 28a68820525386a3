//! Owns reading the changes from the records of a log, one after the other, however long their commits are. Never reads
//! beyond a commit that was published.

use std::io;

use super::{Change, ChangeKind, Wanted, document};
use crate::key::{Key, Sequence, Timestamp};
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
}

/// A change, and where the document before is.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) change: Change,
    pub(super) previous: u64,
}

impl Reading<'_> {
    /// Reads the next record, or says what is wrong with it.
    pub(super) fn record(&mut self, scanner: &mut Scanner<'_>) -> io::Result<std::result::Result<(), Step>> {
        let At { position, sequence, within } = self.place;
        let wanted = self.wanted;
        let looked = scanner.look_at(position, |head, mark, payload| {
            let payload = payload.filter(|payload| wanted.is_wanted(payload));
            let is_text = payload.is_none_or(|payload| std::str::from_utf8(payload.document).is_ok());
            let ready = payload.and_then(|payload| wanted.ready(head, &payload));
            is_text.then_some((*head, mark.copied(), ready))
        })?;
        let (head, mark, ready) = match looked {
            Ok(Some(looked)) => looked,
            Ok(None) => return Ok(Err(NOT_TEXT)),
            Err(bad) => return Ok(Err(bad)),
        };
        let ordinal = within.map_or(0, |within| within.ordinal);
        if (head.sequence, head.ordinal) != (sequence.next(), ordinal) || head.kind == Kind::BaseEnd {
            return Ok(Err(Step::Bad("a record is out of order")));
        }
        let position = position + head.record_bytes();
        let time = match (mark, within) {
            (Some(mark), _) => mark.time,
            (None, Some(within)) => within.time,
            // The last record of the commit knows.
            (None, None) => match scanner.mark_from(position)? {
                Some(mark) => mark.time,
                None => return Ok(Err(Step::Bad("a commit has no end"))),
            },
        };
        if let Some(ready) = ready {
            self.ready.push(Ready { change: Change { time, ..ready.change }, ..ready });
        }
        self.place = match mark {
            Some(_) => At { position, sequence: head.sequence, within: None },
            None => At { position, sequence, within: Some(Within { ordinal: ordinal + 1, time }) },
        };
        Ok(Ok(()))
    }
}

impl From<Place> for At {
    fn from(place: Place) -> Self {
        Self { position: place.position, sequence: place.sequence, within: None }
    }
}

impl Wanted {
    fn is_wanted(&self, payload: &Payload<'_>) -> bool {
        let is_in_collection = self.collection.is_none_or(|wanted| wanted == payload.collection);
        is_in_collection && payload.key.starts_with(&self.prefix)
    }

    /// The change that a record says, if it says one.
    fn ready(&self, head: &Head, payload: &Payload<'_>) -> Option<Ready> {
        let kind = ChangeKind::of(head)?;
        let Payload { collection, expires_at, key, document: text } = *payload;
        let is_given = kind == ChangeKind::Set && self.after;
        let after = if is_given { document(head, text) } else { None };
        let change = Change {
            sequence: head.sequence,
            time: Timestamp(0),
            collection,
            key: Key::from(key),
            kind,
            before: None,
            after,
            expires_at,
            ends_commit: false,
        };
        Some(Ready { change, previous: head.previous })
    }
}
