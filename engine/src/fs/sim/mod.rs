//! Owns a simulated disk that loses, tears and refuses what a real one may, by a seed. Never touches a real file, and
//! never decides by anything but its seed, its faults and the calls it gets.
//!
//! A file keeps the bytes that were synced apart from the changes that were not; so do the names. [`SimFs::crash`]
//! cuts the power: each unsynced change survives, is lost, or, a write, survives in part. Data and names are independent
//! of each other, so a renamed file may arrive without its contents; a folder's names alone keep their order, as
//! journals do.

mod fate;
mod faults;
mod file;
mod inode;
mod names;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

pub use fate::{Fate, FatedOperation, PendingChange, PendingOperation};
pub use faults::{Call, Effect, Fault, SimOperation, Unsynced};

use super::memory::{absolute, absolute_folder, next_id};
use super::{File, FileSystem, OpenMode};
use fate::{Random, SECTOR_BYTES};
use faults::Faults;
use file::SimFile;
use inode::Inode;
use names::Names;

/// A simulated machine's disk. Clones share the machine; every folder is taken to exist.
///
/// ```
/// use ferrumdb_engine::fs::{FileSystem, OpenMode, SimFs};
/// use std::path::Path;
///
/// let sim = SimFs::new(1);
/// let file = sim.open(Path::new("/a"), OpenMode::CreateNew)?;
/// sim.sync_directory(Path::new("/"))?;
/// file.write_at(b"synced", 0)?;
/// file.sync()?;
/// file.write_at(b"UNSYNC", 0)?;
/// sim.crash_with(|_| ferrumdb_engine::fs::Fate::Dropped);
/// assert_eq!(sim.live_bytes("/a").as_deref(), Some(&b"synced"[..]));
/// assert!(file.len().is_err(), "the process that held it is gone");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct SimFs {
    machine: Arc<Machine>,
    /// The run of the machine that this clone belongs to, if to one alone.
    boot: Option<u64>,
}

struct Machine {
    state: Mutex<State>,
    woken: Condvar,
}

#[derive(Clone)]
struct State {
    random: Random,
    inodes: BTreeMap<u64, Inode>,
    names: Names,
    faults: Faults,
    capacity: Option<u64>,
    /// Counts the processes that have died; handles of an earlier one fail.
    boot: u64,
    is_off: bool,
    blocked: usize,
    releases: u64,
}

