//! Owns waking those who wait for commits, in plain threads and in async code. Never waits for anyone, and never calls a
//! waker with a lock held.
//!
//! A waiter puts its waker in and *then* looks whether there is something; the writer publishes and *then* looks whether
//! there is a waker. So either of them sees the other, and nobody waits for what is there.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::PoisonError;
use std::task::Waker;

use crossbeam_utils::CachePadded;

use crate::sync::{AtomicUsize, Mutex, MutexGuard, Ordering, fence};

#[derive(Default)]
pub(crate) struct Bell {
    /// How many wakers there are. Changes only under their lock.
    waiting: CachePadded<AtomicUsize>,
    wakers: Mutex<Wakers>,
}

#[derive(Default)]
struct Wakers {
    next: u64,
    waiting: Vec<(u64, Waker)>,
}

impl Bell {
    /// A number by which a waiter is known.
    pub(crate) fn number(&self) -> u64 {
        let mut wakers = self.lock();
        wakers.next += 1;
        wakers.next
    }

    /// Wakes everyone who waits, after something was published.
    pub(crate) fn ring(&self) {
        // ORDER: what was published first, then the look. A waiter does the opposite.
        fence(Ordering::SeqCst);
        if self.waiting.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut wakers = self.lock();
        let woken = std::mem::take(&mut wakers.waiting);
        self.waiting.store(0, Ordering::Relaxed);
        drop(wakers);
        for (_, waker) in woken {
            // A waker belongs to the caller's runtime: what it does wrong must not reach the writer.
            if catch_unwind(AssertUnwindSafe(|| waker.wake())).is_err() {
                tracing::error!("a waker panicked while the writer thread told of commits");
            }
        }
    }

    /// Lets the waiter with this number be woken by the next ring. The caller looks *after* this.
    pub(crate) fn listen(&self, number: u64, waker: &Waker) {
        let mut wakers = self.lock();
        let known = wakers.waiting.iter().position(|(known, _)| *known == number);
        let before = match known {
            Some(known) if wakers.waiting[known].1.will_wake(waker) => None,
            Some(known) => Some(wakers.waiting.swap_remove(known)),
            None => None,
        };
        if known.is_none() || before.is_some() {
            wakers.waiting.push((number, waker.clone()));
        }
        self.waiting.store(wakers.waiting.len(), Ordering::Relaxed);
        drop(wakers);
        drop(before);
        // ORDER: the waker first, then the look.
        fence(Ordering::SeqCst);
    }

    /// Lets the waiter with this number not be woken any more.
    pub(crate) fn leave(&self, number: u64) {
        let mut wakers = self.lock();
        let known = wakers.waiting.iter().position(|(known, _)| *known == number);
        let left = known.map(|known| wakers.waiting.swap_remove(known));
        self.waiting.store(wakers.waiting.len(), Ordering::Relaxed);
        drop(wakers);
        drop(left);
    }

    fn lock(&self) -> MutexGuard<'_, Wakers> {
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    struct Panics;

    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("a waker of a test");
        }
    }

    #[test]
    fn a_waiter_is_woken_once_for_each_time_it_listens() {
        let (bell, woken) = (Bell::default(), Arc::new(Woken::default()));
        let (number, other) = (bell.number(), bell.number());
        let waker = Waker::from(Arc::clone(&woken));
        let times = || woken.0.load(Ordering::SeqCst);
        bell.ring();
        bell.listen(number, &waker);
        bell.listen(number, &waker);
        assert_eq!(times(), 0);
        bell.ring();
        bell.ring();
        assert_eq!(times(), 1, "listening twice is one wait, which the first ring ends");
        bell.listen(number, &waker);
        bell.listen(other, &waker);
        bell.leave(number);
        bell.ring();
        assert_eq!(times(), 2);
    }

    #[test]
    fn a_waker_that_panics_harms_nobody() {
        let (bell, woken) = (Bell::default(), Arc::new(Woken::default()));
        bell.listen(bell.number(), &Waker::from(Arc::new(Panics)));
        bell.listen(bell.number(), &Waker::from(Arc::clone(&woken)));
        bell.ring();
        assert_eq!(woken.0.load(Ordering::SeqCst), 1);
    }
}

#[cfg(all(test, shuttle))]
mod shuttle_tests;
