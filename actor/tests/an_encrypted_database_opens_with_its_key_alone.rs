//! Owns the proof that each thing that may be wrong with a key is told as what it is, and that a key is shown nowhere.
//! Never tests what the engine's own tests do.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use ferrumdb::{Config, EncryptionKey, ErrorKind, FerrumDB, Transaction};
use serde_json::json;

const KEY: [u8; 32] = *b"a key of thirty-two plain bytes!";
const PHRASE: &str = "eleven purple lighthouses";

fn refused(config: Config) -> ErrorKind {
    let error = FerrumDB::open(config).wait().unwrap_err();
    assert_holds_no_key(&format!("{error} {error:?}"));
    error.kind()
}

fn assert_holds_no_key(text: &str) {
    let numbers = format!("{:?}", &KEY[..4]);
    let hex: String = KEY[..4].iter().map(|byte| format!("{byte:02x}")).collect();
    for needle in ["thirty-two", &numbers[1..numbers.len() - 1], &hex, "lighthouses"] {
        assert!(!text.contains(needle), "{text}");
    }
}

/// CRC-32 of bytes, as if `before` were that of what came before.
fn crc(before: u32, bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!before, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}

fn filled(path: &Path) -> Config {
    let config = Config::new(path).with_encryption(KEY).with_cache_bytes(0);
    let db = FerrumDB::open(config.clone()).wait().unwrap();
    db.set("user:1", json!({"name": "alice"})).wait().unwrap();
    db.set("user:2", json!({"name": "bob"})).wait().unwrap();
    db.close().wait().unwrap();
    config
}

#[test]
fn each_wrong_key_is_told_as_what_it_is_and_the_file_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret.db");
    let config = filled(&path);
    let before = std::fs::read(&path).unwrap();
    assert_eq!(refused(Config::new(&path)), ErrorKind::KeyNeeded);
    assert_eq!(refused(Config::new(&path).with_encryption([1; 32])), ErrorKind::WrongKey);
    assert_eq!(refused(Config::new(&path).with_passphrase(PHRASE)), ErrorKind::WrongKey);
    assert_eq!(std::fs::read(&path).unwrap(), before);
    let db = FerrumDB::open(config).wait().unwrap();
    assert_eq!(db.get("user:1").unwrap().unwrap(), json!({"name": "alice"}));
    db.close().wait().unwrap();

    let plain = folder.path().join("plain.db");
    let db = FerrumDB::open(&plain).wait().unwrap();
    db.set("a", 1).wait().unwrap();
    let error = db.rekey(EncryptionKey::from_bytes(KEY)).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotEncrypted);
    db.set("b", 2).wait().unwrap();
    db.close().wait().unwrap();
    let before = std::fs::read(&plain).unwrap();
    assert_eq!(refused(Config::new(&plain).with_encryption(KEY)), ErrorKind::NotEncrypted);
    assert_eq!(std::fs::read(&plain).unwrap(), before);
}

#[test]
fn a_key_is_in_no_debug_output() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret.db");
    let config = filled(&path);
    assert_holds_no_key(&format!("{config:?} {config:#?}"));
    let phrase = Config::new(folder.path().join("phrase.db")).with_passphrase(PHRASE);
    assert_holds_no_key(&format!("{phrase:?} {phrase:#?}"));
    let db = FerrumDB::open(config).wait().unwrap();
    assert_holds_no_key(&format!("{db:?} {:?} {:?}", db.stats().unwrap(), db.metrics()));
}

#[test]
fn a_record_that_was_changed_under_right_checksums_is_told_as_tampering() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret.db");
    let config = filled(&path);
    let mut bytes = std::fs::read(&path).unwrap();
    // The first record's sealed payload; its checksums and those of its head are made right again below.
    bytes[8192 + 40 + 13] ^= 1;
    let seed = crc(0, &[&bytes[48..64], &1_u64.to_le_bytes()].concat()) ^ 8192;
    let payload_bytes = u32::from_le_bytes(bytes[8196..8200].try_into().unwrap()) as usize;
    let payload_checksum = crc(seed, &bytes[8232..8232 + payload_bytes]).to_le_bytes();
    bytes[8220..8224].copy_from_slice(&payload_checksum);
    let head_checksum = crc(seed, &bytes[8192..8228]).to_le_bytes();
    bytes[8228..8232].copy_from_slice(&head_checksum);
    std::fs::write(&path, &bytes).unwrap();
    // With its hint, the database opens, and the record is told when it is read.
    let db = FerrumDB::open(config.clone()).wait().unwrap();
    let error = db.get("user:1").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tampered, "{error}");
    assert_eq!(db.get("user:2").unwrap().unwrap(), json!({"name": "bob"}));
}

#[test]
fn a_key_changed_beside_compactions_and_commits_is_the_one_that_opens() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret.db");
    let config = filled(&path);
    let mut key = KEY;
    for round in 0..8_u8 {
        let db = FerrumDB::open(config.clone().with_encryption(key)).wait().unwrap();
        for number in 0..40 {
            let names = (0..50).map(|name| format!("{name}"));
            let transaction =
                names.fold(Transaction::new(), |all, name| all.set(name.as_str(), json!([round, number])));
            drop(db.commit(transaction));
        }
        let compaction = db.compact();
        assert!(compaction.is_accepted());
        key = [round; 32];
        let rekeyed = db.rekey(EncryptionKey::from_bytes(key));
        compaction.wait().unwrap();
        rekeyed.wait().unwrap();
        assert_eq!(db.get("7").unwrap().unwrap(), json!([round, 39]));
        db.close().wait().unwrap();
        let old = if round == 0 { KEY } else { [round - 1; 32] };
        assert_eq!(refused(Config::new(&path).with_encryption(old)), ErrorKind::WrongKey);
    }
}
