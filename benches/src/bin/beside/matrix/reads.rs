//! Owns the rows of single reads: as text and as values, of popular documents and of any, by one thread and by two. Never draws a
//! number while a clock runs.

use std::hint::black_box;

use ferrumdb_benches::workload::{Numbers, Workload};
use ferrumdb_benches::zipf::Zipf;

use super::{Race, SAMPLED, in_threads, opening, repeat};
use crate::rows::{Row, Unit};
use crate::stores::{Durability, EXISTING, FLOOR, LMDB, Store, check, fill, open_all};
use crate::writes::order;
use crate::{Result, Settings};

pub(crate) const NAME: &str = "raw";

/// How many numbers are drawn for a thread; then they come again.
const DRAWN: usize = 1 << 20;
const SETTINGS: [(&str, usize); 4] = [("uniform", 1), ("uniform", 2), ("Zipf", 1), ("Zipf", 2)];

/// Text of four kinds, then values.
pub(crate) fn gets(settings: &Settings) -> Result<Vec<Row>> {
    let workload = Workload::new(settings.documents, 0);
    let (kinds, opening) = opening(settings, "raw", Durability::NoSync)?;
    let stores = open_all(&kinds, &opening)?;
    for store in &stores {
        fill(&**store, &workload, &order(workload.len()))?;
        check(&**store, &workload)?;
        warm(&**store, &workload, false)?;
    }
    let mut rows = Vec::new();
    for (distribution, threads) in SETTINGS {
        let name = format!("get, {} documents, {distribution}, {threads} thread(s)", workload.len());
        if !settings.wants(&name) {
            continue;
        }
        let drawn: Vec<Vec<u32>> =
            (0..threads).map(|thread| drawn(distribution, workload.len(), thread)).collect();
        let mut race = Race::new();
        for round in 0..settings.rounds {
            race.round(&stores, round, |store| {
                in_threads(store, threads, |thread, session| {
                    repeat(settings.run_for, SAMPLED, |at| {
                        let key = &workload.keys[drawn[thread][at % DRAWN] as usize];
                        found(session.get(key, &mut |text| {
                            black_box(text);
                        })?)
                    })
                })
            })?;
        }
        rows.extend(race.rows(&name, "", Unit::Rate, &[(LMDB, 1.5), (FLOOR, 0.4)]));
        settings.keep(NAME, &rows)?;
    }
    rows.extend(values(settings, &stores, &workload)?);
    drop(stores);
    std::fs::remove_dir_all(&opening.folder)?;
    Ok(rows)
}

/// The value of a document, ready to be looked at.
fn values(settings: &Settings, stores: &[Box<dyn Store>], workload: &Workload) -> Result<Vec<Row>> {
    let name = format!("get and its value, {} documents, uniform, 1 thread(s)", workload.len());
    if !settings.wants(&name) {
        return Ok(Vec::new());
    }
    let drawn = drawn("uniform", workload.len(), 0);
    let mut race = Race::new();
    for store in stores {
        warm(&**store, workload, true)?;
    }
    for round in 0..settings.rounds {
        race.round(stores, round, |store| {
            in_threads(store, 1, |_, session| {
                repeat(settings.run_for, SAMPLED, |at| {
                    let key = &workload.keys[drawn[at % DRAWN] as usize];
                    found(session.parsed(key, &mut |value| {
                        black_box(value);
                    })?)
                })
            })
        })?;
    }
    Ok(race.rows(&name, "", Unit::Rate, &[(LMDB, 5.0)]))
}

fn drawn(distribution: &str, documents: usize, thread: usize) -> Vec<u32> {
    let mut numbers = Numbers::new(thread as u64);
    let zipf = (distribution == "Zipf").then(|| Zipf::new(documents));
    let draw = |_| match &zipf {
        Some(zipf) => zipf.scattered(&mut numbers) as u32,
        None => numbers.below(documents) as u32,
    };
    (0..DRAWN).map(draw).collect()
}

/// Reads every document twice, since a cache may keep one only when it is asked for again. The registry's package has no cache.
pub(super) fn warm(store: &dyn Store, workload: &Workload, as_values: bool) -> Result<()> {
    if store.name() == EXISTING {
        return Ok(());
    }
    let mut session = store.session()?;
    for key in workload.keys.iter().chain(&workload.keys) {
        found(match as_values {
            true => session.parsed(key, &mut |value| {
                black_box(value);
            })?,
            false => session.get(key, &mut |text| {
                black_box(text);
            })?,
        })?;
    }
    Ok(())
}

pub(super) fn found(is_found: bool) -> Result<()> {
    if is_found { Ok(()) } else { Err("a document is missing".into()) }
}
