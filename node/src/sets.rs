//! Owns the sets of one turn of an event loop, which are handed over in one call and answered in one. Each is a commit of
//! its own, in the order in which they were called for: never makes one of them depend on another.

use std::pin::Pin;
use std::task::{Context, Poll};

use ferrumdb::{Collection, Pending, Sequence};

use crate::failure::{Failure, Result};

/// What stands between a key and a value, and between those and the next: no JSON has it, and no key that is set so.
const SEPARATOR: char = '\0';

/// Sets that wait for their commits, in the order in which they were called for.
pub(crate) struct Sets {
    each: Vec<Set>,
    /// How many of them, from the first on, are not known to have ended.
    left: usize,
}

enum Set {
    UnderWay(Pending<Sequence>),
    Ended(Result<Sequence>),
}

impl Sets {
    /// Sets the keys in `texts` to the values behind them.
    pub(crate) fn begin(collection: &Collection, texts: &str, context: &mut Context<'_>) -> Self {
        let (mut parts, mut each) = (texts.split(SEPARATOR), Vec::new());
        while let (Some(key), Some(json)) = (parts.next(), parts.next()) {
            let mut set = Set::UnderWay(collection.set_raw(key, json));
            // ORDER: one that the inbox has no room for takes its place in the line before the next is offered.
            if set.is_held() {
                set.poll(context);
            }
            each.push(set);
        }
        let left = each.len();
        Self { each, left }
    }

    /// The outcomes, when there are all of them. Commits are answered in their order, so nearly always the last one alone
    /// has to be waited for.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Vec<Result<Sequence>>> {
        while let Some(last) = self.left.checked_sub(1) {
            if !self.each[last].poll(context) {
                return Poll::Pending;
            }
            self.left = last;
        }
        let outcome = |set| match set {
            Set::Ended(outcome) => outcome,
            Set::UnderWay(_) => unreachable!("none is left"),
        };
        Poll::Ready(std::mem::take(&mut self.each).into_iter().map(outcome).collect())
    }
}

impl Set {
    fn is_held(&self) -> bool {
        matches!(self, Self::UnderWay(pending) if !pending.is_accepted())
    }

    /// Says whether it has ended.
    fn poll(&mut self, context: &mut Context<'_>) -> bool {
        if let Self::UnderWay(pending) = self
            && let Poll::Ready(outcome) = Pin::new(pending).poll(context)
        {
            *self = Self::Ended(outcome.map_err(Failure::from));
        }
        matches!(self, Self::Ended(_))
    }
}
