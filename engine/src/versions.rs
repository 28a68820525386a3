//! Owns the walk through what one key has held, backwards, as far as the log tells. Never reads more of the log than its
//! caller asks for.
//!
//! Each record names the one before it of its key, until a deletion: what follows one names nothing. There the rest of
//! the log is read once, for this key alone.

use std::sync::Arc;

use crate::document::Document;
use crate::error::{Error, Result};
use crate::feed::{ChangeKind, document};
use crate::generation::Generation;
use crate::key::{CollectionId, Key, Sequence, Timestamp};
use crate::log::{Head, Mark, Scanner, Step, read_record};
use crate::past::check;
use crate::reader::Reader;
use crate::view::Shared;

/// What a key has held from one commit on.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Version {
    /// The number of the commit.
    pub sequence: Sequence,
    /// The time of the commit, where it is known: of a version that a compaction has kept it may not be.
    pub time: Option<Timestamp>,
    /// What became of the key.
    pub kind: ChangeKind,
    /// The document, unless it was deleted.
    pub document: Option<Document>,
    /// When that expires, if it does.
    pub expires_at: Option<Timestamp>,
}

/// What a key has held, the newest version first.
///
/// It holds the file in which it began, as a snapshot does.
#[derive(Debug)]
pub struct Versions {
    shared: Arc<Shared>,
    generation: Arc<Generation>,
    collection: CollectionId,
    key: Key,
    /// Later ones were not published when it began.
    newest: Sequence,
    /// Every version of the key from here on has been given.
    below: u64,
    /// The record of the version before, if the last one has named it.
    previous: u64,
    /// What was found below, ascending, once it was looked for.
    found: Option<Vec<u64>>,
}

impl Reader {
    /// What a key has held, as far back as the log tells, the newest version first.
    ///
    /// Where a version follows on another one, that is one read; where the key was deleted in between, or has no
    /// document now, the log before is read once.
    #[must_use]
    pub fn versions(&self, collection: CollectionId, key: &str) -> Versions {
        let shared = Arc::clone(self.shared());
        loop {
            // ORDER: what is published before the entry, so that the log before `below` has every version up to it.
            let (generation, view) = shared.published();
            let entry = shared.keydir.find(&shared.keydir.hash(collection, key));
            let (generation, previous) = match entry.filter(|entry| !entry.is_tombstone()) {
                Some(entry) => {
                    // ORDER: the generations after the entry. If its own is gone by now, it has been moved on before.
                    let oldest = shared.generations.load_full();
                    let own =
                        oldest.held_onwards().find(|generation| entry.location.is_in(generation.number()));
                    let Some(own) = own else { continue };
                    (own, entry.location.position())
                }
                None => (generation, 0),
            };
            let (key, newest, below) = (Key::from(key), view.sequence, view.log_end);
            return Versions { shared, generation, collection, key, newest, below, previous, found: None };
        }
    }
}

impl Iterator for Versions {
    type Item = Result<Version>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_unless_stopped(&mut |_, _| true)
    }
}

impl Versions {
    /// The next version, as the iterator gives it. Where the log before is read for that, `progress` is told how many bytes of
    /// how many have been read, and gives the work up by answering false: it fails with [`Error::Cancelled`].
    pub fn next_unless_stopped(
        &mut self,
        progress: &mut dyn FnMut(u64, u64) -> bool,
    ) -> Option<Result<Version>> {
        loop {
            let position = match (self.found.as_mut().and_then(Vec::pop), self.previous, &self.found) {
                (Some(position), ..) => position,
                (None, 0, Some(_)) => return None,
                (None, 0, None) => {
                    match self.find_below(progress) {
                        Ok(found) => self.found = Some(found),
                        Err(error) => {
                            self.found = Some(Vec::new());
                            return Some(Err(error));
                        }
                    }
                    continue;
                }
                (None, previous, _) => previous,
            };
            match self.read(position) {
                Ok((version, previous)) => {
                    (self.previous, self.below) = (previous, position);
                    if version.sequence <= self.newest {
                        return Some(Ok(version));
                    }
                }
                Err(error) => {
                    (self.previous, self.found) = (0, Some(Vec::new()));
                    return Some(Err(error));
                }
            }
        }
    }

    /// The version in a record, and the position of the one before.
    fn read(&self, position: u64) -> Result<(Version, u64)> {
        let (file, keys) = (&*self.generation.file, &self.generation.keys);
        let read = read_record(file, keys, position, |head, mark, payload| {
            let kind = ChangeKind::of(head)?;
            let is_its = (payload.collection, payload.key) == (self.collection, &*self.key);
            let text = if kind == ChangeKind::Set { Some(document(head, payload.document)?) } else { None };
            let (sequence, expires_at, document) = (head.sequence, payload.expires_at, text);
            let version = Version { sequence, time: None, kind, document, expires_at };
            is_its.then_some((version, *head, mark))
        });
        let read = read.map_err(|fault| self.shared.read_error(fault, position))?;
        let (mut version, head, mark) = read.ok_or_else(|| self.damaged(position))?;
        version.time = self.time_of(position, &head, mark)?;
        Ok((version, head.previous))
    }

    /// The time of the commit that a record is of: its last record has it. The base section tells none.
    fn time_of(&self, position: u64, head: &Head, mark: Option<Mark>) -> Result<Option<Timestamp>> {
        if mark.is_some() || head.sequence <= self.generation.floor() {
            return Ok(mark.map(|mark| mark.time));
        }
        let Generation { file, keys, .. } = &*self.generation;
        let mark = Scanner::new(&**file, keys, self.generation.first_place())
            .and_then(|mut scanner| scanner.mark_from(position + head.record_bytes()))
            .map_err(|source| Error::io("read", &self.shared.path, source))?;
        mark.map(|mark| Some(mark.time)).ok_or_else(|| self.damaged(position))
    }

    /// The positions of the key's records behind the base section that have not been given, ascending.
    fn find_below(&self, progress: &mut dyn FnMut(u64, u64) -> bool) -> Result<Vec<u64>> {
        let mut found = Vec::new();
        let (generation, below, floor) = (&self.generation, self.below, self.generation.floor());
        let failed = |source| Error::io("read", &self.shared.path, source);
        let Some(place) = self.shared.place_behind(generation, floor, u64::MAX)? else { return Ok(found) };
        let mut scanner = Scanner::new(&*generation.file, &generation.keys, place).map_err(failed)?;
        while scanner.place().position < below && scanner.place().sequence < self.newest {
            check(progress(scanner.place().position, below))?;
            let step = scanner.next(|position, head, payload| {
                let is_its = payload.is_some_and(|payload| {
                    (payload.collection, payload.key) == (self.collection, &*self.key)
                });
                if is_its && position < below && ChangeKind::of(head).is_some() {
                    found.push(position);
                }
            });
            match step.map_err(failed)? {
                Step::Commit(_) => {}
                Step::Tampered(position) => {
                    return Err(Error::Tampered { path: Arc::clone(&self.shared.path), position });
                }
                Step::Base | Step::Bad(_) | Step::End => {
                    return Err(self.damaged(scanner.place().position));
                }
            }
        }
        Ok(found)
    }

    fn damaged(&self, position: u64) -> Error {
        let (path, reason) = (Arc::clone(&self.shared.path), "it is not what the versions of a key lead to");
        Error::Damaged { path, position, reason }
    }
}
