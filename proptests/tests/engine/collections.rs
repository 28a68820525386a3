//! Collections: whatever is done to them, and however a database comes back, each has its own documents and indexes, a
//! dropped one stays dropped, and whoever looked before still sees it.

mod life;

use std::path::Path;
use std::sync::Arc;

use ferrumdb_engine::fs::{Effect, Fate, Fault, FileSystem, SimFs, SimOperation};
use ferrumdb_engine::{
    CollectionId, CollectionRef, Durability, Error, FieldPath, History, Key, KeyBounds, ManualClock, Options,
    Reader, Scan, Sequence, Snapshot, Timestamp, Transaction, Untidy, Verification, VerifyReport, VerifyStep,
    Writer, follow, open, repair,
};

use crate::common::{LOG_START, PATH, ROOT, bytes_of, disk_with, document, open_at, open_on, shared};
use crate::compaction::compact;
use crate::ordered::keep_order;

const HINT: &str = "/my.db.hint";
fn field() -> FieldPath {
    FieldPath::parse("n").unwrap()
}

fn place(transaction: &mut Transaction, name: &str) -> CollectionRef {
    if name.is_empty() { ROOT.into() } else { transaction.collection(&Key::from(name)) }
}

fn id(snapshot: &Snapshot, name: &str) -> CollectionId {
    if name.is_empty() { ROOT } else { snapshot.collection(name) }
}

fn verified(mut verification: Verification) -> VerifyReport {
    while verification.step().unwrap() != VerifyStep::Done {}
    verification.finish()
}

fn assert_sound(reader: &Reader, what: &str) {
    let report = verified(reader.begin_verify().unwrap());
    assert!(report.is_sound(), "{what}: {:?}", report.findings);
}

fn named(changes: &[(&str, &str, Option<u64>)]) -> Transaction {
    let mut transaction = Transaction::new();
    for (name, key, number) in changes {
        let collection = place(&mut transaction, name);
        match number {
            Some(number) => transaction.set(collection, Key::from(*key), document(&number.to_string()), None),
            None => transaction.delete(collection, Key::from(*key)),
        }
    }
    transaction
}

fn dropping(name: &str) -> Transaction {
    let mut transaction = Transaction::new();
    let collection = transaction.collection(&Key::from(name));
    transaction.drop_collection(collection);
    transaction
}

fn effective(writer: &mut Writer, group: &[Transaction]) -> Vec<u64> {
    let outcomes = writer.commit(group, Durability::Synced).unwrap();
    outcomes.into_iter().map(|outcome| outcome.unwrap().effective).collect()
}

#[test]
fn writes_behind_a_drop_in_the_same_group_see_it_dropped() {
    let sim = SimFs::new(1);
    let (mut writer, reader) = open_on(&sim).unwrap();
    effective(&mut writer, &[named(&[("users", "a", Some(1))])]);
    let (first, _) = reader.collection("users");
    let group = [
        named(&[("users", "b", Some(2))]),
        dropping("users"),
        named(&[("users", "a", None)]),
        dropping("users"),
        named(&[("users", "c", Some(3)), ("users", "a", None)]),
    ];
    assert_eq!(effective(&mut writer, &group), [1, 1, 0, 0, 1]);
    let (second, _) = reader.collection("users");
    assert!(second > first);
    assert_eq!(reader.keys(second).map(String::from).collect::<Vec<_>>(), ["c"]);
    assert_eq!(writer.sequence().0, 4, "what changes nothing is no commit");
}

