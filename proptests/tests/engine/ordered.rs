//! Documents in the order of their keys and of the values of a field, against a sorted map; and ranges that are deleted
//! with one commit, whatever fails.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use ferrumdb_engine::fs::{Effect, Fault, MemoryFs, SimFs, SimOperation};
use ferrumdb_engine::{
    CollectionId, Durability, Error, FieldPath, FieldScan, Key, KeyBounds, ManualClock, Options, Reader,
    Scan, Snapshot, Timestamp, Transaction, Writer, follow, open,
};
use ferrumdb_proptests::Random;
use serde_json::{Value, json};

use crate::common::{PATH, ROOT, appended, contents, document, open_on, synced};

/// Keys that share beginnings, and odd ones.
const KEYS: [&str; 14] =
    ["", "\0", "\0\0", "a", "a\0", "a\0b", "aa", "ab", "b", "é", "é\u{10ffff}", "ö", "\u{fffd}", "\u{10000}"];

pub(crate) fn keep_order(writer: &mut Writer, collection: CollectionId) {
    let Some(mut build) = writer.begin_order(collection).unwrap() else { return };
    build.run().unwrap();
    let round = writer.index_round(&build);
    writer.install_order(build, round).unwrap();
}

fn bounds(random: &mut Random) -> (Bound<&'static str>, Bound<&'static str>) {
    let mut bound = || {
        let key = KEYS[random.below(KEYS.len() as u64) as usize];
        match random.below(3) {
            0 => Bound::Included(key),
            1 => Bound::Excluded(key),
            _ => Bound::Unbounded,
        }
    };
    (bound(), bound())
}

fn of_range(model: &BTreeMap<String, String>, bounds: &KeyBounds) -> Vec<(String, String)> {
    let held = model.iter().filter(|(key, _)| bounds.contain(key));
    held.map(|(key, json)| (key.clone(), json.clone())).collect()
}

fn told(scan: Scan<&Snapshot>) -> Vec<(String, String)> {
    scan.map(|found| found.map(|(key, document)| (String::from(key), document.as_str().to_owned())).unwrap())
        .collect()
}

/// Everything that a snapshot tells in order.
fn assert_ordered(snapshot: &Snapshot, model: &BTreeMap<String, String>, random: &mut Random) {
    let (start, end) = bounds(random);
    let bounds = match random.below(3) {
        0 => KeyBounds::prefix(KEYS[random.below(KEYS.len() as u64) as usize]),
        _ => KeyBounds::new(start, end),
    };
    let scan = || Scan::new(snapshot, ROOT, bounds.clone());
    let mut wanted = of_range(model, &bounds);
    assert_eq!(snapshot.count_range(ROOT, &bounds).unwrap(), wanted.len() as u64, "{bounds:?}");
    assert_eq!(told(scan()), wanted, "{bounds:?}");
    let limit = random.below(6) as usize;
    assert_eq!(told(scan().limit(limit)), wanted[..limit.min(wanted.len())]);
    let keys: Vec<_> = wanted.iter().map(|(key, _)| key.clone()).collect();
    assert_eq!(scan().keys().map(String::from).collect::<Vec<_>>(), keys);
    let after = KEYS[random.below(KEYS.len() as u64) as usize];
    let behind = |key: &String| **key > *after;
    let rest: Vec<_> = keys.iter().filter(|key| behind(key)).cloned().collect();
    assert_eq!(scan().keys().map(String::from).filter(behind).collect::<Vec<_>>(), rest);
    assert_eq!(scan().after(after).keys().map(String::from).collect::<Vec<_>>(), rest);
    wanted.reverse();
    assert_eq!(told(scan().reverse()), wanted, "{bounds:?} in reverse");
    wanted.retain(|(key, _)| **key < *after);
    assert_eq!(told(scan().after(after).reverse()), wanted, "{bounds:?} in reverse, from {after:?}");
}

