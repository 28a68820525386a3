//! Owns the golden files with which something is wrong: torn, damaged, cut short. Never damages what a user has.

use ferrumdb::FsyncPolicy;
use ferrumdb_proptests::golden::{Contents, GoldenKey, Opening, Verified};

use crate::making::{Change, Golden, LOG_START, Making};
use crate::whole::fill;

/// From the beginning of a record to its document, with a key of one byte.
const BEFORE_DOCUMENT: u64 = 40 + 16 + 1;
const ZEROS: usize = 1_024;

pub(crate) fn all() -> Vec<Golden> {
    vec![
        torn(Making::new("torn"), "The last commit was cut off in the middle."),
        torn(
            Making::encrypted("encrypted-torn", GoldenKey::Bytes(7)),
            "Encrypted, and the last commit was cut off in the middle.",
        ),
        torn_commits(),
        damaged(),
        damaged_below_hint(),
        header_copy(),
        headers(),
        cut_short(),
        zeros_behind(),
    ]
}

/// The log of a process that was killed, without the space prepared ahead.
fn log_alone(making: &mut Making, about: &str) -> Golden {
    let mut golden = making.killed(about).alone();
    golden.database().truncate(end(making, making.sequence()) as usize);
    golden
}

fn end(making: &Making, sequence: u64) -> u64 {
    making.ends[&sequence]
}

fn torn(mut making: Making, about: &str) -> Golden {
    fill(&mut making).commit(&[Change::Set("x", "1"), Change::Set("y", "2")]);
    let sequence = making.sequence() - 1;
    let mut golden = log_alone(&mut making, about);
    let torn_bytes = end(&making, making.sequence()) - end(&making, sequence) - 5;
    golden.database().truncate((end(&making, sequence) + torn_bytes) as usize);
    opens_with_a_torn_tail(golden, &making, sequence, torn_bytes, false)
}

fn torn_commits() -> Golden {
    let unsynced = |config: ferrumdb::Config| config.with_fsync_policy(FsyncPolicy::Never);
    let mut making = Making::with("torn-commits", None, unsynced);
    fill(&mut making).set("x", "123").set("y", "1").set("z", "1");
    let (kept, last) = (making.sequence() - 3, making.sequence());
    let mut golden =
        log_alone(&mut making, "Of commits that were not durable, two arrived and the one before did not.");
    golden.database()[(end(&making, kept) + BEFORE_DOCUMENT) as usize] ^= 1;
    let torn_bytes = end(&making, last) - end(&making, kept);
    opens_with_a_torn_tail(golden, &making, kept, torn_bytes, true)
}

fn opens_with_a_torn_tail(
    mut golden: Golden,
    making: &Making,
    sequence: u64,
    torn_bytes: u64,
    torn_file: bool,
) -> Golden {
    golden.facts.opening = Opening::Opens { sequence, clean: false, torn_bytes, torn_file };
    golden.facts.verification = Verified { torn_bytes, first_finding: None };
    golden.facts.contents = making.states[&sequence].clone();
    golden
}

fn damaged() -> Golden {
    let mut making = Making::new("damaged");
    fill(&mut making).set("x", "123").set("y", "1").set("z", "1");
    let kept = making.sequence() - 3;
    let mut golden = log_alone(&mut making, "A byte of a durable commit was changed.");
    let position = end(&making, kept);
    golden.database()[(position + BEFORE_DOCUMENT) as usize] ^= 1;
    is_damaged(golden, position)
}

fn is_damaged(mut golden: Golden, position: u64) -> Golden {
    golden.facts.opening = Opening::Damaged { position };
    golden.facts.verification = Verified { torn_bytes: 0, first_finding: Some(position) };
    golden.facts.contents = Contents::default();
    golden
}

fn damaged_below_hint() -> Golden {
    let mut making = Making::new("damaged-below-hint");
    fill(&mut making).set("x", "123").set("y", "1");
    let position = end(&making, making.sequence() - 2);
    let mut golden = making.closed("A byte was changed in what the hint stands for: found when it is read.");
    golden.database()[(position + BEFORE_DOCUMENT) as usize] ^= 1;
    let (by_hint, contents) = (golden.facts.opening.clone(), golden.facts.contents.clone());
    golden = is_damaged(golden, position);
    golden.facts.opening_by_hint = Some(by_hint);
    golden.facts.contents = contents;
    golden.facts.unreadable = vec!["x".to_owned()];
    golden
}

fn header_copy() -> Golden {
    let mut making = Making::new("header-copy");
    let mut golden =
        fill(&mut making).closed("One copy of the header was damaged; the other one holds.").alone();
    golden.database()[100] ^= 1;
    golden.facts.verification.first_finding = Some(0);
    golden
}

fn headers() -> Golden {
    let mut making = Making::new("headers");
    let mut golden = fill(&mut making).closed("Both copies of the header were damaged.").alone();
    let database = golden.database();
    database[100] ^= 1;
    database[100 + LOG_START as usize / 2] ^= 1;
    is_damaged(golden, 0)
}

fn cut_short() -> Golden {
    let mut making = Making::new("cut-short");
    let mut golden = fill(&mut making).closed("Cut short behind a commit, after it had been closed.").alone();
    let position = end(&making, making.sequence() - 2);
    golden.database().truncate(position as usize);
    is_damaged(golden, position)
}

fn zeros_behind() -> Golden {
    let mut making = Making::new("zeros-behind");
    let mut golden = fill(&mut making).closed("Zeros follow the log, as space prepared ahead does.").alone();
    golden.database().extend([0; ZEROS]);
    golden
}
