//! Owns the names in a file that nobody opens: its collections, its indexes, and its keys, of which the hint has most. Never
//! takes a lock, never builds a keydir, and never reads more than somebody waits for who has pressed a key.

use std::collections::HashMap;
use std::io;

use ahash::RandomState;

use crate::error::{Error, Result};
use crate::fs::{File, FileSystem, OpenMode};
use crate::hint::{HintedKeys, Start};
use crate::index::path::FieldPath;
use crate::indexing::Definitions;
use crate::key::{CollectionId, Key, Timestamp};
use crate::log::{Head, Header, Kind, LogKeys, Payload, Place, Scanner, Step};
use crate::options::Options;
use crate::paths;
use crate::recovery::{self, Unlocked};

/// How much is read, at most, of what lies behind the hint, and once more of its end.
const LOG_BYTES_MAX: u64 = 64 << 20;
/// The longest hint whose keys are read.
const HINT_BYTES_MAX: u64 = 256 << 20;

/// The names in a database file, as of about the newest commit.
#[derive(Debug)]
pub struct Glance {
    /// The names of the collections besides the root.
    pub collections: Vec<Key>,
    /// The indexes: the collection, nothing for the root, and the field.
    pub indexes: Vec<(Option<Key>, FieldPath)>,
}

/// Which keys are meant.
#[derive(Clone, Copy, Debug)]
pub struct GlanceAt<'a> {
    /// The collection, nothing for the root.
    pub collection: Option<&'a str>,
    /// How the keys begin.
    pub prefix: &'a str,
}

/// Looks at the names in a database file without opening it, also while somebody has it open, and hands on the keys that are
/// `wanted`, in no order. Nothing, if that would take reading too much: then some keys may have been handed on.
///
/// # Errors
/// As [`crate::inspect`], and [`Error::KeyNeeded`].
pub fn glance(
    options: &Options,
    file_system: &dyn FileSystem,
    wanted: Option<GlanceAt<'_>>,
    take: &mut dyn FnMut(&str),
) -> Result<Option<Glance>> {
    let path = recovery::canonical(file_system, &options.path)?;
    let failed = |source| Error::io("read", &path, source);
    let (file, copies) = recovery::open_to_look(file_system, &path)?;
    let Unlocked { header, keyring, .. } = recovery::unlock(&path, copies, options.encryption.as_ref())?;
    let hint = file_system.open(&paths::hint(&path), OpenMode::Read).ok();
    let keys = LogKeys::new(&header, keyring.as_deref());
    let hinted =
        hint.as_deref().and_then(|hint| HintedKeys::find(hint, &*file, &keys, &header, keyring.as_deref()));
    let mut seen = Seen::of(hinted.as_ref(), &header);
    if !seen.read_on(&*file, &keys).map_err(failed)? {
        return Ok(None);
    }
    let is_whole = match wanted {
        Some(wanted) => seen.tell(hinted, wanted, options.clock.now(), take),
        None => true,
    };
    Ok(is_whole.then(|| seen.names()))
}

/// What is known of a log up to a place.
struct Seen {
    place: Place,
    collections: Vec<(CollectionId, Key)>,
    definitions: Definitions,
    /// What has become of keys behind the hint: nothing, if one is gone; else when it expires, if it does.
    changed: HashMap<(CollectionId, Key), Option<Option<Timestamp>>, RandomState>,
}

/// What a record does, until its commit is whole.
enum Change {
    Key(CollectionId, Key, Option<Option<Timestamp>>),
    Definition(Kind, CollectionId, Vec<u8>),
    Created(CollectionId, Key),
    Dropped(CollectionId),
}

impl Seen {
    fn of(hinted: Option<&HintedKeys<'_>>, header: &Header) -> Self {
        let empty = || Start::empty(header).walked.place;
        Self {
            place: hinted.map_or_else(empty, |hinted| hinted.place),
            collections: hinted.map(|hinted| hinted.collections.clone()).unwrap_or_default(),
            definitions: hinted.map(|hinted| hinted.definitions.clone()).unwrap_or_default(),
            changed: HashMap::default(),
        }
    }

