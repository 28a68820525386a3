//! Owns the short form of a database file as an input: headers without their zeros, the log, the hint, and what is to be
//! made right in them, so that changes get behind the checksums. Never asks the engine about the bytes: it goes by
//! `docs/format.md`.

use std::ops::Range;

/// The key of every encrypted input.
pub const KEY: [u8; 32] = [7; 32];

pub(crate) const LOG_START: usize = 8192;
const COPY_BYTES: usize = 4096;
/// What a copy of the header has that need not be zero.
const FIELDS: [Range<usize>; 2] = [0..244, 4056..4096];
const HEAD_BYTES: usize = 40;
const MARK_BYTES: usize = 32;
const HINT_HEADER_BYTES: usize = 160;
const HINT_BLOCK_BYTES: usize = 20;

/// What is to be done with an input: its first byte.
#[derive(Clone, Copy, Debug)]
pub struct Flags(pub u8);

impl Flags {
    /// The rest is the file, byte for byte; there is no hint.
    pub const RAW: u8 = 1;
    /// The database is opened with [`KEY`].
    pub const KEYED: u8 = 2;
    /// The checksums of the header are made right.
    pub const SEAL_HEADER: u8 = 4;
    /// The checksums and chain values of the log are made right.
    pub const SEAL_LOG: u8 = 8;
    /// The checksums of the hint are made right, and what ties it to the file.
    pub const SEAL_HINT: u8 = 16;
    /// It is compacted.
    pub const COMPACT: u8 = 32;
    /// A hint is written.
    pub const WRITE_HINT: u8 = 64;

    pub(crate) fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }
}

/// What an input stands for.
#[derive(Debug)]
pub(crate) struct Unpacked {
    pub(crate) flags: Flags,
    pub(crate) file: Vec<u8>,
    /// Empty if there is none.
    pub(crate) hint: Vec<u8>,
}

/// The short form of a file and its hint.
#[must_use]
pub fn pack(flags: Flags, file: &[u8], hint: &[u8]) -> Vec<u8> {
    let hint_bytes = u16::try_from(hint.len()).expect("a seed's hint is small");
    let mut packed = vec![flags.0];
    packed.extend(hint_bytes.to_le_bytes());
    for copy in [0, COPY_BYTES] {
        for field in FIELDS {
            packed.extend(&file[copy + field.start..copy + field.end]);
        }
    }
    packed.extend(&file[LOG_START..]);
    packed.extend(hint);
    packed
}

impl Unpacked {
    /// Nothing, if there is no first byte.
    pub(crate) fn of(input: &[u8]) -> Option<Self> {
        let (first, rest) = input.split_first()?;
        let flags = Flags(*first);
        let mut unpacked = match rest.split_first_chunk() {
            Some((hint_bytes, rest)) if !flags.has(Flags::RAW) => {
                let (file, hint) =
                    rest.split_at(rest.len() - rest.len().min(u16::from_le_bytes(*hint_bytes).into()));
                Self { flags, file: unpack(file), hint: hint.to_vec() }
            }
            _ => Self { flags, file: rest.to_vec(), hint: Vec::new() },
        };
        unpacked.make_right();
        Some(unpacked)
    }

    fn make_right(&mut self) {
        if self.file.len() < LOG_START {
            return;
        }
        if self.flags.has(Flags::SEAL_HEADER) {
            for copy in [0, COPY_BYTES] {
                let sum = crc32fast::hash(&self.file[copy..copy + COPY_BYTES - 4]);
                put(&mut self.file, copy + COPY_BYTES - 4, &sum.to_le_bytes());
            }
        }
        let header = holding_copy(&self.file);
        if self.flags.has(Flags::SEAL_LOG) {
            seal_log(&mut self.file, header);
        }
        if self.flags.has(Flags::SEAL_HINT) {
            seal_hint(&mut self.hint, &self.file, header);
        }
    }
}

/// The header's copies from their fields, and the log.
fn unpack(mut packed: &[u8]) -> Vec<u8> {
    let mut file = vec![0; LOG_START];
    for copy in [0, COPY_BYTES] {
        for field in FIELDS {
            let (bytes, rest) = packed.split_at(packed.len().min(field.len()));
            put(&mut file, copy + field.start, bytes);
            packed = rest;
        }
    }
    file.extend(packed);
    file
}

