//! Owns the golden files with which nothing is wrong: closed, killed, compacted, encrypted, backed up. Never damages one.

use std::time::Duration;

use ferrumdb::{History, Sequence};
use ferrumdb_proptests::golden::{Found, GoldenKey, Opening, Restored};
use serde_json::{Value, json};

use crate::making::{Change, Golden, Making, TICK, done};

use Change::{Delete, Expire, Persist, Set, SetFor};

/// As far as documents of `ttl` are gone when it is opened.
const LATER: u64 = 5_000 * TICK;

pub(crate) fn all() -> Vec<Golden> {
    vec![
        empty(),
        plain(),
        plain_killed(),
        changes(),
        expiring(),
        expired_and_deleted(),
        indexed(),
        indexed_killed(),
        collections(),
        collections_compacted(),
        compacted(),
        compacted_history(),
        compacted_versions(),
        compacted_killed(),
        encrypted(),
        encrypted_by_passphrase(),
        encrypted_killed(),
        encrypted_compacted(),
        backup(Making::new("backup")),
        backup(Making::encrypted("encrypted-backup", GoldenKey::Bytes(9))),
    ]
}

/// Some documents of every kind.
pub(crate) fn fill(making: &mut Making) -> &mut Making {
    let users = [("user:1", r#"{"name":"alice","age":31}"#), ("user:2", r#"{"name":"bob","age":17}"#)];
    making.set("a", "1").set(users[0].0, users[0].1).set(users[1].0, users[1].1);
    making.commit(&[Set("b", "[1,2,3]"), Set("c", "null"), Delete("a")]).set("d", r#""text""#)
}

fn empty() -> Golden {
    Making::new("empty").closed("A database without a document, closed.").alone()
}

fn plain() -> Golden {
    let mut making = Making::new("plain");
    let numbers = "[0,-0,1.50,1e3,9007199254740993,18446744073709551615,-9223372036854775808,0.1]";
    let nested = r#"{"a":{"b":[{"c":[[],{}]},true,false,null]},"":"","z":1,"a b":2}"#;
    making.set("numbers", numbers).set("nested", nested).set("", r#""the empty key""#);
    making.set("café ☕ 𝄞", r#""é\u0000\"\\\n𝄞""#).set("null\0key", "null").set("true", "true");
    making.set(&"long ".repeat(100), &format!("\"{}\"", "word ".repeat(200)));
    making.closed("Keys and documents of every kind, closed, with its hint.")
}

fn plain_killed() -> Golden {
    let mut making = Making::new("plain-killed");
    fill(&mut making).close().reopen().set("behind the hint", "[]");
    making.commit(&[Set("a", "2"), Delete("b")]);
    making.killed("A process that was killed left a log that goes on behind its hint, and the live file.")
}

fn changes() -> Golden {
    let mut making = Making::new("changes");
    for number in 0..8 {
        making.set("often", &number.to_string()).set(&format!("once:{number}"), "{}");
    }
    making.commit(&[Set("t:1", "1"), Set("t:2", "2"), Set("t:1", "3"), Delete("often"), Delete("once:0")]);
    making.commit(&[Set("often", "\"again\""), Set("gone", "1"), Delete("gone"), Delete("t:2")]);
    making.commit(&[Delete("once:1")]).set("once:1", "\"twice\"").commit(&[Delete("once:2")]);
    making.closed("Keys that were set over and over, deleted and set again, one by one and in transactions.")
}

fn expiring() -> Golden {
    let mut making = Making::new("ttl");
    making.commit(&[SetFor("soon", "1", 100), SetFor("late", "2", 1_000_000), Set("never", "3")]);
    making.commit(&[SetFor("kept", "4", 100)]).commit(&[Persist("kept"), Expire("never", 2_000_000)]);
    making.commit(&[SetFor("gone", "5", 200), SetFor("set again", "6", 100)]).set("set again", "7");
    let mut golden = making.closed("Documents with lifetimes; two have expired when the file is opened.");
    golden.facts.now += LATER;
    for key in ["soon", "gone"] {
        golden.facts.contents.documents.remove(key);
    }
    golden
}

fn expired_and_deleted() -> Golden {
    let mut making = Making::new("expired-tombstones");
    making.commit(&[SetFor("gone", "1", 2), SetFor("back", "2", 2), SetFor("stays", "3", 1_000_000)]);
    // Each commit takes a second: two more, and what was to stay for two is gone.
    making.set("a", "1").commit(&[Delete("gone"), Delete("back"), Delete("a")]).set("back", "4");
    making.closed("Tombstones of documents that had expired, and of one that had not.")
}

fn found(value: Value, keys: &[&str]) -> Found {
    Found { value, to: None, keys: keys.iter().map(|key| (*key).to_owned()).collect() }
}

fn found_range(value: Value, to: Value, keys: &[&str]) -> Found {
    Found { to: Some(to), ..found(value, keys) }
}

fn fill_for_indexes(making: &mut Making) {
    making.set("1", r#"{"v":1,"at":{"city":"Rome"}}"#).create_index("v").create_index("at.city");
    making.set("2", r#"{"v":"x","at":{"city":"Oslo"}}"#).set("3", r#"{"v":[1,"x",null,1]}"#);
    making.set("4", r#"{"v":null,"at":{"city":["Rome","Oslo"]}}"#).set("5", r#"{"v":1.5,"at":7}"#);
    making.set("6", r#"{"v":18446744073709551615}"#).set("7", r#"{"v":{"b":1,"a":[true]}}"#);
    making.set("8", r#"{"v":[]}"#).set("9", r#"{"v":-2,"at":{"city":"Pisa"}}"#).set("8", r#"{"v":true}"#);
}

fn indexed() -> Golden {
    let mut making = Making::new("indexes");
    fill_for_indexes(&mut making);
    let long = "ö".repeat(700);
    making.set("long", &format!("{{\"v\":\"{long}\"}}")).commit(&[Delete("9")]);
    making.finds(
        "v",
        &[
            found(json!(1), &["1", "3"]),
            found(json!("x"), &["2", "3"]),
            found(json!(null), &["3", "4"]),
            found(json!(u64::MAX), &["6"]),
            found(json!({"a": [true], "b": 1.0}), &["7"]),
            found(json!(true), &["8"]),
            found(json!(-2), &[]),
            found(json!(long), &["long"]),
            found_range(json!(1), json!(2), &["1", "3", "5"]),
            found_range(json!("a"), json!("z"), &["2", "3"]),
        ],
    );
    making.finds(
        "at.city",
        &[
            found(json!("Rome"), &["1", "4"]),
            found(json!("Oslo"), &["2", "4"]),
            found(json!("Pisa"), &[]),
            found(json!(null), &["3", "5", "6", "7", "8", "long"]),
        ],
    );
    making.closed(
        "Indexes on a field and on a nested one, of values of every kind, with their contents in the hint.",
    )
}

fn indexed_killed() -> Golden {
    let mut making = Making::new("indexes-killed");
    fill_for_indexes(&mut making);
    making.close().reopen().drop_index("at.city").create_index("new");
    making.set("1", r#"{"v":2,"new":1}"#).commit(&[Delete("2"), Set("3", r#"{"new":[1,2]}"#)]);
    making.finds("v", &[found(json!(1), &[]), found(json!(2), &["1"]), found(json!("x"), &[])]);
    making.finds("new", &[found(json!(1), &["1", "3"]), found(json!(2), &["3"])]);
    making.killed("Behind the hint, an index was dropped, another created, and documents of a third changed.")
}

fn fill_to_compact(making: &mut Making) -> &mut Making {
    making.create_index("n").set("a", r#"{"n":1}"#).set("a", r#"{"n":2}"#).set("b", r#"{"n":2}"#);
    making.commit(&[SetFor("c", r#"{"n":3}"#, 1_000_000), Set("d", "1"), Delete("b")]);
    making.set("a", r#"{"n":3}"#).set("e", "[]").finds("n", &[found(json!(3), &["a", "c"])])
}

/// Collections with and without an index, one that was dropped, and one whose name another had before.
fn some_collections(making: &mut Making) -> &mut Making {
    let found = Found { value: json!("admin"), to: None, keys: vec!["alice".to_owned(), "carol".to_owned()] };
    making.set("alice", "\"of the root\"").commit_in("users", &[("alice", Some(r#"{"role":"admin"}"#))]);
    making.create_index_in("users", "role", &[found]).set("bob", "2");
    making
        .commit_in("users", &[("bob", Some(r#"{"role":"guest"}"#)), ("carol", Some(r#"{"role":"admin"}"#))]);
    making.commit_in("sessions", &[("1", Some("1")), ("2", Some("2"))]).drop_collection("sessions");
    making
        .commit_in("sessions", &[("3", Some("3"))])
        .commit_in("größer", &[("", Some("{}")), ("gone", Some("1"))]);
    making
        .commit_in("größer", &[("gone", None)])
        .commit_in("gone", &[("a", Some("1"))])
        .drop_collection("gone")
}

fn collections() -> Golden {
    let mut making = Making::new("collections");
    some_collections(&mut making).closed("Collections, of which some were dropped, closed, with the hint.")
}

fn collections_compacted() -> Golden {
    let mut making = Making::new("collections-compacted");
    some_collections(&mut making).compact().commit_in("later", &[("a", Some("1"))]);
    making.drop_collection("sessions").killed(
        "The same compacted, where the highest number is that of a dropped one, and a drop behind it; left by a process that was killed.",
    )
}

fn compacted() -> Golden {
    let mut making = Making::new("compacted");
    fill_to_compact(&mut making).compact().set("d", "2").commit(&[Delete("e")]);
    let mut golden = making.closed("A base section without any history, and commits behind it.");
    golden.facts.restored = vec![
        Restored { sequence: 6, contents: None },
        Restored { sequence: 7, contents: making.states.remove(&7) },
        Restored { sequence: 8, contents: making.states.remove(&8) },
    ];
    golden
}

fn compacted_history() -> Golden {
    let history = History::For(Duration::from_millis(3 * TICK + TICK / 2));
    let mut making = Making::with("compacted-history", None, |config| config.keep_history(history));
    fill_to_compact(&mut making).compact().set("d", "2").commit(&[Delete("e")]);
    let mut golden = making.closed("A base section with the state of some time ago, and all commits since.");
    // The compaction came with the seventh commit, three and a half ticks back was the third.
    let states = [3, 4, 8].map(|sequence| (sequence, making.states.remove(&sequence)));
    let restored = states.map(|(sequence, contents)| Restored { sequence, contents });
    let dropped = Restored { sequence: 2, contents: None };
    golden.facts.restored = std::iter::once(dropped).chain(restored).collect();
    golden
}

fn compacted_versions() -> Golden {
    let mut making =
        Making::with("compacted-versions", None, |config| config.keep_history(History::Versions(2)));
    fill_to_compact(&mut making).compact().set("a", "4");
    making.finds("n", &[found(json!(3), &["c"])]);
    making.closed("A base section with two versions of each document.")
}

fn compacted_killed() -> Golden {
    let mut making = Making::new("compacted-killed");
    fill_to_compact(&mut making).close().reopen().compact().set("d", "2");
    let about = "Killed after a compaction, with the hint of the generation before, which no longer counts.";
    let mut golden = making.killed(about);
    golden.facts.believes_hint = false;
    golden
}

fn encrypted() -> Golden {
    let mut making = Making::encrypted("encrypted", GoldenKey::Bytes(7));
    fill_to_compact(&mut making).closed("Encrypted with a key of 32 bytes, closed, with its sealed hint.")
}

fn encrypted_by_passphrase() -> Golden {
    let key = GoldenKey::Passphrase("eleven purple lighthouses ☕".to_owned());
    let mut making = Making::encrypted("encrypted-passphrase", key);
    fill(&mut making).closed("Encrypted with a passphrase.")
}

fn encrypted_killed() -> Golden {
    let mut making = Making::encrypted("encrypted-killed", GoldenKey::Bytes(7));
    fill_to_compact(&mut making).close().reopen().set("d", "2");
    making.killed("Encrypted, and killed behind the hint.")
}

fn encrypted_compacted() -> Golden {
    let mut making = Making::encrypted("encrypted-compacted", GoldenKey::Bytes(7));
    fill_to_compact(&mut making).compact().set("d", "2");
    making.closed("Encrypted and compacted, with the data key of the second generation.")
}

fn backup(mut making: Making) -> Golden {
    fill_to_compact(&mut making);
    let full = done(making.db().backup_to(Making::path(".full")));
    let mut golden = making.closed("A full backup, and an incremental one of what followed.").alone();
    assert_eq!(full.sequence, Sequence(making.sequence() - 1), "the backup shows all but the close mark");
    *golden.database() = making.file(".full").expect("the backup was made");
    golden.facts.opening =
        Opening::Opens { sequence: full.sequence.0, clean: false, torn_bytes: 0, torn_file: false };
    making.reopen().set("d", "2").commit(&[Delete("e"), Set("f", r#"{"n":3}"#)]);
    making.finds("n", &[found(json!(3), &["a", "c", "f"])]);
    // Time goes on with the commits of the increment.
    golden.facts.now += 2 * TICK;
    done(making.db().backup_since(full.sequence, Making::path(".inc")));
    let increment = format!("{}.inc", golden.name);
    golden.files.insert(increment.clone(), making.file(".inc").expect("the increment was made"));
    golden.facts.increments = vec![increment];
    let sequences = [full.sequence.0, making.sequence() - 1, making.sequence()];
    let restored = sequences.map(|sequence| (sequence, making.states.get(&sequence).cloned()));
    golden.facts.restored =
        restored.into_iter().map(|(sequence, contents)| Restored { sequence, contents }).collect();
    let early = Restored { sequence: full.sequence.0 - 1, contents: None };
    golden.facts.restored.push(early);
    golden
}