#[test]
fn a_collection_is_there_from_its_first_document_on_and_what_changes_nothing_creates_none() {
    let (mut writer, reader) = open_on(&SimFs::new(1)).unwrap();
    let mut refused = named(&[("users", "a", Some(1))]);
    let users = refused.collection(&Key::from("users"));
    refused.require(users, Key::from("b"), ferrumdb_engine::Condition::Exists);
    let mut expired = Transaction::new();
    let users = expired.collection(&Key::from("users"));
    expired.expire(users, Key::from("a"), None);
    let outcomes =
        writer.commit(&[refused, expired, named(&[("users", "a", None)])], Durability::Synced).unwrap();
    assert!(outcomes[0].is_err() && outcomes[1].is_ok() && outcomes[2].is_ok());
    assert_eq!((reader.snapshot().collections().len(), writer.sequence()), (0, Sequence::ZERO));
    effective(&mut writer, &[named(&[("users", "a", Some(1)), ("orders", "a", Some(2))])]);
    assert_eq!(writer.sequence(), Sequence(1), "both are created by the commit that needs them");
    assert_eq!(reader.stats().unwrap().collections, 2);
    let mut names = [Transaction::new(), Transaction::new()];
    for (transaction, name) in names.iter_mut().zip(["", &"x".repeat(256)]) {
        transaction.collection(&Key::from(name));
        let error = transaction.check(&reader.limits()).unwrap_err();
        assert!(matches!(error, Error::InvalidCollectionName { .. }), "{error}");
    }
}

#[test]
fn numbers_are_never_used_twice_whatever_is_left_of_the_file() {
    let sim = SimFs::new(1);
    let (mut writer, reader) = open_on(&sim).unwrap();
    effective(&mut writer, &[named(&[("a", "k", Some(1)), ("b", "k", Some(1)), ("", "k", Some(1))])]);
    let (mut before, _) = reader.collection("b");
    drop(reader);
    for round in 0..4 {
        effective(&mut writer, &[dropping("b")]);
        compact(&mut writer, History::None);
        if round == 1 {
            // Of a base section with nothing but that number in it.
            effective(&mut writer, &[named(&[("", "k", Some(2))])]);
            compact(&mut writer, History::None);
        }
        writer.close().unwrap();
        if round % 2 == 0 {
            let _ = sim.remove(Path::new(HINT));
        }
        let reader;
        (writer, reader) = open_on(&sim).unwrap();
        assert_eq!(reader.stats().unwrap().recovery.hint.is_some(), round % 2 == 1);
        effective(&mut writer, &[named(&[("b", "k", Some(1))])]);
        let (now, _) = reader.collection("b");
        assert!(now > before, "{now:?} after {before:?}");
        before = now;
    }
}

#[test]
fn a_dropped_collection_is_seen_by_older_snapshots_and_leaves_the_memory_behind_them() {
    let sim = SimFs::new(1);
    let (mut writer, reader) = open_on(&sim).unwrap();
    let keys: Vec<_> = (0..2_000).map(|number| format!("k{number}")).collect();
    let changes: Vec<_> = keys.iter().map(|key| ("users", key.as_str(), Some(7))).collect();
    effective(&mut writer, &[named(&changes), named(&[("", "stays", Some(1))])]);
    let (id, _) = reader.collection("users");
    let snapshot = reader.snapshot();
    assert_eq!(effective(&mut writer, &[dropping("users")]), [1]);
    assert_eq!((reader.collection("users").0, reader.stats().unwrap().documents), (CollectionId::NONE, 1));
    compact(&mut writer, History::None);
    assert_eq!(writer.tidy(), Untidy::Pinned, "nothing can go before the snapshot");
    assert_eq!(snapshot.collection("users"), id);
    assert_eq!(snapshot.get(id, "k1999").unwrap().unwrap().as_str(), "7");
    assert_eq!(snapshot.keys(id).count(), 2_000);
    assert_sound(&reader, "before the entries are gone");
    let mut steps = 0;
    while writer.tidy() == Untidy::More {
        steps += 1;
    }
    assert!(steps >= 500, "some at a time: {steps}");
    // Whoever asked by the number finds nothing any more.
    assert!(keys.iter().all(|key| !reader.contains(id, key)));
    let stats = reader.stats().unwrap();
    assert_eq!((stats.undo_versions, stats.held_bytes), (0, 0));
    assert_sound(&reader, "behind it");
}

