//! Owns a whole log as the page that describes the format has it: read record by record, every rule of the page checked
//! on the way, and sealed anew after a test has changed it. Never asks the engine.

use std::collections::BTreeMap;

use crate::bytes::{HEAD_BYTES, MARK_BYTES, checksum, records, seal_head, u32_at, u64_at};
use crate::common::LOG_START;

pub(crate) const SET: u8 = 1;
pub(crate) const DELETE: u8 = 2;
pub(crate) const INDEX_CREATED: u8 = 3;
pub(crate) const BASE_END: u8 = 7;

/// One record of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) position: usize,
    pub(crate) end: usize,
    pub(crate) kind: u8,
    pub(crate) sequence: u64,
    pub(crate) ordinal: u32,
    pub(crate) previous: usize,
    /// Of its commit; of a record of the base section, that of the section's end.
    pub(crate) time: u64,
    pub(crate) collection: u32,
    pub(crate) key: String,
    pub(crate) expires_at: u64,
    pub(crate) document: Vec<u8>,
}

/// A log that keeps to the page.
#[derive(Clone, Debug)]
pub(crate) struct Decoded {
    pub(crate) generation: u64,
    pub(crate) floor: u64,
    pub(crate) base: Vec<Entry>,
    /// Where the base section ends; where the log begins, if there is none.
    pub(crate) base_end: usize,
    /// The records behind the base section, marks of syncs and closings included.
    pub(crate) commits: Vec<Entry>,
    pub(crate) end: usize,
}

impl Entry {
    /// What names a version for ever.
    pub(crate) fn id(&self) -> (u64, u32) {
        (self.sequence, self.ordinal)
    }
}

impl Decoded {
    /// Reads a file, and fails the test where it does not keep to the page.
    #[track_caller]
    pub(crate) fn read(file: &[u8]) -> Self {
        let header = newer_header(file);
        let (generation, floor) = (u64_at(file, header + 64), u64_at(file, header + 80));
        let mut decoded = Self {
            generation,
            floor,
            base: Vec::new(),
            base_end: LOG_START,
            commits: Vec::new(),
            end: LOG_START,
        };
        let (mut chain, mut sequence, mut ordinal, mut time) = (first_chain(file), 0, 0, 0);
        let (mut in_base, mut synced, mut commit_start) = (floor > 0, 0, 0);
        for record in records(file) {
            let (entry, has_mark) = (read_entry(file, record.start, record.end), record.has_mark);
            chain = absorb(chain, record_digest(file, record.start));
            decoded.end = record.end;
            if in_base && !has_mark {
                assert!(
                    [SET, INDEX_CREATED].contains(&entry.kind),
                    "no other kind in a base section: {entry:?}"
                );
                assert!(decoded.base.last().is_none_or(|last| last.id() < entry.id()), "{entry:?}");
                assert!((1..=floor).contains(&entry.sequence), "{entry:?}");
                decoded.base.push(entry);
                continue;
            }
            if in_base {
                assert_eq!((entry.kind, entry.sequence, entry.ordinal), (BASE_END, floor, 0));
                assert_eq!(entry.document, (decoded.base.len() as u64).to_le_bytes());
                (in_base, sequence, decoded.base_end) = (false, floor, record.end);
            } else {
                assert_eq!((entry.sequence, entry.ordinal), (sequence + 1, ordinal), "contiguous: {entry:?}");
                assert_ne!(entry.kind, BASE_END);
                decoded.commits.push(entry);
                ordinal += 1;
            }
            if has_mark {
                let mark = record.end - MARK_BYTES;
                let count = if decoded.commits.is_empty() && floor > 0 { 1 } else { ordinal };
                assert_eq!(checksum(file, record.start, &file[mark..mark + 28]), u32_at(file, mark + 28));
                assert_eq!(u32_at(file, mark + 24), count, "the number of records");
                let (at, claim) = (u64_at(file, mark + 8), u64_at(file, mark + 16));
                assert!(time <= at && synced <= claim, "times and claims never go back");
                assert!(claim <= decoded.end as u64, "a claim is about what stands before");
                (time, synced) = (at, claim);
                chain = [time, claim, u64::from(count)].into_iter().fold(chain, absorb);
                assert_eq!(u64_at(file, mark), chain, "the chain value at {}", record.start);
                decoded.commits[commit_start..].iter_mut().for_each(|entry| entry.time = at);
                if decoded.commits.is_empty() {
                    decoded.base.iter_mut().for_each(|entry| entry.time = at);
                }
                (sequence, ordinal, commit_start) =
                    (decoded.commits.last().map_or(sequence, |last| last.sequence), 0, decoded.commits.len());
            }
        }
        assert!(!in_base && ordinal == 0, "the log ends with a mark");
        assert!(file[decoded.end..].iter().all(|byte| *byte == 0), "zeros up to the end");
        decoded.check_previous();
        decoded
    }

