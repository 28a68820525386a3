//! Owns the walk through a log of which any part may be bad: every record that checks by itself is found. Never judges
//! whether one belongs where it stands.

use std::io;

use super::format::{ALIGNMENT, HEAD_BYTES, aligned};
use super::kind::Kind;
use super::record::{Head, Mark, Payload};
use super::scan::{Scanner, Step};

/// Payloads that do not check are read again where the search for the next record goes on within them, though no
/// more than this often the length of the file in all.
const DOUBT_TIMES: u64 = 4;

const BROKEN_SEAL: &str =
    "the seal of a record is broken, though its checksums are right: it was tampered with";

/// Walks over records and over what lies between them.
#[derive(Debug)]
pub(crate) struct Survey<'f> {
    scanner: Scanner<'f>,
    /// How many bytes of such payloads were read so far.
    doubted: u64,
}

/// What was found at a position.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Piece {
    /// A record that checks by itself, and where it ends.
    Record { end: u64 },
    /// Bytes that are none, up to the next one, or to the last byte that is not zero.
    Bad {
        end: u64,
        reason: &'static str,
        /// What a record there says of itself whose checksums are right, and whose seal is not.
        tampered: Option<(Head, Option<Mark>)>,
        /// The farthest position that a mark among them claims was synced, its checksums right, whatever its record holds.
        claim: u64,
    },
    /// Zeros up to the end, or the end.
    End,
}

impl<'f> Survey<'f> {
    pub(crate) fn new(scanner: Scanner<'f>) -> Self {
        Self { scanner, doubted: 0 }
    }

    /// What stands at `position`; a record is handed to `take`.
    pub(crate) fn piece(
        &mut self,
        position: u64,
        take: impl FnOnce(&Head, Option<&Mark>, Option<Payload<'_>>),
    ) -> io::Result<Piece> {
        let (reason, tampered) = match self.scanner.record(position)? {
            Ok((head, mark)) => match self.scanner.payload(position, &head, mark.as_ref()) {
                Ok(payload) => {
                    take(&head, mark.as_ref(), payload);
                    return Ok(Piece::Record { end: position + head.record_bytes() });
                }
                Err(Step::Bad(reason)) => (reason, None),
                Err(_) => (BROKEN_SEAL, Some((head, mark))),
            },
            Err(_) if self.scanner.zeros_from(position)? => return Ok(Piece::End),
            Err(reason) => (reason, None),
        };
        let (end, claim) = self.bad_end(position)?;
        Ok(Piece::Bad { end, reason, tampered, claim })
    }

    /// The key in a record whose head checks and whose payload does not: probably the one that it had. What is sealed
    /// tells none.
    pub(crate) fn doubtful_key(&mut self, position: u64) -> io::Result<Option<String>> {
        if self.scanner.is_sealed() {
            return Ok(None);
        }
        let Some(head) = self.scanner.head(position)? else { return Ok(None) };
        let rest = self.scanner.file_bytes().saturating_sub(position);
        if head.record_bytes() > rest || !matches!(head.kind, Kind::Set | Kind::Delete) {
            return Ok(None);
        }
        let bytes = self.scanner.window(position, HEAD_BYTES + head.payload_bytes as usize)?;
        let payload = bytes.get(HEAD_BYTES..).and_then(Payload::decode);
        Ok(payload.map(|payload| payload.key.to_owned()))
    }

    /// Where the bytes end that begin at `position` and are no record, and what they claim was synced.
    fn bad_end(&mut self, position: u64) -> io::Result<(u64, u64)> {
        let mut last = position;
        let mut claim = 0;
        if let Ok((_, Some(mark))) = self.scanner.record(position)? {
            claim = mark.synced;
        }
        let mut from = self.behind(position)?;
        while let Some(candidate) = self.scanner.next_marker(from, &mut last)? {
            if let Ok((head, mark)) = self.scanner.record(candidate)? {
                if self.scanner.payload(candidate, &head, mark.as_ref()).is_ok() {
                    return Ok((candidate, claim));
                }
                claim = mark.map_or(claim, |mark| claim.max(mark.synced));
            }
            from = self.behind(candidate)?;
        }
        Ok((aligned(last.max(from.min(self.scanner.file_bytes()))), claim))
    }

    /// Where to look next after a position where no whole record is.
    fn behind(&mut self, position: u64) -> io::Result<u64> {
        let next = position + ALIGNMENT;
        let Some(head) = self.scanner.head(position)? else { return Ok(next) };
        let rest = self.scanner.file_bytes().saturating_sub(position);
        self.doubted += head.record_bytes().min(rest);
        // Without this, many heads that check one within the other would have their payloads read once for each.
        let is_enough = self.doubted / DOUBT_TIMES > self.scanner.file_bytes();
        Ok(if is_enough { position + head.record_bytes().min(rest).max(ALIGNMENT) } else { next })
    }
}
