//! Owns the proof that a `Pending` works with runtimes, without one, and with a change of mind. Never depends on time.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use ferrumdb::fs::{Effect, Fault, SimFs, SimOperation};
use ferrumdb::{Config, FerrumDB, Result};

#[test]
fn thousands_of_tasks_await_their_commits() {
    for runtime in [
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap(),
        tokio::runtime::Builder::new_current_thread().build().unwrap(),
    ] {
        runtime.block_on(async {
            let db = FerrumDB::open_in_memory().await.unwrap();
            let tasks: Vec<_> = (0..2_000)
                .map(|number| {
                    let db = db.clone();
                    tokio::spawn(async move { db.set(format!("{number}"), number).await })
                })
                .collect();
            for task in tasks {
                task.await.unwrap().unwrap();
            }
            assert_eq!(db.count().unwrap(), 2_000);
            assert!(db.delete("7").await.unwrap());
            assert!(!db.delete("7").await.unwrap());
            db.close().await.unwrap();
        });
    }
}

#[test]
fn one_that_was_polled_can_still_be_waited_for() {
    let sim = SimFs::new(1);
    let db =
        FerrumDB::open(Config::new("/data.db").with_file_system(Arc::new(sim.process()))).wait().unwrap();
    sim.inject(Fault::new(SimOperation::Sync, Effect::Block));
    let mut pending = db.set("a", 1);
    assert!(Pin::new(&mut pending).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let waiter = std::thread::spawn(move || pending.wait());
    sim.release();
    waiter.join().unwrap().unwrap();
}

#[test]
fn a_pending_moves_between_tasks_and_threads() -> Result<()> {
    fn is_send_and_future<T: Future<Output = Result<U>> + Send + Unpin + 'static, U>(pending: T) -> T {
        pending
    }
    let db = is_send_and_future(FerrumDB::open_in_memory()).wait()?;
    let pending = is_send_and_future(db.set("a", 1));
    std::thread::spawn(move || pending.wait()).join().unwrap()?;
    Ok(())
}
