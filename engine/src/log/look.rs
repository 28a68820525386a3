//! Owns reading single records, by what is expected of them or by their position alone. Never follows where they lead.

use std::cell::RefCell;
use std::io;

use super::format::{HEAD_BYTES, MARK_BYTES};
use super::kind::Kind;
use super::record::{Head, Mark, Payload, record_bytes};
use super::scan::{Scanner, Step};
use super::seal::LogKeys;
use crate::fs::{File, read_full};
use crate::key::{CollectionId, Sequence};

/// How much is read at first: most records are whole in it.
const FIRST_BYTES: usize = 1 << 10;

/// Which record a reader expects to find.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected<'a> {
    pub(crate) position: u64,
    pub(crate) payload_bytes: u32,
    pub(crate) sequence: Sequence,
    pub(crate) ordinal: u32,
    pub(crate) collection: CollectionId,
    pub(crate) key: &'a str,
}

impl Expected<'_> {
    /// How many bytes it takes to verify it: of a sealed record the mark, too, which it may have.
    pub(super) fn bytes(&self, keys: &LogKeys) -> usize {
        match keys.is_sealed() {
            true => record_bytes(self.payload_bytes) as usize + MARK_BYTES,
            false => HEAD_BYTES + self.payload_bytes as usize,
        }
    }
}

/// Why a record could not be read.
#[derive(Debug)]
pub(crate) enum ReadFault {
    Io(std::io::Error),
    Damaged(&'static str),
    /// The checksums are right, and the seal is not.
    Tampered,
}

/// Reads a set record with one positional read, verifies it, and hands its document to `take`.
pub(crate) fn read_document<T>(
    file: &dyn File,
    keys: &LogKeys,
    expected: &Expected<'_>,
    take: impl FnOnce(&str) -> T,
) -> Result<T, ReadFault> {
    /// A larger buffer is not kept for the thread's next read.
    const KEPT_BYTES: usize = 64 << 10;
    thread_local! {
        static BUFFERS: RefCell<(Vec<u8>, Vec<u8>)> = const { RefCell::new((Vec::new(), Vec::new())) };
    }
    let bytes = expected.bytes(keys);
    BUFFERS.with_borrow_mut(|(buffer, plain)| {
        if buffer.len() < bytes {
            buffer.resize(bytes, 0);
        }
        let read = read_full(file, &mut buffer[..bytes], expected.position).map_err(ReadFault::Io)?;
        let result = verify_document(&buffer[..read], keys, expected, plain).map(take);
        for buffer in [buffer, plain] {
            if buffer.len() > KEPT_BYTES {
                buffer.truncate(KEPT_BYTES);
                buffer.shrink_to_fit();
            }
        }
        result
    })
}

/// The document of a set record, if these bytes are the one that is expected. `plain` is used if it is sealed.
pub(super) fn verify_document<'b>(
    bytes: &'b [u8],
    keys: &LogKeys,
    expected: &Expected<'_>,
    plain: &'b mut Vec<u8>,
) -> Result<&'b str, ReadFault> {
    let damaged = |reason| Err(ReadFault::Damaged(reason));
    let Some(head) = Head::decode(bytes, expected.position, keys) else {
        return damaged("the head of a record does not check");
    };
    if head.kind != Kind::Set
        || head.sequence != expected.sequence
        || head.ordinal != expected.ordinal
        || head.payload_bytes != expected.payload_bytes
    {
        return damaged("another record stands where this one should");
    }
    let Some(sealed) = bytes.get(HEAD_BYTES..HEAD_BYTES + head.payload_bytes as usize) else {
        return damaged("the file ends within a record");
    };
    if keys.id.checksum(expected.position, sealed) != head.payload_checksum {
        return damaged("the payload of a record does not check");
    }
    // Only a seal is bound to the mark.
    let mark =
        match (head.has_mark && keys.is_sealed()).then(|| head.mark_of(bytes, expected.position, keys.id)) {
            Some(None) => return damaged("the mark of a commit does not check"),
            Some(mark) => mark,
            None => None,
        };
    let opened = keys.open(expected.position, (&head, &bytes[..HEAD_BYTES]), mark.as_ref(), sealed, plain);
    let Ok(opened) = opened else { return Err(ReadFault::Tampered) };
    let Some(payload) = Payload::decode(opened) else {
        return damaged("the payload of a record is malformed");
    };
    if payload.collection != expected.collection || payload.key != expected.key {
        return damaged("a record holds another key than the one asked for");
    }
    std::str::from_utf8(payload.document).map_err(|_| ReadFault::Damaged("a document is not UTF-8"))
}

/// The head of the record at `position`, if one that checks stands there.
pub(crate) fn read_head(file: &dyn File, keys: &LogKeys, position: u64) -> io::Result<Option<Head>> {
    let mut bytes = [0; HEAD_BYTES];
    let read = read_full(file, &mut bytes, position)?;
    Ok(Head::decode(&bytes[..read], position, keys))
}

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
    let Some(head) = Head::decode(&bytes, position, keys) else {
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
