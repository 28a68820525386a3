//! Odd keys stay what they are and stay apart; sizes beyond the limits are refused before anything is written.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ferrumdb_engine::fs::SimFs;
use ferrumdb_engine::{
    CollectionId, Durability, EncodedDocument, Error, Key, Limits, Options, Transaction, open,
};

use crate::common::{PATH, ROOT, appended, bytes_of, document, open_on};

#[test]
fn odd_keys_stay_apart_and_come_back_as_they_were() {
    let long = "k".repeat(65_536);
    let keys = [
        "",
        "\0",
        "\0\0",
        "\u{0}00000000",
        "\u{0}00000001a",
        "a",
        "A",
        " ",
        "a ",
        "\u{e9}",
        "e\u{301}",
        "\u{212b}",
        "\u{c5}",
        "\u{feff}",
        "\u{10ffff}",
        "__proto__",
        "constructor",
        "__meta",
        ".",
        "..",
        "/",
        "\n",
        "\r\n",
        &long,
        &long[..65_535],
    ];
    let collections = [ROOT, CollectionId(1), CollectionId(u32::MAX - 1)];
    let sim = SimFs::new(1);
    let (mut writer, reader) = open_on(&sim).unwrap();
    let mut transaction = Transaction::new();
    for (number, (collection, key)) in
        collections.iter().flat_map(|collection| keys.iter().map(move |key| (collection, key))).enumerate()
    {
        transaction.set(*collection, Key::from(*key), document(&number.to_string()), None);
    }
    transaction.check(&reader.limits()).unwrap();
    writer.commit(&[transaction], Durability::Synced).unwrap();
    drop((writer, reader));
    let (_, reader) = open_on(&sim).unwrap();
    for (index, collection) in collections.into_iter().enumerate() {
        assert_eq!(reader.count(collection) as usize, keys.len());
        for (number, key) in keys.iter().enumerate() {
            let found = reader.get(collection, key).unwrap().unwrap();
            assert_eq!(found.as_str(), (index * keys.len() + number).to_string(), "{key:.20?}");
        }
        let mut found: Vec<_> = reader.keys(collection).map(String::from).collect();
        let mut wanted = keys.to_vec();
        found.sort();
        wanted.sort_unstable();
        assert_eq!(found, wanted);
    }
}

#[test]
fn fields_with_names_of_other_languages_are_plain_fields() {
    let json = r#"{"__proto__":{"x":1},"constructor":null,"":0,"\u0000":1,"a.b":2,"toString":3}"#;
    let sim = SimFs::new(1);
    let (mut writer, _) = open_on(&sim).unwrap();
    appended(&mut writer, &[&format!("k={json}")]).unwrap();
    writer.close().unwrap();
    let (_, reader) = open_on(&sim).unwrap();
    let found = reader.get(ROOT, "k").unwrap().unwrap();
    assert_eq!(found.value()["__proto__"]["x"], 1);
    assert_eq!(found.value().as_object().unwrap().len(), 6);
}

#[test]
fn documents_that_are_no_exact_json_are_refused_and_nothing_is_replaced_in_them() {
    let limits = Limits::default();
    for bad in [
        &b"\"\xff\""[..],
        b"\"\xed\xa0\x80\"",
        br#""\ud800""#,
        br#"{"a":1,"a":2}"#,
        br#"{"a":1,"\u0061":2}"#,
        b"{\"\xc3\":1}",
        b"",
        b"1 2",
        b"NaN",
        b"18446744073709551616",
    ] {
        let error = EncodedDocument::from_json(bad, &limits).unwrap_err();
        assert!(matches!(error, Error::InvalidJson { .. }), "{error}");
    }
    for good in ["18446744073709551615", "-9223372036854775808", "9007199254740993", "1.50", "\"\u{fffd}\""] {
        assert_eq!(EncodedDocument::from_json(good.as_bytes(), &limits).unwrap().as_str(), good);
    }
}

