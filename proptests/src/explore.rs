//! Owns the crash explorer: random work, a power cut at a random call, perhaps another while recovering, and a check.
//! Never ends by itself before its time, unless it has seen enough.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use ferrumdb_engine::fs::SimOperation;

use crate::aim::Aim;
use crate::ops::{Change, Damage, Failure, KEYS, OPERATIONS, Op, OpList};
use crate::random::Random;
use crate::run::{replay, replay_watched};
use crate::sites::{Passed, Sites};

/// What an exploration has seen.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Operation lists that were carried out, each of a seed of its own.
    pub lists: u64,
    /// How many of them were carried out again, up to a place that had met some fate too seldom.
    pub aimed: u64,
    /// How often the power went.
    pub crashes: u64,
    /// How often it went while a database was being opened.
    pub crashes_in_opening: u64,
    /// How often it went while a database was being compacted.
    pub crashes_in_compacting: u64,
    /// How many compactions were installed.
    pub compactions: u64,
    /// Distinct states that were recovered from: the work before the power cut, its call, and the fate of each unsynced
    /// change.
    pub states: HashSet<u64>,
    /// What each place has met.
    pub sites: Sites,
}

/// When an exploration is over, whichever comes first.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// After so long.
    pub time: Duration,
    /// After so many distinct states, of which
    pub states: usize,
    /// each place has met each fate so often.
    pub least: u64,
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
    /// What was seen before.
    pub totals: Totals,
}

/// Explores from a seed on.
///
/// # Errors
/// The first list that fails.
pub fn explore(seed: u64, budget: Budget) -> Result<Totals, Box<Finding>> {
    let begin = Instant::now();
    let mut totals = Totals::default();
    let mut aim = Aim::new(seed);
    let mut seeds = seed..;
    while begin.elapsed() < budget.time {
        let aimed = aim.next(&totals.sites, budget.least, generate);
        let is_enough = totals.states.len() >= budget.states;
        if let Some(list) = aimed.filter(|_| is_enough || totals.aimed < totals.lists) {
            try_list(list, &mut totals, false)?;
            totals.aimed += 1;
        } else if is_enough {
            break;
        } else if let Some(seed) = seeds.next() {
            let passed = try_list(generate(seed), &mut totals, budget.least > 0)?;
            aim.learn(seed, &passed);
            totals.lists += 1;
        }
    }
    Ok(totals)
}

/// Carries out a list, and adds what it has seen. Returns the calls at which the power could have gone, if they are asked for.
fn try_list(list: OpList, totals: &mut Totals, is_watched: bool) -> Result<Vec<Passed>, Box<Finding>> {
    match if is_watched { replay_watched(&list) } else { replay(&list) } {
        Ok(explored) => {
            totals.crashes += explored.crashes;
            totals.crashes_in_opening += explored.crashes_in_opening;
            totals.crashes_in_compacting += explored.crashes_in_compacting;
            totals.compactions += explored.compactions;
            for cut in explored.cuts {
                totals.states.insert(cut.state);
                totals.sites.note(&cut);
            }
            Ok(explored.passed)
        }
        Err(_) => {
            let seed = list.seed;
            let (list, reason) = shrink(list);
            Err(Box::new(Finding { seed, list, reason, totals: std::mem::take(totals) }))
        }
    }
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
    for _ in 0..2 + random.below(5) {
        for _ in 0..random.below(8) {
            match Op::random(random) {
                Op::Kill | Op::PowerCut(_) | Op::Fail(Failure { damage: Damage::Crash(_), .. }) => {
                    ops.push(Op::commit(random));
                }
                op => ops.push(op),
            }
        }
        match random.below(8) {
            0 => fail_a_sync_beside_commits(random, &mut ops),
            1 => bring_an_abandoned_tail_back(random, &mut ops),
            2 => lie_to_a_compaction(random, &mut ops),
            _ => {}
        }
        crash_in_work(random, &mut ops);
        // A process that dies leaves what it has not synced to the power cuts behind it.
        let end = if random.once_in(4) { Op::PowerCut(random.below(1 << 32)) } else { Op::Kill };
        ops.push(end);
        while !random.once_in(3) {
            ops.push(crash(random, &OPERATIONS.map(|(_, operation)| operation), 24));
            ops.push(Op::Open);
        }
        ops.push(Op::Open);
    }
    OpList { seed, ops }
}

