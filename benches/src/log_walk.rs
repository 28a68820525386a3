//! Owns a walk through a database file that was written apart from the engine, after the page on the format: the
//! floor of opening, and a check of the page. Never writes, and trusts the file to be whole.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use ahash::RandomState;
use compact_str::CompactString;

/// Position, sequence, ordinal and payload length of a key's newest record.
pub type Place = (u64, u64, u32, u32);

const LOG_START: usize = 8192;
const HEAD_BYTES: usize = 40;
const PREFIX_BYTES: usize = 16;
const MARK_BYTES: usize = 32;
const SET: u8 = 1;
const DELETE: u8 = 2;

/// Reads a file of the root collection, checks every head and payload, and puts each key into a plain map.
///
/// # Errors
/// What the system reports; `InvalidData` at the first checksum that does not hold.
pub fn plain_map(path: &Path) -> io::Result<HashMap<CompactString, Place, RandomState>> {
    let mut file = File::open(path)?;
    let mut bytes = Vec::with_capacity(usize::try_from(file.metadata()?.len()).unwrap_or(0));
    file.read_to_end(&mut bytes)?;
    let seed = seed(&bytes);
    let mut map = HashMap::with_hasher(RandomState::new());
    let mut at = LOG_START;
    while bytes.get(at) == Some(&0xFF) {
        at += record(&bytes, at, seed, &mut map).ok_or(io::ErrorKind::InvalidData)?;
    }
    Ok(map)
}

/// Takes in one record, and says how long it is.
fn record(
    bytes: &[u8],
    at: usize,
    seed: u32,
    map: &mut HashMap<CompactString, Place, RandomState>,
) -> Option<usize> {
    let head = bytes.get(at..at + HEAD_BYTES)?;
    if checksum(seed, at, &head[..36]) != u32_at(head, 36) {
        return None;
    }
    let payload_bytes = u32_at(head, 4);
    let payload = bytes.get(at + HEAD_BYTES..at + HEAD_BYTES + payload_bytes as usize)?;
    if checksum(seed, at, payload) != u32_at(head, 28) {
        return None;
    }
    if matches!(head[2], SET | DELETE) {
        let key_bytes = u32_at(payload, 4) as usize;
        let key = std::str::from_utf8(payload.get(PREFIX_BYTES..PREFIX_BYTES + key_bytes)?).ok()?;
        if head[2] == SET {
            let place = (at as u64, u64_at(head, 8), u32_at(head, 24), payload_bytes);
            map.insert(CompactString::from(key), place);
        } else {
            map.remove(key);
        }
    }
    let mark_bytes = if head[3] & 1 == 1 { MARK_BYTES } else { 0 };
    Some((HEAD_BYTES + payload_bytes as usize).next_multiple_of(8) + mark_bytes)
}

/// The seed of the file's checksums, from its id and its generation in the first header copy.
fn seed(bytes: &[u8]) -> u32 {
    crc32fast::hash(&bytes[48..72])
}

fn checksum(seed: u32, position: usize, bytes: &[u8]) -> u32 {
    let high = ((position as u64 >> 32) as u32).wrapping_mul(0x7F4A_7C15);
    let mut hasher = crc32fast::Hasher::new_with_initial(seed ^ position as u32 ^ high);
    hasher.update(bytes);
    hasher.finalize()
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes were taken"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes were taken"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failure is what a test reports")]

    use ferrumdb::{FerrumDB, Transaction};

    use super::*;

    #[test]
    fn the_walk_finds_what_the_database_holds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("walk.db");
        let db = FerrumDB::open(&path).wait().unwrap();
        let mut transaction = Transaction::new();
        for number in 0..100 {
            transaction = transaction.set(crate::workload::key(number), crate::workload::document(number, 0));
        }
        db.commit(transaction).wait().unwrap();
        db.set(crate::workload::key(1), 1).wait().unwrap();
        db.delete(crate::workload::key(2)).wait().unwrap();

        let map = plain_map(&path).unwrap();
        assert_eq!(map.len() as u64, db.count().unwrap());
        assert_eq!(map[crate::workload::key(1).as_str()].1, 2, "the sequence of its newest commit");
        assert!(!map.contains_key(crate::workload::key(2).as_str()));

        let mut bytes = std::fs::read(&path).unwrap();
        bytes[LOG_START + 100] ^= 1;
        std::fs::write(folder.path().join("bad.db"), bytes).unwrap();
        let error = plain_map(&folder.path().join("bad.db")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
