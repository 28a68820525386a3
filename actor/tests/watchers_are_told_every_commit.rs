//! Holds that watchers are told every change once, in order, however slow they are and whatever goes on meanwhile, that no
//! commit waits for them, and that they end when the database does.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use ferrumdb::fs::{Effect, Fault, MemoryFs, SimFs, SimOperation};
use ferrumdb::{
    AutoCompaction, Change, ChangeKind, ChangeStream, Changes, Config, ErrorKind, FerrumDB, FsyncPolicy,
    History, ManualClock, Sequence, Timestamp, Transaction, Ttl, WatchOptions,
};
use futures_core::Stream;
use serde_json::json;

/// On a machine with other work to do, everything takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

fn everything() -> WatchOptions {
    WatchOptions::everything().with_before().with_after()
}

fn config() -> Config {
    Config::in_memory().with_fsync_policy(FsyncPolicy::Never)
}

#[track_caller]
fn next(changes: &mut Changes) -> Change {
    // Without a limit: who is not woken must not find it in the end by looking again.
    changes.next().expect("the database is open").unwrap()
}

async fn next_of_stream(changes: &mut ChangeStream) -> Option<ferrumdb::Result<Change>> {
    poll_fn(|context| Pin::new(&mut *changes).poll_next(context)).await
}

/// Commits `commits` pairs of the same number from each of several threads; the keys are their own.
fn write_pairs(db: &FerrumDB, threads: usize, commits: u64) {
    thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                for number in 0..commits {
                    let pair = Transaction::new()
                        .set(format!("left:{thread}"), number)
                        .set(format!("right:{thread}"), number);
                    db.commit(pair).wait().unwrap();
                }
            });
        }
    });
}

/// That these are the changes of [`write_pairs`]: each once, in order, with what was there before.
fn check_pairs(told: &[Change], threads: usize, commits: u64) {
    assert_eq!(told.len() as u64, 2 * threads as u64 * commits);
    let mut last: Vec<Option<u64>> = vec![None; threads];
    for (index, pair) in told.chunks(2).enumerate() {
        let [left, right] = pair else { panic!("a commit has two changes") };
        assert_eq!((left.sequence, right.sequence), (Sequence(index as u64 + 1), Sequence(index as u64 + 1)));
        assert_eq!((left.ends_commit, right.ends_commit), (false, true));
        let thread: usize = left.key.strip_prefix("left:").unwrap().parse().unwrap();
        assert_eq!(right.key, format!("right:{thread}").as_str());
        for change in pair {
            let before = change.before.as_ref().map(|before| before.to().unwrap());
            assert_eq!(before, last[thread]);
        }
        let after = left.after.as_ref().unwrap().to().unwrap();
        assert_eq!(right.after.as_ref().unwrap().to::<u64>().unwrap(), after);
        last[thread] = Some(after);
    }
    assert!(last.iter().all(|last| *last == Some(commits - 1)));
}

#[test]
fn iterators_and_streams_are_told_the_same_beside_writers_and_compactions() {
    const THREADS: usize = 3;
    const COMMITS: u64 = 300;
    let db = FerrumDB::open(config().keep_history(History::For(Duration::from_secs(3600)))).wait().unwrap();
    let iterators: Vec<_> = (0..2).map(|_| db.watch(everything()).unwrap()).collect();
    let streams: Vec<_> = (0..2).map(|_| db.watch(everything()).unwrap().into_stream()).collect();
    let iterators: Vec<_> = iterators
        .into_iter()
        .map(|changes| thread::spawn(move || changes.map(Result::unwrap).collect::<Vec<_>>()))
        .collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let streams: Vec<_> = streams
        .into_iter()
        .map(|mut changes| {
            runtime.spawn(async move {
                let mut told = Vec::new();
                while let Some(change) = next_of_stream(&mut changes).await {
                    told.push(change.unwrap());
                }
                told
            })
        })
        .collect();
    write_pairs(&db, THREADS, COMMITS);
    let late = db.changes(Sequence::ZERO, everything()).unwrap();
    db.compact().wait().unwrap();
    db.close().wait().unwrap();
    for iterator in iterators {
        check_pairs(&iterator.join().unwrap(), THREADS, COMMITS);
    }
    for stream in streams {
        check_pairs(&runtime.block_on(stream).unwrap(), THREADS, COMMITS);
    }
    check_pairs(&late.map(Result::unwrap).collect::<Vec<_>>(), THREADS, COMMITS);
}

