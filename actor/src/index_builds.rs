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
use crate::works::{Ticket, WorkKind, Works};
use crate::{FieldPath, Key, Sequence};

/// What the writer says to a build that asks what has changed since its snapshot.
pub(crate) enum BuildAnswer {
    /// Catch up with these, and ask again.
    CatchUp(Box<IndexBuild>, BuildRound),
    /// The index is installed, or could not be.
    Done(Result<Sequence>),
}

/// What the writer knows of the builds under way.
#[derive(Default)]
pub(crate) struct IndexBuilds(Vec<(CollectionId, FieldPath, CancelBuild)>);

impl IndexBuilds {
    /// Begins an index. Its build answers.
    pub(crate) fn create(
        &mut self,
        writer: &mut Writer,
        (name, path): (Option<&Key>, FieldPath),
        durability: Durability,
        link: &Arc<Link>,
        reply: Reply<Sequence>,
    ) {
        self.0.retain(|(.., cancel)| cancel.is_wanted());
        let collection = match name {
            None => Ok(CollectionId::ROOT),
            Some(name) => writer.collection(name, durability),
        };
        let build =
            collection.and_then(|collection| Ok((collection, writer.begin_index(collection, path.clone())?)));
        match build {
            Ok((collection, build)) => {
                self.0.push((collection, path.clone(), build.canceller()));
                let kind = WorkKind::Index { collection: name.cloned(), field: path };
                build_on_a_thread(build, Works::begin(link, kind), link, reply);
            }
            Err(error) => reply.answer(Err(link.counted(Error::from(error).in_collection(name)))),
        }
    }

    /// Drops an index, or cancels its build.
    pub(crate) fn drop_index(
        &mut self,
        writer: &mut Writer,
        (name, path): (Option<&Key>, &FieldPath),
        durability: Durability,
    ) -> std::result::Result<Sequence, EngineError> {
        let collection = match name {
            None => CollectionId::ROOT,
            Some(name) => writer.find_collection(name).unwrap_or(CollectionId::NONE),
        };
        match writer.drop_index(collection, path, durability) {
            Err(EngineError::NoSuchIndex { .. }) if self.cancel(collection, path) => Ok(writer.sequence()),
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
        BuildAnswer::CatchUp(Box::new(build), round)
    }

    /// Cancels everything: the database is closing.
    pub(crate) fn cancel_all(&self) {
        self.0.iter().for_each(|(.., cancel)| cancel.cancel());
    }

    fn cancel(&mut self, collection: CollectionId, path: &FieldPath) -> bool {
        let mut cancelled = false;
        let is_meant = |(id, building, cancel): &&(CollectionId, FieldPath, CancelBuild)| {
            *id == collection && building == path && cancel.is_wanted()
        };
        for (.., cancel) in self.0.iter().filter(is_meant) {
            cancel.cancel();
            cancelled = true;
        }
        cancelled
    }
}

fn build_on_a_thread(build: IndexBuild, ticket: Ticket, link: &Arc<Link>, reply: Reply<Sequence>) {
    let building = Arc::clone(link);
    let thread = thread::Builder::new().name("ferrumdb-index".to_owned());
    // If there is no thread to be had, the closure and with it the reply is dropped, and the waiter is told so.
    let run = move || {
        let outcome = run_noting(build, &building, |done, of| ticket.progress().note(done, of));
        drop(ticket);
        reply.answer(outcome);
    };
    if let Err(error) = thread.spawn(run) {
        tracing::error!(%error, "an index is not built, since its thread could not be started");
    }
}

/// Runs a build to its end.
pub(crate) fn run(build: IndexBuild, link: &Link) -> Result<Sequence> {
    run_noting(build, link, |_, _| {})
}

fn run_noting(mut build: IndexBuild, link: &Link, note: impl FnMut(u64, u64)) -> Result<Sequence> {
    build.run_noting(note)?;
    loop {
        let (reply, receiver) = oneshot::channel();
        if !link.outbox().insist(Command::IndexRound(Box::new(build), reply)) {
            return Err(link.closed());
        }
        match receiver.recv().map_err(|oneshot::RecvError| link.closed())? {
            BuildAnswer::Done(result) => return result,
            BuildAnswer::CatchUp(caught, round) => {
                build = *caught;
                build.advance(round)?;
            }
        }
    }
}
