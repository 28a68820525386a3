//! The promise that operations allocate no more than is stated here: a cached get nothing at all. It must be the only test of its
//! process, since it counts what the whole process allocates.

#![allow(clippy::unwrap_used, reason = "a failure is what a test reports")]

use std::alloc::System;
use std::hint::black_box;

use ferrumdb::{Config, FerrumDB, FsyncPolicy, Transaction};
use ferrumdb_benches::workload::Workload;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const DOCUMENTS: usize = 1_000;
const BATCH: usize = 100;
/// What else goes on in the process, a sync mark for one, can only add: the least of some rounds is the operation's own.
const ROUNDS: usize = 5;

/// What is read from the file: the document, whose text stands with what its clones share.
const COLD_GET: f64 = 1.0;
/// Five on both threads together, and now and then the growth of what is kept.
const SET: f64 = 5.5;
/// Where the document that is replaced is cached, the one that takes its place there, too.
const SET_OF_CACHED: f64 = SET + 1.0;
/// For each set of a hundred: its document, and its share of what the transaction takes.
const SET_OF_A_HUNDRED: f64 = 1.5;

#[test]
fn operations_allocate_no_more_than_is_stated() {
    let folder = tempfile::tempdir().unwrap();
    let versions = [Workload::new(DOCUMENTS, 0), Workload::new(DOCUMENTS, 1)];
    let db = filled(&folder.path().join("cached.db"), &versions[0], 64 << 20);
    let cold = filled(&folder.path().join("cold.db"), &versions[0], 0);
    let keys = &versions[0].keys;
    let people = db.collection("people").unwrap();
    people.set("one", 1).wait().unwrap();
    people.get("one").unwrap();
    for key in keys {
        black_box(db.get(key).unwrap().unwrap().value());
    }
    let snapshot = db.snapshot().unwrap();

    let get = |key: &String| drop(black_box(db.get(key).unwrap().unwrap()));
    assert_eq!(each(keys, get), 0.0, "a cached get");
    let value = |key: &String| assert!(db.get(key).unwrap().unwrap().value().is_object());
    assert_eq!(each(keys, value), 0.0, "a cached get and its value");
    assert_eq!(each(keys, |key| assert!(db.contains(key).unwrap())), 0.0, "contains");
    assert_eq!(each(keys, |_| drop(black_box(people.get("one").unwrap()))), 0.0, "a collection's get");
    assert_eq!(each(keys, |key| drop(black_box(snapshot.get(key).unwrap()))), 0.0, "a snapshot's get");
    assert_eq!(each(keys, |_| assert!(db.get("nobody").unwrap().is_none())), 0.0, "a get of nothing");
    assert_eq!(each(keys, |key| drop(black_box(db.get_raw(key).unwrap()))), 1.0, "a copy of the text");
    drop(snapshot);
    at_most(COLD_GET, each(keys, |key| drop(black_box(cold.get(key).unwrap()))), "a get from the file");

    let set_in = |db: &FerrumDB| {
        let (db, versions, mut number) = (db.clone(), &versions, 0);
        move |key: &String| {
            let document = &versions[number / DOCUMENTS % 2].documents[number % DOCUMENTS];
            db.set(key.as_str(), document).wait().unwrap();
            number += 1;
        }
    };
    at_most(SET, each(keys, set_in(&cold)), "a set");
    at_most(SET_OF_CACHED, each(keys, set_in(&db)), "a set of what is cached");
    let starts: Vec<usize> = (0..DOCUMENTS).step_by(BATCH).collect();
    let commit = |start: &usize| {
        cold.commit(transaction(&versions[0], *start, BATCH)).wait().unwrap();
    };
    at_most(SET_OF_A_HUNDRED, each(&starts, commit) / BATCH as f64, "a set of a transaction");
}

fn filled(path: &std::path::Path, workload: &Workload, cache_bytes: u64) -> FerrumDB {
    let config = Config::new(path).with_fsync_policy(FsyncPolicy::Never).with_cache_bytes(cache_bytes);
    let db = FerrumDB::open(config).wait().unwrap();
    db.commit(transaction(workload, 0, workload.len())).wait().unwrap();
    db
}

fn transaction(workload: &Workload, start: usize, count: usize) -> Transaction {
    (start..start + count).fold(Transaction::new(), |all, number| {
        all.set(workload.keys[number].as_str(), &workload.documents[number])
    })
}

/// Allocations of one operation, on all threads of the process together.
fn each<T>(inputs: &[T], mut operation: impl FnMut(&T)) -> f64 {
    let count = |_| {
        let region = Region::new(ALLOCATOR);
        inputs.iter().for_each(&mut operation);
        let change = region.change();
        (change.allocations + change.reallocations) as f64 / inputs.len() as f64
    };
    (0..ROUNDS).map(count).fold(f64::INFINITY, f64::min)
}

fn at_most(bound: f64, counted: f64, operation: &str) {
    println!("{operation}: {counted:.3} allocations, at most {bound}");
    assert!(counted <= bound, "{operation} takes {counted:.3} allocations, at most {bound} are stated");
}
