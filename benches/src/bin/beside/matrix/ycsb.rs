//! Owns the rows of YCSB's six core workloads, with their published mixes and distributions. The documents are those of all other
//! rows, never the records of ten fields of a hundred bytes that YCSB makes by itself.

use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ferrumdb_benches::workload::{Numbers, Workload};
use ferrumdb_benches::zipf::Zipf;

use super::reads::{found, warm};
use super::{Done, Race, Turns, in_threads, opening, repeat};
use crate::rows::{Row, Unit};
use crate::stores::{Durability, EXISTING, FLOOR, Session, Store, check, check_scan, fill, open_all};
use crate::writes::order;
use crate::{Result, Settings};

pub(crate) const NAME: &str = "ycsb";

const THREADS: usize = 2;
/// The longest scan; the lengths are uniform from one on.
const SCANNED_MAX: usize = 100;
/// For how long a store may make ready what its scans need, before they are timed.
const READY_FOR: Duration = Duration::from_millis(500);

/// What a workload does, in hundredths, and to which documents.
struct Mix {
    name: &'static str,
    reads: usize,
    updates: usize,
    inserts: usize,
    scans: usize,
    /// The rest reads, changes and writes back.
    favours_the_latest: bool,
}

const MIXES: [Mix; 6] = [
    Mix { name: "A: 50 % reads, 50 % updates", reads: 50, updates: 50, ..NOTHING },
    Mix { name: "B: 95 % reads, 5 % updates", reads: 95, updates: 5, ..NOTHING },
    Mix { name: "C: reads", reads: 100, ..NOTHING },
    Mix { name: "F: 50 % reads, 50 % read and written back", reads: 50, ..NOTHING },
    Mix {
        name: "D: 95 % reads of the latest, 5 % inserts",
        reads: 95,
        inserts: 5,
        favours_the_latest: true,
        ..NOTHING
    },
    Mix { name: "E: 95 % scans, 5 % inserts", inserts: 5, scans: 95, ..NOTHING },
];
const NOTHING: Mix = Mix { name: "", reads: 0, updates: 0, inserts: 0, scans: 0, favours_the_latest: false };

/// What a store is given, and how much of it is there.
struct Given<'w> {
    versions: &'w [Workload; 2],
    /// Documents below this number are there, or are being inserted.
    there: AtomicUsize,
    /// For each thread a number that its insert is not below, while one is on its way.
    inserting: [AtomicUsize; THREADS],
    /// The registry's package answers some of the gets that come right after a set with nothing.
    may_miss: bool,
    turns: Turns,
    zipf: &'w Zipf,
}

impl Given<'_> {
    /// How many documents are there, without a gap.
    fn inserted(&self) -> usize {
        // ORDER: before those that are on their way: whoever has moved it on says so first.
        let there = self.there.load(Ordering::SeqCst).min(self.versions[0].len());
        self.inserting.iter().fold(there, |there, from| there.min(from.load(Ordering::SeqCst)))
    }

    fn insert(&self, thread: usize, session: &mut dyn Session) -> Result<()> {
        let first = &self.versions[0];
        self.inserting[thread].store(self.there.load(Ordering::SeqCst), Ordering::SeqCst);
        let new = self.there.fetch_add(1, Ordering::SeqCst) % first.len();
        let inserted = session.set(&first.keys[new], &first.documents[new]);
        self.inserting[thread].store(usize::MAX, Ordering::SeqCst);
        inserted
    }
}

