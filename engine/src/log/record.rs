//! Owns one record: encoding it, and believing it only after its checksums. Never knows which records are live.

use std::ops::Range;

use super::chain::Chain;
use super::format::{
    ALIGNMENT, CHAIN_MULTIPLIER, FLAG_EXPIRED, FLAG_MARK, HEAD_BYTES, LOG_START, MARK_BYTES, ORDINAL_MAX,
    PREFIX_BYTES, RECORD_MARKER, SEQUENCE_MAX, aligned, head as at, mark, payload, read_u32, read_u64,
    write_u32, write_u64,
};
use super::header::Header;
use super::kind::Kind;
use super::seal::{LogKeys, RecordSealer};
use crate::key::{CollectionId, Sequence, Timestamp};

/// What every checksum and seal in one generation of one file is bound to, so that no other file's record passes for
/// its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogId {
    file_id: [u8; 16],
    generation: u64,
    seed: u32,
}

impl LogId {
    pub(crate) fn new(file_id: [u8; 16], generation: u64) -> Self {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&file_id);
        hasher.update(&generation.to_le_bytes());
        Self { file_id, generation, seed: hasher.finalize() }
    }

    pub(crate) fn of(header: &Header) -> Self {
        Self::new(header.file_id, header.generation)
    }

    pub(super) fn as_bytes(self) -> [u8; 24] {
        let mut bytes = [0; 24];
        bytes[..16].copy_from_slice(&self.file_id);
        bytes[16..].copy_from_slice(&self.generation.to_le_bytes());
        bytes
    }

    /// The checksum of bytes that belong to the record at `position`.
    pub(crate) fn checksum(self, position: u64, bytes: &[u8]) -> u32 {
        let high = ((position >> 32) as u32).wrapping_mul(CHAIN_MULTIPLIER as u32);
        let mut hasher = crc32fast::Hasher::new_with_initial(self.seed ^ position as u32 ^ high);
        hasher.update(bytes);
        hasher.finalize()
    }
}

/// The fixed first part of a record, whose own checksum has been verified.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub(crate) kind: Kind,
    pub(crate) has_mark: bool,
    /// Whether the document had expired that this tombstone deletes.
    pub(crate) has_expired: bool,
    pub(crate) payload_bytes: u32,
    pub(crate) sequence: Sequence,
    pub(crate) previous: u64,
    pub(crate) ordinal: u32,
    pub(crate) payload_checksum: u32,
    /// The same in all records of one write of a commit, if they are sealed.
    pub(crate) write_id: u32,
    pub(crate) checksum: u32,
}

impl Head {
    /// The head at `position`, or nothing if these bytes are none.
    pub(crate) fn decode(bytes: &[u8], position: u64, keys: &LogKeys) -> Option<Self> {
        if bytes.len() < HEAD_BYTES || bytes[at::MARKER..at::KIND] != RECORD_MARKER {
            return None;
        }
        let checksum = read_u32(bytes, at::CHECKSUM);
        if keys.id.checksum(position, &bytes[..at::CHECKSUM]) != checksum {
            return None;
        }
        let flags = bytes[at::FLAGS];
        let head = Self {
            kind: Kind::from_stored(bytes[at::KIND])?,
            has_mark: flags & FLAG_MARK != 0,
            has_expired: flags & FLAG_EXPIRED != 0,
            payload_bytes: read_u32(bytes, at::PAYLOAD_BYTES),
            sequence: Sequence(read_u64(bytes, at::SEQUENCE)),
            previous: read_u64(bytes, at::PREVIOUS),
            ordinal: read_u32(bytes, at::ORDINAL),
            payload_checksum: read_u32(bytes, at::PAYLOAD_CHECKSUM),
            write_id: read_u32(bytes, at::WRITE_ID),
            checksum,
        };
        let is_possible = flags & !(FLAG_MARK | FLAG_EXPIRED) == 0
            && (!head.has_expired || head.kind == Kind::Delete)
            && (1..=SEQUENCE_MAX).contains(&head.sequence.0)
            && head.ordinal <= ORDINAL_MAX
            && (head.write_id == 0 || keys.is_sealed())
            && (head.previous == 0 || (LOG_START..position).contains(&head.previous));
        is_possible.then_some(head)
    }

    /// The bytes of the whole record, its mark included.
    pub(crate) fn record_bytes(&self) -> u64 {
        let mark_bytes = if self.has_mark { MARK_BYTES as u64 } else { 0 };
        self.unmarked_bytes() + mark_bytes
    }

    /// The mark behind this record, which begins where `bytes` does, if it is there and checks.
    pub(super) fn mark_of(&self, bytes: &[u8], position: u64, id: LogId) -> Option<Mark> {
        let start = self.unmarked_bytes() as usize;
        Mark::decode(bytes.get(start..start + MARK_BYTES)?, position, id)
    }

    /// The bytes of the record up to where its mark would be.
    pub(crate) fn unmarked_bytes(&self) -> u64 {
        record_bytes(self.payload_bytes)
    }
}

