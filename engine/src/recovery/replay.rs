//! Owns bringing a database back from its log: walking it, judging its tail, and making the rest durable. Never invents a commit.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;

use super::cases::{Claim, TailAction, TailFound};
use crate::apply::Applier;
use crate::cache::DocumentCache;
use crate::error::{Error, Result};
use crate::fs::{File, FileSystem, OpenMode, read_full, write_all};
use crate::key::{CollectionId, Key, Sequence, Timestamp};
use crate::keydir::{Entry, Keydir};
use crate::lock::FileLock;
use crate::log::{
    Appender, Beyond, Chain, Head, Header, Kind, LOG_START, Mark, Payload, Scanner, Seed, Step,
};
use crate::options::Options;
use crate::paths;
use crate::pins::Pins;
use crate::reader::Reader;
use crate::stats::RecoveryReport;
use crate::undo::UndoMap;
use crate::view::{Shared, View};
use crate::writer::{LogState, Writer};

/// How much of the log is made durable again at a time.
const REWRITE_BYTES: usize = 1 << 20;

/// Reads the log of a locked file with this header, and hands out the two halves.
pub(super) fn recover(
    options: Options,
    file_system: &dyn FileSystem,
    path: &Path,
    file: Arc<dyn File>,
    lock: FileLock,
    header: Header,
) -> Result<(Writer, Reader)> {
    let seed = Seed::new(header.file_id, header.generation);
    let shared = Arc::new(Shared {
        path: Arc::from(path),
        limits: options.limits,
        file: Arc::clone(&file),
        seed,
        keydir: Keydir::new(),
        undo: UndoMap::new(),
        pins: Pins::new(),
        view: ArcSwap::from_pointee(View::default()),
        cache: DocumentCache::new(options.cache_bytes),
        recovery: OnceLock::new(),
    });
    let mut applier = Applier::new(Arc::clone(&shared));
    let log = Log::read(&*file, seed, &header, &mut applier, &shared.keydir)
        .map_err(|source| Error::io("read", path, source))?;
    let report = log.settle(file_system, path, &file)?;
    shared.recovery.set(report).expect("recovery reports once");

    let file_bytes = file.len().map_err(|source| Error::io("measure", path, source))?;
    let appender = Appender::new(file, log.end, file_bytes);
    applier.publish(log.sequence, log.end);
    let state = LogState { header, chain: log.chain, sequence: log.sequence, time: log.time };
    let writer = Writer::new(Arc::clone(&shared), appender, applier, state, lock, options.clock);
    Ok((writer, Reader::new(shared)))
}

/// What the walk through the log found.
struct Log {
    /// Where the last good commit ends, and what a next one must continue.
    end: u64,
    sequence: Sequence,
    chain: Chain,
    time: Timestamp,
    /// The farthest position that the header or a good commit's mark claims was synced.
    claim: u64,
    closed: bool,
    tail: TailFound,
    beyond: Beyond,
    reason: &'static str,
}

impl Log {
    fn read(
        file: &dyn File,
        seed: Seed,
        header: &Header,
        applier: &mut Applier,
        keydir: &Keydir,
    ) -> io::Result<Self> {
        let mut scanner = Scanner::new(file, seed, Chain::start(header.file_id, header.generation))?;
        let mut claim = header.synced;
        let mut time = header.created;
        let mut staged = Staged::default();
        let last = loop {
            staged.changes.clear();
            match scanner.next_commit(|position, head, payload| staged.push(position, head, payload))? {
                Step::Commit(Mark { synced, time: commit_time, .. }) => {
                    // INVARIANT: nothing of a commit is applied before its mark has been seen and its chain holds.
                    for (collection, key, entry) in &staged.changes {
                        applier.apply_unread(&keydir.hash(*collection, key), key, *entry);
                    }
                    claim = claim.max(synced);
                    time = time.max(commit_time);
                    staged.closed = staged.last_kind == Some(Kind::CloseMark);
                }
                other => break other,
            }
        };
        let (beyond, reason) = match last {
            Step::Bad(reason) => (Some(scanner.beyond()?), reason),
            _ => (None, "the file ends before a position that had been synced"),
        };
        Ok(Self {
            end: scanner.position(),
            sequence: scanner.sequence(),
            chain: scanner.chain(),
            time,
            claim,
            closed: staged.closed || scanner.sequence() == Sequence::ZERO,
            tail: match beyond {
                None => TailFound::Zeros,
                Some(Beyond { commits: false, .. }) => TailFound::Garbage,
                Some(Beyond { commits: true, .. }) => TailFound::Commits,
            },
            beyond: beyond.unwrap_or_default(),
            reason,
        })
    }

    /// Does with the tail what the table says, and makes the log durable up to its end.
    fn settle(
        &self,
        file_system: &dyn FileSystem,
        path: &Path,
        file: &Arc<dyn File>,
    ) -> Result<RecoveryReport> {
        let claim = if self.claim.max(self.beyond.claim) > self.end { Claim::Beyond } else { Claim::Within };
        let action = self.tail.action(claim);
        let torn = |source| Error::io("save the torn tail of", path, source);
        let torn_file = match action {
            TailAction::Refuse => {
                return Err(Error::Damaged {
                    path: Arc::from(path),
                    position: self.end,
                    reason: self.reason,
                });
            }
            TailAction::SaveAndCut => Some(self.save(file_system, path, &**file).map_err(torn)?),
            TailAction::Keep | TailAction::Cut => None,
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
        let commits = self.sequence.0;
        Ok(RecoveryReport { clean: self.closed && torn_bytes == 0, commits, torn_bytes, torn_file })
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

    fn save(&self, file_system: &dyn FileSystem, path: &Path, file: &dyn File) -> io::Result<PathBuf> {
        let temporary = paths::temporary(path);
        let torn = paths::torn(path, self.sequence);
        let copy = file_system.open(&temporary, OpenMode::CreateNew)?;
        let saved = (|| {
            let mut buffer = vec![0; REWRITE_BYTES];
            let mut position = self.end;
            while position < self.beyond.end {
                let wanted = buffer.len().min((self.beyond.end - position) as usize);
                let read = read_full(file, &mut buffer[..wanted], position)?;
                if read == 0 {
                    break;
                }
                write_all(&*copy, &buffer[..read], position - self.end)?;
                position += read as u64;
            }
            copy.sync()?;
            file_system.rename(&temporary, &torn)?;
            file_system.sync_directory(paths::folder(path))
        })();
        if saved.is_err() {
            // Whatever is left of it, the next opening removes as well.
            let _ = file_system.remove(&temporary);
        }
        saved.map(|()| torn)
    }
}

/// The changes of a commit whose mark has not been seen yet.
#[derive(Default)]
struct Staged {
    changes: Vec<(CollectionId, Key, Entry)>,
    last_kind: Option<Kind>,
    closed: bool,
}

impl Staged {
    fn push(&mut self, position: u64, head: &Head, payload: Option<Payload<'_>>) {
        self.last_kind = Some(head.kind);
        let Some(payload) = payload else { return };
        let entry = match head.kind {
            Kind::Set => Entry::new(position, head.sequence, head.ordinal, head.payload_bytes),
            Kind::Delete => Entry::tombstone(head.sequence, head.ordinal),
            Kind::SyncMark | Kind::CloseMark => return,
        };
        self.changes.push((payload.collection, Key::from(payload.key), entry));
    }
}
