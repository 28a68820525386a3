//! Owns the way from bytes to operations with crashes and failures, and back, a few bytes for each. Never carries one out
//! itself: the model's run does.

use ferrumdb_engine::fs::SimOperation;
use ferrumdb_proptests::{COLLECTIONS, Change, Damage, Failure, KEYS, OPERATIONS, Op, OpList, replay};

use crate::memory::Bound;

/// From here on, the number of a deletion is that of a collection to be dropped.
const DROPS: usize = 60;

/// Beyond that, a list takes longer and finds no more.
const OPS_MAX: usize = 64;

/// Whatever is done to a database, and wherever the power goes, it keeps what the model promises.
///
/// # Panics
/// When it does not: with the list as a text, to be kept among the tests.
pub fn operations(data: &[u8]) {
    let list = decode(data);
    // A document may have 70,000 bytes, and each power cut may keep a torn tail.
    let _bound = Bound::of(data.len() + (1 << 20) * list.ops.len());
    if let Err(reason) = replay(&list) {
        panic!("{reason}\n\n{list}");
    }
}

/// The operations that these bytes stand for.
#[must_use]
pub fn decode(data: &[u8]) -> OpList {
    let mut bytes = Bytes(data);
    let seed = u64::from(bytes.byte());
    let mut ops = Vec::new();
    while !bytes.0.is_empty() && ops.len() < OPS_MAX {
        ops.push(bytes.op());
    }
    OpList { seed, ops }
}

/// Bytes that stand for these operations, as nearly as a few bytes for each can say them.
#[must_use]
pub fn encode(list: &OpList) -> Vec<u8> {
    let mut bytes = vec![list.seed as u8];
    list.ops.iter().for_each(|op| add(&mut bytes, op));
    bytes
}

/// What is left of an input. Behind its end are zeros.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn number(&mut self) -> u64 {
        u64::from(u16::from_le_bytes([self.byte(), self.byte()]))
    }

    fn wide(&mut self) -> u64 {
        self.number() << 16 | self.number()
    }

    fn op(&mut self) -> Op {
        match self.byte() % 21 {
            0 | 1 => self.commit(),
            2 => Op::Sync,
            3 => Op::BeginSync,
            4 => Op::RunSync,
            5 => Op::FinishSync,
            6 => Op::Mark,
            7 => Op::Compact(1 + u64::from(self.byte()) % 14),
            8 => Op::Close,
            9 => Op::Drop,
            10 => Op::Open,
            11 => Op::Kill,
            12 => Op::PowerCut(self.number()),
            13 => Op::Fail(self.failure()),
            14 => Op::Snapshot,
            15 => Op::Release((self.byte() % 4).into()),
            16 => Op::Flip(self.wide()),
            17 => self.delete_range(),
            18 => Op::Order(usize::from(self.byte()) % KEYS.len()),
            19 => Op::Shorten(self.wide()),
            _ => Op::Forge(self.wide()),
        }
    }

    fn commit(&mut self) -> Op {
        let shape = self.byte();
        let group = (0..=shape >> 1 & 3).map(|_| {
            let changes = if shape & 8 == 0 { 1 } else { self.byte() % 6 };
            (0..changes).map(|_| self.change()).collect()
        });
        Op::Commit { group: group.collect(), synced: shape & 1 == 1 }
    }

    fn change(&mut self) -> Change {
        let which = self.byte();
        let document = (which & 0xC0 != 0).then(|| self.number());
        let key = match (usize::from(which & 0x3F), document) {
            (number @ DROPS.., None) => KEYS.len() + (number - DROPS) % COLLECTIONS.len(),
            (number, _) => number % KEYS.len(),
        };
        Change { key, document }
    }

    fn delete_range(&mut self) -> Op {
        let which = usize::from(self.byte());
        let key = |number: usize| number % KEYS.len();
        Op::DeleteRange { from: key(which >> 1), to: key(which >> 4), synced: which & 1 == 1 }
    }

    /// Some failure, within the bounds that keep a run short.
    fn failure(&mut self) -> Failure {
        let which = self.byte();
        let (_, operation) = OPERATIONS[usize::from(which & 0x7F) % OPERATIONS.len()];
        let nth = 1 + u64::from(self.byte()) % 24;
        let (damage, may_go_on) = match self.byte() % 7 {
            0 => (Damage::Error, true),
            1 => (Damage::Full, true),
            2 => {
                let bytes = self.number() as usize % 600;
                (Damage::Short(bytes), bytes >= 100)
            }
            3 => (Damage::Partial(self.number() as usize % 600), true),
            4 => (Damage::Interrupted, false),
            5 => (Damage::Crash(self.number()), false),
            _ => (Damage::Lie, true),
        };
        let operation = match (damage, operation) {
            // Nothing else can lie.
            (Damage::Lie, SimOperation::SyncDirectory) => operation,
            (Damage::Lie, _) => SimOperation::Sync,
            _ => operation,
        };
        Failure { operation, nth, always: which & 0x80 != 0 && may_go_on, damage }
    }
}

