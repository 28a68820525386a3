//! Owns copying the commits behind one of them to a file of their own. Never copies a part of a commit.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Target;
use crate::compaction::{STEP_BYTES, Source, Walk, start};
use crate::error::{Error, Result};
use crate::fs::FileSystem;
use crate::key::{Sequence, Timestamp, UpTo};
use crate::log::{Origin, Place};

/// An incremental backup that is being copied.
#[derive(Debug)]
pub(super) struct Increment {
    source: Source,
    since: Sequence,
    target: Target,
    to: PathBuf,
    place: Place,
}

impl Increment {
    /// Whether the log holds every commit after `since`.
    pub(super) fn check(source: &Source, since: Sequence) -> Result<()> {
        let floor = source.header.history_floor;
        if since < floor {
            return Err(Error::HistoryDropped { asked: UpTo::Sequence(since.next()), floor });
        }
        if since > source.sequence {
            return Err(Error::NoSuchCommit { sequence: since, newest: source.sequence });
        }
        Ok(())
    }

    pub(super) fn begin(
        source: Source,
        since: Sequence,
        to: &Path,
        file_system: &Arc<dyn FileSystem>,
    ) -> Result<Self> {
        let origin = Origin { file_id: source.header.file_id, sequence: since, time: Timestamp(0) };
        let header = source.header.new_increment(source.shared.clock.now(), origin);
        let target = Target::create(
            file_system,
            to,
            &source.shared.path,
            &source.header,
            header,
            source.keyring.as_deref(),
        )
        .map_err(|error| Error::io("begin to write", to, error))?;
        let place = start(&source.header);
        Ok(Self { source, since, target, to: to.to_path_buf(), place })
    }

    /// Reads about a megabyte of the log, and says how much; nothing once all of it was read.
    pub(super) fn step(&mut self) -> Result<Option<u64>> {
        let Self { source, since, target, to, place } = self;
        let from = place.position;
        if from >= source.end {
            return Ok(None);
        }
        let stop = (from + STEP_BYTES).min(source.end);
        let mut walk = Walk::of_file(&source.shared.path, &source.generation, *place, source.end)?;
        while walk.place().position < stop {
            let is_wanted = walk.place().sequence >= *since && walk.place().base.is_none();
            if is_wanted {
                // Where a key's version before is, whoever restores it finds out: it may be in another file.
                let mark = walk.next(|_, head, payload| {
                    target.push_as(head, payload, 0);
                })?;
                target.end_commit(mark.expect("behind the base section there are commits only").time);
                target.write_if_full().map_err(|error| Error::io("write", to, error))?;
            } else if let Some(mark) = walk.next(|_, _, _| ())?
                && walk.place().sequence == *since
            {
                let (file_id, sequence) = (source.header.file_id, *since);
                target.set_origin(Origin { file_id, sequence, time: mark.time });
            }
        }
        *place = walk.place();
        Ok(Some(place.position - from))
    }

    /// How many bytes of log there are to be read.
    pub(super) fn log_bytes(&self) -> u64 {
        self.source.end.saturating_sub(start(&self.source.header).position)
    }

    /// The file, once everything is copied.
    pub(super) fn into_target(self) -> Target {
        self.target
    }
}
