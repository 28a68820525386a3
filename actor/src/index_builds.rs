//! Owns the indexes that are being built: their threads, and the writer's part in them. Never lets a build hold up a
//! commit for longer than its last few documents take.

use std::sync::Arc;

use ferrumdb_engine::{
    BuildRound, CancelBuild, CollectionId, Durability, Error as EngineError, IndexBuild, Writer,
};

use crate::command::{Command, Reply};
use crate::error::{Error, Result};
use crate::link::Link;
use crate::sync::{oneshot, thread};
use crate::{FieldPath, Sequence};

/// What the writer says to a build that asks what has changed since its snapshot.
pub(crate) enum BuildAnswer {
    /// Catch up with these, and ask again.
    CatchUp(IndexBuild, BuildRound),
    /// The index is installed, or could not be.
    Done(Result<Sequence>),
}

/// What the writer knows of the builds under way.
#[derive(Default)]
pub(crate) struct IndexBuilds(Vec<(FieldPath, CancelBuild)>);

impl IndexBuilds {
    /// Begins an index. Its build answers.
    pub(crate) fn create(
        &mut self,
        writer: &mut Writer,
        path: FieldPath,
        link: &Arc<Link>,
        reply: Reply<Sequence>,
    ) {
        self.0.retain(|(_, cancel)| cancel.is_wanted());
        match writer.begin_index(CollectionId::ROOT, path.clone()) {
            Ok(build) => {
                self.0.push((path, build.canceller()));
                build_on_a_thread(build, link, reply);
            }
            Err(error) => reply.answer(Err(link.counted(error.into()))),
        }
    }

    /// Drops an index, or cancels its build.
    pub(crate) fn drop_index(
        &mut self,
        writer: &mut Writer,
        path: &FieldPath,
        durability: Durability,
    ) -> std::result::Result<Sequence, EngineError> {
        match writer.drop_index(CollectionId::ROOT, path, durability) {
            Err(EngineError::NoSuchIndex { .. }) if self.cancel(path) => Ok(writer.sequence()),
            result => result,
        }
    }

    /// Tells a build what has changed, or, if that is little, installs its index.
    pub(crate) fn round(writer: &mut Writer, build: IndexBuild, durability: Durability) -> BuildAnswer {
        let round = writer.index_round(&build);
        if round.is_last() && build.is_order() {
            let installed = writer.install_order(build, round);
            return BuildAnswer::Done(installed.map(|()| writer.sequence()).map_err(Error::from));
        }
        if round.is_last() {
            return BuildAnswer::Done(writer.install_index(build, round, durability).map_err(Error::from));
        }
        BuildAnswer::CatchUp(build, round)
    }

    /// Cancels everything: the database is closing.
    pub(crate) fn cancel_all(&self) {
        self.0.iter().for_each(|(_, cancel)| cancel.cancel());
    }

    fn cancel(&mut self, path: &FieldPath) -> bool {
        let mut cancelled = false;
        for (_, cancel) in self.0.iter().filter(|(building, cancel)| building == path && cancel.is_wanted()) {
            cancel.cancel();
            cancelled = true;
        }
        cancelled
    }
}

fn build_on_a_thread(build: IndexBuild, link: &Arc<Link>, reply: Reply<Sequence>) {
    let building = Arc::clone(link);
    let thread = thread::Builder::new().name("ferrumdb-index".to_owned());
    // If there is no thread to be had, the closure and with it the reply is dropped, and the waiter is told so.
    if let Err(error) = thread.spawn(move || reply.answer(run(build, &building))) {
        tracing::error!(%error, "an index is not built, since its thread could not be started");
    }
}

/// Runs a build to its end.
pub(crate) fn run(mut build: IndexBuild, link: &Link) -> Result<Sequence> {
    build.run()?;
    loop {
        let (reply, receiver) = oneshot::channel();
        if !link.outbox().insist(Command::IndexRound(Box::new(build), reply)) {
            return Err(link.closed());
        }
        match receiver.recv().map_err(|oneshot::RecvError| link.closed())? {
            BuildAnswer::Done(result) => return result,
            BuildAnswer::CatchUp(caught, round) => {
                build = caught;
                build.advance(round)?;
            }
        }
    }
}
