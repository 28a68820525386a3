//! Owns the row of reads without a cache beside bare reads of the same file. Never reads from the disk itself: the system has all of
//! the file in its memory.

use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt;

use ferrumdb::{Config, FerrumDB, FsyncPolicy, Transaction};
use ferrumdb_benches::workload::{Numbers, Workload};

use super::{Race, SAMPLED, repeat};
use crate::rows::{Row, Unit};
use crate::stores::FERRUM;
use crate::{Result, Settings};

const PREAD: &str = "pread of as many bytes";
/// Where the log begins in a file.
const LOG_START: u64 = 8192;

/// Gets with a cache of 0 bytes.
pub(crate) fn gets(settings: &Settings) -> Result<Vec<Row>> {
    let workload = Workload::new(settings.documents, 0);
    let path = settings.folder.path().join("cold.db");
    let config = Config::new(&path).with_fsync_policy(FsyncPolicy::Never).with_cache_bytes(0);
    let db = FerrumDB::open(config).wait()?;
    let pairs = workload.keys.iter().zip(&workload.documents);
    let all = pairs.fold(Transaction::new(), |all, (key, document)| all.set(key.as_str(), document));
    db.commit(all).wait()?;
    let record_bytes = usize::try_from(db.stats()?.log_bytes)? / workload.len();
    for (key, document) in workload.keys.iter().zip(&workload.documents).take(1_000) {
        if db.get(key)?.as_ref().map(ferrumdb::Document::value) != Some(document) {
            return Err(format!("{key} is another document").into());
        }
    }
    let file = File::open(&path)?;
    let mut race = Race::new();
    for round in 0..settings.rounds {
        let mut bytes = vec![0; record_bytes];
        for side in [round % 2, 1 - round % 2] {
            let mut numbers = Numbers::new(round as u64);
            let begin = std::time::Instant::now();
            let (done, latencies) = repeat(settings.run_for, SAMPLED, |_| {
                let number = numbers.below(workload.len());
                if side == 0 {
                    drop(black_box(db.get(&workload.keys[number])?.ok_or("a document is missing")?));
                } else {
                    // Both sides wait for the memory of the key that is drawn.
                    black_box(workload.keys[number].as_bytes().first());
                    file.read_exact_at(&mut bytes, LOG_START + (number * record_bytes) as u64)?;
                    black_box(&bytes);
                }
                Ok(())
            })?;
            let side = race.side(if side == 0 { FERRUM } else { PREAD });
            side.rate(done, begin.elapsed());
            side.latencies(&latencies);
        }
    }
    db.close().wait()?;
    std::fs::remove_file(&path)?;
    let name = format!("get, {} documents, no cache", workload.len());
    Ok(race.rows(&name, "", Unit::Rate, &[(PREAD, 0.7)]))
}
