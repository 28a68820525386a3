//! Owns the wait for the writer's answer, in plain threads and in async code. Never needs a particular runtime.

mod timed;

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use crate::command::{Answer, Command, give_back_spent};
use crate::error::{Error, Result};
use crate::inbox::Place;
use crate::link::Link;
use crate::spin::WAITER_LOOKS;
use crate::sync::{Ordering, oneshot, thread};

/// The shortest and the longest time for which a waiter spins before it parks.
const SPIN_MIN: Duration = Duration::from_micros(20);
const SPIN_MAX: Duration = Duration::from_micros(500);

/// An answer that is on its way: `.await` it on any runtime, or [`wait`](Self::wait) for it in a plain thread.
///
/// It is eager. If the writer's inbox has room, the command is accepted in the call that returned this, and is carried
/// out even if this is dropped; commands accepted in their calls are committed in the order of those calls. If the
/// inbox is full, the command stays in here, takes its place in the line when it is first polled or waited for, and is
/// then accepted in its turn; dropped before that, it is never carried out. Whether it was accepted on the spot,
/// [`is_accepted`](Self::is_accepted) tells.
///
/// ```
/// use ferrumdb::FerrumDB;
///
/// let db = FerrumDB::open_in_memory().wait()?;
/// let pending: Vec<_> = (0..100).map(|n| db.set(format!("n:{n}"), n)).collect(); // under way, all of them
/// for answer in pending {
///     answer.wait()?;
/// }
/// assert_eq!(db.count()?, 100);
/// # Ok::<(), ferrumdb::Error>(())
/// ```
#[must_use = "the answer says whether it worked: `.await` it, or call `.wait()`"]
pub struct Pending<T>(Stage<T>);

enum Stage<T> {
    /// The answer is here.
    Ready(Result<T>),
    /// There was no room for the command.
    Held { command: Command, reply: oneshot::Receiver<Answer<T>>, link: Arc<Link> },
    /// The writer has the command, or will take it from its place in the line.
    Sent { reply: oneshot::Receiver<Answer<T>>, place: Option<Place>, link: Arc<Link> },
    /// The same, once it was polled.
    Polled { reply: oneshot::AsyncReceiver<Answer<T>>, place: Option<Place>, link: Arc<Link> },
    /// What the writer answers leads to the answer.
    Mapped(Box<dyn Mapped<T>>),
    /// The answer was given out.
    Taken,
}

/// A [`Pending`] of another type, and what makes an answer of its answer.
trait Mapped<T>: Send {
    fn wait(self: Box<Self>) -> Result<T>;
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<T>>;
    fn is_accepted(&self) -> bool;
}

struct Then<A, F> {
    pending: Pending<A>,
    /// Taken with the answer.
    then: Option<F>,
}

impl<T> Pending<T> {
    pub(crate) fn ready(result: Result<T>) -> Self {
        Self(Stage::Ready(result))
    }

    pub(crate) fn sent(reply: oneshot::Receiver<Answer<T>>, link: Arc<Link>) -> Self {
        Self(Stage::Sent { reply, place: None, link })
    }

    pub(crate) fn held(command: Command, reply: oneshot::Receiver<Answer<T>>, link: Arc<Link>) -> Self {
        Self(Stage::Held { command, reply, link })
    }

    /// The same command, whose answer is worked out by `then`, on the thread that waits for it.
    pub(crate) fn then<U>(self, then: impl FnOnce(T) -> Result<U> + Send + 'static) -> Pending<U>
    where
        T: Send + 'static,
    {
        Pending(Stage::Mapped(Box::new(Then { pending: self, then: Some(then) })))
    }

    /// Blocks this thread until the answer is here.
    ///
    /// In async code, `.await` it instead: a blocked thread of a runtime runs nothing else.
    ///
    /// # Errors
    /// Whatever the call that returned this says.
    pub fn wait(self) -> Result<T> {
        match self.0.entered() {
            Stage::Ready(result) => result,
            Stage::Sent { reply, place, link } => {
                let result = wait_for(reply, &link);
                drop(place);
                result
            }
            Stage::Mapped(mapped) => mapped.wait(),
            polled => block_on(Self(polled)),
        }
    }

    /// Whether the writer's inbox had room for the command, so that it is carried out even if this is dropped. True as
    /// well when there is nothing to carry out, since the call failed at once.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        match &self.0 {
            Stage::Held { .. } => false,
            Stage::Sent { place, .. } | Stage::Polled { place, .. } => place.is_none(),
            Stage::Mapped(mapped) => mapped.is_accepted(),
            Stage::Ready(_) | Stage::Taken => true,
        }
    }
}

