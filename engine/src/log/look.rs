//! Owns reading single records of which no more than the position is known. Never follows where they lead.

use std::io;

use super::format::HEAD_BYTES;
use super::record::{Head, Mark, Payload, ReadFault};
use super::scan::{Scanner, Step};
use super::seal::LogKeys;
use crate::fs::{File, read_full};

/// How much is read at first: most records are whole in it.
const FIRST_BYTES: usize = 1 << 10;

/// Reads the record at `position`, verifies it, and hands it to `take`.
pub(crate) fn read_record<T>(
    file: &dyn File,
    keys: &LogKeys,
    position: u64,
    take: impl FnOnce(&Head, Option<Mark>, Payload<'_>) -> T,
) -> Result<T, ReadFault> {
    let damaged = |reason| Err(ReadFault::Damaged(reason));
    let mut bytes = vec![0; FIRST_BYTES];
    let read = read_full(file, &mut bytes, position).map_err(ReadFault::Io)?;
    bytes.truncate(read);
    let Some(head) = Head::decode(&bytes, position, keys.id) else {
        return damaged("the head of a record does not check");
    };
    if head.record_bytes() > bytes.len() as u64 {
        // A length is believed only now: the head has been checked, and the file is that long.
        let rest = file.len().map_err(ReadFault::Io)?.saturating_sub(position);
        if head.record_bytes() > rest {
            return damaged("the file ends within a record");
        }
        bytes.resize(head.record_bytes() as usize, 0);
        let read = read_full(file, &mut bytes, position).map_err(ReadFault::Io)?;
        bytes.truncate(read);
    }
    let Some(sealed) = bytes.get(HEAD_BYTES..HEAD_BYTES + head.payload_bytes as usize) else {
        return damaged("the file ends within a record");
    };
    if keys.id.checksum(position, sealed) != head.payload_checksum {
        return damaged("the payload of a record does not check");
    }
    let mark = match head.has_mark.then(|| head.mark_of(&bytes, position, keys.id)) {
        Some(None) => return damaged("the mark of a commit does not check"),
        Some(mark) => mark,
        None => None,
    };
    let mut plain = Vec::new();
    let opened = keys.open(position, (&head, &bytes[..HEAD_BYTES]), mark.as_ref(), sealed, &mut plain);
    let Ok(opened) = opened else { return Err(ReadFault::Tampered) };
    match Payload::decode(opened) {
        Some(payload) => Ok(take(&head, mark, payload)),
        None => damaged("the payload of a record is malformed"),
    }
}

impl Scanner<'_> {
    /// Reads the record at `position` and hands it to `take`, wherever the walk is. Otherwise, what is wrong with it.
    pub(crate) fn look_at<T>(
        &mut self,
        position: u64,
        take: impl FnOnce(&Head, Option<&Mark>, Option<Payload<'_>>) -> T,
    ) -> io::Result<Result<T, Step>> {
        let (head, mark) = match self.record(position)? {
            Ok(found) => found,
            Err(reason) => return Ok(Err(Step::Bad(reason))),
        };
        let payload = self.payload(position, &head, mark.as_ref());
        Ok(payload.map(|payload| take(&head, mark.as_ref(), payload)))
    }

    /// The mark of the commit that has a record at `position`, if all that is left of it from there checks.
    pub(crate) fn mark_from(&mut self, position: u64) -> io::Result<Option<Mark>> {
        let mut position = position;
        loop {
            match self.record(position)? {
                Ok((_, Some(mark))) => return Ok(Some(mark)),
                Ok((head, None)) => position += head.record_bytes(),
                Err(_) => return Ok(None),
            }
        }
    }
}
