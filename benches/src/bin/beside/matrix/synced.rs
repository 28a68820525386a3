//! Owns the rows of writes that are answered after their sync, by one thread and by many. Never leaves a thread without a write to
//! wait for.

use std::time::Instant;

use ferrumdb_benches::floor::append_and_sync;
use ferrumdb_benches::measure::Latencies;
use ferrumdb_benches::prepared_file::Preparation;
use ferrumdb_benches::workload::Workload;

use super::{Race, Turns, in_threads, opening};
use crate::rows::{Row, Unit};
use crate::stores::{Durability, FLOOR, Kind, ROCKSDB, check_one_of, fill, open_all};
use crate::{Result, Settings, durable};

pub(crate) const NAME: &str = "synced";

const ZERO_FILLED: &str = "append and fdatasync, in zeros";
const THREADS: [usize; 3] = [1, 8, 64];

/// Each store for a while with each number of threads, beside a bare file.
pub(crate) fn threads(settings: &Settings) -> Result<Vec<Row>> {
    let documents = settings.documents.min(20_000);
    let versions = [Workload::new(documents, 0), Workload::new(documents, 1)];
    let record_bytes = durable::record_bytes(&versions[0])?;
    let (kinds, opening) = opening(settings, "synced", Durability::Synced)?;
    // Memory is not durable.
    let kinds: Vec<Kind> = kinds.into_iter().filter(|kind| kind.0 != FLOOR).collect();
    let stores = open_all(&kinds, &opening)?;
    let numbers: Vec<usize> = (0..documents).collect();
    for store in &stores {
        fill(&**store, &versions[0], &numbers)?;
    }
    let turns = Turns::of(&stores, documents);
    let mut rows = Vec::new();
    for threads in THREADS {
        let name = format!("set, {threads} thread(s), {record_bytes} B records");
        if !settings.wants(&name) {
            continue;
        }
        let mut race = Race::new();
        for round in 0..settings.rounds {
            if threads == 1 {
                let begin = Instant::now();
                let preparation = Preparation::Zeros(16 << 20);
                let path = opening.folder.join("floor");
                let latencies = append_and_sync(&path, preparation, record_bytes, settings.run_for)?;
                let took = begin.elapsed().min(settings.run_for.max(latencies.longest()));
                race.side(ZERO_FILLED).rate(latencies.count(), took);
                race.side(ZERO_FILLED).latencies(&latencies);
            }
            race.round(&stores, round, |store| {
                let turns = Turns::find(&turns, store)?;
                in_threads(store, threads, |thread, session| {
                    let (begin, mut latencies, mut done) = (Instant::now(), Latencies::default(), 0);
                    while begin.elapsed() < settings.run_for {
                        let number = (thread + done * threads) % documents;
                        let version = &versions[turns.next(number)];
                        latencies.time(|| session.set(&version.keys[number], &version.documents[number]))?;
                        done += 1;
                    }
                    Ok((done, latencies))
                })
            })?;
        }
        let bars: &[(&str, f64)] = match threads {
            1 => &[(ZERO_FILLED, 0.9)],
            8 => &[(ROCKSDB, 1.5)],
            _ => &[(ROCKSDB, 2.0)],
        };
        rows.extend(race.rows(&name, Durability::Synced.name(), Unit::Rate, bars));
        settings.keep(NAME, &rows)?;
    }
    for store in &stores {
        check_one_of(&**store, &[&versions[0], &versions[1]])?;
    }
    drop(stores);
    std::fs::remove_dir_all(&opening.folder)?;
    Ok(rows)
}
