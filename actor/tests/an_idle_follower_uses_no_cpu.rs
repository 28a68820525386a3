//! Owns the proof that a follower of a database in which nothing happens does next to nothing. Never runs beside other
//! tests.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use ferrumdb::{Config, FerrumDB};

/// The processor time of all threads of this process.
fn used() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let nanos = tasks.map(|task| {
        let text = std::fs::read_to_string(task.unwrap().path().join("schedstat")).unwrap();
        text.split_whitespace().next().unwrap().parse::<u64>().unwrap()
    });
    Duration::from_nanos(nanos.sum())
}

#[test]
fn a_follower_sleeps_while_nothing_happens_and_wakes_when_something_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my.db");
    let owner = FerrumDB::open(&path).wait().unwrap();
    owner.set("a", 0).wait().unwrap();
    let db = FerrumDB::open(Config::new(&path).read_only()).wait().unwrap();
    // The owner marks its log after a second, and the follower looks ever more seldom.
    std::thread::sleep(Duration::from_secs(6));
    until_one_is_less(Duration::from_millis(2), "the time that was used in 2 s", |_| {
        let before = used();
        std::thread::sleep(Duration::from_secs(2));
        used() - before
    });
    until_one_is_less(
        Duration::from_millis(10),
        "the median of how long it takes to see a commit",
        |round| {
            let mut delays: Vec<_> = (0..20)
                .map(|number| {
                    let number = round * 20 + number;
                    std::thread::sleep(Duration::from_millis(20));
                    owner.set("a", number).wait().unwrap();
                    let begin = Instant::now();
                    while db.get("a").unwrap().unwrap() != serde_json::json!(number) {
                        assert!(begin.elapsed() < Duration::from_secs(60));
                        std::thread::sleep(Duration::from_micros(50));
                    }
                    begin.elapsed()
                })
                .collect();
            delays.sort_unstable();
            delays[10]
        },
    );
}

/// A machine with other work to do makes some rounds longer; what takes too long by itself does so in all of them.
fn until_one_is_less(bound: Duration, what: &str, measure: impl FnMut(u32) -> Duration) {
    const ROUNDS: u32 = 20;
    let longer: Vec<_> = (0..ROUNDS).map(measure).take_while(|taken| *taken >= bound).collect();
    assert!(longer.len() < ROUNDS as usize, "{what}: {longer:?}");
}