#[test]
fn what_has_expired_in_a_dropped_collection_is_not_counted_as_purged() {
    let clock = ManualClock::new(Timestamp(1_000));
    let mut options = Options::new(PATH);
    options.clock = Arc::new(clock.clone());
    let (mut writer, reader) = open(options, Arc::new(SimFs::new(1))).unwrap();
    let mut expiring = Transaction::new();
    let users = expiring.collection(&Key::from("users"));
    for key in ["a", "b", "c"] {
        expiring.set(users, Key::from(key), document("1"), Some(Timestamp(1_001)));
    }
    expiring.set(ROOT, Key::from("d"), document("1"), Some(Timestamp(1_002)));
    effective(&mut writer, &[expiring, dropping("users")]);
    clock.set(Timestamp(2_000));
    let (before, mut purged) = (writer.sequence().0, 0);
    for _round in 0..4 {
        purged += writer.purge_expired(1, Durability::Synced).unwrap();
    }
    assert_eq!((purged, writer.sequence().0 - before, reader.count(ROOT)), (1, 1, 0));
}

#[test]
fn an_index_that_is_being_built_is_cancelled_by_the_drop_of_its_collection() {
    let (mut writer, reader) = open_on(&SimFs::new(1)).unwrap();
    effective(&mut writer, &[named(&[("users", "a", Some(1))])]);
    let id = writer.find_collection("users").unwrap();
    let mut build = writer.begin_index(id, field()).unwrap();
    build.run().unwrap();
    effective(&mut writer, &[dropping("users"), named(&[("users", "a", Some(1))])]);
    let round = writer.index_round(&build);
    let error = writer.install_index(build, round, Durability::Synced).unwrap_err();
    assert!(matches!(error, Error::Cancelled), "{error}");
    assert_eq!(reader.snapshot().indexes(), []);
}

#[test]
fn a_power_cut_at_any_call_of_a_drop_leaves_all_of_the_collection_or_nothing() {
    let prepared = || {
        let sim = SimFs::new(1);
        let (mut writer, _) = open_on(&sim).unwrap();
        let id = writer.collection(&Key::from("users"), Durability::Synced).unwrap();
        let mut build = writer.begin_index(id, field()).unwrap();
        build.run().unwrap();
        let round = writer.index_round(&build);
        writer.install_index(build, round, Durability::Synced).unwrap();
        effective(
            &mut writer,
            &[named(&[("users", "a", Some(1)), ("users", "b", Some(2)), ("", "k", Some(3))])],
        );
        (sim, writer)
    };
    let drop_it = |mut writer: Writer| -> bool {
        let dropped = writer.commit(&[dropping("users")], Durability::Synced).is_ok();
        while dropped && writer.tidy() == Untidy::More {}
        let _ = writer.close();
        dropped
    };
    let (sim, writer) = prepared();
    let before = sim.total_calls();
    assert!(drop_it(writer));
    let calls = sim.total_calls() - before;
    let (mut kept, mut gone) = (0, 0);
    for nth in 1..=calls {
        for fate in [Fate::Dropped, Fate::Kept] {
            let (sim, writer) = prepared();
            sim.inject(Fault::new(SimOperation::Any, Effect::Crash).nth(nth));
            let told = drop_it(writer);
            sim.clear_faults();
            sim.crash_with(|_| fate.clone());
            let (_writer, reader) = open_on(&sim).unwrap();
            let snapshot = reader.snapshot();
            let users = snapshot.collection("users");
            let seen = (snapshot.collections().len(), snapshot.count(users), snapshot.indexes().len());
            match seen {
                (0, 0, 0) => gone += 1,
                (1, 2, 1) if !told => kept += 1,
                _ => panic!("call {nth}, told {told}: {seen:?}"),
            }
            assert_eq!(snapshot.count(ROOT), 1);
            assert_sound(&reader, "after the cut");
        }
    }
    assert!(kept > 0 && gone > 0, "{kept} {gone}");
}

