//! Owns how lifetimes, as callers state them, become the times at which documents expire, and back. Never reads a clock.

use std::time::Duration;

use serde::Serialize;

use crate::Timestamp;

/// How long a document will stay.
///
/// ```
/// use ferrumdb::{FerrumDB, Ttl};
/// use std::time::Duration;
///
/// let db = FerrumDB::open_in_memory().wait()?;
/// db.set("user:1", "alice").wait()?;
/// db.set_ex("session:9", "alice", Duration::from_secs(60)).wait()?;
/// assert_eq!(db.ttl("user:1")?, Some(Ttl::Never));
/// assert!(matches!(db.ttl("session:9")?, Some(Ttl::ExpiresIn(left)) if left <= Duration::from_secs(60)));
/// assert_eq!(db.ttl("nobody")?, None);
/// # Ok::<(), ferrumdb::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Ttl {
    /// It expires when this much time has passed.
    ExpiresIn(Duration),
    /// It does not expire.
    Never,
}

/// When a lifetime that begins `now` ends. A part of a millisecond counts as a whole one, so that no document goes
/// before its time.
pub(crate) fn expires_at(now: Timestamp, lifetime: Duration) -> Timestamp {
    let milliseconds = lifetime.as_nanos().div_ceil(1_000_000);
    let at = now.0.saturating_add(u64::try_from(milliseconds).unwrap_or(u64::MAX));
    // In the log, 0 stands for never.
    Timestamp(at.max(1))
}

/// What is left at `now` for a document that expires at `at`: nothing if it has expired.
pub(crate) fn time_left(now: Timestamp, at: Option<Timestamp>) -> Option<Ttl> {
    match at {
        None => Some(Ttl::Never),
        Some(at) if at <= now => None,
        Some(at) => Some(Ttl::ExpiresIn(Duration::from_millis(at.0 - now.0))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_rounded_up_and_saturates() {
        let ends = |now, lifetime| expires_at(Timestamp(now), lifetime).0;
        assert_eq!(ends(1_000, Duration::from_millis(5)), 1_005);
        assert_eq!(ends(1_000, Duration::from_nanos(1)), 1_001);
        assert_eq!(ends(1_000, Duration::ZERO), 1_000);
        assert_eq!(ends(1_000, Duration::MAX), u64::MAX);
        assert_eq!(ends(0, Duration::ZERO), 1, "0 would be never");
    }

    #[test]
    fn nothing_is_left_at_the_very_millisecond() {
        let left = |now, at| time_left(Timestamp(now), Some(Timestamp(at)));
        assert_eq!(left(999, 1_000), Some(Ttl::ExpiresIn(Duration::from_millis(1))));
        assert_eq!(left(1_000, 1_000), None);
        assert_eq!(time_left(Timestamp(1_000), None), Some(Ttl::Never));
    }
}
