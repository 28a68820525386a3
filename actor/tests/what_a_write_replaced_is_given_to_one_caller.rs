//! Owns the proof that a replaced document is handed to exactly one caller, who reads it himself. Never sleeps to be
//! right.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::sync::Arc;

use ferrumdb::fs::{Effect, Fault, SimFs, SimOperation};
use ferrumdb::{Config, ErrorKind, FerrumDB};

#[test]
fn the_replaced_values_of_many_threads_form_a_chain() {
    const THREADS: u64 = 8;
    const ROUNDS: u64 = 200;
    // Without a cache, each is read from the file.
    let db = FerrumDB::open(Config::in_memory().with_cache_bytes(0)).wait().unwrap();
    let replaced: Vec<Option<u64>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let db = &db;
                scope.spawn(move || {
                    let swap = |round| db.get_and_set("key", thread * ROUNDS + round).wait().unwrap();
                    (0..ROUNDS).map(|round| swap(round).map(|old| old.to().unwrap())).collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(replaced.iter().filter(|old| old.is_none()).count(), 1, "one was the first");
    let last = db.get_as::<u64>("key").unwrap().unwrap();
    let seen: Vec<u64> = replaced.into_iter().flatten().chain([last]).collect();
    assert_eq!(seen.len() as u64, THREADS * ROUNDS);
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), (0..THREADS * ROUNDS).collect());
}

#[test]
fn of_many_that_take_a_document_one_gets_it() {
    let db = FerrumDB::open_in_memory().wait().unwrap();
    for round in 0..50 {
        let version = db.set("job", round).wait().unwrap();
        let taken: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..8).map(|_| scope.spawn(|| db.get_and_delete("job").wait().unwrap())).collect();
            threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(taken.len(), 1);
        assert_eq!((taken[0].version(), taken[0].to::<i32>().unwrap()), (version, round));
        assert!(!db.contains("job").unwrap());
    }
}

#[test]
fn it_answers_in_async_code_too() {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let db = FerrumDB::open_in_memory().await.unwrap();
        assert!(db.get_and_set("key", 1).await.unwrap().is_none());
        let old = tokio::spawn(db.get_and_set("key", 2)).await.unwrap().unwrap();
        assert_eq!(old.unwrap(), serde_json::json!(1));
        assert_eq!(db.get_and_delete("key").await.unwrap().unwrap(), serde_json::json!(2));
        assert!(db.get_and_delete("key").await.unwrap().is_none());
    });
}

#[test]
fn the_writer_does_not_read_it() {
    let sim = SimFs::new(1);
    let config = Config::new("/data.db").with_file_system(Arc::new(sim.process())).with_cache_bytes(0);
    let db = FerrumDB::open(config).wait().unwrap();
    db.set("key", "old").wait().unwrap();
    sim.inject(Fault::new(SimOperation::Read, Effect::Block));
    let reads = sim.calls(SimOperation::Read);
    let pending = db.get_and_set("key", "new");
    db.set("other", 1).wait().unwrap(); // after it, and not held up
    assert_eq!(sim.calls(SimOperation::Read), reads);
    drop(db.get_and_delete("other")); // nobody waits: nobody reads
    db.sync().wait().unwrap();
    assert_eq!(sim.calls(SimOperation::Read), reads);
    let waiter = std::thread::spawn(move || pending.wait());
    while sim.blocked() == 0 {
        std::thread::yield_now();
    }
    sim.release();
    assert_eq!(waiter.join().unwrap().unwrap().unwrap(), serde_json::json!("old"));
}

#[test]
fn a_replaced_document_that_cannot_be_read_is_an_error_of_its_key_and_the_write_stands() {
    let sim = SimFs::new(1);
    let config = Config::new("/data.db").with_file_system(Arc::new(sim.process())).with_cache_bytes(0);
    let db = FerrumDB::open(config).wait().unwrap();
    db.set("key", "old").wait().unwrap();
    sim.inject(Fault::new(SimOperation::Read, Effect::Error(std::io::ErrorKind::Other)));
    let error = db.get_and_set("key", "new").wait().unwrap_err();
    assert_eq!((error.kind(), error.key().unwrap().as_str()), (ErrorKind::Io, "key"));
    assert_eq!(db.get("key").unwrap().unwrap(), serde_json::json!("new"));
    assert_eq!(db.metrics().errors, 1);
}