impl SimFs {
    /// An empty disk. The same seed and the same calls give the same fates.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::from_state(State {
            random: Random::new(seed),
            inodes: BTreeMap::new(),
            names: Names::default(),
            faults: Faults::default(),
            capacity: None,
            boot: 0,
            is_off: false,
            blocked: 0,
            releases: 0,
        })
    }

    /// The disk as a process that starts now sees it: it fails for good once the power is cut or the process killed.
    #[must_use]
    pub fn process(&self) -> Self {
        Self { machine: Arc::clone(&self.machine), boot: Some(self.state().boot) }
    }

    /// A second machine with a copy of this disk, unsynced changes included, on which no process runs: to try several
    /// crashes from one state. Faults, counts and record start afresh.
    #[must_use]
    pub fn fork(&self, seed: u64) -> Self {
        let mut state = self.state().clone();
        state.random = Random::new(seed);
        state.faults = Faults::default();
        state.blocked = 0;
        state.end_processes();
        Self::from_state(state)
    }

    /// Cuts the power and starts the machine again; the seed decides what unsynced changes survive. Open handles fail
    /// from then on and hold no lock; armed faults stay.
    pub fn crash(&self) -> Vec<FatedOperation> {
        let mut random = Random::new(self.state().random.next());
        // Some crashes keep everything and some nothing: both ends are where mistakes hide.
        let quarters = random.below(5);
        self.crash_with(|operation| random.fate(&operation.change, quarters))
    }

    /// As [`SimFs::crash`], with a fate chosen for each unsynced change: first the names', in order; then each
    /// surviving file's, in order. Returns the fates that were had: after a name change that is dropped, its folder's
    /// later ones are dropped unasked. `choose` must not call this machine, which waits for it.
    pub fn crash_with(&self, mut choose: impl FnMut(&PendingOperation) -> Fate) -> Vec<FatedOperation> {
        let mut fates = Vec::new();
        let mut choose = |operation: PendingOperation, may_be_kept: bool| {
            let fate = if may_be_kept { choose(&operation) } else { Fate::Dropped };
            fates.push(FatedOperation { operation, fate: fate.clone() });
            fate
        };
        let state = &mut *self.state();
        state.names.settle(|call, path, may_be_kept| {
            let operation = PendingOperation { call, path: path.to_path_buf(), change: PendingChange::Name };
            choose(operation, may_be_kept) == Fate::Kept
        });
        state.end_processes();
        let mut is_settled = BTreeSet::new();
        for (path, id) in state.names.durable() {
            if is_settled.insert(*id) {
                let inode = state.inodes.get_mut(id).expect("a name stands for an inode");
                inode.settle(|call, change| {
                    choose(PendingOperation { call, path: path.clone(), change }, true)
                });
            }
        }
        state.is_off = false;
        self.machine.woken.notify_all();
        fates
    }

    /// Kills every process but leaves the machine on: what was written stays, synced or not.
    pub fn kill_process(&self) {
        self.state().end_processes();
        self.machine.woken.notify_all();
    }

    /// Arms a fault. Of several that fit a call, the first armed has its effect.
    pub fn inject(&self, fault: Fault) {
        self.state().faults.arm(fault);
    }

    /// The faults still armed: one that happens once is no longer.
    pub fn armed_faults(&self) -> usize {
        self.state().faults.armed()
    }

    /// Takes every armed fault away. Blocked calls go on waiting for [`SimFs::release`].
    pub fn clear_faults(&self) {
        self.state().faults.clear();
    }

    /// Lets every blocked call go on, and takes away the faults that block.
    pub fn release(&self) {
        let mut state = self.state();
        state.releases += 1;
        state.faults.unblock();
        self.machine.woken.notify_all();
    }

    /// The calls that are blocked now.
    pub fn blocked(&self) -> usize {
        self.state().blocked
    }

    /// Gives the disk room for so many bytes, or any number. Only what is written counts, by sectors of 512 bytes; a
    /// length set ahead does not, so a write into it may find the disk full.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.state().capacity = bytes;
    }

    /// How often this operation was called, failed calls included, but not calls to a machine that was off.
    pub fn calls(&self, operation: SimOperation) -> u64 {
        self.state().faults.count(operation)
    }

    /// How many calls there were in all.
    pub fn total_calls(&self) -> u64 {
        self.calls(SimOperation::Any)
    }

    /// Starts recording calls, from an empty record.
    pub fn record(&self) {
        self.state().faults.record();
    }

    /// The calls recorded so far, in the order in which they took effect.
    pub fn trace(&self) -> Vec<Call> {
        self.state().faults.trace()
    }

    /// What the file of this name would hold if the power went and took every unsynced change, names included.
    pub fn durable_bytes(&self, path: impl AsRef<Path>) -> Option<Vec<u8>> {
        let state = self.state();
        let id = state.names.durable().get(&absolute(path.as_ref()).ok()?)?;
        Some(state.inodes[id].durable().to_vec())
    }

    /// What a reader of this file sees.
    pub fn live_bytes(&self, path: impl AsRef<Path>) -> Option<Vec<u8>> {
        let state = self.state();
        let id = state.names.live().get(&absolute(path.as_ref()).ok()?)?;
        Some(state.inodes[id].live().to_vec())
    }

    /// Changes bytes of a file as a failing medium does: at once, and durably.
    ///
    /// # Panics
    /// When no file has this name.
    pub fn overwrite(&self, path: impl AsRef<Path>, position: u64, bytes: &[u8]) {
        let mut state = self.state();
        let id = absolute(path.as_ref()).and_then(|path| state.names.find(&path)).expect("the file is there");
        state.inode(id).rot(position as usize, bytes);
    }

    /// The paths of all files, in order.
    pub fn names(&self) -> Vec<PathBuf> {
        self.state().names.live().keys().cloned().collect()
    }

    /// The paths that would be left if the power went and took every unsynced change, in order.
    pub fn durable_names(&self) -> Vec<PathBuf> {
        self.state().names.durable().keys().cloned().collect()
    }

    fn from_state(state: State) -> Self {
        Self { machine: Arc::new(Machine { state: Mutex::new(state), woken: Condvar::new() }), boot: None }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.machine.state()
    }

    fn begin(&self, call: Call) -> io::Result<(MutexGuard<'_, State>, Option<Effect>)> {
        self.machine.begin(call, self.boot)
    }

    /// Begins a call that a fault can only refuse.
    fn begin_plain(&self, call: Call) -> io::Result<MutexGuard<'_, State>> {
        let (state, effect) = self.begin(call)?;
        refuse(effect)?;
        Ok(state)
    }
}

impl fmt::Debug for SimFs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SimFs").field("names", &self.names()).finish_non_exhaustive()
    }
}

