//! Owns when expired documents are purged. Never purges one itself, and never reads a clock.

use std::time::{Duration, Instant};

use crate::Timestamp;

/// How many documents are purged at a time: commits wait for no more.
pub(crate) const DOCUMENTS_MAX: usize = 1_000;
/// The database's clock may jump: while something will expire, it is looked at this often at least.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How soon a purge that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// When to purge.
#[derive(Debug, Default)]
pub(crate) struct PurgePlan {
    not_before: Option<Instant>,
}

impl PurgePlan {
    /// When to look for expired documents, if the first of them expires at `next`, the database's time being `now`.
    pub(crate) fn due(&self, next: Timestamp, now: Timestamp, instant: Instant) -> Instant {
        let left = Duration::from_millis(next.0.saturating_sub(now.0));
        let due = instant + left.min(LOOK_AGAIN);
        self.not_before.map_or(due, |not_before| due.max(not_before))
    }

    /// Notes how a purge ended.
    pub(crate) fn done(&mut self, worked: bool, instant: Instant) {
        self.not_before = (!worked).then(|| instant + RETRY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_due_when_something_expires_and_looks_again_within_a_second() {
        let (plan, instant) = (PurgePlan::default(), Instant::now());
        let wait = |next, now| plan.due(Timestamp(next), Timestamp(now), instant) - instant;
        assert_eq!(wait(1_300, 1_000), Duration::from_millis(300));
        assert_eq!(wait(1_000, 1_000), Duration::ZERO);
        assert_eq!(wait(1_000, 9_000), Duration::ZERO);
        assert_eq!(wait(u64::MAX, 1_000), Duration::from_secs(1));
    }

    #[test]
    fn a_purge_that_failed_is_tried_again_after_a_second() {
        let (mut plan, instant) = (PurgePlan::default(), Instant::now());
        plan.done(false, instant);
        assert_eq!(plan.due(Timestamp(5), Timestamp(6), instant), instant + Duration::from_secs(1));
        plan.done(true, instant);
        assert_eq!(plan.due(Timestamp(5), Timestamp(6), instant), instant);
    }
}
