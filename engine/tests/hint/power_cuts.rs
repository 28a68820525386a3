//! Power cuts while a hint is written: nothing is lost, and no part of one is believed.

use std::path::Path;

use ferrumdb_engine::fs::{Effect, Fault, FileSystem, SimOperation};
use ferrumdb_engine::{Sequence, Timestamp};

use super::{Database, PATH, closed, compare};

/// A database that has changed since its hint was written, all of it synced.
pub(super) fn with_a_hint_to_write(seed: u64) -> Database {
    let (sim, _) = closed();
    let sim = sim.fork(seed);
    let mut database = Database::open(&sim, Timestamp(1_000)).unwrap();
    for key in ["e", "f", "a"] {
        database.set(key, Some(8_000));
    }
    database.delete("d");
    database
}

/// Cuts the power at every call of `act`, and sees that the database is whole afterwards, with and without the hint.
fn cut_power_at_every_call(act: impl Fn(Database)) {
    let mut used = 0;
    for nth in 1.. {
        for seed in 0..8 {
            let database = with_a_hint_to_write(seed);
            let (sim, expected) = (database.sim.clone(), database.see());
            sim.inject(Fault::new(SimOperation::Any, Effect::Crash).nth(nth));
            act(database);
            if sim.armed_faults() > 0 {
                assert!(nth > 5 && used > 0, "the hint was written");
                return;
            }
            sim.crash();
            let (seen, report) = compare(&sim, Timestamp(1_000));
            assert_eq!(seen.documents, expected.documents, "call {nth}, seed {seed}");
            used += usize::from(report.hint > Some(Sequence(7)));
            drop(Database::open(&sim, Timestamp(1_000)).unwrap());
            assert!(sim.names().iter().all(|name| !name.to_string_lossy().contains(".new-")));
        }
    }
}

#[test]
fn a_power_cut_while_a_hint_is_written_loses_nothing() {
    cut_power_at_every_call(|mut database| {
        let task = database.writer.begin_hint().unwrap();
        let _ = task.run();
        // What was renamed may or may not arrive; a later call is hit by the cut at the latest.
        let _ = database.writer.append_sync_mark();
        let _ = database.writer.sync();
    });
}

#[test]
fn a_power_cut_on_closing_loses_nothing() {
    cut_power_at_every_call(|Database { writer, sim, .. }| {
        let _ = writer.close();
        let _ = sim.canonical(Path::new(PATH));
    });
}
