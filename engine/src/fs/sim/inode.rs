//! Owns one simulated file's bytes: those that are durable, those that readers see, and the changes between. Never
//! knows a name.

use std::io;

use super::Unsynced;
use super::fate::{Fate, PendingChange, Random, SECTOR_BYTES};

/// A simulated file lies in memory twice, so it stays small.
const LEN_MAX: u64 = 1 << 32;

/// INVARIANT: `live` is `durable` with all `pending` applied in order, except for what a failed sync has lost.
#[derive(Clone, Debug, Default)]
pub(super) struct Inode {
    durable: Vec<u8>,
    live: Vec<u8>,
    pending: Vec<Pending>,
    /// The sectors that were ever written, which is what counts against the capacity.
    written: Vec<bool>,
    /// The handle that holds the lock.
    pub(super) holder: Option<u64>,
    /// Open handles.
    pub(super) handles: usize,
}

#[derive(Clone, Debug)]
struct Pending {
    call: u64,
    change: Change,
}

#[derive(Clone, Debug)]
enum Change {
    Write { position: usize, bytes: Vec<u8> },
    SetLen(usize),
}

impl Inode {
    pub(super) fn durable(&self) -> &[u8] {
        &self.durable
    }

    pub(super) fn unsynced(&self) -> Unsynced {
        let kinds = self.pending.iter().map(|pending| match pending.change {
            Change::Write { .. } => Unsynced::Bytes,
            Change::SetLen(_) => Unsynced::NoBytes,
        });
        kinds.max().unwrap_or_default()
    }

    pub(super) fn live(&self) -> &[u8] {
        &self.live
    }

    pub(super) fn read(&self, buffer: &mut [u8], position: u64) -> usize {
        let start = usize::try_from(position).unwrap_or(usize::MAX).min(self.live.len());
        let count = buffer.len().min(self.live.len() - start);
        buffer[..count].copy_from_slice(&self.live[start..start + count]);
        count
    }

    /// Writes as much as `free` further sectors hold, and says how much that was.
    pub(super) fn write(&mut self, call: u64, bytes: &[u8], position: u64, free: u64) -> io::Result<usize> {
        let end = position.checked_add(bytes.len() as u64).filter(|end| *end <= LEN_MAX);
        let end = end.ok_or(io::ErrorKind::FileTooLarge)?;
        let end = self.take_sectors(position, end, free);
        if end == position && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let count = (end - position) as usize;
        if count > 0 {
            let change = Change::Write { position: position as usize, bytes: bytes[..count].to_vec() };
            change.apply(&mut self.live);
            self.pending.push(Pending { call, change });
        }
        Ok(count)
    }

    pub(super) fn set_len(&mut self, call: u64, len: u64) -> io::Result<()> {
        if len > LEN_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let change = Change::SetLen(len as usize);
        change.apply(&mut self.live);
        self.pending.push(Pending { call, change });
        self.written.truncate(len.div_ceil(SECTOR_BYTES) as usize);
        Ok(())
    }

    pub(super) fn sync(&mut self) {
        for pending in self.pending.drain(..) {
            pending.change.apply(&mut self.durable);
        }
    }

    /// What Linux does: the pages count as clean from now on, whether they reached the disk or not, and no later sync
    /// writes them. The length is the file system's own and goes out with the next sync.
    pub(super) fn fail_sync(&mut self, call: u64, random: &mut Random) {
        for pending in self.pending.drain(..) {
            if random.coin() {
                pending.change.apply(&mut self.durable);
            }
        }
        if self.durable.len() != self.live.len() {
            self.pending.push(Pending { call, change: Change::SetLen(self.live.len()) });
        }
    }

    /// Lets each unsynced change have its fate; what is then durable is all there is.
    pub(super) fn settle(&mut self, mut choose: impl FnMut(u64, PendingChange) -> Fate) {
        for Pending { call, change } in std::mem::take(&mut self.pending) {
            match (choose(call, change.describe()), &change) {
                (Fate::Kept, _) => change.apply(&mut self.durable),
                (Fate::Torn { kept, grown }, Change::Write { position, bytes }) => {
                    let range = *position as u64..(position + bytes.len()) as u64;
                    for part in kept {
                        let part = part.start.max(range.start)..part.end.min(range.end);
                        if part.start < part.end {
                            let of_bytes =
                                (part.start - range.start) as usize..(part.end - range.start) as usize;
                            overwrite(&mut self.durable, part.start as usize, &bytes[of_bytes]);
                        }
                    }
                    if grown && self.durable.len() < range.end as usize {
                        self.durable.resize(range.end as usize, 0);
                    }
                }
                (Fate::Dropped | Fate::Torn { .. }, _) => {}
            }
        }
        self.live.clone_from(&self.durable);
        self.written.resize(self.durable.len().div_ceil(SECTOR_BYTES as usize), false);
    }

    /// Changes bytes as a failing medium does: at once, and for good.
    pub(super) fn rot(&mut self, position: usize, bytes: &[u8]) {
        overwrite(&mut self.durable, position, bytes);
        overwrite(&mut self.live, position, bytes);
    }

    pub(super) fn sectors(&self) -> u64 {
        self.written.iter().filter(|written| **written).count() as u64
    }

    /// Marks sectors as written while there are free ones, and says where that ended.
    fn take_sectors(&mut self, position: u64, end: u64, mut free: u64) -> u64 {
        let mut reached = position;
        while reached < end {
            let sector = (reached / SECTOR_BYTES) as usize;
            if self.written.len() <= sector {
                self.written.resize(sector + 1, false);
            }
            if !self.written[sector] {
                if free == 0 {
                    break;
                }
                free -= 1;
                self.written[sector] = true;
            }
            reached = end.min((sector as u64 + 1) * SECTOR_BYTES);
        }
        reached
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write { position, bytes: written } => overwrite(bytes, *position, written),
            Self::SetLen(len) => bytes.resize(*len, 0),
        }
    }

    fn describe(&self) -> PendingChange {
        match self {
            Self::Write { position, bytes } => {
                PendingChange::Write { position: *position as u64, len: bytes.len() as u64 }
            }
            Self::SetLen(len) => PendingChange::SetLen { len: *len as u64 },
        }
    }
}

fn overwrite(bytes: &mut Vec<u8>, position: usize, written: &[u8]) {
    let end = position + written.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[position..end].copy_from_slice(written);
}
