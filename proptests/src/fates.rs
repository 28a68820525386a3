//! Owns how a seed decides what a power cut leaves of each unsynced change. Never cuts the power itself.

use std::hash::{DefaultHasher, Hash, Hasher};

use ferrumdb_engine::fs::{Fate, FatedOperation, PendingChange, PendingOperation};

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

/// A number that stands for what became of which kinds of changes, wherever in the file they stood.
#[must_use]
pub(crate) fn describe(site: &str, fates: &[FatedOperation]) -> u64 {
    let mut hasher = DefaultHasher::new();
    site.hash(&mut hasher);
    for FatedOperation { operation, fate } in fates {
        let start = match operation.change {
            PendingChange::Write { position, len } => {
                (0, len).hash(&mut hasher);
                position
            }
            PendingChange::SetLen { .. } => {
                1.hash(&mut hasher);
                0
            }
            PendingChange::Name => {
                2.hash(&mut hasher);
                0
            }
        };
        match fate {
            Fate::Kept => 3.hash(&mut hasher),
            Fate::Dropped => 4.hash(&mut hasher),
            Fate::Torn { kept, grown } => {
                grown.hash(&mut hasher);
                for range in kept {
                    (range.start - start, range.end - start).hash(&mut hasher);
                }
            }
        }
    }
    hasher.finish()
}
