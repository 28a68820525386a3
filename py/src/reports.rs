//! Owns how reports and figures become dicts. Never adds a figure of its own but those that older programs ask for.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ferrumdb::{
    BackupReport, CompactionReport, Config, FerrumDB, Progress, RepairReport, Restore, Stats, UpTo,
    VerifyReport,
};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::config::encryption_key;
use crate::error::raise;
use crate::json::{Codec, object_of_text};
use crate::operation::{Operate, answering, stoppable};
use crate::waiting::cancellable;

/// Checks a database that nobody has open.
#[pyfunction]
#[pyo3(name = "verify", signature = (path, *, encryption_key = None, passphrase = None))]
pub(crate) fn verify_file(
    py: Python<'_>,
    path: PathBuf,
    encryption_key: Option<&Bound<'_, PyAny>>,
    passphrase: Option<&str>,
) -> PyResult<Py<PyAny>> {
    answering(ferrumdb::verify(keyed(path, encryption_key, passphrase)?), verification).wait(py)
}

/// Saves what can be saved of a damaged database in a new file.
#[pyfunction]
#[pyo3(name = "repair", signature = (path, to, *, encryption_key = None, passphrase = None))]
pub(crate) fn repair_file(
    py: Python<'_>,
    path: PathBuf,
    to: PathBuf,
    encryption_key: Option<&Bound<'_, PyAny>>,
    passphrase: Option<&str>,
) -> PyResult<Py<PyAny>> {
    let progress = Progress::new();
    let config = keyed(path, encryption_key, passphrase)?.with_progress(&progress);
    let say = |py: Python<'_>, report: RepairReport| {
        let keys: Vec<&str> = report.keys.iter().map(|key| key.as_str()).collect();
        let lost: Vec<[u64; 2]> = report.lost.iter().map(|range| [range.start, range.end]).collect();
        let report = json!({
            "sequence": report.sequence,
            "documents": report.documents,
            "collections": report.collections,
            "indexes": report.indexes,
            "records": report.records,
            "lost_bytes": report.lost_bytes,
            "lost": lost,
            "keys": keys,
            "keys_total": report.keys_total,
        });
        dict(py, &report)
    };
    stoppable(ferrumdb::repair(config, to), say, move || progress.cancel()).wait(py)
}

/// Makes a database of a full backup, and of the increments behind it.
#[pyfunction]
#[pyo3(signature = (base, to, *, increments = Vec::new(), up_to = None, encryption_key = None, passphrase = None))]
pub(crate) fn restore(
    py: Python<'_>,
    base: PathBuf,
    to: PathBuf,
    increments: Vec<PathBuf>,
    up_to: Option<u64>,
    encryption_key: Option<&Bound<'_, PyAny>>,
    passphrase: Option<&str>,
) -> PyResult<Py<PyAny>> {
    let mut restore = increments.into_iter().fold(Restore::new(base), Restore::increment);
    if let Some(sequence) = up_to {
        restore = restore.up_to(UpTo::Sequence(ferrumdb::Sequence(sequence)));
    }
    if let Some(key) = encryption_key {
        restore = restore.with_encryption(self::encryption_key(key)?);
    }
    if let Some(words) = passphrase {
        restore = restore.with_passphrase(words);
    }
    let is_unwanted = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&is_unwanted);
    let go_on = move |_| match seen.load(Ordering::Relaxed) {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    };
    let work = move || restore.to_with_progress(to, go_on);
    let report = cancellable(py, work, move || is_unwanted.store(true, Ordering::Relaxed))?;
    dict(py, &report)
}

fn keyed(path: PathBuf, key: Option<&Bound<'_, PyAny>>, passphrase: Option<&str>) -> PyResult<Config> {
    let mut config = Config::new(path);
    if let Some(key) = key {
        config = config.with_encryption(encryption_key(key)?);
    }
    if let Some(words) = passphrase {
        config = config.with_passphrase(words);
    }
    Ok(config)
}

pub(crate) fn backup(py: Python<'_>, report: BackupReport) -> PyResult<Py<PyAny>> {
    dict(py, &report)
}

pub(crate) fn compaction(py: Python<'_>, report: CompactionReport) -> PyResult<Py<PyAny>> {
    dict(py, &report)
}

pub(crate) fn verification(py: Python<'_>, report: VerifyReport) -> PyResult<Py<PyAny>> {
    let findings = report.findings.iter().map(|finding| {
        let key = finding.key.as_ref().map(|key| key.as_str());
        json!({"position": finding.position, "sequence": finding.sequence, "key": key, "what": finding.what})
    });
    let findings: Vec<Value> = findings.collect();
    let report = json!({
        "is_sound": report.is_sound(),
        "sequence": report.sequence,
        "commits": report.commits,
        "records": report.records,
        "documents": report.documents,
        "bytes": report.bytes,
        "torn_bytes": report.torn_bytes,
        "findings": findings,
    });
    dict(py, &report)
}

pub(crate) fn metrics(py: Python<'_>, metrics: &ferrumdb::Metrics) -> PyResult<Py<PyAny>> {
    dict(py, metrics)
}

pub(crate) fn lag(py: Python<'_>, lag: &ferrumdb::Lag) -> PyResult<Py<PyAny>> {
    dict(py, lag)
}

/// The figures, and under their old names those that programs for the older package ask for.
pub(crate) fn stats(py: Python<'_>, stats: &Stats, db: &FerrumDB) -> PyResult<Py<PyAny>> {
    let report = dict(py, stats)?;
    let dict = report.bind(py).cast::<PyDict>()?;
    dict.set_item("key_count", db.count().map_err(raise)?)?;
    dict.set_item("disk_size_bytes", stats.file_bytes)?;
    let indexes = db.indexes().map_err(raise)?;
    dict.set_item("index_memory_estimate", indexes.iter().map(|index| index.bytes).sum::<u64>())?;
    dict.set_item("expired_keys", 0)?;
    Ok(report)
}

fn dict(py: Python<'_>, report: &impl Serialize) -> PyResult<Py<PyAny>> {
    let report = serde_json::to_value(report).map(plain);
    let text = report.and_then(|report| serde_json::to_vec(&report));
    let text = text.map_err(|error| pyo3::exceptions::PyRuntimeError::new_err(error.to_string()))?;
    object_of_text(py, &text, Codec::Plain)
}

/// The same with times in seconds.
fn plain(value: Value) -> Value {
    let seconds = |time: &Map<String, Value>| {
        let (Some(whole), Some(nanos)) = (time.get("secs")?.as_u64(), time.get("nanos")?.as_u64()) else {
            return None;
        };
        (time.len() == 2).then(|| whole as f64 + nanos as f64 / 1e9)
    };
    match value {
        Value::Object(fields) => match seconds(&fields) {
            Some(seconds) => seconds.into(),
            None => fields.into_iter().map(|(name, value)| (name, plain(value))).collect(),
        },
        Value::Array(items) => items.into_iter().map(plain).collect(),
        value => value,
    }
}
