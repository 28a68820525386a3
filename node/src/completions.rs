//! Owns the calls of one event loop that are under way, and wakes that loop once for all that have come to an end since it
//! looked last. Never runs JavaScript anywhere but on the loop's own thread, never hands over more than a turn of the loop
//! may take, and never keeps the loop alive: `lib/` does.

use std::collections::VecDeque;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{self, Context, Poll, Waker};

use ferrumdb::{Collection, ErrorKind, Pending, Sequence};
use napi::Status;
use napi::bindgen_prelude::Function;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};

use crate::answer::{Answer, Delivery, Parts};
use crate::failure::{Failure, Result};
use crate::pool;
use crate::sets::Sets;

/// About so many values are handed over in one turn of the loop, since each may have a caller who goes on.
const VALUES_MAX: usize = 256;

/// Calls `lib/` on the loop's thread, which takes what there is, turn by turn, until there is nothing more.
type Wake = ThreadsafeFunction<(), (), (), Status, false, true>;

/// An answer that comes later.
type Coming = Pin<Box<dyn Future<Output = Result<Answer>> + Send>>;

/// The calls of one event loop. `lib/` gives each a number, which is free again when it was answered.
pub(crate) struct Completions {
    wake: Wake,
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
    Sets(Sets),
    Other(Coming),
}

#[derive(Default)]
struct Ready {
    ended: VecDeque<Ended>,
    /// Whether the loop was told, and has not found since that there is nothing more.
    is_told: bool,
}

enum Ended {
    /// One of the waiting is to be looked at.
    Woken(u32),
    Answered(u32, Result<Answer>),
    /// What is left of a long answer.
    InParts(u32, Parts),
}

impl Completions {
    pub(crate) fn new(wake: &Function<'_, (), ()>) -> napi::Result<Arc<Self>> {
        let wake = wake.build_threadsafe_function::<()>().weak::<true>().build()?;
        let (waiting, ready) = (Mutex::default(), Mutex::default());
        Ok(Arc::new(Self { wake, waiting, ready }))
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

    /// Sets keys, and waits for the commits.
    pub(crate) fn set_all(self: &Arc<Self>, call: u32, collection: &Collection, texts: &str) {
        let waker = self.waker(call);
        let mut context = Context::from_waker(&waker);
        let mut sets = Sets::begin(collection, texts, &mut context);
        match sets.poll(&mut context) {
            Poll::Ready(outcomes) => self.answer(call, Ok(Answer::Sequences(outcomes))),
            Poll::Pending => lock(&self.waiting).insert(call, Waiting::Sets(sets)),
        }
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
        let mut answer: Coming = Box::pin(answer);
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
            completions.answer(call, outcome.unwrap_or_else(|_| Err(panicked())));
        });
    }

    /// Has steps taken that may wait for a disk, and for the writer in between: no thread waits with them.
    pub(crate) fn steps(
        self: &Arc<Self>,
        call: u32,
        steps: impl Future<Output = Result<Answer>> + Send + 'static,
    ) {
        let (completions, steps) = (Arc::clone(self), Mutex::new(Some(Box::pin(steps) as _)));
        let taken = Arc::new(Steps { completions, call, steps });
        pool::run(move || taken.take());
    }

    /// Answers a call, from any thread.
    pub(crate) fn answer(&self, call: u32, answer: Result<Answer>) {
        self.tell(Ended::Answered(call, answer));
    }

    /// Some of what has come to an end. Nothing, if there is nothing: from then on the loop is told again.
    pub(crate) fn take(self: &Arc<Self>) -> Option<Delivery> {
        let (mut delivery, mut values) = (Delivery::default(), 0);
        while values < VALUES_MAX {
            let next = {
                let mut ready = lock(&self.ready);
                let next = ready.ended.pop_front();
                ready.is_told = next.is_some() || values > 0;
                next
            };
            let (call, outcome) = match next {
                None if values == 0 => return None,
                None => break,
                Some(Ended::Answered(call, outcome)) => (call, outcome),
                Some(Ended::InParts(call, parts)) => {
                    values += self.add_part(&mut delivery, call, parts);
                    continue;
                }
                Some(Ended::Woken(call)) => match self.look_at(call) {
                    Poll::Ready(outcome) => (call, outcome),
                    Poll::Pending => continue,
                },
            };
            values += match outcome.map(Answer::in_parts) {
                Ok(Ok(parts)) => self.add_part(&mut delivery, call, parts),
                Ok(Err(answer)) => add(&mut delivery, call, Ok(answer)),
                Err(failure) => add(&mut delivery, call, Err(failure)),
            };
        }
        Some(delivery)
    }

    /// Adds the next part of a long answer, and says how many values that has. What is left comes in the next turn.
    fn add_part(&self, delivery: &mut Delivery, call: u32, mut parts: Parts) -> usize {
        let part = parts.next().expect("one is left");
        if parts.peek().is_none() {
            return add(delivery, call, Ok(part));
        }
        let values = part.values();
        delivery.add_part(call, part);
        lock(&self.ready).ended.push_front(Ended::InParts(call, parts));
        values
    }

    fn look_at(self: &Arc<Self>, call: u32) -> Poll<Result<Answer>> {
        let mut waiting = lock(&self.waiting);
        let Some(mut waits) = waiting.remove(call) else { return Poll::Pending };
        let outcome = waits.poll(&mut Context::from_waker(&self.waker(call)));
        if outcome.is_pending() {
            waiting.insert(call, waits);
        }
        outcome
    }

    fn waker(self: &Arc<Self>, call: u32) -> Waker {
        Waker::from(Arc::new(Wakes { completions: Arc::clone(self), call }))
    }

    /// Has the loop come, unless it is on its way. When the loop has ended there is nobody to tell.
    fn tell(&self, ended: Ended) {
        let mut ready = lock(&self.ready);
        ready.ended.push_back(ended);
        let is_told = std::mem::replace(&mut ready.is_told, true);
        drop(ready);
        if !is_told {
            self.wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
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
            Self::Sets(sets) => sets.poll(context).map(|outcomes| Ok(Answer::Sequences(outcomes))),
            Self::Other(answer) => answer.as_mut().poll(context),
        }
    }
}

/// Steps of one call that the pool's threads take, whenever the next one can be taken.
struct Steps {
    completions: Arc<Completions>,
    call: u32,
    /// Nothing when the last was taken.
    steps: Mutex<Option<Coming>>,
}

impl Steps {
    fn take(self: &Arc<Self>) {
        let mut steps = lock(&self.steps);
        let Some(next) = steps.as_mut() else { return };
        let waker = Waker::from(Arc::clone(self));
        let polled = catch_unwind(AssertUnwindSafe(|| next.as_mut().poll(&mut Context::from_waker(&waker))));
        let outcome = match polled {
            Ok(Poll::Pending) => return,
            Ok(Poll::Ready(outcome)) => outcome,
            Err(_) => Err(panicked()),
        };
        *steps = None;
        drop(steps);
        self.completions.answer(self.call, outcome);
    }
}

impl task::Wake for Steps {
    fn wake(self: Arc<Self>) {
        pool::run(move || self.take());
    }
}

/// Wakes the loop for one call.
struct Wakes {
    completions: Arc<Completions>,
    call: u32,
}

impl task::Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.completions.tell(Ended::Woken(self.call));
    }
}

fn panicked() -> Failure {
    Failure::new(ErrorKind::Other, "a thread of the database panicked")
}

fn add(delivery: &mut Delivery, call: u32, outcome: Result<Answer>) -> usize {
    let values = outcome.as_ref().map_or(1, Answer::values);
    delivery.add(call, outcome);
    values
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
