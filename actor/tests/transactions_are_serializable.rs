//! Owns the proof of what `transact` promises to its caller. Never depends on time.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ferrumdb::fs::{Effect, Fault, SimFs, SimOperation};
use ferrumdb::{Config, Error, ErrorKind, FerrumDB, Result, Sequence, Ttl};
use serde_json::json;

fn database() -> FerrumDB {
    FerrumDB::open_in_memory().wait().unwrap()
}

#[test]
fn a_transaction_reads_one_moment_and_what_it_has_written_itself() {
    let db = database();
    db.create_index("v").wait().unwrap();
    for (key, v) in [("a", 1), ("b", 2), ("c", 3)] {
        db.set(key, json!({"v": v})).wait().unwrap();
    }
    let mut runs = 0;
    let found = db
        .transact(|tx| {
            runs += 1;
            assert_eq!(tx.get("a")?.unwrap(), json!({"v": 1}));
            if runs == 1 {
                // Somebody else, in the middle of it.
                db.set("d", json!({"v": 2})).wait()?;
            }
            let seen = if runs == 1 { 3 } else { 4 };
            assert_eq!((tx.count(), tx.contains("d")), (seen, runs > 1));
            tx.set("e", json!({"v": 0}))?;
            tx.set("a", json!({"v": 9}))?;
            tx.delete("b");
            assert_eq!(tx.get("e")?.unwrap().version(), Sequence::ZERO);
            assert_eq!((tx.get("b")?, tx.count()), (None, seen));
            assert_eq!(tx.find("v", &json!(2))?.len(), runs - 1);
            assert_eq!(tx.find("v", &json!(9))?, ["a"]);
            tx.find_range("v", json!(0)..)
        })
        .wait()
        .unwrap();
    assert_eq!((runs, found), (2, ["e", "d", "c", "a"].map(ferrumdb::Key::from).to_vec()));
    assert_eq!(db.find_range("v", json!(0)..).unwrap(), ["e", "d", "c", "a"]);
}

#[test]
fn an_error_of_the_closure_aborts_and_is_the_answer() {
    #[derive(Debug, PartialEq)]
    enum Failure {
        Poor,
        Other(ErrorKind),
    }
    impl From<Error> for Failure {
        fn from(error: Error) -> Self {
            Self::Other(error.kind())
        }
    }
    let db = database();
    let answer = db.transact(|tx| {
        tx.set("a", 1)?;
        if tx.get("rich")?.is_none() { Err(Failure::Poor) } else { Ok(()) }
    });
    assert_eq!(answer.wait(), Err(Failure::Poor));
    let answer = db.transact(|tx| Ok::<_, Failure>(tx.set("a", f64::NAN)?));
    assert_eq!(answer.wait(), Err(Failure::Other(ErrorKind::NotSerializable)));
    assert_eq!((db.count().unwrap(), db.metrics().commits), (0, 0));
}

#[test]
fn what_only_reads_or_only_writes_is_never_run_twice() {
    let db = database();
    db.set("a", 0).wait().unwrap();
    let mut runs = 0;
    let pair = db.transact(|tx| {
        runs += 1;
        let before = tx.get_as::<u64>("a")?;
        db.increment("a", 1).wait()?;
        Ok::<_, Error>((before, tx.get_as::<u64>("a")?, tx.count()))
    });
    assert_eq!(pair.wait().unwrap(), (Some(0), Some(0), 1));
    let blind = db.transact(|tx| {
        runs += 1;
        db.increment("a", 1).wait()?;
        tx.set("a", 7)
    });
    blind.wait().unwrap();
    assert_eq!((runs, db.get_as("a").unwrap()), (2, Some(7)));
}

#[test]
fn a_conflict_is_reported_after_the_last_attempt_with_what_was_changed() {
    let db = database();
    let mut runs = 0;
    let changed = db.transact(|tx| {
        runs += 1;
        let found: Option<u64> = tx.get_as("a")?;
        db.set("a", runs).wait()?;
        tx.set("b", found)
    });
    let error = changed.attempts(3).wait().unwrap_err();
    assert_eq!((runs, error.kind(), error.attempts()), (3, ErrorKind::Conflict, Some(3)));
    assert_eq!(
        (error.key().unwrap().as_str(), error.found()),
        ("a", db.get("a").unwrap().map(|a| a.version()))
    );
    assert!(error.to_string().contains("attempt 3"), "{error}");

    let mut number = 0;
    let counted = db.transact(|tx| {
        let count = tx.count();
        number += 1;
        db.set(format!("new:{number}"), count).wait()?;
        tx.set("count", count)
    });
    let error = counted.attempts(2).wait().unwrap_err();
    assert_eq!((error.kind(), error.key().unwrap().as_str()), (ErrorKind::Conflict, "new:2"));
    assert!(!db.contains("b").unwrap() && !db.contains("count").unwrap());
    let metrics = db.metrics();
    assert_eq!((metrics.conflicts, metrics.errors), (5, 2), "what is tried again is no error");
}

