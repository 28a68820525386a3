//! Owns the look at an answer without waiting for it. Never blocks.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use ferrumdb::{Pending, Result};

/// An answer that is here or on its way, and can be asked for again and again.
pub(crate) enum Answer<T> {
    Coming(Pending<T>),
    Here(Result<T>),
}

impl<T> Answer<T> {
    /// Whether waiting would not block.
    pub(crate) fn is_here(&mut self) -> bool {
        if let Self::Coming(pending) = self {
            let polled = Pin::new(pending).poll(&mut Context::from_waker(Waker::noop()));
            if let Poll::Ready(result) = polled {
                *self = Self::Here(result);
            }
        }
        matches!(self, Self::Here(_))
    }

    /// Whether it is here within this time.
    pub(crate) fn is_here_within(&mut self, time: Duration) -> bool {
        let Self::Coming(pending) = self else { return true };
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        if let Poll::Ready(result) = Pin::new(&mut *pending).poll(&mut Context::from_waker(&waker)) {
            *self = Self::Here(result);
            return true;
        }
        thread::park_timeout(time);
        self.is_here()
    }

    /// Waits for it.
    pub(crate) fn wait(self) -> Result<T> {
        match self {
            Self::Coming(pending) => pending.wait(),
            Self::Here(result) => result,
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