impl<A, T, F: FnOnce(A) -> Result<T> + Send> Mapped<T> for Then<A, F>
where
    A: Send,
{
    fn wait(self: Box<Self>) -> Result<T> {
        let then = self.then.expect("a Pending that has answered is not waited for");
        self.pending.wait().and_then(then)
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<T>> {
        Pin::new(&mut self.pending).poll(context).map(|answer| {
            let then = self.then.take().expect("the pending beneath panics when it is polled too often");
            answer.and_then(then)
        })
    }

    fn is_accepted(&self) -> bool {
        self.pending.is_accepted()
    }
}

impl<T> Future for Pending<T> {
    type Output = Result<T>;

    /// # Panics
    /// When polled again after it was ready.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut stage = std::mem::replace(&mut self.0, Stage::Taken).entered();
        if let Stage::Sent { reply, place, link } = stage {
            stage = Stage::Polled { reply: reply.into_future(), place, link };
        }
        match stage {
            Stage::Ready(result) => Poll::Ready(result),
            Stage::Polled { mut reply, place, link } => match Pin::new(&mut reply).poll(context) {
                Poll::Ready(Ok(answer)) => Poll::Ready(answer.result),
                Poll::Ready(Err(oneshot::RecvError)) => Poll::Ready(Err(link.lost())),
                Poll::Pending if link.is_forked() => Poll::Ready(Err(link.forked())),
                Poll::Pending => {
                    self.0 = Stage::Polled { reply, place, link };
                    Poll::Pending
                }
            },
            Stage::Mapped(mut mapped) => {
                let answer = mapped.poll(context);
                if answer.is_pending() {
                    self.0 = Stage::Mapped(mapped);
                }
                answer
            }
            Stage::Held { .. } | Stage::Sent { .. } | Stage::Taken => {
                panic!("a Pending was polled after it had given its answer")
            }
        }
    }
}

/// No field is ever pinned.
impl<T> Unpin for Pending<T> {}

impl<T> fmt::Debug for Pending<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match &self.0 {
            Stage::Ready(_) => "Pending(ready)",
            Stage::Held { .. } => "Pending(held)",
            Stage::Sent { .. } | Stage::Polled { .. } | Stage::Mapped(_) => "Pending(sent)",
            Stage::Taken => "Pending(taken)",
        })
    }
}

impl<T> Stage<T> {
    /// Lets a command for which there was no room go in now, or take its place in the line.
    fn entered(self) -> Self {
        let Self::Held { command, reply, link } = self else {
            return self;
        };
        if let Err(error) = link.check_writable() {
            return Self::Ready(Err(error));
        }
        let entered = match link.outbox().offer(command) {
            Ok(()) => Ok(None),
            Err(command) => link.outbox().enter_line(command).map(Some),
        };
        match entered {
            Ok(place) => Self::Sent { reply, place, link },
            Err(_refused) => Self::Ready(Err(link.refused())),
        }
    }
}

/// Spins where that is quicker than parking, then parks.
fn wait_for<T>(reply: oneshot::Receiver<Answer<T>>, link: &Link) -> Result<T> {
    let waiting = Waiting::begin(link);
    give_back_spent();
    if let Some(result) = spin(&reply, link) {
        return result;
    }
    if link.is_forked() {
        return Err(link.forked());
    }
    let result = reply.recv().map_or_else(|oneshot::RecvError| Err(link.lost()), Answer::into_result);
    drop(waiting);
    result
}

/// Spins for up to twice the recent time of a commit, as long as nobody else waits: a second waiter's work would be
/// kept off the core, and with several waiters the sync takes longer than waking them.
fn spin<T>(reply: &oneshot::Receiver<Answer<T>>, link: &Link) -> Option<Result<T>> {
    let alone = || link.waiters.load(Ordering::Relaxed) == 1;
    let commit_time = link.commit_time();
    if !link.spins || commit_time > SPIN_MAX || !alone() {
        return None;
    }
    let limit = (commit_time * 2).clamp(SPIN_MIN, SPIN_MAX);
    let mut spin = link.core.spin(limit, WAITER_LOOKS);
    while spin.go_on() && alone() {
        match reply.try_recv() {
            Ok(answer) => {
                spin.found();
                return Some(answer.into_result());
            }
            Err(oneshot::TryRecvError::Disconnected) => return Some(Err(link.lost())),
            Err(oneshot::TryRecvError::Empty) => {}
        }
    }
    None
}

/// One thread that waits, counted.
struct Waiting<'a>(&'a Link);

impl<'a> Waiting<'a> {
    fn begin(link: &'a Link) -> Self {
        link.waiters.fetch_add(1, Ordering::Relaxed);
        Self(link)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiters.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Waits for a future that was polled before; the rare case, so it does not spin.
fn block_on<T>(mut pending: Pending<T>) -> Result<T> {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match Pin::new(&mut pending).poll(&mut context) {
            Poll::Ready(result) => return result,
            Poll::Pending => thread::park(),
        }
    }
}

#[cfg(all(test, shuttle))]
mod shuttle_tests;

/// For the compiler only: a `Pending` may wait on another thread than the one that called.
const _: fn() = || {
    fn is_send<T: Send>() {}
    is_send::<Pending<u64>>();
    is_send::<Error>();
};
