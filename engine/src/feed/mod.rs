//! Owns the change feed: reading what was committed from the log, in its order. Never holds up the writer, and never
//! knows who waits.
//!
//! A feed is a place in the log and nothing else: what is behind it was published, so the log has it, and nothing can
//! be missed or come twice. In a file that a compaction has replaced it reads to the end, and goes on in the next one
//! behind the same commit.

mod hold;
mod names;
mod reading;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::document::Document;
use crate::error::{Error, Result};
use crate::generation::Generation;
use crate::key::{CollectionId, Key, Sequence, Timestamp, UpTo};
use crate::log::{Head, Kind, Place, Scanner, Step, end_of_commit, read_record};
use crate::reader::Reader;
use crate::view::{Shared, View};
use hold::Hold;
pub(crate) use hold::Holds;
use names::Names;
use reading::{At, NOT_TEXT, Reading, Ready};

/// How much of the log one look reads, unless a commit is longer.
const LOOK_BYTES: u64 = 256 << 10;

/// Which changes are wanted, and what of them.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// In which collection.
    pub collection: InCollection,
    /// Of keys only that begin so. That a collection was dropped is told all the same, since its keys went with it.
    pub prefix: String,
    /// With the documents before.
    pub before: bool,
    /// With the documents after.
    pub after: bool,
}

/// In which collection changes are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum InCollection {
    /// In all of them.
    #[default]
    Any,
    /// In the root.
    Root,
    /// In those of this name, one after the other: it may be dropped and created again.
    Named(Key),
}

/// One change of one key, as it was committed, or the drop of a collection with all its keys.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Change {
    /// The number of its commit.
    pub sequence: Sequence,
    /// The time of its commit.
    pub time: Timestamp,
    /// The name of the collection of the key; nothing for the root.
    pub collection: Option<Key>,
    /// The key: an empty one, if the collection was dropped.
    pub key: Key,
    /// What became of it.
    pub kind: ChangeKind,
    /// The document that was there before, if there was one and it was asked for. One that had expired was not there,
    /// unless this change is its purge.
    pub before: Option<Document>,
    /// When that one was to expire, if it was.
    pub before_expires_at: Option<Timestamp>,
    /// The document that is there now, if there is one and it was asked for.
    pub after: Option<Document>,
    /// When that one expires, if it does.
    pub expires_at: Option<Timestamp>,
    /// Whether no more change of its commit follows, of those that are wanted.
    pub ends_commit: bool,
}

/// What became of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// It has a document: a new one, or the same with another expiry.
    Set,
    /// Somebody has deleted its document.
    Deleted,
    /// Its document has expired, and was purged.
    Expired,
    /// Its collection was dropped, with all that was in it. This is told once, whatever keys there were, and of none.
    Dropped,
}

/// What a look at the log has brought.
#[derive(Clone, Debug, PartialEq)]
pub enum Fed {
    /// The next change.
    Change(Change),
    /// None that is wanted, as far as was read: look again.
    More,
    /// There is nothing behind what was read.
    End,
}

/// The changes behind one commit, in the order of the log. It waits for nothing: whoever wants to know when there is
/// more asks whoever publishes.
#[derive(Debug)]
pub struct Feed {
    shared: Arc<Shared>,
    wanted: Wanted,
    names: Names,
    hold: Arc<Hold>,
    /// How far the log was read. Its position is looked up with the first read, so that to begin takes no disk.
    place: At,
    is_placed: bool,
    /// What was read and not handed out, all of it in the generation that is held.
    ready: VecDeque<Ready>,
}

impl Reader {
    /// The changes behind the commit `since`, or behind the one that is published now. Nothing is read for it yet.
    ///
    /// # Errors
    /// [`Error::HistoryDropped`] when a compaction has dropped commits behind `since`; [`Error::NoSuchCommit`] when
    /// that is not there yet.
    pub fn feed(&self, since: Option<Sequence>, wanted: Wanted) -> Result<Feed> {
        let shared = self.shared();
        let (generation, view) = shared.published();
        let since = since.unwrap_or(view.sequence);
        if since > view.sequence {
            return Err(Error::NoSuchCommit { sequence: since, newest: view.sequence });
        }
        if since < generation.floor() {
            let asked = UpTo::Sequence(since.next());
            return Err(Error::HistoryDropped { asked, floor: generation.floor() });
        }
        Ok(Feed {
            shared: Arc::clone(shared),
            wanted,
            names: Names::begin(&view),
            hold: shared.holds.hold(generation),
            place: At::behind(since),
            is_placed: false,
            ready: VecDeque::new(),
        })
    }
}