#[test]
fn any_range_tells_what_a_sorted_map_tells_with_an_order_and_without() {
    for seed in 0..8 {
        let random = &mut Random::new(seed);
        let (mut writer, reader) = open(Options::new("/my.db"), Arc::new(MemoryFs::new())).unwrap();
        let mut model = BTreeMap::new();
        let mut kept: Vec<(Snapshot, BTreeMap<String, String>)> = Vec::new();
        for step in 0..60 {
            if step == 20 && seed % 2 == 0 {
                keep_order(&mut writer, ROOT);
            }
            let key = KEYS[random.below(KEYS.len() as u64) as usize];
            if random.once_in(3) {
                appended_key(&mut writer, key, None);
                model.remove(key);
            } else {
                let json = step.to_string();
                appended_key(&mut writer, key, Some(&json));
                model.insert(key.to_owned(), json);
            }
            if random.once_in(40) {
                let (start, end) = bounds(random);
                let bounds = KeyBounds::new(start, end);
                let gone = of_range(&model, &bounds);
                let erased = writer.delete_range(ROOT, &bounds, Durability::Appended).unwrap();
                assert_eq!(erased.documents, gone.len() as u64);
                gone.iter().for_each(|(key, _)| drop(model.remove(key)));
            }
            if random.once_in(2) {
                writer.tidy();
            }
            assert_eq!(contents(&reader), model);
            assert_ordered(&reader.snapshot(), &model, random);
            if random.once_in(10) {
                kept.push((reader.snapshot(), model.clone()));
            }
            if let Some((snapshot, model)) = kept.get(random.below(8) as usize) {
                assert_ordered(snapshot, model, random);
            }
        }
    }
}

fn appended_key(writer: &mut Writer, key: &str, json: Option<&str>) {
    let mut transaction = Transaction::new();
    match json {
        Some(json) => transaction.set(ROOT, Key::from(key), document(json), None),
        None => transaction.delete(ROOT, Key::from(key)),
    }
    writer.commit(&[transaction], Durability::Appended).unwrap();
}

