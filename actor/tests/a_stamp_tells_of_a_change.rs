//! Owns the proof that a document which is kept by its stamp is never older than what a get answers. Never relies on timing
//! to be right.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use ferrumdb::{Collection, Document, FerrumDB, Stamp, Stamps, Transaction};

/// A document, and what it was found with.
struct Kept {
    document: Document,
    stamp: Stamp,
    collections: u32,
}

fn collections(stamps: &Stamps) -> u32 {
    stamps.numbers().last().unwrap().load(Ordering::Acquire)
}

/// Finds a document that may be kept, in the cache, unless it has been replaced meanwhile.
fn find(of: &Collection, stamps: &Stamps, key: &str) -> Option<Kept> {
    of.get(key).unwrap();
    let collections = collections(stamps);
    let found = of.get_stamped(stamps, key).unwrap()?;
    Some(Kept { document: found.document?, stamp: found.stamp?, collections })
}

fn is_current(kept: &Kept, stamps: &Stamps) -> bool {
    stamps.numbers()[kept.stamp.place as usize].load(Ordering::Acquire) == kept.stamp.number
        && collections(stamps) == kept.collections
}

#[test]
fn every_way_to_change_a_document_changes_its_number() {
    let db = FerrumDB::open_in_memory().wait().unwrap();
    let users = db.collection("users").unwrap();
    type Change = fn(&FerrumDB, &Collection);
    let changes: [(&str, Change); 8] = [
        ("set", |_, users| assert!(users.set("a", 2).wait().unwrap().0 > 0)),
        ("delete", |_, users| assert!(users.delete("a").wait().unwrap())),
        ("expire", |_, users| assert!(users.expire("a", Duration::from_secs(60)).wait().unwrap())),
        ("increment", |_, users| assert_eq!(users.increment("a", 1).wait().unwrap(), 2)),
        ("get_and_delete", |_, users| assert!(users.get_and_delete("a").wait().unwrap().is_some())),
        ("delete_range", |_, users| assert_eq!(users.delete_range::<&str>(..).wait().unwrap(), 1)),
        ("a transaction", |db, users| {
            let transaction = Transaction::new().in_collection(users.name().unwrap()).set("a", 3);
            assert!(db.commit(transaction).wait().unwrap().0 > 0);
        }),
        ("drop_collection", |db, _| assert!(db.drop_collection("users").wait().unwrap())),
    ];
    for (name, change) in changes {
        users.set("a", 1).wait().unwrap();
        users.persist("a").wait().unwrap();
        let stamps = db.stamps();
        let kept = find(&users, &stamps, "a").unwrap();
        assert_eq!(kept.document, serde_json::json!(1));
        assert!(is_current(&kept, &stamps), "{name}");
        change(&db, &users);
        assert!(!is_current(&kept, &stamps), "{name}");
    }
}

#[test]
fn what_expires_or_is_not_there_has_no_stamp() {
    let db = FerrumDB::open_in_memory().wait().unwrap();
    let stamps = db.stamps();
    db.set_ex("a", 1, Duration::from_secs(60)).wait().unwrap();
    assert!(find(&db, &stamps, "a").is_none());
    let missing = db.get_stamped(&stamps, "b").unwrap().unwrap();
    assert!(missing.document.is_none() && missing.stamp.is_none());
    db.persist("a").wait().unwrap();
    assert!(find(&db, &stamps, "a").is_some());
}

#[test]
fn what_is_kept_is_never_older_than_what_anybody_was_told() {
    const CHANGES: u64 = 300;
    let db = FerrumDB::open_in_memory().wait().unwrap();
    db.set("n", 0).wait().unwrap();
    let (told, has_ended) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let reader = || {
        let (db, told, has_ended) = (db.clone(), Arc::clone(&told), Arc::clone(&has_ended));
        thread::spawn(move || {
            let (stamps, mut kept, mut hits) = (db.stamps(), None::<Kept>, 0_u64);
            let number = |document: &Document| document.value().as_u64().unwrap();
            // What nothing changes any more is kept.
            while !has_ended.load(Ordering::Acquire) || hits == 0 {
                thread::yield_now();
                // By a get, and by the writer's answers.
                let floor = number(&db.get("n").unwrap().unwrap()).max(told.load(Ordering::Acquire));
                let current = kept.take().filter(|kept| is_current(kept, &stamps));
                hits += u64::from(current.is_some());
                kept = current.or_else(|| find(&db, &stamps, "n"));
                if let Some(kept) = &kept {
                    let found = number(&kept.document);
                    assert!(found >= floor, "{found} was kept when {floor} had been told");
                }
            }
        })
    };
    let readers = [reader(), reader()];
    for n in 1..=CHANGES {
        db.set("n", n).wait().unwrap();
        told.store(n, Ordering::Release);
    }
    has_ended.store(true, Ordering::Release);
    for reader in readers {
        reader.join().unwrap();
    }
}

#[test]
fn nothing_is_kept_of_a_dropped_collection_while_it_is_made_and_dropped() {
    let db = FerrumDB::open_in_memory().wait().unwrap();
    let users = db.collection("users").unwrap();
    let has_ended = Arc::new(AtomicBool::new(false));
    let reader = {
        let (db, users, has_ended) = (db.clone(), users.clone(), Arc::clone(&has_ended));
        thread::spawn(move || {
            let (stamps, mut kept) = (db.stamps(), None::<Kept>);
            while !has_ended.load(Ordering::Acquire) {
                thread::yield_now();
                let found = users.get("a").unwrap().map(|document| document.version());
                kept = kept.take().filter(|kept| is_current(kept, &stamps));
                match &kept {
                    // It was found before, so it has been there all the time.
                    Some(kept) => assert_eq!(found, Some(kept.document.version())),
                    None => kept = find(&users, &stamps, "a"),
                }
            }
        })
    };
    for n in 0..100 {
        users.set("a", n).wait().unwrap();
        assert!(db.drop_collection("users").wait().unwrap());
    }
    has_ended.store(true, Ordering::Release);
    reader.join().unwrap();

    users.set("a", "at last").wait().unwrap();
    let stamps = db.stamps();
    let kept = find(&users, &stamps, "a").unwrap();
    assert!(db.drop_collection("users").wait().unwrap());
    assert!(!is_current(&kept, &stamps));
}
