//! Owns an attacker's view of a file: its records and headers taken apart, and put together with every checksum, seed and
//! chain value right. Never has a key, and shares no code with the engine.

pub(crate) const HEADER_BYTES: usize = 4096;
pub(crate) const LOG_START: usize = 8192;
const HEAD_BYTES: usize = 40;
const MARK_BYTES: usize = 32;

/// One record as it is stored, without what can be recomputed. Its payload is sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) kind: u8,
    pub(crate) sequence: u64,
    pub(crate) previous: u64,
    pub(crate) ordinal: u32,
    pub(crate) write_id: u32,
    pub(crate) payload: Vec<u8>,
    pub(crate) mark: Option<Mark>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) time: u64,
    pub(crate) synced: u64,
    pub(crate) records: u32,
}

impl Record {
    pub(crate) fn stored_bytes(&self) -> usize {
        let mark_bytes = if self.mark.is_some() { MARK_BYTES } else { 0 };
        (HEAD_BYTES + self.payload.len()).next_multiple_of(8) + mark_bytes
    }
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

pub(crate) fn put(bytes: &mut [u8], at: usize, field: &[u8]) {
    bytes[at..at + field.len()].copy_from_slice(field);
}

/// CRC-32 of bytes, as if `before` were that of what came before.
pub(crate) fn crc(before: u32, bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let (mut table, mut index) = ([0; 256], 0);
        while index < 256 {
            let (mut entry, mut bit) = (index as u32, 0);
            while bit < 8 {
                entry = (entry >> 1) ^ (0xEDB8_8320 & (entry & 1).wrapping_neg());
                bit += 1;
            }
            table[index] = entry;
            index += 1;
        }
        table
    };
    !bytes.iter().fold(!before, |crc, byte| (crc >> 8) ^ TABLE[(crc as u8 ^ byte) as usize])
}

/// Makes the checksum of the header copy that begins at `at` right again.
pub(crate) fn fix_header(bytes: &mut [u8], at: usize) {
    let checksum = crc(0, &bytes[at..at + HEADER_BYTES - 4]);
    put(bytes, at + HEADER_BYTES - 4, &checksum.to_le_bytes());
}

/// Where the header copy that holds begins.
pub(crate) fn newest_header(bytes: &[u8]) -> usize {
    [0, HEADER_BYTES].into_iter().max_by_key(|at| u64_at(bytes, at + 72)).unwrap()
}

/// The records of a log that is whole, with their positions.
pub(crate) fn records(file: &[u8]) -> Vec<(usize, Record)> {
    let (mut at, mut found) = (LOG_START, Vec::new());
    while at + HEAD_BYTES <= file.len() && file[at..].starts_with(&[0xFF, 0xC5]) {
        let payload_end = at + HEAD_BYTES + u32_at(file, at + 4) as usize;
        let mark_at = payload_end.next_multiple_of(8);
        let mark = (file[at + 3] == 1).then(|| Mark {
            time: u64_at(file, mark_at + 8),
            synced: u64_at(file, mark_at + 16),
            records: u32_at(file, mark_at + 24),
        });
        let record = Record {
            kind: file[at + 2],
            sequence: u64_at(file, at + 8),
            previous: u64_at(file, at + 16),
            ordinal: u32_at(file, at + 24),
            write_id: u32_at(file, at + 32),
            payload: file[at + HEAD_BYTES..payload_end].to_vec(),
            mark,
        };
        let stored_bytes = record.stored_bytes();
        found.push((at, record));
        at += stored_bytes;
    }
    found
}

/// What ties records to a place, computed as the page says.
pub(crate) struct Forge {
    base: u32,
    chain: u64,
    bytes: Vec<u8>,
}

impl Forge {
    /// Begins behind the headers of a file.
    pub(crate) fn new(file: &[u8]) -> Self {
        let header = newest_header(file);
        let (id, generation) = (&file[header + 48..header + 64], u64_at(file, header + 64));
        let base = crc(crc(0, id), &generation.to_le_bytes());
        let chain = absorb(absorb(generation, u64_at(id, 0)), u64_at(id, 8));
        Self { base, chain, bytes: file[..LOG_START].to_vec() }
    }

    fn checksum(&self, position: usize, bytes: &[u8]) -> [u8; 4] {
        let (low, high) = (position as u32, (position as u64 >> 32) as u32);
        crc(self.base ^ low ^ high.wrapping_mul(0x7F4A_7C15), bytes).to_le_bytes()
    }

    /// Adds a record with right checksums, and a mark with a right chain value.
    pub(crate) fn push(&mut self, record: &Record) {
        let position = self.bytes.len();
        let payload_checksum = self.checksum(position, &record.payload);
        let mut head = [0; HEAD_BYTES];
        put(&mut head, 0, &[0xFF, 0xC5, record.kind, u8::from(record.mark.is_some())]);
        put(&mut head, 4, &(record.payload.len() as u32).to_le_bytes());
        put(&mut head, 8, &record.sequence.to_le_bytes());
        put(&mut head, 16, &record.previous.to_le_bytes());
        put(&mut head, 24, &record.ordinal.to_le_bytes());
        put(&mut head, 28, &payload_checksum);
        put(&mut head, 32, &record.write_id.to_le_bytes());
        let checksum = self.checksum(position, &head[..36]);
        put(&mut head, 36, &checksum);
        self.bytes.extend_from_slice(&head);
        self.bytes.extend_from_slice(&record.payload);
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        let number =
            u64::from(u32::from_le_bytes(checksum)) << 32 | u64::from(u32::from_le_bytes(payload_checksum));
        self.chain = absorb(self.chain, number);
        if let Some(mark) = record.mark {
            self.chain = absorb(absorb(absorb(self.chain, mark.time), mark.synced), mark.records.into());
            self.push_mark(position, mark, self.chain);
        }
    }

    /// Makes the mark of the record at `position`, the last one, say that the chain value is another.
    pub(crate) fn set_last_chain(&mut self, position: usize, mark: Mark, chain: u64) {
        self.bytes.truncate(self.bytes.len() - MARK_BYTES);
        self.push_mark(position, mark, chain);
        self.chain = chain;
    }

    fn push_mark(&mut self, position: usize, mark: Mark, chain: u64) {
        let mut bytes = [0; MARK_BYTES];
        put(&mut bytes, 0, &chain.to_le_bytes());
        put(&mut bytes, 8, &mark.time.to_le_bytes());
        put(&mut bytes, 16, &mark.synced.to_le_bytes());
        put(&mut bytes, 24, &mark.records.to_le_bytes());
        let checksum = self.checksum(position, &bytes[..28]);
        put(&mut bytes, 28, &checksum);
        self.bytes.extend_from_slice(&bytes);
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// A file of the same headers with these records, right in everything that needs no key.
pub(crate) fn forged<'r>(file: &[u8], records: impl IntoIterator<Item = &'r Record>) -> Vec<u8> {
    let mut forge = Forge::new(file);
    records.into_iter().for_each(|record| forge.push(record));
    forge.finish()
}

fn absorb(chain: u64, number: u64) -> u64 {
    let mixed = (chain ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^ (mixed >> 32)
}
