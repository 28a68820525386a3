//! Owns bringing a database back from its log: walking it, judging its tail, and making the rest durable. Never invents a commit.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::cases::{Claim, TailAction, TailFound};
use super::staged::Staged;
use super::torn;
use super::unlock::Unlocked;
use super::unread::Unread;
use crate::apply::Applier;
use crate::error::{Error, Result};
use crate::fs::{File, FileSystem, read_full, write_all};
use crate::generation::Generation;
use crate::hint::{Hints, Start, Walked};
use crate::index::definition::DefinitionError;
use crate::indexing::Definitions;
use crate::key::{Sequence, Timestamp};
use crate::lock::FileLock;
use crate::log::{Appender, Beyond, Chain, Kind, LOG_START, Mark, Place, RecordSealer, Scanner, Step};
use crate::options::Options;
use crate::paths;
use crate::reader::Reader;
use crate::snapshot::Snapshot;
use crate::stats::RecoveryReport;
use crate::view::Shared;
use crate::writer::{LogState, Writer};

/// How much of the log is made durable again at a time.
const REWRITE_BYTES: usize = 1 << 20;

/// Reads the log of a locked file with this header, and hands out the two halves.
pub(super) fn recover(
    options: Options,
    file_system: Arc<dyn FileSystem>,
    path: &Path,
    file: Arc<dyn File>,
    lock: FileLock,
    unlocked: Unlocked,
) -> Result<(Writer, Reader)> {
    let Unlocked { header, keyring, is_rekeyed_in_part } = unlocked;
    let generation = Generation::new(&header, keyring.as_deref(), Arc::clone(&file));
    let start = Start::find(&*file_system, path, &*file, &generation.keys, &header, keyring.as_deref());
    let hinted_end = start.walked.place.position;
    let shared = Shared::new(path, options, &generation, start.keydir, start.expiry_times, start.view);
    let mut applier = Applier::new(Arc::clone(&shared));
    applier.enter(header.generation);
    let mut log = Log::read(&generation, start.walked, &mut applier, &shared)?;
    let action = log.judge(path)?;
    applier.publish(log.sequence, log.end, log.time);
    applier.sweep_all();
    // ORDER: building indexes reads documents, and may refuse the file. So it comes before anything is changed in it.
    let definitions = std::mem::take(&mut log.definitions);
    let catalog = definitions.build(&Snapshot::new(&shared), applier.catalog(), || Ok(()))?;
    *applier.catalog_mut() = catalog;
    applier.publish(log.sequence, log.end, log.time);
    let report = log.settle(action, &*file_system, path, &file)?;
    shared.recovery.set(report).expect("recovery reports once");

    let file_bytes = file.len().map_err(|source| Error::io("measure", path, source))?;
    let appender = Appender::new(file, log.end, file_bytes);
    let (sequence, last_record) = (log.sequence, log.last_record);
    let (chain, time, moves) = (log.chain, log.time, None);
    let sealed_max = header.encryption.as_ref().map_or(0, |block| block.sealed_max);
    let sealer = RecordSealer::new(&header, keyring.as_deref(), sealed_max);
    let state = LogState { header, generation, keyring, sealer, moves, chain, sequence, time, last_record };
    let hints = Hints::new(file_system, hinted_end);
    let mut writer = Writer::new(Arc::clone(&shared), appender, applier, state, hints, lock);
    if is_rekeyed_in_part {
        writer.renew_headers()?;
    }
    Ok((writer, Reader::new(shared)))
}

/// What the walk through the log found.
struct Log {
    /// Where the last good commit ends, and what a next one must continue.
    end: u64,
    sequence: Sequence,
    chain: Chain,
    definitions: Definitions,
    time: Timestamp,
    /// The position of the record that carries the last good commit's mark.
    last_record: u64,
    /// The newest commit that a hint stood for.
    hint: Option<Sequence>,
    /// The farthest position that the header or a good commit's mark claims was synced.
    claim: u64,
    closed: bool,
    tail: TailFound,
    beyond: Beyond,
    reason: &'static str,
    /// The position of a record whose seal is broken.
    tampered: Option<u64>,
}

