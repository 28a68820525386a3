//! Owns the walk through a log, and the look beyond its first bad commit. Never writes.

use std::io;

use super::chain::Chain;
use super::format::{ALIGNMENT, HEAD_BYTES, LOG_START, MARK_BYTES, RECORD_MARKER};
use super::kind::Kind;
use super::record::{Head, Mark, Payload};
use super::seal::LogKeys;
use crate::fs::{File, read_full};
use crate::key::Sequence;
use crate::keydir::RecordId;

pub(crate) const OTHER_WRITE: &str = "a record is of another write than those before it";

/// How much is read at a time; a larger record is read whole.
const WINDOW_BYTES: usize = 1 << 20;

/// Walks a log commit by commit.
#[derive(Debug)]
pub(crate) struct Scanner<'f> {
    file: &'f dyn File,
    file_bytes: u64,
    keys: &'f LogKeys,
    window: Vec<u8>,
    window_start: u64,
    /// The payload that was opened last, if payloads are sealed.
    plain: Vec<u8>,
    /// The end of the last good commit, and what the next one must continue.
    position: u64,
    sequence: Sequence,
    chain: Chain,
    /// How far the walk has come in the base section; nothing behind it.
    base: Option<BaseSoFar>,
}

/// A place between two commits, and what the commit behind it must continue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) position: u64,
    pub(crate) sequence: Sequence,
    pub(crate) chain: Chain,
    /// Within a base section, what of it stands before.
    pub(crate) base: Option<BaseSoFar>,
}

/// The part of a base section that has been walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BaseSoFar {
    /// The commit whose state the section holds.
    pub(crate) state_of: Sequence,
    records: u64,
    last: Option<RecordId>,
    write_id: Option<u32>,
}

impl Place {
    /// Where the walk through the log of a file with this id, generation and history floor begins.
    pub(crate) fn first(file_id: [u8; 16], generation: u64, floor: Sequence) -> Self {
        Self {
            position: LOG_START,
            sequence: Sequence::ZERO,
            chain: Chain::start(file_id, generation),
            base: (floor > Sequence::ZERO).then(|| BaseSoFar::new(floor)),
        }
    }
}

impl BaseSoFar {
    fn new(state_of: Sequence) -> Self {
        Self { state_of, records: 0, last: None, write_id: None }
    }
}

/// What stands next in the log.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// A whole commit, or the end of the base section, and what its mark says.
    Commit(Mark),
    /// A record of the base section.
    Base,
    /// Zeros up to the end of the file, or the end itself.
    End,
    /// Something else.
    Bad(&'static str),
    /// A record whose checksums are right, and whose seal is not: no torn tail looks like this.
    Tampered(u64),
}

/// What was found beyond the last good commit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Beyond {
    /// Whether commits lie there that check by themselves.
    pub(crate) commits: bool,
    /// The farthest position that a mark there claims was synced; 0 without any.
    pub(crate) claim: u64,
    /// Where the last byte that is not zero ends.
    pub(crate) end: u64,
}

impl<'f> Scanner<'f> {
    /// Begins at a place, which has been checked unless it is the log's start.
    pub(crate) fn new(file: &'f dyn File, keys: &'f LogKeys, place: Place) -> io::Result<Self> {
        Ok(Self {
            file,
            file_bytes: file.len()?,
            keys,
            window: Vec::new(),
            window_start: 0,
            plain: Vec::new(),
            position: place.position,
            sequence: place.sequence,
            chain: place.chain,
            base: place.base,
        })
    }

    /// The place where a commit ends, its mark and the kind of its last record, if that is the record at `position`
    /// and checks by itself, its seal too: nothing else vouches for the mark. Reads no more than that record.
    pub(crate) fn end_of_commit(
        file: &'f dyn File,
        keys: &'f LogKeys,
        position: u64,
    ) -> io::Result<Option<(Place, Mark, Kind)>> {
        let nowhere = Place { position, sequence: Sequence::ZERO, chain: Chain::from_stored(0), base: None };
        let mut scanner = Self::new(file, keys, nowhere)?;
        let Ok((head, Some(mark))) = scanner.record(position)? else { return Ok(None) };
        if scanner.payload(position, &head, Some(&mark)).is_err() {
            return Ok(None);
        }
        let position = position + head.record_bytes();
        let place = Place { position, sequence: head.sequence, chain: mark.chain, base: None };
        Ok(Some((place, mark, head.kind)))
    }

