//! Owns where a compaction has put the records that it kept. Never knows what they hold.

/// From the old position of each record that was kept to its new one, both ascending.
#[derive(Debug, Default)]
pub(crate) struct Moves(Vec<(u64, u64)>);

impl Moves {
    /// Notes a record behind all that were noted before.
    pub(crate) fn push(&mut self, from: u64, to: u64) {
        debug_assert!(
            self.0.last().is_none_or(|last| last.0 < from && last.1 < to),
            "in the order of the log"
        );
        self.0.push((from, to));
    }

    /// Where the record went that stood at `from`, if it was kept.
    pub(crate) fn find(&self, from: u64) -> Option<u64> {
        let index = self.0.binary_search_by_key(&from, |moved| moved.0).ok()?;
        Some(self.0[index].1)
    }
}
