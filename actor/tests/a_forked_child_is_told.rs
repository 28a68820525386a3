//! Owns the proof that a forked process gets errors instead of hanging, and does the parent's database no harm.
//! Never runs beside other tests, since a fork copies their threads' locks.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use ferrumdb::{ErrorKind, FerrumDB, Meter, Metrics, Snapshot};
use fork::{Fork, fork, waitpid_nohang};

/// What the child finds; its exit code says which part was wrong, 0 that all was right.
fn child(
    db: FerrumDB,
    snapshot: Snapshot,
    mut meter: Meter,
    pending: ferrumdb::Pending<ferrumdb::Sequence>,
) -> i32 {
    let forked = |kind: Option<ErrorKind>| kind == Some(ErrorKind::Forked);
    let checks = [
        forked(db.set("child", 1).wait().err().map(|error| error.kind())),
        forked(db.delete("parent").wait().err().map(|error| error.kind())),
        forked(db.sync().wait().err().map(|error| error.kind())),
        forked(db.close().wait().err().map(|error| error.kind())),
        forked(db.count().err().map(|error| error.kind())),
        forked(db.keys().err().map(|error| error.kind())),
        forked(db.snapshot().err().map(|error| error.kind())),
        forked(snapshot.get("parent").err().map(|error| error.kind())),
        forked(snapshot.keys().err().map(|error| error.kind())),
        // What was counted before the fork is here, and what was measured lies behind locks that may be held for ever.
        is_of_counts_alone(&meter.read()),
        is_of_counts_alone(&db.metrics()),
        db.meter().read().sets == 0,
    ];
    drop((snapshot, meter));
    // Whether it was answered before the fork is a matter of luck; that it returns is not.
    let _ = pending.wait();
    drop(db);
    checks.iter().position(|right| !right).map_or(0, |wrong| wrong as i32 + 1)
}

fn is_of_counts_alone(metrics: &Metrics) -> bool {
    metrics.sets >= 1 && metrics.commit_nanos.count == 0
}

#[test]
fn a_forked_child_gets_errors_and_leaves_the_database_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let db = FerrumDB::open(&path).wait().unwrap();
    let meter = db.meter();
    db.set("parent", 1).wait().unwrap();
    let snapshot = db.snapshot().unwrap();
    let pending = db.set("around the fork", 2);

    match fork().unwrap() {
        Fork::Child => {
            let code = child(db, snapshot, meter, pending);
            std::process::exit(code);
        }
        Fork::Parent(process) => {
            let status = wait_for(process);
            assert_eq!(
                status,
                Some(0),
                "256 times the number of the check that failed; none if the child hangs"
            );
        }
    }

    pending.wait().unwrap();
    assert_eq!(
        (snapshot.count().unwrap(), db.stats().unwrap().snapshots),
        (1, 1),
        "the child dropped its own"
    );
    db.set("after", 3).wait().unwrap();
    assert_eq!(
        FerrumDB::open(&path).wait().unwrap_err().kind(),
        ErrorKind::Locked,
        "the child did not unlock it"
    );
    db.close().wait().unwrap();
    let db = FerrumDB::open(&path).wait().unwrap();
    assert_eq!(db.count().unwrap(), 3);
}

/// The child's wait status; none, and the child is ended, if it is not done in a minute.
fn wait_for(process: i32) -> Option<i32> {
    let deadline = Instant::now() + Duration::from_secs(60);
    while Instant::now() < deadline {
        if let Some(status) = waitpid_nohang(process).unwrap() {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    std::process::Command::new("kill").args(["-9", &process.to_string()]).status().unwrap();
    None
}
