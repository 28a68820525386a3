//! Owns which locks, atomics and channel the inbox is built on: the real ones, or shuttle's when its interleavings are
//! checked. Never anything else.

#[cfg(not(all(shuttle, test)))]
pub(crate) use {
    crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, unbounded},
    std::sync::atomic::{AtomicUsize, Ordering},
    std::sync::{Mutex, MutexGuard},
};

#[cfg(all(shuttle, test))]
pub(crate) use {
    modelled::{Length, Receiver, unbounded},
    shuttle::sync::atomic::{AtomicUsize, Ordering},
    shuttle::sync::mpsc::{RecvTimeoutError, Sender, TryRecvError},
    shuttle::sync::{Mutex, MutexGuard},
};

#[cfg(all(shuttle, test))]
mod modelled {
    use std::time::Instant;

    use shuttle::sync::mpsc::{self, RecvError, RecvTimeoutError, Sender, TryRecvError};

    /// A receiver with what shuttle's lacks: a model has no time, so a deadline never comes.
    pub(crate) struct Receiver<T>(mpsc::Receiver<T>);

    pub(crate) fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
        let (sender, receiver) = mpsc::channel();
        (sender, Receiver(receiver))
    }

    /// What shuttle's sender lacks. No model looks at it.
    pub(crate) trait Length {
        fn len(&self) -> usize {
            0
        }
    }

    impl<T> Length for Sender<T> {}

    impl<T> Receiver<T> {
        pub(crate) fn try_recv(&self) -> Result<T, TryRecvError> {
            self.0.try_recv()
        }

        pub(crate) fn recv(&self) -> Result<T, RecvError> {
            self.0.recv()
        }

        pub(crate) fn recv_deadline(&self, _: Instant) -> Result<T, RecvTimeoutError> {
            self.0.recv().map_err(|RecvError| RecvTimeoutError::Disconnected)
        }

        pub(crate) fn is_empty(&self) -> bool {
            false
        }
    }
}
