//! Owns what the one-shot channel must do, asked of the crate `oneshot` and of the model's channel alike: a model is worth
//! what its parts are. Never lets one of them off.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use super::{oneshot, thread};

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn times(woken: &Arc<Woken>) -> usize {
    woken.0.load(Ordering::SeqCst)
}

fn poll<T>(
    receiver: &mut oneshot::AsyncReceiver<T>,
    woken: &Arc<Woken>,
) -> Poll<Result<T, oneshot::RecvError>> {
    Pin::new(receiver).poll(&mut Context::from_waker(&Waker::from(Arc::clone(woken))))
}

/// Runs under shuttle where that is what is checked.
fn check(behaviour: fn()) {
    #[cfg(not(shuttle))]
    behaviour();
    #[cfg(shuttle)]
    shuttle::check_random(behaviour, 1_000);
}

#[test]
fn a_message_comes_once_and_then_the_channel_is_over() {
    check(|| {
        let (sender, receiver) = oneshot::channel();
        assert!(matches!(receiver.try_recv(), Err(oneshot::TryRecvError::Empty)));
        assert!(!sender.is_closed());
        assert!(sender.send(7).is_ok());
        assert_eq!(receiver.try_recv().unwrap(), 7);
        assert!(matches!(receiver.try_recv(), Err(oneshot::TryRecvError::Disconnected)));
    });
}

#[test]
fn each_end_learns_that_the_other_is_gone() {
    check(|| {
        let (sender, receiver) = oneshot::channel::<u64>();
        drop(sender);
        assert!(matches!(receiver.try_recv(), Err(oneshot::TryRecvError::Disconnected)));
        assert!(receiver.recv().is_err());
        let (sender, receiver) = oneshot::channel::<u64>();
        drop(receiver);
        assert!(sender.is_closed());
        assert!(sender.send(7).is_err());
    });
}

#[test]
fn only_the_waker_of_the_last_poll_is_woken_and_once() {
    check(|| {
        for answers in [true, false] {
            let (sender, receiver) = oneshot::channel();
            let mut receiver = receiver.into_future();
            let (first, last) = (Arc::new(Woken::default()), Arc::new(Woken::default()));
            assert!(poll(&mut receiver, &first).is_pending());
            assert!(poll(&mut receiver, &last).is_pending());
            if answers {
                assert!(sender.send(7).is_ok());
            } else {
                drop(sender);
            }
            assert_eq!((times(&first), times(&last)), (0, 1));
            assert_eq!(
                poll(&mut receiver, &first),
                Poll::Ready(answers.then_some(7).ok_or(oneshot::RecvError))
            );
        }
    });
}

#[test]
fn a_receiver_that_was_polled_and_dropped_wakes_nobody() {
    check(|| {
        let (sender, receiver) = oneshot::channel();
        let mut receiver = receiver.into_future();
        let woken = Arc::new(Woken::default());
        assert!(poll(&mut receiver, &woken).is_pending());
        drop(receiver);
        assert!(sender.is_closed());
        assert!(sender.send(7).is_err());
        assert_eq!((times(&woken), Arc::strong_count(&woken)), (0, 1));
    });
}

#[test]
fn a_thread_that_waits_gets_the_message_or_the_end() {
    check(|| {
        for answers in [true, false] {
            let (sender, receiver) = oneshot::channel();
            let waiter = thread::spawn(move || receiver.recv());
            if answers {
                assert!(sender.send(7).is_ok());
            } else {
                drop(sender);
            }
            assert_eq!(waiter.join().unwrap(), answers.then_some(7).ok_or(oneshot::RecvError));
        }
    });
}
