//! Owns the figures of one stretch of time after another. Never touches those of anybody else.

use std::fmt;
use std::time::Instant;

use super::Metrics;
use super::counters::Histograms;
use crate::database::FerrumDB;

/// Tells what a database has done since it was asked last: for charts, where the figures since the opening would hide
/// what is going on. Made by [`FerrumDB::meter`]. Each meter has a last time of its own.
///
/// ```
/// use ferrumdb::FerrumDB;
///
/// let db = FerrumDB::open_in_memory().wait()?;
/// db.set("one", 1).wait()?;
/// let mut meter = db.meter();
/// db.set("two", 2).wait()?;
/// let metrics = meter.read();
/// assert_eq!((metrics.sets, metrics.commit_nanos.count), (1, 1));
/// assert_eq!(meter.read().sets, 0);
/// # Ok::<(), ferrumdb::Error>(())
/// ```
pub struct Meter {
    db: FerrumDB,
    counts: Metrics,
    histograms: Histograms,
    at: Instant,
}

impl Meter {
    pub(crate) fn new(db: &FerrumDB) -> Self {
        let counters = &db.db.link.counters;
        // A lock may have been copied in its locked state.
        let is_forked = db.db.link.is_forked();
        let histograms = if is_forked { Histograms::empty() } else { counters.histograms() };
        let counts = counters.counts();
        Self { db: db.clone(), counts, histograms, at: Instant::now() }
    }

    /// The figures since the last reading, or since the meter was made. `uptime` is how long that is, and
    /// `operations_per_second` counts from then; what does not count up, such as bytes of the log, is as it is now. In a
    /// forked process there are counts alone.
    #[must_use]
    pub fn read(&mut self) -> Metrics {
        let link = &self.db.db.link;
        let counters = &link.counters;
        if link.is_forked() {
            return counters.counts().since(&self.counts);
        }
        let now = Instant::now();
        let (counts, histograms) = (counters.counts(), counters.histograms());
        let mut metrics = counts.since(&self.counts);
        metrics.uptime = now.saturating_duration_since(self.at);
        let operations = metrics.gets + metrics.sets + metrics.deletes;
        let seconds = metrics.uptime.as_secs_f64();
        metrics.operations_per_second = if seconds > 0.0 { operations as f64 / seconds } else { 0.0 };
        histograms.clone().since(&self.histograms).tell(&mut metrics);
        self.histograms = histograms;
        (self.counts, self.at) = (counts, now);
        self.db.add_state(&mut metrics);
        metrics
    }
}

impl Metrics {
    /// The counts since `before`.
    fn since(&self, before: &Self) -> Self {
        Self {
            gets: self.gets - before.gets,
            cache_hits: self.cache_hits - before.cache_hits,
            cache_misses: self.cache_misses - before.cache_misses,
            sets: self.sets - before.sets,
            deletes: self.deletes - before.deletes,
            commits: self.commits - before.commits,
            groups: self.groups - before.groups,
            conflicts: self.conflicts - before.conflicts,
            purged: self.purged - before.purged,
            errors: self.errors - before.errors,
            bytes_written: self.bytes_written - before.bytes_written,
            ..Self::default()
        }
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Meter").field("db", &self.db).finish_non_exhaustive()
    }
}
