//! Owns the proof of how much acknowledged work a power cut takes under `Periodic`: at most the last max(D, s) + s, s
//! being the longest sync. Never uses a real disk.
//!
//! The disk here is the simulated one with syncs that take time as real ones do: each makes durable what was written
//! before it began, and does so when it ends. The power goes at the worst moment, right before a sync would have ended.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ferrumdb::fs::{Fate, File, FileSystem, OpenMode, SimFs};
use ferrumdb::{Config, FerrumDB, FsyncPolicy};

/// What is not the database's doing: threads that wake up late.
const SLACK: Duration = Duration::from_millis(40);
/// The power goes in the sync with this number: the ones before it have found their rhythm.
const LAST_SYNC: usize = 4;
/// A busy machine may keep a thread waiting for longer than the slack, but not each time.
const TRIES: usize = 10;

/// A disk whose syncs take time once `slow` is set, and whose power goes in one of them.
#[derive(Clone, Debug)]
struct SlowDisk {
    sim: SimFs,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    slow: Option<Duration>,
    /// The number of the slow sync in which the power goes.
    cut_in: Option<usize>,
    /// How many slow syncs have begun.
    begun: usize,
    /// Calls up to this number are durable.
    durable: u64,
    /// When the slow syncs began and ended, the one in which the power went included.
    syncs: Vec<(Instant, Instant)>,
    /// Whether no slow sync ends.
    is_held: bool,
    /// How often the log was written, until now and until each slow sync began.
    writes: u64,
    writes_before: Vec<u64>,
}

#[derive(Debug)]
struct SlowFile {
    inner: Arc<dyn File>,
    is_log: bool,
    disk: SlowDisk,
}

impl SlowDisk {
    fn new() -> Self {
        Self { sim: SimFs::new(1), state: Arc::default() }
    }

    fn sync(&self, file: &dyn File) -> io::Result<()> {
        let (begin, written) = (Instant::now(), self.sim.total_calls());
        let slow = {
            let mut state = self.state.lock().unwrap();
            if state.slow.is_some() {
                state.begun += 1;
                let writes = state.writes;
                state.writes_before.push(writes);
            }
            state.slow
        };
        std::thread::sleep(slow.unwrap_or_default());
        while slow.is_some() && self.state.lock().unwrap().is_held {
            std::thread::sleep(Duration::from_millis(1));
        }
        let mut state = self.state.lock().unwrap();
        // Without power there is no length either.
        file.len()?;
        if slow.is_some() {
            state.syncs.push((begin, Instant::now()));
            if Some(state.syncs.len()) == state.cut_in {
                self.cut(&state);
                return Err(io::Error::other("the power is gone"));
            }
        }
        state.durable = state.durable.max(written);
        Ok(())
    }

    /// Cuts the power: only what a sync has made durable stays.
    fn cut(&self, state: &State) {
        let is_durable = |call| call <= state.durable;
        self.sim.crash_with(|change| if is_durable(change.call) { Fate::Kept } else { Fate::Dropped });
    }

    fn open(&self, period: Duration) -> FerrumDB {
        let policy = FsyncPolicy::Periodic(period);
        let config = Config::new("/data.db").with_file_system(Arc::new(self.clone()));
        FerrumDB::open(config.with_fsync_policy(policy)).wait().unwrap()
    }

    /// The database after the power has gone.
    fn reopen(&self) -> FerrumDB {
        FerrumDB::open(Config::new("/data.db").with_file_system(Arc::new(self.sim.process()))).wait().unwrap()
    }

