//! Owns the rows of indexes beside SQLite: overwrites that change what two indexes hold, and building an index. Never
//! counts a round whose answers were not compared.

use std::path::Path;

use ferrumdb::{Config, FerrumDB, FsyncPolicy, Transaction};
use ferrumdb_benches::measure::time;
use ferrumdb_benches::workload::{Numbers, Workload};
use serde_json::Value;

use crate::rows::{Row, Side, Unit};
use crate::sqlite::{self, DURABILITY, Sqlite};
use crate::{Result, Settings, writes};

/// The fields of which every overwrite changes the value.
const CHANGING: [&str; 2] = ["age", "score"];
/// The fields on which an index is built: each document with a value of its own, and 60 values in all.
const BUILT: [&str; 2] = ["email", "age"];

/// Overwrites all documents in a random order, each waited for, with two indexes.
pub(crate) fn overwrites(settings: &Settings) -> Result<Vec<Row>> {
    let first = Workload::new(settings.documents, 0);
    let second = Workload::new(settings.documents, 1);
    let order = writes::order(settings.documents);
    let (mut ours, mut theirs) = (Side::default(), Side::default());
    for round in 0..settings.rounds {
        let folder = settings.folder.path().join(format!("indexed-{round}"));
        std::fs::create_dir(&folder)?;
        let connection = sqlite::open(&folder.join("sqlite.db"))?;
        let mut sqlite = Sqlite::new(&connection)?;
        let db = filled(&folder, &mut sqlite, &first)?;
        for field in CHANGING {
            db.create_index(field).wait()?;
            sqlite.create_index(field)?;
        }
        check(&db, &sqlite, &first, &CHANGING)?;
        writes::run(&mut ours, &second, order.iter().copied(), |key, document| {
            db.set(key, document).wait()?;
            Ok(())
        })?;
        writes::run(&mut theirs, &second, order.iter().copied(), |key, document| sqlite.set(key, document))?;
        check(&db, &sqlite, &second, &CHANGING)?;
        db.close().wait()?;
        drop(sqlite);
        drop(connection);
        std::fs::remove_dir_all(&folder)?;
    }
    Ok(vec![Row {
        workload: format!("overwrite {} documents, two indexes change", settings.documents),
        durability: DURABILITY,
        peer: "SQLite, a transaction each",
        unit: Unit::Rate,
        ours,
        theirs,
        bar: Some(4.0),
    }])
}

/// Builds an index over documents that are there.
pub(crate) fn building(settings: &Settings) -> Result<Vec<Row>> {
    let workload = Workload::new(settings.documents, 0);
    let folder = settings.folder.path().join("index");
    std::fs::create_dir(&folder)?;
    let connection = sqlite::open(&folder.join("sqlite.db"))?;
    let mut sqlite = Sqlite::new(&connection)?;
    let db = filled(&folder, &mut sqlite, &workload)?;
    let mut rows = Vec::new();
    for field in BUILT {
        let (mut ours, mut theirs) = (Side::default(), Side::default());
        for _ in 0..settings.rounds {
            let (created, took) = time(|| db.create_index(field).wait());
            created?;
            ours.seconds(took);
            let (created, took) = time(|| sqlite.create_index(field));
            created?;
            theirs.seconds(took);
            check(&db, &sqlite, &workload, &[field])?;
            db.drop_index(field).wait()?;
            sqlite.drop_index(field)?;
        }
        rows.push(Row {
            workload: format!("create_index(\"{field}\") over {} documents", settings.documents),
            durability: DURABILITY,
            peer: "SQLite, CREATE INDEX",
            unit: Unit::Seconds,
            ours,
            theirs,
            bar: Some(1.0),
        });
    }
    db.close().wait()?;
    drop(sqlite);
    drop(connection);
    std::fs::remove_dir_all(&folder)?;
    Ok(rows)
}

/// Both stores with these documents and no index.
fn filled(folder: &Path, sqlite: &mut Sqlite<'_>, workload: &Workload) -> Result<FerrumDB> {
    let config = Config::new(folder.join("ferrum.db")).with_fsync_policy(FsyncPolicy::Never);
    let db = FerrumDB::open(config).wait()?;
    let pairs = workload.keys.iter().zip(&workload.documents);
    let fill = pairs.fold(Transaction::new(), |fill, (key, document)| fill.set(key.as_str(), document));
    db.commit(fill).wait()?;
    sqlite.fill(&workload.keys, &workload.documents)?;
    Ok(db)
}

/// Both stores hold exactly these documents, of which a thousand are compared, and find the right keys by the values
/// of a hundred of them in each of these fields.
fn check(db: &FerrumDB, sqlite: &Sqlite<'_>, workload: &Workload, fields: &[&str]) -> Result<()> {
    let count = workload.len();
    if db.count()? != count as u64 || sqlite.count()? != count as u64 {
        return Err("a store holds another number of documents".into());
    }
    let indexes = db.indexes()?;
    if indexes.len() != fields.len() || indexes.iter().any(|index| index.entries != count as u64) {
        return Err("an index does not hold every document".into());
    }
    let mut numbers = Numbers::new(4);
    for _ in 0..1000 {
        let number = numbers.below(count);
        let (key, document) = (&workload.keys[number], &workload.documents[number]);
        let found = db.get(key)?.ok_or("a document is missing in FerrumDB")?;
        if found.value() != document || sqlite.get(key)?.as_ref() != Some(document) {
            return Err(format!("a store holds another document under {key}").into());
        }
    }
    for field in fields {
        for _ in 0..100 {
            let value = &workload.documents[numbers.below(count)][*field];
            check_find(db, sqlite, workload, field, value)?;
        }
    }
    Ok(())
}

fn check_find(
    db: &FerrumDB,
    sqlite: &Sqlite<'_>,
    workload: &Workload,
    field: &str,
    value: &Value,
) -> Result<()> {
    let pairs = workload.keys.iter().zip(&workload.documents);
    // The keys of a workload ascend.
    let wanted: Vec<&String> =
        pairs.filter(|(_, document)| document[field] == *value).map(|(key, _)| key).collect();
    let mut ours: Vec<String> = db.find(field, value)?.iter().map(ToString::to_string).collect();
    ours.sort_unstable();
    if !ours.iter().eq(wanted.iter().copied()) || !sqlite.find(field, value)?.iter().eq(wanted) {
        return Err(format!("a store finds other keys by `{field}`").into());
    }
    Ok(())
}
