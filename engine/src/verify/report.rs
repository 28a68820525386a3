//! Owns what a verification tells. Never holds more of it than a stated number of findings.

use crate::key::{Key, Sequence};

/// So many findings are kept; the others are counted.
const FINDINGS_MAX: usize = 1_000;

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// Where in the file, in bytes.
    pub position: u64,
    /// The commit that it is about, if it is about one.
    pub sequence: Option<Sequence>,
    /// The key that it is about, if it is about one.
    pub key: Option<Key>,
    /// What is wrong, as a sentence without a full stop.
    pub what: String,
}

/// What a verification has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifyReport {
    /// The newest commit that it has looked at.
    pub sequence: Sequence,
    /// How many whole commits there are.
    pub commits: u64,
    /// How many records check.
    pub records: u64,
    /// How many documents there are, expired ones included.
    pub documents: u64,
    /// How many bytes of the log were read.
    pub bytes: u64,
    /// The length of a torn tail, in bytes: an unfinished end, which the next opening cuts off. It is no damage.
    pub torn_bytes: u64,
    /// The first thousand things that are wrong.
    pub findings: Vec<Finding>,
    /// How many there are.
    pub findings_total: u64,
}

impl VerifyReport {
    /// Whether everything is as it should be.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.findings_total == 0
    }

    pub(super) fn find(
        &mut self,
        position: u64,
        sequence: Option<Sequence>,
        key: Option<&str>,
        what: impl Into<String>,
    ) {
        self.findings_total += 1;
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding { position, sequence, key: key.map(Key::from), what: what.into() });
        }
    }

    /// Forgets all but the first so many findings.
    pub(super) fn keep_first(&mut self, findings: u64) {
        self.findings_total = findings;
        self.findings.truncate(usize::try_from(findings).unwrap_or(usize::MAX));
    }
}