#[test]
fn a_stream_needs_no_runtime_and_wakes_once_there_is_something() {
    #[derive(Default)]
    struct Woken(AtomicUsize);
    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let db = FerrumDB::open(config()).wait().unwrap();
    let mut changes = db.watch(WatchOptions::everything()).unwrap().into_stream();
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut poll = || Pin::new(&mut changes).poll_next(&mut Context::from_waker(&waker));
    assert!(poll().is_pending());
    assert!(poll().is_pending());
    assert_eq!(woken.0.load(Ordering::SeqCst), 0);
    db.set("a", 1).wait().unwrap();
    await_that("the writer rings after it has answered", || woken.0.load(Ordering::SeqCst) == 1);
    assert!(matches!(poll(), Poll::Ready(Some(Ok(change))) if change.key == "a"));
    db.set("b", 1).wait().unwrap();
    db.sync().wait().unwrap();
    assert_eq!(woken.0.load(Ordering::SeqCst), 1, "who does not wait is not woken");
    assert!(matches!(poll(), Poll::Ready(Some(Ok(change))) if change.key == "b"));
    assert!(poll().is_pending());
    db.close().wait().unwrap();
    await_that("a closing wakes", || woken.0.load(Ordering::SeqCst) > 1);
    assert!(matches!(poll(), Poll::Ready(None)));
    assert!(matches!(poll(), Poll::Ready(None)));
}

#[track_caller]
fn await_that(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        thread::yield_now();
    }
}

#[test]
fn a_watcher_ends_with_the_database_and_does_not_keep_it_open() {
    let files = Arc::new(MemoryFs::new());
    let open = || {
        let config = Config::new("/data.db").with_file_system(Arc::clone(&files) as _);
        FerrumDB::open(config).wait().unwrap()
    };
    let db = open();
    let mut changes = db.watch(WatchOptions::everything()).unwrap();
    let waits = thread::spawn({
        let changes = db.watch(WatchOptions::everything()).unwrap();
        move || changes.map(Result::unwrap).count()
    });
    assert!(changes.try_next().unwrap().is_none());
    assert!(changes.next_within(Duration::from_millis(1)).unwrap().is_none());
    db.set("a", 1).wait().unwrap();
    drop(db);
    assert_eq!(waits.join().unwrap(), 1, "what was committed comes before the end");
    // The file is free again.
    let db = open();
    db.set("b", 1).wait().unwrap();
    assert_eq!(changes.next_within(PATIENCE).unwrap().unwrap().key, "a");
    assert!(changes.next().is_none());
    db.close().wait().unwrap();
    assert_eq!(db.watch(WatchOptions::everything()).unwrap_err().kind(), ErrorKind::Closed);
    let mut resumed = open().changes(changes.sequence(), WatchOptions::everything()).unwrap();
    assert_eq!(resumed.next().unwrap().unwrap().key, "b");
}

#[test]
fn no_commit_waits_for_a_watcher() {
    let sim = SimFs::new(1);
    let config = Config::new("/data.db").with_file_system(Arc::new(sim.process()));
    let db = FerrumDB::open(config).wait().unwrap();
    let mut changes = db.watch(everything()).unwrap();
    // The next read blocks: that of the watcher, since the writer reads nothing.
    sim.inject(Fault::new(SimOperation::Read, Effect::Block));
    let watcher = thread::spawn(move || {
        let told: Vec<_> = (0..20).map(|_| next(&mut changes)).collect();
        told
    });
    db.set("0", 0).wait().unwrap();
    await_that("the watcher reads", || sim.blocked() == 1);
    for number in 1..20 {
        db.set(number.to_string(), number).wait().unwrap();
    }
    assert_eq!(sim.blocked(), 1, "nineteen commits later, it still does");
    sim.release();
    let told = watcher.join().unwrap();
    assert!(told.iter().enumerate().all(|(number, change)| change.key == number.to_string().as_str()));
}

#[test]
fn one_that_is_too_slow_is_told_where_to_go_on() {
    for (history, is_there) in [(History::None, false), (History::For(Duration::from_secs(60)), true)] {
        let clock = ManualClock::new(Timestamp(1_000_000));
        let config = config().keep_history(history).with_clock(Arc::new(clock.clone()));
        let db = FerrumDB::open(config).wait().unwrap();
        db.set("a", 1).wait().unwrap();
        db.set("a", 2).wait().unwrap();
        clock.set(Timestamp(2_000_000));
        let mut changes = db.watch(WatchOptions::everything()).unwrap();
        for number in 0..3 {
            db.set("a", number).wait().unwrap();
            db.set("b", number).wait().unwrap();
            if number > 0 {
                db.compact().wait().unwrap();
            }
        }
        assert_eq!(changes.next().unwrap().unwrap_err().kind(), ErrorKind::Lagged);
        assert_eq!(changes.sequence(), Sequence(2));
        match db.changes(changes.sequence(), WatchOptions::everything()) {
            Ok(mut resumed) => {
                assert!(is_there);
                let keys: Vec<_> = (0..6).map(|_| next(&mut resumed).key).collect();
                assert_eq!(keys, ["a", "b", "a", "b", "a", "b"]);
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::HistoryDropped);
                assert!(!is_there);
            }
        }
    }
}

#[test]
fn a_watcher_that_nobody_asks_does_not_hold_back_compactions() {
    let auto = AutoCompaction { dead_bytes: 1 << 16, ..AutoCompaction::default() };
    let db = FerrumDB::open(config().with_auto_compaction(auto)).wait().unwrap();
    let mut changes = db.watch(WatchOptions::everything()).unwrap();
    let document = "x".repeat(4_000);
    let deadline = Instant::now() + PATIENCE;
    let (mut compactions, mut log_bytes) = (0, 0);
    while compactions < 3 {
        assert!(Instant::now() < deadline, "{:?}", db.stats().unwrap());
        db.set("a", &document).wait().unwrap();
        let now = db.stats().unwrap().log_bytes;
        compactions += u32::from(now < log_bytes);
        log_bytes = now;
    }
    let error = changes.next().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Lagged);
    assert!(changes.next().is_none(), "then it has ended");
}