    /// Waits until the disk has come so far.
    fn wait_until(&self, is_so: impl Fn(&State) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !is_so(&self.state.lock().unwrap()) {
            assert!(Instant::now() < deadline, "it never comes to that: {:?}", self.state);
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl FileSystem for SlowDisk {
    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        self.sim.canonical(path)
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let is_log = path.extension().is_some_and(|extension| extension == "db");
        Ok(Arc::new(SlowFile { inner: self.sim.open(path, mode)?, is_log, disk: self.clone() }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.sim.rename(from, to)
    }

    fn publish(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.sim.publish(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.sim.remove(path)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        self.sim.list(directory)
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        self.sim.sync_directory(directory)
    }
}

impl File for SlowFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        self.inner.read_at(buffer, position)
    }

    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<usize> {
        self.disk.state.lock().unwrap().writes += u64::from(self.is_log);
        self.inner.write_at(bytes, position)
    }

    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.inner.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.sync(&*self.inner)
    }

    fn try_lock(&self) -> io::Result<bool> {
        self.inner.try_lock()
    }

    fn unlock(&self) -> io::Result<()> {
        self.inner.unlock()
    }

    fn lock_holder(&self) -> Option<u32> {
        self.inner.lock_holder()
    }

    fn is_named(&self, path: &Path) -> io::Result<bool> {
        self.inner.is_named(path)
    }
}

/// Writes until the power goes in a sync, and returns when each write was acknowledged.
fn write_until_the_power_goes(disk: &SlowDisk, period: Duration, sync: Duration) -> Vec<Instant> {
    let db = disk.open(period);
    {
        let mut state = disk.state.lock().unwrap();
        (state.slow, state.cut_in) = (Some(sync), Some(LAST_SYNC));
    }
    let mut acknowledged = Vec::new();
    while db.set(format!("{}", acknowledged.len()), 1).wait().is_ok() {
        acknowledged.push(Instant::now());
        std::thread::sleep(Duration::from_millis(1));
    }
    acknowledged
}

/// How far what one power cut takes reaches back, and how far it may.
fn lose(period: Duration, sync: Duration) -> (Duration, Duration) {
    let disk = SlowDisk::new();
    let acknowledged = write_until_the_power_goes(&disk, period, sync);
    let syncs = std::mem::take(&mut disk.state.lock().unwrap().syncs);
    let [.., (last_begun, _), (_, cut)] = syncs[..] else { panic!("the power went in a later sync") };

    let db = disk.reopen();
    let kept = (0..acknowledged.len()).take_while(|number| db.contains(format!("{number}")).unwrap()).count();
    assert_eq!(db.count().unwrap(), kept as u64, "what is left is a prefix");
    let oldest = acknowledged[kept..].first().expect("what came during the last sync is lost");
    assert!(*oldest >= last_begun, "a commit that was acknowledged before a sync began outlives it");
    let longest = syncs.iter().map(|(begin, end)| *end - *begin).max().unwrap();
    (cut - *oldest, period.max(longest) + longest)
}

fn assert_bounded(period: u64, sync: u64) {
    let [period, sync] = [period, sync].map(Duration::from_millis);
    let mut tries = (0..TRIES).map(|_| lose(period, sync));
    let exceeded: Vec<_> = tries.by_ref().take_while(|(lost, bound)| *lost > *bound + SLACK).collect();
    assert!(
        exceeded.len() < TRIES,
        "periods of {period:?}, syncs of {sync:?}: lost, and bound: {exceeded:?}"
    );
}

#[test]
fn with_syncs_shorter_than_the_period_it_is_a_period_and_a_sync() {
    assert_bounded(200, 100);
}

#[test]
fn with_syncs_longer_than_the_period_it_is_two_syncs() {
    assert_bounded(20, 120);
}

#[test]
fn with_no_period_at_all_it_is_two_syncs() {
    assert_bounded(0, 100);
}

#[test]
fn what_came_during_a_sync_is_synced_by_the_next_though_nothing_follows_it() {
    let disk = SlowDisk::new();
    let db = disk.open(Duration::from_millis(10));
    {
        let mut state = disk.state.lock().unwrap();
        (state.slow, state.is_held) = (Some(Duration::from_millis(100)), true);
    }
    db.set("before", 1).wait().unwrap();
    disk.wait_until(|state| state.begun == 1);
    db.set("during", 2).wait().unwrap();
    let writes = {
        let mut state = disk.state.lock().unwrap();
        assert!(state.syncs.is_empty(), "that sync still runs");
        state.is_held = false;
        state.writes
    };
    disk.wait_until(|state| state.syncs.len() == 2);
    {
        let state = disk.state.lock().unwrap();
        assert_eq!(state.writes_before[1], writes, "an idle writer's mark would have led to a sync, too");
        disk.cut(&state);
    }
    drop(db);
    assert_eq!(disk.reopen().get_as::<u32>("during").unwrap(), Some(2));
}
