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
/// One in so many gets of a thread is timed, so that the others need not look at a clock.
const GETS_PER_SAMPLE: u32 = 256;
/// Beside a get's shard: that it has read from a file.
const READ: usize = 1 << 8;
/// Beside a get's shard: that it is timed.
const TIMED: usize = 1 << 9;

/// What a thread keeps for itself.
pub(super) struct OfThread {
    shard: Cell<usize>,
    /// The get that has begun: its shard, with `READ` and `TIMED`. All in one word, so that the end of a get that is
    /// counted in an owned shard, and has nothing else about it, looks at one thing.
    get: Cell<usize>,
    /// The gets until one is timed, that one included.
    until_timed: Cell<u32>,
    /// How often it has read from a file.
    pub(super) reads: Cell<u64>,
    /// When the get that is being timed began.
    timing: Cell<Option<Instant>>,
}

/// Gives the shard of a thread back when the thread ends.
struct Claim(usize);

const UNCLAIMED: usize = SHARDS;
const _: () = assert!(UNCLAIMED < READ, "a shard leaves room for what stands beside it");

/// The shards that are taken. INVARIANT: a shard below `OWNED` has one thread at most.
static TAKEN: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static THREAD: OfThread = const {
        OfThread {
            shard: Cell::new(UNCLAIMED),
            get: Cell::new(UNCLAIMED),
            until_timed: Cell::new(1),
            reads: Cell::new(0),
            timing: Cell::new(None),
        }
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

    /// Begins a get, and times it if it is its turn.
    #[inline]
    pub(super) fn begin_get(&self) {
        self.get.set(self.shard.get());
        let until_timed = self.until_timed.get().wrapping_sub(1);
        self.until_timed.set(until_timed);
        if until_timed == 0 {
            self.begin_timing();
        }
    }

    /// The shard in which the get that has begun is counted, if this thread alone writes it, and the get has read
    /// nothing and is not timed.
    #[inline]
    pub(super) fn shard_of_plain_get(&self) -> Option<usize> {
        let get = self.get.get();
        (get < OWNED).then_some(get)
    }

    /// Whether the get that has begun has read from a file.
    pub(super) fn get_has_read(&self) -> bool {
        self.get.get() & READ != 0
    }

    /// How long the get that has begun took, if it is timed.
    pub(super) fn end_timing(&self) -> Option<Duration> {
        let start = (self.get.get() & TIMED != 0).then(|| self.timing.take()).flatten();
        start.map(|start| start.elapsed())
    }

    /// Notes that this thread reads from a file, in a get or not.
    pub(super) fn note_read(&self) {
        self.get.set(self.get.get() | READ);
        self.reads.set(self.reads.get() + 1);
    }

    /// Out of line, so that a get that is not timed stays short.
    #[cold]
    fn begin_timing(&self) {
        self.until_timed.set(GETS_PER_SAMPLE);
        self.get.set(self.get.get() | TIMED);
        self.timing.set(Some(Instant::now()));
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
