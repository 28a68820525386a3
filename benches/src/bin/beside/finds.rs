//! Owns the rows of finding keys by the value of an indexed field. Never finds before all answers were compared.

use std::hint::black_box;

use ferrumdb::{Config, FerrumDB, FsyncPolicy, Transaction};
use ferrumdb_benches::measure::time;
use ferrumdb_benches::workload::{Numbers, Workload};
use serde_json::Value;

use crate::existing::Existing;
use crate::rows::{Row, Side, Unit};
use crate::{Result, Settings};

/// A field whose every value one document holds.
const ALONE: &str = "email";
/// A field whose every value is held by [`TEAM_SIZE`] documents.
const TEAM: &str = "team";
const TEAM_SIZE: usize = 10_000;
/// How many keys a round finds for each document there is, with each of the two fields.
const FOUND_ALONE: usize = 2;
const FOUND_IN_TEAMS: usize = 50;

/// One key and 10,000 keys.
pub(crate) fn by_index(settings: &Settings) -> Result<Vec<Row>> {
    let teams = (settings.documents / TEAM_SIZE).max(1);
    let workload = workload(settings.documents, teams);
    let folder = settings.folder.path().join("finds");
    std::fs::create_dir(&folder)?;
    let db =
        FerrumDB::open(Config::new(folder.join("ferrum.db")).with_fsync_policy(FsyncPolicy::Never)).wait()?;
    let pairs = workload.keys.iter().zip(&workload.documents);
    let fill = pairs.fold(Transaction::new(), |fill, (key, document)| fill.set(key.as_str(), document));
    db.commit(fill).wait()?;
    db.create_index(ALONE).wait()?;
    db.create_index(TEAM).wait()?;
    let existing = Existing::filled(&folder.join("existing.db"), &workload, &[ALONE, TEAM])?;

    let alone: Vec<&Value> = workload.documents.iter().map(|document| &document[ALONE]).collect();
    let team: Vec<&Value> = workload.documents[..teams].iter().map(|document| &document[TEAM]).collect();
    check(&db, &existing, ALONE, &alone, &workload)?;
    check(&db, &existing, TEAM, &team, &workload)?;
    let held = settings.documents / teams;
    let mut rows = vec![row(settings, 1, 1.0), row(settings, held, 2.0)];
    // One row after the other: the answers of the second leave the allocator in pieces.
    for round in 0..settings.rounds {
        let finds = settings.documents * FOUND_ALONE;
        compare(&mut rows[0], &db, &existing, ALONE, &random(&alone, finds, round))?;
    }
    for round in 0..settings.rounds {
        let finds = (settings.documents * FOUND_IN_TEAMS).div_ceil(held);
        compare(&mut rows[1], &db, &existing, TEAM, &random(&team, finds, round))?;
    }
    db.close().wait()?;
    drop(existing);
    std::fs::remove_dir_all(&folder)?;
    Ok(rows)
}

fn row(settings: &Settings, held: usize, bar: f64) -> Row {
    let keys = if held == 1 { "1 key".to_owned() } else { format!("{held} keys") };
    Row {
        workload: format!("find {keys} among {} documents, indexed", settings.documents),
        durability: "",
        peer: "the registry's ferrumdb 0.2.1",
        unit: Unit::Rate,
        ours: Side::default(),
        theirs: Side::default(),
        bar: Some(bar),
    }
}

fn workload(documents: usize, teams: usize) -> Workload {
    let mut workload = Workload::new(documents, 0);
    for (number, document) in workload.documents.iter_mut().enumerate() {
        document[TEAM] = format!("team {:02}", number % teams).into();
    }
    workload
}

/// The values of one round, the same for both stores.
fn random<'v>(values: &[&'v Value], count: usize, round: usize) -> Vec<&'v Value> {
    let mut numbers = Numbers::new(round as u64);
    (0..count).map(|_| values[numbers.below(values.len())]).collect()
}

/// Times the same finds in both stores, each until its answer is given back.
fn compare(row: &mut Row, db: &FerrumDB, existing: &Existing, field: &str, values: &[&Value]) -> Result<()> {
    let (found, took) = time(|| -> Result<usize> {
        let mut found = 0;
        for value in values {
            found += black_box(db.find(field, value)?).len();
        }
        Ok(found)
    });
    let ours = found?;
    row.ours.rate(values.len(), took);
    let mut theirs = 0;
    let ((), took) = time(|| {
        existing.find_all(field, values.iter().copied(), |keys| theirs += black_box(keys).len());
    });
    row.theirs.rate(values.len(), took);
    if ours == theirs { Ok(()) } else { Err("a store found another number of keys".into()) }
}

/// Both find exactly the keys of the documents that hold each value.
fn check(
    db: &FerrumDB,
    existing: &Existing,
    field: &str,
    values: &[&Value],
    workload: &Workload,
) -> Result<()> {
    let mut answers = Vec::with_capacity(values.len());
    existing.find_all(field, values.iter().copied(), |mut keys| {
        keys.sort_unstable();
        answers.push(keys);
    });
    for (number, (value, theirs)) in values.iter().zip(answers).enumerate() {
        let mut ours: Vec<String> = db.find(field, value)?.iter().map(ToString::to_string).collect();
        ours.sort_unstable();
        // The values are those of the first documents, and come again in their order.
        let wanted = workload.keys.iter().skip(number).step_by(values.len());
        if !ours.iter().eq(wanted) || ours != theirs {
            return Err(format!("a store finds other keys by `{field}`").into());
        }
    }
    Ok(())
}
