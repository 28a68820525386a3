//! Owns finding where a commit ends by its number alone, without walking through the log. Never believes a record that
//! does not check.
//!
//! Records ascend by their commits' numbers, in a base section too, and begin with bytes that no text contains. So the
//! log can be halved like a sorted list, and no list of places need be kept.

use std::io;

use super::format::ALIGNMENT;
use super::record::Mark;
use super::scan::{Place, Scanner};
use super::seal::LogKeys;
use crate::fs::File;
use crate::key::Sequence;

/// A part of the log of this size is walked through rather than halved. The newest commits are looked for there first.
const WALKED_BYTES: u64 = 1 << 20;

/// Where the commit with this number ends, or the base section that holds the state after it, and its mark. The walk
/// begins at `start`, the log's beginning, and nothing is read from `end` on. Nothing, if there is none.
pub(crate) fn end_of_commit(
    file: &dyn File,
    keys: &LogKeys,
    start: Place,
    sequence: Sequence,
    end: u64,
) -> io::Result<Option<(Place, Mark)>> {
    let mut scanner = Scanner::until(file, keys, start, end)?;
    let (mut low, mut high) = (start.position, scanner.file_bytes());
    let mut middle = high.saturating_sub(WALKED_BYTES).max(low);
    while high.saturating_sub(low) > WALKED_BYTES {
        let aligned = middle - middle % ALIGNMENT;
        match next_record(&mut scanner, aligned, high)? {
            Some((position, found)) if found <= sequence => low = position,
            _ => high = aligned,
        }
        middle = low + high.saturating_sub(low) / 2;
    }
    let mut position = low;
    while let Ok((head, mark)) = scanner.record(position)?
        && head.sequence <= sequence
    {
        position += head.record_bytes();
        if let Some(mark) = mark.filter(|_| head.sequence == sequence) {
            return Ok(Some((Place { position, sequence, chain: mark.chain, base: None }, mark)));
        }
    }
    Ok(None)
}

/// The first record that begins from `from` on and before `limit`, and the number of its commit.
fn next_record(scanner: &mut Scanner<'_>, from: u64, limit: u64) -> io::Result<Option<(u64, Sequence)>> {
    let mut from = from;
    while let Some(candidate) = scanner.next_marker(from, &mut 0)?.filter(|candidate| *candidate < limit) {
        if let Ok((head, _)) = scanner.record(candidate)? {
            return Ok(Some((candidate, head.sequence)));
        }
        from = candidate + ALIGNMENT;
    }
    Ok(None)
}
