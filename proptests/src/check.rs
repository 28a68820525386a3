//! Owns the comparison of what readers see with a state of the model. Never changes a database.

use std::sync::Arc;

use ferrumdb_engine::{CollectionId, Document, KeyBounds, Keys, Reader, Scan, Snapshot};

use crate::model::State;
use crate::ops::{COLLECTIONS, KEYS, ROOT, collection_of, document, range_of};

/// Compares everything that a reader can ask; without `lists`, what it can ask about a key and how many there are.
pub(crate) fn reader(reader: &Reader, state: &State, sequence: usize, lists: bool) -> Result<(), String> {
    equal("sequence", &(reader.sequence().0 as usize), &sequence)?;
    let stats = reader.stats().map_err(|error| format!("stats failed: {error}"))?;
    let documents = state.keys().filter(|number| collection_of(**number).is_none()).count();
    equal("documents in stats", &(stats.documents as usize), &documents)?;
    let id = |name: &str| if name == ROOT { CollectionId::ROOT } else { reader.collection(name).0 };
    for (number, (name, key)) in KEYS.iter().enumerate() {
        let found = reader.get(id(name), key).map_err(|error| format!("get failed: {error}"))?;
        equal(key, &found.as_ref().map(Document::as_str), &expected(state, number).as_deref())?;
        equal(key, &reader.contains(id(name), key), &state.contains_key(&number))?;
    }
    for name in all_collections() {
        if lists {
            let keys: Vec<_> = reader.keys(id(name)).map(String::from).collect();
            equal("keys", &sorted(keys), &keys_of(state, name))?;
        }
        equal("count", &(reader.count(id(name)) as usize), &keys_of(state, name).len())?;
        let (numbers, keys) = asked(name);
        let found = reader.get_many(id(name), &keys).map_err(|error| format!("get_many failed: {error}"))?;
        let found: Vec<_> =
            found.iter().map(|found| found.as_ref().map(|found| found.as_str().to_owned())).collect();
        let wanted: Vec<_> = numbers.iter().map(|number| expected(state, *number)).collect();
        equal("get_many", &found, &wanted)?;
    }
    let fresh = reader.snapshot();
    if sequence.is_multiple_of(4) {
        ordered(&fresh, state, sequence / 4 % KEYS.len())?;
    }
    snapshot(&fresh, state)
}

/// Compares the keys of a snapshot, which takes a look at every key there is.
pub(crate) fn keys(snapshot: &Arc<Snapshot>, state: &State) -> Result<(), String> {
    for name in all_collections() {
        let keys: Vec<_> = Keys::new(Arc::clone(snapshot), id_in(snapshot, name)).map(String::from).collect();
        equal("keys", &sorted(keys), &keys_of(state, name))?;
    }
    Ok(())
}

/// Compares everything else that a snapshot can be asked.
pub(crate) fn snapshot(snapshot: &Snapshot, state: &State) -> Result<(), String> {
    let names: Vec<_> = snapshot.collections().into_iter().map(|info| String::from(info.name)).collect();
    let wanted = state.keys().filter_map(|number| collection_of(*number)).map(str::to_owned);
    equal("collections", &names, &sorted(wanted.collect()))?;
    let id = |name| id_in(snapshot, name);
    for (number, (name, key)) in KEYS.iter().enumerate() {
        let found = snapshot.get(id(name), key).map_err(|error| format!("get failed: {error}"))?;
        equal(key, &found.as_ref().map(Document::as_str), &expected(state, number).as_deref())?;
        equal(key, &snapshot.contains(id(name), key), &state.contains_key(&number))?;
    }
    for name in all_collections() {
        equal("count", &(snapshot.count(id(name)) as usize), &keys_of(state, name).len())?;
    }
    // Without an order it takes a look at every key there is.
    let has_order = |from: &usize| snapshot.has_order(id(KEYS[*from].0));
    (0..KEYS.len()).step_by(3).filter(has_order).try_for_each(|from| ordered(snapshot, state, from))
}

/// Compares what is read in order of a range, and in reverse.
fn ordered(snapshot: &Snapshot, state: &State, from: usize) -> Result<(), String> {
    let (name, start, end, mut numbers) = range_of(from, (from + state.len()) % KEYS.len());
    numbers.retain(|number| state.contains_key(number));
    numbers.sort_unstable_by_key(|number| KEYS[*number].1);
    let (collection, bounds) = (id_in(snapshot, name), KeyBounds::new(start, end));
    equal(
        "counted range",
        &(snapshot.count_range(collection, &bounds).map_err(|error| error.to_string())? as usize),
        &numbers.len(),
    )?;
    let scan = || Scan::new(snapshot, collection, bounds.clone());
    let wanted = |number: &usize| (KEYS[*number].1.to_owned(), expected(state, *number).unwrap_or_default());
    let mut all: Vec<_> = numbers.iter().map(wanted).collect();
    equal("range", &told(scan())?, &all)?;
    all.reverse();
    equal("range in reverse", &told(scan().reverse())?, &all)
}

fn told(scan: Scan<&Snapshot>) -> Result<Vec<(String, String)>, String> {
    let told = scan.map(|found| found.map(|(key, text)| (String::from(key), text.as_str().to_owned())));
    told.collect::<Result<_, _>>().map_err(|error| format!("a scan failed: {error}"))
}

fn id_in(snapshot: &Snapshot, name: &str) -> CollectionId {
    if name == ROOT { CollectionId::ROOT } else { snapshot.collection(name) }
}

fn all_collections() -> impl Iterator<Item = &'static str> {
    [ROOT, "never there"].into_iter().chain(COLLECTIONS)
}

fn expected(state: &State, key: usize) -> Option<String> {
    state.get(&key).map(|number| document(*number).as_str().to_owned())
}

fn asked(name: &str) -> (Vec<usize>, Vec<&'static str>) {
    let numbered = KEYS.iter().enumerate().filter(|(_, (of, _))| *of == name);
    numbered.map(|(number, (_, key))| (number, *key)).unzip()
}

fn keys_of(state: &State, name: &str) -> Vec<String> {
    let keys = state.keys().filter_map(|number| KEYS.get(*number)).filter(|(of, _)| *of == name);
    sorted(keys.map(|(_, key)| (*key).to_owned()).collect())
}

fn sorted(mut keys: Vec<String>) -> Vec<String> {
    keys.sort_unstable();
    keys
}

fn equal<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, wanted: &T) -> Result<(), String> {
    if found == wanted {
        return Ok(());
    }
    let shortened = |value: &T| format!("{value:?}").chars().take(200).collect::<String>();
    let (found, wanted) = (shortened(found), shortened(wanted));
    Err(format!("{what:?}: found {found}, expected {wanted}"))
}
