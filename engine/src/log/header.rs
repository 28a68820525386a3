//! Owns the header's two copies: encoding, and telling what a block of bytes is. Never touches the log.

use std::cmp::Reverse;

use super::format::{
    ENCRYPTED, FEATURE_INCREMENT, FLOOR_MAX, HEADER_BYTES, INCOMPATIBLE_KNOWN, LOG_START, MAGIC,
    READ_ONLY_COMPATIBLE_KNOWN, VERSION, header as at, read_u32, read_u64, write_u32, write_u64,
};
use crate::key::{Sequence, Timestamp};
use crate::seal::{EncryptionBlock, Keyring, SealError};

/// A counter beyond this was not counted.
pub(crate) const COUNTER_MAX: u64 = 1 << 48;

/// What the file says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// As the file states it. What is written states that of this build.
    pub(crate) version: u32,
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
    /// What it says of its encryption, if it is encrypted.
    pub(crate) encryption: Option<EncryptionBlock>,
    /// What this file was copied from; nothing if it was made empty.
    pub(crate) origin: Option<Origin>,
}

/// Another file that holds the same commits as this one up to some sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) file_id: [u8; 16],
    /// The newest commit that both have.
    pub(crate) sequence: Sequence,
    /// Its time: two histories with one file id that have parted rarely agree in it.
    pub(crate) time: Timestamp,
}

/// One copy of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeaderCopy {
    pub(crate) header: Header,
    /// The bytes that it was decoded from, for the key to vouch for.
    pub(crate) bytes: Box<[u8]>,
}

/// What the bytes where a header should be turn out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HeaderState {
    /// The copies that check, the one that holds first.
    Valid(Vec<HeaderCopy>),
    /// The parameters of its encryption are none that this build can follow.
    UnknownEncryption(SealError),
    Newer {
        version: u32,
    },
    UnknownFeatures {
        bits: u64,
    },
    Damaged,
    Zeros,
    Foreign,
}

impl Header {
    /// The header of a new file without a log, made at this time.
    pub(crate) fn new_file(created: Timestamp) -> Self {
        Self {
            version: VERSION,
            compatible: 0,
            read_only_compatible: 0,
            incompatible: 0,
            file_id: rand::random(),
            generation: 1,
            counter: 0,
            history_floor: Sequence::ZERO,
            synced: LOG_START,
            created,
            encryption: None,
            origin: None,
        }
    }

    /// The header of a new file, without a log, that is to hold the commits of this one.
    pub(crate) fn new_copy(&self, created: Timestamp, origin: Origin) -> Self {
        let Self { compatible, read_only_compatible, .. } = *self;
        let incompatible = self.incompatible & !FEATURE_INCREMENT;
        let origin = Some(origin);
        Self { compatible, read_only_compatible, incompatible, origin, ..Self::new_file(created) }
    }

    /// The header of a new incremental backup of this file, from a commit on.
    pub(crate) fn new_increment(&self, created: Timestamp, origin: Origin) -> Self {
        let copy = self.new_copy(created, origin);
        Self { incompatible: copy.incompatible | FEATURE_INCREMENT, ..copy }
    }

    /// The features that this build does not know, and without which nobody may write the file.
    pub(crate) fn features_to_write(&self) -> u64 {
        self.read_only_compatible & !READ_ONLY_COMPATIBLE_KNOWN
    }

    /// Whether its log continues another file's, so that it is no database by itself.
    pub(crate) fn is_increment(&self) -> bool {
        self.incompatible & FEATURE_INCREMENT != 0
    }