#[test]
fn an_expiry_is_a_change_and_wakes_who_waits() {
    let clock = ManualClock::new(Timestamp(1_000));
    let db = FerrumDB::open(config().with_clock(Arc::new(clock.clone()))).wait().unwrap();
    db.set_ex("session", "alice", Duration::from_millis(10)).wait().unwrap();
    let mut changes = db.watch(everything()).unwrap();
    clock.set(Timestamp(1_010));
    db.set("other", 1).wait().unwrap();
    // The writer may have looked at the clock before it got the command.
    let mut told = [next(&mut changes), next(&mut changes)];
    told.sort_by(|one, other| one.key.cmp(&other.key));
    let [other, expired] = told;
    assert_eq!(other.key, "other");
    assert_eq!((expired.key.as_str(), expired.kind), ("session", ChangeKind::Expired));
    assert_eq!(expired.before.unwrap().to::<String>().unwrap(), "alice");
    assert!(expired.after.is_none());
}

#[test]
fn a_deleted_range_is_told_key_by_key_and_wakes_who_waits() {
    let db = FerrumDB::open(config()).wait().unwrap();
    for key in ["a:1", "a:2", "b"] {
        db.set(key, 1).wait().unwrap();
    }
    let mut changes = db.watch(everything()).unwrap();
    let waits = thread::spawn(move || {
        let told: Vec<_> = (0..2).map(|_| next(&mut changes)).collect();
        (told, changes.try_next().unwrap())
    });
    assert_eq!(db.delete_prefix("a:").wait().unwrap(), 2);
    let (mut told, more) = waits.join().unwrap();
    assert_eq!((told[0].ends_commit, told[1].ends_commit, more), (false, true, None));
    told.sort_by(|left, right| left.key.cmp(&right.key));
    assert_eq!([&told[0].key, &told[1].key], ["a:1", "a:2"]);
    assert!(told.iter().all(|change| change.kind == ChangeKind::Deleted && change.before.is_some()));
}

#[test]
fn a_follower_tells_what_its_owner_commits() {
    let files: Arc<MemoryFs> = Arc::new(MemoryFs::new());
    let config =
        || Config::new("/data.db").with_encryption([7; 32]).with_file_system(Arc::clone(&files) as _);
    let owner = FerrumDB::open(config().with_fsync_policy(FsyncPolicy::Never)).wait().unwrap();
    owner.set("before", 0).wait().unwrap();
    let follower = FerrumDB::open(config().read_only()).wait().unwrap();
    let mut changes = follower.changes(Sequence::ZERO, everything()).unwrap();
    for number in 0..50 {
        owner.set("a", number).wait().unwrap();
        if number == 25 {
            owner.compact().wait().unwrap();
        }
    }
    assert_eq!(next(&mut changes).key, "before");
    for number in 0..50_u64 {
        let change = next(&mut changes);
        assert_eq!(change.after.unwrap().to::<u64>().unwrap(), number);
        assert_eq!(change.before.map(|before| before.to::<u64>().unwrap()), number.checked_sub(1));
    }
    follower.close().wait().unwrap();
    assert!(changes.next().is_none());
}

#[test]
fn the_past_answers_what_a_snapshot_does_at_its_own_time() {
    let clock = ManualClock::new(Timestamp(1_000));
    let db = FerrumDB::open(config().with_clock(Arc::new(clock.clone()))).wait().unwrap();
    db.create_index("n").wait().unwrap();
    db.set_ex("session", json!({"n": 1}), Duration::from_millis(10)).wait().unwrap();
    let then = db.set("user", json!({"n": 1})).wait().unwrap();
    clock.set(Timestamp(2_000));
    db.set("user", json!({"n": 2})).wait().unwrap();
    db.drop_index("n").wait().unwrap();
    for past in [db.at(then).unwrap(), db.at_time(Timestamp(1_999)).unwrap()] {
        assert_eq!((past.sequence(), past.time(), past.count().unwrap()), (then, Timestamp(1_000), 2));
        let mut found = past.find("n", &json!(1)).unwrap();
        found.sort_unstable();
        assert_eq!(found, ["session", "user"]);
        assert_eq!(past.ttl("session").unwrap(), Some(Ttl::ExpiresIn(Duration::from_millis(10))));
    }
    assert_eq!(db.at_time(Timestamp(999)).unwrap().count().unwrap(), 0);
    assert_eq!(db.at(Sequence(then.0 + 100)).unwrap_err().kind(), ErrorKind::NoSuchCommit);
    db.compact().wait().unwrap();
    assert_eq!(db.at(then).unwrap_err().kind(), ErrorKind::HistoryDropped);
    let kinds: Vec<_> = db.history("user").unwrap().map(|version| version.unwrap().kind).collect();
    assert_eq!(kinds, [ChangeKind::Set], "what is there is kept");
}
