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
    /// `progress` is told how many bytes of how many have been read, and gives the work up by answering false.
    ///
    /// # Errors
    /// [`Error::HistoryDropped`] when a compaction has dropped what was there; [`Error::NoSuchCommit`];
    /// [`Error::Cancelled`]; [`Error::Io`] and [`Error::Damaged`].
    pub fn at(&self, up_to: UpTo, progress: &mut dyn FnMut(u64, u64) -> bool) -> Result<Snapshot> {
        let shared = self.shared();
        let (generation, view) = shared.published();
        let dropped = Error::HistoryDropped { asked: up_to, floor: generation.floor() };
        let sequence = match up_to {
            UpTo::Sequence(sequence) if sequence > view.sequence => {
                return Err(Error::NoSuchCommit { sequence, newest: view.sequence });
            }
            UpTo::Sequence(sequence) => sequence,
            UpTo::Time(time) => {
                let found = shared.last_commit_at(&generation, time, &view, || check(progress(0, 0)))?;
                found.ok_or_else(|| dropped.clone())?
            }
        };
        let end = shared.place_behind(&generation, sequence, view.log_end)?.ok_or(dropped)?;
        past(shared, &generation, end, progress)
    }
}

/// The state up to a place in the log of a generation.
fn past(
    now: &Shared,
    generation: &Arc<Generation>,
    end: Place,
    progress: &mut dyn FnMut(u64, u64) -> bool,
) -> Result<Snapshot> {
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
        check(progress(scanner.place().position, end.position))?;
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
    let go_on = || check(progress(end.position, end.position));
    let catalog = definitions.build(&Snapshot::new(&shared), applier.catalog(), go_on)?;
    *applier.catalog_mut() = catalog;
    applier.publish(end.sequence, end.position, time);
    Ok(Snapshot::new(&shared))
}

/// What becomes of the work where somebody has been asked whether it goes on.
pub(crate) fn check(goes_on: bool) -> Result<()> {
    if goes_on { Ok(()) } else { Err(Error::Cancelled) }
}

fn damaged(shared: &Shared, place: Place, reason: &'static str) -> Error {
    Error::Damaged { path: Arc::clone(&shared.path), position: place.position, reason }
}

impl Shared {
    /// The last commit in a view that was made at `time` or before. Nothing, if the log does not tell. The first error of
    /// `go_on` ends it.
    fn last_commit_at(
        &self,
        generation: &Generation,
        time: Timestamp,
        view: &View,
        mut go_on: impl FnMut() -> Result<()>,
    ) -> Result<Option<Sequence>> {
        let mut time_of = |sequence| {
            go_on()?;
            if sequence == Sequence::ZERO {
                return Ok(Timestamp(0));
            }
            let start = generation.first_place();
            let found = end_of_commit(&*generation.file, &generation.keys, start, sequence, view.log_end)
                .map_err(|source| Error::io("read", &self.path, source))?;
            let found = found.map(|(_, mark)| mark.time);
            found.ok_or_else(|| damaged(self, start, "a commit is not in the log that was published"))
        };
        let (mut low, mut high) = (generation.floor(), view.sequence);
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // A test may panic.

    use super::*;
    use crate::document::EncodedDocument;
    use crate::fs::MemoryFs;
    use crate::index::path::FieldPath;
    use crate::key::{CollectionId, Key};
    use crate::options::Limits;
    use crate::transaction::Transaction;
    use crate::writer::{Durability, Writer};

    fn commit(writer: &mut Writer, change: impl FnOnce(&mut Transaction)) {
        let mut transaction = Transaction::new();
        change(&mut transaction);
        writer.commit(&[transaction], Durability::Appended).unwrap();
    }

    /// Ten commits with a document each, of which the index knows a field, and one that deletes the first.
    fn filled() -> (Writer, Reader) {
        let (mut writer, reader) = crate::open(Options::new("/past.db"), Arc::new(MemoryFs::new())).unwrap();
        let mut build = writer.begin_index(CollectionId::ROOT, FieldPath::parse("n").unwrap()).unwrap();
        build.run().unwrap();
        let round = writer.index_round(&build);
        writer.install_index(build, round, Durability::Appended).unwrap();
        for number in 0..10 {
            let document = EncodedDocument::from_json(br#"{"n":1}"#, &Limits::default()).unwrap();
            let key = Key::from(number.to_string());
            commit(&mut writer, |transaction| transaction.set(CollectionId::ROOT, key, document, None));
        }
        commit(&mut writer, |transaction| transaction.delete(CollectionId::ROOT, Key::from("0")));
        (writer, reader)
    }

    /// Has `work` done, stopped at each place where it asks whether it goes on: there it ends, and asks no more.
    fn assert_stops(least: usize, mut work: impl FnMut(&mut dyn FnMut(u64, u64) -> bool) -> Result<()>) {
        let mut places = 0;
        work(&mut |done, of| {
            places += 1;
            done <= of
        })
        .unwrap();
        assert!(places >= least, "{places}");
        for place in 0..places {
            let mut asked = 0;
            let stopped = work(&mut |_, _| {
                asked += 1;
                asked <= place
            });
            assert!(matches!(stopped, Err(Error::Cancelled)), "{place}: {stopped:?}");
            assert_eq!(asked, place + 1);
        }
    }

    #[test]
    fn a_look_at_the_past_ends_where_it_is_stopped() {
        let (_writer, reader) = filled();
        let newest = reader.sequence();
        assert_stops(12 + 9, |progress| reader.at(UpTo::Sequence(newest), progress).map(drop));
        assert_stops(12 + 9 + 2, |progress| reader.at(UpTo::Time(reader.now()), progress).map(drop));
    }

    #[test]
    fn a_walk_through_the_versions_of_a_key_ends_where_it_is_stopped() {
        let (_writer, reader) = filled();
        assert_stops(12, |progress| {
            let mut versions = reader.versions(CollectionId::ROOT, "0");
            let outcome = versions.next_unless_stopped(progress).unwrap().map(drop);
            assert_eq!(versions.next().is_none(), outcome.is_err());
            outcome
        });
    }
}
