//! Owns the rows of encrypted databases beside plain ones: sets, transactions of a hundred, gets from the disk, and opening.
//! Never lets one side write or read anything that the other does not.

use ferrumdb::{Config, FerrumDB, FsyncPolicy, Transaction};
use ferrumdb_benches::measure::{Latencies, time};
use ferrumdb_benches::workload::{Workload, document, key};

use crate::rows::{Row, Side, Unit};
use crate::writes::{order, run};
use crate::{Result, Settings};

const KEY: [u8; 32] = [0xA7; 32];
/// How many sets a transaction has.
const BATCH: usize = 100;

/// What is measured of each side.
#[derive(Debug, Default)]
struct Sides {
    sets: [Side; 2],
    batches: [Side; 2],
    gets: [Side; 2],
    opening: [Side; 2],
}

/// Each round does the same with both, one after the other.
pub(crate) fn beside_plain(settings: &Settings) -> Result<Vec<Row>> {
    let workload = Workload::new(settings.documents, 0);
    let order = order(settings.documents);
    let mut sides = Sides::default();
    for round in 0..settings.rounds {
        // Whoever comes first in one round comes second in the next.
        for side in [round % 2, 1 - round % 2] {
            let folder = settings.folder.path().join(format!("encrypted-{round}-{side}"));
            std::fs::create_dir(&folder)?;
            let config = |name: &str| {
                let config = Config::new(folder.join(name)).with_fsync_policy(FsyncPolicy::Never);
                let config = config.with_cache_bytes(0);
                if side == 0 { config.with_encryption(KEY) } else { config }
            };
            let db = FerrumDB::open(config("sets.db")).wait()?;
            let numbers = 0..workload.len();
            run(&mut sides.sets[side], &workload, numbers, |key, document| {
                Ok(db.set(key, document).wait().map(drop)?)
            })?;
            gets(&mut sides.gets[side], &db, &workload, &order)?;
            drop(db);
            let db = FerrumDB::open(config("batches.db")).wait()?;
            batches(&mut sides.batches[side], &db, settings.opened_documents)?;
            drop(db);
            let _ = std::fs::remove_file(folder.join("batches.db.hint"));
            let (db, took) = time(|| FerrumDB::open(config("batches.db")).wait());
            let db = db?;
            sides.opening[side].seconds(took);
            if db.count()? != settings.opened_documents as u64 || db.stats()?.recovery.hint.is_some() {
                return Err("opening has not read the whole log".into());
            }
            drop(db);
            std::fs::remove_dir_all(&folder)?;
        }
    }
    let row = |workload: String, unit, [ours, theirs]: [Side; 2], bar| Row {
        workload,
        durability: "no sync",
        peer: "the same in plain",
        unit,
        ours,
        theirs,
        bar,
    };
    let (documents, opened) = (settings.documents, settings.opened_documents);
    let Sides { sets, batches, gets, opening } = sides;
    Ok(vec![
        row(format!("encrypted: {documents} sets, each waited for"), Unit::Rate, sets, Some(0.6)),
        row(format!("encrypted: {opened} sets in transactions of {BATCH}"), Unit::Rate, batches, Some(0.6)),
        row(format!("encrypted: {documents} gets without a cache"), Unit::Rate, gets, Some(0.6)),
        row(format!("encrypted: open {opened} documents without a hint"), Unit::Seconds, opening, Some(1.7)),
    ])
}

fn gets(side: &mut Side, db: &FerrumDB, workload: &Workload, order: &[usize]) -> Result<()> {
    let mut latencies = Latencies::default();
    let (result, took) = time(|| -> Result<()> {
        for number in order {
            let found = latencies.time(|| db.get(&workload.keys[*number]))?;
            found.ok_or("a document is missing")?;
        }
        Ok(())
    });
    result?;
    for number in order.iter().take(1000) {
        let found = db.get(&workload.keys[*number])?.ok_or("a document is missing")?;
        if found.value() != &workload.documents[*number] {
            return Err("a document is another one".into());
        }
    }
    side.rate(order.len(), took);
    side.latencies(&latencies);
    Ok(())
}

fn batches(side: &mut Side, db: &FerrumDB, count: usize) -> Result<()> {
    let transactions: Vec<Transaction> = (0..count)
        .step_by(BATCH)
        .map(|start| {
            let numbers = start..(start + BATCH).min(count);
            numbers.fold(Transaction::new(), |transaction, number| {
                transaction.set(key(number), document(number, 0))
            })
        })
        .collect();
    let (result, took) = time(|| -> Result<()> {
        for transaction in transactions {
            db.commit(transaction).wait()?;
        }
        Ok(())
    });
    result?;
    side.rate(count, took);
    Ok(())
}
