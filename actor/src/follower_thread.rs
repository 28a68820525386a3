//! Owns the thread that brings a follower up to its owner: when it looks, and what it tells of it. Never writes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ferrumdb_engine::Follower;

use crate::command::Command;
use crate::error::Error;
use crate::inbox::Inbox;
use crate::lag::Progress;
use crate::link::Link;
use crate::metrics::Counter;
use crate::order_builds::OrderBuilds;
use crate::watch::Watch;
use crate::writer_thread::Closed;

/// How soon after something new it looks again, whatever the system tells; then twice as long, and so on.
const WAIT_MIN: Duration = Duration::from_millis(1);
/// How long it waits at most, where the system does not tell of changes.
const WAIT_MAX: Duration = Duration::from_millis(250);
/// The same, where it does: that it might miss one is the only reason to look at all.
const WAIT_WATCHED_MAX: Duration = Duration::from_secs(5);

pub(crate) struct FollowerThread {
    follower: Follower,
    progress: Arc<Progress>,
    link: Arc<Link>,
    watch: Option<Watch>,
    wait: Duration,
    orders: OrderBuilds,
}

impl FollowerThread {
    pub(crate) fn new(follower: Follower, progress: Arc<Progress>, link: Arc<Link>) -> Self {
        let watch = Watch::start(follower.path(), follower.live_path(), &link);
        Self { follower, progress, link, watch, wait: WAIT_MIN, orders: OrderBuilds::default() }
    }

    /// Looks whenever there may be something new, until a command says to close.
    pub(crate) fn run(mut self, inbox: &mut Inbox) -> Closed {
        loop {
            self.look();
            match inbox.next(Some(Instant::now() + self.wait), false) {
                Some(Command::Close(reply)) => {
                    drop(self.watch);
                    self.orders.cancel_all();
                    return Closed { outcome: Ok(()), reply, compacting: None, backing_up: Vec::new() };
                }
                Some(Command::KeepOrder(collection)) => {
                    if let Some(build) = self.follower.begin_order(collection) {
                        self.orders.run(build, collection, &self.link);
                    }
                }
                Some(Command::IndexRound(build, reply)) => {
                    // A build that is gone has been cancelled.
                    let _ = reply.send(OrderBuilds::round(&mut self.follower, *build));
                }
                Some(Command::Look) | None => {}
                Some(other) => other.refuse(&self.link.refuses_writes()),
            }
        }
    }

    fn look(&mut self) {
        self.progress.begin_look();
        if let Some(watch) = &self.watch {
            // ORDER: before the look. What changes during it is told again.
            watch.seen();
        }
        let longest = if self.watch.is_some() { WAIT_WATCHED_MAX } else { WAIT_MAX };
        let slower = (self.wait * 2).min(longest);
        match self.follower.poll() {
            Ok(polled) => {
                self.progress.end_look(&polled);
                if polled.advanced {
                    self.link.bell.ring();
                }
                self.wait = if polled.advanced || polled.is_untidy { WAIT_MIN } else { slower };
            }
            Err(error) => {
                let error = Error::from(error);
                self.wait = slower;
                if self.progress.fail(error.clone()) {
                    self.link.counters.add(Counter::Errors, 1);
                    tracing::error!(%error, "a follower does not come any further");
                }
            }
        }
    }
}
