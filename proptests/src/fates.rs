//! Owns how a seed decides what a power cut leaves of each unsynced change. Never cuts the power itself.

use ferrumdb_engine::fs::{Fate, PendingChange, PendingOperation};

use crate::random::Random;

const SECTOR_BYTES: u64 = 512;
const WORD_BYTES: u64 = 8;

/// Fates by this seed: the same seed leaves the same of the same changes, wherever the power cut stands in a list.
pub(crate) fn choose(seed: u64) -> impl FnMut(&PendingOperation) -> Fate {
    let mut random = Random::new(seed);
    // Some power cuts keep everything and some nothing: both ends are where mistakes hide.
    let quarters = random.below(5);
    move |operation| {
        if random.below(4) < quarters {
            return Fate::Kept;
        }
        match operation.change {
            PendingChange::Write { position, len } if random.once_in(2) => tear(&mut random, position, len),
            _ => Fate::Dropped,
        }
    }
}

/// Any subset of a write's sectors, the last of them perhaps in part.
fn tear(random: &mut Random, position: u64, len: u64) -> Fate {
    let (mut start, end) = (position, position + len);
    let mut kept = Vec::new();
    while start < end {
        let next = end.min((start / SECTOR_BYTES + 1) * SECTOR_BYTES);
        match random.below(5) {
            0 | 1 => kept.push(start..next),
            2 => kept.push(start..start + random.below((next - start) / WORD_BYTES + 1) * WORD_BYTES),
            _ => {}
        }
        start = next;
    }
    kept.retain(|range| range.start < range.end);
    Fate::Torn { kept, grown: random.once_in(2) }
}