#[test]
fn two_doctors_never_both_leave() {
    // Write skew: each reads both and writes one.
    let db = database();
    for round in 0..300 {
        db.set("a", true).wait().unwrap();
        db.set("b", true).wait().unwrap();
        let leave = |own: &'static str, other: &'static str| {
            let db = &db;
            move || {
                let left = db.transact(|tx| {
                    if tx.get_as(other)? == Some(true) {
                        tx.set(own, false)?;
                    }
                    Ok::<_, Error>(())
                });
                left.wait().unwrap();
            }
        };
        thread::scope(|scope| {
            scope.spawn(leave("a", "b"));
            scope.spawn(leave("b", "a"));
        });
        let on_call = ["a", "b"].iter().filter(|key| db.get_as(key).unwrap() == Some(true)).count();
        assert_eq!(on_call, 1, "round {round}");
    }
}

#[test]
fn a_name_is_taken_once_with_an_index_and_without() {
    for is_indexed in [false, true] {
        let db = database();
        if is_indexed {
            db.create_index("name").wait().unwrap();
        }
        let taken = AtomicU64::new(0);
        thread::scope(|scope| {
            for thread in 0..4 {
                let (db, taken) = (&db, &taken);
                scope.spawn(move || {
                    for number in 0..20 {
                        let name = json!(format!("name {number}"));
                        let is_taken = db.transact(|tx| {
                            let is_free = tx.find("name", &name)?.is_empty();
                            if is_free {
                                tx.set(format!("user:{thread}:{number}"), json!({"name": name}))?;
                            }
                            Ok::<_, Error>(is_free)
                        });
                        taken.fetch_add(u64::from(is_taken.wait().unwrap()), Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!((taken.into_inner(), db.count().unwrap()), (20, 20), "indexed: {is_indexed}");
    }
}

#[test]
fn each_job_of_a_queue_is_taken_once_and_a_limit_reads_no_more_than_it_says() {
    let db = database();
    for number in 0..60 {
        db.set(format!("job:{number:02}"), number).wait().unwrap();
    }
    let taken = std::sync::Mutex::new(Vec::new());
    thread::scope(|scope| {
        for thread in 0..4 {
            let (db, taken) = (&db, &taken);
            scope.spawn(move || {
                loop {
                    let job = db.transact(|tx| {
                        let jobs = tx.prefix("job:");
                        let jobs = if thread % 2 == 0 { jobs } else { jobs.reverse() };
                        let Some((key, job)) = jobs.limit(1).documents()?.pop() else { return Ok(None) };
                        tx.delete(key);
                        Ok::<_, Error>(Some(job.to::<u64>()?))
                    });
                    let Some(job) = job.attempts(u32::MAX).wait().unwrap() else { return };
                    taken.lock().unwrap().push(job);
                }
            });
        }
    });
    let mut taken = taken.into_inner().unwrap();
    taken.sort_unstable();
    assert_eq!(taken, (0..60).collect::<Vec<_>>());

    for key in ["a", "b", "c"] {
        db.set(key, 1).wait().unwrap();
    }
    let mut runs = 0;
    let first = db.transact(|tx| {
        runs += 1;
        let keys = tx.range("a"..).limit(2).keys();
        db.set(format!("b{runs}"), 1).wait()?;
        db.set("a", runs).wait()?;
        tx.set("first", keys.len())?;
        Ok::<_, Error>((keys, tx.range("a".."b").documents()?.len(), tx.range("a"..="b").count()))
    });
    let error = first.attempts(2).wait().unwrap_err();
    assert_eq!((runs, error.key().unwrap().as_str()), (2, "a"), "what was read of `a` was its document");
    let mut runs = 0;
    let first = db.transact(|tx| {
        runs += 1;
        let keys = tx.range("a"..).limit(2).keys();
        db.set("a", runs).wait()?;
        db.set("bb", runs).wait()?;
        tx.set("first", keys.len())?;
        Ok::<_, Error>(keys)
    });
    assert_eq!((first.wait().unwrap(), runs), (["a", "b"].map(ferrumdb::Key::from).to_vec(), 1));
}

#[test]
fn the_order_of_a_field_shows_what_was_written_itself_with_an_index_and_without() {
    for is_indexed in [false, true] {
        let db = database();
        if is_indexed {
            db.create_index("v").wait().unwrap();
        }
        let all =
            [("a", json!([5, 1])), ("b", json!(2)), ("c", json!(3)), ("d", json!("text")), ("e", json!(4))];
        for (key, v) in all {
            db.set(key, json!({"v": v})).wait().unwrap();
        }
        let orders = db.transact(|tx| {
            tx.set("c", json!({"v": 0}))?;
            tx.set("f", json!({"v": [2, 9]}))?;
            tx.set("g", json!({"v": null}))?;
            tx.delete("b");
            tx.persist("e");
            let keys = |keys: Vec<ferrumdb::Key>| keys.iter().map(|key| key.to_string()).collect::<String>();
            let page = tx.range_by("v", json!(1)..)?.limit(2).documents()?;
            assert_eq!(
                page.iter().map(|(_, found)| found.version() == Sequence::ZERO).collect::<Vec<_>>(),
                [false, true]
            );
            Ok::<_, Error>([
                keys(tx.range_by("v", json!(0)..json!(4))?.keys()?),
                keys(tx.range_by("v", ..)?.reverse().keys()?),
                keys(tx.range_by("v", json!(2)..=json!(9))?.reverse().limit(3).keys()?),
                keys(page.into_iter().map(|(key, _)| key).collect()),
                keys(tx.range_by("v", ..)?.limit(0).keys()?),
            ])
        });
        assert_eq!(orders.wait().unwrap(), ["caf", "afdecg", "fae", "af", ""], "indexed: {is_indexed}");
    }
}

#[test]
fn a_transaction_spans_collections_that_come_and_go() {
    let db = database();
    let users = db.collection("users").unwrap();
    assert_eq!(users.increment("visits", 1).wait().unwrap(), 1);
    users
        .update_with("visits", |visits| visits.map(|visits| visits.to::<i64>().unwrap() + 1))
        .wait()
        .unwrap();
    assert_eq!((users.get_as("visits").unwrap(), db.get_as::<i64>("visits").unwrap()), (Some(2), None));

    // A collection that is created, or dropped, after it was read.
    let mut runs = 0;
    let moved = db.transact(|tx| {
        runs += 1;
        let (jobs, done) = (tx.in_collection("jobs")?.count(), tx.in_collection("done")?.prefix("").keys());
        match runs {
            1 => assert!(db.collection("jobs")?.set("a", 1).wait().is_ok()),
            2 => assert!(db.collection("done")?.set("b", 2).wait().is_ok()),
            3 => assert!(db.drop_collection("jobs").wait()?),
            _ => {}
        }
        tx.in_collection("done")?.set("c", 3)?;
        tx.in_root().set("seen", jobs)?;
        assert_eq!((tx.contains("c"), tx.in_collection("done")?.contains("c")), (false, true));
        Ok::<_, Error>((jobs, done.len()))
    });
    assert_eq!((moved.wait().unwrap(), runs), ((0, 1), 4));
    assert_eq!((db.get_as("seen").unwrap(), db.collection("done").unwrap().count().unwrap()), (Some(0), 2));

    // A key is absent, whether its collection is or not: nothing has changed for who read only that.
    let mut runs = 0;
    let blind = db.transact(|tx| {
        runs += 1;
        let found = tx.in_collection("other")?.get("a")?;
        db.collection("other")?.set(format!("b{runs}"), 1).wait()?;
        tx.set("a", found.is_none())
    });
    blind.wait().unwrap();
    assert_eq!((runs, db.collection("other").unwrap().count().unwrap()), (1, 2));
}

#[test]
fn no_addition_is_lost_and_an_expiry_stays() {
    let db = database();
    db.set_ex("limit", json!({"used": 0}), Duration::from_secs(3_600)).wait().unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..100 {
                    db.increment("total", 2).wait().unwrap();
                    db.increment_field("limit", "used", 1).wait().unwrap();
                    db.update_with("list", |list| {
                        let mut list: Vec<u64> = list.map_or_else(Vec::new, |list| list.to().unwrap());
                        list.push(list.len() as u64);
                        Some(list)
                    })
                    .wait()
                    .unwrap();
                }
            });
        }
    });
    assert_eq!(db.get_as("total").unwrap(), Some(800));
    assert_eq!(db.get("limit").unwrap().unwrap(), json!({"used": 400}));
    assert!(matches!(db.ttl("limit").unwrap(), Some(Ttl::ExpiresIn(_))));
    assert_eq!(db.get_as("list").unwrap(), Some((0..400).collect::<Vec<u64>>()));
    assert_eq!(db.update_with("list", |_| None::<u64>).wait().unwrap(), None);
    assert!(!db.contains("list").unwrap());

    db.set("text", "one").wait().unwrap();
    db.set("full", i64::MAX).wait().unwrap();
    let kind = |key, by| db.increment(key, by).wait().unwrap_err().kind();
    assert_eq!((kind("text", 1), kind("full", 1)), (ErrorKind::TypeMismatch, ErrorKind::Overflow));
}

#[test]
fn tasks_await_their_transactions_on_any_runtime() {
    for runtime in [
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap(),
        tokio::runtime::Builder::new_current_thread().build().unwrap(),
    ] {
        runtime.block_on(async {
            let db = database();
            let tasks: Vec<_> = (0..100)
                .map(|_| {
                    let db = db.clone();
                    tokio::spawn(async move {
                        let both = db.transact(|tx| {
                            tx.increment("a", 1)?;
                            tx.increment("b", -1)
                        });
                        both.await
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap().unwrap();
            }
            assert_eq!((db.get_as("a").unwrap(), db.get_as("b").unwrap()), (Some(100), Some(-100)));
        });
    }
}

#[test]
fn a_power_cut_leaves_each_transaction_whole_or_none_of_it() {
    for seed in 1..=24 {
        let sim = SimFs::new(seed);
        let open = || {
            let config = Config::new("/data.db").with_file_system(Arc::new(sim.process()));
            FerrumDB::open(config).wait()
        };
        let db = open().unwrap();
        sim.inject(Fault::new(SimOperation::Any, Effect::Crash).nth(20 + seed * 5));
        let acknowledged = AtomicU64::new(0);
        let step = || -> ControlFlow<()> {
            let both = db.transact(|tx| {
                let sum = tx.increment("sum", 1)?;
                tx.set(format!("part:{sum}"), sum)?;
                Ok::<_, Error>(sum)
            });
            match both.attempts(u32::MAX).wait() {
                Ok(sum) => {
                    acknowledged.fetch_max(sum as u64, Ordering::Relaxed);
                    ControlFlow::Continue(())
                }
                Err(_) => ControlFlow::Break(()),
            }
        };
        thread::scope(|scope| {
            (0..3).for_each(|_| drop(scope.spawn(|| (0..10_000).try_for_each(|_| step()))));
        });
        sim.crash();
        drop(db);
        let db = open().unwrap();
        let sum: u64 = db.get_as("sum").unwrap().unwrap_or(0);
        assert!(sum >= acknowledged.into_inner(), "seed {seed}");
        assert_eq!(db.count().unwrap(), sum + u64::from(sum > 0), "seed {seed}");
        assert!((1..=sum).all(|part| db.contains(format!("part:{part}")).unwrap()), "seed {seed}");
    }
}

#[test]
fn a_follower_and_a_closed_database_say_what_they_are() {
    let db = database();
    db.close().wait().unwrap();
    let answer: Result<()> = db.transact(|_| Ok(())).wait();
    assert_eq!(answer.unwrap_err().kind(), ErrorKind::Closed);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("followed.db");
    let owner = FerrumDB::open(&path).wait().unwrap();
    owner.set("a", 1).wait().unwrap();
    owner.close().wait().unwrap();
    let follower = FerrumDB::open(Config::new(&path).read_only()).wait().unwrap();
    let read = follower.transact(|tx| tx.get_as::<u64>("a"));
    assert_eq!(read.wait().unwrap(), Some(1));
    assert_eq!(follower.increment("a", 1).wait().unwrap_err().kind(), ErrorKind::ReadOnly);
}

#[test]
fn one_that_the_caller_begins_and_commits_is_refused_where_another_run_would_follow() {
    let db = database();
    db.set("a", 1).wait().unwrap();
    let mut read_only = db.begin();
    assert_eq!(read_only.get_as("a").unwrap(), Some(1));
    let mut late = db.begin();
    late.expect_ranges();
    assert_eq!(late.prefix("").count(), 1);
    late.set("sum", 1).unwrap();

    let mut first = db.begin();
    let a: i32 = first.get_as("a").unwrap().unwrap();
    first.set("a", a + 1).unwrap();
    first.set("b", 1).unwrap();
    let committed = first.commit().wait().unwrap();
    assert_eq!(db.get_as("a").unwrap(), Some(2));

    let error = late.commit().wait().unwrap_err();
    assert_eq!((error.kind(), error.key().unwrap().as_str()), (ErrorKind::Conflict, "b"));
    assert_eq!(db.get("sum").unwrap(), None);
    let read = read_only.commit().wait().unwrap();
    assert!(read < committed, "it has read what was there before, and needs no commit");

    drop(db.begin());
    let mut unfinished = db.begin();
    unfinished.set("a", 9).unwrap();
    drop(unfinished);
    // The order that `prefix` has asked for is built beside, as of a pin of its own.
    let deadline = Instant::now() + Duration::from_secs(60);
    while db.stats().unwrap().pins > 0 {
        assert!(Instant::now() < deadline, "a transaction that is gone has left its pin");
        thread::sleep(Duration::from_millis(1));
    }
    let mut closed = db.begin();
    closed.set("a", 9).unwrap();
    db.close().wait().unwrap();
    assert_eq!(closed.commit().wait().unwrap_err().kind(), ErrorKind::Closed);
}
