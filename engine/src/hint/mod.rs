//! Owns the hint file: the keydir and the indexes as of one commit, so that opening need not walk the whole log.
//! Never decides what the database holds: it is a cache that can be deleted, and the log has the last word.

mod contents;
mod entry;
mod format;
mod header;
mod keys;
mod load;
mod summary;
#[cfg(test)]
mod tests;
mod write;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::fs::FileSystem;
use crate::log::LOG_START;
use crate::seal::{Keyring, SALT_BYTES};
use crate::snapshot::Snapshot;
use crate::view::Shared;
use header::HintHeader;

pub(crate) use keys::HintedKeys;
pub(crate) use load::{Identity, Start, Walked, identity};
pub(crate) use summary::Summary;
pub use write::{CancelHint, HintTask};

/// A hint is not worth its trouble for fewer bytes of log than this, except on closing.
const GROWTH_BYTES_MIN: u64 = 1 << 20;
/// Closing leaves a hint alone that covers all of the log but one part in so many.
const CLOSING_PARTS: u64 = 16;

/// What the writer knows of the hint files.
#[derive(Debug)]
pub(crate) struct Hints {
    file_system: Arc<dyn FileSystem>,
    /// The end of the part of the log that the newest hint covers, one that is being written included.
    begun: u64,
    /// The same, of the newest hint that was read or written whole.
    written: Arc<AtomicU64>,
}

/// The commit after which a hint is taken, as far as no view knows it.
#[derive(Clone, Debug)]
pub(crate) struct HintedCommit {
    pub(crate) file_id: [u8; 16],
    pub(crate) generation: u64,
    /// The position of the record that carries the commit's mark.
    pub(crate) last_record: u64,
    pub(crate) chain: u64,
    /// The keys of an encrypted database.
    pub(crate) keyring: Option<Arc<Keyring>>,
}

impl Hints {
    /// For a log of which the hint that was found covers the part up to `covered`.
    pub(crate) fn new(file_system: Arc<dyn FileSystem>, covered: u64) -> Self {
        Self { file_system, begun: covered, written: Arc::new(AtomicU64::new(covered)) }
    }

    pub(crate) fn file_system(&self) -> &Arc<dyn FileSystem> {
        &self.file_system
    }

    /// Forgets the hints that there are: they are of an earlier generation.
    pub(crate) fn restart(&mut self) {
        *self = Self::new(Arc::clone(&self.file_system), LOG_START);
    }

    /// Whether a log that ends at `end` has grown by half since the last hint.
    pub(crate) fn is_due(&self, end: u64) -> bool {
        end - self.begun >= GROWTH_BYTES_MIN.max((self.begun - LOG_START) / 2)
    }

    /// Whether opening would save enough by a newer hint of a log that ends at `end`, and will not grow for now.
    pub(crate) fn is_due_on_closing(&self, end: u64) -> bool {
        (end - self.written.load(Ordering::Acquire)) * CLOSING_PARTS > end - LOG_START
    }

    /// Begins a hint of what was published last; `commit` is that commit. It may be written as soon as `synced` says
    /// that the log is synced so far.
    pub(crate) fn begin(
        &mut self,
        shared: &Arc<Shared>,
        commit: HintedCommit,
        synced: Arc<AtomicU64>,
    ) -> HintTask {
        let snapshot = Snapshot::new(shared);
        let view = snapshot.view();
        self.begun = view.log_end;
        let header = HintHeader {
            file_id: commit.file_id,
            generation: commit.generation,
            sequence: view.sequence,
            log_end: view.log_end,
            last_record: commit.last_record,
            chain: commit.chain,
            documents: view.counts.total(),
            live_bytes: view.live_bytes,
            hash_seeds: shared.keydir.seeds(),
            salt: [0; SALT_BYTES],
            collections: view.collections.highest(),
        };
        let (file_system, written) = (Arc::clone(&self.file_system), Arc::clone(&self.written));
        HintTask::new(Arc::clone(shared), snapshot, file_system, header, commit.keyring, synced, written)
    }
}
