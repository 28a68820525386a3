//! A glance at a file tells the keys, collections and indexes that its owner knows, whatever the hint has of them, and opens
//! nothing. Never looks at documents.
#![allow(clippy::unwrap_used, reason = "a test may fail this way")]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ferrumdb::{Config, ErrorKind, FerrumDB, FsyncPolicy, Glance, ManualClock, Result, Timestamp};
use tempfile::tempdir;

const KEY: [u8; 32] = [7; 32];

fn config(path: &Path, is_sealed: bool) -> Config {
    let config = Config::new(path).with_fsync_policy(FsyncPolicy::Never);
    if is_sealed { config.with_encryption(KEY) } else { config }
}

fn keys(config: Config, collection: Option<&str>, prefix: &str) -> BTreeSet<String> {
    let mut keys = Vec::new();
    assert!(Glance::keys(config, collection, prefix, |key| keys.push(key.to_owned())).unwrap());
    let told: BTreeSet<String> = keys.iter().cloned().collect();
    assert_eq!(told.len(), keys.len(), "each is told once");
    told
}

/// Compares a glance with what the owner tells.
fn compare(db: &FerrumDB, config: &Config, step: usize) -> Result<()> {
    let names = Glance::names(config.clone())?.expect("the file is small");
    let collections = db.collections()?;
    let named: Vec<_> = collections.iter().map(|collection| &collection.name).collect();
    assert_eq!(names.collections().collect::<Vec<_>>(), named, "step {step}");
    for name in [None].into_iter().chain(named.into_iter().map(|name| Some(&**name))) {
        let used = match name {
            Some(name) => db.collection(name)?,
            None => (**db).clone(),
        };
        let mut fields: Vec<_> = used.indexes()?.into_iter().map(|index| index.path.to_string()).collect();
        let mut told: Vec<_> = names.indexes(name).map(ToString::to_string).collect();
        fields.sort();
        told.sort();
        assert_eq!(told, fields, "step {step}, {name:?}");
        for prefix in ["", "k1", "k2", "none"] {
            let known = used.prefix(prefix)?.keys().map(String::from).collect();
            assert_eq!(keys(config.clone(), name, prefix), known, "step {step}, {name:?}, {prefix:?}");
        }
    }
    Ok(())
}

/// Does one of the things that change which names there are; the next number decides which.
fn change(db: FerrumDB, config: &Config, path: &Path, number: usize) -> Result<FerrumDB> {
    let name = ["one", "two"][number / 16 % 2];
    let used = if number.is_multiple_of(3) { (*db).clone() } else { db.collection(name)? };
    let key = format!("k{}", number / 7 % 40);
    match number / 64 % 16 {
        0..=6 => drop(used.set(key, number).wait()?),
        7 => drop(used.set_ex(key, number, Duration::from_millis(1 + number as u64 % 20)).wait()?),
        8..=10 => drop(used.delete(key).wait()?),
        11 if db.collections()?.iter().any(|collection| *collection.name == *name) => {
            assert!(db.drop_collection(name).wait()?);
        }
        12 if used.indexes()?.is_empty() => drop(used.create_index("n").wait()?),
        13 if !used.indexes()?.is_empty() => drop(used.drop_index("n").wait()?),
        14 => drop(db.compact().wait()?),
        15 => {
            db.close().wait()?;
            if number.is_multiple_of(2) {
                let _ = std::fs::remove_file(path.with_extension("db.hint"));
            }
            return FerrumDB::open(config.clone()).wait();
        }
        _ => {}
    }
    Ok(db)
}

#[test]
fn after_any_history_a_glance_tells_what_the_owner_does() -> Result<()> {
    for is_sealed in [false, true] {
        let folder = tempdir().unwrap();
        let path = folder.path().join("my.db");
        let clock = ManualClock::new(Timestamp(1_000_000));
        let config = config(&path, is_sealed).with_clock(Arc::new(clock.clone()));
        let mut db = FerrumDB::open(config.clone()).wait()?;
        let mut number = 1_usize;
        for step in 0..240 {
            // A generator whose numbers are the same in each run.
            number = number.wrapping_mul(25_214_903_917).wrapping_add(11) % (1 << 40);
            clock.set(Timestamp(1_000_000 + step as u64));
            db = change(db, &config, &path, number >> 12)?;
            if step % 6 == 0 {
                compare(&db, &config, step)?;
            }
        }
        db.close().wait()?;
        let before = std::fs::read(&path).unwrap();
        let db = FerrumDB::open(config.clone().read_only()).wait()?;
        compare(&db, &config, 240)?;
        db.close().wait()?;
        assert_eq!(std::fs::read(&path).unwrap(), before, "and changes nothing");
    }
    Ok(())
}

#[test]
fn without_the_key_or_a_database_a_glance_is_refused() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("my.db");
    let kind = |glanced: Result<Option<Glance>>| glanced.map(drop).unwrap_err().kind();
    assert_eq!(kind(Glance::names(&path)), ErrorKind::Io);
    FerrumDB::open(config(&path, true)).wait().unwrap().close().wait().unwrap();
    assert_eq!(kind(Glance::names(&path)), ErrorKind::KeyNeeded);
    assert_eq!(kind(Glance::names(Config::new(&path).with_encryption([8; 32]))), ErrorKind::WrongKey);
    std::fs::write(&path, "no database").unwrap();
    assert_eq!(kind(Glance::names(&path)), ErrorKind::NotADatabase);
}
