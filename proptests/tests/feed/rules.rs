//! What is promised of the feed, one thing at a time.

use ferrumdb_engine::fs::{Effect, Fault, SimOperation};
use ferrumdb_engine::{ChangeKind, Durability, Error, Fed, History, Sequence, Wanted};
use std::io::ErrorKind;
use std::time::Duration;

use crate::model::Operation;
use crate::watchers::Watcher;
use crate::world::{PATH, World, root};

fn documents() -> Wanted {
    Wanted { before: true, after: true, ..Wanted::default() }
}

fn watch(world: &World) -> Watcher {
    Watcher::begin(world.reader(), None, documents()).unwrap()
}

/// What was told: key, kind, document before and after.
fn told(watcher: &Watcher) -> Vec<(&str, ChangeKind, Option<&str>, Option<&str>)> {
    let told = watcher.told.iter().map(|told| {
        let before = told.before.as_ref().map(|(json, _)| json.as_str());
        (told.key.as_str(), told.kind, before, told.after.as_deref())
    });
    told.collect()
}

#[test]
fn a_purge_is_told_as_an_expiry_and_what_had_expired_was_not_there_before() {
    let mut world = World::new(None);
    let set = |key, json: &str, at| Operation::Set(root(key), json.to_owned(), at);
    let soon = Some(world.now + 5);
    let group = [vec![set("purged", "1", soon), set("replaced", "2", soon), set("deleted", "3", soon)]];
    world.commit(&group, Durability::Appended);
    world.change(&["stays=4"]);
    let mut watcher = watch(&world);
    world.pass(5);
    world.change(&["replaced=5"]);
    world.change(&["deleted"]);
    world.purge();
    world.change(&["stays"]);
    world.change(&["stays=6"]);
    watcher.drain().unwrap();
    use ChangeKind::{Deleted, Expired, Set};
    assert_eq!(
        told(&watcher),
        [
            ("replaced", Set, None, Some("5")),
            // Somebody's deletion of what was not there any more does what the purge would have done.
            ("deleted", Expired, Some("3"), None),
            ("purged", Expired, Some("1"), None),
            ("stays", Deleted, Some("4"), None),
            ("stays", Set, None, Some("6")),
        ]
    );
    // It says so in the log, whatever reads that next.
    world.compact(History::For(Duration::from_secs(3600)));
    world.reopen(true);
    let mut again = Watcher::begin(world.reader(), Some(watcher.since), documents()).unwrap();
    again.drain().unwrap();
    assert_eq!(told(&again), told(&watcher));
}

#[test]
fn what_the_first_commit_behind_a_base_section_replaced_is_in_it() {
    let mut world = World::new(None);
    world.change(&["a=1", "b=1"]);
    world.change(&["a=2"]);
    world.compact(History::None);
    let mut watcher = watch(&world);
    world.change(&["a=3", "b"]);
    watcher.drain().unwrap();
    watcher.check_all(&world.model, world.newest());
    let before: Vec<_> = watcher.told.iter().map(|told| told.before.clone().unwrap()).collect();
    assert_eq!(before, [("2".to_owned(), 2), ("1".to_owned(), 1)]);
}

#[test]
fn a_watcher_reads_on_through_one_compaction_and_lags_behind_two() {
    let mut world = World::new(None);
    world.change(&["a=1"]);
    let (mut slow, mut slower) = (watch(&world), watch(&world));
    world.change(&["a=2"]);
    world.change(&["a=3"]);
    world.compact(History::None);
    assert_eq!(world.writer().held_generations(), 1);
    world.change(&["a=4"]);
    slow.drain().unwrap();
    slow.check_all(&world.model, world.newest());
    world.compact(History::None);
    world.change(&["a=5"]);
    slow.drain().unwrap();
    slow.check_all(&world.model, world.newest());
    assert_eq!(world.writer().held_generations(), 0, "a watcher that is too slow holds no file");
    for _ in 0..2 {
        match slower.drain() {
            Err(Error::Lagged { resume, .. }) => assert_eq!(resume, Sequence(1)),
            other => panic!("{other:?}"),
        }
    }
    let resumed = Watcher::begin(world.reader(), Some(Sequence(1)), documents()).map(drop);
    assert!(matches!(resumed, Err(Error::HistoryDropped { floor: Sequence(4), .. })), "{resumed:?}");
}

