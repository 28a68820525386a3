//! Owns the look at an answer without waiting for it. Never blocks.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

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

    /// Waits for it.
    pub(crate) fn wait(self) -> Result<T> {
        match self {
            Self::Coming(pending) => pending.wait(),
            Self::Here(result) => result,
        }
    }
}
