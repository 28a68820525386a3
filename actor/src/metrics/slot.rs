//! Owns which shard of the counters a thread writes: one of its own while there are enough. Never counts anything.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How many threads at a time have a shard of their own.
const OWNED: usize = u64::BITS as usize;
/// How many shards the other threads share.
const SHARED: usize = 16;
/// How many shards there are.
pub(super) const SHARDS: usize = OWNED + SHARED;

/// What a thread keeps for itself.
pub(super) struct OfThread {
    shard: Cell<usize>,
    /// How many gets it has begun.
    pub(super) gets: Cell<u32>,
    /// How often it has read from a file.
    pub(super) document_reads: Cell<u64>,
    /// When the get that is being timed began.
    timing: Cell<Option<Instant>>,
}

/// Gives the shard of a thread back when the thread ends.
struct Claim(usize);

const UNCLAIMED: usize = usize::MAX;

/// The shards that are taken. INVARIANT: a shard below `OWNED` has one thread at most.
static TAKEN: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static THREAD: OfThread = const {
        OfThread { shard: Cell::new(UNCLAIMED), gets: Cell::new(0), document_reads: Cell::new(0), timing: Cell::new(None) }
    };
    static CLAIM: Claim = Claim(take());
}

/// Lends what this thread keeps. It works in the end of a thread, too.
#[inline]
pub(super) fn with_thread<T>(work: impl FnOnce(&OfThread) -> T) -> T {
    THREAD.with(work)
}

impl OfThread {
    /// The shard that this thread writes.
    pub(super) fn shard(&self) -> usize {
        let shard = self.shard.get();
        if shard == UNCLAIMED { self.claim() } else { shard }
    }

    /// The shard that this thread alone writes, if it has one by now.
    #[inline]
    pub(super) fn owned(&self) -> Option<usize> {
        let shard = self.shard.get();
        (shard < OWNED).then_some(shard)
    }

    /// Out of line, like its end, so that a get that is not timed stays short.
    #[cold]
    pub(super) fn begin_timing(&self) {
        self.timing.set(Some(Instant::now()));
    }

    #[cold]
    pub(super) fn end_timing(&self) -> Option<Duration> {
        self.timing.take().map(|start| start.elapsed())
    }

    #[cold]
    fn claim(&self) -> usize {
        let shard = CLAIM.try_with(|claim| claim.0).unwrap_or(OWNED);
        self.shard.set(shard);
        shard
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // What the thread still does while it ends goes to a shared one.
        with_thread(|thread| thread.shard.set(OWNED));
        if self.0 < OWNED {
            // ORDER: the next thread that takes it sees all that this one has added.
            TAKEN.fetch_and(!(1 << self.0), Ordering::Release);
        }
    }
}

fn take() -> usize {
    static NEXT_SHARED: AtomicUsize = AtomicUsize::new(0);
    let lowest_free = |taken: u64| (taken != u64::MAX).then(|| taken | (taken + 1));
    match TAKEN.fetch_update(Ordering::Acquire, Ordering::Relaxed, lowest_free) {
        Ok(taken) => taken.trailing_ones() as usize,
        Err(_) => OWNED + NEXT_SHARED.fetch_add(1, Ordering::Relaxed) % SHARED,
    }
}
