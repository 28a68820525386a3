//! Owns the shape in which reports get to JavaScript, as JSON: names in camel case, times in milliseconds. Never leaves a
//! figure out.

use std::time::Duration;

use ferrumdb::{
    BackupReport, CollectionInfo, CompactionReport, Distribution, Finding, IndexInfo, Lag, Metrics,
    RecoveryReport, Stats, VerifyReport,
};
use serde_json::{Value, json};

pub(crate) fn collections(all: &[CollectionInfo]) -> String {
    let each = |info: &CollectionInfo| json!({ "name": info.name.as_str(), "documents": info.documents, "indexes": info.indexes });
    all.iter().map(each).collect::<Value>().to_string()
}

pub(crate) fn indexes(all: &[IndexInfo]) -> String {
    let each = |index: &IndexInfo| {
        let IndexInfo { path, entries, bytes, uses, .. } = index;
        json!({
            "field": path.to_string(), "segments": path.segments().collect::<Vec<_>>(),
            "entries": entries, "bytes": bytes, "uses": uses,
        })
    };
    all.iter().map(each).collect::<Value>().to_string()
}

pub(crate) fn compaction(report: &CompactionReport) -> String {
    json!({
        "bytesBefore": report.bytes_before, "bytesAfter": report.bytes_after,
        "recordsDropped": report.records_dropped, "tookMs": millis(report.took),
    })
    .to_string()
}

pub(crate) fn backup(report: &BackupReport) -> String {
    json!({
        "sequence": report.sequence.0, "since": report.since.map(|since| since.0),
        "bytes": report.bytes, "records": report.records, "tookMs": millis(report.took),
    })
    .to_string()
}

pub(crate) fn verification(report: &VerifyReport) -> String {
    let each = |finding: &Finding| {
        json!({
            "position": finding.position, "sequence": finding.sequence.map(|sequence| sequence.0),
            "key": finding.key.as_ref().map(|key| key.as_str()), "what": finding.what,
        })
    };
    json!({
        "sound": report.is_sound(), "sequence": report.sequence.0, "commits": report.commits,
        "records": report.records, "documents": report.documents, "bytes": report.bytes,
        "tornBytes": report.torn_bytes, "findingsTotal": report.findings_total,
        "findings": report.findings.iter().map(each).collect::<Vec<_>>(),
    })
    .to_string()
}

pub(crate) fn lag(lag: &Lag) -> String {
    json!({ "sequence": lag.sequence.0, "published": lag.published.0, "behindMs": millis(lag.behind) })
        .to_string()
}

pub(crate) fn stats(stats: &Stats, metrics: &Metrics) -> String {
    json!({
        "path": stats.path.display().to_string(), "sequence": stats.sequence.0, "documents": stats.documents,
        "collections": stats.collections, "fileBytes": stats.file_bytes, "heldBytes": stats.held_bytes,
        "logBytes": stats.log_bytes, "liveBytes": stats.live_bytes, "deadBytes": stats.dead_bytes,
        "cacheBytes": stats.cache_bytes, "pins": stats.pins, "oldestPin": stats.oldest_pin.map(|pin| pin.0),
        "undoVersions": stats.undo_versions, "undoBytes": stats.undo_bytes, "snapshots": stats.snapshots,
        "oldestSnapshotMs": stats.oldest_snapshot.map(millis), "recovery": recovery(&stats.recovery),
        "metrics": self::metrics(metrics),
    })
    .to_string()
}

fn recovery(report: &RecoveryReport) -> Value {
    json!({
        "clean": report.clean, "commits": report.commits, "hint": report.hint.map(|hint| hint.0),
        "tornBytes": report.torn_bytes,
        "tornFile": report.torn_file.as_ref().map(|file| file.display().to_string()),
    })
}

fn metrics(metrics: &Metrics) -> Value {
    json!({
        "gets": metrics.gets, "cacheHits": metrics.cache_hits, "cacheMisses": metrics.cache_misses,
        "sets": metrics.sets, "deletes": metrics.deletes, "commits": metrics.commits, "groups": metrics.groups,
        "conflicts": metrics.conflicts, "purged": metrics.purged, "errors": metrics.errors,
        "bytesWritten": metrics.bytes_written, "inboxCommands": metrics.inbox_commands,
        "inboxBytes": metrics.inbox_bytes, "getNanos": distribution(&metrics.get_nanos),
        "commitNanos": distribution(&metrics.commit_nanos), "syncNanos": distribution(&metrics.sync_nanos),
        "groupSizes": distribution(&metrics.group_sizes),
        "operationsPerSecond": metrics.operations_per_second, "uptimeMs": millis(metrics.uptime),
    })
}

fn distribution(of: &Distribution) -> Value {
    json!({ "count": of.count, "p50": of.p50, "p90": of.p90, "p99": of.p99, "p99_9": of.p99_9, "max": of.max })
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
