//! Owns aiming: which work is to be done again, and at which of its calls the power is to go, so that each place meets each
//! fate. Never judges what is left.

use std::collections::BTreeMap;

use ferrumdb_engine::fs::{SimOperation, Unsynced};

use crate::ops::{Damage, Failure, Op, OpList};
use crate::random::Random;
use crate::sites::{FateKind, Passed, Site, Sites};

/// So many ways to one place are remembered, of each kind.
const WAYS_MAX: usize = 64;
/// So many tries without a hit count as one hit, so that no place is aimed at for ever.
const TRIES_PER_HIT: u64 = 8;

/// What is to be done next.
#[derive(Debug)]
pub(crate) struct Choice {
    /// A list, and the fate that it is for.
    pub(crate) aimed: Option<(OpList, FateKind)>,
    /// Whether there is a way to every place, for each fate.
    pub(crate) are_all_known: bool,
}

/// A call that a list of operations makes.
#[derive(Clone, Copy, Debug)]
struct Way {
    seed: u64,
    op: usize,
    nth: u64,
}

/// The ways to each place, by what is not synced there then.
#[derive(Debug)]
pub(crate) struct Aim {
    ways: BTreeMap<(Site, Unsynced), Ways>,
    tries: BTreeMap<(Site, FateKind), u64>,
    random: Random,
}

#[derive(Debug, Default)]
struct Ways {
    known: Vec<Way>,
    seen: u64,
}

impl Aim {
    pub(crate) fn new(seed: u64) -> Self {
        Self { ways: BTreeMap::new(), tries: BTreeMap::new(), random: Random::new(seed) }
    }

    /// Takes note of the calls that the list of this seed makes.
    pub(crate) fn learn(&mut self, seed: u64, passed: &[Passed]) {
        for Passed { site, op, nth, unsynced } in passed {
            let ways = self.ways.entry((*site, *unsynced)).or_default();
            let way = Way { seed, op: *op, nth: *nth };
            ways.seen += 1;
            if ways.known.len() < WAYS_MAX {
                ways.known.push(way);
            } else if let Some(old) = ways.known.get_mut(self.random.below(ways.seen) as usize) {
                *old = way;
            }
        }
    }

    /// The list of a seed, up to a call at the place that has met some fate least often, where the power goes. No list, if
    /// each has met each so often.
    pub(crate) fn next(&mut self, sites: &Sites, least: u64, generate: impl Fn(u64) -> OpList) -> Choice {
        let wanted: Vec<_> = sites.pairs().filter(|(met, ..)| *met < least).collect();
        let (known, unknown): (Vec<_>, Vec<_>) =
            wanted.into_iter().partition(|(_, site, fate)| ways_to(&self.ways, *site, *fate).is_some());
        let tries = |site, fate| self.tries.get(&(site, fate)).map_or(0, |tries| tries / TRIES_PER_HIT);
        let next = known.into_iter().min_by_key(|(met, site, fate)| met + tries(*site, *fate));
        let aimed = next.map(|(_, site, fate)| {
            *self.tries.entry((site, fate)).or_default() += 1;
            let ways = ways_to(&self.ways, site, fate).expect("those without one are left out");
            let Way { seed, op, nth } = ways[self.random.below(ways.len() as u64) as usize];
            let mut list = generate(seed);
            list.ops.truncate(op + 1);
            let damage = Damage::Crash(self.random.below(1 << 32));
            let crash = Op::Fail(Failure { operation: SimOperation::Any, nth, always: false, damage });
            list.ops.insert(op, crash);
            (list, fate)
        });
        Choice { aimed, are_all_known: unknown.is_empty() }
    }
}

/// The ways to a place on which this may become of a change.
fn ways_to(ways: &BTreeMap<(Site, Unsynced), Ways>, site: Site, fate: FateKind) -> Option<&[Way]> {
    let kinds: &[_] = match fate {
        FateKind::Torn => &[Unsynced::Bytes],
        FateKind::Kept | FateKind::Dropped => &[Unsynced::NoBytes, Unsynced::Bytes],
    };
    kinds.iter().find_map(|kind| ways.get(&(site, *kind))).map(|ways| ways.known.as_slice())
}
