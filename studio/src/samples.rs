//! Owns the figures of a database over time: one sample a second, and the last hours of them. Never holds more than a stated
//! number.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ferrumdb::{Distribution, FerrumDB, Meter, Result};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::app::now_ms;

/// The time between two samples.
pub(crate) const STEP: Duration = Duration::from_secs(1);
/// Ten minutes of them.
const FINE_MAX: usize = 600;
/// So many are put together to a coarse one, of which there are four hours.
const TOGETHER: usize = 15;
const COARSE_MAX: usize = 960;

/// The figures of about one second, or, put together, of more.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Sample {
    time: u64,
    gets_per_second: f64,
    writes_per_second: f64,
    commits_per_second: f64,
    errors_per_second: f64,
    get_p50_ns: Option<u64>,
    get_p99_ns: Option<u64>,
    commit_p50_ns: Option<u64>,
    commit_p99_ns: Option<u64>,
    sync_p50_ns: Option<u64>,
    sync_p99_ns: Option<u64>,
    group_p50: Option<u64>,
    group_max: Option<u64>,
    cache_hit_ratio: Option<f64>,
    documents: u64,
    live_bytes: u64,
    dead_bytes: u64,
    file_bytes: u64,
    cache_bytes: u64,
    inbox_commands: u64,
    lag_ms: Option<f64>,
    lag_commits: Option<u64>,
}

pub(crate) struct Samples(Mutex<History>);

struct History {
    meter: Meter,
    fine: VecDeque<Sample>,
    coarse: VecDeque<Sample>,
    /// How many of the fine ones are in no coarse one yet.
    loose: usize,
}

impl Samples {
    /// The first sample is taken at once: it tells the sizes.
    pub(crate) fn new(db: &FerrumDB) -> Result<Self> {
        let meter = db.meter();
        let samples =
            Self(Mutex::new(History { meter, fine: VecDeque::new(), coarse: VecDeque::new(), loose: 0 }));
        samples.add(db)?;
        Ok(samples)
    }

    /// Takes a sample, if the database is open.
    pub(crate) fn take(&self, db: &FerrumDB) {
        if let Err(error) = self.add(db) {
            tracing::debug!(%error, "no sample was taken");
        }
    }

    pub(crate) fn last(&self) -> Option<Sample> {
        self.lock().fine.back().cloned()
    }

    /// The history by columns, the finest first.
    pub(crate) fn series(&self) -> Value {
        let history = self.lock();
        let step = STEP.as_millis() as u64;
        json!({"series": [
            {"step_ms": step, "columns": columns(&history.fine)},
            {"step_ms": step * TOGETHER as u64, "columns": columns(&history.coarse)},
        ]})
    }

