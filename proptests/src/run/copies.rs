//! Owns damaging copies of the disk of a database that was closed well, and what must become of each. Never touches the
//! disk itself.

use std::path::Path;
use std::sync::Arc;

use ferrumdb_engine::fs::{FileSystem, SimFs};
use ferrumdb_engine::{Error, open};

use super::{PATH, Run};
use crate::bytes::{HEAD_BYTES, LOG_START, MARK_BYTES, Record, records, seal_log, seal_payload};
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

    /// Makes the log say what no writer does, with everything that ties it together made right again.
    pub(super) fn forge(&mut self, seed: u64) -> Result<(), String> {
        let Some((mut bytes, _)) = self.closed_file().filter(|_| self.key.is_none()) else { return Ok(()) };
        let all = records(&bytes);
        let base_end = all.iter().position(|record| record.is_base_end);
        // Nothing claims that the close mark was synced.
        let commits = &all[base_end.map_or(0, |index| index + 1)..all.len() - 1];
        if commits.is_empty() {
            return Ok(());
        }
        let more = 1 + (seed >> 16) as u8 % 3;
        let of_commits = commits[(seed / 4) as usize % commits.len()];
        let is_of_base = seed % 4 == 3;
        let record = base_end.filter(|_| is_of_base).map_or(of_commits, |index| all[index]);
        let Record { start, end, .. } = record;
        let (what, position) = match seed % 4 {
            3 if record.is_base_end => {
                ("the count of a base section", start + HEAD_BYTES + record.payload - 8)
            }
            2 | 3 if record.has_mark => ("the count of a commit", end - MARK_BYTES + 24),
            1 => ("an ordinal", start + 24),
            _ => ("a sequence", start + 8),
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
