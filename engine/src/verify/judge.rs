//! Owns telling whether the records of a log belong together: which commits are whole, which are missing, and whether
//! each continues the one before it. Never reads a file, and never looks into a document.

use crate::key::{Sequence, Timestamp};
use crate::keydir::RecordId;
use crate::log::{Chain, Head, Kind, LOG_START, Mark, OTHER_WRITE};

/// What was learned about the record that was handed in last, or about what should have come before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    /// Changes of these commits are missing; of all from the first on, if it is not known which was the last.
    Missing { first: Sequence, last: Option<Sequence> },
    /// A commit has ended, and some of its records are missing.
    Incomplete(Sequence),
    /// A commit has ended, and all of its records were there.
    Complete(Sequence),
    /// A record of the base section, its end included, is complete in itself.
    Base,
    /// Something else is wrong.
    Odd(&'static str),
}

/// The judge of a log, record by record.
#[derive(Debug)]
pub(crate) struct Judge {
    /// The commit whose state the base section holds; 0 without one.
    floor: Sequence,
    base: Option<Base>,
    open: Option<Open>,
    /// The newest commit so far, and the chain value after it, if nothing before it was bad.
    sequence: Sequence,
    chain: Option<Chain>,
    time: Timestamp,
    /// The farthest position that a mark claims was synced.
    claim: u64,
    /// Whether bad bytes are the last that was seen.
    after_gap: bool,
    /// Where the last commit ends before which everything is whole.
    good_end: u64,
    is_broken: bool,
    is_tampered: bool,
}

#[derive(Debug)]
struct Base {
    last: Option<RecordId>,
    records: u64,
    has_gap: bool,
    write_id: Option<u32>,
}

/// A commit whose mark has not been seen.
#[derive(Debug)]
struct Open {
    sequence: Sequence,
    next: u32,
    write_id: u32,
    is_whole: bool,
}

impl Judge {
    /// For a log with this history floor, whose chain begins with this value, if that is known.
    pub(crate) fn new(floor: Sequence, chain: Option<Chain>, claim: u64) -> Self {
        let has_base = floor > Sequence::ZERO;
        Self {
            floor,
            base: has_base.then_some(Base { last: None, records: 0, has_gap: false, write_id: None }),
            open: None,
            sequence: Sequence::ZERO,
            chain,
            time: Timestamp(0),
            claim,
            after_gap: false,
            good_end: LOG_START,
            is_broken: false,
            is_tampered: false,
        }
    }

    pub(crate) fn sequence(&self) -> Sequence {
        self.sequence
    }

    /// The time of the newest commit, by its mark.
    pub(crate) fn time(&self) -> Timestamp {
        self.time
    }

    /// Whether anything was wrong so far that concerns the order of the log.
    pub(crate) fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Where a torn tail begins, if everything that is wrong is one: nothing claims that more was synced.
    pub(crate) fn torn_from(&self) -> Option<u64> {
        let is_torn = self.is_broken && self.claim <= self.good_end;
        // INVARIANT: a base section is synced before its file gets the name, so an unfinished one is damage.
        let may_be_torn = self.floor == Sequence::ZERO || self.good_end > LOG_START;
        (is_torn && may_be_torn && !self.is_tampered).then_some(self.good_end)
    }

