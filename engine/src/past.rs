//! Owns the database as it was after an earlier commit: a state of its own, worked out from the log. Never shows what the
//! log does not tell for certain.

use std::sync::Arc;

use crate::apply::Applier;
use crate::clock::ManualClock;
use crate::error::{Error, Result};
use crate::expiry::ExpiryTimes;
use crate::generation::Generation;
use crate::indexing::Definitions;
use crate::key::{Sequence, Timestamp, UpTo};
use crate::keydir::Keydir;
use crate::log::{Place, Scanner, Step, end_of_commit};
use crate::options::Options;
use crate::reader::Reader;
use crate::recovery::staged::Staged;
use crate::recovery::unread::Unread;
use crate::snapshot::Snapshot;
use crate::view::{Shared, View};

/// What the past may keep of the documents that it reads.
const CACHE_BYTES: u64 = 4 << 20;

impl Reader {
    /// The database as it was after an earlier commit: its documents, indexes and expiries, at the time of that commit.
    ///
    /// The log is read up to there, as opening does without a hint, and the keys take as much memory as they did then.
    ///
    /// # Errors
    /// [`Error::HistoryDropped`] when a compaction has dropped what was there; [`Error::NoSuchCommit`];
    /// [`Error::Io`] and [`Error::Damaged`].
    pub fn at(&self, up_to: UpTo) -> Result<Snapshot> {
        let shared = self.shared();
        let (generation, view) = shared.published();
        let dropped = Error::HistoryDropped { asked: up_to, floor: generation.floor() };
        let sequence = match up_to {
            UpTo::Sequence(sequence) if sequence > view.sequence => {
                return Err(Error::NoSuchCommit { sequence, newest: view.sequence });
            }
            UpTo::Sequence(sequence) => sequence,
            UpTo::Time(time) => {
                let found = shared.last_commit_at(&generation, time, view.sequence, view.log_end)?;
                found.ok_or_else(|| dropped.clone())?
            }
        };
        let end = shared.place_behind(&generation, sequence, view.log_end)?.ok_or(dropped)?;
        past(shared, &generation, end)
    }
}

/// The state up to a place in the log of a generation.
fn past(now: &Shared, generation: &Arc<Generation>, end: Place) -> Result<Snapshot> {
    let failed = |source| Error::io("read", &now.path, source);
    let clock = ManualClock::new(Timestamp(0));
    let mut options = Options::new(&*now.path);
    (options.limits, options.cache_bytes, options.clock) = (now.limits, CACHE_BYTES, Arc::new(clock));
    let (keydir, expiry_times) = (Keydir::new(), ExpiryTimes::new());
    let shared = Shared::new(&now.path, options, generation, keydir, expiry_times, View::default());
    let mut applier = Applier::new(Arc::clone(&shared));
    applier.enter(generation.number());
    let mut unread = Unread::new(&shared, &mut applier, Definitions::default());
    let mut staged = Staged::new(generation.number(), false, 0);
    let place = generation.first_place();
    let mut scanner =
        Scanner::until(&*generation.file, &generation.keys, place, end.position).map_err(failed)?;
    let mut time = Timestamp(0);
    // The base section ends with a commit's mark: until then, the sequence is not reached.
    while scanner.place().sequence < end.sequence {
        let step = scanner.next(|position, head, payload| staged.push(position, head, payload, |_| false));
        match step.map_err(failed)? {
            Step::Commit(mark) => time = mark.time,
            Step::Base => {}
            Step::Tampered(position) => {
                return Err(Error::Tampered { path: Arc::clone(&now.path), position });
            }
            Step::Bad(reason) => return Err(damaged(now, scanner.place(), reason)),
            Step::End => return Err(damaged(now, scanner.place(), "the log ends before its end")),
        }
        unread.take(staged.changes()).map_err(|error| Error::definition(&now.path, &error))?;
    }
    let definitions = unread.finish();
    // The indexes are built from the documents, which must be seen for that.
    applier.publish(end.sequence, end.position, time);
    let catalog = definitions.build(&Snapshot::new(&shared), applier.catalog())?;
    *applier.catalog_mut() = catalog;
    applier.publish(end.sequence, end.position, time);
    Ok(Snapshot::new(&shared))
}

fn damaged(shared: &Shared, place: Place, reason: &'static str) -> Error {
    Error::Damaged { path: Arc::clone(&shared.path), position: place.position, reason }
}

impl Shared {
    /// The last commit up to `newest` that was made at `time` or before. Nothing, if the log does not tell.
    fn last_commit_at(
        &self,
        generation: &Generation,
        time: Timestamp,
        newest: Sequence,
        end: u64,
    ) -> Result<Option<Sequence>> {
        let time_of = |sequence| {
            if sequence == Sequence::ZERO {
                return Ok(Timestamp(0));
            }
            let start = generation.first_place();
            let found = end_of_commit(&*generation.file, &generation.keys, start, sequence, end)
                .map_err(|source| Error::io("read", &self.path, source))?;
            let found = found.map(|(_, mark)| mark.time);
            found.ok_or_else(|| damaged(self, start, "a commit is not in the log that was published"))
        };
        let (mut low, mut high) = (generation.floor(), newest);
        if time_of(low)? > time {
            return Ok(None);
        }
        // INVARIANT: the times of commits never decrease. That of `low` is not too late, that of what is behind `high` is.
        while low < high {
            let middle = Sequence(low.0 + (high.0 - low.0).div_ceil(2));
            if time_of(middle)? <= time { low = middle } else { high = Sequence(middle.0 - 1) }
        }
        Ok(Some(low))
    }
}
