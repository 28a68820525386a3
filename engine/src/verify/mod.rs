//! Owns verification: reading a whole log from the disk, beside commits or while the file is closed, and telling what is
//! not as it should be. Never changes anything.
//!
//! Every byte of the log is looked at: checksums, padding, the order of records and commits, the chain. Each record is
//! compared with what is known by other means: the keydir and the indexes of an open database, or those of the hint
//! file. Damage is a finding, and the walk goes on behind it; only a file that cannot be read is an error.

pub(crate) mod exhibit;
pub(crate) mod judge;
pub(crate) mod known;
mod report;
mod tail;
#[cfg(test)]
mod tests;
mod versions;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};
use crate::fs::{File, FileSystem, read_full};
use crate::hint::Start;
use crate::key::Sequence;
use crate::log::{
    Chain, Head, Header, HeaderState, Kind, LOG_START, LogKeys, Mark, Payload, Piece, Place, Scanner, Survey,
};
use crate::reader::Reader;
use crate::seal::EncryptionKey;
use crate::snapshot::Snapshot;
use exhibit::Exhibit;
use judge::{Judge, Note};
use known::{Comparison, Known};
pub use report::{Finding, VerifyReport};
use tail::Tail;

/// How much of the log one step reads.
const STEP_BYTES: u64 = 1 << 20;

const BAD_COPY: &str = "a copy of the header does not check";

/// A verification under way, to be advanced step by step on any thread.
#[derive(Debug)]
pub struct Verification {
    path: Arc<Path>,
    file: Arc<dyn File>,
    /// The lock of a file that is not open otherwise.
    _exhibit: Option<Exhibit>,
    keys: LogKeys,
    generation: u64,
    position: u64,
    end: u64,
    judge: Judge,
    known: Known,
    comparison: Comparison,
    /// Where the log ends that is known by other means.
    known_end: u64,
    is_compared: bool,
    tail: Tail,
    /// The stretches that hold no record, ascending.
    bad: Vec<(u64, u64)>,
    notes: Vec<Note>,
    report: VerifyReport,
    /// The counts from before the first thing that is wrong with the order of the log.
    sound: Option<Counts>,
    is_done: bool,
    cancelled: Arc<AtomicBool>,
}

#[derive(Clone, Copy, Debug)]
struct Counts {
    commits: u64,
    records: u64,
    documents: u64,
    findings: u64,
}

/// How far a verification is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerifyStep {
    /// There is more to do.
    Working {
        /// So many bytes of the log have been read.
        done: u64,
        /// Of so many, space prepared ahead included.
        of: u64,
    },
    /// The report is ready.
    Done,
}

/// Stops a verification from another thread.
#[derive(Clone, Debug)]
pub struct CancelVerification(Arc<AtomicBool>);

impl CancelVerification {
    /// Makes the verification fail with [`Error::Cancelled`] soon.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Reader {
    /// Begins a verification of the log as of what is published now. Meanwhile, it holds a snapshot.
    ///
    /// # Errors
    /// [`Error::Io`] when the header cannot be read.
    pub fn begin_verify(&self) -> Result<Verification> {
        Verification::of_open(self.snapshot())
    }
}

impl Verification {
    /// Begins a verification of the closed file at `path`, under its lock: it need not be one that can be opened. `key` is
    /// what it is encrypted with, if it is.
    ///
    /// ```
    /// use std::path::Path;
    /// use std::sync::Arc;
    ///
    /// use ferrumdb_engine::fs::MemoryFs;
    /// use ferrumdb_engine::{Options, Verification, VerifyStep, open};
    ///
    /// let files = Arc::new(MemoryFs::new());
    /// let (writer, _) = open(Options::new("my.db"), files.clone())?;
    /// writer.close()?;
    ///
    /// let mut verification = Verification::of_file(Path::new("my.db"), None, &*files)?;
    /// while verification.step()? != VerifyStep::Done {}
    /// assert!(verification.finish().is_sound());
    /// # Ok::<(), ferrumdb_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`open`](crate::open), except that damage is none.
    pub fn of_file(path: &Path, key: Option<&EncryptionKey>, file_system: &dyn FileSystem) -> Result<Self> {
        let exhibit = Exhibit::open(file_system, path, key)?;
        let (path, file, end) = (Arc::clone(&exhibit.path), Arc::clone(&exhibit.file), exhibit.file_bytes);
        let header = exhibit.header.clone();
        let is_readable = header.is_some();
        let header = header.unwrap_or_else(Header::of_nothing);
        let keyring = exhibit.keyring.as_deref();
        let keys = LogKeys::new(&header, keyring);
        let start = if is_readable {
            Start::find(file_system, &path, &*file, &keys, &header, keyring)
        } else {
            Start::empty(&header)
        };
        let hint_end = start.walked.place.position;
        let mut verification =
            Self::new(path, file, (&header, keys), end, Known::Closed(Box::new(start)), hint_end);
        if !is_readable {
            verification.position = end;
        }
        verification.tail = Tail::behind(verification.known.view());
        for position in &exhibit.bad_copies {
            let what = if is_readable { BAD_COPY } else { exhibit.unreadable };
            verification.report.find(*position, None, None, what);
        }
        verification._exhibit = Some(exhibit);
        Ok(verification)
    }

