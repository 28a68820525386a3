//! Owns how a thread parks until something is in a channel. Never gives its core away before, as the channel's own waiting does
//! four times: with another thread's work on that core, each time costs the turn of some milliseconds that the system gives it.

use std::convert::Infallible;
use std::time::Instant;

use crossbeam_channel::{Receiver, RecvError, RecvTimeoutError, never, select_biased};

/// The next message, waited for until the deadline.
pub(crate) fn park<T>(receiver: &Receiver<T>, deadline: Option<Instant>) -> Result<T, RecvTimeoutError> {
    // A choice among two parks at once; with one, it would be the channel's own waiting again.
    let nothing = never::<Infallible>();
    let received = match deadline {
        Some(deadline) => select_biased! {
            recv(receiver) -> message => message,
            recv(nothing) -> _ => Err(RecvError),
            default(deadline.saturating_duration_since(Instant::now())) => return Err(RecvTimeoutError::Timeout),
        },
        None => select_biased! {
            recv(receiver) -> message => message,
            recv(nothing) -> _ => Err(RecvError),
        },
    };
    received.map_err(|RecvError| RecvTimeoutError::Disconnected)
}