/// The length of the document in a payload of this size.
pub(crate) fn text_bytes(payload_bytes: u32, key: &str, keys: &LogKeys) -> u64 {
    let others = PREFIX_BYTES + key.len() + keys.seal_bytes();
    u64::from(payload_bytes).saturating_sub(others as u64)
}

/// The bytes of a record with a payload of this size, without a mark.
pub(crate) fn record_bytes(payload_bytes: u32) -> u64 {
    aligned(HEAD_BYTES as u64 + u64::from(payload_bytes))
}

/// The end of a commit, whose own checksum has been verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) chain: Chain,
    pub(crate) time: Timestamp,
    /// The position up to which the file was known to be synced when the commit was written.
    pub(crate) synced: u64,
    pub(crate) records: u32,
}

impl Mark {
    pub(crate) fn decode(bytes: &[u8], position: u64, id: LogId) -> Option<Self> {
        let checksum = id.checksum(position, &bytes[..mark::CHECKSUM]);
        (checksum == read_u32(bytes, mark::CHECKSUM)).then(|| Self {
            chain: Chain::from_stored(read_u64(bytes, mark::CHAIN)),
            time: Timestamp(read_u64(bytes, mark::TIME)),
            synced: read_u64(bytes, mark::SYNCED),
            records: read_u32(bytes, mark::RECORDS),
        })
    }

    fn encode(&self, position: u64, id: LogId) -> [u8; MARK_BYTES] {
        let mut bytes = [0; MARK_BYTES];
        write_u64(&mut bytes, mark::CHAIN, self.chain.value());
        write_u64(&mut bytes, mark::TIME, self.time.0);
        write_u64(&mut bytes, mark::SYNCED, self.synced);
        write_u32(&mut bytes, mark::RECORDS, self.records);
        let checksum = id.checksum(position, &bytes[..mark::CHECKSUM]);
        write_u32(&mut bytes, mark::CHECKSUM, checksum);
        bytes
    }

    /// The chain value before the record that carries this mark, and has this head.
    pub(crate) fn chain_before(&self, head: &Head) -> Chain {
        let sealed = self.chain.before(u64::from(self.records)).before(self.synced).before(self.time.0);
        sealed.before_record(head.checksum, head.payload_checksum)
    }

    /// The chain value that a commit's mark must hold, from the value after its records.
    pub(crate) fn seal(records_chain: Chain, time: Timestamp, synced: u64, records: u32) -> Chain {
        records_chain.absorb(time.0).absorb(synced).absorb(u64::from(records))
    }
}

/// What a record holds besides its head.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Payload<'a> {
    pub(crate) collection: CollectionId,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) key: &'a str,
    pub(crate) document: &'a [u8],
}

impl<'a> Payload<'a> {
    /// The payload's parts, or nothing if its inner length is wrong or its key is no text.
    pub(crate) fn decode(bytes: &'a [u8]) -> Option<Self> {
        let key_bytes = read_u32(bytes.get(..PREFIX_BYTES)?, payload::KEY_BYTES) as usize;
        let rest = &bytes[PREFIX_BYTES..];
        let expires_at = read_u64(bytes, payload::EXPIRES_AT);
        Some(Self {
            collection: CollectionId(read_u32(bytes, payload::COLLECTION)),
            expires_at: (expires_at != 0).then_some(Timestamp(expires_at)),
            key: std::str::from_utf8(rest.get(..key_bytes)?).ok()?,
            document: &rest[key_bytes..],
        })
    }

    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.collection.0.to_le_bytes());
        bytes.extend_from_slice(&(self.key.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&self.expires_at.map_or(0, |time| time.0).to_le_bytes());
        bytes.extend_from_slice(self.key.as_bytes());
        bytes.extend_from_slice(self.document);
    }
}

/// Encodes the records of consecutive commits, as they will stand from one position on.
#[derive(Debug)]
pub(crate) struct RecordWriter {
    bytes: Vec<u8>,
    start: u64,
    sealer: RecordSealer,
    chain: Chain,
    /// What the marks of these commits say besides their chain value.
    time: Timestamp,
    synced: u64,
    /// Where the newest record begins, and how many records its commit has so far.
    offset: usize,
    records: u32,
    pub(super) write_id: u32,
}

/// What is to be encoded as one record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewRecord<'a> {
    pub(crate) kind: Kind,
    /// Whether a document had expired that is deleted.
    pub(crate) has_expired: bool,
    pub(crate) sequence: Sequence,
    pub(crate) previous: u64,
    /// Nothing for the kinds that concern no key.
    pub(crate) payload: Option<Payload<'a>>,
}

/// Where a record will stand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed {
    pub(crate) position: u64,
    pub(crate) ordinal: u32,
    pub(crate) payload_bytes: u32,
}

