//! Owns how a transaction gets from JavaScript in one call: a step for each operation or condition, and their texts and
//! numbers in turn. Never checks a document: the database does.

use ferrumdb::{Sequence, Transaction};

use crate::options::duration;

/// INVARIANT: the order of `lib/transaction.js`.
#[repr(u8)]
#[derive(Clone, Copy)]
enum Step {
    InRoot,
    InCollection,
    Set,
    SetEx,
    Delete,
    Expire,
    Persist,
    IfVersion,
    IfAbsent,
    IfExists,
    DropCollection,
}

const STEPS: [Step; 11] = [
    Step::InRoot,
    Step::InCollection,
    Step::Set,
    Step::SetEx,
    Step::Delete,
    Step::Expire,
    Step::Persist,
    Step::IfVersion,
    Step::IfAbsent,
    Step::IfExists,
    Step::DropCollection,
];

/// The transaction that `lib/` has written down. What is missing counts as empty, which only a fault of `lib/` could cause.
pub(crate) fn read(steps: &[u8], texts: Vec<String>, numbers: &[f64]) -> Transaction {
    let (mut texts, mut numbers) = (texts.into_iter(), numbers.iter().copied());
    let mut transaction = Transaction::new();
    for step in steps.iter().filter_map(|step| STEPS.get(usize::from(*step))) {
        let mut text = || texts.next().unwrap_or_default();
        let mut number = || numbers.next().unwrap_or_default();
        transaction = match step {
            Step::InRoot => transaction.in_root(),
            Step::InCollection => transaction.in_collection(text()),
            Step::Set => transaction.set_raw(text(), text()),
            Step::SetEx => transaction.set_raw_ex(text(), text(), duration(number())),
            Step::Delete => transaction.delete(text()),
            Step::Expire => transaction.expire(text(), duration(number())),
            Step::Persist => transaction.persist(text()),
            Step::IfVersion => transaction.if_version(text(), Sequence(number() as u64)),
            Step::IfAbsent => transaction.if_absent(text()),
            Step::IfExists => transaction.if_exists(text()),
            Step::DropCollection => transaction.drop_collection(text()),
        };
    }
    transaction
}