/// All stores load the same documents, and are then given each workload in the order that YCSB advises, but for E, which it gives
/// a database of its own.
pub(crate) fn workloads(settings: &Settings) -> Result<Vec<Row>> {
    let loaded = settings.documents;
    // Twice as many, so that inserts find new ones.
    let versions = [Workload::new(2 * loaded, 0), Workload::new(2 * loaded, 1)];
    let zipf = Zipf::new(loaded);
    let (kinds, opening) = opening(settings, "ycsb", Durability::NoSync)?;
    let stores = open_all(&kinds, &opening)?;
    let mut given = Vec::new();
    let first = Workload {
        keys: versions[0].keys[..loaded].to_vec(),
        documents: versions[0].documents[..loaded].to_vec(),
    };
    for store in &stores {
        fill(&**store, &first, &order(loaded))?;
        check(&**store, &first)?;
        warm(&**store, &first, false)?;
        given.push((
            store.name(),
            Given {
                versions: &versions,
                there: AtomicUsize::new(loaded),
                inserting: [const { AtomicUsize::new(usize::MAX) }; THREADS],
                may_miss: store.name() == EXISTING,
                turns: Turns::new(2 * loaded),
                zipf: &zipf,
            },
        ));
    }
    let mut rows = Vec::new();
    for mix in &MIXES {
        let name = format!("YCSB {}, {loaded} documents, {THREADS} threads", mix.name);
        if !settings.wants(&name) {
            continue;
        }
        let takes_part = |store: &dyn Store| mix.scans == 0 || has_an_order(store);
        if mix.scans > 0 {
            for store in stores.iter().filter(|store| takes_part(&***store)) {
                make_ready(&**store, loaded, &versions)?;
            }
        }
        let mut race = Race::new();
        for round in 0..settings.rounds {
            race.round(&stores, round, |store| {
                let Some((_, given)) = given.iter().find(|(name, _)| *name == store.name()) else {
                    return Err("nothing was loaded".into());
                };
                if !takes_part(store) {
                    return Ok((Duration::ZERO, Done::default()));
                }
                in_threads(store, THREADS, |thread, session| {
                    mixed(mix, given, session, settings.run_for, (thread, round))
                })
            })?;
        }
        race.sides.retain(|(name, _)| mix.scans == 0 || (*name != EXISTING && *name != FLOOR));
        rows.extend(race.rows(&name, Durability::NoSync.name(), Unit::Rate, &[]));
        settings.keep(NAME, &rows)?;
    }
    drop(stores);
    std::fs::remove_dir_all(&opening.folder)?;
    Ok(rows)
}

fn has_an_order(store: &dyn Store) -> bool {
    let without: [&str; 2] = [EXISTING, FLOOR];
    !without.contains(&store.name())
}

fn make_ready(store: &dyn Store, loaded: usize, versions: &[Workload; 2]) -> Result<()> {
    let (begin, mut session) = (Instant::now(), store.session()?);
    while begin.elapsed() < READY_FOR {
        session.scan(&versions[0].keys[0], SCANNED_MAX, &mut |text| {
            black_box(text);
        })?;
    }
    drop(session);
    check_scan(store, loaded / 2, versions)
}

fn mixed(
    mix: &Mix,
    given: &Given<'_>,
    session: &mut dyn Session,
    run_for: Duration,
    (thread, round): (usize, usize),
) -> Result<Done> {
    let mut numbers = Numbers::new((round * THREADS + thread) as u64);
    let found = |is_found| found(is_found || given.may_miss);
    let first = &given.versions[0];
    repeat(run_for, 1, |_| {
        let number = match mix.favours_the_latest {
            true => {
                let there = given.inserted();
                there - 1 - given.zipf.rank(&mut numbers).min(there - 1)
            }
            false => given.zipf.scattered(&mut numbers),
        };
        let key = &first.keys[number];
        let update = |session: &mut dyn Session| {
            session.set(key, &given.versions[given.turns.next(number)].documents[number])
        };
        let mut see = |text: &[u8]| {
            black_box(text);
        };
        let drawn = numbers.below(100);
        if drawn < mix.reads {
            found(session.get(key, &mut see)?)
        } else if drawn < mix.reads + mix.updates {
            update(session)
        } else if drawn < mix.reads + mix.updates + mix.inserts {
            given.insert(thread, session)
        } else if mix.scans > 0 {
            found(session.scan(key, 1 + numbers.below(SCANNED_MAX), &mut see)? > 0)
        } else {
            found(session.get(key, &mut see)?)?;
            update(session)
        }
    })
}