impl Feed {
    /// The newest commit of which every change was handed out: where to resume.
    #[must_use]
    pub fn sequence(&self) -> Sequence {
        match self.ready.front() {
            Some(ready) => Sequence(ready.change.sequence.0 - 1),
            None => self.place.sequence,
        }
    }

    /// The next change, or some more reading for it.
    ///
    /// # Errors
    /// [`Error::Lagged`] when it is so far behind that the file was let go: from then on always.
    /// [`Error::Io`] and [`Error::Damaged`]: the next call tries the same again.
    pub fn advance(&mut self) -> Result<Fed> {
        if !self.is_next_known() && !self.read()? {
            return Ok(Fed::End);
        }
        let Some(Ready { change, previous, collection }) =
            self.ready.front().filter(|_| self.is_next_known())
        else {
            return Ok(Fed::More);
        };
        let before = match *previous {
            0 => None,
            _ if !self.wanted.before => None,
            previous => {
                let generation = self.hold.generation().ok_or_else(|| self.lagged())?;
                self.document_before(&generation, change, *collection, previous)?
            }
        };
        let Ready { change, .. } = self.ready.pop_front().expect("it was just looked at");
        let next = self.ready.front().map(|next| next.change.sequence);
        let ends_commit = next != Some(change.sequence);
        let (before, before_expires_at) = before.unzip();
        let before_expires_at = before_expires_at.flatten();
        Ok(Fed::Change(Change { before, before_expires_at, ends_commit, ..change }))
    }

    /// Whether there is a next change, and it is known whether it is the last of its commit.
    fn is_next_known(&self) -> bool {
        let is_whole = |next: &Ready| next.change.sequence <= self.place.sequence;
        self.ready.len() > 1 || self.ready.front().is_some_and(is_whole)
    }

    /// Reads some more of the log, and says whether there was more.
    fn read(&mut self) -> Result<bool> {
        // ORDER: the view before the look at what has replaced the generation. One that is published in another
        // generation tells that this one is whole.
        let view = self.shared.view.load_full();
        if view.sequence <= self.place.sequence {
            return Ok(false);
        }
        let generation = self.hold.generation().ok_or_else(|| self.lagged())?;
        let is_newest = view.generation == generation.number();
        let end = if is_newest { view.log_end } else { u64::MAX };
        if !self.is_placed {
            let place = self.shared.place_behind(&generation, self.place.sequence, end)?;
            (self.place, self.is_placed) = (place.ok_or_else(|| self.lagged())?.into(), true);
        }
        let failed = |source| Error::io("read", &self.shared.path, source);
        let start = generation.first_place();
        let mut scanner = Scanner::until(&*generation.file, &generation.keys, start, end).map_err(failed)?;
        let Self { wanted, names, .. } = self;
        let mut reading = Reading { place: self.place, ready: Vec::new(), wanted, names };
        let stop = self.place.position.saturating_add(LOOK_BYTES);
        while reading.place.position < stop && reading.place.sequence < view.sequence {
            let is_between = reading.place.within.is_none();
            if !is_newest && is_between && scanner.is_blank_at(reading.place.position).map_err(failed)? {
                if reading.place.position > self.place.position {
                    break;
                }
                return self.go_on(&generation, &view).map(|()| true);
            }
            match reading.record(&mut scanner).map_err(failed)? {
                Ok(true) => {}
                Ok(false) => break,
                Err((position, bad)) => return Err(self.damaged(position, bad)),
            }
        }
        let Reading { place, ready, .. } = reading;
        self.place = place;
        self.ready.extend(ready);
        Ok(true)
    }

