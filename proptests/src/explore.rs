//! Owns the crash explorer: random work, a power cut at a random call, perhaps another while recovering, and a check.
//! Never ends by itself before its time, unless it has seen enough.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use ferrumdb_engine::fs::SimOperation;

use crate::aim::{Aim, Choice};
use crate::ops::{Change, Damage, Failure, KEYS, OPERATIONS, Op, OpList};
use crate::random::Random;
use crate::run::{Explored, replay, replay_branching, replay_watched};
use crate::scenes;
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
        let Choice { aimed, are_all_known } = aim.next(&totals.sites, budget.least, generate);
        let is_enough = totals.states.len() >= budget.states && are_all_known;
        if let Some((list, wanted)) = aimed.filter(|_| is_enough || totals.aimed < totals.lists) {
            try_list(list, &mut totals, |list| replay_branching(list, wanted))?;
            totals.aimed += 1;
        } else if is_enough {
            break;
        } else if let Some(seed) = seeds.next() {
            let replay = if budget.least > 0 { replay_watched } else { replay };
            let passed = try_list(generate(seed), &mut totals, replay)?;
            aim.learn(seed, &passed);
            passed.iter().for_each(|passed| totals.sites.know(passed.site));
            totals.lists += 1;
        }
    }
    Ok(totals)
}

/// Carries out a list, and adds what it has seen. Returns the calls at which the power could have gone, if they were noted.
fn try_list(
    list: OpList,
    totals: &mut Totals,
    replay_as: impl Fn(&OpList) -> Result<Explored, String>,
) -> Result<Vec<Passed>, Box<Finding>> {
    match replay_as(&list) {
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
        Err(reason) => {
            let seed = list.seed;
            let (list, reason) = shrink(list, reason);
            Err(Box::new(Finding { seed, list, reason, totals: std::mem::take(totals) }))
        }
    }
}

/// Takes operations away from a list that has failed for as long as it still fails, and says how it does. One that fails
/// only beside others, or now and then, may stay as long as it is.
#[must_use]
pub fn shrink(mut list: OpList, mut reason: String) -> (OpList, String) {
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
    match random.below(16) {
        0 | 1 => scenes::leave_a_name(&mut ops),
        2 => scenes::leave_an_empty_file(random, &mut ops),
        _ => {}
    }
    for _ in 0..2 + random.below(5) {
        for _ in 0..random.below(8) {
            match Op::random(random) {
                Op::Kill | Op::PowerCut(_) | Op::Fail(Failure { damage: Damage::Crash(_), .. }) => {
                    ops.push(Op::commit(random));
                }
                op => ops.push(op),
            }
        }
        if random.once_in(2) {
            scenes::add(random, &mut ops);
        }
        crash_in_work(random, &mut ops);
        // A process that dies leaves what it has not synced to the power cuts behind it.
        let end = if random.once_in(4) { Op::PowerCut(random.below(1 << 32)) } else { Op::Kill };
        ops.push(end);
        while !random.once_in(3) {
            ops.push(match random.below(4) {
                0 => scenes::fail_from_some_call_on(random),
                _ => crash(random, &OPERATIONS.map(|(_, operation)| operation), 24),
            });
            ops.push(Op::Open);
        }
        ops.push(Op::Open);
    }
    OpList { seed, ops }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_the_power_is_to_go_it_meets_the_fate_that_is_wanted() {
        let (mut aim, mut sites) = (Aim::new(1), Sites::default());
        for seed in 1..13 {
            let passed = replay_watched(&generate(seed)).expect("it goes well").passed;
            aim.learn(seed, &passed);
            passed.iter().for_each(|passed| sites.know(passed.site));
        }
        let mut met = 0;
        for _ in 0..15 {
            let (before, ..) = sites.least_met().expect("there are places");
            let Choice { aimed, .. } = aim.next(&sites, u64::MAX, generate);
            let (list, wanted) = aimed.expect("there is a way to most places");
            let cuts = replay_branching(&list, wanted).expect("it goes well").cuts;
            met += usize::from(cuts.iter().any(|cut| cut.has(wanted)));
            cuts.iter().for_each(|cut| sites.note(cut));
            assert!(sites.least_met().expect("they stay").0 >= before);
        }
        assert!(met > 10, "{met} of 15");
    }

    #[test]
    fn a_list_that_fails_no_second_time_is_told_as_it_is() {
        let list: OpList = "commit synced 0=1\nkill\nopen".parse().expect("a list");
        let (told, reason) = shrink(list.clone(), "once".to_owned());
        assert_eq!((told.to_string(), reason), (list.to_string(), "once".to_owned()));
    }

    #[test]
    fn the_power_may_go_where_a_call_has_failed_before_in_the_same_operation() {
        let list = "commit synced 0=1\nfail write 1 once error\nfail any 3 once crash 5\ncommit appended 0=2";
        let explored = replay(&list.parse().expect("a list")).expect("it goes well");
        // The write fails, so the log is cut back.
        assert_eq!(explored.cuts[0].site.to_string(), "a commit: sync the database");
    }
}