#[test]
fn what_was_told_of_a_commit_in_part_is_told_again_behind_the_commit_before() {
    let mut world = World::new(None);
    world.change(&["a=1", "b=1"]);
    let mut watcher = watch(&world);
    world.change(&["a=2", "b=2"]);
    assert!(!watcher.look(1).unwrap());
    assert_eq!(watcher.told.len(), 1);
    for _ in 0..2 {
        world.compact(History::None);
        world.change(&["b=3"]);
    }
    // The other document before is in a file that was let go.
    assert!(matches!(watcher.drain(), Err(Error::Lagged { resume: Sequence(1), .. })));
}

#[test]
fn a_watch_begins_without_reading_the_log_and_resumes_by_reading_a_part_of_it() {
    let mut world = World::new(None);
    for number in 0..400 {
        let json = format!("\"{}\"", "x".repeat(50_000));
        world.commit(&[vec![Operation::Set(root(&format!("{number}")), json, None)]], Durability::Appended);
    }
    let reads = |world: &World| world.sim.calls(SimOperation::Read);
    let before = reads(&world);
    let _fresh = watch(&world);
    let fresh = reads(&world) - before;
    assert!(fresh <= 4, "{fresh} reads to begin");
    for since in [0, 1, 77, 200, 399, 400] {
        let before = reads(&world);
        let mut watcher = Watcher::begin(world.reader(), Some(Sequence(since)), documents()).unwrap();
        let resumed = reads(&world) - before;
        assert!(resumed <= 20, "{resumed} reads to resume behind {since}");
        watcher.drain().unwrap();
        watcher.check_all(&world.model, 400);
    }
}

#[test]
fn a_read_that_fails_is_told_and_tried_again_and_damage_is_never_passed_over() {
    let mut world = World::new(None);
    world.change(&["a=1"]);
    let mut watcher = watch(&world);
    for number in 0..20 {
        world.change(&[&format!("a={number}"), "b=2"]);
    }
    let mut failures = 0;
    for _ in 0..60 {
        world.sim.inject(Fault::new(SimOperation::Read, Effect::Error(ErrorKind::Other)));
        match watcher.look(1) {
            Err(Error::Io { .. }) => failures += 1,
            other => drop(other.unwrap()),
        }
        world.sim.clear_faults();
    }
    assert!(failures > 10, "{failures}");
    watcher.drain().unwrap();
    watcher.check_all(&world.model, world.newest());

    let end = world.reader().stats().unwrap().log_bytes + 8192;
    world.change(&["a=\"rots\""]);
    world.change(&["a=2"]);
    world.sim.overwrite(PATH, end + 60, b"?");
    for _ in 0..2 {
        assert!(matches!(watcher.feed.advance(), Err(Error::Damaged { .. })));
    }
}

#[test]
fn a_feed_of_nothing_ends_at_once_and_knows_where_it_is() {
    let mut world = World::new(None);
    let mut watcher = Watcher::begin(world.reader(), Some(Sequence::ZERO), documents()).unwrap();
    assert_eq!(watcher.feed.advance().unwrap(), Fed::End);
    world.change(&["other=1"]);
    let wanted = Wanted { prefix: "user:".to_owned(), ..Wanted::default() };
    let mut filtered = Watcher::begin(world.reader(), Some(Sequence::ZERO), wanted).unwrap();
    filtered.drain().unwrap();
    assert_eq!((filtered.told.len(), filtered.feed.sequence()), (0, Sequence(1)));
    let ahead = world.reader().feed(Some(Sequence(2)), documents()).map(drop);
    assert!(matches!(ahead, Err(Error::NoSuchCommit { newest: Sequence(1), .. })));
    watcher.drain().unwrap();
    watcher.check_all(&world.model, 1);
}

#[test]
fn a_commit_that_is_longer_than_what_is_read_at_once_is_told_whole() {
    let mut world = World::new(None);
    let before = watch(&world);
    let filtered = |prefix: &str| Wanted { prefix: prefix.to_owned(), ..documents() };
    let begin = |wanted| Watcher::begin(world.reader(), None, wanted).unwrap();
    let mut watchers = vec![before, begin(filtered("1")), begin(filtered("777")), begin(filtered("none"))];
    let json = format!("\"{}\"", "x".repeat(1_000));
    let sets = (0..2_000).map(|number| Operation::Set(root(&number.to_string()), json.clone(), None));
    world.commit(&[sets.collect()], Durability::Appended);
    world.change(&["777=1", "none=1"]);
    let deletions = (0..2_000).map(|number| Operation::Delete(root(&number.to_string())));
    world.commit(&[deletions.collect()], Durability::Appended);
    for watcher in &mut watchers {
        while !watcher.look(100).unwrap() {
            assert!(watcher.feed.sequence() <= Sequence(3));
        }
        watcher.check_all(&world.model, 3);
    }
}