#[test]
fn sizes_at_the_limit_are_accepted_and_one_more_is_refused() {
    let limits = Limits {
        key_bytes_max: 10,
        document_bytes_max: 20,
        transaction_operations_max: 3,
        transaction_bytes_max: 60,
        ..Limits::default()
    };
    let text = |len: usize| format!("\"{}\"", "x".repeat(len - 2));
    assert!(EncodedDocument::from_json(text(20).as_bytes(), &limits).is_ok());
    let error = EncodedDocument::from_json(text(21).as_bytes(), &limits).unwrap_err();
    assert!(matches!(error, Error::DocumentTooLarge { max: 20, .. }), "{error}");

    let check = |entries: &[(usize, usize)]| {
        let mut transaction = Transaction::new();
        for (key, document_bytes) in entries {
            transaction.set(ROOT, Key::from("k".repeat(*key)), document(&text(*document_bytes)), None);
        }
        transaction.check(&limits)
    };
    assert!(check(&[(10, 20), (10, 20)]).is_ok());
    assert!(matches!(check(&[(11, 5)]), Err(Error::KeyTooLong { len: 11, max: 10 })));
    assert!(matches!(check(&[(1, 21)]), Err(Error::DocumentTooLarge { .. })));
    assert!(matches!(
        check(&[(10, 20), (10, 20), (1, 2)]),
        Err(Error::TransactionTooLarge { found: 63, .. })
    ));
    assert!(matches!(check(&[(1, 2); 4]), Err(Error::TransactionTooLarge { found: 4, max: 3, .. })));
    let mut deletion = Transaction::new();
    deletion.delete(ROOT, Key::from("k".repeat(11)));
    assert!(matches!(deletion.check(&limits), Err(Error::KeyTooLong { .. })));
}

#[test]
fn limits_stay_within_what_the_format_can_carry() {
    let boundless = Limits {
        key_bytes_max: usize::MAX,
        document_bytes_max: usize::MAX,
        depth_max: usize::MAX,
        transaction_operations_max: usize::MAX,
        transaction_bytes_max: usize::MAX,
    };
    let mut options = Options::new(PATH);
    options.limits = boundless;
    let (_, reader) = open(options, Arc::new(SimFs::new(1))).unwrap();
    let limits = reader.limits();
    assert!(limits.key_bytes_max + limits.document_bytes_max + 16 <= u32::MAX as usize);
    assert!(limits.transaction_operations_max <= u32::MAX as usize && limits.depth_max <= 512);
}

#[test]
fn a_document_that_fills_many_windows_is_read_back_and_torn_as_a_whole() {
    let sim = SimFs::new(1);
    let (mut writer, _) = open_on(&sim).unwrap();
    let large = format!("\"{}\"", "y".repeat(5 << 20));
    appended(&mut writer, &["a=1"]).unwrap();
    appended(&mut writer, &[&format!("b={large}")]).unwrap();
    drop(writer);
    let (writer, reader) = open_on(&sim).unwrap();
    assert_eq!(reader.get(ROOT, "b").unwrap().unwrap().as_str(), large);
    drop((writer, reader));
    let len = bytes_of(&sim).iter().rposition(|byte| *byte != 0).unwrap();
    // Never synced by the commit, though by the opening since: no claim says so.
    sim.overwrite(Path::new(PATH), len as u64 / 2, b"!");
    let (_, reader) = open_on(&sim).unwrap();
    assert_eq!((reader.count(ROOT), reader.get(ROOT, "b").unwrap()), (1, None));
}

#[test]
fn hostile_keys_are_stored_in_bounded_time() {
    let easy = time_of_keys(|number| format!("{number:064}"));
    // Long common beginnings and ends, and all differences in the bits that weak hashes drop.
    let hostile = time_of_keys(|number| format!("{:064b}", number << 30));
    // What grows by the square of their number would take many times as long.
    assert!(hostile < 20 * easy + Duration::from_secs(10), "{hostile:?} and {easy:?}");
}

/// How long it takes to store, look for and list a hundred thousand keys.
fn time_of_keys(key: fn(u64) -> String) -> Duration {
    let begin = Instant::now();
    let sim = SimFs::new(1);
    let (mut writer, reader) = open_on(&sim).unwrap();
    let keys = |block: u64| (0..10_000).map(move |number| key(block * 10_000 + number));
    for block in 0..10 {
        let mut transaction = Transaction::new();
        keys(block).for_each(|key| transaction.set(ROOT, Key::from(key), document("1"), None));
        writer.commit(&[transaction], Durability::Appended).unwrap();
    }
    assert_eq!(reader.count(ROOT), 100_000);
    assert!((0..10).flat_map(keys).all(|key| reader.contains(ROOT, &key)));
    assert_eq!(reader.keys(ROOT).count(), 100_000);
    begin.elapsed()
}

#[test]
fn what_is_set_in_the_collection_that_is_none_has_no_effect() {
    let sim = SimFs::new(1);
    let (mut writer, reader) = open_on(&sim).unwrap();
    let mut transaction = Transaction::new();
    transaction.set(CollectionId::NONE, Key::from("a"), document("1"), None);
    transaction.set(ROOT, Key::from("b"), document("2"), None);
    let outcomes = writer.commit(&[transaction], Durability::Synced).unwrap();
    assert_eq!(outcomes[0].as_ref().unwrap().effective, 1);
    drop((writer, reader));
    let (_, reader) = open_on(&sim).unwrap();
    assert_eq!((reader.count(ROOT), reader.count(CollectionId::NONE)), (1, 0));
}
