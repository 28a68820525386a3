//! Owns reading and making records by the page that describes the format, not by the engine's code: a second opinion.
//! Never opens a database.

use crate::common::LOG_START;

pub(crate) const HEAD_BYTES: usize = 40;
pub(crate) const MARK_BYTES: usize = 32;

/// One record of a log, as its head says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) sequence: u64,
    pub(crate) has_mark: bool,
}

/// The records of a log that is whole.
pub(crate) fn records(file: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    let mut start = LOG_START;
    while file.len() >= start + HEAD_BYTES && file[start..start + 2] == [0xFF, 0xC5] {
        let payload = u32_at(file, start + 4) as usize;
        let has_mark = file[start + 3] & 1 != 0;
        let mark = if has_mark { MARK_BYTES } else { 0 };
        let end = start + (HEAD_BYTES + payload).next_multiple_of(8) + mark;
        let sequence = u64_at(file, start + 8);
        records.push(Record { start, end, sequence, has_mark });
        start = end;
    }
    records
}

/// Where each commit ends, the start of the log first.
pub(crate) fn commit_ends(file: &[u8]) -> Vec<usize> {
    let ends = records(file).into_iter().filter(|record| record.has_mark).map(|record| record.end);
    std::iter::once(LOG_START).chain(ends).collect()
}

/// The file without the zeros at its end, as long as its log.
pub(crate) fn without_prepared_space(file: &[u8]) -> Vec<u8> {
    file[..*commit_ends(file).last().unwrap()].to_vec()
}

/// What a checksum of the record at `position` begins with, in this file.
pub(crate) fn checksum(file: &[u8], position: usize, bytes: &[u8]) -> u32 {
    // The newer header copy holds; both have the same id and generation.
    let seed = crc32fast::hash(&file[48..72]);
    let high = ((position as u64 >> 32) as u32).wrapping_mul(0x7F4A_7C15);
    let mut hasher = crc32fast::Hasher::new_with_initial(seed ^ position as u32 ^ high);
    hasher.update(bytes);
    hasher.finalize()
}

/// Writes a head's checksum anew, after a test has changed the head.
pub(crate) fn seal_head(file: &mut [u8], start: usize) {
    let sum = checksum(file, start, &file[start..start + 36]);
    file[start + 36..start + 40].copy_from_slice(&sum.to_le_bytes());
}

/// Writes the checksum of every head, the chain value of every mark and its checksum anew, after a test has changed heads:
/// what is left has been written so, as far as anybody can tell.
pub(crate) fn seal_log(file: &mut [u8]) {
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
            file[mark..mark + 8].copy_from_slice(&chain.to_le_bytes());
            let sum = checksum(file, record.start, &file[mark..mark + 28]);
            file[mark + 28..mark + 32].copy_from_slice(&sum.to_le_bytes());
        }
    }
}

/// Writes the checksum of a header copy anew, after a test has changed the copy.
pub(crate) fn seal_header(file: &mut [u8], copy: usize) {
    let start = copy * 4096;
    let sum = crc32fast::hash(&file[start..start + 4092]);
    file[start + 4092..start + 4096].copy_from_slice(&sum.to_le_bytes());
}

pub(crate) fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes(bytes[offset..offset + 4].try_into().unwrap())
}

pub(crate) fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    u64::from_le_bytes(bytes[offset..offset + 8].try_into().unwrap())
}
