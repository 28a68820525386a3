//! Owns damaging copies of the disk of a database that was closed well, and what must become of each. Never touches the
//! disk itself.

use std::path::Path;
use std::sync::Arc;

use ferrumdb_engine::fs::{FileSystem, SimFs};
use ferrumdb_engine::{Error, open};

use super::{PATH, Run};
use crate::bytes::{HEAD_BYTES, LOG_START, MARK_BYTES, claim_nothing, records, seal_log, seal_payload};
use crate::check;

impl Run {
    /// Flips a bit.
    pub(super) fn flip(&mut self, seed: u64) -> Result<(), String> {
        let Some((mut bytes, log_end)) = self.closed_file() else { return Ok(()) };
        let number = (seed / 4) as usize;
        let in_header = seed.is_multiple_of(4) || log_end == LOG_START;
        let position =
            if in_header { number % LOG_START } else { LOG_START + number % (log_end - LOG_START) };
        bytes[position] ^= 1 << (seed % 8);
        if !in_header {
            return self.must_be_refused(&bytes, &format!("a bit flipped at {position}"));
        }
        match open(self.options(), Arc::new(self.copy_with(&bytes))) {
            Ok((_, reader)) => check::reader(&reader, self.model.now(), self.model.sequence(), true),
            Err(error) => Err(format!("a bit flipped at {position}: {error}")),
        }
    }

    /// Cuts the file short, somewhere before its close mark.
    pub(super) fn shorten(&mut self, seed: u64) -> Result<(), String> {
        let Some((bytes, log_end)) = self.closed_file() else { return Ok(()) };
        // Where a record ends is where it would be easiest to miss.
        let ends: Vec<_> = records(&bytes).iter().map(|record| record.start).collect();
        let number = (seed / 2) as usize;
        let end = if seed.is_multiple_of(2) {
            ends[number % ends.len()]
        } else {
            LOG_START + number % (log_end - LOG_START).max(1)
        };
        if end == log_end {
            return Ok(());
        }
        self.must_be_refused(&bytes[..end], &format!("cut short at {end}"))
    }

    /// Makes the file say what no writer does, with everything that ties it together made right again.
    pub(super) fn forge(&mut self, seed: u64) -> Result<(), String> {
        let Some((mut bytes, _)) = self.closed_file().filter(|_| self.key.is_none()) else { return Ok(()) };
        let all = records(&bytes);
        let base_records = all.iter().position(|record| record.is_base_end).map(|index| index + 1);
        let (base, rest) = all.split_at(base_records.unwrap_or(0));
        // Nothing claims that the close mark was synced.
        let commits = &rest[..rest.len() - 1];
        let (more, number) = (1 + (seed >> 16) as u8 % 3, (seed / 4) as usize);
        let (what, position, record) = match (seed % 4, base.last()) {
            (0, Some(end)) if number.is_multiple_of(2) => {
                for copy in [0, 1] {
                    claim_nothing(&mut bytes, copy);
                }
                let end = LOG_START + number / 2 % (end.end - LOG_START);
                return self.must_be_refused(&bytes[..end], "a base section that ends, and no claim");
            }
            (0, Some(end)) => ("the count of a base section", end.start + HEAD_BYTES + end.payload - 8, *end),
            _ if commits.is_empty() => return Ok(()),
            (kind, _) => {
                let record = commits[number % commits.len()];
                match kind {
                    1 => ("an ordinal", record.start + 24, record),
                    2 if record.has_mark => ("the count of a commit", record.end - MARK_BYTES + 24, record),
                    _ => ("a sequence", record.start + 8, record),
                }
            }
        };
        bytes[position] = bytes[position].wrapping_add(more);
        seal_payload(&mut bytes, &record);
        seal_log(&mut bytes);
        self.must_be_refused(&bytes, &format!("{what} changed at {position}"))
    }

    /// The file of a database that was closed well, and where its close mark begins.
    fn closed_file(&self) -> Option<(Vec<u8>, usize)> {
        let bytes = self.sim.live_bytes(PATH).filter(|_| self.closed_well)?;
        let log_end = records(&bytes).last()?.start;
        Some((bytes, log_end))
    }

    /// The disk, with this as the file.
    fn copy_with(&self, bytes: &[u8]) -> SimFs {
        let disk = self.sim.fork(bytes.len() as u64);
        disk.overwrite(PATH, 0, bytes);
        let file = disk.open(Path::new(PATH), ferrumdb_engine::fs::OpenMode::ReadWrite);
        file.and_then(|file| file.set_len(bytes.len() as u64))
            .expect("the copy fails only when it is told to");
        // With its hint, an opening does not look at what the hint covers: damage there is told by its reader.
        let _ = disk.remove(Path::new(&format!("{PATH}.hint")));
        disk
    }

    fn must_be_refused(&self, bytes: &[u8], what: &str) -> Result<(), String> {
        let disk = self.copy_with(bytes);
        match open(self.options(), Arc::new(disk.clone())) {
            Err(Error::Damaged { .. }) if disk.live_bytes(PATH).as_deref() == Some(bytes) => Ok(()),
            Err(Error::Damaged { .. }) => Err(format!("{what}: a refused file was changed")),
            other => Err(format!("{what}: {:?}", other.map(drop))),
        }
    }
}