impl RecordWriter {
    /// Begins at `start`, after a log whose chain value is `chain`. `bytes` is only reused.
    pub(crate) fn new(
        mut bytes: Vec<u8>,
        start: u64,
        sealer: RecordSealer,
        chain: Chain,
        time: Timestamp,
        synced: u64,
    ) -> Self {
        bytes.clear();
        let write_id = sealer.new_write_id();
        Self { bytes, start, sealer, chain, time, synced, offset: 0, records: 0, write_id }
    }

    /// Encodes the next record of a commit.
    pub(crate) fn push(&mut self, record: &NewRecord<'_>) -> Placed {
        if self.records > 0 {
            self.finish_record(None);
        }
        let placed = self.encode(record, self.records);
        self.records += 1;
        placed
    }

    /// Encodes the next record of a base section, which keeps the number that it had in its commit.
    pub(crate) fn push_to_base(&mut self, record: &NewRecord<'_>, ordinal: u32) -> Placed {
        debug_assert_eq!(self.records, 0, "a base section stands before every commit");
        let placed = self.encode(record, ordinal);
        self.finish_record(None);
        placed
    }

    /// Gives the marks from here on another time.
    pub(crate) fn set_time(&mut self, time: Timestamp) {
        self.time = time;
    }

    fn encode(&mut self, record: &NewRecord<'_>, ordinal: u32) -> Placed {
        self.offset = self.bytes.len();
        let payload_start = self.offset + HEAD_BYTES;
        let (before, behind) = self.sealer.room();
        self.bytes.resize(payload_start, 0);
        self.bytes.extend_from_slice(before);
        if let Some(payload) = &record.payload {
            payload.encode(&mut self.bytes);
        }
        self.bytes.extend_from_slice(behind);
        let payload_bytes = (self.bytes.len() - payload_start) as u32;
        self.bytes.resize(self.bytes.len().next_multiple_of(ALIGNMENT as usize), 0);

        let head = &mut self.bytes[self.offset..payload_start];
        head[at::MARKER..at::KIND].copy_from_slice(&RECORD_MARKER);
        head[at::KIND] = record.kind.stored();
        head[at::FLAGS] = if record.has_expired { FLAG_EXPIRED } else { 0 };
        write_u32(head, at::PAYLOAD_BYTES, payload_bytes);
        write_u64(head, at::SEQUENCE, record.sequence.0);
        write_u64(head, at::PREVIOUS, record.previous);
        write_u32(head, at::ORDINAL, ordinal);
        write_u32(head, at::WRITE_ID, self.write_id);
        Placed { position: self.position(), ordinal, payload_bytes }
    }

    /// Ends the commit of the records encoded since the last end, of which there is at least one.
    pub(crate) fn end_commit(&mut self) {
        let Self { time, synced, records, .. } = *self;
        let mut mark = Mark { chain: self.chain, time, synced, records };
        self.finish_record(Some(&mark));
        self.chain = Mark::seal(self.chain, time, synced, records);
        mark.chain = self.chain;
        let encoded = mark.encode(self.position(), self.sealer.id());
        self.bytes.extend_from_slice(&encoded);
        (self.records, self.write_id) = (0, self.sealer.new_write_id());
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where the encoded bytes begin, and where what is encoded next will stand.
    pub(crate) fn range(&self) -> Range<u64> {
        self.start..self.start + self.bytes.len() as u64
    }

    /// Forgets the first encoded bytes, whole commits or records of one, since they have been written.
    pub(crate) fn forget_written(&mut self, len: usize) {
        self.start += len as u64;
        self.bytes.drain(..len);
        self.offset = self.offset.saturating_sub(len);
    }

    /// The chain value after what was encoded.
    pub(crate) fn chain(&self) -> Chain {
        self.chain
    }

    /// The chain value after what was encoded, and the buffer to reuse.
    pub(crate) fn finish(self) -> (Chain, Vec<u8>) {
        (self.chain, self.bytes)
    }

    /// Completes the newest record, once it is known whether it is the last of its commit: then with what the mark will
    /// say, but for the chain value, which depends on this.
    fn finish_record(&mut self, mark: Option<&Mark>) {
        let position = self.position();
        let (head, rest) = self.bytes[self.offset..].split_at_mut(HEAD_BYTES);
        if mark.is_some() {
            head[at::FLAGS] |= FLAG_MARK;
        }
        let payload = &mut rest[..read_u32(head, at::PAYLOAD_BYTES) as usize];
        self.sealer.seal(position, head, mark.map(|mark| (mark, self.chain)), payload);
        let id = self.sealer.id();
        let payload_checksum = id.checksum(position, payload);
        write_u32(head, at::PAYLOAD_CHECKSUM, payload_checksum);
        let checksum = id.checksum(position, &head[..at::CHECKSUM]);
        write_u32(head, at::CHECKSUM, checksum);
        self.chain = self.chain.absorb_record(checksum, payload_checksum);
    }

    /// The position of the newest record.
    pub(crate) fn position(&self) -> u64 {
        self.start + self.offset as u64
    }
}
