//! Owns the end of every copy: it is synced, read back, verified, and then gets its name. Never takes the place of
//! another file.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files::LogFile;
use crate::compaction::{STEP_BYTES, Target};
use crate::error::{Error, Result};
use crate::log::{Chain, Header, Kind, Place};

/// A file that is written, and is being read back.
#[derive(Debug)]
pub(super) struct Finish {
    target: Target,
    to: PathBuf,
    read: LogFile,
    /// Where its log ends, and with which chain value.
    end: u64,
    chain: Chain,
    /// How far it was read.
    place: Place,
    records: u64,
}

/// What was written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written {
    pub(super) bytes: u64,
    pub(super) records: u64,
}

impl Finish {
    /// Makes a file durable that is to be called `to`.
    pub(super) fn begin(mut target: Target, to: &Path) -> Result<Self> {
        // ORDER: the log is durable before the header that says so.
        let (end, chain, _) = target
            .sync()
            .and_then(|()| target.finish(None))
            .map_err(|source| Error::io("write", to, source))?;
        let ((file_system, path), (_, keyring)) = (target.place(), target.written());
        let read = LogFile::reopen(file_system, path, keyring)?;
        let place = read.start();
        Ok(Self { target, to: to.to_path_buf(), read, end, chain, place, records: 0 })
    }

    /// Verifies about a megabyte of it, and says how much; nothing once all of it is verified.
    pub(super) fn step(&mut self) -> Result<Option<u64>> {
        let from = self.place.position;
        if from >= self.end {
            return self.check_end().map(|()| None);
        }
        let mut walk = self.read.walk(self.place)?;
        while walk.place().position < (from + STEP_BYTES).min(self.end) {
            walk.next(|_, head, _| self.records += u64::from(head.kind != Kind::BaseEnd))?;
        }
        self.place = walk.place();
        Ok(Some(self.place.position - from))
    }

    /// How many bytes are still to be read.
    pub(super) fn left(&self) -> u64 {
        self.end.saturating_sub(self.place.position)
    }

    /// Gives it its name, durably.
    pub(super) fn publish(self) -> Result<Written> {
        let Self { target, to, end, records, .. } = self;
        target.publish(&to).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => Error::Exists { path: to.clone() },
            _ => Error::io("give a name to", &to, source),
        })?;
        Ok(Written { bytes: end, records })
    }

    fn check_end(&self) -> Result<()> {
        // The parameters of encryption are made as they are written, and were checked by the keys.
        let read = Header { encryption: None, ..self.read.header.clone() };
        let written = Header { encryption: None, ..self.target.written().0.clone() };
        let is_whole = (self.read.end, read) == (self.end, written)
            && (self.place.position, self.place.chain) == (self.end, self.chain);
        if is_whole {
            return Ok(());
        }
        let (path, position) = (Arc::from(self.to.as_path()), self.place.position);
        Err(Error::Damaged { path, position, reason: "what is read back is not what was written" })
    }
}
