//! Owns the proof that a panic in the writer thread hangs nobody, is told truthfully, and leaves reads going.
//! Never looks at the panic's text.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use ferrumdb::fs::{Effect, Fault, SimFs, SimOperation};
use ferrumdb::{Config, ErrorKind, FerrumDB};

#[test]
fn waiters_are_in_doubt_later_writes_refused_and_reads_go_on() {
    let sim = SimFs::new(1);
    let config = Config::new("/data.db").with_file_system(Arc::new(sim.process()));
    let db = FerrumDB::open(config.clone()).wait().unwrap();
    db.set("before", 1).wait().unwrap();

    sim.inject(Fault::new(SimOperation::Sync, Effect::Block));
    sim.inject(Fault::new(SimOperation::Write, Effect::Panic).nth(2).on("/data.db"));
    let first = db.set("first", 1);
    while sim.blocked() == 0 {
        std::thread::yield_now();
    }
    // These form the next group, in whose append the writer panics.
    let waiting: Vec<_> = (0..10).map(|number| db.set(format!("{number}"), number)).collect();
    let synced = db.sync();
    sim.release();
    first.wait().unwrap();
    for pending in waiting {
        assert_eq!(pending.wait().unwrap_err().kind(), ErrorKind::InDoubt);
    }
    assert_eq!(synced.wait().unwrap_err().kind(), ErrorKind::Poisoned, "it was not begun");

    assert_eq!(db.set("later", 1).wait().unwrap_err().kind(), ErrorKind::Poisoned);
    assert_eq!(db.get_as::<u32>("first").unwrap(), Some(1));
    assert_eq!(db.count().unwrap(), 2);
    assert_eq!(db.close().wait().unwrap_err().kind(), ErrorKind::Poisoned);
    assert_eq!(db.get("first").unwrap_err().kind(), ErrorKind::Closed);
    drop(db);

    let db = FerrumDB::open(config).wait().unwrap();
    assert_eq!(db.get_as::<u32>("first").unwrap(), Some(1), "what was acknowledged is there");
}

#[test]
fn a_panic_while_opening_is_an_error_of_opening() {
    let sim = SimFs::new(2);
    sim.inject(Fault::new(SimOperation::Any, Effect::Panic).nth(3));
    let config = Config::new("/data.db").with_file_system(Arc::new(sim.process()));
    assert_eq!(FerrumDB::open(config).wait().unwrap_err().kind(), ErrorKind::Poisoned);
}