impl Log {
    fn read(generation: &Generation, walked: Walked, applier: &mut Applier, shared: &Shared) -> Result<Self> {
        let failed = |source| Error::io("read", &shared.path, source);
        let unreadable = |error: DefinitionError| Error::definition(&shared.path, &error);
        let mut scanner = Scanner::new(&*generation.file, &generation.keys, walked.place).map_err(failed)?;
        let hint = walked.hinted();
        let Walked { mut claim, mut time, definitions, last_record, closed, .. } = walked;
        let mut staged = Staged::new(generation.number(), closed, last_record);
        let mut unread = Unread::new(shared, applier, definitions);
        let last = loop {
            match scanner
                .next(|at, head, payload| staged.push(at, head, payload, |id| unread.is_indexed(id)))
                .map_err(failed)?
            {
                // A base section counts whole or not at all too: without its end, nothing of this is ever seen.
                Step::Base => unread.take(staged.changes()).map_err(unreadable)?,
                Step::Commit(Mark { synced, time: commit_time, .. }) => {
                    // INVARIANT: nothing of a commit is applied before its mark has been seen and its chain holds.
                    unread.take(staged.changes()).map_err(unreadable)?;
                    claim = claim.max(synced);
                    time = time.max(commit_time);
                    staged.closed = staged.last_kind == Some(Kind::CloseMark);
                    staged.last_marked = staged.last_record;
                }
                other => break other,
            }
        };
        let definitions = unread.finish();
        let Place { position, sequence, chain, base } = scanner.place();
        // INVARIANT: a base section is synced before its file gets the name, so an unfinished one is damage.
        let claim = if base.is_some() { u64::MAX } else { claim };
        let (beyond, reason) = match last {
            Step::Bad(reason) => (Some(scanner.beyond().map_err(failed)?), reason),
            Step::Commit(_) | Step::Base | Step::End | Step::Tampered(_) => {
                (None, "the file ends before a position that had been synced")
            }
        };
        Ok(Self {
            end: position,
            sequence,
            chain,
            definitions,
            time,
            claim,
            last_record: staged.last_marked,
            hint,
            closed: staged.closed,
            tail: match beyond {
                None => TailFound::Zeros,
                Some(Beyond { commits: false, .. }) => TailFound::Garbage,
                Some(Beyond { commits: true, .. }) => TailFound::Commits,
            },
            beyond: beyond.unwrap_or_default(),
            reason,
            tampered: if let Step::Tampered(position) = last { Some(position) } else { None },
        })
    }

    /// What the table says is to be done with the tail, unless that is to refuse the file.
    fn judge(&self, path: &Path) -> Result<TailAction> {
        if let Some(position) = self.tampered {
            // No crash leaves this behind, so nothing is cut.
            return Err(Error::Tampered { path: Arc::from(path), position });
        }
        let claim = if self.claim.max(self.beyond.claim) > self.end { Claim::Beyond } else { Claim::Within };
        match self.tail.action(claim) {
            TailAction::Refuse => {
                Err(Error::Damaged { path: Arc::from(path), position: self.end, reason: self.reason })
            }
            action => Ok(action),
        }
    }

    /// Does with the tail what was decided, and makes the log durable up to its end.
    fn settle(
        &self,
        action: TailAction,
        file_system: &dyn FileSystem,
        path: &Path,
        file: &Arc<dyn File>,
    ) -> Result<RecoveryReport> {
        let failed = |source| Error::io("save the torn tail of", path, source);
        let torn_file = match action {
            TailAction::SaveAndCut => {
                let tail = self.end..self.beyond.end;
                Some(torn::save(file_system, path, &**file, tail, self.sequence).map_err(failed)?)
            }
            TailAction::Keep | TailAction::Cut | TailAction::Refuse => None,
        };
        let torn_bytes = self.beyond.end.saturating_sub(self.end);
        // ORDER: the tail is saved before it is cut, and the cut is synced before anything is appended.
        let settled = match action {
            TailAction::Keep => Ok(()),
            _ => file.set_len(self.end),
        };
        // ORDER: the name too is durable before a commit is accepted: whoever made the file may have died just before.
        settled
            .and_then(|()| self.rewrite(&**file))
            .and_then(|()| file_system.sync_directory(paths::folder(path)))
            .map_err(|source| Error::io("recover", path, source))?;
        if torn_bytes > 0 {
            let saved = torn_file.as_deref().map(Path::display).map(tracing::field::display);
            tracing::warn!(path = %path.display(), torn_bytes, saved, after = %self.sequence,
                "cut off a torn tail: the last commit before a crash was not finished");
        }
        Ok(RecoveryReport {
            clean: self.closed && torn_bytes == 0,
            commits: self.sequence.0 - self.hint.unwrap_or_default().0,
            hint: self.hint,
            torn_bytes,
            torn_file,
        })
    }

    /// Writes again what no claim proves to be durable, and syncs it: after a failed sync, a page that can be read
    /// may be in memory alone, and counted as clean.
    fn rewrite(&self, file: &dyn File) -> io::Result<()> {
        let mut position = self.claim.clamp(LOG_START, self.end);
        let mut buffer = vec![0; REWRITE_BYTES.min((self.end - position) as usize)];
        while position < self.end {
            let len = buffer.len().min((self.end - position) as usize);
            let bytes = &mut buffer[..len];
            if read_full(file, bytes, position)? < len {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            write_all(file, bytes, position)?;
            position += len as u64;
        }
        file.sync()
    }
}
