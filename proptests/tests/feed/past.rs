//! Owns the comparison of the versions of a key, and of past states, with the model. Never changes a database.

use std::collections::BTreeMap;

use ferrumdb_engine::{
    ChangeKind, CollectionId, Error, FieldPath, History, Reader, Sequence, Snapshot, Timestamp, UpTo, Wanted,
};
use ferrumdb_proptests::Random;
use serde_json::json;

use crate::model::{Held, Id, NAMES, Place};
use crate::world::World;

/// The commit behind which the log tells of every one.
pub(crate) fn floor(reader: &Reader) -> u64 {
    match reader.feed(Some(Sequence::ZERO), Wanted::default()) {
        Ok(_) => 0,
        Err(Error::HistoryDropped { floor, .. }) => floor.0,
        Err(error) => panic!("{error}"),
    }
}

/// That the versions of a key are what was committed: all of them behind the floor, and before it what is kept.
pub(crate) fn check_versions(world: &World, reader: &Reader, place: Place, key: &str, history: History) {
    let newest = reader.sequence().0;
    let all = world.model.versions(place, key, newest);
    let collection = world.model.at(newest).number(place);
    let found: Vec<_> = reader.versions(collection, key).collect::<Result<_, _>>().unwrap();
    let floor = floor(reader);
    assert!(found.len() <= all.len(), "{found:?}\n{all:#?}");
    for (found, told) in found.iter().zip(&all) {
        assert_eq!((found.sequence.0, found.kind), (told.sequence, told.kind));
        assert_eq!(found.document.as_ref().map(|document| document.as_str()), told.after.as_deref());
        assert_eq!(found.expires_at.map(|at| at.0), told.expires_at);
        match found.time {
            Some(time) => assert_eq!(time.0, told.time),
            None => assert!(told.sequence <= floor, "{told:?} {floor}"),
        }
    }
    let behind = all.iter().filter(|told| told.sequence > floor).count();
    let kept = all[behind..].iter().take_while(|told| told.kind == ChangeKind::Set).count();
    let least = match history {
        // Expired documents are purged before a compaction, by whoever wants them gone.
        History::Versions(versions) => kept.min(versions as usize),
        _ => kept.min(1),
    };
    assert!(found.len() >= behind + least, "{} of {}: {behind} {least} {floor}", found.len(), all.len());
    // Until every entry was moved, some lead to the old file, which tells more.
    assert!(found.len() <= behind + kept || world.relocation.is_some());
}

/// That a past state is what the model says, or that it is said to be gone.
pub(crate) fn check_past(world: &World, reader: &Reader, random: &mut Random) {
    let (newest, floor) = (reader.sequence().0, floor(reader));
    let asked = random.below(newest + 2);
    let by_time = random.once_in(4);
    let times: BTreeMap<_, _> = world.model.changes.iter().map(|told| (told.sequence, told.time)).collect();
    let asked_time = 990 + random.below(world.now - 980);
    let up_to = if by_time { UpTo::Time(Timestamp(asked_time)) } else { UpTo::Sequence(Sequence(asked)) };
    let snapshot = match reader.at(up_to, &mut |_, _| true) {
        Ok(snapshot) => snapshot,
        Err(Error::HistoryDropped { asked: told, floor: told_floor }) => {
            assert_eq!((told, told_floor.0), (up_to, floor));
            return assert!(by_time || asked < floor);
        }
        Err(Error::NoSuchCommit { .. }) => return assert!(asked > newest && !by_time),
        Err(error) => panic!("{error}"),
    };
    let sequence = snapshot.sequence().0;
    match by_time {
        false => assert_eq!(sequence, asked),
        true => {
            assert!(times.range(..=sequence).all(|(_, time)| *time <= asked_time));
            let next = times.range(sequence + 1..).next().filter(|next| *next.0 <= newest);
            assert!(next.is_none_or(|(_, time)| *time > asked_time), "{next:?} {asked_time}");
        }
    }
    // Marks have times, too, which no model knows: what is there at either of both is right.
    let states = world.model.at(sequence);
    let last = times.range(..=sequence).next_back().map_or(0, |(_, time)| *time);
    let expired = |at: Option<u64>| at.is_some_and(|at| at <= last);
    for (place, name) in NAMES.into_iter().enumerate() {
        let number = states.number(place);
        if !name.is_empty() {
            assert_eq!(snapshot.collection(name), number, "{name}");
        }
        let of_it = states.documents.iter().filter(|((of, _), _)| *of == place);
        for ((_, key), held) in of_it.clone() {
            match snapshot.get(number, key).unwrap() {
                Some(found) => {
                    assert!(!expired(held.expires_at));
                    assert_eq!((found.as_str(), found.version().0), (&*held.json, held.version));
                }
                None => assert!(held.expires_at.is_some()),
            }
        }
        let there = of_it.clone().filter(|((_, key), _)| snapshot.contains(number, key)).count();
        assert_eq!(snapshot.count(number), there as u64);
        check_index(&snapshot, number, of_it);
    }
    let named = snapshot.collections().into_iter().map(|info| info.name.to_string());
    let there = NAMES.into_iter().enumerate().skip(1);
    let there = there.filter(|(place, _)| states.number(*place) != CollectionId::NONE).map(|(_, name)| name);
    assert_eq!(named.collect::<Vec<_>>(), there.collect::<Vec<_>>());
}

/// That an index of a past state, if there is one, finds what there was.
fn check_index<'m>(
    snapshot: &Snapshot,
    collection: CollectionId,
    documents: impl Iterator<Item = (&'m Id, &'m Held)>,
) {
    let path = FieldPath::parse("n").unwrap();
    if snapshot.indexes().iter().any(|index| (index.collection, &index.path) == (collection, &path)) {
        let found = snapshot.find(collection, &path, &json!(3)).unwrap();
        let is_found =
            |id: &Id, held: &Held| held.json.starts_with("{\"n\":3,") && snapshot.contains(collection, &id.1);
        assert_eq!(found.len(), documents.filter(|(id, held)| is_found(id, held)).count());
    }
}
