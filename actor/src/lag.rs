//! Owns how far a follower is behind its owner. Never brings it any further.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ferrumdb_engine::{OwnerWatch, Polled, Reader};
use serde::Serialize;

use crate::Sequence;
use crate::error::{Error, Result};

/// How far a database that was opened to read only is behind what its owner has published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Lag {
    /// The newest commit that reads show.
    pub sequence: Sequence,
    /// The newest commit that the owner has published, as far as it tells.
    pub published: Sequence,
    /// For how long reads have not shown all of that; zero if they do.
    pub behind: Duration,
}

impl Lag {
    /// That of a database which is nobody's follower.
    pub(crate) fn none(sequence: Sequence) -> Self {
        Self { sequence, published: sequence, behind: Duration::ZERO }
    }
}

/// What a follower's thread tells its handles.
#[derive(Debug)]
pub(crate) struct Progress {
    owner: OwnerWatch,
    noted: Mutex<Noted>,
}

#[derive(Debug, Default)]
struct Noted {
    behind_since: Option<Instant>,
    failure: Option<Error>,
}

impl Progress {
    pub(crate) fn new(owner: OwnerWatch) -> Self {
        Self { owner, noted: Mutex::default() }
    }

    /// Notes that there may be something new.
    pub(crate) fn begin_look(&self) {
        self.noted().behind_since.get_or_insert_with(Instant::now);
    }

    /// Notes what came of looking.
    pub(crate) fn end_look(&self, polled: &Polled) {
        let mut noted = self.noted();
        noted.failure = None;
        if polled.sequence >= polled.published {
            noted.behind_since = None;
        }
    }

    /// Notes why there is nothing new to be had, and says whether that is news.
    pub(crate) fn fail(&self, error: Error) -> bool {
        let mut noted = self.noted();
        let is_known = noted.failure.as_ref().is_some_and(|known| known.to_string() == error.to_string());
        noted.failure = Some(error);
        !is_known
    }

    /// How far `reader` is behind, by what the owner tells now.
    pub(crate) fn lag(&self, reader: &Reader) -> Result<Lag> {
        let told = self.owner.published();
        let sequence = reader.sequence();
        let published = told.map_or(sequence, |told| told.max(sequence));
        let noted = self.noted();
        if let Some(error) = &noted.failure {
            return Err(error.clone());
        }
        let since = noted.behind_since.filter(|_| sequence < published);
        Ok(Lag { sequence, published, behind: since.map_or(Duration::ZERO, |since| since.elapsed()) })
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