/// A sync beside commits that fails, and whatever may be believed about it before the writer is told.
fn fail_a_sync_beside_commits(random: &mut Random, ops: &mut Vec<Op>) {
    ops.extend([Op::commit(random), Op::BeginSync]);
    ops.push(Op::Fail(Failure {
        operation: SimOperation::Sync,
        nth: 1,
        always: false,
        damage: Damage::Error,
    }));
    ops.push(Op::RunSync);
    let group = vec![vec![Change { key: random.below(KEYS.len() as u64) as usize, document: Some(1) }]];
    ops.push(match random.below(4) {
        0 => Op::Sync,
        1 => Op::Close,
        2 => Op::Compact(13),
        _ => Op::Commit { group, synced: true },
    });
    ops.push(if random.once_in(2) { Op::FinishSync } else { Op::PowerCut(random.below(1 << 32)) });
}

/// A tail that an opening cuts off, on a disk that says that the cut is durable: what is written in its place has its length.
fn bring_an_abandoned_tail_back(random: &mut Random, ops: &mut Vec<Op>) {
    let number = 100 + random.below(25);
    let commit = |key, number| {
        let change = Change { key, document: Some(number) };
        Op::Commit { group: vec![vec![change]], synced: false }
    };
    let keys = [random.below(4) as usize, random.below(4) as usize];
    ops.extend([Op::Sync, commit(keys[0], number), commit(keys[1], number)]);
    ops.extend([Op::PowerCut(random.below(1 << 32)), lie(random), Op::Open, commit(keys[0], number + 32)]);
    ops.extend([Op::PowerCut(random.below(1 << 32)), Op::Open]);
}

/// A compaction on a disk that says that the new file is durable.
fn lie_to_a_compaction(random: &mut Random, ops: &mut Vec<Op>) {
    let change = Change { key: 0, document: Some(100) };
    let replaced = Op::Commit { group: vec![vec![change]; 2], synced: false };
    ops.extend([Op::Compact(13), replaced, Op::commit(random), lie(random), Op::Compact(13)]);
    ops.extend([Op::PowerCut(random.below(1 << 32)), Op::Open]);
}

/// The disk lies at one of the next syncs, or from there on.
fn lie(random: &mut Random) -> Op {
    let operation = if random.once_in(8) { SimOperation::SyncDirectory } else { SimOperation::Sync };
    let (nth, always, damage) = (1 + random.below(3), random.once_in(2), Damage::Lie);
    Op::Fail(Failure { operation, nth, always, damage })
}

/// Some operation at one of whose calls the power goes.
fn crash_in_work(random: &mut Random, ops: &mut Vec<Op>) {
    use SimOperation::{
        Any, IsNamed, Len, Lock, Open, Read, Remove, Rename, SetLen, Sync, SyncDirectory, Unlock, Write,
    };
    const OF_A_COMMIT: &[SimOperation] = &[Write, Write, Sync, SetLen, Len, Any];
    const OF_A_CLOSE: &[SimOperation] =
        &[Write, Write, Sync, SetLen, Rename, Open, Lock, Unlock, Remove, Any];
    const OF_A_COMPACTION: &[SimOperation] =
        &[Write, Sync, Read, Len, Open, Lock, Unlock, IsNamed, Rename, Remove, SyncDirectory, Any];
    // Something that is not synced yet makes the difference at most of them.
    if random.once_in(2) {
        let group = vec![vec![Change {
            key: random.below(KEYS.len() as u64) as usize,
            document: Some(random.below(64)),
        }]];
        ops.push(Op::Commit { group, synced: false });
    }
    let (op, operations, any_max) = match random.below(12) {
        0 => (Op::Sync, OF_A_COMMIT, 4),
        1 => (Op::Mark, OF_A_COMMIT, 6),
        2 => {
            ops.extend([Op::BeginSync, Op::commit(random)]);
            (if random.once_in(2) { Op::RunSync } else { Op::FinishSync }, OF_A_COMMIT, 2)
        }
        3..6 => (Op::commit(random), OF_A_COMMIT, 6),
        6 | 7 => (Op::Close, OF_A_CLOSE, 24),
        _ => {
            ops.push(Op::Compact(random.below(14)));
            (Op::Compact(1 + random.below(4)), OF_A_COMPACTION, 12)
        }
    };
    ops.push(crash(random, operations, any_max));
    ops.push(op);
}

/// The power goes at one of the next calls of one of these kinds.
fn crash(random: &mut Random, operations: &[SimOperation], any_max: u64) -> Op {
    let operation = operations[random.below(operations.len() as u64) as usize];
    let calls_max = match operation {
        SimOperation::Any => any_max,
        SimOperation::Write | SimOperation::Read | SimOperation::Open => 4,
        _ => 2,
    };
    let damage = Damage::Crash(random.below(1 << 32));
    Op::Fail(Failure { operation, nth: 1 + random.below(calls_max), always: false, damage })
}
