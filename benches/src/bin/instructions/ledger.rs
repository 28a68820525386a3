//! Owns the committed counts of instructions, and the comparison of new ones with them. Never counts.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::callgrind::Counts;

/// By how much a count may exceed the committed one: with the compiler that made those, and with another one, which makes
/// other code of the same source.
const TOLERANCE: f64 = 0.05;
const TOLERANCE_OF_OTHER_COMPILERS: f64 = 0.15;
/// A difference that no count is free of.
const NOISE: f64 = 20.0;

/// What the operations cost when this was written.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Ledger {
    compiler: String,
    counts: BTreeMap<String, Entry>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Entry {
    caller: u64,
    writer: u64,
}

impl Ledger {
    pub(crate) fn new(compiler: String) -> Self {
        Self { compiler, counts: BTreeMap::new() }
    }

    pub(crate) fn read() -> Result<Self> {
        Ok(serde_json::from_str(&fs::read_to_string(path())?)?)
    }

    pub(crate) fn note(&mut self, workload: &str, counts: Counts) {
        let entry = Entry { caller: counts.caller.round() as u64, writer: counts.writer.round() as u64 };
        self.counts.insert(workload.to_owned(), entry);
    }

    pub(crate) fn write(&self) -> Result<PathBuf> {
        fs::write(path(), serde_json::to_string_pretty(self)? + "\n")?;
        Ok(path())
    }

    /// How much more than is written here this compiler's code may take.
    pub(crate) fn tolerance(&self, compiler: &str) -> f64 {
        if self.compiler == compiler { TOLERANCE } else { TOLERANCE_OF_OTHER_COMPILERS }
    }

    /// A sentence for each count that is too high.
    pub(crate) fn excesses(&self, workload: &str, counts: Counts, tolerance: f64) -> Vec<String> {
        let Some(entry) = self.counts.get(workload) else {
            return vec![format!("`{workload}` has no committed count: run with --renew and commit it")];
        };
        let threads = [("caller", entry.caller, counts.caller), ("writer", entry.writer, counts.writer)];
        let exceeds = |(_, committed, counted): &(&str, u64, f64)| {
            *counted > *committed as f64 * (1.0 + tolerance) + NOISE
        };
        let sentence = |(thread, committed, counted)| {
            format!(
                "`{workload}` takes {counted:.0} instructions on the {thread}'s thread, where {committed} are committed"
            )
        };
        threads.into_iter().filter(exceeds).map(sentence).collect()
    }
}

/// The compiler that is in use here.
pub(crate) fn compiler() -> Result<String> {
    let output = Command::new("rustc").arg("--version").output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("instructions.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_instructions_more_are_too_many_and_fewer_are_not() {
        let mut ledger = Ledger::new("one".to_owned());
        let counts = |caller, writer| Counts { caller, writer, watcher: 0.0 };
        ledger.note("set", counts(6_000.0, 5_000.0));
        let excesses = |counts| ledger.excesses("set", counts, ledger.tolerance("one")).len();
        assert_eq!(excesses(counts(6_200.0, 5_200.0)), 0);
        assert_eq!(excesses(counts(100.0, 0.0)), 0);
        assert_eq!(excesses(counts(7_000.0, 5_000.0)), 1);
        assert_eq!(excesses(counts(7_000.0, 6_000.0)), 2);
        assert_eq!(
            ledger.excesses("get", counts(1.0, 1.0), 1.0).len(),
            1,
            "what is not written is no less wrong"
        );
    }

    #[test]
    fn another_compiler_may_need_more_but_not_much() {
        let mut ledger = Ledger::new("one".to_owned());
        ledger.note("get", Counts { caller: 500.0, ..Counts::default() });
        let excesses = |caller, compiler| {
            ledger.excesses("get", Counts { caller, ..Counts::default() }, ledger.tolerance(compiler)).len()
        };
        assert_eq!(excesses(570.0, "one"), 1);
        assert_eq!(excesses(570.0, "two"), 0);
        assert_eq!(excesses(1_500.0, "two"), 1);
    }
}