    /// Goes on in the generation that has taken the place of one that was read to its end.
    fn go_on(&mut self, generation: &Generation, view: &View) -> Result<()> {
        let next =
            generation.next().expect("a generation is known before a view is published that ends in it");
        let end = if view.generation == next.number() { view.log_end } else { u64::MAX };
        // A follower may have missed a whole generation, and what was committed in it.
        let place = self.shared.place_behind(&next, self.place.sequence, end)?;
        self.place = place.ok_or_else(|| self.lagged())?.into();
        self.hold.go_on(next);
        self.names.go_on();
        Ok(())
    }

    /// The document that a change has replaced, if it was there for readers, and when it was to expire.
    fn document_before(
        &self,
        generation: &Generation,
        change: &Change,
        collection: CollectionId,
        previous: u64,
    ) -> Result<Option<(Document, Option<Timestamp>)>> {
        let (file, keys) = (&*generation.file, &generation.keys);
        let read = read_record(file, keys, previous, |head, _, payload| {
            let is_its = (payload.collection, payload.key) == (collection, &*change.key);
            let is_there = change.kind == ChangeKind::Expired
                || payload.expires_at.is_none_or(|expires_at| expires_at > change.time);
            let is_document = head.kind == Kind::Set && is_its;
            let read = || document(head, payload.document).map(|document| (document, payload.expires_at));
            is_document.then(|| is_there.then(read))
        });
        match read.map_err(|fault| self.shared.read_error(fault, previous))? {
            Some(Some(document)) => document.map(Some).ok_or_else(|| self.damaged(previous, NOT_TEXT)),
            Some(None) => Ok(None),
            None => Err(self.damaged(previous, Step::Bad("it is not the version before of the key"))),
        }
    }

    fn lagged(&self) -> Error {
        Error::Lagged { path: Arc::clone(&self.shared.path), resume: self.sequence() }
    }

    fn damaged(&self, position: u64, bad: Step) -> Error {
        let path = Arc::clone(&self.shared.path);
        match bad {
            Step::Tampered(position) => Error::Tampered { path, position },
            Step::Bad(reason) => Error::Damaged { path, position, reason },
            Step::Commit(_) | Step::Base | Step::End => {
                Error::Damaged { path, position, reason: "the log ends before its end" }
            }
        }
    }
}

impl ChangeKind {
    /// What a record says became of its key, if it is about one.
    pub(crate) fn of(head: &Head) -> Option<Self> {
        match (head.kind, head.has_expired) {
            (Kind::Set, _) => Some(Self::Set),
            (Kind::Delete, false) => Some(Self::Deleted),
            (Kind::Delete, true) => Some(Self::Expired),
            _ => None,
        }
    }
}

/// The document in a record whose checksums are right. Nothing, if it is no text all the same.
pub(crate) fn document(head: &Head, text: &[u8]) -> Option<Document> {
    let text = std::str::from_utf8(text).ok()?;
    Some(Document::new(text, head.sequence))
}

impl Shared {
    /// What is published now, and the generation in whose log it ends.
    pub(crate) fn published(&self) -> (Arc<Generation>, Arc<View>) {
        // ORDER: the generation first. What the view shows is in it or in a later one.
        let generations = self.generations.load_full();
        let view = self.view.load_full();
        let found = generations.held_onwards().find(|generation| generation.number() == view.generation);
        (found.expect("a generation is known before a view is published that ends in it"), view)
    }

    /// The place behind a commit in a generation whose log ends at `end`. Nothing, if it lies before the history floor.
    pub(crate) fn place_behind(
        &self,
        generation: &Generation,
        sequence: Sequence,
        end: u64,
    ) -> Result<Option<Place>> {
        let (start, floor) = (generation.first_place(), generation.floor());
        if sequence < floor {
            return Ok(None);
        }
        if sequence == Sequence::ZERO {
            return Ok(Some(start));
        }
        let found = end_of_commit(&*generation.file, &generation.keys, start, sequence, end)
            .map_err(|source| Error::io("read", &self.path, source))?;
        let (place, _) = found.ok_or_else(|| Error::Damaged {
            path: Arc::clone(&self.path),
            position: start.position,
            reason: "a commit is not in the log that was published",
        })?;
        Ok(Some(place))
    }
}