/// So many documents, whose numbers are their keys, in both collections.
fn fill(writer: &mut Writer, count: usize) {
    for collection in [ROOT, CollectionId(7)] {
        let mut transaction = Transaction::new();
        for number in 0..count {
            let json = format!(r#"{{"n":{number}}}"#);
            transaction.set(collection, Key::from(format!("k{number:06}")), document(&json), None);
        }
        writer.commit(&[transaction], Durability::Appended).unwrap();
    }
}

#[test]
fn a_long_walk_stands_on_its_snapshot_while_thousands_of_keys_come_and_go() {
    let (mut writer, reader) = open(Options::new("/my.db"), Arc::new(MemoryFs::new())).unwrap();
    fill(&mut writer, 3_000);
    keep_order(&mut writer, ROOT);
    let mut scans = Vec::new();
    for round in 0..3_000_usize {
        if round % 500 == 0 {
            for reverse in [false, true] {
                let all = || Scan::new(reader.snapshot(), ROOT, KeyBounds::all());
                let wanted: Vec<_> = {
                    let mut keys: Vec<String> = reader.keys(ROOT).map(String::from).collect();
                    keys.sort_unstable();
                    if reverse {
                        keys.reverse();
                    }
                    keys
                };
                let scan = if reverse { all().reverse() } else { all() };
                scans.push((scan.keys(), wanted.into_iter()));
            }
        }
        appended_key(&mut writer, &format!("k{:06}", round * 7 % 3_000), None);
        appended_key(&mut writer, &format!("m{:06}", round * 11 % 3_000), Some("1"));
        writer.tidy();
        for (scan, wanted) in &mut scans {
            assert_eq!(scan.next().map(String::from), wanted.next());
        }
    }
    for (scan, wanted) in scans {
        assert_eq!(scan.map(String::from).collect::<Vec<_>>(), wanted.collect::<Vec<_>>());
    }
}

#[test]
fn what_has_expired_is_neither_told_nor_counted_and_still_deleted() {
    for keeps_order in [false, true] {
        let clock = Arc::new(ManualClock::new(Timestamp(1_000_000)));
        let options = Options { clock: clock.clone(), ..Options::new("/my.db") };
        let (mut writer, reader) = open(options, Arc::new(MemoryFs::new())).unwrap();
        let mut transaction = Transaction::new();
        let soon = reader.now().0 + 1_000;
        for (key, expires) in [("a", true), ("b", false), ("c", true), ("d", false)] {
            let at = expires.then_some(Timestamp(soon));
            transaction.set(ROOT, Key::from(key), document("1"), at);
        }
        writer.commit(&[transaction], Durability::Appended).unwrap();
        if keeps_order {
            keep_order(&mut writer, ROOT);
        }
        let before = reader.snapshot();
        clock.set(Timestamp(soon + 1));
        let keys = |snapshot: &Snapshot| {
            let scan = || Scan::new(snapshot, ROOT, KeyBounds::all());
            let read: Vec<_> = scan().map(|found| String::from(found.unwrap().0)).collect();
            assert_eq!(scan().keys().map(String::from).collect::<Vec<_>>(), read);
            assert_eq!(scan().limit(2).keys().map(String::from).collect::<Vec<_>>(), read[..2]);
            assert_eq!(snapshot.count_range(ROOT, &KeyBounds::all()).unwrap(), read.len() as u64);
            read
        };
        assert_eq!(keys(&before), ["a", "b", "c", "d"]);
        assert_eq!(keys(&reader.snapshot()), ["b", "d"]);
        let erased = writer.delete_range(ROOT, &KeyBounds::prefix("a"), Durability::Appended).unwrap();
        assert_eq!((erased.documents, erased.sequence.0), (0, 2), "its deletion is written, and purges it");
        let bounds = KeyBounds::new(Bound::Included("b"), Bound::Excluded("d"));
        assert_eq!(writer.delete_range(ROOT, &bounds, Durability::Appended).unwrap().documents, 1);
        assert_eq!(reader.keys(ROOT).map(String::from).collect::<Vec<_>>(), ["d"]);
        assert_eq!(keys(&before), ["a", "b", "c", "d"]);
    }
}

fn values() -> Vec<Value> {
    let long = "x".repeat(2_000);
    vec![
        json!(null),
        json!(-1),
        json!(0),
        json!(0.5),
        json!(18_446_744_073_709_551_615_u64),
        json!(""),
        json!("a"),
        json!("a\u{0}"),
        json!(format!("{long}1")),
        json!("é"),
        json!({}),
        json!({"a": 1}),
        json!([]),
        json!([1, 2]),
        json!(["a", 0]),
        json!(false),
        json!(true),
    ]
}

fn scan_by<'s>(snapshot: &'s Snapshot, start: Bound<&Value>, end: Bound<&Value>) -> FieldScan<&'s Snapshot> {
    FieldScan::new(snapshot, ROOT, FieldPath::parse("v").unwrap(), (start, end)).unwrap()
}

fn keys_of(scan: FieldScan<&Snapshot>) -> Vec<String> {
    scan.map(|found| String::from(found.unwrap().0)).collect()
}

/// A database whose documents hold all kinds of values, each twice, and some also within an array.
fn with_values(is_indexed: bool) -> (Writer, Reader) {
    let (mut writer, reader) = open(Options::new("/my.db"), Arc::new(MemoryFs::new())).unwrap();
    let set = |writer: &mut Writer, number: usize, value: &Value| {
        let mut transaction = Transaction::new();
        let text = json!({ "v": value }).to_string();
        transaction.set(ROOT, Key::from(format!("{number:02}")), document(&text), None);
        writer.commit(&[transaction], Durability::Appended).unwrap();
    };
    for (number, value) in values().iter().enumerate().filter(|(number, _)| number % 2 == 0) {
        set(&mut writer, number, value);
    }
    if is_indexed {
        let mut build = writer.begin_index(ROOT, FieldPath::parse("v").unwrap()).unwrap();
        build.run().unwrap();
        let round = writer.index_round(&build);
        writer.install_index(build, round, Durability::Appended).unwrap();
    }
    for (number, value) in values().iter().enumerate().filter(|(number, _)| number % 2 == 1) {
        set(&mut writer, number, value);
    }
    (writer, reader)
}

