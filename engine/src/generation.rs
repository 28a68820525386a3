//! Owns the log files that an open database reads from: one, and behind it those that compactions have replaced, for as
//! long as somebody needs them. Never writes.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use crate::fs::File;
use crate::key::Sequence;
use crate::log::{Header, LogKeys, Place};
use crate::seal::Keyring;

/// The low bits of a generation's number that a [`Location`] holds.
const TAG_BITS: u32 = 16;
const POSITION_BITS: u32 = u64::BITS - TAG_BITS;

/// Where a record is: in which generation, and at which position there. 0 is nowhere.
///
/// Of the generation's number it holds as much as tells apart those that are open at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Location(u64);

/// One log file between two compactions.
///
/// Each knows its successor. So whoever holds one can read whatever is moved from it to later ones, and a file is
/// closed when nobody holds it or an earlier one.
#[derive(Debug)]
pub(crate) struct Generation {
    number: u64,
    file_id: [u8; 16],
    /// The version of the format that the file states.
    version: AtomicU32,
    /// The history floor, once the base section is written.
    floor: AtomicU64,
    pub(crate) file: Arc<dyn File>,
    pub(crate) keys: LogKeys,
    next: OnceLock<Arc<Generation>>,
}

impl Location {
    pub(crate) const NOWHERE: Self = Self(0);

    /// `position` lies below 2^48.
    pub(crate) fn new(generation: u64, position: u64) -> Self {
        debug_assert!(position >> POSITION_BITS == 0, "positions have 48 bits");
        Self(generation << POSITION_BITS | position)
    }

    pub(crate) fn position(self) -> u64 {
        self.0 & ((1 << POSITION_BITS) - 1)
    }

    pub(crate) fn is_in(self, generation: u64) -> bool {
        self.0 >> POSITION_BITS == generation & ((1 << TAG_BITS) - 1)
    }
}

impl Generation {
    pub(crate) fn new(header: &Header, keyring: Option<&Keyring>, file: Arc<dyn File>) -> Arc<Self> {
        let Header { generation: number, file_id, .. } = *header;
        let version = AtomicU32::new(header.version);
        let (floor, keys) = (AtomicU64::new(header.history_floor.0), LogKeys::new(header, keyring));
        Arc::new(Self { number, file_id, version, floor, file, keys, next: OnceLock::new() })
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The version of the format that the file states.
    pub(crate) fn version(&self) -> u32 {
        self.version.load(Ordering::Relaxed)
    }

    /// Notes that the header was written anew.
    pub(crate) fn note_version(&self, version: u32) {
        self.version.store(version, Ordering::Relaxed);
    }

    /// The commit behind which every one is in the log.
    pub(crate) fn floor(&self) -> Sequence {
        Sequence(self.floor.load(Ordering::Acquire))
    }

    /// Notes the history floor of a generation that is being written.
    pub(crate) fn note_floor(&self, floor: Sequence) {
        self.floor.store(floor.0, Ordering::Release);
    }

    /// Where the walk through its log begins.
    pub(crate) fn first_place(&self) -> Place {
        Place::first(self.file_id, self.number, self.floor())
    }

    /// Before every location in it.
    pub(crate) fn start(&self) -> Location {
        Location::new(self.number, 0)
    }

    /// The generation that a location is in: this one, or one that came after it. Nothing if it came before.
    pub(crate) fn of(&self, location: Location) -> Option<&Self> {
        self.onwards().find(|generation| location.is_in(generation.number))
    }

    /// The generation that is written to.
    pub(crate) fn newest(&self) -> &Self {
        self.onwards().last().expect("it begins with this one")
    }

    /// Notes which generation has taken the place of this one.
    pub(crate) fn succeed(&self, next: Arc<Self>) {
        self.next.set(next).expect("a generation is replaced once, by the only writer");
    }

    /// Whether another generation has taken the place of this one.
    pub(crate) fn is_replaced(&self) -> bool {
        self.next.get().is_some()
    }

    /// The generation that has taken the place of this one.
    pub(crate) fn next(&self) -> Option<Arc<Self>> {
        self.next.get().cloned()
    }

    /// The same as [`Self::onwards`], to be kept.
    pub(crate) fn held_onwards(self: &Arc<Self>) -> impl Iterator<Item = Arc<Self>> {
        std::iter::successors(Some(Arc::clone(self)), |generation| generation.next())
    }

    /// This generation and those that came after it.
    pub(crate) fn onwards(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |generation| generation.next.get().map(Arc::as_ref))
    }
}

/// The generations that were replaced, as long as they are open.
#[derive(Debug, Default)]
pub(crate) struct Retired(Mutex<Vec<Weak<Generation>>>);

impl Retired {
    pub(crate) fn push(&self, generation: &Arc<Generation>) {
        let mut retired = self.lock();
        retired.retain(|held| held.strong_count() > 0);
        retired.push(Arc::downgrade(generation));
    }

    /// Those that somebody still needs.
    pub(crate) fn open(&self) -> Vec<Arc<Generation>> {
        self.lock().iter().filter_map(Weak::upgrade).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Weak<Generation>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Generation {
    /// One after the other: a snapshot may have held back more of them than a stack has room for.
    fn drop(&mut self) {
        let mut next = self.next.take();
        while let Some(generation) = next {
            next = Arc::into_inner(generation).and_then(|mut generation| generation.next.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::fs::{FileSystem, MemoryFs, OpenMode};
    use crate::key::{Sequence, Timestamp};
    use crate::log::{LOG_START, VERSION};

    fn generation(number: u64) -> Arc<Generation> {
        let file = MemoryFs::new().open(Path::new("/f"), OpenMode::CreateNew).expect("it is new");
        let header = Header {
            version: VERSION,
            compatible: 0,
            read_only_compatible: 0,
            incompatible: 0,
            file_id: [7; 16],
            generation: number,
            counter: 0,
            history_floor: Sequence::ZERO,
            synced: LOG_START,
            created: Timestamp(1),
            origin: None,
            encryption: None,
        };
        Generation::new(&header, None, file)
    }

    #[test]
    fn a_location_is_found_from_its_generation_and_from_earlier_ones() {
        let generations: Vec<_> = (0xFFFE..0x1_0002).map(generation).collect();
        for pair in generations.windows(2) {
            pair[0].succeed(Arc::clone(&pair[1]));
        }
        for (index, wanted) in generations.iter().enumerate() {
            let location = Location::new(wanted.number(), 0xFFFF_FFFF_FFF8);
            assert_eq!(location.position(), 0xFFFF_FFFF_FFF8);
            for (from, start) in generations.iter().enumerate() {
                let found = start.of(location).map(Generation::number);
                assert_eq!(found, (from <= index).then_some(wanted.number()), "from {from} to {index}");
            }
        }
        assert_eq!(generations[0].newest().number(), 0x1_0001);
    }

    #[test]
    fn a_chain_of_any_length_is_dropped() {
        let first = generation(1);
        let mut last = Arc::clone(&first);
        for number in 2..200_000 {
            let next = generation(number);
            last.succeed(Arc::clone(&next));
            last = next;
        }
        let watched = Arc::downgrade(&last);
        drop(last);
        assert!(watched.upgrade().is_some(), "the first holds all that came after it");
        drop(first);
        assert!(watched.upgrade().is_none());
    }
}
