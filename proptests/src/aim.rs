//! Owns aiming: which work is to be done again, and at which of its calls the power is to go, so that each place meets each
//! fate. Never judges what is left.

use std::collections::BTreeMap;

use ferrumdb_engine::fs::{SimOperation, Unsynced};

use crate::ops::{Damage, Failure, Op, OpList};
use crate::random::Random;
use crate::sites::{Passed, Site, Sites, TORN};

/// So many ways to one place are remembered, of each kind.
const WAYS_MAX: usize = 64;
/// So many tries without a hit count as one hit, so that no place is aimed at for ever.
const TRIES_PER_HIT: u64 = 8;

/// Which ways are of most use.
const BYTES_FIRST: [Unsynced; 3] = [Unsynced::Bytes, Unsynced::NoBytes, Unsynced::Nothing];
const ANYTHING_FIRST: [Unsynced; 3] = [Unsynced::NoBytes, Unsynced::Bytes, Unsynced::Nothing];

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
    tries: BTreeMap<(Site, usize), u64>,
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

    /// The list of a seed, up to a call at the place that has met some fate least often, where the power goes. Nothing, if
    /// each has met each so often.
    pub(crate) fn next(
        &mut self,
        sites: &Sites,
        least: u64,
        generate: impl Fn(u64) -> OpList,
    ) -> Option<OpList> {
        let tries = |site, fate| self.tries.get(&(site, fate)).map_or(0, |tries| tries / TRIES_PER_HIT);
        let mut known: Vec<_> = self.ways.keys().map(|(site, _)| *site).collect();
        known.dedup();
        let pairs = known.iter().flat_map(|site| sites.met(site).map(|(fate, met)| (met, *site, fate)));
        let wanted = pairs.filter(|(met, ..)| *met < least);
        let (_, site, fate) = wanted.min_by_key(|(met, site, fate)| met + tries(*site, *fate))?;
        *self.tries.entry((site, fate)).or_default() += 1;
        let kinds = if fate == TORN { BYTES_FIRST } else { ANYTHING_FIRST };
        let ways = kinds.iter().find_map(|kind| self.ways.get(&(site, *kind)))?;
        let Way { seed, op, nth } = ways.known[self.random.below(ways.known.len() as u64) as usize];
        let mut list = generate(seed);
        list.ops.truncate(op + 1);
        let damage = Damage::Crash(self.random.below(1 << 32));
        let crash = Op::Fail(Failure { operation: SimOperation::Any, nth, always: false, damage });
        list.ops.insert(op, crash);
        Some(list)
    }
}