#[test]
fn a_field_is_told_in_the_order_of_all_json_values_with_an_index_and_without() {
    for is_indexed in [false, true] {
        let (_writer, reader) = with_values(is_indexed);
        let snapshot = reader.snapshot();
        let all = || scan_by(&snapshot, Bound::Unbounded, Bound::Unbounded);
        // An array is told at the smallest of itself and its items, and in reverse at the largest.
        let ascending = [
            "00", "01", "02", "14", "03", "13", "04", "05", "06", "07", "08", "09", "10", "11", "12", "15",
            "16",
        ];
        assert_eq!(keys_of(all()), ascending, "indexed: {is_indexed}");
        let descending = [
            "16", "15", "14", "13", "12", "11", "10", "09", "08", "07", "06", "05", "04", "03", "02", "01",
            "00",
        ];
        assert_eq!(keys_of(all().reverse()), descending, "indexed: {is_indexed}");
        let keys: Vec<_> = all().keys().map(|key| String::from(key.unwrap())).collect();
        assert_eq!(keys, ascending);
        let (zero, a) = (json!(0), json!("a"));
        let numbers = || scan_by(&snapshot, Bound::Included(&zero), Bound::Unbounded);
        assert_eq!(keys_of(numbers()), ["02", "14", "03", "13", "04"], "one class of values");
        assert_eq!(keys_of(numbers().reverse()), ["04", "13", "03", "14", "02"]);
        let strings = || scan_by(&snapshot, Bound::Excluded(&a), Bound::Unbounded);
        assert_eq!(keys_of(strings()), ["07", "08", "09"]);
        let long = json!("x".repeat(2_000));
        let behind = |end: Value| keys_of(scan_by(&snapshot, Bound::Excluded(&long), Bound::Included(&end)));
        assert_eq!(
            behind(json!(format!("{}2", "x".repeat(2_000)))),
            ["08"],
            "values that were cut are compared"
        );
        assert_eq!(behind(json!(format!("{}0", "x".repeat(2_000)))), [""; 0]);
    }
}

#[test]
fn a_walk_over_a_field_goes_on_after_any_value_and_key_as_if_it_had_not_ended() {
    for is_indexed in [false, true] {
        let (_writer, reader) = with_values(is_indexed);
        let snapshot = reader.snapshot();
        for (reverse, start) in [(false, Bound::Unbounded), (true, Bound::Unbounded)] {
            let scan = || {
                let scan = scan_by(&snapshot, start, Bound::Unbounded);
                if reverse { scan.reverse() } else { scan }
            };
            let whole = keys_of(scan());
            // At which value each document is told.
            let told_at = |key: &String| match &values()[key.parse::<usize>().unwrap()] {
                Value::Array(items) if !reverse && !items.is_empty() => {
                    if items.len() == 2 && items[0] == json!("a") { json!(0) } else { json!(1) }
                }
                value => value.clone(),
            };
            let mut paged = Vec::new();
            while paged.len() < whole.len() {
                let page = match paged.last() {
                    None => keys_of(scan().limit(2)),
                    Some(last) => keys_of(scan().after(&told_at(last), last).unwrap().limit(2)),
                };
                assert!(!page.is_empty(), "{paged:?}");
                paged.extend(page);
            }
            assert_eq!(paged, whole, "indexed: {is_indexed}, reverse: {reverse}");
        }
    }
}

