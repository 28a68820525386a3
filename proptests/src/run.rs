//! Owns putting a database on a simulated disk through operations, and comparing it with the model after each.
//! Never decides what is right: the model does.

mod commits;
mod compact;
mod copies;
mod cuts;
mod ordered;
mod surviving;

use std::path::Path;
use std::sync::Arc;

use ferrumdb_engine::fs::{FileSystem, SimFs};
use ferrumdb_engine::{
    EncryptionKey, Error, IndexBuild, ManualClock, Options, Reader, Snapshot, SyncDone, SyncTask, Timestamp,
    Untidy, Writer, open,
};

use crate::check;
use crate::model::{Model, State};
use crate::ops::{Change, Damage, Failure, KEYS, Op, OpList};
use crate::sites::{Cut, FateKind, Passed};
use compact::Compacting;
use surviving::Trust;

const PATH: &str = "/my.db";

/// A database, and what it must be.
#[derive(Debug)]
pub struct Run {
    sim: SimFs,
    clock: ManualClock,
    steps: u64,
    cache_bytes: u64,
    key: Option<EncryptionKey>,
    opened: Option<Opened>,
    model: Model,
    snapshots: Vec<(Arc<Snapshot>, State)>,
    /// What goes wrong in the next operation.
    failures: Vec<Failure>,
    power_was_cut: bool,
    /// What the first power cut since the last opening has left of the file.
    left: Option<Vec<u8>>,
    trust: Trust,
    closed_well: bool,
    /// Whether releasing the lock may have failed: it then goes with the last handle, and a snapshot has one.
    lock_may_linger: bool,
    /// What is being done, and a number that stands for everything that was done before.
    during: &'static str,
    /// What has been done since which call of the operation.
    done: Vec<(u64, &'static str)>,
    /// How many calls there had been in all when the operation was carried out. Others are those of the checks behind it.
    carried_out: u64,
    history: u64,
    /// The fate that is wanted where the power goes next, on disks of their own.
    wanted: Option<FateKind>,
    explored: Explored,
}

#[derive(Debug)]
struct Opened {
    writer: Writer,
    reader: Reader,
    compacting: Compacting,
    /// An order of keys that was built and is not installed yet.
    ordering: Option<IndexBuild>,
    /// A sync that was begun, and the newest commit then.
    task: Option<(Beside, usize)>,
    /// Whether a sync beside commits may have failed, which the writer has not been told yet.
    may_be_in_doubt: bool,
}

#[derive(Debug)]
enum Beside {
    Begun(SyncTask),
    Done(SyncDone),
}

/// What a run has seen.
#[derive(Clone, Debug, Default)]
pub struct Explored {
    /// How often the power went.
    pub crashes: u64,
    /// How often it went while a database was being opened.
    pub crashes_in_opening: u64,
    /// How often it went while a database was being compacted.
    pub crashes_in_compacting: u64,
    /// How many compactions were installed.
    pub compactions: u64,
    /// Where the power went, in that order, and what it left.
    pub cuts: Vec<Cut>,
    /// Where it could have gone.
    pub passed: Vec<Passed>,
}

/// Carries out a list, and then checks that the database still opens, commits and closes.
///
/// # Errors
/// Where the database and the model part, and how.
pub fn replay(list: &OpList) -> Result<Explored, String> {
    replay_with(list, |_, _| ())
}

/// The same, and takes note of every call at which the power could have gone.
pub(crate) fn replay_watched(list: &OpList) -> Result<Explored, String> {
    replay_with(list, Run::note_passed)
}

/// The same, and where the power goes in the last operation, tries others of the fates that have this one among them.
pub(crate) fn replay_branching(list: &OpList, wanted: FateKind) -> Result<Explored, String> {
    let last = list.ops.len() - 1;
    replay_with(list, |run, index| run.wanted = (index + 1 == last).then_some(wanted))
}

fn replay_with(list: &OpList, note: impl Fn(&mut Run, usize)) -> Result<Explored, String> {
    let mut run = Run::new(list.seed);
    for (index, op) in list.ops.iter().enumerate() {
        run.step(op).map_err(|reason| format!("operation {index} (`{op}`): {reason}"))?;
        note(&mut run, index);
    }
    run.finish().map_err(|reason| format!("after the last operation: {reason}"))
}

impl Run {
    /// An empty disk. An even seed reads every document from the disk, an odd one from the cache; two of four encrypt.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            sim: SimFs::new(seed),
            clock: ManualClock::new(Timestamp(1_000)),
            steps: 0,
            cache_bytes: (seed % 2) << 20,
            key: (seed / 2 % 2 == 1).then(|| EncryptionKey::from_bytes([7; 32])),
            opened: None,
            model: Model::default(),
            snapshots: Vec::new(),
            failures: Vec::new(),
            power_was_cut: false,
            left: None,
            trust: Trust::default(),
            closed_well: false,
            lock_may_linger: false,
            during: "",
            done: Vec::new(),
            carried_out: 0,
            history: seed % 4,
            wanted: None,
            explored: Explored::default(),
        }
    }

    /// Carries out one operation, and compares.
    ///
    /// # Errors
    /// How the database and the model part.
    pub fn step(&mut self, op: &Op) -> Result<(), String> {
        if let Op::Fail(failure) = op {
            self.failures.push(*failure);
            return Ok(());
        }
        self.steps += 1;
        // The clock jumps in both directions: nothing may depend on it.
        self.clock.set(Timestamp(1_000 + self.steps * 7_919 % 1_000));
        self.sim.record();
        let mut failures = std::mem::take(&mut self.failures);
        // Of several that fit a call, the first has its effect: nothing comes before the power's going.
        failures.sort_by_key(|failure| !matches!(failure.damage, Damage::Crash(_)));
        failures.iter().for_each(|failure| self.sim.inject(failure.fault()));
        let may_be_in_doubt = self.opened.as_ref().is_some_and(|opened| opened.may_be_in_doubt);
        let is_faulty = !failures.is_empty() || may_be_in_doubt;
        self.lock_may_linger |= is_faulty && matches!(op, Op::Close | Op::Drop);
        self.done.clear();
        self.begin(op.name());
        self.trust.may_break = failures.iter().any(|failure| failure.damage == Damage::Lie);
        let durable = self.model.durable();
        self.carry_out(op, is_faulty)?;
        self.carried_out = self.sim.total_calls();
        self.sim.clear_faults();
        self.doubt_the_disk(op, durable);
        if let Some(Failure { damage: Damage::Crash(seed), .. }) = failures.first().copied()
            && self.sim.canonical(Path::new(PATH)).is_err()
        {
            self.explored.crashes_in_opening += u64::from(*op == Op::Open);
            self.explored.crashes_in_compacting += u64::from(matches!(op, Op::Compact(_)));
            let calls = self.sim.trace();
            self.branch(seed, &calls)?;
            self.cut_power(seed);
        }
        self.remember(op, &failures);
        // Walking through a keydir of few keys takes longer than anything else here.
        self.check(matches!(op, Op::Open | Op::Compact(_)) || self.steps.is_multiple_of(4))
    }

    /// Checks that the database opens, commits and closes, whatever happened before.
    ///
    /// # Errors
    /// How the database and the model part.
    pub fn finish(mut self) -> Result<Explored, String> {
        self.failures.clear();
        let last = Op::Commit { group: vec![vec![Change { key: 0, document: Some(1) }]], synced: true };
        let number = self.history;
        let damage = match number % 3 {
            0 => Op::Flip(number / 3),
            1 => Op::Shorten(number / 3),
            _ => Op::Forge(number / 3),
        };
        for op in [Op::Kill, Op::Open, last, Op::PowerCut(0), Op::Open, Op::Close, damage, Op::Open] {
            self.step(&op).map_err(|reason| format!("`{op}`: {reason}"))?;
        }
        Ok(self.explored)
    }

    fn carry_out(&mut self, op: &Op, is_faulty: bool) -> Result<(), String> {
        match op {
            Op::Commit { group, synced } => self.commit(group, *synced, is_faulty),
            Op::DeleteRange { from, to, synced } => self.delete_range((*from, *to), *synced, is_faulty),
            Op::Order(key) => self.order(*key, is_faulty),
            Op::Sync => self.sync(is_faulty),
            Op::BeginSync => {
                let sequence = self.model.sequence();
                if let Some(opened) = self.ensure_open(is_faulty)? {
                    opened.task = opened.writer.begin_sync().map(|task| (Beside::Begun(task), sequence));
                }
                Ok(())
            }
            Op::RunSync => {
                self.run_sync(is_faulty);
                Ok(())
            }
            Op::FinishSync => self.finish_sync(is_faulty),
            Op::Mark => self.mark(is_faulty),
            Op::Compact(units) => self.compact(*units, is_faulty),
            Op::Close => self.close(is_faulty),
            Op::Drop => {
                self.opened = None;
                Ok(())
            }
            Op::Open => self.open(is_faulty),
            Op::Kill => {
                self.sim.kill_process();
                self.forget_process();
                Ok(())
            }
            Op::PowerCut(seed) => {
                self.cut_power(*seed);
                Ok(())
            }
            Op::Snapshot => {
                let state = Arc::clone(self.model.now());
                if let Some(opened) = &self.opened {
                    self.snapshots.push((Arc::new(opened.reader.snapshot()), state));
                }
                Ok(())
            }
            Op::Release(index) => {
                if !self.snapshots.is_empty() {
                    self.snapshots.remove(index % self.snapshots.len());
                }
                Ok(())
            }
            Op::Flip(seed) => self.flip(*seed),
            Op::Shorten(seed) => self.shorten(*seed),
            Op::Forge(seed) => self.forge(*seed),
            Op::Fail(_) => unreachable!("`step` keeps it for the next operation"),
        }
    }

    fn options(&self) -> Options {
        let mut options = Options::new(PATH);
        options.cache_bytes = self.cache_bytes;
        options.clock = Arc::new(self.clock.clone());
        options.encryption.clone_from(&self.key);
        options
    }

    fn open(&mut self, is_faulty: bool) -> Result<(), String> {
        let was_open = self.opened.is_some();
        let opened_for = self.begin("opening");
        let before = self.sim.live_bytes(PATH).filter(|_| self.trust.is_broken);
        match open(self.options(), Arc::new(self.sim.process())) {
            Ok(_) if was_open => Err("a second opening succeeded".to_owned()),
            Ok((writer, reader)) => {
                let sequence = reader.sequence().0 as usize;
                self.expect_less_of_a_new_file();
                self.take_back_what_was_left_behind(&reader);
                self.model.reopen(sequence, self.power_was_cut)?;
                if !self.has_lied() {
                    self.model.forget_abandoned();
                }
                self.check_tail(sequence)?;
                let stats = reader.stats().map_err(|error| error.to_string());
                if self.closed_well && stats.is_ok_and(|stats| !stats.recovery.clean) {
                    return Err("a closed database is said to have been left by a crash".to_owned());
                }
                if self.power_was_cut {
                    (self.trust.is_broken, self.trust.is_file_new) = (self.has_lied(), false);
                }
                (self.power_was_cut, self.closed_well, self.lock_may_linger) = (false, false, false);
                self.begin(opened_for);
                let compacting = Compacting::default();
                let (ordering, task, may_be_in_doubt) = (None, None, false);
                self.opened = Some(Opened { writer, reader, compacting, ordering, task, may_be_in_doubt });
                if !is_faulty && self.sim.names().iter().any(|name| is_temporary(name)) {
                    return Err("a temporary was left".to_owned());
                }
                Ok(())
            }
            Err(Error::Locked { .. }) if was_open => Ok(()),
            Err(Error::Locked { .. }) if self.lock_may_linger && !self.snapshots.is_empty() => {
                self.snapshots.clear();
                self.open(is_faulty)
            }
            Err(Error::Io { .. }) if is_faulty => Ok(()),
            Err(error) if self.is_lie_told(&error, before.as_deref())? => Ok(()),
            Err(error) => Err(format!("opening failed: {error}")),
        }
    }

    /// The open database; nothing, if it cannot be opened because of an injected fault.
    fn ensure_open(&mut self, is_faulty: bool) -> Result<Option<&mut Opened>, String> {
        if self.opened.is_none() {
            self.open(is_faulty)?;
        }
        Ok(self.opened.as_mut())
    }

    fn sync(&mut self, is_faulty: bool) -> Result<(), String> {
        let Some(opened) = self.ensure_open(is_faulty)? else { return Ok(()) };
        let was_poisoned = opened.writer.is_poisoned();
        match opened.writer.sync() {
            Ok(()) => {
                self.model.promise(self.model.sequence());
                Ok(())
            }
            Err(Error::InDoubt { .. }) if is_faulty => Ok(()),
            Err(Error::Poisoned { .. }) if was_poisoned => Ok(()),
            Err(error) => Err(format!("the sync failed: {error}")),
        }
    }

    fn run_sync(&mut self, is_faulty: bool) {
        if let Some(opened) = &mut self.opened
            && let Some((Beside::Begun(task), sequence)) = opened.task.take()
        {
            opened.may_be_in_doubt |= is_faulty;
            opened.task = Some((Beside::Done(task.run()), sequence));
        }
    }

    fn finish_sync(&mut self, is_faulty: bool) -> Result<(), String> {
        let Some(opened) = &mut self.opened else { return Ok(()) };
        let Some((beside, sequence)) = opened.task.take() else { return Ok(()) };
        let done = match beside {
            Beside::Begun(task) => task.run(),
            Beside::Done(done) => done,
        };
        let was_poisoned = opened.writer.is_poisoned();
        match opened.writer.finish_sync(done) {
            // After a sync that failed, one that succeeds proves nothing.
            Ok(()) if was_poisoned => Ok(()),
            Ok(()) => {
                self.model.promise(sequence);
                Ok(())
            }
            // Nor does one succeed that was begun before another failed.
            Err(Error::InDoubt { .. }) if is_faulty || was_poisoned => Ok(()),
            Err(error) => Err(format!("the sync beside commits failed: {error}")),
        }
    }

    fn mark(&mut self, is_faulty: bool) -> Result<(), String> {
        let Some(opened) = self.ensure_open(is_faulty)? else { return Ok(()) };
        let was_poisoned = opened.writer.is_poisoned();
        let result = opened.writer.append_sync_mark();
        let grown = opened.reader.sequence().0 as usize > self.model.sequence();
        let state = Arc::clone(self.model.now());
        match result {
            Ok(()) => {
                if grown {
                    self.model.acknowledge(state);
                }
                Ok(())
            }
            Err(Error::Io { .. }) if is_faulty => Ok(()),
            Err(Error::InDoubt { .. }) if is_faulty => {
                self.model.doubt(state);
                Ok(())
            }
            Err(Error::Poisoned { .. }) if was_poisoned => Ok(()),
            Err(error) => Err(format!("the sync mark failed: {error}")),
        }
    }

    fn close(&mut self, is_faulty: bool) -> Result<(), String> {
        let Some(Opened { writer, .. }) = self.opened.take() else { return Ok(()) };
        let was_poisoned = writer.is_poisoned();
        let state = Arc::clone(self.model.now());
        match writer.close() {
            Ok(()) => {
                self.model.acknowledge(state);
                self.model.promise(self.model.sequence());
                self.closed_well = true;
                Ok(())
            }
            Err(Error::Io { .. } | Error::InDoubt { .. }) if is_faulty => {
                // The close mark may or may not have been appended before the failure.
                self.model.doubt(state);
                Ok(())
            }
            Err(Error::Poisoned { .. }) if was_poisoned => Ok(()),
            Err(error) => Err(format!("closing failed: {error}")),
        }
    }

    fn forget_process(&mut self) {
        self.opened = None;
        self.snapshots.clear();
    }

    fn check(&mut self, lists: bool) -> Result<(), String> {
        if let Some(opened) = self.opened.as_mut().filter(|_| self.steps.is_multiple_of(2)) {
            while opened.writer.tidy() == Untidy::More {}
            let stats = opened.reader.stats().map_err(|error| format!("stats failed: {error}"))?;
            let shown = stats.pins * KEYS.len();
            if stats.undo_versions as usize > shown {
                return Err(format!("{} old versions for snapshots that show {shown}", stats.undo_versions));
            }
        }
        for (snapshot, state) in &self.snapshots {
            check::snapshot(snapshot, state).map_err(|reason| format!("a snapshot: {reason}"))?;
        }
        // One of them now and then, since it takes so long.
        let index = self.steps as usize / 4 % self.snapshots.len().max(1);
        if let Some((snapshot, state)) = self.snapshots.get(index).filter(|_| self.steps.is_multiple_of(4)) {
            check::keys(snapshot, state).map_err(|reason| format!("a snapshot: {reason}"))?;
        }
        match &self.opened {
            Some(opened) => check::reader(&opened.reader, self.model.now(), self.model.sequence(), lists),
            None => Ok(()),
        }
    }
}

/// Whether a file is one that was not finished.
fn is_temporary(name: &Path) -> bool {
    name.display().to_string().contains(".new-")
}
