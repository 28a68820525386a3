//! Owns what readers and the writer share, and the published view. Never changes the log.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;

use crate::cache::DocumentCache;
use crate::document::Document;
use crate::error::{Error, Result};
use crate::fs::File;
use crate::key::{CollectionId, Sequence};
use crate::keydir::{Entry, Hashed, Keydir};
use crate::log::{Expected, ReadFault, Seed, read_document};
use crate::options::Limits;
use crate::pins::Pins;
use crate::stats::RecoveryReport;
use crate::undo::UndoMap;

/// Everything that both halves of an open database see.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) path: Arc<Path>,
    pub(crate) limits: Limits,
    pub(crate) file: Arc<dyn File>,
    pub(crate) seed: Seed,
    pub(crate) keydir: Keydir,
    pub(crate) undo: UndoMap,
    pub(crate) pins: Pins,
    /// INVARIANT: one pointer store publishes a commit: its sequence and everything that must agree with it.
    pub(crate) view: ArcSwap<View>,
    pub(crate) cache: DocumentCache,
    pub(crate) recovery: OnceLock<RecoveryReport>,
}

/// What is published of one sequence.
#[derive(Clone, Debug, Default)]
pub(crate) struct View {
    pub(crate) sequence: Sequence,
    pub(crate) counts: Counts,
    /// The bytes of the records that hold the newest version of a key.
    pub(crate) live_bytes: u64,
    pub(crate) log_end: u64,
}

/// How many documents each collection holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    root: u64,
    others: Arc<BTreeMap<CollectionId, u64>>,
}

impl Counts {
    pub(crate) fn get(&self, collection: CollectionId) -> u64 {
        match collection {
            CollectionId::ROOT => self.root,
            other => self.others.get(&other).copied().unwrap_or(0),
        }
    }

    pub(crate) fn total(&self) -> u64 {
        self.root + self.others.values().sum::<u64>()
    }

    pub(crate) fn add(&mut self, collection: CollectionId) {
        *self.slot(collection) += 1;
    }

    pub(crate) fn subtract(&mut self, collection: CollectionId) {
        *self.slot(collection) -= 1;
    }

    fn slot(&mut self, collection: CollectionId) -> &mut u64 {
        match collection {
            CollectionId::ROOT => &mut self.root,
            other => Arc::make_mut(&mut self.others).entry(other).or_default(),
        }
    }
}

impl Shared {
    /// The document that `entry` leads to: from the cache, or from the log, verified.
    pub(crate) fn document(&self, key: &Hashed<'_>, entry: &Entry) -> Result<Document> {
        if let Some(document) = self.cache.get(entry.sequence, entry.ordinal) {
            return Ok(document);
        }
        let expected = Expected {
            position: entry.position(),
            payload_bytes: entry.payload_bytes,
            sequence: entry.sequence,
            ordinal: entry.ordinal,
            collection: key.collection,
            key: key.key,
        };
        let document = read_document(&*self.file, self.seed, &expected, |text| {
            Document::new(Box::from(text), entry.sequence)
        })
        .map_err(|fault| self.read_error(fault, entry.position()))?;
        self.cache.insert(entry.ordinal, &document);
        Ok(document)
    }

    fn read_error(&self, fault: ReadFault, position: u64) -> Error {
        match fault {
            ReadFault::Io(source) => Error::io("read", &self.path, source),
            ReadFault::Damaged(reason) => Error::Damaged { path: Arc::clone(&self.path), position, reason },
        }
    }
}
