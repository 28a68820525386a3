//! Owns how large many documents are together, without looking at each. Never reads one.

use ferrumdb::{Key, Snapshot};

use crate::failure::Failure;

/// So few are added up.
pub(crate) const EXACT_MAX: u64 = 64;
/// Of more, runs of so many are looked at.
const RUN: usize = 16;

/// The bytes of many documents, and whether they were added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) bytes: u64,
    pub(crate) exact: bool,
}

/// How large the `count` documents are whose keys begin with a text; of many, from so many runs, spread evenly.
pub(crate) fn with_prefix(snapshot: &Snapshot, prefix: &str, count: u64, runs: u64) -> Result<Size, Failure> {
    if count <= EXACT_MAX {
        let keys = snapshot.prefix(prefix)?.keys();
        return Ok(Size { bytes: sum(snapshot, keys)?.0, exact: true });
    }
    let (mut bytes, mut looked) = (0, 0);
    let runs = runs.max(1);
    for run in 0..runs {
        // The middle of each stretch, so that neither end weighs more.
        let offset = (count * (2 * run + 1) / (2 * runs)).saturating_sub(RUN as u64 / 2);
        let keys = snapshot.prefix(prefix)?.offset(usize::try_from(offset).unwrap_or(usize::MAX));
        let (more, here) = sum(snapshot, keys.limit(RUN).keys())?;
        bytes += more;
        looked += here;
    }
    let mean = if looked == 0 { 0.0 } else { bytes as f64 / looked as f64 };
    Ok(Size { bytes: (mean * count as f64) as u64, exact: false })
}

fn sum(snapshot: &Snapshot, keys: impl Iterator<Item = Key>) -> Result<(u64, u64), Failure> {
    let (mut bytes, mut count) = (0, 0);
    for key in keys {
        if let Some(info) = snapshot.info(&key)? {
            bytes += info.bytes;
            count += 1;
        }
    }
    Ok((bytes, count))
}

#[cfg(test)]
mod tests {
    use ferrumdb::{FerrumDB, Transaction};

    use super::*;

    #[test]
    fn few_are_added_up_and_many_are_estimated_closely() {
        let db = FerrumDB::open_in_memory().wait().expect("memory is there");
        let mut all = Transaction::new();
        let mut bytes = 0;
        for number in 0..4_000_u64 {
            let text = "x".repeat((number % 97) as usize);
            bytes += text.len() as u64 + 2;
            all = all.set(format!("k{number:05}"), text);
        }
        db.commit(all).wait().expect("it is stored");
        let snapshot = db.snapshot().expect("it is open");
        let size = with_prefix(&snapshot, "k", 4_000, 64).expect("it is open");
        assert!(!size.exact);
        assert!(size.bytes.abs_diff(bytes) < bytes / 10, "{} of {bytes}", size.bytes);
        let few = with_prefix(&snapshot, "k0000", 10, 64).expect("it is open");
        let expected: u64 = (0..10).map(|number| number % 97 + 2).sum();
        assert_eq!(few, Size { bytes: expected, exact: true });
    }
}
