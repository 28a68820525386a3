//! Calls that fail while a hint is written, one at a time and all from one on: the database says and holds what it would
//! without hints.

use std::path::Path;

use ferrumdb_engine::fs::{Effect, Fault, SimOperation};
use ferrumdb_engine::{HintTask, Timestamp, VerifyStep};

use super::power_cuts::with_a_hint_to_write;
use super::{Database, HINT, PATH, closed, compare};

/// Fails every call of `act`, which says whether it went well, in turn, once and for good, and sees that the database is sound and whole afterwards, with and
/// without what is there of the hint.
fn fail_at_every_call(act: impl Fn(&mut Option<Database>) -> bool) {
    for nth in 1.. {
        for (always, number) in [(false, 5), (true, 5), (false, 28), (true, 28)] {
            let database = with_a_hint_to_write(nth);
            let (sim, expected) = (database.sim.clone(), database.see());
            let fault = Fault::new(SimOperation::Any, Effect::OsError(number)).nth(nth);
            sim.inject(if always { fault.always() } else { fault });
            let before = sim.total_calls();
            let mut database = Some(database);
            let goes_well = act(&mut database);
            let was_met = sim.total_calls() - before >= nth;
            sim.clear_faults();
            let what = format!("call {nth}, error {number}, always: {always}, goes well: {goes_well}");
            if !was_met {
                assert!(nth > 6 && goes_well, "{what}");
                return;
            }
            if let Some(mut database) = database {
                assert_eq!(database.see(), expected, "{what}");
                database.set("after", None);
                database.delete("after");
                drop(database);
            }
            let (seen, _) = compare(&sim, Timestamp(1_000));
            assert_eq!((seen.documents, seen.indexes), (expected.documents, expected.indexes), "{what}");
            let database = Database::open(&sim, Timestamp(1_000)).unwrap();
            let mut verification = database.reader.begin_verify().unwrap();
            while verification.step().unwrap() != VerifyStep::Done {}
            assert!(verification.finish().is_sound(), "{what}");
            assert!(sim.names().iter().all(|name| !name.to_string_lossy().contains(".new-")), "{what}");
        }
    }
}

#[test]
fn any_call_of_writing_a_hint_may_fail_once_or_for_good() {
    fail_at_every_call(|database| {
        let database = database.as_mut().expect("it is open");
        database.writer.begin_hint().expect("there is one to write").run().is_ok()
    });
}

#[test]
fn any_call_of_closing_with_a_hint_may_fail_once_or_for_good() {
    fail_at_every_call(|database| database.take().expect("it is open").writer.close().is_ok());
}

#[test]
fn a_hint_that_cannot_be_written_is_no_error() {
    for operation in [SimOperation::Open, SimOperation::Lock, SimOperation::Write, SimOperation::Rename] {
        let mut database = Database::new(1);
        database.set("a", None);
        let task: HintTask = database.writer.begin_hint().unwrap();
        database.sim.inject(Fault::new(operation, Effect::OsError(28)));
        task.run().unwrap_err();
        assert_eq!(database.sim.names(), [Path::new(PATH)], "{operation:?}");
        database.sim.inject(Fault::new(SimOperation::Rename, Effect::OsError(28)));
        database.writer.close().unwrap();
        assert_eq!(database.sim.armed_faults(), 0, "closing tried to write a hint");
        assert_eq!(database.sim.names(), [Path::new(PATH)]);
        compare(&database.sim, Timestamp(1_000));
    }
}

#[test]
fn a_hint_that_cannot_be_read_is_no_error() {
    let (sim, seen) = closed();
    for operation in [SimOperation::Open, SimOperation::Read, SimOperation::Len] {
        let fork = sim.fork(1);
        fork.inject(Fault::new(operation, Effect::OsError(5)).on(HINT).always());
        let database = Database::open(&fork, Timestamp(1_000)).unwrap();
        assert_eq!(database.recovery().hint, None, "{operation:?}");
        assert_eq!(database.see(), seen);
    }
}