    /// Whether the commit that is not finished has all its records from the first on.
    pub(crate) fn ends_within_a_commit(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.is_whole) && !self.after_gap
    }

    /// Takes note of bytes that are no record.
    pub(crate) fn gap(&mut self) {
        (self.chain, self.after_gap, self.is_broken) = (None, true, true);
        if let Some(open) = &mut self.open {
            open.is_whole = false;
        }
        if let Some(base) = &mut self.base {
            base.has_gap = true;
        }
    }

    /// Takes note of a record that checks, and whose seal is broken. No torn tail looks like this, if it continues what
    /// is whole; anything else may be left over from an older write.
    pub(crate) fn tampered(&mut self, head: &Head, mark: Option<&Mark>) {
        let next = self.open.as_ref().map_or((self.sequence.next(), 0), |open| (open.sequence, open.next));
        let chain = self.chain.map(|chain| chain.absorb_record(head.checksum, head.payload_checksum));
        let fits = |mark: &Mark| {
            chain.is_some_and(|chain| Mark::seal(chain, mark.time, mark.synced, mark.records) == mark.chain)
        };
        let is_next = self.base.is_some() || (head.sequence, head.ordinal) == next;
        self.is_tampered |= !self.is_broken && is_next && mark.is_none_or(fits);
        self.gap();
    }

    /// Takes note of what is claimed by marks whose records are of no use: opening goes by their checksums too when it tells
    /// damage from a torn tail.
    pub(crate) fn claims(&mut self, claim: u64) {
        self.claim = self.claim.max(claim);
    }

    /// Takes note that this record comes next, before anything is made of it.
    pub(crate) fn enter(&mut self, head: &Head, note: &mut dyn FnMut(Note)) {
        self.after_gap = false;
        if let Some(base) = &mut self.base {
            let last = base.last.map_or(Sequence(1), |last| last.0);
            if head.sequence <= self.floor {
                if base.has_gap {
                    note(Note::Missing { first: last, last: Some(head.sequence) });
                }
                base.has_gap = false;
                return;
            }
            (self.base, self.sequence) = (None, self.floor);
            self.broken(Note::Missing { first: last, last: Some(self.floor) }, note);
        }
        if let Some(open) = &mut self.open {
            if open.sequence == head.sequence && head.ordinal >= open.next {
                open.is_whole &= (head.ordinal, head.write_id) == (open.next, open.write_id);
                return;
            }
            // Its mark has not been seen, so what follows cannot be tied to it.
            self.chain = None;
            self.end_incomplete(note);
        }
        let next = Sequence(self.sequence.0.saturating_add(1));
        if head.sequence < next {
            self.broken(Note::Odd("a record is out of order"), note);
        } else if head.sequence > next {
            let last = Some(Sequence(head.sequence.0 - 1));
            self.broken(Note::Missing { first: next, last }, note);
        }
        let Head { sequence, ordinal, write_id, .. } = *head;
        self.open = Some(Open { sequence, next: 0, write_id, is_whole: ordinal == 0 });
    }

    /// Takes the record into its commit. `count` is what the end of a base section says.
    pub(crate) fn leave(
        &mut self,
        position: u64,
        head: &Head,
        mark: Option<&Mark>,
        count: Option<&[u8]>,
        note: &mut dyn FnMut(Note),
    ) {
        let chain = self.chain.map(|chain| chain.absorb_record(head.checksum, head.payload_checksum));
        let sealed =
            mark.and_then(|mark| chain.map(|chain| Mark::seal(chain, mark.time, mark.synced, mark.records)));
        self.chain = mark.map_or(chain, |mark| Some(mark.chain));
        if let Some(mark) = mark {
            if sealed.is_some_and(|sealed| sealed != mark.chain) {
                self.broken(Note::Odd("a commit does not continue the one before it"), note);
            }
            // Opening goes on behind these, so no torn tail begins here.
            if mark.time < self.time {
                note(Note::Odd("the time of a commit lies before that of the one before it"));
            }
            if mark.synced > position {
                note(Note::Odd("a commit claims that more was synced than there was"));
            }
            self.time = self.time.max(mark.time);
            self.claim = self.claim.max(mark.synced);
        }
        let end = position + head.record_bytes();
        if self.base.is_some() {
            self.leave_base(end, head, mark, count, note);
        } else {
            self.leave_commit(end, head, mark, note);
        }
    }

    /// Takes note that the log ends at `end`.
    pub(crate) fn finish(&mut self, end: u64, note: &mut dyn FnMut(Note)) {
        if self.base.take().is_some() {
            self.sequence = self.floor;
            self.broken(Note::Missing { first: Sequence(1), last: Some(self.floor) }, note);
        }
        if self.open.is_some() {
            self.end_incomplete(note);
        }
        if self.claim > end {
            self.broken(Note::Odd("the file ends before a position that had been synced"), note);
        }
        if self.after_gap || self.claim > end {
            self.broken(
                Note::Missing { first: Sequence(self.sequence.0.saturating_add(1)), last: None },
                note,
            );
        }
    }

    fn leave_base(
        &mut self,
        end: u64,
        head: &Head,
        mark: Option<&Mark>,
        count: Option<&[u8]>,
        note: &mut dyn FnMut(Note),
    ) {
        let Some(base) = &mut self.base else { return };
        if *base.write_id.get_or_insert(head.write_id) != head.write_id {
            self.is_broken = true;
            note(Note::Odd(OTHER_WRITE));
        }
        if head.kind == Kind::BaseEnd {
            let is_right = (head.sequence, head.ordinal) == (self.floor, 0)
                && mark.is_some_and(|mark| mark.records == 1)
                && (self.is_broken || count == Some(&base.records.to_le_bytes()[..]));
            (self.base, self.sequence) = (None, self.floor);
            if !is_right {
                self.broken(Note::Odd("the base section is not what its end says"), note);
            }
            if !self.is_broken {
                self.good_end = end;
            }
            return note(Note::Base);
        }
        let id = Some((head.sequence, head.ordinal));
        let is_in_order = id > base.last && mark.is_none();
        (base.records, base.last) = (base.records + 1, base.last.max(id));
        if !is_in_order {
            self.broken(Note::Odd("a record of the base section is out of order"), note);
        }
        note(Note::Base);
    }

    fn leave_commit(&mut self, end: u64, head: &Head, mark: Option<&Mark>, note: &mut dyn FnMut(Note)) {
        let open = self.open.as_mut().expect("enter() has opened the record's commit");
        open.next = head.ordinal.saturating_add(1);
        if head.kind == Kind::BaseEnd {
            self.broken(Note::Odd("the end of a base section stands behind it"), note);
        }
        let Some(mark) = mark else { return };
        let whole = self.open.take_if(|open| open.is_whole && mark.records == open.next);
        let Some(Open { sequence, .. }) = whole else { return self.end_incomplete(note) };
        self.sequence = self.sequence.max(sequence);
        if !self.is_broken {
            self.good_end = end;
        }
        note(Note::Complete(sequence));
    }

    fn end_incomplete(&mut self, note: &mut dyn FnMut(Note)) {
        let Some(Open { sequence, .. }) = self.open.take() else { return };
        self.sequence = self.sequence.max(sequence);
        self.broken(Note::Incomplete(sequence), note);
    }

    fn broken(&mut self, said: Note, note: &mut dyn FnMut(Note)) {
        self.is_broken = true;
        note(said);
    }
}
