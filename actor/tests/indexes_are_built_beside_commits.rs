//! Holds that an index is built while reads and writes go on, is right from its first answer, and can be given up.

#![allow(clippy::unwrap_used)] // A test may panic.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ferrumdb::{ErrorKind, FerrumDB, FieldPath, Transaction};
use serde_json::json;

fn filled(documents: u64) -> FerrumDB {
    let db = FerrumDB::open_in_memory().wait().unwrap();
    for start in (0..documents).step_by(1_000) {
        let add = |transaction: Transaction, n: u64| {
            transaction.set(format!("k{n}"), json!({"n": n % 10, "at": {"city": n % 3}}))
        };
        db.commit((start..documents.min(start + 1_000)).fold(Transaction::new(), add)).wait().unwrap();
    }
    db
}

#[test]
fn an_index_is_right_though_everything_changes_while_it_is_built() {
    let db = filled(20_000);
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..2)
        .map(|writer| {
            let (db, stop) = (db.clone(), Arc::clone(&stop));
            std::thread::spawn(move || {
                let mut round = 0_u64;
                while !stop.load(Ordering::Relaxed) {
                    round += 1;
                    let key = format!("k{}", (round * 7 + writer) % 20_000);
                    match round % 5 {
                        0 => drop(db.delete(key).wait().unwrap()),
                        step => drop(db.set(key, json!({"n": step})).wait().unwrap()),
                    }
                }
            })
        })
        .collect();
    let creations = [db.create_index("n"), db.create_index("at.city")];
    let sequences = creations.map(|creation| creation.wait().unwrap());
    assert!(sequences[0] != sequences[1]);
    stop.store(true, Ordering::Relaxed);
    writers.into_iter().for_each(|writer| writer.join().unwrap());

    assert_eq!(db.indexes().unwrap().len(), 2);
    let mut found = 0;
    for n in 0..10 {
        for (key, document) in db.find_documents("n", &json!(n)).unwrap() {
            assert_eq!(document.value()["n"], json!(n), "{key}");
            found += 1;
        }
    }
    assert_eq!(found, db.count().unwrap(), "every document has one number from 0 to 9");
    let missing = db.find("at.city", &json!(null)).unwrap().len();
    let cities: usize = (0..3).map(|city| db.find("at.city", &json!(city)).unwrap().len()).sum();
    assert_eq!((missing + cities) as u64, db.count().unwrap());
}

#[test]
fn an_index_comes_back_with_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("indexed.db");
    let db = FerrumDB::open(&path).wait().unwrap();
    db.set("a", json!({"role": "admin", "a.b": 1})).wait().unwrap();
    db.create_index("role").wait().unwrap();
    db.create_index(FieldPath::from_segments(["a.b"]).unwrap()).wait().unwrap();
    db.close().wait().unwrap();
    let db = FerrumDB::open(&path).wait().unwrap();
    assert_eq!(db.find("role", &json!("admin")).unwrap(), ["a"]);
    assert_eq!(db.find(FieldPath::from_segments(["a.b"]).unwrap(), &json!(1.0)).unwrap(), ["a"]);
    assert_eq!(db.indexes().unwrap().iter().map(|index| index.uses).collect::<Vec<_>>(), [1, 1]);
    db.drop_index("role").wait().unwrap();
    assert_eq!(db.drop_index("role").wait().unwrap_err().kind(), ErrorKind::NoSuchIndex);
    assert_eq!(db.find("role", &json!("admin")).unwrap(), ["a"], "every document is looked at");
    drop(db);
    assert_eq!(FerrumDB::open(&path).wait().unwrap().indexes().unwrap().len(), 1);
}

#[test]
fn a_second_index_on_a_field_is_refused_and_a_path_without_end_too() {
    let db = filled(10);
    db.create_index("n").wait().unwrap();
    assert_eq!(db.create_index("n").wait().unwrap_err().kind(), ErrorKind::IndexExists);
    let endless = vec!["a"; 33].join(".");
    assert_eq!(db.create_index(endless.as_str()).wait().unwrap_err().kind(), ErrorKind::InvalidPath);
    assert_eq!(db.find(endless.as_str(), &json!(1)).unwrap_err().kind(), ErrorKind::InvalidPath);
}

#[test]
fn a_build_is_given_up_when_its_index_is_dropped_or_the_database_closes() {
    let db = filled(50_000);
    let creation = db.create_index("n");
    let dropped = db.drop_index("n").wait();
    match creation.wait() {
        // Dropping came first, while it was being built.
        Err(error) => assert_eq!((error.kind(), dropped.is_ok()), (ErrorKind::Cancelled, true)),
        Ok(_) => assert!(dropped.is_ok() || db.indexes().unwrap().len() == 1),
    }
    let creation = db.create_index("at.city");
    db.close().wait().unwrap();
    if let Err(error) = creation.wait() {
        assert!(matches!(error.kind(), ErrorKind::Cancelled | ErrorKind::Closed), "{error}");
    }
}
