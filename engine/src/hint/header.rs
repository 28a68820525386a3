//! Owns the hint file's header: encoding it, and believing it only after its checksum. Never reads a file.

use super::format::{HEADER_BYTES, MAGIC, VERSION, header as at};
use crate::key::Sequence;
use crate::keydir::HashSeeds;
use crate::log::format::{read_u32, read_u64, write_u32, write_u64};
use crate::seal::SALT_BYTES;

/// Which commit of which log a hint describes, and how much it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HintHeader {
    pub(super) file_id: [u8; 16],
    pub(super) generation: u64,
    pub(super) sequence: Sequence,
    /// Where the log ends after that commit.
    pub(super) log_end: u64,
    /// The position of the record that carries the commit's mark.
    pub(super) last_record: u64,
    /// The chain value of that mark.
    pub(super) chain: u64,
    pub(super) documents: u64,
    pub(super) live_bytes: u64,
    /// Those of the keydir. The one that is filled from the hint takes them over: entries then come in the order in
    /// which they lie there, which makes filling it several times as fast.
    pub(super) hash_seeds: HashSeeds,
    /// What the key that seals the blocks is made of, besides the data key; zeros if they are not sealed.
    pub(super) salt: [u8; SALT_BYTES],
    /// The highest number that a collection has had.
    pub(super) collections: u32,
}

impl HintHeader {
    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[at::MAGIC..at::MAGIC + MAGIC.len()].copy_from_slice(&MAGIC);
        write_u32(&mut bytes, at::VERSION, VERSION);
        write_u32(&mut bytes, at::HEADER_BYTES, HEADER_BYTES as u32);
        bytes[at::FILE_ID..at::FILE_ID + 16].copy_from_slice(&self.file_id);
        write_u64(&mut bytes, at::GENERATION, self.generation);
        write_u64(&mut bytes, at::SEQUENCE, self.sequence.0);
        write_u64(&mut bytes, at::LOG_END, self.log_end);
        write_u64(&mut bytes, at::LAST_RECORD, self.last_record);
        write_u64(&mut bytes, at::CHAIN, self.chain);
        write_u64(&mut bytes, at::DOCUMENTS, self.documents);
        write_u64(&mut bytes, at::LIVE_BYTES, self.live_bytes);
        for (index, seed) in self.hash_seeds.iter().enumerate() {
            write_u64(&mut bytes, at::HASH_SEEDS + 8 * index, *seed);
        }
        bytes[at::SALT..at::SALT + SALT_BYTES].copy_from_slice(&self.salt);
        write_u32(&mut bytes, at::COLLECTIONS, self.collections);
        let checksum = crc32fast::hash(&bytes[..at::CHECKSUM]);
        write_u32(&mut bytes, at::CHECKSUM, checksum);
        bytes
    }

    /// The header, or why these bytes are none that this build reads.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        if bytes.len() < HEADER_BYTES || !bytes.starts_with(&MAGIC) {
            return Err("it is no hint file");
        }
        if crc32fast::hash(&bytes[..at::CHECKSUM]) != checksum(bytes) {
            return Err("its header does not check");
        }
        if read_u32(bytes, at::VERSION) != VERSION
            || read_u32(bytes, at::HEADER_BYTES) != HEADER_BYTES as u32
            || bytes[at::RESERVED..at::CHECKSUM].iter().any(|byte| *byte != 0)
        {
            return Err("it has another version");
        }
        let mut file_id = [0; 16];
        file_id.copy_from_slice(&bytes[at::FILE_ID..at::FILE_ID + 16]);
        let mut salt = [0; SALT_BYTES];
        salt.copy_from_slice(&bytes[at::SALT..at::SALT + SALT_BYTES]);
        Ok(Self {
            file_id,
            generation: read_u64(bytes, at::GENERATION),
            sequence: Sequence(read_u64(bytes, at::SEQUENCE)),
            log_end: read_u64(bytes, at::LOG_END),
            last_record: read_u64(bytes, at::LAST_RECORD),
            chain: read_u64(bytes, at::CHAIN),
            documents: read_u64(bytes, at::DOCUMENTS),
            live_bytes: read_u64(bytes, at::LIVE_BYTES),
            hash_seeds: std::array::from_fn(|index| read_u64(bytes, at::HASH_SEEDS + 8 * index)),
            salt,
            collections: read_u32(bytes, at::COLLECTIONS),
        })
    }
}

/// The checksum of an encoded header, which the checksum of each block continues.
pub(super) fn checksum(header: &[u8]) -> u32 {
    read_u32(header, at::CHECKSUM)
}
