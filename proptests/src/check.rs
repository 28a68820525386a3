//! Owns the comparison of what readers see with a state of the model. Never changes a database.

use ferrumdb_engine::{CollectionId, Document, Reader, Snapshot};

use crate::model::State;
use crate::ops::{COLLECTIONS, KEYS, ROOT, collection_of, document};

/// Compares everything that a reader can ask.
pub(crate) fn reader(reader: &Reader, state: &State, sequence: usize) -> Result<(), String> {
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
        let keys: Vec<_> = reader.keys(id(name)).map(String::from).collect();
        equal("keys", &sorted(keys), &keys_of(state, name))?;
        equal("count", &(reader.count(id(name)) as usize), &keys_of(state, name).len())?;
        let (numbers, keys) = asked(name);
        let found = reader.get_many(id(name), &keys).map_err(|error| format!("get_many failed: {error}"))?;
        let found: Vec<_> =
            found.iter().map(|found| found.as_ref().map(|found| found.as_str().to_owned())).collect();
        let wanted: Vec<_> = numbers.iter().map(|number| expected(state, *number)).collect();
        equal("get_many", &found, &wanted)?;
    }
    snapshot(&reader.snapshot(), state)
}

/// Compares everything that a snapshot can be asked without being used up.
pub(crate) fn snapshot(snapshot: &Snapshot, state: &State) -> Result<(), String> {
    let names: Vec<_> = snapshot.collections().into_iter().map(|info| String::from(info.name)).collect();
    let wanted = state.keys().filter_map(|number| collection_of(*number)).map(str::to_owned);
    equal("collections", &names, &sorted(wanted.collect()))?;
    let id = |name: &str| if name == ROOT { CollectionId::ROOT } else { snapshot.collection(name) };
    for (number, (name, key)) in KEYS.iter().enumerate() {
        let found = snapshot.get(id(name), key).map_err(|error| format!("get failed: {error}"))?;
        equal(key, &found.as_ref().map(Document::as_str), &expected(state, number).as_deref())?;
        equal(key, &snapshot.contains(id(name), key), &state.contains_key(&number))?;
    }
    for name in all_collections() {
        equal("count", &(snapshot.count(id(name)) as usize), &keys_of(state, name).len())?;
    }
    Ok(())
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
