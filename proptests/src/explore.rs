//! Owns the crash explorer: random work, a power cut at a random call, perhaps another while recovering, and a check.
//! Never ends by itself before its time.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use ferrumdb_engine::fs::SimOperation;

use crate::ops::{Damage, Failure, Op, OpList};
use crate::random::Random;
use crate::run::replay;

/// What an exploration has seen.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Operation lists that were carried out.
    pub lists: u64,
    /// How often the power went.
    pub crashes: u64,
    /// How often it went while a database was being opened.
    pub crashes_in_opening: u64,
    /// How often it went while a database was being compacted.
    pub crashes_in_compacting: u64,
    /// How many compactions were installed.
    pub compactions: u64,
    /// Distinct pairs of a call at which the power went, and the fates of what was not synced.
    pub states: HashSet<u64>,
}

/// A list that fails.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The seed of the list among all.
    pub seed: u64,
    /// The list, made as short as it would go.
    pub list: OpList,
    /// How it fails.
    pub reason: String,
}

/// Explores for some time, from a seed on.
///
/// # Errors
/// The first list that fails.
pub fn explore(seed: u64, time: Duration) -> Result<Totals, Box<Finding>> {
    let begin = Instant::now();
    let mut totals = Totals::default();
    for seed in seed.. {
        let list = generate(seed);
        match replay(&list) {
            Ok(explored) => {
                totals.lists += 1;
                totals.crashes += explored.crashes;
                totals.crashes_in_opening += explored.crashes_in_opening;
                totals.crashes_in_compacting += explored.crashes_in_compacting;
                totals.compactions += explored.compactions;
                totals.states.extend(explored.states);
            }
            Err(_) => {
                let (list, reason) = shrink(list);
                return Err(Box::new(Finding { seed, list, reason }));
            }
        }
        if begin.elapsed() >= time {
            break;
        }
    }
    Ok(totals)
}

/// Takes operations away for as long as the list still fails, and says how it does.
///
/// # Panics
/// When the list does not fail.
#[must_use]
pub fn shrink(mut list: OpList) -> (OpList, String) {
    let mut reason = replay(&list).expect_err("the list fails");
    let mut index = list.ops.len();
    while index > 0 {
        index -= 1;
        let mut shorter = list.clone();
        shorter.ops.remove(index);
        if let Err(shorter_reason) = replay(&shorter) {
            (list, reason) = (shorter, shorter_reason);
            index = list.ops.len().min(index + 1);
        }
    }
    (list, reason)
}

/// Work, a crash, openings that may crash too; several times over on the same disk.
fn generate(seed: u64) -> OpList {
    let random = &mut Random::new(seed);
    let mut ops = Vec::new();
    for _ in 0..=random.below(3) {
        for _ in 0..random.below(12) {
            match Op::random(random) {
                Op::Kill | Op::PowerCut(_) | Op::Fail(_) => ops.push(Op::commit(random)),
                op => ops.push(op),
            }
        }
        let op = match random.below(9) {
            0 => Op::Close,
            1 => Op::Open,
            2 => Op::Mark,
            3..6 => Op::Compact(1 + random.below(14)),
            _ => Op::commit(random),
        };
        ops.push(crash(random, if matches!(op, Op::Compact(_)) { 24 } else { 12 }));
        ops.push(op);
        ops.push(Op::PowerCut(random.below(1 << 32)));
        while random.once_in(2) {
            ops.push(crash(random, 20));
            ops.push(Op::Open);
        }
        ops.push(Op::Open);
    }
    OpList { seed, ops }
}

fn crash(random: &mut Random, calls_max: u64) -> Op {
    let operation = match random.below(4) {
        0 => SimOperation::Write,
        1 => SimOperation::Sync,
        _ => SimOperation::Any,
    };
    let calls_max = if operation == SimOperation::Any { calls_max } else { 3 };
    let damage = Damage::Crash(random.below(1 << 32));
    Op::Fail(Failure { operation, nth: 1 + random.below(calls_max), always: false, damage })
}
