//! Owns when the writing half has a hint file written, and of which state. Never lets a commit wait for one.

use super::{LogState, Writer};
use crate::hint::{HintTask, HintedCommit};
use crate::key::Sequence;
use crate::log::Header;

impl Writer {
    /// Whether the log has grown so much since the last hint that opening would gain by a newer one.
    #[must_use]
    pub fn wants_hint(&self) -> bool {
        self.poison.is_none() && self.hints.is_due(self.appender.end())
    }

    /// A hint file of the state that was published last, to be written beside further commits once the log is synced
    /// up to [`HintTask::needs_synced`]. Nothing, if there was no commit yet or the writer has stopped.
    pub fn begin_hint(&mut self) -> Option<HintTask> {
        // While entries are moved from one generation to the next, they are of neither alone.
        if self.poison.is_some() || self.log.sequence == Sequence::ZERO || self.log.moves.is_some() {
            return None;
        }
        let LogState { header: Header { file_id, generation, .. }, chain, last_record, .. } = self.log;
        let (chain, keyring) = (chain.value(), self.log.keyring.clone());
        let commit = HintedCommit { file_id, generation, last_record, chain, keyring };
        Some(self.hints.begin(&self.shared, commit, self.appender.watch_synced()))
    }

    /// Writes a hint file behind the close mark, if opening would gain by it.
    pub(super) fn write_last_hint(&mut self) {
        if self.hints.is_due_on_closing(self.appender.end())
            && let Some(Err(error)) = self.begin_hint().map(HintTask::run)
        {
            let path = self.shared.path.display();
            tracing::warn!(%path, %error, "could not write the hint file; the next opening reads more of the log");
        }
    }
}
