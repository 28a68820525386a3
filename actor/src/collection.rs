//! Owns the handle of one collection; what can be done with it lies in the modules beneath. Never waits for the writer
//! itself.

mod conditional;
mod history;
mod indexes;
mod ordered;
mod reads;
mod updates;
mod writes;

pub use history::KeyHistory;

use std::fmt;
use std::sync::Arc;

use crossbeam_utils::CachePadded;
use ferrumdb_engine as engine;

use crate::database::Inner;
use crate::error::{Error, Result};

pub(crate) use self::ordered::key_bounds;

/// A handle to one collection of an open database: keys of its own, and indexes of its own. Clones are cheap, and each
/// keeps the database open.
///
/// A [`FerrumDB`](crate::FerrumDB) is the handle of its root collection.
#[derive(Clone)]
pub struct Collection {
    pub(crate) db: Arc<CachePadded<Inner>>,
}

impl Collection {
    pub(crate) fn root(db: Arc<CachePadded<Inner>>) -> Self {
        Self { db }
    }

    /// Reads that look at many keys check for a fork, too: next to their work it costs nothing.
    pub(crate) fn check_many(&self) -> Result<()> {
        let link = &self.db.link;
        let forked = if link.is_forked() { Err(link.forked()) } else { Ok(()) };
        forked.and_then(|()| link.check_readable()).map_err(|error| self.counted(error))
    }

    pub(crate) fn failed(&self, error: engine::Error, key: &str) -> Error {
        self.counted(Error::from(error).about(key))
    }

    pub(crate) fn counted(&self, error: Error) -> Error {
        self.db.link.counted(error)
    }
}

impl fmt::Debug for Collection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Collection").field("path", &self.db.link.path()).finish_non_exhaustive()
    }
}
