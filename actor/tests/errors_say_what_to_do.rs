//! Owns the proof that bad input is refused at once, by kind, by key, in a sentence, and changes nothing. Never
//! tests what the engine's own tests do.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use ferrumdb::{Config, ErrorKind, FerrumDB, Limits, Transaction};
use serde_json::json;

#[test]
fn values_that_cannot_be_kept_are_refused_with_their_key() {
    let db = FerrumDB::open_in_memory().wait().unwrap();
    let numbered_keys = BTreeMap::from([((1, 2), "a pair is no key")]);
    for (pending, kind) in [
        (db.set("k", f64::NAN), ErrorKind::NotSerializable),
        (db.set("k", numbered_keys), ErrorKind::NotSerializable),
        (db.set_raw("k", "{\"a\":1,\"a\":2}"), ErrorKind::InvalidJson),
        (db.set_raw("k", b"\xff"), ErrorKind::InvalidJson),
        (db.set_raw("k", ""), ErrorKind::InvalidJson),
    ] {
        assert!(pending.is_accepted());
        let error = pending.wait().unwrap_err();
        assert_eq!((error.kind(), error.key().map(|key| key.as_str())), (kind, Some("k")), "{error}");
        assert!(error.to_string().starts_with("key \"k\": "), "{error}");
    }
    assert_eq!(db.count().unwrap(), 0);
    assert_eq!(db.metrics().errors, 5);
}

#[test]
fn a_transaction_reports_its_first_bad_value_and_changes_nothing() {
    let db = FerrumDB::open_in_memory().wait().unwrap();
    let transaction = Transaction::new()
        .set("good", 1)
        .set("bad", f64::INFINITY)
        .set_raw("worse", "nonsense")
        .delete("good");
    let error = db.commit(transaction).wait().unwrap_err();
    assert_eq!((error.kind(), error.key().unwrap().as_str()), (ErrorKind::NotSerializable, "bad"));
    assert!(!db.contains("good").unwrap());
}

#[test]
fn every_limit_is_checked_on_every_way_in() {
    let limits = Limits {
        key_bytes_max: 8,
        document_bytes_max: 100,
        depth_max: 3,
        transaction_operations_max: 3,
        transaction_bytes_max: 150,
    };
    let db = FerrumDB::open(Config::in_memory().with_limits(limits)).wait().unwrap();
    let (long, deep, large) = ("k".repeat(9), json!([[[[]]]]), "x".repeat(100));
    let one = |transaction: Transaction| db.commit(transaction).wait().map(drop_it);
    for (number, result) in [
        db.set(long.as_str(), 1).wait().map(drop_it),
        db.delete(long.as_str()).wait().map(drop_it),
        one(Transaction::new().set(long.as_str(), 1)),
        db.set("k", &deep).wait().map(drop_it),
        db.set_raw("k", "[[[[]]]]").wait().map(drop_it),
        one(Transaction::new().set("k", &deep)),
        one(Transaction::new().set("fine", 1).set_raw("k", "[[[[]]]]")),
        db.set("k", &large).wait().map(drop_it),
        one(Transaction::new().set("k", &large)),
        one(Transaction::new().delete("1").delete("2").delete("3").delete("4")),
        one(Transaction::new().set("a", &large[..80]).set("b", &large[..80])),
    ]
    .into_iter()
    .enumerate()
    {
        let error = result.expect_err(&format!("case {number} was let through"));
        assert_eq!(error.kind(), ErrorKind::TooLarge, "case {number}: {error}");
    }
    db.set("k", json!([[[]]])).wait().unwrap();
    assert_eq!(db.count().unwrap(), 1);
}

#[test]
fn a_document_of_another_shape_names_its_key() {
    let db = FerrumDB::open_in_memory().wait().unwrap();
    db.set("k", json!({"a": 1})).wait().unwrap();
    let error = db.get_as::<Vec<u8>>("k").unwrap_err();
    assert_eq!((error.kind(), error.key().unwrap().as_str()), (ErrorKind::TypeMismatch, "k"));
}

#[test]
fn a_long_key_does_not_make_a_long_message() {
    let db = FerrumDB::open_in_memory().wait().unwrap();
    let error = db.set("é".repeat(10_000), f64::NAN).wait().unwrap_err();
    assert!(error.to_string().len() < 500);
    assert_eq!(error.key().unwrap().len(), 20_000);
}

#[test]
fn paths_that_cannot_be_a_database_have_an_error_each() {
    let folder = tempfile::tempdir().unwrap();
    let kind = |path: &std::path::Path| FerrumDB::open(path).wait().unwrap_err().kind();
    assert_eq!(kind(folder.path()), ErrorKind::IsADirectory);
    assert_eq!(kind(&folder.path().join("missing/data.db")), ErrorKind::NoSuchFolder);
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "these are my notes, and they are no database").unwrap();
    assert_eq!(kind(&text), ErrorKind::NotADatabase);
    assert_eq!(std::fs::read_to_string(&text).unwrap(), "these are my notes, and they are no database");
}

fn drop_it<T>(_: T) {}
