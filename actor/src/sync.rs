//! Owns which locks, atomics, threads and channels callers and the writer meet by: the real ones, or shuttle's when their
//! interleavings are checked. Never anything else.

#[cfg(all(shuttle, test))]
mod channel;
#[cfg(all(shuttle, test))]
pub(crate) mod oneshot;
#[cfg(not(all(shuttle, test)))]
mod park;
#[cfg(test)]
mod real_and_shuttle_tests;

#[cfg(not(all(shuttle, test)))]
pub(crate) use {
    self::park::park,
    ::oneshot,
    crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, unbounded},
    std::hint::spin_loop,
    std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence},
    std::sync::{Mutex, MutexGuard},
    std::thread,
};

#[cfg(all(shuttle, test))]
pub(crate) use {
    channel::{Receiver, Sender, park, unbounded},
    crossbeam_channel::{RecvTimeoutError, TryRecvError},
    shuttle::hint::spin_loop,
    shuttle::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence},
    shuttle::sync::{Mutex, MutexGuard},
    shuttle::thread,
};
