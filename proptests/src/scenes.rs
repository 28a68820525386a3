//! Owns short pieces of work in which mistakes hide that no random work meets often. Never knows what must come of one.

use ferrumdb_engine::fs::SimOperation;

use crate::ops::{Change, Damage, Failure, KEYS, Op};
use crate::random::Random;

/// Some piece of work.
pub(crate) fn add(random: &mut Random, ops: &mut Vec<Op>) {
    match random.below(9) {
        0 => fail_a_sync_beside_commits(random, ops),
        1 => bring_an_abandoned_tail_back(random, ops),
        2 => lie_to_a_compaction(random, ops),
        3 => refuse_a_commit(random, ops),
        4 => save_tails_behind_one_commit(random, ops),
        5 => die_in_long_work(random, ops),
        6 => delete_a_range_without_room_ahead(random, ops),
        7 => compact_twice_in_small_steps(random, ops),
        _ => commit_while_entries_move(random, ops),
    }
}

/// A new database whose name is not known to be durable, and which is then opened as if nothing were amiss.
pub(crate) fn leave_a_name(ops: &mut Vec<Op>) {
    let failure = failed(SimOperation::SyncDirectory, 1, Damage::Error);
    let group = vec![vec![Change { key: 0, document: Some(1) }]];
    ops.extend([failure, Op::Open, Op::Open, Op::Commit { group, synced: true }, Op::PowerCut(0), Op::Open]);
}

/// An empty file where the database should be, since the disk has lied about its contents, and what the next opening leaves
/// when it is given up in the middle.
pub(crate) fn leave_an_empty_file(random: &mut Random, ops: &mut Vec<Op>) {
    let lie = Failure { operation: SimOperation::Sync, nth: 1, always: true, damage: Damage::Lie };
    ops.extend([Op::Fail(lie), Op::Open, Op::PowerCut(random.below(1 << 32))]);
    let (nth, damage) = (6 + random.below(6), Damage::Partial(random.below(3) as usize * 100));
    ops.push(Op::Fail(Failure { operation: SimOperation::Any, nth, always: true, damage }));
    ops.extend([Op::Open, Op::Open]);
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
/// Few power cuts leave just that, so there are several.
fn bring_an_abandoned_tail_back(random: &mut Random, ops: &mut Vec<Op>) {
    let commit = |key, number| {
        let change = Change { key, document: Some(number) };
        Op::Commit { group: vec![vec![change]], synced: false }
    };
    for _ in 0..3 {
        let number = 100 + random.below(25);
        let keys = [random.below(4) as usize, random.below(4) as usize];
        ops.extend([Op::Sync, commit(keys[0], number), commit(keys[1], number)]);
        ops.extend([
            Op::PowerCut(random.below(1 << 32)),
            lie(random),
            Op::Open,
            commit(keys[0], number + 32),
        ]);
        ops.extend([Op::PowerCut(random.below(1 << 32)), Op::Open]);
    }
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

/// A commit whose write fails, though its bytes may all be in the file; perhaps another in its place.
fn refuse_a_commit(random: &mut Random, ops: &mut Vec<Op>) {
    let damage = Damage::Partial(random.below(3) as usize * 300);
    ops.extend([Op::Sync, failed(SimOperation::Write, 1 + random.below(2), damage), small(random)]);
    if random.once_in(2) {
        ops.push(small(random));
    }
    ops.push(if random.once_in(2) { Op::Kill } else { Op::PowerCut(random.below(1 << 32)) });
    ops.push(Op::Open);
}

/// Commits to a compacted file in which they may stand where others stood in the file before it.
fn commit_while_entries_move(random: &mut Random, ops: &mut Vec<Op>) {
    ops.push(Op::Compact(13));
    ops.extend((0..6).map(|_| small(random)));
    ops.push(Op::Compact(5 + random.below(5)));
    for _ in 0..5 {
        ops.extend([small(random), Op::Compact(1)]);
    }
}

/// Tails of one length that begin behind the same commit, so that an opening finds one that an earlier one has saved; it
/// may have left an unfinished file, too.
fn save_tails_behind_one_commit(random: &mut Random, ops: &mut Vec<Op>) {
    ops.push(Op::Sync);
    let change = Change { key: 0, document: Some(100 + random.below(25)) };
    for _ in 0..2 {
        ops.extend((0..4).map(|_| Op::Commit { group: vec![vec![change.clone()]], synced: false }));
        ops.push(Op::PowerCut(random.below(1 << 32)));
        match random.below(4) {
            0 | 1 => ops.extend([fail_from_some_call_on(random), Op::Open]),
            2 => give_up_saving_twice(random, ops),
            _ => {}
        }
        ops.push(Op::Open);
    }
}

/// An opening that gives up while it copies the tail, and one that has saved it and cannot make its name durable: the next one
/// finds it, while what the first has written is still not synced.
fn give_up_saving_twice(random: &mut Random, ops: &mut Vec<Op>) {
    let damage = Damage::Partial(100 + 100 * random.below(3) as usize);
    ops.extend([failed(SimOperation::Write, 1, damage), Op::Open]);
    ops.extend([failed(SimOperation::SyncDirectory, 1, Damage::Error), Op::Open]);
}

/// Work that makes a file, and is given up in the middle without a chance to remove it.
fn die_in_long_work(random: &mut Random, ops: &mut Vec<Op>) {
    ops.extend([small(random), small(random), fail_from_some_call_on(random)]);
    ops.push(if random.once_in(2) { Op::Compact(13) } else { Op::Close });
    ops.extend([Op::Kill, Op::Open]);
}

/// From one of the next calls on, nothing goes well any more, the first of them in part.
pub(crate) fn fail_from_some_call_on(random: &mut Random) -> Op {
    let damage = Damage::Partial(random.below(3) as usize * 100);
    Op::Fail(Failure { operation: SimOperation::Any, nth: 1 + random.below(32), always: true, damage })
}

/// Two compactions of one opening, so that the second one's old file was itself compacted, with something that is not synced
/// before each step.
fn compact_twice_in_small_steps(random: &mut Random, ops: &mut Vec<Op>) {
    for _ in 0..2 * 16 {
        ops.extend([small(random), Op::Compact(1)]);
    }
}

/// A range that is deleted where no space could be prepared before, in a compacted file or another.
fn delete_a_range_without_room_ahead(random: &mut Random, ops: &mut Vec<Op>) {
    ops.push(if random.once_in(2) { Op::Compact(13) } else { Op::Close });
    ops.extend([failed(SimOperation::SetLen, 1, Damage::Error), small(random)]);
    ops.push(Op::DeleteRange { from: 2, to: KEYS.len() - 1, synced: random.once_in(2) });
}

/// A commit of one small document.
fn small(random: &mut Random) -> Op {
    let change = Change { key: random.below(5) as usize, document: Some(random.below(4)) };
    Op::Commit { group: vec![vec![change]], synced: false }
}

fn failed(operation: SimOperation, nth: u64, damage: Damage) -> Op {
    Op::Fail(Failure { operation, nth, always: false, damage })
}
