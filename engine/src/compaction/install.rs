//! Owns the writer's part in a compaction: beginning it, and putting its file in the place of the old one. Never
//! acknowledges a commit in the new file before its name is durable.

use std::io;
use std::sync::Arc;

use super::target::TargetFile;
use super::{Compacted, Compaction, History, Phase, Relocation, Source};
use crate::error::{Error, Result};
use crate::key::Sequence;
use crate::log::{Appender, LOG_START};
use crate::paths;
use crate::writer::{LogState, Writer};

impl Writer {
    /// Begins a compaction. Nothing, if there is nothing to compact, or the entries of the last one are still being
    /// moved.
    ///
    /// What has expired travels along: purge it before.
    ///
    /// # Errors
    /// [`Error::Io`] when its file cannot be made; [`Error::Poisoned`].
    pub fn begin_compaction(&mut self, history: History) -> Result<Option<Compaction>> {
        self.check()?;
        self.let_feeds_go();
        if self.log().sequence == Sequence::ZERO || self.log().moves.is_some() {
            return Ok(None);
        }
        Compaction::begin(self.file_system(), self.copy_source(), history).map(Some)
    }

    /// Takes from the feeds what an earlier compaction has replaced: each may be one compaction behind, and no more.
    pub fn let_feeds_go(&self) {
        self.shared().holds.let_go();
    }

    /// What is published now, to be copied beside commits.
    pub(crate) fn copy_source(&self) -> Source {
        Source::now(self.shared(), self.log())
    }

    /// Catches up, for a compaction that [needs help](Compaction::needs_help): a megabyte, and twice what was committed since it
    /// helped last. Nothing is committed meanwhile, so each time less is left, however fast commits come, and no commit waits
    /// for longer than this takes.
    ///
    /// # Errors
    /// [`Error::Cancelled`], if another compaction was installed or the database was opened again since it was begun;
    /// [`Error::Damaged`] and [`Error::Io`]: nothing has changed, and the compaction is of no use any more.
    /// [`Error::Poisoned`].
    pub fn help_compaction(&mut self, compaction: &mut Compaction) -> Result<()> {
        self.check()?;
        if !Arc::ptr_eq(&compaction.old, &self.log().generation) {
            return Err(Error::Cancelled);
        }
        if compaction.phase != Phase::CatchingUp {
            return Ok(());
        }
        compaction.catch_up_as_writer(self.log_end()).inspect_err(|_| compaction.phase = Phase::Failed)
    }

    /// Copies what is left, and puts the compacted file in the place of the old one: syncs it, renames it, syncs the
    /// folder. Commits go on in it. The entries of the keydir are to be moved next, by [`Relocation::step`], and then
    /// to be handed to [`Writer::finish_relocation`].
    ///
    /// A sync of the old file that is still under way says nothing about the new one, which is synced itself: see
    /// [`Writer::finish_sync`].
    ///
    /// # Errors
    /// [`Error::Cancelled`], if another compaction was installed or the database was opened again since it was begun,
    /// [`Error::Io`], also if another file has the database's name by now, and
    /// [`Error::Damaged`]: nothing has changed. [`Error::InDoubt`]: it is
    /// not known which of the two files the folder will name after a power cut, and the writer has stopped; every
    /// commit so far is in both. [`Error::Poisoned`].
    ///
    /// # Panics
    /// When the compaction is not ready.
    pub fn install_compaction(&mut self, mut compaction: Compaction) -> Result<(Relocation, Compacted)> {
        self.check()?;
        assert_eq!(compaction.phase, Phase::Ready, "it was advanced until it was ready");
        if !Arc::ptr_eq(&compaction.old, &self.log().generation) {
            return Err(Error::Cancelled);
        }
        let (bytes_before, end) = (self.log_end() - LOG_START, self.log_end());
        compaction.catch_up(end, end)?;
        self.check_walk(&compaction)?;
        let failed = |source| Error::io("compact", &compaction.shared.path, source);
        let (end, chain, last_record) =
            compaction.target.finish(self.log().keyring.as_deref()).map_err(failed)?;
        self.give_name(&mut compaction)?;

        let TargetFile { header, generation, lock, keyring, sealer } =
            compaction.target.file.take().expect("a compaction is installed once");
        let moves = Arc::new(std::mem::take(&mut compaction.target.moves));
        // ORDER: readers know the new generation before an entry leads there.
        self.shared().retired.push(&compaction.old);
        compaction.old.succeed(Arc::clone(&generation));
        let appender = Appender::new(Arc::clone(&generation.file), end, end);
        let (sequence, time) = (self.log().sequence, self.log().time);
        let old = Arc::clone(&compaction.old);
        let relocation = Relocation::new(self.shared(), old, header.generation, &moves);
        let moves = Some(moves);
        let log = LogState { header, generation, keyring, sealer, moves, chain, sequence, time, last_record };
        self.continue_in(log, appender, lock);
        let compacted =
            Compacted { bytes_before, bytes_after: end - LOG_START, records_dropped: compaction.dropped };
        Ok((relocation, compacted))
    }

