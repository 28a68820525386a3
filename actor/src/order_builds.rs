//! Owns the orders of keys that are being built: their threads, and what they ask of the thread that owns the engine. Never
//! holds up a commit for longer than a few keys take.

use std::sync::Arc;

use ferrumdb_engine::{CancelBuild, CollectionId, Follower, IndexBuild};

use crate::error::Error;
use crate::index_builds::{self, BuildAnswer};
use crate::link::Link;
use crate::sync::thread;

/// What the writer, or the follower, knows of the builds under way.
#[derive(Default)]
pub(crate) struct OrderBuilds(Vec<CancelBuild>);

impl OrderBuilds {
    /// Lets a build that was begun run on a thread of its own.
    pub(crate) fn run(&mut self, build: IndexBuild, collection: CollectionId, link: &Arc<Link>) {
        self.0.retain(CancelBuild::is_wanted);
        self.0.push(build.canceller());
        let building = Arc::clone(link);
        let thread = thread::Builder::new().name("ferrumdb-order".to_owned());
        let run = move || {
            if let Err(error) = index_builds::run(build, &building) {
                building.forget_order(collection);
                tracing::debug!(%error, "the order of the keys is not kept");
            }
        };
        if let Err(error) = thread.spawn(run) {
            link.forget_order(collection);
            tracing::error!(%error, "the order of the keys is not kept, since its thread could not be started");
        }
    }

    /// Tells a build of a follower's what has changed, or, if that is little, installs its order.
    pub(crate) fn round(follower: &mut Follower, build: IndexBuild) -> BuildAnswer {
        let round = follower.order_round(&build);
        if !round.is_last() {
            return BuildAnswer::CatchUp(Box::new(build), round);
        }
        let installed = follower.install_order(build, round);
        BuildAnswer::Done(installed.map(|()| follower.sequence()).map_err(Error::from))
    }

    /// Cancels everything: the database is closing.
    pub(crate) fn cancel_all(&self) {
        self.0.iter().for_each(CancelBuild::cancel);
    }
}
