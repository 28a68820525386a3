//! Owns the rows of writes without syncs: one thread that waits for each. Never times encoding apart from storing,
//! since both stores are given values.

use ferrumdb::{Config, FerrumDB, FsyncPolicy};
use ferrumdb_benches::measure::{Latencies, time};
use ferrumdb_benches::workload::{Numbers, Workload};

use crate::lmdb::{self, Lmdb};
use crate::rows::{Row, Side, Unit};
use crate::{Result, Settings};

/// Inserts all documents, then overwrites them in a random order, each set waited for.
pub(crate) fn sets(settings: &Settings) -> Result<Vec<Row>> {
    let first = Workload::new(settings.documents, 0);
    let second = Workload::new(settings.documents, 1);
    let order = order(settings.documents);
    let mut inserts = [Side::default(), Side::default()];
    let mut overwrites = [Side::default(), Side::default()];
    for round in 0..settings.rounds {
        let folder = settings.folder.path().join(format!("sets-{round}"));
        std::fs::create_dir(&folder)?;
        let config = Config::new(folder.join("ferrum.db")).with_fsync_policy(FsyncPolicy::Never);
        let db = FerrumDB::open(config).wait()?;
        let env = lmdb::open(&folder.join("lmdb"))?;
        let lmdb = Lmdb::create(&env)?;
        let set_ours = |key: &str, document: &serde_json::Value| -> Result<()> {
            db.set(key, document).wait()?;
            Ok(())
        };
        run(&mut inserts[0], &first, 0..first.len(), set_ours)?;
        run(&mut inserts[1], &first, 0..first.len(), |key, document| lmdb.set(key, document))?;
        check(&db, &lmdb, &first)?;
        run(&mut overwrites[0], &second, order.iter().copied(), set_ours)?;
        run(&mut overwrites[1], &second, order.iter().copied(), |key, document| lmdb.set(key, document))?;
        check(&db, &lmdb, &second)?;
        db.close().wait()?;
        drop(env);
        std::fs::remove_dir_all(&folder)?;
    }
    let row = |workload: &str, [ours, theirs]: [Side; 2]| Row {
        workload: format!("{workload} {} documents, each waited for", settings.documents),
        durability: "no sync",
        peer: "LMDB, a transaction each",
        unit: Unit::Rate,
        ours,
        theirs,
        bar: Some(1.0),
    };
    Ok(vec![row("insert", inserts), row("overwrite", overwrites)])
}

/// Times each of these sets, and all of them.
pub(crate) fn run(
    side: &mut Side,
    workload: &Workload,
    order: impl Iterator<Item = usize>,
    mut set: impl FnMut(&str, &serde_json::Value) -> Result<()>,
) -> Result<()> {
    let mut latencies = Latencies::default();
    let (result, took) = time(|| -> Result<()> {
        for number in order {
            latencies.time(|| set(&workload.keys[number], &workload.documents[number]))?;
        }
        Ok(())
    });
    result?;
    side.rate(workload.len(), took);
    side.latencies(&latencies);
    Ok(())
}

/// Both stores hold exactly these documents: all are counted, and a thousand are compared.
pub(crate) fn check(db: &FerrumDB, lmdb: &Lmdb<'_>, workload: &Workload) -> Result<()> {
    if db.count()? != workload.len() as u64 || lmdb.count()? != workload.len() as u64 {
        return Err("a store holds another number of documents".into());
    }
    let mut numbers = Numbers::new(3);
    for _ in 0..1000 {
        let number = numbers.below(workload.len());
        let (key, document) = (&workload.keys[number], &workload.documents[number]);
        let found = db.get(key)?.ok_or("a document is missing in FerrumDB")?;
        if found.value() != document || lmdb.get(key)?.as_ref() != Some(document) {
            return Err(format!("a store holds another document under {key}").into());
        }
    }
    Ok(())
}

/// All numbers below `count`, shuffled.
pub(crate) fn order(count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    let mut numbers = Numbers::new(2);
    (1..count).for_each(|index| order.swap(index, numbers.below(index + 1)));
    order
}
