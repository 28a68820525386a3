//! Random histories: whatever happened, a database opens alike with and without its hint.

use ferrumdb_engine::{
    CollectionId, Durability, EncodedDocument, FieldPath, HintTask, Key, Limits, Timestamp,
};
use proptest::prelude::*;
use serde_json::json;

use super::{Database, FIELDS, OTHER, ROOT, compare, field};

/// The indexes that come and go.
const INDEXES: [(CollectionId, &str); 4] = [(ROOT, "n"), (OTHER, "n"), (ROOT, "n.x"), (ROOT, "k")];

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Set { other: bool, key: u8, field: Option<usize>, expires: Option<u64>, synced: bool },
    Delete { other: bool, key: u8 },
    Expire { key: u8, expires: Option<u64> },
    Wait { milliseconds: u64 },
    Purge,
    Mark,
    Index(usize),
    BeginHint,
    RunHint,
    Reopen(Ending),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    Close,
    Kill,
    PowerCut,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let expires = || proptest::option::of(0..500_u64);
    let step = prop_oneof![
        8 => (any::<bool>(), 0..12_u8, proptest::option::weighted(0.9, 0..FIELDS), expires(), any::<bool>())
            .prop_map(|(other, key, field, expires, synced)| Step::Set { other, key, field, expires, synced }),
        4 => (any::<bool>(), 0..12_u8).prop_map(|(other, key)| Step::Delete { other, key }),
        2 => (0..12_u8, expires()).prop_map(|(key, expires)| Step::Expire { key, expires }),
        2 => (1..200_u64).prop_map(|milliseconds| Step::Wait { milliseconds }),
        1 => Just(Step::Purge),
        1 => Just(Step::Mark),
        2 => (0..INDEXES.len()).prop_map(Step::Index),
        3 => Just(Step::BeginHint),
        3 => Just(Step::RunHint),
        2 => prop_oneof![Just(Ending::Close), Just(Ending::Kill), Just(Ending::PowerCut)].prop_map(Step::Reopen),
    ];
    proptest::collection::vec(step, 1..60)
}

/// Carries out one step; `task` is a hint that was begun and not written yet.
pub(crate) fn take_step(
    database: &mut Database,
    task: &mut Option<HintTask>,
    step: &Step,
    number: usize,
    now: u64,
) {
    let at = |expires: Option<u64>| expires.map(|after| Timestamp(now + after));
    let durability = |synced| if synced { Durability::Synced } else { Durability::Appended };
    let key = |key: u8| Key::from("k".repeat(usize::from(key) * 3));
    match *step {
        Step::Set { other, key: name, field: value, expires, synced } => {
            database.commit(durability(synced), |transaction| {
                let fields = match value {
                    Some(value) => json!({"n": field(value), "k": number}),
                    None => json!({"k": number}),
                };
                let document = EncodedDocument::from_serialize(&fields, &Limits::default()).unwrap();
                transaction.set(if other { OTHER } else { ROOT }, key(name), document, at(expires));
            })
        }
        Step::Delete { other, key: name } => database.commit(Durability::Appended, |transaction| {
            transaction.delete(if other { OTHER } else { ROOT }, key(name));
        }),
        Step::Expire { key: name, expires } => database.commit(Durability::Appended, |transaction| {
            transaction.expire(ROOT, key(name), at(expires));
        }),
        Step::Purge => {
            database.writer.purge_expired(3, Durability::Appended).unwrap();
        }
        Step::Mark => database.writer.append_sync_mark().unwrap(),
        Step::Index(index) => {
            let (collection, path) = INDEXES[index];
            let path = FieldPath::parse(path).unwrap();
            match database.writer.begin_index(collection, path.clone()) {
                Ok(mut build) => {
                    build.run().unwrap();
                    let round = database.writer.index_round(&build);
                    database.writer.install_index(build, round, Durability::Appended).unwrap();
                }
                Err(_) => drop(database.writer.drop_index(collection, &path, Durability::Appended).unwrap()),
            }
        }
        Step::BeginHint => *task = database.writer.begin_hint(),
        Step::RunHint => {
            if let Some(task) = task.take() {
                let ready = task.is_ready();
                assert_eq!(task.run().is_ok(), ready);
            }
        }
        Step::Wait { .. } | Step::Reopen(_) => unreachable!("the caller does these"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn every_history_opens_alike_with_and_without_hints(steps in steps(), seed in any::<u64>()) {
        let mut now = 1_000;
        let mut database = Database::new(seed);
        let mut task = None;
        for (number, step) in steps.iter().enumerate() {
            let ending = match step {
                Step::Wait { milliseconds } => {
                    now += milliseconds;
                    database.clock.set(Timestamp(now));
                    continue;
                }
                Step::Reopen(ending) => *ending,
                step => {
                    take_step(&mut database, &mut task, step, number, now);
                    continue;
                }
            };
            let before = database.see();
            let Database { writer, sim, .. } = database;
            match ending {
                Ending::Close => writer.close().unwrap(),
                Ending::Kill => drop(writer),
                Ending::PowerCut => {
                    sim.crash();
                    task = None;
                }
            }
            // Otherwise, a hint that was begun before may be finished while the database is open anew.
            let (seen, report) = compare(&sim, Timestamp(now));
            let hinted = report.hint.unwrap_or_default();
            prop_assert_eq!(report.commits, seen.sequence.0 - hinted.0);
            if !matches!(ending, Ending::PowerCut) {
                prop_assert_eq!(&seen.documents, &before.documents);
            }
            database = Database::open(&sim, Timestamp(now)).unwrap();
        }
    }
}
