//! Owns the proof of what happens when the writer cannot keep up: calls are held back, in order, and nothing is
//! lost or done twice. Never sleeps to be right.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::future::Future;
use std::ops::Deref;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ferrumdb::fs::{Effect, Fault, SimFs, SimOperation};
use ferrumdb::{Config, FerrumDB, Pending, Sequence};

const INBOX_BYTES: usize = 8 << 10;

/// A disk that lets go of what it blocks when the test ends, however it ends.
struct Disk(SimFs);

impl Deref for Disk {
    type Target = SimFs;

    fn deref(&self) -> &SimFs {
        &self.0
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.0.release();
    }
}

/// A database whose writer is stuck in the sync of the key "first".
fn stuck() -> (FerrumDB, Pending<Sequence>, Disk) {
    let sim = SimFs::new(1);
    let config =
        Config::new("/data.db").with_file_system(Arc::new(sim.process())).with_inbox_bytes(INBOX_BYTES);
    let db = FerrumDB::open(config).wait().unwrap();
    sim.inject(Fault::new(SimOperation::Sync, Effect::Block));
    let first = db.set("first", 0);
    while sim.blocked() == 0 {
        std::thread::yield_now();
    }
    (db, first, Disk(sim))
}

/// Calls until one is not accepted; that one comes last.
fn fill(db: &FerrumDB) -> Vec<Pending<Sequence>> {
    let mut pending = Vec::new();
    loop {
        pending.push(db.set(format!("fill:{}", pending.len()), pending.len()));
        if !pending.last().unwrap().is_accepted() {
            return pending;
        }
        assert!(pending.len() < INBOX_BYTES, "the inbox has no bound");
    }
}

fn poll_once<T>(pending: &mut Pending<T>) -> Poll<ferrumdb::Result<T>> {
    pin!(pending).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_call_that_finds_no_room_goes_in_when_it_is_waited_for() {
    let (db, first, sim) = stuck();
    let mut pending = fill(&db);
    let held = pending.pop().unwrap();
    let number = pending.len();
    let waiter = std::thread::spawn(move || held.wait());
    sim.release();
    first.wait().unwrap();
    for accepted in pending {
        accepted.wait().unwrap();
    }
    waiter.join().unwrap().unwrap();
    assert!(db.contains(format!("fill:{number}")).unwrap());
}

#[test]
fn dropped_before_it_is_waited_for_it_is_never_carried_out() {
    let (db, first, sim) = stuck();
    let mut pending = fill(&db);
    drop(pending.pop());
    let accepted = pending.len() as u64;
    drop(pending); // accepted: carried out all the same
    sim.release();
    first.wait().unwrap();
    db.sync().wait().unwrap();
    assert_eq!(db.count().unwrap(), accepted + 1);
}

#[test]
fn dropped_in_the_line_it_is_never_carried_out() {
    let (db, first, sim) = stuck();
    let mut pending = fill(&db);
    let mut in_line = pending.pop().unwrap();
    assert!(poll_once(&mut in_line).is_pending());
    drop(in_line);
    let mut second = db.set("second", 2);
    assert!(poll_once(&mut second).is_pending());
    sim.release();
    first.wait().unwrap();
    second.wait().unwrap();
    assert!(!db.contains(format!("fill:{}", pending.len())).unwrap());
}

#[test]
fn one_that_is_held_and_not_polled_again_holds_up_nobody() {
    let (db, first, sim) = stuck();
    let mut pending = fill(&db);
    let mut idle = pending.pop().unwrap();
    assert!(poll_once(&mut idle).is_pending());
    sim.release();
    first.wait().unwrap();
    for number in 0..1_000 {
        db.set(format!("later:{number}"), number).wait().unwrap();
    }
    idle.wait().unwrap();
}

#[test]
fn those_in_the_line_are_served_in_turn_and_not_overtaken() {
    let (db, first, sim) = stuck();
    let mut pending = fill(&db);
    let mut line: Vec<_> = (0..10).map(|number| db.set(format!("line:{number}"), number)).collect();
    line.insert(0, pending.pop().unwrap());
    for waiting in &mut line {
        assert!(poll_once(waiting).is_pending());
    }
    let late = db.set("late", 0);
    assert!(!late.is_accepted(), "while somebody stands in the line, nobody goes in past it");
    sim.release();
    let late = std::thread::spawn(move || late.wait().unwrap());
    first.wait().unwrap();
    let sequences: Vec<_> = line.into_iter().map(|waiting| waiting.wait().unwrap()).collect();
    assert!(sequences.is_sorted());
    assert!(late.join().unwrap() > *sequences.last().unwrap());
}

#[test]
fn a_command_larger_than_the_whole_inbox_goes_in() {
    let (db, first, sim) = stuck();
    let large = "x".repeat(INBOX_BYTES * 4);
    let alone = db.set("large", &large);
    assert!(alone.is_accepted(), "the inbox is empty");
    assert!(!db.set("next", 0).is_accepted(), "and now it is full");
    sim.release();
    first.wait().unwrap();
    alone.wait().unwrap();
    assert_eq!(db.get_as::<String>("large").unwrap(), Some(large));
}

#[test]
fn closing_gets_in_past_a_full_inbox_and_tells_those_in_the_line() {
    let (db, first, sim) = stuck();
    let mut pending = fill(&db);
    let mut in_line = pending.pop().unwrap();
    let held = db.set("held", 0);
    assert!(poll_once(&mut in_line).is_pending());
    let closing = db.close();
    sim.release();
    closing.wait().unwrap();
    first.wait().unwrap();
    for accepted in pending {
        accepted.wait().unwrap();
    }
    // Its turn comes before or after the closing: it is carried out or told, but not forgotten.
    if let Err(error) = in_line.wait() {
        assert_eq!(error.kind(), ferrumdb::ErrorKind::Closed);
    }
    assert_eq!(held.wait().unwrap_err().kind(), ferrumdb::ErrorKind::Closed);
}

#[test]
fn many_threads_get_through_a_tiny_inbox() {
    let config = Config::in_memory().with_inbox_bytes(1);
    let db = FerrumDB::open(config).wait().unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let db = &db;
            scope.spawn(move || {
                for number in 0..500 {
                    db.set(format!("{thread}:{number}"), number).wait().unwrap();
                }
            });
        }
    });
    assert_eq!(db.count().unwrap(), 4_000);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..200)
            .map(|number| {
                let db = db.clone();
                tokio::spawn(async move {
                    let short = Duration::from_micros(number % 50);
                    // Some give up in the line; the others must not mind.
                    let _ = tokio::time::timeout(short, db.set(format!("maybe:{number}"), number)).await;
                    db.set(format!("task:{number}"), number).await.unwrap();
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert!((0..200).all(|number| db.contains(format!("task:{number}")).unwrap()));
}
