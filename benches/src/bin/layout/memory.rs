//! Owns the comparison of keys by the memory that they take in the keydir. Never measures two in one process: each
//! fills its map in a child of its own, and reports how much the process has grown.

use std::hash::Hash;
use std::process::Command;
use std::sync::Arc;

use ahash::RandomState;
use compact_str::CompactString;
use dashmap::DashMap;
use ferrumdb_benches::arguments::Arguments;
use ferrumdb_benches::machine;
use ferrumdb_benches::report::Table;
use ferrumdb_benches::workload::key;

use smol_str::SmolStr;

use crate::{Result, Settings};

const CHILD: &str = "--fill-and-report";
const REPRESENTATIONS: [&str; 4] = ["SmolStr", "CompactString", "Arc<str>", "Box<str>"];
/// Tables double just above 7/8 of a power of two: a map is fullest below 0.94 M and 1.88 M keys, and emptiest above.
const COUNTS: [usize; 5] = [900_000, 1_000_000, 1_200_000, 1_800_000, 2_000_000];

pub(crate) fn print(_: &Settings) -> Result<()> {
    let counts = COUNTS.iter().map(|count| format!("{:.1} M keys", *count as f64 / 1e6));
    let columns: Vec<String> =
        std::iter::once("bytes a key, 24-byte entry".to_owned()).chain(counts).collect();
    let mut table = Table::new(&columns.iter().map(String::as_str).collect::<Vec<_>>());
    for representation in REPRESENTATIONS {
        let mut cells = vec![representation.to_owned()];
        for count in COUNTS {
            let child = Command::new(std::env::current_exe()?)
                .args([CHILD, representation, &count.to_string()])
                .output()?;
            let bytes: u64 = String::from_utf8(child.stdout)?.trim().parse()?;
            cells.push(format!("{:.1}", bytes as f64 / count as f64));
        }
        table.row(cells);
    }
    println!("growth of the process's resident memory, keys of 13 bytes, 512 x 2 shards\n\n{}", table.text());
    Ok(())
}

/// If this process is a child, fills one map and prints the growth.
pub(crate) fn run_as_child(arguments: &Arguments) -> Option<Result<()>> {
    let [flag, representation, count] = arguments.all() else { return None };
    (flag == CHILD).then(|| {
        let count = count.parse()?;
        let growth = match representation.as_str() {
            "SmolStr" => growth(count, |key| SmolStr::from(key)),
            "CompactString" => growth(count, |key| CompactString::from(key)),
            "Arc<str>" => growth(count, |key| Arc::<str>::from(key)),
            _ => growth(count, |key| Box::<str>::from(key)),
        };
        println!("{}", growth.ok_or("this system does not tell a process's memory")?);
        Ok(())
    })
}

fn growth<K: Hash + Eq>(count: usize, stored: impl Fn(&str) -> K) -> Option<u64> {
    let hasher = RandomState::new();
    let part = || DashMap::<K, [u64; 3], RandomState>::with_hasher_and_shard_amount(hasher.clone(), 2);
    let before = machine::resident_bytes()?;
    let parts: Vec<_> = (0..512).map(|_| part()).collect();
    for number in 0..count {
        let key = stored(&key(number));
        let part = (hasher.hash_one(&key) >> 40) as usize % parts.len();
        parts[part].insert(key, [number as u64; 3]);
    }
    let growth = machine::resident_bytes()? - before;
    std::hint::black_box(&parts);
    Some(growth)
}
