//! Owns reading and making files by the page that describes the format, not by the engine's code: a second opinion.
//! Never opens a database.

/// Where the log begins.
pub const LOG_START: usize = 8192;
/// The bytes of a record's head.
pub const HEAD_BYTES: usize = 40;
/// The bytes of the mark behind the last record of a commit.
pub const MARK_BYTES: usize = 32;

const COPY_BYTES: usize = 4096;
const BASE_END: u8 = 7;

/// One record of a log, as its head says.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    /// Where it begins.
    pub start: usize,
    /// Where it ends, its mark included.
    pub end: usize,
    /// How many bytes its payload has.
    pub payload: usize,
    /// The number of its commit.
    pub sequence: u64,
    /// Whether a mark follows.
    pub has_mark: bool,
    /// Whether it is the end of the base section.
    pub is_base_end: bool,
}

/// The records of a log that is whole.
#[must_use]
pub fn records(file: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    let mut start = LOG_START;
    while let Some(record) = record_at(file, start) {
        records.push(record);
        start = record.end;
    }
    records
}

/// The record that begins here, as far as the head says; it may reach beyond the file.
fn record_at(file: &[u8], start: usize) -> Option<Record> {
    if file.len() < start + HEAD_BYTES || file[start..start + 2] != [0xFF, 0xC5] {
        return None;
    }
    let (payload, sequence) = (u32_at(file, start + 4) as usize, u64_at(file, start + 8));
    let has_mark = file[start + 3] & 1 != 0;
    let mark = if has_mark { MARK_BYTES } else { 0 };
    let end = start + (HEAD_BYTES + payload).next_multiple_of(8) + mark;
    let is_base_end = file[start + 2] == BASE_END;
    Some(Record { start, end, payload, sequence, has_mark, is_base_end })
}

/// The records from a position on that end a commit, whatever stands between them, and whose checksums are right.
#[must_use]
pub fn whole_ends(file: &[u8], from: usize) -> Vec<Record> {
    let checks = |record: &Record| {
        let (start, end) = (record.start, record.end);
        let payload = start + HEAD_BYTES..start + HEAD_BYTES + record.payload;
        record.has_mark
            && end <= file.len()
            && u32_at(file, start + 36) == checksum(file, start, &file[start..start + 36])
            && u32_at(file, start + 28) == checksum(file, start, &file[payload])
            && u32_at(file, end - 4) == checksum(file, start, &file[end - MARK_BYTES..end - 4])
    };
    let starts = (from.next_multiple_of(8)..file.len()).step_by(8);
    starts.filter_map(|start| record_at(file, start)).filter(checks).collect()
}

/// Where each commit ends, the start of the log first.
#[must_use]
pub fn commit_ends(file: &[u8]) -> Vec<usize> {
    let ends = records(file).into_iter().filter(|record| record.has_mark).map(|record| record.end);
    std::iter::once(LOG_START).chain(ends).collect()
}

/// The file without the zeros at its end, as long as its log.
///
/// # Panics
/// Never: a log has a start.
#[must_use]
pub fn without_prepared_space(file: &[u8]) -> Vec<u8> {
    file[..*commit_ends(file).last().expect("the start of the log at least")].to_vec()
}

/// The history floor that the header states; nothing if neither copy of it checks.
#[must_use]
pub fn history_floor(file: &[u8]) -> Option<u64> {
    holding_copy(file).map(|copy| u64_at(file, copy + 80))
}

/// Where the copy of the header begins that holds: of those that check, the one with the higher counter.
fn holding_copy(file: &[u8]) -> Option<usize> {
    let is_right = |copy: &usize| {
        let end = copy + COPY_BYTES - 4;
        file.len() >= end + 4 && crc32fast::hash(&file[*copy..end]) == u32_at(file, end)
    };
    [0, COPY_BYTES].into_iter().filter(is_right).max_by_key(|copy| u64_at(file, copy + 72))
}

/// What a checksum of the record at `position` begins with, in this file.
#[must_use]
pub fn checksum(file: &[u8], position: usize, bytes: &[u8]) -> u32 {
    // Both copies of the header have the same id and generation.
    let copy = holding_copy(file).unwrap_or(0);
    let seed = crc32fast::hash(&file[copy + 48..copy + 72]);
    let high = ((position as u64 >> 32) as u32).wrapping_mul(0x7F4A_7C15);
    let mut hasher = crc32fast::Hasher::new_with_initial(seed ^ position as u32 ^ high);
    hasher.update(bytes);
    hasher.finalize()
}

/// Writes a head's checksum anew, after a test has changed the head.
pub fn seal_head(file: &mut [u8], start: usize) {
    let sum = checksum(file, start, &file[start..start + 36]);
    put(file, start + 36, &sum.to_le_bytes());
}

/// Writes the checksum of a record's payload anew, after a test has changed that.
pub fn seal_payload(file: &mut [u8], record: &Record) {
    let payload = record.start + HEAD_BYTES;
    let sum = checksum(file, record.start, &file[payload..payload + record.payload]);
    put(file, record.start + 28, &sum.to_le_bytes());
}

/// Writes the checksum of every head, the chain value of every mark and its checksum anew, after a test has changed heads:
/// what is left has been written so, as far as anybody can tell.
pub fn seal_log(file: &mut [u8]) {
    let absorb = |chain: u64, number: u64| {
        let mixed = (chain ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        mixed ^ (mixed >> 32)
    };
    let mut chain = absorb(absorb(u64_at(file, 64), u64_at(file, 48)), u64_at(file, 56));
    for record in records(file) {
        seal_head(file, record.start);
        let head = u64::from(u32_at(file, record.start + 36));
        chain = absorb(chain, head << 32 | u64::from(u32_at(file, record.start + 28)));
        if record.has_mark {
            let mark = record.end - MARK_BYTES;
            for number in
                [u64_at(file, mark + 8), u64_at(file, mark + 16), u64::from(u32_at(file, mark + 24))]
            {
                chain = absorb(chain, number);
            }
            put(file, mark, &chain.to_le_bytes());
            let sum = checksum(file, record.start, &file[mark..mark + 28]);
            put(file, mark + 28, &sum.to_le_bytes());
        }
    }
}

/// Writes the checksum of a header copy anew, after a test has changed the copy.
pub fn seal_header(file: &mut [u8], copy: usize) {
    let start = copy * COPY_BYTES;
    let sum = crc32fast::hash(&file[start..start + COPY_BYTES - 4]);
    put(file, start + COPY_BYTES - 4, &sum.to_le_bytes());
}

/// Lets a copy of the header claim that nothing of the log was synced.
pub fn claim_nothing(file: &mut [u8], copy: usize) {
    put(file, copy * COPY_BYTES + 88, &(LOG_START as u64).to_le_bytes());
    seal_header(file, copy);
}

/// The number of four bytes that stands here.
///
/// # Panics
/// When the bytes end before.
#[must_use]
pub fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes(*bytes[offset..].first_chunk().expect("the caller knows that they are there"))
}

/// The number of eight bytes that stands here.
///
/// # Panics
/// When the bytes end before.
#[must_use]
pub fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    u64::from_le_bytes(*bytes[offset..].first_chunk().expect("the caller knows that they are there"))
}

fn put(bytes: &mut [u8], at: usize, what: &[u8]) {
    bytes[at..at + what.len()].copy_from_slice(what);
}
