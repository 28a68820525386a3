//! Owns the writing end of the log: where it ends, the space prepared ahead, and what is synced. Never decides when to sync.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::fs::{File, write_all};

/// The least and the most space that is prepared ahead of the log's end at a time.
const STEP_BYTES_MIN: u64 = 64 << 10;
const STEP_BYTES_MAX: u64 = 32 << 20;
/// The most of it that is written as zeros.
const ZEROS_MAX: u64 = 1 << 20;
/// How many commits of a size there is to be room for in the zeros, for them to pay.
const ZEROS_LAST: u64 = 8;

/// The one that writes the log. Not `Clone`.
#[derive(Debug)]
pub(crate) struct Appender {
    file: Arc<dyn File>,
    syncs: Arc<Syncs>,
    /// Where the last good commit ends.
    end: u64,
    /// How many bytes of an unfinished commit stand behind it.
    unfinished: u64,
    /// The file is at least this long, and reads as zeros from `end` to here.
    prepared: u64,
    /// The position up to which the file is known to be synced, for other threads to see too.
    synced: Arc<AtomicU64>,
}

/// Every sync of the log, one at a time, until the first that fails: the system tells a failure once, to whoever asks
/// first, and counts what was lost as clean from then on.
#[derive(Debug)]
pub(crate) struct Syncs {
    file: Arc<dyn File>,
    has_failed: Mutex<bool>,
}

/// Why an append failed, and what became of the log.
#[derive(Debug)]
pub(crate) enum AppendFault {
    /// The log is what it was before.
    RolledBack(io::Error),
    /// The log could not be cut back: nobody knows what is at its end.
    Stuck(io::Error),
}

impl Appender {
    /// Takes over a log that ends at `end`, all of it synced, in a file with nothing but zeros behind it.
    pub(crate) fn new(file: Arc<dyn File>, end: u64, file_bytes: u64) -> Self {
        let syncs = Arc::new(Syncs { file: Arc::clone(&file), has_failed: Mutex::new(false) });
        Self { file, syncs, end, unfinished: 0, prepared: file_bytes, synced: Arc::new(AtomicU64::new(end)) }
    }

    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    pub(crate) fn synced(&self) -> u64 {
        self.synced.load(Ordering::Relaxed)
    }

    /// The same, as it will be whenever it is looked at.
    pub(crate) fn watch_synced(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.synced)
    }

    pub(crate) fn file(&self) -> &dyn File {
        &*self.file
    }

    pub(crate) fn syncs(&self) -> &Arc<Syncs> {
        &self.syncs
    }

    /// Writes whole commits at the log's end, or the end of the one whose parts were written before. A failure leaves the
    /// log as it was, without those parts, or says that it could not.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), AppendFault> {
        self.append_part(bytes)?;
        self.end += self.unfinished;
        self.unfinished = 0;
        Ok(())
    }

    /// Writes a part of a commit that is not whole with it: the log's end stays where it is. A failure takes all parts of
    /// the commit out again, as that of [`Appender::append`] does.
    pub(crate) fn append_part(&mut self, bytes: &[u8]) -> Result<(), AppendFault> {
        let start = self.end + self.unfinished;
        let new_end = start + bytes.len() as u64;
        if new_end > self.prepared {
            self.prepare(start, new_end);
        }
        match write_all(&*self.file, bytes, start) {
            Ok(()) => {
                self.unfinished = new_end - self.end;
                self.prepared = self.prepared.max(new_end);
                Ok(())
            }
            Err(error) => {
                self.unfinished = 0;
                Err(self.cut_back(error))
            }
        }
    }

    /// Syncs everything appended so far.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.syncs.sync()?;
        self.synced.store(self.end, Ordering::Release);
        Ok(())
    }

    /// Notes that a sync begun when the log ended at `position` has succeeded.
    pub(crate) fn note_synced(&mut self, position: u64) {
        self.synced.fetch_max(position, Ordering::Release);
    }

    /// Gives the prepared space back.
    pub(crate) fn trim(&mut self) -> io::Result<()> {
        self.file.set_len(self.end)?;
        self.prepared = self.end;
        Ok(())
    }

    /// Extends the file ahead of its need, so that most syncs need not make a new length durable. Failing to is no
    /// error: the write that follows extends the file itself, or reports why it cannot.
    fn prepare(&mut self, start: u64, new_end: u64) {
        let step = (new_end / 8).clamp(STEP_BYTES_MIN, STEP_BYTES_MAX);
        let zeros = step.min(ZEROS_MAX);
        // A log that is synced at each commit is best written over zeros that the last sync has put on the disk: then a
        // sync has no new blocks to enter into the file. Where syncs are rare, or commits large, it would only be
        // written twice.
        let fills = self.synced() == self.end && (new_end - start) * ZEROS_LAST <= zeros;
        let target = (new_end + if fills { zeros } else { step }).next_multiple_of(STEP_BYTES_MIN);
        let missing = || vec![0; (target - new_end) as usize];
        let is_filled = fills && write_all(&*self.file, &missing(), new_end).is_ok();
        if is_filled || self.file.set_len(target).is_ok() {
            self.prepared = target;
        }
    }

    /// Takes a failed append out of the file again.
    fn cut_back(&mut self, error: io::Error) -> AppendFault {
        // ORDER: the cut is synced before anything is written there again. Otherwise a power cut could keep what was
        // refused and lose what was accepted in its place.
        match self.file.set_len(self.end).and_then(|()| self.syncs.sync()) {
            Ok(()) => {
                self.prepared = self.end;
                self.synced.store(self.end, Ordering::Release);
                AppendFault::RolledBack(error)
            }
            Err(_) => AppendFault::Stuck(error),
        }
    }
}

impl Syncs {
    /// Syncs the log, if every sync before has succeeded.
    pub(crate) fn sync(&self) -> io::Result<()> {
        let mut has_failed = self.has_failed.lock().unwrap_or_else(PoisonError::into_inner);
        if *has_failed {
            return Err(io::Error::other("an earlier sync of the log has failed"));
        }
        // Until it is known to be otherwise: a panic is no success.
        *has_failed = true;
        self.file.sync()?;
        *has_failed = false;
        Ok(())
    }
}
