//! Owns a sync of the log that runs beside commits, on any thread. Never decides what its outcome means: the writer does.

use std::io;
use std::sync::Arc;

use crate::log::Syncs;

/// A sync that was begun by [`crate::Writer::begin_sync`], to be run on any thread.
#[derive(Debug)]
pub struct SyncTask {
    pub(crate) syncs: Arc<Syncs>,
    pub(crate) position: u64,
}

/// How a sync ended, for [`crate::Writer::finish_sync`].
#[derive(Debug)]
pub struct SyncDone {
    /// Of which file it was.
    pub(crate) syncs: Arc<Syncs>,
    pub(crate) position: u64,
    pub(crate) result: io::Result<()>,
}

impl SyncTask {
    /// Syncs.
    #[must_use]
    pub fn run(self) -> SyncDone {
        let Self { syncs, position } = self;
        let result = syncs.sync();
        SyncDone { syncs, position, result }
    }
}
