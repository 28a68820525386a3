//! Owns what can become of changes that were not synced, and the generator that decides. Never applies a change.

use std::ops::Range;
use std::path::PathBuf;

/// The piece of a file that the disk writes whole or not, unless it tears even that.
pub(super) const SECTOR_BYTES: u64 = 512;

/// Within a torn sector, so many bytes are written together.
const WORD_BYTES: u64 = 8;

/// What a power cut does to a change that was not synced.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    /// It reached the disk.
    Kept,
    /// It did not.
    Dropped,
    /// Parts of a write reached the disk. A change that is not a write is dropped.
    Torn {
        /// The bytes of the file, by position, that reached it.
        kept: Vec<Range<u64>>,
        /// Whether the file got the length that the whole write gives it; what is missing then reads as zeros.
        grown: bool,
    },
}

/// A change that was not synced when the power went.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PendingOperation {
    /// What [`SimFs::total_calls`](super::SimFs::total_calls) was when it took effect.
    pub call: u64,
    /// The file that it changed, or the name that it gave or took.
    pub path: PathBuf,
    /// What it changed.
    pub change: PendingChange,
}

/// What a [`PendingOperation`] changed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PendingChange {
    /// Bytes of a file.
    Write {
        /// Where they begin.
        position: u64,
        /// How many they are.
        len: u64,
    },
    /// The length of a file.
    SetLen {
        /// The new length.
        len: u64,
    },
    /// Names: a file was created, renamed, linked or removed. A folder's names keep their order: once one of its
    /// changes is dropped, all later ones are.
    Name,
}

/// A change that was not synced, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FatedOperation {
    /// The change.
    pub operation: PendingOperation,
    /// What became of it.
    pub fate: Fate,
}

/// SplitMix64: small, seeded, and the same on every system.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    pub(super) fn coin(&mut self) -> bool {
        self.below(2) == 0
    }

    /// A fate for one change; `quarters` of 4 changes are kept.
    pub(super) fn fate(&mut self, change: &PendingChange, quarters: u64) -> Fate {
        if self.below(4) < quarters {
            return Fate::Kept;
        }
        match *change {
            PendingChange::Write { position, len } if self.coin() => self.tear(position, len),
            _ => Fate::Dropped,
        }
    }

    /// Any subset of the sectors, one of them perhaps only in part.
    fn tear(&mut self, position: u64, len: u64) -> Fate {
        let end = position + len;
        let mut kept: Vec<Range<u64>> = Vec::new();
        let mut start = position;
        let split = self.coin().then(|| position / SECTOR_BYTES + self.below(len / SECTOR_BYTES + 1));
        while start < end {
            let sector = start / SECTOR_BYTES;
            let mut stop = end.min((sector + 1) * SECTOR_BYTES);
            let next = stop;
            let is_kept = self.coin();
            if split == Some(sector) {
                let words = (stop - start).div_ceil(WORD_BYTES);
                stop = stop.min((start / WORD_BYTES + self.below(words)) * WORD_BYTES).max(start);
            }
            if is_kept && start < stop {
                match kept.last_mut() {
                    Some(last) if last.end == start => last.end = stop,
                    _ => kept.push(start..stop),
                }
            }
            start = next;
        }
        Fate::Torn { kept, grown: self.coin() }
    }
}
