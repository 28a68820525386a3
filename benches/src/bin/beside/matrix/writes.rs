//! Owns the rows of writes without syncs: inserts, overwrites, transactions, and many threads. Never counts a write before its
//! answer.

use std::time::{Duration, Instant};

use ferrumdb_benches::measure::{Latencies, time};
use ferrumdb_benches::workload::{Numbers, Workload};

use super::{Race, Turns, in_threads, opening, repeat};
use crate::rows::{Row, Side, Unit};
use crate::stores::{
    Durability, EXISTING, FERRUM, FJALL, LMDB, Session, Store, check, check_one_of, open_all,
};
use crate::writes::order;
use crate::{Result, Settings};

/// How many sets the README of the registry's package gives a time for, and what they may take here.
const FEW: usize = 1_000;
const FEW_TOOK_MAX: Duration = Duration::from_millis(3);
/// How many sets a transaction has, and how many transactions a round.
const BATCH: usize = 1_000;
const BATCHES: usize = 20;
const CROWD: usize = 16;

struct Races {
    few: Race,
    inserts: Race,
    overwrites: Race,
    batches: Race,
    crowd: Race,
}

/// Each round gives new, empty stores the same writes, one store after the other.
pub(crate) fn unsynced(settings: &Settings) -> Result<Vec<Row>> {
    let versions = [Workload::new(settings.documents, 0), Workload::new(settings.documents, 1)];
    let order = order(settings.documents);
    let new = Race::new;
    let mut races = Races { few: new(), inserts: new(), overwrites: new(), batches: new(), crowd: new() };
    for round in 0..settings.rounds {
        let (kinds, opening) = opening(settings, &format!("writes-{round}"), Durability::NoSync)?;
        for index in 0..kinds.len() {
            let kind = kinds[(index + round) % kinds.len()];
            // The registry's package takes longer than all others together.
            if kind.0 == EXISTING && round > 0 {
                continue;
            }
            for store in open_all(&[kind], &opening)? {
                races.run(&*store, &versions, &order, settings.run_for)?;
            }
        }
        std::fs::remove_dir_all(&opening.folder)?;
    }
    Ok(races.rows(settings.documents))
}

impl Races {
    fn run(
        &mut self,
        store: &dyn Store,
        versions: &[Workload; 2],
        order: &[usize],
        run_for: Duration,
    ) -> Result<()> {
        let (name, [first, second]) = (store.name(), versions);
        let mut session = store.session()?;
        let few = FEW.min(first.len());
        self.few.side(name).seconds(each(&mut *session, first, 0..few)?.0);
        let (took, latencies) = each(&mut *session, first, few..first.len())?;
        self.inserts.side(name).rate(first.len() - few, took);
        self.inserts.side(name).latencies(&latencies);
        check(store, first)?;
        let (took, latencies) = each(&mut *session, second, order.iter().copied())?;
        self.overwrites.side(name).rate(order.len(), took);
        self.overwrites.side(name).latencies(&latencies);
        check(store, second)?;
        // Each time the version that the store has not got: some write nothing when they are given what they have.
        let turns = Turns::new(second.len());
        let mut latencies = Latencies::default();
        for part in order.chunks(BATCH).cycle().take(BATCHES) {
            let all: Vec<_> = part
                .iter()
                .map(|number| (*number, &versions[1 - turns.next(*number)]))
                .map(|(number, version)| (version.keys[number].as_str(), &version.documents[number]))
                .collect();
            latencies.time(|| session.set_all(&all))?;
        }
        self.batches.side(name).seconds(latencies.quantile(0.5));
        drop(session);
        let begin = Instant::now();
        let (_, (done, latencies)) = in_threads(store, CROWD, |thread, session| {
            let mut numbers = Numbers::new(thread as u64);
            repeat(run_for, 1, |_| {
                let number = numbers.below(second.len());
                let version = &versions[1 - turns.next(number)];
                session.set(&version.keys[number], &version.documents[number])
            })
        })?;
        self.crowd.side(name).rate(done, begin.elapsed());
        self.crowd.side(name).latencies(&latencies);
        check_one_of(store, &[first, second])
    }

    fn rows(mut self, documents: usize) -> Vec<Row> {
        let no_sync = Durability::NoSync.name();
        let few = format!("{FEW} sets one after the other, in a new file");
        let mut rows = vec![Row {
            workload: few.clone(),
            durability: no_sync,
            peer: "what is allowed",
            unit: Unit::Seconds,
            ours: self.few.side(FERRUM).clone(),
            theirs: Side::stated(FEW_TOOK_MAX.as_secs_f64()),
            bar: Some(1.0),
        }];
        let insert = format!("insert {documents} documents, 1 thread");
        let overwrite = format!("overwrite {documents} documents, 1 thread");
        let (batch, crowd) = (format!("one transaction of {BATCH}"), format!("overwrite, {CROWD} threads"));
        rows.extend(self.few.rows(&few, no_sync, Unit::Seconds, &[]));
        rows.extend(self.inserts.rows(&insert, no_sync, Unit::Rate, &[(FJALL, 0.8)]));
        rows.extend(self.overwrites.rows(&overwrite, no_sync, Unit::Rate, &[(FJALL, 1.0)]));
        rows.extend(self.batches.rows(&batch, no_sync, Unit::Seconds, &[(LMDB, 1.0)]));
        rows.extend(self.crowd.rows(&crowd, no_sync, Unit::Rate, &[(FJALL, 1.0)]));
        rows
    }
}

/// Sets these documents one after the other, each waited for.
fn each(
    session: &mut dyn Session,
    workload: &Workload,
    numbers: impl Iterator<Item = usize>,
) -> Result<(Duration, Latencies)> {
    let mut latencies = Latencies::default();
    let (result, took) = time(|| -> Result<()> {
        for number in numbers {
            latencies.time(|| session.set(&workload.keys[number], &workload.documents[number]))?;
        }
        Ok(())
    });
    result?;
    Ok((took, latencies))
}
