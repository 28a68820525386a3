//! Owns the wait that ends after a while, for callers who have to look at something else now and then. Never gives the
//! answer up.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use super::{Pending, Stage, Waiting, spin};
use crate::command::give_back_spent;
use crate::error::Result;
use crate::sync::thread;

impl<T> Pending<T> {
    /// Blocks this thread until the answer is here, but no longer than `time`: nothing then, and it can be waited for
    /// again, or awaited.
    ///
    /// ```
    /// use ferrumdb::FerrumDB;
    /// use std::time::Duration;
    ///
    /// let db = FerrumDB::open_in_memory().wait()?;
    /// let mut pending = db.set("one", 1);
    /// let sequence = loop {
    ///     match pending.wait_timeout(Duration::from_millis(50)) {
    ///         Some(answer) => break answer?,
    ///         None => println!("still waiting"),
    ///     }
    /// };
    /// assert_eq!(sequence.0, 1);
    /// # Ok::<(), ferrumdb::Error>(())
    /// ```
    ///
    /// # Panics
    /// When called again after it has given the answer.
    pub fn wait_timeout(&mut self, time: Duration) -> Option<Result<T>> {
        self.0 = std::mem::replace(&mut self.0, Stage::Taken).entered();
        let link = match &self.0 {
            Stage::Sent { link, .. } => Some(Arc::clone(link)),
            _ => None,
        };
        // Whoever waits is counted, so that nobody spins beside it.
        let _waiting = link.as_deref().map(Waiting::begin);
        give_back_spent();
        if let Stage::Sent { reply, link, .. } = &self.0
            && let Some(result) = spin(reply, link)
        {
            self.0 = Stage::Taken;
            return Some(result);
        }
        self.park(Instant::now().checked_add(time))
    }

    fn park(&mut self, deadline: Option<Instant>) -> Option<Result<T>> {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut context = Context::from_waker(&waker);
        loop {
            if let Poll::Ready(result) = Pin::new(&mut *self).poll(&mut context) {
                return Some(result);
            }
            match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                Some(Duration::ZERO) => return None,
                Some(left) => thread::park_timeout(left),
                None => thread::park(),
            }
        }
    }
}

struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