impl FileSystem for SimFs {
    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        let path = absolute(path)?;
        self.begin_plain(Call::new(SimOperation::Canonical, &path)).map(|_| path)
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let path = absolute(path)?;
        let mut state = self.begin_plain(Call::new(SimOperation::Open, &path))?;
        let id = next_id();
        let inode = if mode == OpenMode::CreateNew {
            let call = state.call();
            state.names.create(call, path.clone(), id)?;
            state.inodes.insert(id, Inode::default());
            id
        } else {
            state.names.find(&path)?
        };
        state.inode(inode).handles += 1;
        let (machine, boot) = (Arc::clone(&self.machine), state.boot);
        Ok(Arc::new(SimFile { machine, boot, path, inode, id, writable: mode != OpenMode::Read }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (absolute(from)?, absolute(to)?);
        let mut state = self.begin_plain(Call::new(SimOperation::Rename, &from).to(&to))?;
        let call = state.call();
        state.names.rename(call, from, to)
    }

    fn publish(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (absolute(from)?, absolute(to)?);
        let mut state = self.begin_plain(Call::new(SimOperation::Publish, &from).to(&to))?;
        let call = state.call();
        state.names.publish(call, from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let path = absolute(path)?;
        let mut state = self.begin_plain(Call::new(SimOperation::Remove, &path))?;
        let call = state.call();
        state.names.remove(call, path)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        let directory = absolute_folder(directory)?;
        let state = self.begin_plain(Call::new(SimOperation::List, &directory))?;
        Ok(state.names.live().keys().filter(|path| path.parent() == Some(&directory)).cloned().collect())
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        let directory = absolute_folder(directory)?;
        let (mut state, effect) = self.begin(Call::new(SimOperation::SyncDirectory, &directory))?;
        refuse(effect)?;
        if effect != Some(Effect::Lie) {
            state.names.sync(&directory);
            state.forget_unreachable();
        }
        Ok(())
    }
}

impl Machine {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the call, lets it wait, panic or cut the power if it is to, and says what else is to go wrong.
    fn begin(
        &self,
        mut call: Call,
        boot: Option<u64>,
    ) -> io::Result<(MutexGuard<'_, State>, Option<Effect>)> {
        let mut state = self.state();
        state.check_running(boot)?;
        call.effect = state.faults.meet(&call);
        if state.faults.is_recording() {
            call.unsynced = state.unsynced();
        }
        let mut effect = call.effect;
        match effect {
            Some(Effect::Block) => {
                let (release, running) = (state.releases, state.boot);
                state.blocked += 1;
                while state.releases == release && state.boot == running {
                    state = self.woken.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                state.blocked -= 1;
                state.check_running(Some(running))?;
                effect = None;
            }
            Some(Effect::Crash) => {
                state.is_off = true;
                state.boot += 1;
                self.woken.notify_all();
            }
            _ => {}
        }
        let operation = call.operation;
        state.faults.note(call);
        match effect {
            Some(Effect::Crash) => Err(no_power()),
            Some(Effect::Panic) => {
                drop(state);
                panic!("the simulated disk panics in {operation:?}")
            }
            _ => Ok((state, effect)),
        }
    }
}

impl State {
    fn check_running(&self, boot: Option<u64>) -> io::Result<()> {
        if self.is_off || boot.is_some_and(|boot| boot != self.boot) { Err(no_power()) } else { Ok(()) }
    }

    /// The number of the call that is being carried out.
    fn call(&self) -> u64 {
        self.faults.count(SimOperation::Any)
    }

    fn inode(&mut self, id: u64) -> &mut Inode {
        self.inodes.get_mut(&id).expect("an inode stays while a name or a handle has it")
    }

    fn unsynced(&self) -> Unsynced {
        let names = if self.names.is_unsynced() { Unsynced::NoBytes } else { Unsynced::Nothing };
        let ids = self.names.inodes();
        let files = self.inodes.iter().filter(|(id, _)| ids.contains(id)).map(|(_, inode)| inode.unsynced());
        files.fold(names, Unsynced::max)
    }

    /// The sectors that may yet be written.
    fn free_sectors(&self) -> u64 {
        let Some(capacity) = self.capacity else { return u64::MAX };
        let used: u64 = self.inodes.values().map(Inode::sectors).sum();
        (capacity / SECTOR_BYTES).saturating_sub(used)
    }

    fn end_processes(&mut self) {
        self.boot += 1;
        for inode in self.inodes.values_mut() {
            (inode.handles, inode.holder) = (0, None);
        }
        self.forget_unreachable();
    }

    fn forget_unreachable(&mut self) {
        let named = self.names.inodes();
        self.inodes.retain(|id, inode| inode.handles > 0 || named.contains(id));
    }
}

/// The error that a fault has the call return, if it does.
fn refuse(effect: Option<Effect>) -> io::Result<()> {
    match effect {
        Some(Effect::Error(kind) | Effect::PartialThenError(_, kind)) => Err(kind.into()),
        Some(Effect::OsError(number)) => Err(io::Error::from_raw_os_error(number)),
        _ => Ok(()),
    }
}

fn no_power() -> io::Error {
    io::Error::other("the simulated machine, or the process on it, is gone")
}
