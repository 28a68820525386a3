//! Owns the header's two copies: encoding, and telling what a block of bytes is. Never touches the log.

use super::format::{
    HEADER_BYTES, INCOMPATIBLE_KNOWN, MAGIC, READ_ONLY_COMPATIBLE_KNOWN, VERSION, header as at, read_u32,
    read_u64, write_u32, write_u64,
};
use crate::key::{Sequence, Timestamp};

/// What the file says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) compatible: u64,
    pub(crate) read_only_compatible: u64,
    pub(crate) incompatible: u64,
    pub(crate) file_id: [u8; 16],
    pub(crate) generation: u64,
    /// Counts the header's changes; the valid copy with the higher one holds, and stands at its remainder by two.
    pub(crate) counter: u64,
    pub(crate) history_floor: Sequence,
    /// The position up to which the file was known to be synced.
    pub(crate) synced: u64,
    pub(crate) created: Timestamp,
}

/// What the bytes where a header should be turn out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HeaderState {
    Valid(Header),
    Newer { version: u32 },
    UnknownFeatures { bits: u64 },
    Damaged,
    Zeros,
    Foreign,
}

impl Header {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; HEADER_BYTES];
        bytes[at::MAGIC..at::MAGIC + MAGIC.len()].copy_from_slice(&MAGIC);
        write_u32(&mut bytes, at::VERSION, VERSION);
        write_u32(&mut bytes, at::HEADER_BYTES, HEADER_BYTES as u32);
        write_u64(&mut bytes, at::COMPATIBLE, self.compatible);
        write_u64(&mut bytes, at::READ_ONLY_COMPATIBLE, self.read_only_compatible);
        write_u64(&mut bytes, at::INCOMPATIBLE, self.incompatible);
        bytes[at::FILE_ID..at::FILE_ID + 16].copy_from_slice(&self.file_id);
        write_u64(&mut bytes, at::GENERATION, self.generation);
        write_u64(&mut bytes, at::COUNTER, self.counter);
        write_u64(&mut bytes, at::HISTORY_FLOOR, self.history_floor.0);
        write_u64(&mut bytes, at::SYNCED, self.synced);
        write_u64(&mut bytes, at::CREATED, self.created.0);
        let checksum = crc32fast::hash(&bytes[..at::CHECKSUM]);
        write_u32(&mut bytes, at::CHECKSUM, checksum);
        bytes
    }

    /// What stands for the header of a file that says nothing of itself.
    pub(crate) fn of_nothing() -> Self {
        Self {
            compatible: 0,
            read_only_compatible: 0,
            incompatible: 0,
            file_id: [0; 16],
            generation: 0,
            counter: 0,
            history_floor: Sequence::ZERO,
            synced: 0,
            created: Timestamp(0),
        }
    }

    /// Where this copy stands in the file.
    pub(crate) fn position(&self) -> u64 {
        (self.counter % 2) * HEADER_BYTES as u64
    }

    fn decode(bytes: &[u8]) -> Self {
        let mut file_id = [0; 16];
        file_id.copy_from_slice(&bytes[at::FILE_ID..at::FILE_ID + 16]);
        Self {
            compatible: read_u64(bytes, at::COMPATIBLE),
            read_only_compatible: read_u64(bytes, at::READ_ONLY_COMPATIBLE),
            incompatible: read_u64(bytes, at::INCOMPATIBLE),
            file_id,
            generation: read_u64(bytes, at::GENERATION),
            counter: read_u64(bytes, at::COUNTER),
            history_floor: Sequence(read_u64(bytes, at::HISTORY_FLOOR)),
            synced: read_u64(bytes, at::SYNCED),
            created: Timestamp(read_u64(bytes, at::CREATED)),
        }
    }
}

impl HeaderState {
    /// Judges the first bytes of a file, as many as there are of both copies.
    pub(crate) fn of_file(start: &[u8]) -> Self {
        let (first, second) = start.split_at(start.len().min(HEADER_BYTES));
        let states = [Self::of_copy(first), Self::of_copy(second)];
        for state in &states {
            if matches!(state, Self::Newer { .. } | Self::UnknownFeatures { .. }) {
                return state.clone();
            }
        }
        let [first, second] = states;
        match (first, second) {
            (Self::Valid(a), Self::Valid(b)) => Self::Valid(if a.counter >= b.counter { a } else { b }),
            (Self::Valid(header), _) | (_, Self::Valid(header)) => Self::Valid(header),
            (Self::Damaged, _) | (_, Self::Damaged) => Self::Damaged,
            (Self::Zeros, Self::Zeros) => Self::Zeros,
            _ => Self::Foreign,
        }
    }

    fn of_copy(bytes: &[u8]) -> Self {
        if bytes.iter().all(|byte| *byte == 0) {
            return Self::Zeros;
        }
        if !bytes.starts_with(&MAGIC) {
            return Self::Foreign;
        }
        if bytes.len() < HEADER_BYTES
            || crc32fast::hash(&bytes[..at::CHECKSUM]) != read_u32(bytes, at::CHECKSUM)
        {
            return Self::Damaged;
        }
        let version = read_u32(bytes, at::VERSION);
        if version > VERSION {
            return Self::Newer { version };
        }
        let header = Header::decode(bytes);
        let unknown = header.incompatible & !INCOMPATIBLE_KNOWN
            | header.read_only_compatible & !READ_ONLY_COMPATIBLE_KNOWN;
        match unknown {
            0 => Self::Valid(header),
            bits => Self::UnknownFeatures { bits },
        }
    }
}