    /// Every record, in the order of the log.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Entry> {
        self.base.iter().chain(&self.commits)
    }

    /// That each record of a key names the one before it, unless that was a deletion or is not in the file.
    #[track_caller]
    fn check_previous(&self) {
        let mut newest: BTreeMap<(u32, &str), &Entry> = BTreeMap::new();
        for entry in self.all().filter(|entry| [SET, DELETE].contains(&entry.kind)) {
            let before = newest.insert((entry.collection, &entry.key), entry);
            let expected = before.filter(|before| before.kind == SET).map_or(0, |before| before.position);
            assert_eq!(entry.previous, expected, "{entry:?}");
        }
    }
}

/// Writes every checksum and chain value of a log anew, after a test has changed records that keep their lengths.
pub(crate) fn seal_log(file: &mut [u8]) {
    let mut chain = first_chain(file);
    for record in records(file) {
        let payload = u32_at(file, record.start + 4) as usize;
        let start = record.start + HEAD_BYTES;
        let sum = checksum(file, record.start, &file[start..start + payload]);
        file[record.start + 28..record.start + 32].copy_from_slice(&sum.to_le_bytes());
        seal_head(file, record.start);
        chain = absorb(chain, record_digest(file, record.start));
        if record.has_mark {
            let mark = record.end - MARK_BYTES;
            let said = [u64_at(file, mark + 8), u64_at(file, mark + 16), u64::from(u32_at(file, mark + 24))];
            chain = said.into_iter().fold(chain, absorb);
            file[mark..mark + 8].copy_from_slice(&chain.to_le_bytes());
            let sum = checksum(file, record.start, &file[mark..mark + 28]);
            file[mark + 28..mark + 32].copy_from_slice(&sum.to_le_bytes());
        }
    }
}

fn newer_header(file: &[u8]) -> usize {
    let is_whole = |start: &usize| crc32fast::hash(&file[*start..start + 4092]) == u32_at(file, start + 4092);
    let copies = [0, 4096].into_iter().filter(is_whole);
    copies.max_by_key(|start| u64_at(file, start + 72)).expect("a copy of the header checks")
}

fn read_entry(file: &[u8], position: usize, end: usize) -> Entry {
    assert_eq!(checksum(file, position, &file[position..position + 36]), u32_at(file, position + 36));
    let start = position + HEAD_BYTES;
    let payload = &file[start..start + u32_at(file, position + 4) as usize];
    assert_eq!(checksum(file, position, payload), u32_at(file, position + 28));
    let mut entry = Entry {
        position,
        end,
        kind: file[position + 2],
        sequence: u64_at(file, position + 8),
        ordinal: u32_at(file, position + 24),
        previous: u64_at(file, position + 16) as usize,
        time: 0,
        collection: 0,
        key: String::new(),
        expires_at: 0,
        document: Vec::new(),
    };
    if !payload.is_empty() {
        let key = u32_at(payload, 4) as usize;
        entry.collection = u32_at(payload, 0);
        entry.expires_at = u64_at(payload, 8);
        entry.key = String::from_utf8(payload[16..16 + key].to_vec()).unwrap();
        entry.document = payload[16 + key..].to_vec();
    }
    entry
}

fn absorb(chain: u64, number: u64) -> u64 {
    let mixed = (chain ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^ (mixed >> 32)
}

fn first_chain(file: &[u8]) -> u64 {
    let start = newer_header(file);
    let numbers = [u64_at(file, start + 48), u64_at(file, start + 56)];
    numbers.into_iter().fold(u64_at(file, start + 64), absorb)
}

fn record_digest(file: &[u8], start: usize) -> u64 {
    u64::from(u32_at(file, start + 36)) << 32 | u64::from(u32_at(file, start + 28))
}