#[test]
fn a_large_range_is_deleted_with_one_commit_and_found_deleted_after_opening() {
    for (keeps_order, is_indexed) in [(false, false), (true, false), (false, true), (true, true)] {
        let sim = SimFs::new(1);
        let (mut writer, reader) = open_on(&sim).unwrap();
        fill(&mut writer, 6_000);
        if keeps_order {
            keep_order(&mut writer, ROOT);
        }
        let path = FieldPath::parse("n").unwrap();
        if is_indexed {
            let mut build = writer.begin_index(ROOT, path.clone()).unwrap();
            build.run().unwrap();
            let round = writer.index_round(&build);
            writer.install_index(build, round, Durability::Appended).unwrap();
        }
        let before = reader.snapshot();
        let sequence = reader.sequence();
        let bounds = KeyBounds::new(Bound::Included("k000100"), Bound::Excluded("k005900"));
        let erased = writer.delete_range(ROOT, &bounds, Durability::Synced).unwrap();
        assert_eq!((erased.sequence, erased.documents), (sequence.next(), 5_800));
        let check = |reader: &Reader| {
            let snapshot = reader.snapshot();
            assert_eq!(reader.count(ROOT), 200);
            assert_eq!(snapshot.count_range(ROOT, &bounds).unwrap(), 0);
            let last = Scan::new(&snapshot, ROOT, KeyBounds::all()).reverse().keys().next();
            assert_eq!(last.unwrap(), "k005999");
            assert_eq!(snapshot.find(ROOT, &path, &json!(100)).unwrap(), [""; 0]);
            assert_eq!(snapshot.find(ROOT, &path, &json!(99)).unwrap(), ["k000099"]);
        };
        check(&reader);
        assert_eq!(reader.count(CollectionId(7)), 6_000);
        assert_eq!(before.count_range(ROOT, &bounds).unwrap(), 5_800, "a snapshot from before has them all");
        assert_eq!(Scan::new(&before, ROOT, bounds.clone()).filter(|found| found.is_ok()).count(), 5_800);
        let all = writer.delete_range(CollectionId(7), &KeyBounds::all(), Durability::Synced).unwrap();
        assert_eq!(all.documents, 6_000);
        let none = writer.delete_range(CollectionId(7), &KeyBounds::all(), Durability::Synced).unwrap();
        assert_eq!((none.documents, none.sequence), (0, all.sequence), "nothing to delete is no commit");
        fill(&mut writer, 1);
        drop((before, writer, reader));
        let (_, reader) = open_on(&sim).unwrap();
        assert_eq!(reader.count(CollectionId(7)), 1);
        assert_eq!(reader.stats().unwrap().recovery.torn_bytes, 0);
        check(&reader);
    }
}

