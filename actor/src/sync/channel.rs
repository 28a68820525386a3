//! Owns a channel with the face and the behaviour of crossbeam's unbounded one, for models: shuttle's own keeps what is in
//! it when the receiver goes. Never used outside of models, and never knows the time.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use crossbeam_channel::{RecvError, RecvTimeoutError, SendError, TryRecvError};
use shuttle::sync::{Condvar, Mutex, MutexGuard};

pub(crate) struct Sender<T>(Arc<Channel<T>>);

pub(crate) struct Receiver<T>(Arc<Channel<T>>);

struct Channel<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    queue: VecDeque<T>,
    /// An end is gone.
    is_cut: bool,
}

pub(crate) fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    let state = Mutex::new(State { queue: VecDeque::new(), is_cut: false });
    let channel = Arc::new(Channel { state, changed: Condvar::new() });
    (Sender(Arc::clone(&channel)), Receiver(channel))
}

/// A model has no time: the deadline never comes.
pub(crate) fn park<T>(receiver: &Receiver<T>, _: Option<Instant>) -> Result<T, RecvTimeoutError> {
    receiver.recv().map_err(RecvTimeoutError::from)
}

impl<T> Sender<T> {
    pub(crate) fn send(&self, message: T) -> Result<(), SendError<T>> {
        let mut state = self.0.state();
        if state.is_cut {
            return Err(SendError(message));
        }
        state.queue.push_back(message);
        self.0.changed.notify_one();
        Ok(())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.state().queue.len()
    }
}

impl<T> Receiver<T> {
    pub(crate) fn try_recv(&self) -> Result<T, TryRecvError> {
        let mut state = self.0.state();
        let empty = if state.is_cut { TryRecvError::Disconnected } else { TryRecvError::Empty };
        state.queue.pop_front().ok_or(empty)
    }

    pub(crate) fn recv(&self) -> Result<T, RecvError> {
        let mut state = self.0.state();
        loop {
            if let Some(message) = state.queue.pop_front() {
                return Ok(message);
            }
            if state.is_cut {
                return Err(RecvError);
            }
            state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.state().queue.is_empty()
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.state().is_cut = true;
        self.0.changed.notify_one();
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.is_cut = true;
        // In one step: nothing gets in behind what is dropped here.
        let left = std::mem::take(&mut state.queue);
        drop(state);
        drop(left);
    }
}

impl<T> Channel<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
