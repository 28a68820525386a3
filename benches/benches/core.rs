//! Owns the benches of the public face: sets, gets, snapshots, transactions and opening. Never compares with another store; the
//! program `beside` does.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ferrumdb::{Config, FerrumDB, FsyncPolicy, Transaction};
use ferrumdb_benches::workload::{Numbers, Workload};

const DOCUMENTS: usize = 20_000;
const CACHE_BYTES: u64 = 256 << 20;

criterion_group! {
    name = benches;
    config = Criterion::default().measurement_time(Duration::from_secs(3)).sample_size(30);
    targets = sets, gets, snapshots, transactions, opening
}
criterion_main!(benches);

fn folder() -> tempfile::TempDir {
    // Beside the build, and so on a disk: the system's temporary folder may be memory.
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("the target folder can be written")
}

fn open(folder: &Path, policy: FsyncPolicy, cache_bytes: u64) -> FerrumDB {
    let config = Config::new(folder.join("bench.db")).with_fsync_policy(policy).with_cache_bytes(cache_bytes);
    FerrumDB::open(config).wait().expect("the folder is new or was closed")
}

fn fill(db: &FerrumDB, workload: &Workload) {
    db.commit(transaction(workload)).wait().expect("the disk has room");
}

fn transaction(workload: &Workload) -> Transaction {
    let pairs = workload.keys.iter().zip(&workload.documents);
    pairs.fold(Transaction::new(), |transaction, (key, document)| transaction.set(key.as_str(), document))
}

fn sets(criterion: &mut Criterion) {
    let workload = Workload::new(DOCUMENTS, 0);
    let mut group = criterion.benchmark_group("set, waited for");
    group.throughput(Throughput::Elements(1));
    for policy in [FsyncPolicy::Never, FsyncPolicy::Always] {
        let folder = folder();
        let db = open(folder.path(), policy, CACHE_BYTES);
        fill(&db, &workload);
        let mut numbers = Numbers::new(1);
        group.bench_function(policy.to_string(), |bencher| {
            bencher.iter(|| {
                let number = numbers.below(DOCUMENTS);
                db.set(workload.keys[number].as_str(), &workload.documents[number])
                    .wait()
                    .expect("it is open")
            });
        });
    }
}

fn gets(criterion: &mut Criterion) {
    let workload = Workload::new(DOCUMENTS, 0);
    let mut group = criterion.benchmark_group("get");
    group.throughput(Throughput::Elements(1));
    for (name, cache_bytes) in [("cached", CACHE_BYTES), ("cold, page cache warm", 0)] {
        let folder = folder();
        let db = open(folder.path(), FsyncPolicy::Never, cache_bytes);
        fill(&db, &workload);
        for key in workload.keys.iter().chain(&workload.keys) {
            black_box(db.get(key).expect("it is there").expect("it is there").value());
        }
        let mut numbers = Numbers::new(2);
        group.bench_function(name, |bencher| {
            bencher.iter(|| db.get(&workload.keys[numbers.below(DOCUMENTS)]).expect("it is there"));
        });
        if cache_bytes > 0 {
            group.bench_function("cached, value ready", |bencher| {
                bencher.iter(|| {
                    let document = db.get(&workload.keys[numbers.below(DOCUMENTS)]).expect("it is there");
                    black_box(document.expect("it is there").value()["age"].as_u64())
                });
            });
            group.bench_function("contains", |bencher| {
                bencher.iter(|| db.contains(&workload.keys[numbers.below(DOCUMENTS)]).expect("it is open"));
            });
        }
        get_many(&mut group, &db, &workload, name);
    }
}

fn get_many(
    group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
    db: &FerrumDB,
    workload: &Workload,
    name: &str,
) {
    let mut numbers = Numbers::new(3);
    group.bench_function(format!("many: 10, {name}"), |bencher| {
        bencher.iter_batched(
            || -> Vec<&str> { (0..10).map(|_| workload.keys[numbers.below(DOCUMENTS)].as_str()).collect() },
            |keys| db.get_many(&keys).expect("they are there"),
            BatchSize::SmallInput,
        );
    });
}

/// Opening one and dropping it; a get from one that is as old as all that has been replaced since.
fn snapshots(criterion: &mut Criterion) {
    let workload = Workload::new(DOCUMENTS, 0);
    let mut group = criterion.benchmark_group("snapshot");
    group.throughput(Throughput::Elements(1));
    let folder = folder();
    let db = open(folder.path(), FsyncPolicy::Never, CACHE_BYTES);
    fill(&db, &workload);
    group.bench_function("open and drop", |bencher| {
        bencher.iter(|| db.snapshot().expect("it is open"));
    });
    db.set_ex("session", 1, Duration::from_secs(1_000_000)).wait().expect("it is open");
    group.bench_function("open and drop, with documents that expire", |bencher| {
        bencher.iter(|| db.snapshot().expect("it is open"));
    });
    let snapshot = db.snapshot().expect("it is open");
    let mut numbers = Numbers::new(4);
    for name in ["get, nothing replaced since", "get, everything replaced since"] {
        for key in &workload.keys {
            black_box(snapshot.get(key).expect("it is there"));
        }
        group.bench_function(name, |bencher| {
            bencher.iter(|| snapshot.get(&workload.keys[numbers.below(DOCUMENTS)]).expect("it is there"));
        });
        fill(&db, &Workload::new(DOCUMENTS, 1));
    }
}

fn transactions(criterion: &mut Criterion) {
    let workload = Workload::new(1000, 0);
    let mut group = criterion.benchmark_group("transaction of 1,000");
    group.throughput(Throughput::Elements(1000));
    for policy in [FsyncPolicy::Never, FsyncPolicy::Always] {
        let folder = folder();
        let db = open(folder.path(), policy, CACHE_BYTES);
        group.bench_function(policy.to_string(), |bencher| {
            bencher.iter(|| db.commit(transaction(&workload)).wait().expect("it is open"));
        });
    }
}

fn opening(criterion: &mut Criterion) {
    let folder = folder();
    let workload = Workload::new(DOCUMENTS, 0);
    let db = open(folder.path(), FsyncPolicy::Never, CACHE_BYTES);
    fill(&db, &workload);
    db.close().wait().expect("the disk has room");
    let mut group = criterion.benchmark_group("open");
    group.throughput(Throughput::Elements(DOCUMENTS as u64));
    group.bench_function("closed", |bencher| {
        bencher.iter_custom(|times| {
            let mut took = Duration::ZERO;
            for _ in 0..times {
                let begin = Instant::now();
                let db = open(folder.path(), FsyncPolicy::Never, CACHE_BYTES);
                took += begin.elapsed();
                db.close().wait().expect("it was just opened");
            }
            took
        });
    });
}