    /// What stops this verification from another thread.
    #[must_use]
    pub fn canceller(&self) -> CancelVerification {
        CancelVerification(Arc::clone(&self.cancelled))
    }

    /// Does some more of it: about a megabyte.
    ///
    /// # Errors
    /// [`Error::Cancelled`]; [`Error::Io`] when the file cannot be read.
    pub fn step(&mut self) -> Result<VerifyStep> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(Error::Cancelled);
        }
        if !self.is_done {
            let path = Arc::clone(&self.path);
            self.walk().map_err(|source| Error::io("read", &path, source))?;
        }
        let (done, of) = (self.position.max(LOG_START) - LOG_START, self.end.max(LOG_START) - LOG_START);
        Ok(if self.is_done { VerifyStep::Done } else { VerifyStep::Working { done, of } })
    }

    /// What was found so far; everything, once a step has said that it is done.
    #[must_use]
    pub fn finish(self) -> VerifyReport {
        self.report
    }

    fn of_open(snapshot: Snapshot) -> Result<Self> {
        let path = Arc::clone(&snapshot.shared().path);
        let generation = snapshot.generation();
        let (number, file) = (generation.number(), Arc::clone(&generation.file));
        let end = snapshot.view().log_end;
        let mut copies = vec![0; LOG_START as usize];
        let read = read_full(&*file, &mut copies, 0).map_err(|source| Error::io("read", &path, source))?;
        copies.truncate(read);
        let keys = generation.keys.clone();
        let valid = match HeaderState::of_file(&copies) {
            HeaderState::Valid(copies) => copies.into_iter().map(|copy| copy.header).next(),
            _ => None,
        };
        let valid = valid.filter(|header| header.generation == number);
        let header = match &valid {
            Some(header) => header.clone(),
            None => {
                let floor = exhibit::floor_by_records(&*file, &keys);
                let history_floor =
                    floor.map_err(|source| Error::io("read", &path, source))?.unwrap_or_default();
                Header { generation: number, history_floor, ..Header::of_nothing() }
            }
        };
        let known = Known::Open(Box::new(snapshot));
        let mut verification = Self::new(path, file, (&header, keys), end, known, end);
        if valid.is_none() {
            verification.judge = Judge::new(header.history_floor, None, end);
        }
        for position in exhibit::bad_copies(&copies) {
            verification.report.find(position, None, None, BAD_COPY);
        }
        Ok(verification)
    }

    fn new(
        path: Arc<Path>,
        file: Arc<dyn File>,
        (header, keys): (&Header, LogKeys),
        end: u64,
        known: Known,
        known_end: u64,
    ) -> Self {
        let chain = Chain::start(header.file_id, header.generation);
        // What a hint covers is not cut off by opening, so it is no torn tail.
        let claim = header.synced.max(known_end);
        let comparison = Comparison::new(&known, header.generation, known_end);
        Self {
            path,
            file,
            _exhibit: None,
            keys,
            generation: header.generation,
            position: LOG_START,
            end,
            judge: Judge::new(header.history_floor, Some(chain), claim),
            is_compared: known.as_of() == Sequence::ZERO && matches!(known, Known::Closed(_)),
            known,
            comparison,
            known_end,
            tail: Tail::default(),
            bad: Vec::new(),
            notes: Vec::new(),
            report: VerifyReport::default(),
            sound: None,
            is_done: false,
            cancelled: Arc::default(),
        }
    }

    fn walk(&mut self) -> std::io::Result<()> {
        let (file, keys) = (Arc::clone(&self.file), self.keys.clone());
        let nowhere = Place {
            position: self.position,
            sequence: Sequence::ZERO,
            chain: Chain::from_stored(0),
            base: None,
        };
        let mut survey = Survey::new(Scanner::until(&*file, &keys, nowhere, self.end)?);
        let stop = self.position + STEP_BYTES;
        while self.position < stop {
            let position = self.position;
            if position >= self.known_end {
                // Before anything behind it is taken for torn, with all that was found there.
                self.compare();
            }
            let before = self.counts();
            match survey.piece(position, |head, mark, payload| self.record(position, head, mark, payload))? {
                Piece::Record { end } => self.position = end,
                Piece::Bad { end, reason, tampered, claim } => {
                    self.bad.push((position, end));
                    self.judge.claims(claim);
                    match &tampered {
                        Some((head, mark)) => self.judge.tampered(head, mark.as_ref()),
                        None => self.judge.gap(),
                    }
                    self.report.find(
                        position,
                        None,
                        None,
                        format!("{reason}; {} bytes here are no record", end - position),
                    );
                    self.position = end;
                }
                Piece::End => {
                    self.end_walk(position);
                    break;
                }
            }
            if self.sound.is_none() && self.judge.is_broken() {
                self.sound = Some(before);
            }
        }
        Ok(())
    }

    fn record(&mut self, position: u64, head: &Head, mark: Option<&Mark>, payload: Option<Payload<'_>>) {
        let Self { judge, notes, .. } = self;
        judge.enter(head, &mut |note| notes.push(note));
        self.take_notes(position);
        self.look(position, head, payload);
        let count = payload.map(|payload| payload.document);
        let Self { judge, notes, .. } = self;
        judge.leave(position, head, mark, count, &mut |note| notes.push(note));
        self.take_notes(position);
    }

    /// Looks at a record by itself, and compares it.
    fn look(&mut self, position: u64, head: &Head, payload: Option<Payload<'_>>) {
        self.report.records += 1;
        let sequence = Some(head.sequence);
        let concerns_keys = !matches!(head.kind, Kind::BaseEnd | Kind::SyncMark | Kind::CloseMark);
        let Some(payload) = payload.filter(|_| concerns_keys) else {
            if concerns_keys {
                self.report.find(position, sequence, None, "a record has no payload");
            }
            return;
        };
        let key = (head.kind == Kind::Set || head.kind == Kind::Delete).then_some(payload.key);
        let unfit = match head.kind {
            Kind::Set => known::unfit(payload.document),
            Kind::IndexCreated | Kind::IndexDropped => known::unfit_definition(payload.document),
            Kind::CollectionCreated | Kind::CollectionDropped => known::unfit_collection(&payload),
            Kind::Delete if !payload.document.is_empty() => Some("a deletion holds a document".to_owned()),
            _ => None,
        };
        if let Some(what) = unfit {
            self.report.find(position, sequence, key, what);
        }
        if head.sequence <= self.known.as_of() && !self.is_compared {
            let Self { known, comparison, report, judge, .. } = self;
            comparison.record(known, position, head, &payload, !judge.is_broken(), &mut |what| {
                report.find(position, sequence, key, what);
            });
        } else if let Known::Closed(_) = self.known {
            self.tail.stage(self.generation, position, head, &payload);
        }
    }

    fn take_notes(&mut self, position: u64) {
        for note in std::mem::take(&mut self.notes) {
            match note {
                Note::Complete(_) => self.report.commits += 1,
                Note::Base => {}
                Note::Incomplete(sequence) => {
                    let what = "records of this commit are missing";
                    self.report.find(position, Some(sequence), None, what);
                }
                Note::Missing { first, last } => {
                    let what = match last {
                        Some(last) if last > first => {
                            format!("commits from {first} to {last} are missing, or parts of them")
                        }
                        Some(_) => format!("commit {first} is missing, or a part of it"),
                        None => format!("commits from {first} on may be missing"),
                    };
                    self.report.find(position, Some(first), None, what);
                }
                Note::Odd(what) => self.report.find(position, None, None, what),
            }
            let Self { tail, known, report, judge, .. } = self;
            let is_whole = !judge.is_broken();
            if !matches!(note, Note::Missing { .. } | Note::Odd(_)) {
                tail.settle(known.keydir(), &mut |before, wrong| {
                    if is_whole {
                        let what = format!(
                            "it names {} as the version before it, which is at {before}",
                            wrong.previous
                        );
                        report.find(wrong.position, Some(wrong.entry.sequence), Some(&wrong.key), what);
                    }
                });
            }
        }
        self.report.sequence = self.judge.sequence();
    }

    /// Compares the totals, once all of the log has been read that they are of.
    fn compare(&mut self) {
        if std::mem::replace(&mut self.is_compared, true) {
            return;
        }
        let Self { known, comparison, report, bad, .. } = self;
        comparison.finish(known, bad, &mut |position, key, what| report.find(position, None, key, what));
    }

    fn end_walk(&mut self, end: u64) {
        self.is_done = true;
        // The last bytes that are no record may end between two multiples of 8.
        let read_to = end.min(self.end);
        self.report.bytes = read_to.max(LOG_START) - LOG_START;
        let before = self.counts();
        let is_torn_commit = self.judge.ends_within_a_commit();
        let Self { judge, notes, .. } = self;
        judge.finish(end, &mut |note| notes.push(note));
        let torn_from = judge.torn_from().filter(|_| matches!(self.known, Known::Closed(_)));
        if torn_from.is_some() || is_torn_commit {
            self.tail.forget();
        }
        self.take_notes(end);
        self.compare();
        if let Known::Open(snapshot) = &self.known
            && self.judge.sequence() != snapshot.sequence()
        {
            self.report.find(
                end,
                Some(snapshot.sequence()),
                None,
                "the log does not end with the newest commit",
            );
        }
        self.report.documents = self.counts().documents;
        if let Some(from) = torn_from {
            let Counts { commits, records, documents, findings } = self.sound.unwrap_or(before);
            self.report.keep_first(findings);
            (self.report.commits, self.report.records, self.report.documents) = (commits, records, documents);
            self.report.torn_bytes = read_to.saturating_sub(from);
        }
    }

    fn counts(&self) -> Counts {
        let documents = match &self.known {
            Known::Open(_) => self.comparison.documents,
            Known::Closed(_) => self.tail.documents(),
        };
        let VerifyReport { commits, records, findings_total: findings, .. } = self.report;
        Counts { commits, records, documents, findings }
    }
}
