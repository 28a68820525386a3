//! Owns the rows of reads: random keys, all documents in the cache. Never reads before both stores were compared.

use std::hint::black_box;
use std::time::Duration;

use ferrumdb::{Config, FerrumDB, FsyncPolicy, Transaction};
use ferrumdb_benches::measure::time;
use ferrumdb_benches::workload::{Numbers, Workload};

use crate::lmdb::{self, Lmdb};
use crate::rows::{Row, Side, Unit};
use crate::{Result, Settings, writes};

/// Large enough for every document and its parsed form.
const CACHE_BYTES: u64 = 1 << 30;
const READS_A_DOCUMENT: usize = 5;

/// Gets whose value is ready, beside LMDB and a parse.
pub(crate) fn gets(settings: &Settings) -> Result<Vec<Row>> {
    let workload = Workload::new(settings.documents, 0);
    let folder = settings.folder.path().join("gets");
    std::fs::create_dir(&folder)?;
    let config = Config::new(folder.join("ferrum.db"))
        .with_fsync_policy(FsyncPolicy::Never)
        .with_cache_bytes(CACHE_BYTES);
    let db = FerrumDB::open(config).wait()?;
    let env = lmdb::open(&folder.join("lmdb"))?;
    let lmdb = Lmdb::create(&env)?;
    fill(&db, &lmdb, &workload)?;
    writes::check(&db, &lmdb, &workload)?;
    // Twice, since the cache may keep a document only when it is asked for again.
    for _ in 0..2 {
        for key in &workload.keys {
            black_box(db.get(key)?.ok_or("a document is missing")?.value());
        }
    }

    let mut rows =
        vec![row(settings, "get, value ready", Some(5.0)), row(settings, "get, one field read", None)];
    for round in 0..settings.rounds {
        let numbers = || random(settings, round);
        let reads = settings.documents * READS_A_DOCUMENT;
        let took = time(|| -> Result<()> {
            for number in numbers() {
                black_box(db.get(&workload.keys[number])?.ok_or("a document is missing")?.value());
            }
            Ok(())
        });
        rows[0].ours.rate(reads, checked(took)?.1);
        let took = time(|| -> Result<()> {
            for number in numbers() {
                black_box(lmdb.get(&workload.keys[number])?.ok_or("a document is missing")?);
            }
            Ok(())
        });
        rows[0].theirs.rate(reads, checked(took)?.1);

        let age = |number: usize| workload.documents[number]["age"].as_u64();
        let wanted: u64 = numbers().filter_map(age).sum();
        let took = time(|| {
            sum(numbers(), |number| {
                Ok(db.get(&workload.keys[number])?.and_then(|document| document.value()["age"].as_u64()))
            })
        });
        rows[1].ours.rate(reads, equal(took, wanted)?);
        let took = time(|| {
            sum(numbers(), |number| {
                Ok(lmdb.get(&workload.keys[number])?.and_then(|value| value["age"].as_u64()))
            })
        });
        rows[1].theirs.rate(reads, equal(took, wanted)?);
    }
    db.close().wait()?;
    drop(env);
    std::fs::remove_dir_all(&folder)?;
    Ok(rows)
}

fn row(settings: &Settings, workload: &str, bar: Option<f64>) -> Row {
    Row {
        workload: format!("{workload}, {} documents, uniform, all cached", settings.documents),
        durability: "",
        peer: "LMDB and parse",
        unit: Unit::Rate,
        ours: Side::default(),
        theirs: Side::default(),
        bar,
    }
}

/// The documents that a round reads: the same for both stores.
fn random(settings: &Settings, round: usize) -> impl Iterator<Item = usize> {
    let (mut numbers, count) = (Numbers::new(round as u64), settings.documents);
    (0..count * READS_A_DOCUMENT).map(move |_| numbers.below(count))
}

fn sum(
    mut numbers: impl Iterator<Item = usize>,
    mut find: impl FnMut(usize) -> Result<Option<u64>>,
) -> Result<u64> {
    numbers.try_fold(0, |sum, number| Ok(sum + find(number)?.ok_or("a document has no such field")?))
}

fn checked<T>((result, took): (Result<T>, Duration)) -> Result<(T, Duration)> {
    result.map(|value| (value, took))
}

/// The time, if the sum of all that was read is right.
fn equal(timed: (Result<u64>, Duration), wanted: u64) -> Result<Duration> {
    match checked(timed)? {
        (sum, took) if sum == wanted => Ok(took),
        _ => Err("a store answered with another document".into()),
    }
}

fn fill(db: &FerrumDB, lmdb: &Lmdb<'_>, workload: &Workload) -> Result<()> {
    let mut transaction = Transaction::new();
    for (key, document) in workload.keys.iter().zip(&workload.documents) {
        transaction = transaction.set(key.as_str(), document);
        lmdb.set(key, document)?;
    }
    db.commit(transaction).wait()?;
    Ok(())
}
