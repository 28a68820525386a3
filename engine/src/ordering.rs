//! Owns keeping the order of a collection's keys, which a reader asks for, from then on. Never writes it anywhere: whoever
//! opens the database again has none until somebody asks.

use crate::build::{BuildRound, IndexBuild};
use crate::error::Result;
use crate::follow::Follower;
use crate::key::CollectionId;
use crate::writer::Writer;

impl Writer {
    /// Begins the order of a collection's keys, in which [`crate::Scan`] reads. The build copies and sorts the keys that are
    /// there, on any thread, while commits go on; readers have it once it is installed. Nothing, if it is kept or being
    /// built already.
    ///
    /// # Errors
    /// [`crate::Error::Poisoned`].
    pub fn begin_order(&mut self, collection: CollectionId) -> Result<Option<IndexBuild>> {
        self.check()?;
        Ok(self.applier().begin_order(collection))
    }

    /// Brings the order up to now by the round that was just taken, by [`Writer::index_round`], and keeps it from here on.
    /// It is no commit.
    ///
    /// # Errors
    /// As [`IndexBuild::advance`]; the order is then not kept.
    pub fn install_order(&mut self, build: IndexBuild, round: BuildRound) -> Result<()> {
        self.applier().install_order(build, round)
    }
}

impl Follower {
    /// As [`Writer::begin_order`].
    pub fn begin_order(&mut self, collection: CollectionId) -> Option<IndexBuild> {
        self.applier().begin_order(collection)
    }

    /// What a build has to catch up with by now: as [`Writer::index_round`].
    ///
    /// # Panics
    /// When the build was begun by another follower.
    pub fn order_round(&mut self, build: &IndexBuild) -> BuildRound {
        self.applier().round(build)
    }

    /// As [`Writer::install_order`].
    ///
    /// # Errors
    /// As [`Writer::install_order`].
    pub fn install_order(&mut self, build: IndexBuild, round: BuildRound) -> Result<()> {
        self.applier().install_order(build, round)
    }
}
