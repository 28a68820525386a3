//! Owns how a thread parks until something is in a channel. Never gives its core away before, as the channel's own waiting does
//! four times: with another thread's work on that core, each time costs the turn of some milliseconds that the system gives it.

use std::time::Instant;

use crossbeam_channel::{Receiver, RecvTimeoutError, Select};

/// The next message, waited for until the deadline.
pub(crate) fn park<T>(receiver: &Receiver<T>, deadline: Option<Instant>) -> Result<T, RecvTimeoutError> {
    let mut select = Select::new();
    select.recv(receiver);
    let operation = match deadline {
        Some(deadline) => select.select_deadline(deadline).map_err(|_| RecvTimeoutError::Timeout)?,
        None => select.select(),
    };
    operation.recv(receiver).map_err(|_| RecvTimeoutError::Disconnected)
}