fn add(bytes: &mut Vec<u8>, op: &Op) {
    match op {
        Op::Commit { group, synced } => add_commit(bytes, group, *synced),
        Op::Sync => bytes.push(2),
        Op::BeginSync => bytes.push(3),
        Op::RunSync => bytes.push(4),
        Op::FinishSync => bytes.push(5),
        Op::Mark => bytes.push(6),
        Op::Compact(units) => bytes.extend([7, units.saturating_sub(1) as u8]),
        Op::Close => bytes.push(8),
        Op::Drop => bytes.push(9),
        Op::Open => bytes.push(10),
        Op::Kill => bytes.push(11),
        Op::PowerCut(seed) => add_number(bytes, 12, *seed),
        Op::Fail(failure) => add_failure(bytes, failure),
        Op::Snapshot => bytes.push(14),
        Op::Release(index) => bytes.extend([15, *index as u8]),
        Op::Flip(seed) => add_wide(bytes, 16, *seed),
        Op::DeleteRange { from, to, synced } => {
            bytes.extend([17, u8::from(*synced) | (*from as u8) << 1 | (*to as u8) << 4]);
        }
        Op::Order(key) => bytes.extend([18, *key as u8]),
        Op::Shorten(seed) => add_wide(bytes, 19, *seed),
        Op::Forge(seed) => add_wide(bytes, 20, *seed),
    }
}

fn add_commit(bytes: &mut Vec<u8>, group: &[Vec<Change>], synced: bool) {
    let group = &group[..group.len().min(4)];
    let transactions = group.len().max(1) as u8 - 1;
    bytes.extend([0, u8::from(synced) | transactions << 1 | 8]);
    for changes in group {
        let changes = &changes[..changes.len().min(5)];
        bytes.push(changes.len() as u8);
        for Change { key, document } in changes {
            match document {
                Some(number) => add_number(bytes, 0x40 | *key as u8, *number),
                None if *key >= KEYS.len() => bytes.push((DROPS + key - KEYS.len()) as u8),
                None => bytes.push(*key as u8),
            }
        }
    }
}

fn add_failure(bytes: &mut Vec<u8>, failure: &Failure) {
    let Failure { operation, nth, always, damage } = failure;
    let which = OPERATIONS.iter().position(|(_, known)| known == operation).unwrap_or_default();
    bytes.extend([13, which as u8 | u8::from(*always) << 7, nth.saturating_sub(1) as u8]);
    match damage {
        Damage::Error => bytes.push(0),
        Damage::Full => bytes.push(1),
        Damage::Short(len) => add_number(bytes, 2, *len as u64),
        Damage::Partial(len) => add_number(bytes, 3, *len as u64),
        Damage::Interrupted => bytes.push(4),
        Damage::Crash(seed) => add_number(bytes, 5, *seed),
        Damage::Lie => bytes.push(6),
    }
}

fn add_number(bytes: &mut Vec<u8>, kind: u8, number: u64) {
    bytes.push(kind);
    bytes.extend((number as u16).to_le_bytes());
}

fn add_wide(bytes: &mut Vec<u8>, kind: u8, number: u64) {
    add_number(bytes, kind, number >> 16);
    bytes.extend((number as u16).to_le_bytes());
}
