//! Owns the benches behind the layout of the file and of the keydir, as far as their answer is a mean. Never measures
//! tails or memory: the program `layout` does.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ahash::RandomState;
use compact_str::CompactString;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dashmap::DashMap;
use ferrumdb_benches::prepared_file::{PREPARATIONS, PreparedFile};
use ferrumdb_benches::workload::{Numbers, key};
use smol_str::SmolStr;

criterion_group! {
    name = benches;
    config = Criterion::default().measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500)).sample_size(20);
    targets = heads, checksums, preparations, keys
}
criterion_main!(benches);

/// A record's payload: prefix, key and document.
const PAYLOAD_BYTES: usize = 200;

fn heads(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode 1,000 records of 200 B");
    group.throughput(Throughput::Elements(1000));
    let payload = [0x5A; PAYLOAD_BYTES];
    for head_bytes in [32, 40, 48] {
        for alignment in [1, 8] {
            let name = format!("head {head_bytes}, alignment {alignment}");
            // An odd length, so that the alignment has something to fill.
            let payload = &payload[..PAYLOAD_BYTES - 3];
            let mut log = Vec::with_capacity(1 << 20);
            group.bench_function(name, |bencher| {
                bencher.iter(|| {
                    log.clear();
                    (0..1000).for_each(|number| encode(&mut log, number, payload, head_bytes, alignment));
                    black_box(log.len())
                });
            });
        }
    }
}

/// A record as the log has it: a head with the payload's checksum and its own, the payload, zeros.
fn encode(log: &mut Vec<u8>, number: u64, payload: &[u8], head_bytes: usize, alignment: usize) {
    let start = log.len();
    log.resize(start + head_bytes, 0);
    log.extend_from_slice(payload);
    log.resize(log.len().next_multiple_of(alignment), 0);
    let payload_checksum = seeded(start as u32, payload);
    let head = &mut log[start..start + head_bytes];
    head[..2].copy_from_slice(&[0xFF, 0xC5]);
    head[4..8].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    head[8..16].copy_from_slice(&number.to_le_bytes());
    head[16..24].copy_from_slice(&(start as u64).to_le_bytes());
    head[24..28].copy_from_slice(&payload_checksum.to_le_bytes());
    let checksum = seeded(start as u32, &head[..head_bytes - 4]);
    head[head_bytes - 4..].copy_from_slice(&checksum.to_le_bytes());
}

fn checksums(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("crc32");
    for bytes in [40, 200, 4096] {
        let data = vec![0x5A; bytes];
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(BenchmarkId::new("unseeded", bytes), |bencher| {
            bencher.iter(|| crc32fast::hash(black_box(&data)));
        });
        group.bench_function(BenchmarkId::new("seeded", bytes), |bencher| {
            bencher.iter(|| seeded(black_box(12_345), black_box(&data)));
        });
    }
}

fn seeded(seed: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(seed);
    hasher.update(bytes);
    hasher.finalize()
}

fn preparations(criterion: &mut Criterion) {
    for (synced, sizes) in [(true, [256, 2048, 8192]), (false, [256, 2048, 8192])] {
        let mut group = criterion.benchmark_group(if synced { "append and fdatasync" } else { "append" });
        for bytes in sizes {
            for preparation in PREPARATIONS {
                group.bench_function(BenchmarkId::new(preparation.name(), bytes), |bencher| {
                    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
                    let path = folder.path().join("log");
                    let data = vec![0x5A; bytes];
                    bencher.iter_custom(|times| append(&path, preparation, &data, times, synced));
                });
            }
        }
    }
}

/// Appends so many times to a new file. Every step of preparing but the first is in the time.
fn append(
    path: &std::path::Path,
    preparation: ferrumdb_benches::prepared_file::Preparation,
    data: &[u8],
    times: u64,
    synced: bool,
) -> Duration {
    let mut file = PreparedFile::create(path, preparation).expect("the folder is there");
    file.append(data).and_then(|()| file.sync()).expect("the disk has room");
    let begin = Instant::now();
    for _ in 0..times {
        file.append(data).expect("the disk has room");
        if synced {
            file.sync().expect("the disk works");
        }
    }
    begin.elapsed()
}

/// An entry of the keydir: position, sequence, ordinal, length.
type Entry = [u64; 3];

const ENTRY: Entry = [0; 3];

fn keys(criterion: &mut Criterion) {
    const KEYS: usize = 200_000;
    let keys: Vec<String> = (0..KEYS).map(key).collect();
    let mut group = criterion.benchmark_group("keydir of 200,000");
    group.sample_size(10);
    representation(&mut group, "SmolStr", &keys, |key| SmolStr::from(key));
    representation(&mut group, "CompactString", &keys, |key| CompactString::from(key));
    representation(&mut group, "Arc<str>", &keys, |key| Arc::<str>::from(key));
    representation(&mut group, "Box<str>", &keys, |key| Box::<str>::from(key));
}

fn representation<K>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    keys: &[String],
    stored: impl Fn(&str) -> K,
) where
    K: std::hash::Hash + Eq + std::borrow::Borrow<str>,
{
    let map = || DashMap::with_hasher_and_shard_amount(RandomState::with_seed(1), 1024);
    group.throughput(Throughput::Elements(keys.len() as u64));
    group.bench_function(BenchmarkId::new("insert all", name), |bencher| {
        bencher.iter_with_large_drop(|| {
            let map = map();
            for key in keys {
                map.insert(stored(key), ENTRY);
            }
            map
        });
    });
    let full = map();
    for key in keys {
        full.insert(stored(key), ENTRY);
    }
    let mut numbers = Numbers::new(1);
    group.throughput(Throughput::Elements(1));
    group.bench_function(BenchmarkId::new("get", name), |bencher| {
        bencher.iter(|| full.get(keys[numbers.below(keys.len())].as_str()).map(|entry| *entry));
    });
}
