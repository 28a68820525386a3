//! Owns the way from bytes to operations with crashes and failures, and back, a few bytes for each. Never carries one out
//! itself: the model's run does.

use ferrumdb_engine::fs::SimOperation;
use ferrumdb_proptests::{COLLECTIONS, Change, Damage, Failure, KEYS, Op, OpList, replay};

use crate::memory::Bound;

/// From here on, the number of a deletion is that of a collection to be dropped.
const DROPS: usize = 60;

/// Beyond that, a list takes longer and finds no more.
const OPS_MAX: usize = 64;

const OPERATIONS: [SimOperation; 9] = [
    SimOperation::Any,
    SimOperation::Write,
    SimOperation::Sync,
    SimOperation::SetLen,
    SimOperation::SyncDirectory,
    SimOperation::Read,
    SimOperation::Publish,
    SimOperation::Rename,
    SimOperation::Lock,
];

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

fn decode(data: &[u8]) -> OpList {
    let mut bytes = Bytes(data);
    let seed = u64::from(bytes.byte());
    let mut ops = Vec::new();
    while !bytes.0.is_empty() && ops.len() < OPS_MAX {
        ops.push(bytes.op());
    }
    OpList { seed, ops }
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

    fn op(&mut self) -> Op {
        match self.byte() % 17 {
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
            _ => Op::Flip(self.number() << 16 | self.number()),
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

    /// Some failure, within the bounds that keep a run short.
    fn failure(&mut self) -> Failure {
        let which = self.byte();
        let operation = OPERATIONS[usize::from(which & 0x7F) % OPERATIONS.len()];
        let nth = 1 + u64::from(self.byte()) % 24;
        let (damage, may_go_on) = match self.byte() % 6 {
            0 => (Damage::Error, true),
            1 => (Damage::Full, true),
            2 => {
                let bytes = self.number() as usize % 600;
                (Damage::Short(bytes), bytes >= 100)
            }
            3 => (Damage::Partial(self.number() as usize % 600), true),
            4 => (Damage::Interrupted, false),
            _ => (Damage::Crash(self.number()), false),
        };
        Failure { operation, nth, always: which & 0x80 != 0 && may_go_on, damage }
    }
}