    /// The bytes of the copy. With the keys of an encrypted file, and how many records its data key has sealed at most.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub(crate) fn encode(&self, keys: Option<(&Keyring, u64)>) -> Result<Vec<u8>, SealError> {
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
        if let Some(origin) = &self.origin {
            bytes[at::ORIGIN_FILE_ID..at::ORIGIN_FILE_ID + 16].copy_from_slice(&origin.file_id);
            write_u64(&mut bytes, at::ORIGIN_SEQUENCE, origin.sequence.0);
            write_u64(&mut bytes, at::ORIGIN_TIME, origin.time.0);
        }
        // ORDER: the wrapping of the key authenticates everything else, so it comes last but for the checksum.
        if let Some((keyring, sealed_max)) = keys {
            keyring.wrap_into(&mut bytes, sealed_max)?;
        }
        let checksum = crc32fast::hash(&bytes[..at::CHECKSUM]);
        write_u32(&mut bytes, at::CHECKSUM, checksum);
        Ok(bytes)
    }

    /// What stands for the header of a file that says nothing of itself.
    pub(crate) fn of_nothing() -> Self {
        Self {
            version: VERSION,
            compatible: 0,
            read_only_compatible: 0,
            incompatible: 0,
            file_id: [0; 16],
            generation: 0,
            counter: 0,
            history_floor: Sequence::ZERO,
            synced: 0,
            created: Timestamp(0),
            encryption: None,
            origin: None,
        }
    }

    /// Where this copy stands in the file.
    pub(crate) fn position(&self) -> u64 {
        (self.counter % 2) * HEADER_BYTES as u64
    }

    fn decode(bytes: &[u8]) -> Result<Self, SealError> {
        let id = |offset| {
            let mut id = [0; 16];
            id.copy_from_slice(&bytes[offset..offset + 16]);
            id
        };
        let origin = Origin {
            file_id: id(at::ORIGIN_FILE_ID),
            sequence: Sequence(read_u64(bytes, at::ORIGIN_SEQUENCE)),
            time: Timestamp(read_u64(bytes, at::ORIGIN_TIME)),
        };
        let incompatible = read_u64(bytes, at::INCOMPATIBLE);
        let encryption =
            (incompatible & ENCRYPTED != 0).then(|| EncryptionBlock::decode(bytes)).transpose()?;
        Ok(Self {
            version: read_u32(bytes, at::VERSION),
            compatible: read_u64(bytes, at::COMPATIBLE),
            read_only_compatible: read_u64(bytes, at::READ_ONLY_COMPATIBLE),
            incompatible,
            file_id: id(at::FILE_ID),
            generation: read_u64(bytes, at::GENERATION),
            counter: read_u64(bytes, at::COUNTER),
            history_floor: Sequence(read_u64(bytes, at::HISTORY_FLOOR)),
            synced: read_u64(bytes, at::SYNCED),
            created: Timestamp(read_u64(bytes, at::CREATED)),
            encryption,
            origin: (origin.file_id != [0; 16]).then_some(origin),
        })
    }
}

impl HeaderState {
    /// Judges the first bytes of a file, as many as there are of both copies.
    pub(crate) fn of_file(start: &[u8]) -> Self {
        let (first, second) = start.split_at(start.len().min(HEADER_BYTES));
        let states = [Self::of_copy(first), Self::of_copy(second)];
        for state in &states {
            if matches!(state, Self::Newer { .. } | Self::UnknownFeatures { .. } | Self::UnknownEncryption(_))
            {
                return state.clone();
            }
        }
        let [first, second] = states;
        match (first, second) {
            (Self::Valid(first), Self::Valid(second)) => {
                let mut copies = [first, second].concat();
                copies.sort_by_key(|copy| Reverse(copy.header.counter));
                Self::Valid(copies)
            }
            (valid @ Self::Valid(_), _) | (_, valid @ Self::Valid(_)) => valid,
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
        let unknown = read_u64(bytes, at::INCOMPATIBLE) & !INCOMPATIBLE_KNOWN;
        if unknown != 0 {
            return Self::UnknownFeatures { bits: unknown };
        }
        match Header::decode(bytes) {
            // No number of changes or commits leads there, and the next one would lead nowhere.
            Ok(header) if header.counter > COUNTER_MAX || header.history_floor.0 > FLOOR_MAX => Self::Damaged,
            Ok(header) => Self::Valid(vec![HeaderCopy { header, bytes: Box::from(&bytes[..HEADER_BYTES]) }]),
            Err(error) => Self::UnknownEncryption(error),
        }
    }
}