    /// The same, of a log of which nothing from `end` on is to be read.
    pub(crate) fn until(file: &'f dyn File, keys: &'f LogKeys, place: Place, end: u64) -> io::Result<Self> {
        let scanner = Self::new(file, keys, place)?;
        Ok(Self { file_bytes: scanner.file_bytes.min(end), ..scanner })
    }

    /// Where the last good commit ends, or record of the base section, and what the next one must continue.
    pub(crate) fn place(&self) -> Place {
        Place { position: self.position, sequence: self.sequence, chain: self.chain, base: self.base }
    }

    /// Checks the next commit, or the next record of the base section, handing each record to `stage` on the way. What
    /// was staged is to be used only if all of it turns out whole.
    pub(crate) fn next(&mut self, stage: impl FnMut(u64, &Head, Option<Payload<'_>>)) -> io::Result<Step> {
        match self.base {
            Some(base) => self.next_of_base(base, stage),
            None => self.next_commit(stage),
        }
    }

    fn next_of_base(
        &mut self,
        base: BaseSoFar,
        mut stage: impl FnMut(u64, &Head, Option<Payload<'_>>),
    ) -> io::Result<Step> {
        let position = self.position;
        let (head, mark) = match self.record(position)? {
            Ok(found) => found,
            Err(reason) => return Ok(Step::Bad(reason)),
        };
        if base.write_id.is_some_and(|write_id| write_id != head.write_id) {
            return Ok(Step::Bad(OTHER_WRITE));
        }
        let records_chain = self.chain.absorb_record(head.checksum, head.payload_checksum);
        let chain = mark.map(|mark| Mark::seal(records_chain, mark.time, mark.synced, mark.records));
        if mark.is_some_and(|mark| Some(mark.chain) != chain) {
            return Ok(Step::Bad("the base section is not what its end says"));
        }
        let payload = match self.payload(position, &head, mark.as_ref()) {
            Ok(payload) => payload,
            Err(bad) => return Ok(bad),
        };
        let Some(mark) = mark else {
            let id = Some((head.sequence, head.ordinal));
            if head.kind == Kind::BaseEnd || id <= base.last || head.sequence > base.state_of {
                return Ok(Step::Bad("a record of the base section is out of order"));
            }
            stage(position, &head, payload);
            self.base = Some(BaseSoFar {
                records: base.records + 1,
                last: id,
                write_id: Some(head.write_id),
                ..base
            });
            (self.position, self.chain) = (position + head.record_bytes(), records_chain);
            return Ok(Step::Base);
        };
        let count = payload.map(|payload| payload.document);
        if head.kind != Kind::BaseEnd
            || (head.sequence, head.ordinal, mark.records) != (base.state_of, 0, 1)
            || count != Some(&base.records.to_le_bytes()[..])
        {
            return Ok(Step::Bad("the base section is not what its end says"));
        }
        stage(position, &head, payload);
        (self.position, self.sequence, self.chain, self.base) =
            (position + head.record_bytes(), base.state_of, mark.chain, None);
        Ok(Step::Commit(mark))
    }

    fn next_commit(&mut self, mut stage: impl FnMut(u64, &Head, Option<Payload<'_>>)) -> io::Result<Step> {
        let sequence = self.sequence.next();
        let mut position = self.position;
        let mut chain = self.chain;
        let mut write_id = None;
        for ordinal in 0.. {
            let (head, mark) = match self.record(position)? {
                Ok(found) => found,
                Err(_) if ordinal == 0 && self.zeros_from(position)? => return Ok(Step::End),
                Err(reason) => return Ok(Step::Bad(reason)),
            };
            if head.sequence != sequence || head.ordinal != ordinal || head.kind == Kind::BaseEnd {
                return Ok(Step::Bad("a record is out of order"));
            }
            // What a crash leaves of two writes of one commit is a torn tail.
            if *write_id.get_or_insert(head.write_id) != head.write_id {
                return Ok(Step::Bad(OTHER_WRITE));
            }
            chain = chain.absorb_record(head.checksum, head.payload_checksum);
            if let Some(mark) = mark {
                chain = Mark::seal(chain, mark.time, mark.synced, mark.records);
                if mark.records != ordinal + 1 || mark.chain != chain {
                    return Ok(Step::Bad("a commit does not continue the one before it"));
                }
            }
            // ORDER: the chain before the seal of the last record. A torn tail may end in a whole record of an older
            // one, which nobody has tampered with.
            match self.payload(position, &head, mark.as_ref()) {
                Ok(payload) => stage(position, &head, payload),
                Err(bad) => return Ok(bad),
            }
            position += head.record_bytes();
            if let Some(mark) = mark {
                self.position = position;
                self.sequence = sequence;
                self.chain = chain;
                return Ok(Step::Commit(mark));
            }
        }
        unreachable!("a commit has at most 2^32 records, since each fills an ordinal of 32 bits")
    }

    /// Whether nothing but zeros, or nothing at all, stands where the next head would: a look at that place alone.
    pub(crate) fn is_blank(&mut self) -> io::Result<bool> {
        self.is_blank_at(self.position)
    }

    /// The same of another place where a head would stand.
    pub(crate) fn is_blank_at(&mut self, position: u64) -> io::Result<bool> {
        let bytes = self.window(position, HEAD_BYTES)?;
        Ok(bytes.iter().all(|byte| *byte == 0))
    }

    /// Looks at everything beyond the last good commit.
    pub(crate) fn beyond(&mut self) -> io::Result<Beyond> {
        let mut found = Beyond { end: self.position, ..Beyond::default() };
        let mut position = self.position;
        while position < self.file_bytes {
            let Some(candidate) = self.next_marker(position, &mut found.end)? else { break };
            position = candidate + ALIGNMENT;
            if let Ok((head, mark)) = self.record(candidate)? {
                position = candidate + head.record_bytes();
                found.end = found.end.max(position);
                if let Some(mark) = mark {
                    // The bad commit's own mark is no commit beyond it.
                    found.commits |= head.sequence > self.sequence.next();
                    found.claim = found.claim.max(mark.synced);
                }
            }
        }
        Ok(found)
    }

    /// The next aligned position from `position` on that holds a record's marker. Notes in `end` where the bytes
    /// that it passes stop being other than zero.
    pub(super) fn next_marker(&mut self, position: u64, end: &mut u64) -> io::Result<Option<u64>> {
        let mut position = position;
        loop {
            let bytes = self.at_hand(position)?;
            if bytes.is_empty() {
                return Ok(None);
            }
            let len = bytes.len() as u64;
            let steps = bytes.chunks(ALIGNMENT as usize).enumerate();
            let mut last = None;
            for (index, chunk) in steps {
                let offset = index as u64 * ALIGNMENT;
                if chunk.iter().any(|byte| *byte != 0) {
                    last = Some(position + offset + chunk.len() as u64);
                }
                if chunk.starts_with(&RECORD_MARKER) {
                    *end = (*end).max(last.unwrap_or(0));
                    return Ok(Some(position + offset));
                }
            }
            *end = (*end).max(last.unwrap_or(0));
            position += len;
        }
    }

    /// Reads and verifies the record at `position`, padding and mark included.
    pub(super) fn record(&mut self, position: u64) -> io::Result<Result<(Head, Option<Mark>), &'static str>> {
        let id = self.keys.id;
        let rest = self.file_bytes.saturating_sub(position);
        let keys = self.keys;
        let Some(head) = Head::decode(self.window(position, HEAD_BYTES)?, position, keys) else {
            return Ok(Err("no record begins here"));
        };
        if head.record_bytes() > rest {
            return Ok(Err("a record reaches beyond the end of the file"));
        }
        // A length is believed only now: the head has been checked, and the file is that long.
        let record_bytes = head.record_bytes() as usize;
        let bytes = self.window(position, record_bytes)?;
        if bytes.len() < record_bytes {
            return Ok(Err("a record reaches beyond the end of the file"));
        }
        let (unmarked, mark_bytes) = bytes.split_at(head.unmarked_bytes() as usize);
        let (payload, padding) = unmarked[HEAD_BYTES..].split_at(head.payload_bytes as usize);
        if id.checksum(position, payload) != head.payload_checksum {
            return Ok(Err("the payload of a record does not check"));
        }
        if padding.iter().any(|byte| *byte != 0) {
            return Ok(Err("the padding of a record is not zero"));
        }
        if mark_bytes.is_empty() {
            return Ok(Ok((head, None)));
        }
        debug_assert_eq!(mark_bytes.len(), MARK_BYTES);
        match Mark::decode(mark_bytes, position, id) {
            Some(mark) => Ok(Ok((head, Some(mark)))),
            None => Ok(Err("the mark of a commit does not check")),
        }
    }

    /// The payload of a record that has just been verified, and so lies in the window.
    pub(super) fn payload(
        &mut self,
        position: u64,
        head: &Head,
        mark: Option<&Mark>,
    ) -> Result<Option<Payload<'_>>, Step> {
        let record = &self.window[(position - self.window_start) as usize..];
        let (head_bytes, rest) = record.split_at(HEAD_BYTES);
        let sealed = &rest[..head.payload_bytes as usize];
        let opened = self.keys.open(position, (head, head_bytes), mark, sealed, &mut self.plain);
        let Ok(plain) = opened else { return Err(Step::Tampered(position)) };
        if plain.is_empty() {
            return Ok(None);
        }
        let payload = Payload::decode(plain).filter(|payload| head.kind.is_possible_in(payload.collection));
        payload.map(Some).ok_or(Step::Bad("the payload of a record is malformed"))
    }

    pub(super) fn zeros_from(&mut self, position: u64) -> io::Result<bool> {
        let mut position = position;
        loop {
            let bytes = self.window(position, WINDOW_BYTES)?;
            if bytes.is_empty() {
                return Ok(true);
            }
            if bytes.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            position += bytes.len() as u64;
        }
    }

    /// How long the file is, or the part of it that is to be read.
    pub(crate) fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    /// Whether payloads are sealed.
    pub(super) fn is_sealed(&self) -> bool {
        self.keys.is_sealed()
    }

    /// The head of a record at `position`, though the rest of it may not check.
    pub(super) fn head(&mut self, position: u64) -> io::Result<Option<Head>> {
        let keys = self.keys;
        Ok(Head::decode(self.window(position, HEAD_BYTES)?, position, keys))
    }

    /// The bytes from `position` on that have been read already, or else the next ones: a look at many places in one
    /// window reads it once.
    fn at_hand(&mut self, position: u64) -> io::Result<&[u8]> {
        let window_end = self.window_start + self.window.len() as u64;
        let is_read = (self.window_start..window_end).contains(&position);
        self.window(position, if is_read { (window_end - position) as usize } else { WINDOW_BYTES })
    }

    /// The bytes from `position` on: `len` of them, or as many as the file has.
    pub(super) fn window(&mut self, position: u64, len: usize) -> io::Result<&[u8]> {
        let len = len.min(usize::try_from(self.file_bytes.saturating_sub(position)).unwrap_or(usize::MAX));
        let window_end = self.window_start + self.window.len() as u64;
        if position < self.window_start || position + len as u64 > window_end {
            let wanted = self.file_bytes.saturating_sub(position).min(len.max(WINDOW_BYTES) as u64);
            self.window.resize(wanted as usize, 0);
            self.window_start = position;
            let read = read_full(self.file, &mut self.window, position)?;
            self.window.truncate(read);
        }
        let start = (position - self.window_start) as usize;
        let end = (start + len).min(self.window.len());
        Ok(&self.window[start.min(end)..end])
    }
}
