//! Owns what a database tells of its work: counts, and how its latencies are distributed. Never slows down what it
//! measures: see `counters`.

mod counters;
mod meter;
mod rate;
mod slot;

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

pub(crate) use counters::{Counter, Counters, note_document_read};
pub use meter::Meter;

/// The figures of one database since it was opened, as they stood at one moment.
///
/// Times are in nanoseconds. It serialises to JSON, in which no name will change.
///
/// ```
/// use ferrumdb::FerrumDB;
///
/// let db = FerrumDB::open_in_memory().wait()?;
/// db.set("greeting", "hello").wait()?;
/// db.get("greeting")?;
/// let metrics = db.metrics();
/// assert_eq!((metrics.sets, metrics.gets, metrics.cache_misses), (1, 1, 1));
/// assert!(metrics.commit_nanos.p50 <= metrics.commit_nanos.p99);
/// # Ok::<(), ferrumdb::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Metrics {
    /// Keys that were looked up, found or not.
    pub gets: u64,
    /// Gets of documents that were in the cache.
    pub cache_hits: u64,
    /// Gets of documents that were read from the file.
    pub cache_misses: u64,
    /// Documents that were set by commits.
    pub sets: u64,
    /// Deletes that were carried out by commits, of a document or of nothing.
    pub deletes: u64,
    /// Transactions that were committed; a single set or delete is one, too.
    pub commits: u64,
    /// Groups of transactions that were appended, and under `Always` synced, together.
    pub groups: u64,
    /// Transactions that were refused because a condition did not hold. They are among the errors, but for those that were
    /// run again.
    pub conflicts: u64,
    /// Expired documents that were removed in the background.
    pub purged: u64,
    /// Calls that ended with an error, and work in the background that did.
    pub errors: u64,
    /// Bytes that were written to files.
    pub bytes_written: u64,
    /// The part of the log that holds the newest version of a document, in bytes.
    pub live_bytes: u64,
    /// The rest of the log, which a compaction would win, in bytes.
    pub dead_bytes: u64,
    /// Commands that wait for the writer now.
    pub inbox_commands: u64,
    /// What they take, in bytes.
    pub inbox_bytes: u64,
    /// How long single gets take. One in 256 of each thread is timed.
    pub get_nanos: Distribution,
    /// How long transactions take, from when they were accepted, or took their place in the line for room, to when
    /// they were answered.
    pub commit_nanos: Distribution,
    /// How long the system's syncs of the log take.
    pub sync_nanos: Distribution,
    /// How many transactions form a group.
    pub group_sizes: Distribution,
    /// Gets, sets and deletes a second, since an earlier call of `metrics` that lies at least a second back; since the
    /// opening, before there is one. Callers that ask at the same time do not disturb each other.
    pub operations_per_second: f64,
    /// How long the database has been open.
    pub uptime: Duration,
}

/// How measured values are distributed, each to within one in a hundred.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Distribution {
    /// How many were measured.
    pub count: u64,
    /// Half of them are no greater.
    pub p50: u64,
    /// Nine in ten are no greater.
    pub p90: u64,
    /// 99 in a hundred are no greater.
    pub p99: u64,
    /// 999 in a thousand are no greater.
    pub p99_9: u64,
    /// The greatest.
    pub max: u64,
}

impl Distribution {
    fn of(histogram: &Histogram<u64>) -> Self {
        Self {
            count: histogram.len(),
            p50: histogram.value_at_quantile(0.5),
            p90: histogram.value_at_quantile(0.9),
            p99: histogram.value_at_quantile(0.99),
            p99_9: histogram.value_at_quantile(0.999),
            max: histogram.max(),
        }
    }
}