    /// What is left to do of the last relocation, from its beginning, when whoever did it is gone: as long as it is not finished,
    /// nothing can be compacted, and no hint is written. Nothing, if nothing is left.
    #[must_use]
    pub fn unfinished_relocation(&self) -> Option<Relocation> {
        let moves = self.log().moves.as_ref()?;
        let old = self.shared().generations.load_full();
        Some(Relocation::new(self.shared(), old, self.log().header.generation, moves))
    }

    /// Lets go of the old file, now that no entry leads there. Snapshots that need it keep it, and so does the relocation until
    /// it is dropped.
    ///
    /// # Panics
    /// When the relocation is not done.
    pub fn finish_relocation(&mut self, relocation: &Relocation) {
        assert!(
            relocation.is_done() && relocation.is_to(self.log().header.generation),
            "every entry is moved"
        );
        self.shared().generations.store(Arc::clone(&self.log().generation));
        self.forget_moves();
    }

    /// That the copied log is the one that this writer has written, to its last commit.
    fn check_walk(&self, compaction: &Compaction) -> Result<()> {
        let (place, log) = (compaction.place, self.log());
        if (place.sequence, place.chain) == (log.sequence, log.chain) {
            return Ok(());
        }
        let (path, position) = (Arc::clone(&self.shared().path), place.position);
        Err(Error::Damaged { path, position, reason: "the log does not end with the newest commit" })
    }

    /// Gives the compacted file the database's name, durably.
    fn give_name(&mut self, compaction: &mut Compaction) -> Result<()> {
        let path = Arc::clone(&self.shared().path);
        let failed = |source| Error::io("compact", &path, source);
        // INVARIANT: only the old file is replaced. Somebody may have moved it away, and put another in its place.
        if !compaction.old.file.is_named(&path).map_err(failed)? {
            return Err(failed(io::Error::new(
                io::ErrorKind::NotFound,
                "another file has its name, or none",
            )));
        }
        if let Err(source) = compaction.target.rename(&path) {
            // A rename that failed has normally not happened. Whoever is not sure must not go on writing.
            return match compaction.old.file.is_named(&path) {
                Ok(true) => Err(failed(source)),
                _ => Err(self.stop_between(compaction, source)),
            };
        }
        // INVARIANT: no commit is acknowledged in the new file before this: a power cut could bring the old one back.
        let synced = self.file_system().sync_directory(paths::folder(&path));
        synced.map_err(|source| self.stop_between(compaction, source))
    }

    /// Stops writing, since either file may be the database after a power cut. Both stay locked.
    fn stop_between(&mut self, compaction: &mut Compaction, source: io::Error) -> Error {
        if let Some(TargetFile { lock, .. }) = compaction.target.file.take() {
            self.hold(lock);
        }
        self.poison_in_doubt(source)
    }
}