    /// Reads on to the end of the log, if that is near enough.
    fn read_on(&mut self, file: &dyn File, keys: &LogKeys) -> io::Result<bool> {
        let (begun, file_bytes) = (self.place, file.len()?);
        let mut is_bounded = file_bytes > begun.position + LOG_BYTES_MAX;
        let mut scanner = Scanner::until(file, keys, begun, begun.position + LOG_BYTES_MAX)?;
        let mut changes = Vec::new();
        loop {
            let step = scanner.next(|_, head, payload| {
                changes.extend(payload.and_then(|payload| Change::of(head, &payload)));
            })?;
            match step {
                Step::Commit(_) | Step::Base => changes.drain(..).for_each(|change| self.apply(change)),
                // A commit may go on beyond the bound, and so may the zeros of space that is prepared.
                Step::End | Step::Bad(_) if is_bounded => {
                    if file_bytes - scanner.place().position > LOG_BYTES_MAX {
                        return Ok(false);
                    }
                    (is_bounded, changes) = (false, Vec::new());
                    scanner = Scanner::new(file, keys, scanner.place())?;
                }
                // Unfinished, or damaged: what stands before it is there.
                Step::End | Step::Bad(_) | Step::Tampered(_) => return Ok(true),
            }
        }
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::Key(collection, key, found) => drop(self.changed.insert((collection, key), found)),
            // One that this build cannot read has no name to tell.
            Change::Definition(kind, collection, stored) => {
                drop(self.definitions.note(kind, collection, &stored));
            }
            Change::Created(id, name) => self.collections.push((id, name)),
            Change::Dropped(id) => {
                self.collections.retain(|(known, _)| *known != id);
                self.definitions.forget(id);
            }
        }
    }

    /// Hands on keys that have not expired; says whether those are all.
    fn tell(
        &self,
        hinted: Option<HintedKeys<'_>>,
        wanted: GlanceAt<'_>,
        now: Timestamp,
        take: &mut dyn FnMut(&str),
    ) -> bool {
        let named =
            |name: &str| self.collections.iter().find(|(_, known)| **known == *name).map(|(id, _)| *id);
        let Some(id) = wanted.collection.map_or(Some(CollectionId::ROOT), named) else { return true };
        let prefix = wanted.prefix.as_bytes();
        let is_there = |expires_at: Option<Timestamp>| expires_at.is_none_or(|at| at > now);
        for ((collection, key), found) in &self.changed {
            if *collection == id && found.is_some_and(is_there) && key.starts_with(wanted.prefix) {
                take(key);
            }
        }
        let Some(hinted) = hinted else { return true };
        if hinted.bytes() > HINT_BYTES_MAX {
            return false;
        }
        let mut is_text = true;
        let all_read = hinted.each(|collection, key, expires_at| {
            if collection == id && key.starts_with(prefix) && is_there(expires_at) {
                match std::str::from_utf8(key) {
                    Ok(key) if self.has_changed(id, key) => {}
                    Ok(key) => take(key),
                    Err(_) => is_text = false,
                }
            }
        });
        all_read && is_text
    }

    fn has_changed(&self, collection: CollectionId, key: &str) -> bool {
        !self.changed.is_empty() && self.changed.contains_key(&(collection, Key::from(key)))
    }

    fn names(self) -> Glance {
        let Self { collections, definitions, .. } = self;
        let name = |id| collections.iter().find(|(known, _)| *known == id).map(|(_, name)| name.clone());
        let indexes = definitions.fields().map(|(id, path)| (name(id), path.clone())).collect();
        let mut collections: Vec<Key> = collections.iter().map(|(_, name)| name.clone()).collect();
        collections.sort_unstable();
        Glance { collections, indexes }
    }
}

impl Change {
    fn of(head: &Head, payload: &Payload<'_>) -> Option<Self> {
        let collection = payload.collection;
        match head.kind {
            Kind::Set => Some(Self::Key(collection, Key::from(payload.key), Some(payload.expires_at))),
            Kind::Delete => Some(Self::Key(collection, Key::from(payload.key), None)),
            Kind::IndexCreated | Kind::IndexDropped => {
                Some(Self::Definition(head.kind, collection, payload.document.to_vec()))
            }
            Kind::CollectionCreated => Some(Self::Created(collection, Key::from(payload.key))),
            Kind::CollectionDropped => Some(Self::Dropped(collection)),
            Kind::BaseEnd | Kind::SyncMark | Kind::CloseMark => None,
        }
    }
}
