//! Owns the calls of one event loop that are under way, and wakes that loop once for all that have come to an end since it
//! looked last. Never runs JavaScript anywhere but on the loop's own thread, and never keeps the loop alive: `lib/` does.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use ferrumdb::{ErrorKind, Pending, Sequence};
use napi::Status;
use napi::bindgen_prelude::Function;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};

use crate::answer::{Answer, Delivery};
use crate::failure::{Failure, Result};
use crate::pool;

/// Calls `lib/` on the loop's thread.
type Deliver = ThreadsafeFunction<(), (), Delivery, Status, false, true>;

/// The calls of one event loop. `lib/` gives each a number, which is free again when it was answered.
pub(crate) struct Completions {
    deliver: OnceLock<Deliver>,
    /// Those that wait for the writer. Looked at by the loop's thread alone.
    waiting: Mutex<Waitings>,
    ready: Mutex<Ready>,
}

/// By the numbers of their calls, which are small.
#[derive(Default)]
struct Waitings(Vec<Option<Waiting>>);

/// What the writer will answer.
enum Waiting {
    Sequence(Pending<Sequence>),
    Other(Pin<Box<dyn Future<Output = Result<Answer>> + Send>>),
}

#[derive(Default)]
struct Ready {
    /// Which of the waiting ones to look at.
    woken: Vec<u32>,
    answered: Vec<(u32, Result<Answer>)>,
    /// Whether the loop was told, and has not come yet.
    is_told: bool,
}

impl Completions {
    pub(crate) fn new(deliver: &Function<'_, Delivery, ()>) -> napi::Result<Arc<Self>> {
        let completions =
            Arc::new(Self { deliver: OnceLock::new(), waiting: Mutex::default(), ready: Mutex::default() });
        let own = Arc::downgrade(&completions);
        let deliver = deliver.build_threadsafe_function::<()>().weak::<true>().build_callback(move |_| {
            let taken = own.upgrade().map(|completions| completions.take());
            Ok(taken.unwrap_or(Delivery { numbers: Vec::new(), others: Vec::new() }))
        })?;
        // It was made just now, so nobody else has set it.
        let _ = completions.deliver.set(deliver);
        Ok(completions)
    }

    /// Waits for the commit of a write.
    ///
    /// # Errors
    /// Those that are known at once.
    pub(crate) fn commit(self: &Arc<Self>, call: u32, mut pending: Pending<Sequence>) -> Result<()> {
        match Pin::new(&mut pending).poll(&mut Context::from_waker(&self.waker(call))) {
            Poll::Ready(answer) => self.answer(call, Ok(Answer::Number(answer?.0 as f64))),
            Poll::Pending => lock(&self.waiting).insert(call, Waiting::Sequence(pending)),
        }
        Ok(())
    }

    /// Waits for any other answer of the writer's.
    ///
    /// # Errors
    /// Those that are known at once.
    pub(crate) fn wait<T: 'static>(
        self: &Arc<Self>,
        call: u32,
        pending: Pending<T>,
        then: impl FnOnce(T) -> Answer + Send + 'static,
    ) -> Result<()>
    where
        Pending<T>: Send,
    {
        let answer = async move { Ok(then(pending.await.map_err(Failure::from)?)) };
        let mut answer: Pin<Box<dyn Future<Output = Result<Answer>> + Send>> = Box::pin(answer);
        match answer.as_mut().poll(&mut Context::from_waker(&self.waker(call))) {
            Poll::Ready(answer) => self.answer(call, Ok(answer?)),
            Poll::Pending => lock(&self.waiting).insert(call, Waiting::Other(answer)),
        }
        Ok(())
    }

    /// Has work done that may wait for a disk.
    pub(crate) fn work<T>(
        self: &Arc<Self>,
        call: u32,
        work: impl FnOnce() -> Result<T> + Send + 'static,
        then: impl FnOnce(T) -> Answer + Send + 'static,
    ) {
        let completions = Arc::clone(self);
        pool::run(move || {
            let outcome = catch_unwind(AssertUnwindSafe(|| work().map(then)));
            let panicked = |_| Err(Failure::new(ErrorKind::Other, "a thread of the database panicked"));
            completions.answer(call, outcome.unwrap_or_else(panicked));
        });
    }

    /// Answers a call, from any thread.
    pub(crate) fn answer(&self, call: u32, answer: Result<Answer>) {
        let mut ready = lock(&self.ready);
        ready.answered.push((call, answer));
        self.tell(ready);
    }

    /// Everything that has come to an end.
    fn take(self: &Arc<Self>) -> Delivery {
        let Ready { woken, answered, .. } = std::mem::take(&mut *lock(&self.ready));
        let mut delivery = Delivery { numbers: Vec::with_capacity(2 * woken.len()), others: Vec::new() };
        let mut waiting = lock(&self.waiting);
        for call in woken {
            let Some(mut waits) = waiting.remove(call) else { continue };
            let waker = self.waker(call);
            match waits.poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(outcome) => delivery.add(call, outcome),
                Poll::Pending => waiting.insert(call, waits),
            }
        }
        drop(waiting);
        for (call, outcome) in answered {
            delivery.add(call, outcome);
        }
        delivery
    }

    fn waker(self: &Arc<Self>, call: u32) -> Waker {
        Waker::from(Arc::new(Wakes { completions: Arc::clone(self), call }))
    }

    /// Has the loop come, unless it is on its way. When the loop has ended there is nobody to tell.
    fn tell(&self, mut ready: MutexGuard<'_, Ready>) {
        let is_told = std::mem::replace(&mut ready.is_told, true);
        drop(ready);
        if !is_told && let Some(deliver) = self.deliver.get() {
            deliver.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }
}

impl Waitings {
    fn insert(&mut self, call: u32, waiting: Waiting) {
        let place = call as usize;
        if place >= self.0.len() {
            self.0.resize_with(place + 1, || None);
        }
        self.0[place] = Some(waiting);
    }

    fn remove(&mut self, call: u32) -> Option<Waiting> {
        self.0.get_mut(call as usize)?.take()
    }
}

impl Waiting {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Answer>> {
        match self {
            Self::Sequence(pending) => {
                Pin::new(pending).poll(context).map(|answer| Ok(Answer::Number(answer?.0 as f64)))
            }
            Self::Other(answer) => answer.as_mut().poll(context),
        }
    }
}

impl Delivery {
    fn add(&mut self, call: u32, outcome: Result<Answer>) {
        match outcome {
            Ok(Answer::Number(number)) => self.numbers.extend([f64::from(call), number]),
            other => self.others.push((call, other)),
        }
    }
}

/// Wakes the loop for one call.
struct Wakes {
    completions: Arc<Completions>,
    call: u32,
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        let mut ready = lock(&self.completions.ready);
        ready.woken.push(self.call);
        self.completions.tell(ready);
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
