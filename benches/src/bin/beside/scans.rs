//! Owns the rows of scanning by prefix, in the order of the keys, beside LMDB's cursor. Never scans before all answers were
//! compared.

use std::hint::black_box;

use ferrumdb::{Config, FerrumDB, FsyncPolicy, Transaction};
use ferrumdb_benches::measure::time;
use ferrumdb_benches::workload::{Numbers, document, key};

use crate::lmdb::{self, Lmdb};
use crate::rows::{Row, Side, Unit};
use crate::{Result, Settings};

/// How many keys have a prefix in common.
const SCANNED: usize = 1_000;
/// The prefixes that are scanned, whose documents are in the cache, and how often a round scans each.
const HOT: usize = 50;
const TIMES: usize = 10;
const CACHE_BYTES: u64 = 1 << 30;

/// There are ten times as many keys as other rows have documents: 1 million, if nothing else is asked for.
fn prefixes(settings: &Settings) -> usize {
    (settings.documents * 10 / SCANNED).max(1)
}

/// 1,000 keys of 1 million: with parsed documents, with their text, and without documents.
pub(crate) fn by_prefix(settings: &Settings) -> Result<Vec<Row>> {
    let folder = settings.folder.path().join("scans");
    std::fs::create_dir(&folder)?;
    let config = Config::new(folder.join("ferrum.db"))
        .with_fsync_policy(FsyncPolicy::Never)
        .with_cache_bytes(CACHE_BYTES);
    let db = FerrumDB::open(config).wait()?;
    let env = lmdb::open(&folder.join("lmdb"))?;
    let lmdb = Lmdb::create(&env)?;
    let count = prefixes(settings);
    fill(&db, &lmdb, count * SCANNED)?;
    let mut numbers = Numbers::new(1);
    let prefixes: Vec<String> = (0..HOT).map(|_| prefix(numbers.below(count))).collect();
    check(&db, &lmdb, &prefixes)?;

    let mut rows = vec![
        row(count, "with values ready", Some(1.0)),
        row(count, "with their text, not parsed", None),
        row(count, "keys alone", None),
    ];
    for _ in 0..settings.rounds {
        compare(&mut rows[0], &prefixes, |prefix| values(&db, prefix), |prefix| lmdb.values(prefix))?;
        compare(&mut rows[1], &prefixes, |prefix| texts(&db, prefix), |prefix| lmdb.texts(prefix))?;
        compare(
            &mut rows[2],
            &prefixes,
            |prefix| Ok(db.prefix(prefix)?.keys().map(|key| black_box(key).len()).sum()),
            |prefix| lmdb.keys(prefix),
        )?;
    }
    db.close().wait()?;
    drop(env);
    std::fs::remove_dir_all(&folder)?;
    Ok(rows)
}

fn row(prefixes: usize, what: &str, bar: Option<f64>) -> Row {
    Row {
        workload: format!("scan {SCANNED} keys of {} by prefix, {what}", SCANNED * prefixes),
        durability: "",
        peer: "LMDB, cursor",
        unit: Unit::Rate,
        ours: Side::default(),
        theirs: Side::default(),
        bar,
    }
}

fn prefix(number: usize) -> String {
    let mut prefix = key(number * SCANNED);
    prefix.truncate(prefix.len() - 3);
    prefix
}

/// In an order that no tree likes best.
fn fill(db: &FerrumDB, lmdb: &Lmdb<'_>, count: usize) -> Result<()> {
    // A step that shares no factor with the number of keys leads to each of them once.
    let numbers: Vec<usize> = (0..count).map(|at| at * 7_919 % count).collect();
    for part in numbers.chunks(10_000) {
        let set = |fill: Transaction, number: &usize| fill.set(key(*number), document(*number, 0));
        db.commit(part.iter().fold(Transaction::new(), set)).wait()?;
        lmdb.set_all(part.iter().map(|number| (key(*number), document(*number, 0))))?;
    }
    Ok(())
}

/// Both tell the same; ours has the order of its keys, and the documents in its cache, when this returns.
fn check(db: &FerrumDB, lmdb: &Lmdb<'_>, prefixes: &[String]) -> Result<()> {
    let begun = std::time::Instant::now();
    db.first()?;
    eprintln!("the first document, of a sorted copy: {:?}", begun.elapsed());
    while db.count_prefix(&prefixes[0])? > 0 {
        let one = std::time::Instant::now();
        db.first()?;
        if one.elapsed() < std::time::Duration::from_millis(1) {
            break;
        }
    }
    eprintln!("the order of the keys is kept after {:?}", begun.elapsed());
    for prefix in prefixes {
        // Twice, since the cache may keep a document only when it is asked for again.
        for _ in 0..2 {
            if values(db, prefix)? != SCANNED {
                return Err("a document is missing".into());
            }
        }
        let mut ours = db.prefix(prefix)?;
        let mut differs = false;
        lmdb.scan(prefix, |key, text| {
            let found = ours.next().and_then(|found| found.ok());
            differs |= found.is_none_or(|(ours, document)| ours != *key || document.as_bytes() != text);
            Ok(())
        })?;
        if differs || ours.next().is_some() {
            return Err(format!("the stores tell other documents by `{prefix}`").into());
        }
    }
    Ok(())
}

fn values(db: &FerrumDB, prefix: &str) -> Result<usize> {
    let mut count = 0;
    for found in db.prefix(prefix)? {
        let (key, document) = found?;
        black_box((key, document.value()));
        count += 1;
    }
    Ok(count)
}

fn texts(db: &FerrumDB, prefix: &str) -> Result<usize> {
    let mut bytes = 0;
    for found in db.prefix(prefix)? {
        let (key, document) = found?;
        bytes += black_box(key).len() + black_box(document.as_bytes()).len();
    }
    Ok(bytes)
}

/// Times the same scans in both stores.
fn compare(
    row: &mut Row,
    prefixes: &[String],
    ours: impl Fn(&str) -> Result<usize>,
    theirs: impl Fn(&str) -> Result<usize>,
) -> Result<()> {
    let sum = |scan: &dyn Fn(&str) -> Result<usize>| -> Result<(usize, std::time::Duration)> {
        let (sum, took) = time(|| -> Result<usize> {
            let scans = (0..TIMES).flat_map(|_| prefixes);
            scans.map(|prefix| scan(prefix)).try_fold(0, |sum, scanned| Ok(sum + scanned?))
        });
        Ok((sum?, took))
    };
    let (scans, ours, theirs) = (prefixes.len() * TIMES, sum(&ours)?, sum(&theirs)?);
    row.ours.rate(scans, ours.1);
    row.theirs.rate(scans, theirs.1);
    if ours.0 == theirs.0 { Ok(()) } else { Err("a store has scanned something else".into()) }
}