    fn add(&self, db: &FerrumDB) -> Result<()> {
        let mut history = self.lock();
        let sample = Sample::now(db, &mut history.meter)?;
        push(&mut history.fine, sample, FINE_MAX);
        history.loose += 1;
        if history.loose == TOGETHER {
            history.loose = 0;
            let together = Sample::together(history.fine.iter().rev().take(TOGETHER));
            push(&mut history.coarse, together, COARSE_MAX);
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, History> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sample {
    fn now(db: &FerrumDB, meter: &mut Meter) -> Result<Self> {
        let (metrics, stats) = (meter.read(), db.stats()?);
        let seconds = metrics.uptime.as_secs_f64().max(0.001);
        let rate = |count: u64| count as f64 / seconds;
        let (hits, misses) = (metrics.cache_hits, metrics.cache_misses);
        // A follower that has lost its owner says so elsewhere.
        let lag = if db.is_follower() { db.lag().ok() } else { None };
        Ok(Self {
            time: now_ms(),
            gets_per_second: rate(metrics.gets),
            writes_per_second: rate(metrics.sets + metrics.deletes),
            commits_per_second: rate(metrics.commits),
            errors_per_second: rate(metrics.errors),
            get_p50_ns: measured(&metrics.get_nanos, |nanos| nanos.p50),
            get_p99_ns: measured(&metrics.get_nanos, |nanos| nanos.p99),
            commit_p50_ns: measured(&metrics.commit_nanos, |nanos| nanos.p50),
            commit_p99_ns: measured(&metrics.commit_nanos, |nanos| nanos.p99),
            sync_p50_ns: measured(&metrics.sync_nanos, |nanos| nanos.p50),
            sync_p99_ns: measured(&metrics.sync_nanos, |nanos| nanos.p99),
            group_p50: measured(&metrics.group_sizes, |sizes| sizes.p50),
            group_max: measured(&metrics.group_sizes, |sizes| sizes.max),
            cache_hit_ratio: (hits + misses > 0).then(|| hits as f64 / (hits + misses) as f64),
            documents: stats.documents,
            live_bytes: stats.live_bytes,
            dead_bytes: stats.dead_bytes,
            file_bytes: stats.file_bytes,
            cache_bytes: stats.cache_bytes,
            inbox_commands: metrics.inbox_commands,
            lag_ms: lag.map(|lag| lag.behind.as_secs_f64() * 1_000.0),
            lag_commits: lag.map(|lag| lag.published.0.saturating_sub(lag.sequence.0)),
        })
    }

    /// One for several, the newest of which comes first: rates are averages, times and groups the worst, sizes the last.
    fn together<'s>(samples: impl Iterator<Item = &'s Self>) -> Self {
        let samples: Vec<_> = samples.collect();
        let mean = |of: fn(&Self) -> f64| {
            samples.iter().map(|sample| of(sample)).sum::<f64>() / samples.len() as f64
        };
        let worst = |of: fn(&Self) -> Option<u64>| samples.iter().filter_map(|sample| of(sample)).max();
        let ratios: Vec<_> = samples.iter().filter_map(|sample| sample.cache_hit_ratio).collect();
        let lags = samples.iter().filter_map(|sample| sample.lag_ms);
        Self {
            gets_per_second: mean(|sample| sample.gets_per_second),
            writes_per_second: mean(|sample| sample.writes_per_second),
            commits_per_second: mean(|sample| sample.commits_per_second),
            errors_per_second: mean(|sample| sample.errors_per_second),
            get_p50_ns: worst(|sample| sample.get_p50_ns),
            get_p99_ns: worst(|sample| sample.get_p99_ns),
            commit_p50_ns: worst(|sample| sample.commit_p50_ns),
            commit_p99_ns: worst(|sample| sample.commit_p99_ns),
            sync_p50_ns: worst(|sample| sample.sync_p50_ns),
            sync_p99_ns: worst(|sample| sample.sync_p99_ns),
            group_p50: worst(|sample| sample.group_p50),
            group_max: worst(|sample| sample.group_max),
            cache_hit_ratio: (!ratios.is_empty()).then(|| ratios.iter().sum::<f64>() / ratios.len() as f64),
            lag_ms: lags.reduce(f64::max),
            lag_commits: worst(|sample| sample.lag_commits),
            ..samples[0].clone()
        }
    }
}

fn measured(distribution: &Distribution, of: fn(&Distribution) -> u64) -> Option<u64> {
    (distribution.count > 0).then(|| of(distribution))
}

fn push(samples: &mut VecDeque<Sample>, sample: Sample, max: usize) {
    if samples.len() == max {
        samples.pop_front();
    }
    samples.push_back(sample);
}

fn columns(samples: &VecDeque<Sample>) -> Value {
    let mut columns = Map::new();
    for sample in samples {
        let Ok(Value::Object(sample)) = serde_json::to_value(sample) else { continue };
        for (name, value) in sample {
            if let Value::Array(column) = columns.entry(name).or_insert_with(|| json!([])) {
                column.push(value);
            }
        }
    }
    Value::Object(columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifteen_samples_become_one_of_the_coarse_history_and_neither_grows_for_ever() {
        let db = FerrumDB::open_in_memory().wait().expect("memory is there");
        let samples = Samples::new(&db).expect("it is open");
        db.set("one", 1).wait().expect("it is stored");
        for _ in 1..TOGETHER {
            samples.take(&db);
        }
        let series = samples.series();
        let fine = &series["series"][0]["columns"];
        let coarse = &series["series"][1]["columns"];
        assert_eq!(fine["time"].as_array().map(Vec::len), Some(TOGETHER));
        assert_eq!(coarse["documents"], json!([1]));
        assert!(coarse["writes_per_second"][0].as_f64() > Some(0.0), "{coarse}");
        assert_eq!(fine["lag_ms"][0], Value::Null, "it is no follower");
        for _ in 0..FINE_MAX {
            samples.take(&db);
        }
        let fine = &samples.series()["series"][0]["columns"];
        assert_eq!(fine["time"].as_array().map(Vec::len), Some(FINE_MAX));
    }
}
