//! Looks at a file beside a hint that something has happened to: what they tell is what the log says. Never opens the database
//! for it.

use std::path::Path;

use ferrumdb_engine::fs::{FileSystem, SimFs};
use ferrumdb_engine::{Durability, FileContents, Key, Options, Sequence, Timestamp, inspect};

use super::histories::{Step, take_step};
use super::{Database, HINT, PATH, put};

/// A closed database with collections, indexes and expiries, and what there is to be told of it.
fn closed() -> (SimFs, FileContents) {
    let mut database = Database::new(1);
    for name in ["users", "orders"] {
        database.writer.collection(&Key::from(name), Durability::Synced).unwrap();
    }
    for (key, expires_at) in [("a", None), ("b", Some(9_000)), ("c", None)] {
        database.set(key, expires_at);
    }
    database.delete("c");
    take_step(&mut database, &mut None, &Step::Index(0), 0, 1_000);
    let Database { writer, sim, .. } = database;
    writer.close().unwrap();
    let without = sim.fork(1);
    without.remove(Path::new(HINT)).unwrap();
    let (hint, told) = look(&without);
    let told = told.unwrap();
    assert_eq!((hint, told.collections.len(), told.indexes.len(), told.documents), (None, 2, 1, 2));
    assert_eq!(look(&sim), (Some(told.sequence), Some(told.clone())));
    (sim, told)
}

fn look(sim: &SimFs) -> (Option<Sequence>, Option<FileContents>) {
    let info = inspect(&Options::new(PATH), sim).unwrap();
    (info.hint, info.contents)
}

#[test]
fn a_hint_with_any_byte_changed_tells_a_look_nothing_that_is_false() {
    let (sim, told) = closed();
    let hint = sim.live_bytes(HINT).unwrap();
    let mut unused = 0;
    for (position, byte) in hint.iter().enumerate() {
        // 3 and 5 make the kinds of the first blocks that of the keys.
        for change in [0x01, 0x03, 0x05, 0x80, 0xFF] {
            sim.overwrite(HINT, position as u64, &[byte ^ change]);
            let (hinted, contents) = look(&sim);
            assert_eq!(contents.as_ref(), Some(&told), "byte {position} xor {change}");
            unused += usize::from(hinted.is_none());
        }
        sim.overwrite(HINT, position as u64, &[*byte]);
    }
    assert!(unused > hint.len() * 4, "but for the contents of the index, everything is looked at");
}

#[test]
fn a_hint_of_any_other_length_is_not_told_of() {
    let (sim, told) = closed();
    let hint = sim.live_bytes(HINT).unwrap();
    for len in 0..hint.len() {
        put(&sim, HINT, &hint[..len]);
        assert_eq!(look(&sim), (None, Some(told.clone())), "cut to {len}");
        let zeros = [&hint[..len], &vec![0; hint.len() - len]].concat();
        // It may end with zeros.
        if zeros != hint {
            put(&sim, HINT, &zeros);
            assert_eq!(look(&sim), (None, Some(told.clone())), "zeros from {len}");
        }
    }
    put(&sim, HINT, &[&hint[..], &[0]].concat());
    assert_eq!(look(&sim), (None, Some(told)), "one byte more");
}

#[test]
fn a_look_at_a_hint_believes_nothing_that_is_older_than_the_log() {
    let (sim, told) = closed();
    let older = sim.live_bytes(HINT).unwrap();
    let mut database = Database::open(&sim, Timestamp(1_000)).unwrap();
    database.set("d", None);
    database.writer.close().unwrap();
    put(&sim, HINT, &older);
    let (hinted, contents) = look(&sim);
    assert_eq!((hinted, contents.unwrap().documents), (Some(told.sequence), told.documents + 1));
}
