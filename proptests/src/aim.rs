//! Owns aiming: which work is to be done again, and at which of its calls the power is to go, so that each place meets each
//! fate. Never judges what is left.

use std::collections::BTreeMap;

use ferrumdb_engine::fs::SimOperation;

use crate::ops::{Damage, Failure, Op, OpList};
use crate::random::Random;
use crate::sites::{Passed, Site, Sites};

/// So many ways to one place are remembered.
const WAYS_MAX: usize = 64;
/// So many tries without a hit count as one hit, so that no place is aimed at for ever.
const TRIES_PER_HIT: u64 = 4;

/// A call that a list of operations makes.
#[derive(Clone, Copy, Debug)]
struct Way {
    seed: u64,
    op: usize,
    nth: u64,
}

/// The ways to each place.
#[derive(Debug)]
pub(crate) struct Aim {
    ways: BTreeMap<Site, Ways>,
    tries: BTreeMap<(Site, usize), u64>,
    random: Random,
}

#[derive(Debug, Default)]
struct Ways {
    /// Whether something was not synced at these calls.
    are_unsynced: bool,
    known: Vec<Way>,
    seen: u64,
}

impl Aim {
    pub(crate) fn new(seed: u64) -> Self {
        Self { ways: BTreeMap::new(), tries: BTreeMap::new(), random: Random::new(seed) }
    }

    /// Takes note of the calls that the list of this seed makes.
    pub(crate) fn learn(&mut self, seed: u64, passed: &[Passed]) {
        for Passed { site, op, nth, is_unsynced } in passed {
            let ways = self.ways.entry(*site).or_default();
            if *is_unsynced && !ways.are_unsynced {
                // These are of more use.
                *ways = Ways { are_unsynced: true, ..Ways::default() };
            }
            if *is_unsynced == ways.are_unsynced {
                let way = Way { seed, op: *op, nth: *nth };
                ways.seen += 1;
                if ways.known.len() < WAYS_MAX {
                    ways.known.push(way);
                } else if let Some(old) = ways.known.get_mut(self.random.below(ways.seen) as usize) {
                    *old = way;
                }
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
        let worth = |site: &Site, fate: usize, met: u64| {
            met + self.tries.get(&(*site, fate)).map_or(0, |tries| tries / TRIES_PER_HIT)
        };
        let known =
            self.ways.keys().flat_map(|site| sites.met(site).map(move |(fate, met)| (met, *site, fate)));
        let wanted = known.filter(|(met, ..)| *met < least);
        let (_, site, fate) = wanted.min_by_key(|(met, site, fate)| worth(site, *fate, *met))?;
        *self.tries.entry((site, fate)).or_default() += 1;
        let known = &self.ways[&site].known;
        let Way { seed, op, nth } = known[self.random.below(known.len() as u64) as usize];
        let mut list = generate(seed);
        list.ops.truncate(op + 1);
        let damage = Damage::Crash(self.random.below(1 << 32));
        let crash = Op::Fail(Failure { operation: SimOperation::Any, nth, always: false, damage });
        list.ops.insert(op, crash);
        Some(list)
    }
}
