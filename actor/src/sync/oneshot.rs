//! Owns a one-shot channel with the face and the behaviour of the crate `oneshot`, whose own atomics shuttle cannot see.
//! Never used outside of models; `tests` holds it to what the crate does.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};

pub(crate) use ::oneshot::{RecvError, TryRecvError};
use shuttle::sync::{Mutex, MutexGuard};
use shuttle::thread::{self, Thread};

pub(crate) struct Sender<T>(Arc<Channel<T>>);

pub(crate) struct Receiver<T>(Arc<Channel<T>>);

pub(crate) struct AsyncReceiver<T>(Receiver<T>);

struct Channel<T>(Mutex<State<T>>);

struct State<T> {
    message: Option<T>,
    waiting: Option<Waiting>,
    /// The sender has sent, or is gone.
    is_over: bool,
    receiver_is_gone: bool,
}

/// Who is to be woken.
enum Waiting {
    Parked(Thread),
    Polled(Waker),
}

pub(crate) fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let state = State { message: None, waiting: None, is_over: false, receiver_is_gone: false };
    let channel = Arc::new(Channel(Mutex::new(state)));
    (Sender(Arc::clone(&channel)), Receiver(channel))
}

impl<T> Sender<T> {
    pub(crate) fn send(self, message: T) -> Result<(), T> {
        let mut state = self.0.state();
        if state.receiver_is_gone {
            return Err(message);
        }
        state.message = Some(message);
        state.is_over = true;
        let waiting = state.waiting.take();
        // As in the crate, the message is there before anybody is woken, and may be taken in between.
        drop(state);
        wake(waiting);
        Ok(())
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.0.state().receiver_is_gone
    }
}

impl<T> Receiver<T> {
    pub(crate) fn recv(self) -> Result<T, RecvError> {
        loop {
            let mut state = self.0.state();
            if let Some(outcome) = state.outcome() {
                return outcome;
            }
            state.waiting = Some(Waiting::Parked(thread::current()));
            drop(state);
            thread::park();
        }
    }

    pub(crate) fn try_recv(&self) -> Result<T, TryRecvError> {
        match self.0.state().outcome() {
            Some(outcome) => outcome.map_err(|RecvError| TryRecvError::Disconnected),
            None => Err(TryRecvError::Empty),
        }
    }
}

impl<T> IntoFuture for Receiver<T> {
    type Output = Result<T, RecvError>;
    type IntoFuture = AsyncReceiver<T>;

    fn into_future(self) -> AsyncReceiver<T> {
        AsyncReceiver(self)
    }
}

impl<T> Future for AsyncReceiver<T> {
    type Output = Result<T, RecvError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.0.0.state();
        match state.outcome() {
            Some(outcome) => Poll::Ready(outcome),
            None => {
                state.waiting = Some(Waiting::Polled(context.waker().clone()));
                Poll::Pending
            }
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.is_over = true;
        let waiting = state.waiting.take();
        drop(state);
        wake(waiting);
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.receiver_is_gone = true;
        let left = (state.message.take(), state.waiting.take());
        drop(state);
        drop(left);
    }
}

impl<T> Channel<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    fn outcome(&mut self) -> Option<Result<T, RecvError>> {
        self.message.take().map(Ok).or_else(|| self.is_over.then_some(Err(RecvError)))
    }
}

fn wake(waiting: Option<Waiting>) {
    match waiting {
        Some(Waiting::Parked(thread)) => thread.unpark(),
        Some(Waiting::Polled(waker)) => waker.wake(),
        None => {}
    }
}