#[test]
fn a_repair_keeps_the_documents_of_a_collection_whose_name_is_lost() {
    let sim = SimFs::new(1);
    let (mut writer, _) = open_on(&sim).unwrap();
    writer.collection(&Key::from("users"), Durability::Synced).unwrap();
    effective(
        &mut writer,
        &[named(&[("users", "a", Some(1)), ("orders", "b", Some(2)), ("", "c", Some(3))])],
    );
    effective(&mut writer, &[named(&[("gone", "a", Some(1))]), dropping("gone")]);
    writer.close().unwrap();
    let mut bytes = bytes_of(&sim);
    bytes[LOG_START + 50] ^= 1;
    let sim = disk_with(&bytes);
    let saved = Path::new("/saved.db");
    let report = repair(Path::new(PATH), saved, None, &shared(&sim), &mut |_, _| true).unwrap();
    assert_eq!((report.collections, report.documents), (2, 3));
    let (mut writer, reader) = open_at(sim.clone(), saved).unwrap();
    let snapshot = reader.snapshot();
    let names: Vec<_> = snapshot.collections().into_iter().map(|info| info.name.to_string()).collect();
    assert_eq!(names, ["collection-1", "orders"]);
    assert_eq!(snapshot.get(snapshot.collection("collection-1"), "a").unwrap().unwrap().as_str(), "1");
    assert_sound(&reader, "repaired");
    assert!(writer.collection(&Key::from("gone"), Durability::Synced).unwrap() > CollectionId(3));
}

#[test]
fn a_follower_sees_collections_come_and_go_and_its_snapshots_stay() {
    let sim = SimFs::new(1);
    let (mut writer, _owner) = open_on(&sim).unwrap();
    effective(&mut writer, &[named(&[("users", "a", Some(1))])]);
    writer.write_live();
    let (mut follower, reader) = follow(Options::new(PATH), Arc::new(sim.process())).unwrap();
    let (id, number) = reader.collection("users");
    let before = reader.snapshot();
    for is_compacted in [false, true] {
        effective(&mut writer, &[dropping("users"), named(&[("users", "b", Some(2))])]);
        if is_compacted {
            compact(&mut writer, History::None);
        }
        writer.write_live();
        follower.poll().unwrap();
        follower.poll().unwrap();
        let (now, later) = reader.collection("users");
        assert!(now > id && later > number && reader.collections_number() == later);
        assert_eq!(reader.keys(now).map(String::from).collect::<Vec<_>>(), ["b"]);
        assert_eq!(before.get(before.collection("users"), "a").unwrap().unwrap().as_str(), "1");
    }
}

#[test]
fn an_order_goes_with_its_collection_for_followers_too_and_another_of_its_name_has_none() {
    let sim = SimFs::new(1);
    let (mut writer, owner) = open_on(&sim).unwrap();
    effective(&mut writer, &[named(&[("users", "a", Some(1)), ("users", "b", Some(2)), ("", "r", Some(3))])]);
    writer.write_live();
    let (mut follower, reader) = follow(Options::new(PATH), Arc::new(sim.process())).unwrap();
    let (users, _) = owner.collection("users");
    for id in [users, ROOT] {
        keep_order(&mut writer, id);
        let mut build = follower.begin_order(id).unwrap();
        build.run().unwrap();
        let round = follower.order_round(&build);
        follower.install_order(build, round).unwrap();
    }
    assert!(follower.begin_order(reader.collection("nowhere").0).is_none(), "there is no such collection");
    let before = [owner.snapshot(), reader.snapshot()];
    for is_compacted in [false, true] {
        let anew = named(&[("users", "c", Some(4)), ("users", "d", Some(5))]);
        effective(&mut writer, &[dropping("users"), anew]);
        if is_compacted {
            compact(&mut writer, History::None);
        }
        writer.write_live();
        follower.poll().unwrap();
        follower.poll().unwrap();
        for reader in [&owner, &reader] {
            let snapshot = reader.snapshot();
            let now = snapshot.collection("users");
            assert!(now != users && !snapshot.has_order(users) && !snapshot.has_order(now));
            assert!(snapshot.has_order(ROOT), "that of another collection stays");
            let keys =
                |snapshot, id| Scan::new(snapshot, id, KeyBounds::all()).keys().map(String::from).collect();
            let told: Vec<String> = keys(snapshot, now);
            assert_eq!(told, ["c", "d"]);
        }
    }
    for snapshot in before {
        assert!(snapshot.has_order(users));
        let told: Vec<_> = Scan::new(&snapshot, users, KeyBounds::all()).keys().map(String::from).collect();
        assert_eq!(told, ["a", "b"], "who looked before reads it in order still");
    }
    assert_sound(&owner, "behind the drops");
}
