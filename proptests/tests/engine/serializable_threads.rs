//! The same through the public crate, with threads: every committed transaction, put into the order of the commits, has
//! read what it would have read alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::thread;

use ferrumdb::{Error, FerrumDB, OpenTransaction, Sequence, Transaction};
use ferrumdb_proptests::Random;
use ferrumdb_proptests::serial::{Alone, Item, Place, State, Step};
use serde_json::{Value, json};

const THREADS: u64 = 4;
const TRANSACTIONS: u64 = 150;
const KEYS: u64 = 6;
/// The collection beside the root.
const NAME: &str = "c";

/// Does a few things at random, and notes what it got. The first writing transaction of this number leaves a mark, so
/// that its commit can be told.
fn work(tx: &mut OpenTransaction<'_>, random: &mut Random, number: i64) -> Result<Vec<(Place, Step)>, Error> {
    let mut steps = Vec::new();
    let (count, mut written) = (1 + random.below(5), 0);
    for _ in 0..count {
        let key = format!("key:{}", random.below(KEYS));
        let v = random.below(4) as i64;
        let place = Place::from(random.once_in(3));
        let tx = if place == 0 { tx.in_root() } else { tx.in_collection(NAME)? };
        let step = match random.below(18) {
            0..=4 => {
                let found = tx.get(&key)?;
                Step::Get(key, found.map(|document| item(document.value())))
            }
            5 => {
                let found = tx.contains(&key);
                Step::Contains(key, found)
            }
            6..=8 => Step::FindV(v, v, strings(tx.find("v", &json!(v))?)),
            9 => Step::FindV(v, v + 1, strings(tx.find_range("v", json!(v)..=json!(v + 1))?)),
            10 if random.once_in(8) => Step::Count(tx.count()),
            10 if random.once_in(8) => Step::FindW(number - 9, strings(tx.find("w", &json!(number - 9))?)),
            11 if random.once_in(2) => {
                let (range, reverse) = ("key:1".to_owned().."key:4".to_owned(), random.once_in(2));
                let found = tx.range(range.start.as_str()..range.end.as_str()).limit(2);
                let found = if reverse { found.reverse() } else { found }.documents()?.into_iter();
                let found = found.map(|(key, document)| (String::from(key), item(document.value())));
                Step::Read(range, reverse, 2, found.collect())
            }
            11 => {
                tx.delete(key.as_str());
                Step::Delete(key)
            }
            12 | 13 => {
                let (reverse, limit) = (random.once_in(2), 1 + random.below(2) as usize);
                let found = tx.range_by("v", json!(v)..=json!(v + 2))?.limit(limit);
                let found = if reverse { found.reverse() } else { found }.keys()?;
                Step::ByV(v, v + 2, reverse, limit, found.into_iter().map(String::from).collect())
            }
            _ => {
                written += 1;
                set(tx, key, Item { v, w: number * 10 + written })?
            }
        };
        steps.push((place, step));
    }
    if steps.iter().any(|(_, step)| step.is_write()) {
        steps.push((0, set(tx.in_root(), mark(number), marked(number))?));
    }
    Ok(steps)
}

/// Drops the collection, and leaves a mark.
fn drop_one(db: &FerrumDB, number: i64) -> Result<Vec<(Place, Step)>, Error> {
    let item = marked(number);
    let all = Transaction::new().drop_collection(NAME).set(mark(number), json!({"v": item.v, "w": item.w}));
    db.commit(all).wait()?;
    Ok(vec![(1, Step::Drop), (0, Step::Set(mark(number), item, None))])
}

fn mark(number: i64) -> String {
    format!("mark:{number}")
}

fn marked(number: i64) -> Item {
    Item { v: -1, w: number * 10 }
}

fn set(tx: &mut OpenTransaction<'_>, key: String, item: Item) -> Result<Step, Error> {
    tx.set(key.as_str(), json!({"v": item.v, "w": item.w}))?;
    Ok(Step::Set(key, item, None))
}

fn item(value: &Value) -> Item {
    Item { v: value["v"].as_i64().unwrap(), w: value["w"].as_i64().unwrap() }
}

fn strings(keys: Vec<ferrumdb::Key>) -> BTreeSet<String> {
    keys.into_iter().map(String::from).collect()
}

#[test]
fn transactions_of_several_threads_could_have_run_one_after_the_other() {
    let db = FerrumDB::open_in_memory().wait().unwrap();
    db.create_index("v").wait().unwrap();
    // The steps of each transaction that wrote, by its commit; and of each that only read, with what it stood on.
    let (committed, readers) = (Mutex::new(BTreeMap::new()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (db, committed, readers) = (&db, &committed, &readers);
            scope.spawn(move || {
                for number in 0..TRANSACTIONS {
                    let number = (thread * TRANSACTIONS + number) as i64;
                    let mut random = Random::new(number as u64);
                    let run = |tx: &mut OpenTransaction<'_>| {
                        let steps = work(tx, &mut random, number)?;
                        Ok::<_, Error>((tx.sequence(), steps))
                    };
                    let (sequence, steps) = match number % 20 {
                        19 => (Sequence::ZERO, drop_one(db, number).unwrap()),
                        _ => db.transact(run).attempts(u32::MAX).wait().unwrap(),
                    };
                    match db.get(mark(number)).unwrap() {
                        Some(mark) => {
                            let before = committed.lock().unwrap().insert(mark.version(), steps);
                            assert!(before.is_none(), "two transactions are two commits");
                        }
                        None => readers.lock().unwrap().push((sequence, steps)),
                    }
                }
            });
        }
    });
    let mut states = BTreeMap::from([(Sequence::ZERO, State::new())]);
    for (sequence, steps) in committed.into_inner().unwrap() {
        let (_, state) = states.last_key_value().unwrap();
        let mut alone = Alone::new(state, 0);
        alone.run(&steps).unwrap_or_else(|error| panic!("commit {sequence}: {error}"));
        let left = alone.leaves();
        states.insert(sequence, left);
    }
    for (sequence, steps) in readers.into_inner().unwrap() {
        let (_, state) = states.range(..=sequence).next_back().unwrap();
        Alone::new(state, 0).run(&steps).unwrap_or_else(|error| panic!("a reader at {sequence}: {error}"));
    }
    let (_, state) = states.last_key_value().unwrap();
    let count = |place| state.keys().filter(|id| id.0 == place).count() as u64;
    assert_eq!(db.count().unwrap(), count(0));
    assert_eq!(db.collection(NAME).unwrap().count().unwrap(), count(1));
    assert!(db.metrics().conflicts > 0, "threads that never meet prove nothing");
}