#[test]
fn clearing_an_indexed_collection_leaves_an_index_that_goes_on() {
    let (mut writer, reader) = with_values(true);
    let path = FieldPath::parse("v").unwrap();
    for round in 0..3 {
        let erased = writer.delete_range(ROOT, &KeyBounds::all(), Durability::Appended).unwrap();
        assert_eq!(erased.documents, if round == 0 { values().len() as u64 } else { 1 });
        assert_eq!(keys_of(scan_by(&reader.snapshot(), Bound::Unbounded, Bound::Unbounded)), [""; 0]);
        appended(&mut writer, &[r#"k={"v":1}"#]).unwrap();
        assert_eq!(reader.snapshot().find(ROOT, &path, &json!(1)).unwrap(), ["k"]);
    }
}

/// A disk with some commits, and a range that takes several writes to delete.
fn disk_to_delete_on() -> SimFs {
    let sim = SimFs::new(1);
    let (mut writer, _) = open_on(&sim).unwrap();
    fill(&mut writer, 10_000);
    synced(&mut writer, &["z=1"]).unwrap();
    drop(writer);
    sim
}

#[test]
fn the_power_may_go_at_any_call_of_deleting_a_range_and_all_or_nothing_is_left() {
    let disk = disk_to_delete_on();
    let range = KeyBounds::prefix("k");
    let calls = {
        let sim = disk.fork(0);
        let (mut writer, _) = open_on(&sim).unwrap();
        let before = sim.total_calls();
        writer.delete_range(ROOT, &range, Durability::Synced).unwrap();
        sim.total_calls() - before
    };
    assert!(calls > 4, "it takes several writes: {calls}");
    let (mut all, mut nothing) = (0, 0);
    for nth in 1..=calls {
        for (seed, effect) in [(0, Effect::Crash), (1, Effect::Crash), (2, Effect::OsError(5))] {
            let sim = disk.fork(nth * 8 + seed);
            let (mut writer, reader) = open_on(&sim).unwrap();
            let end = reader.stats().unwrap().file_bytes;
            sim.inject(Fault::new(SimOperation::Any, effect).nth(nth));
            let result = writer.delete_range(ROOT, &range, Durability::Synced);
            sim.clear_faults();
            if let (Effect::OsError(_), Err(Error::Io { .. })) = (effect, &result) {
                assert_eq!(reader.count(ROOT), 10_001, "what failed has not happened");
                assert!(sim.live_bytes(PATH).unwrap().len() as u64 <= end, "all parts are cut off again");
                appended(&mut writer, &["after=1"]).unwrap();
                writer.delete_range(ROOT, &KeyBounds::prefix("after"), Durability::Appended).unwrap();
            }
            drop((writer, reader));
            if effect == Effect::Crash {
                sim.crash();
            }
            let (_, reader) = open_on(&sim).unwrap_or_else(|error| panic!("call {nth}: {error}"));
            match reader.count(ROOT) {
                10_001 => nothing += 1,
                1 => all += 1,
                other => panic!("call {nth}: {other} documents are left"),
            }
            assert_eq!(reader.count(CollectionId(7)), 10_000);
        }
    }
    assert!(all > 0 && nothing > 0, "both were seen: {all} and {nothing}");
}

#[test]
fn a_follower_has_an_order_of_its_own_and_takes_over_ranges_that_were_deleted() {
    let files = Arc::new(MemoryFs::new());
    let (mut writer, _) = open(Options::new("/my.db"), files.clone()).unwrap();
    fill(&mut writer, 100);
    writer.write_live();
    let (mut follower, reader) = follow(Options::new("/my.db"), files).unwrap();
    let mut build = follower.begin_order(ROOT).unwrap();
    assert!(follower.begin_order(ROOT).is_none(), "it is being built");
    appended(&mut writer, &["a=1", "k000050"]).unwrap();
    writer.write_live();
    build.run().unwrap();
    assert!(follower.poll().unwrap().advanced);
    let round = follower.order_round(&build);
    follower.install_order(build, round).unwrap();
    let keys = |reader: &Reader| -> Vec<String> {
        let snapshot = reader.snapshot();
        assert!(snapshot.has_order(ROOT));
        Scan::new(snapshot, ROOT, KeyBounds::all()).keys().map(String::from).collect()
    };
    let mut wanted: Vec<_> =
        (0..100).filter(|number| *number != 50).map(|number| format!("k{number:06}")).collect();
    wanted.insert(0, "a".to_owned());
    assert_eq!(keys(&reader), wanted);

    writer.delete_range(ROOT, &KeyBounds::prefix("k00000"), Durability::Appended).unwrap();
    writer.write_live();
    follower.poll().unwrap();
    wanted.drain(1..11);
    assert_eq!(keys(&reader), wanted);

    let mut compaction = writer.begin_compaction(ferrumdb_engine::History::None).unwrap().unwrap();
    while !matches!(compaction.step().unwrap(), ferrumdb_engine::CompactionStep::Ready) {}
    let (mut relocation, _) = writer.install_compaction(compaction).unwrap();
    while relocation.step() {}
    writer.finish_relocation(&relocation);
    appended(&mut writer, &["b=2", "a"]).unwrap();
    writer.write_live();
    while !follower.poll().unwrap().advanced {}
    wanted[0] = "b".to_owned();
    assert_eq!(keys(&reader), wanted, "the order outlives a compaction");
}
