//! Owns the row of a follower's gets beside its owner's. Never times either before it has shown every document.

use std::hint::black_box;

use ferrumdb::{Config, FerrumDB, FsyncPolicy, Transaction};
use ferrumdb_benches::measure::time;
use ferrumdb_benches::workload::{Numbers, Workload};

use crate::rows::{Row, Side, Unit};
use crate::{Result, Settings};

const GETS_A_DOCUMENT: usize = 5;

/// Both read the same keys in the same order, in turn, with everything in their caches.
pub(crate) fn gets(settings: &Settings) -> Result<Vec<Row>> {
    let workload = Workload::new(settings.documents, 0);
    let path = settings.folder.path().join("followed.db");
    let config = Config::new(&path).with_fsync_policy(FsyncPolicy::Never).with_cache_bytes(1 << 30);
    let owner = FerrumDB::open(config.clone()).wait()?;
    let pairs = || workload.keys.iter().zip(&workload.documents);
    let fill = pairs().fold(Transaction::new(), |fill, (key, document)| fill.set(&**key, document));
    owner.commit(fill).wait()?;
    let follower = FerrumDB::open(config.read_only()).wait()?;
    let databases = [&follower, &owner];
    for db in databases {
        // Twice, since the cache may keep a document only when it is asked for again.
        for (key, document) in pairs().chain(pairs()) {
            if db.get(key)?.ok_or("a document is missing")?.value() != document {
                return Err(format!("{key} is another document").into());
            }
        }
    }
    let mut sides = [Side::default(), Side::default()];
    for round in 0..settings.rounds {
        // Whoever comes first in one round comes second in the next.
        for side in [round % 2, 1 - round % 2] {
            let (mut numbers, gets) = (Numbers::new(round as u64), workload.len() * GETS_A_DOCUMENT);
            let (result, took) = time(|| -> Result<()> {
                for _ in 0..gets {
                    let key = &workload.keys[numbers.below(workload.len())];
                    black_box(databases[side].get(key)?.ok_or("a document is missing")?.value());
                }
                Ok(())
            });
            result?;
            sides[side].rate(gets, took);
        }
    }
    let [ours, theirs] = sides;
    Ok(vec![Row {
        workload: format!("a follower's get, value ready, {} documents, all cached", workload.len()),
        durability: "",
        peer: "its owner's get",
        unit: Unit::Rate,
        ours,
        theirs,
        // The same rate, within what two measurements of one differ by.
        bar: Some(0.95),
    }])
}