/// Where the copy begins that holds: of those whose checksums are right, the one with the higher counter.
fn holding_copy(file: &[u8]) -> usize {
    let is_right = |copy: &usize| {
        crc32fast::hash(&file[*copy..*copy + COPY_BYTES - 4]) == u32_at(file, copy + COPY_BYTES - 4)
    };
    [0, COPY_BYTES].into_iter().filter(is_right).max_by_key(|copy| u64_at(file, copy + 72)).unwrap_or(0)
}

fn absorb(chain: u64, number: u64) -> u64 {
    let mixed = (chain ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^ (mixed >> 32)
}

fn seal_log(file: &mut [u8], header: usize) {
    let mut chain =
        absorb(absorb(u64_at(file, header + 64), u64_at(file, header + 48)), u64_at(file, header + 56));
    let seed = crc32fast::hash(&file[header + 48..header + 72]);
    let checksum = |position: usize, bytes: &[u8]| {
        let mut hasher = crc32fast::Hasher::new_with_initial(seed ^ position as u32);
        hasher.update(bytes);
        hasher.finalize()
    };
    let mut start = LOG_START;
    while let Some((payload, end)) = record_at(file, start) {
        let has_mark = file[start + 3] & 1 != 0;
        let sum = checksum(start, &file[start + HEAD_BYTES..start + HEAD_BYTES + payload]);
        put(file, start + 28, &sum.to_le_bytes());
        let head = checksum(start, &file[start..start + 36]);
        put(file, start + 36, &head.to_le_bytes());
        chain = absorb(chain, u64::from(head) << 32 | u64::from(sum));
        if has_mark {
            let mark = end - MARK_BYTES;
            for number in [u64_at(file, mark + 8), u64_at(file, mark + 16), u32_at(file, mark + 24).into()] {
                chain = absorb(chain, number);
            }
            put(file, mark, &chain.to_le_bytes());
            let sum = checksum(start, &file[mark..mark + 28]);
            put(file, mark + 28, &sum.to_le_bytes());
        }
        start = end;
    }
}

/// The length of the payload and the end of the record that begins here, if it lies within the file.
pub(crate) fn record_at(file: &[u8], start: usize) -> Option<(usize, usize)> {
    if file.get(start..start + 2)? != [0xFF, 0xC5] || file.len() < start + HEAD_BYTES {
        return None;
    }
    let payload = u32_at(file, start + 4) as usize;
    let mark = if file[start + 3] & 1 != 0 { MARK_BYTES } else { 0 };
    let end = start + (HEAD_BYTES + payload).next_multiple_of(8) + mark;
    (end <= file.len()).then_some((payload, end))
}

fn seal_hint(hint: &mut [u8], file: &[u8], header: usize) {
    if hint.len() < HINT_HEADER_BYTES {
        return;
    }
    hint[24..48].copy_from_slice(&file[header + 48..header + 72]);
    let last = usize::try_from(u64_at(hint, 64)).unwrap_or(usize::MAX).min(file.len());
    if let Some((_, end)) = record_at(file, last) {
        let chain = end - MARK_BYTES;
        hint[72..80].copy_from_slice(&file[chain..chain + 8]);
    }
    let seed = crc32fast::hash(&hint[..HINT_HEADER_BYTES - 4]);
    put(hint, HINT_HEADER_BYTES - 4, &seed.to_le_bytes());
    let mut start = HINT_HEADER_BYTES;
    while hint.len() >= start + HINT_BLOCK_BYTES {
        let end =
            (start + HINT_BLOCK_BYTES).saturating_add(u32_at(hint, start + 12) as usize).min(hint.len());
        let mut hasher = crc32fast::Hasher::new_with_initial(seed);
        hasher.update(&hint[start..start + 16]);
        hasher.update(&hint[start + HINT_BLOCK_BYTES..end]);
        put(hint, start + 16, &hasher.finalize().to_le_bytes());
        start = end;
    }
}

fn put(bytes: &mut [u8], at: usize, what: &[u8]) {
    bytes[at..at + what.len()].copy_from_slice(what);
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(*bytes[at..].first_chunk().expect("the caller has looked at the length"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(*bytes[at..].first_chunk().expect("the caller has looked at the length"))
}
