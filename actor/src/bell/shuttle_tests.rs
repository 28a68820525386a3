//! Owns the check of the bell under every interleaving that shuttle tries: nobody waits for what was published. Never
//! starts a real thread.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::task::Wake;

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::thread::{self, Thread};

use super::*;
use crate::sync::AtomicU64;

const ROUNDS: usize = 20_000;
const COMMITS: u64 = 3;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits until everything was published, as a watcher does.
fn watch(bell: &Bell, published: &AtomicU64) {
    let number = bell.number();
    let mut seen = 0;
    while seen < COMMITS {
        let newest = published.load(Ordering::SeqCst);
        if newest > seen {
            seen = newest;
            continue;
        }
        bell.listen(number, &Waker::from(Arc::new(Unpark(thread::current()))));
        if published.load(Ordering::SeqCst) == seen {
            thread::park();
        }
    }
    bell.leave(number);
}

fn model() {
    let bell = Arc::new(Bell::default());
    let published = Arc::new(AtomicU64::new(0));
    let watchers: Vec<_> = (0..2)
        .map(|_| {
            let (bell, published) = (Arc::clone(&bell), Arc::clone(&published));
            thread::spawn(move || watch(&bell, &published))
        })
        .collect();
    for sequence in 1..=COMMITS {
        published.store(sequence, Ordering::SeqCst);
        bell.ring();
    }
    // A watcher that had missed the last ring would wait for ever, which shuttle tells.
    watchers.into_iter().for_each(|watcher| watcher.join().unwrap());
    assert_eq!(bell.waiting.load(Ordering::SeqCst), 0);
}

#[test]
fn nobody_waits_for_what_was_published() {
    shuttle::Runner::new(RandomScheduler::new(ROUNDS), shuttle::Config::new()).run(model);
    shuttle::Runner::new(PctScheduler::new(3, ROUNDS), shuttle::Config::new()).run(model);
}
