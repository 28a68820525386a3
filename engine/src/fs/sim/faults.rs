//! Owns which call of the simulated disk goes wrong and how, and the count and record of calls. Never carries one out.

use std::io;
use std::path::{Path, PathBuf};

use super::super::memory::absolute;

/// A kind of call, or all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SimOperation {
    /// Resolving a path.
    Canonical,
    /// Opening a file.
    Open,
    /// Reading from a file.
    Read,
    /// Writing to a file.
    Write,
    /// Asking for a file's length.
    Len,
    /// Setting a file's length.
    SetLen,
    /// Syncing a file.
    Sync,
    /// Locking a file.
    Lock,
    /// Unlocking a file.
    Unlock,
    /// Asking whether a path names a file.
    IsNamed,
    /// Renaming a file.
    Rename,
    /// Publishing a file.
    Publish,
    /// Removing a name.
    Remove,
    /// Listing a folder.
    List,
    /// Syncing a folder.
    SyncDirectory,
    /// Any call at all.
    Any,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// The call does nothing and returns this error. A failing [`Sync`](SimOperation::Sync) also counts the unsynced
    /// changes as clean, as Linux does: each is durable or lost from then on, and a later sync does not help.
    Error(io::ErrorKind),
    /// As [`Effect::Error`], with a number of the operating system: 5 is EIO, 28 ENOSPC, 4 EINTR on Linux.
    OsError(i32),
    /// A read gives at most so many bytes (but one), a write takes at most so many. Other calls go well.
    Short(usize),
    /// A read or write does so many bytes and yet returns the error. For other calls, [`Effect::Error`].
    PartialThenError(usize, io::ErrorKind),
    /// A sync of a file or a folder says that it went well and makes nothing durable. Other calls go well.
    Lie,
    /// The call panics and does nothing.
    Panic,
    /// The power goes just before the call takes effect: it and all later ones fail until
    /// [`SimFs::crash`](super::SimFs::crash) starts the machine again.
    Crash,
    /// The call waits for [`SimFs::release`](super::SimFs::release), then goes well.
    Block,
}

/// A call that is to go wrong: by default the next of its kind, once, on any path.
///
/// ```
/// use ferrumdb_engine::fs::{Effect, Fault, SimOperation};
///
/// let full_from_the_third_write =
///     Fault::new(SimOperation::Write, Effect::Error(std::io::ErrorKind::StorageFull)).nth(3).always();
/// # let _ = full_from_the_third_write;
/// ```
#[derive(Clone, Debug)]
pub struct Fault {
    operation: SimOperation,
    effect: Effect,
    calls_until: u64,
    always: bool,
    path: Option<PathBuf>,
}

impl Fault {
    /// The next such call goes wrong so.
    #[must_use]
    pub fn new(operation: SimOperation, effect: Effect) -> Self {
        Self { operation, effect, calls_until: 1, always: false, path: None }
    }

    /// Not the next such call but the `nth` from now, counted from 1.
    #[must_use]
    pub fn nth(mut self, nth: u64) -> Self {
        self.calls_until = nth.max(1);
        self
    }

    /// That call and every later one.
    #[must_use]
    pub fn always(mut self) -> Self {
        self.always = true;
        self
    }

    /// Only calls on this file (by the path that it was opened by), this folder, or either path of a renaming.
    #[must_use]
    pub fn on(mut self, path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        self.path = Some(absolute(path).unwrap_or_else(|_| path.to_path_buf()));
        self
    }

    fn fits(&self, call: &Call) -> bool {
        let fits_path = |path: &PathBuf| *path == call.path || call.to.as_ref() == Some(path);
        [call.operation, SimOperation::Any].contains(&self.operation)
            && self.path.as_ref().is_none_or(fits_path)
    }
}

/// A call that was made while [`SimFs::record`](super::SimFs::record) was on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// What was asked.
    pub operation: SimOperation,
    /// The file or folder; of two paths, the first.
    pub path: PathBuf,
    /// The second path of a renaming or a publishing.
    pub to: Option<PathBuf>,
    /// The position that was read or written; 0 for other calls.
    pub position: u64,
    /// The bytes to read or write, or the new length; 0 for other calls.
    pub len: u64,
    /// What went wrong, if a fault was injected.
    pub effect: Option<Effect>,
    /// What was not synced when it was made.
    pub unsynced: Unsynced,
}

/// What of a disk is not synced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unsynced {
    /// Nothing.
    #[default]
    Nothing,
    /// Names and lengths.
    NoBytes,
    /// Bytes of a file, perhaps among others.
    Bytes,
}

impl Call {
    pub(super) fn new(operation: SimOperation, path: &Path) -> Self {
        let (path, to, effect) = (path.to_path_buf(), None, None);
        Self { operation, path, to, position: 0, len: 0, effect, unsynced: Unsynced::Nothing }
    }

    pub(super) fn to(mut self, to: &Path) -> Self {
        self.to = Some(to.to_path_buf());
        self
    }

    pub(super) fn bytes(mut self, position: u64, len: u64) -> Self {
        (self.position, self.len) = (position, len);
        self
    }
}

/// The armed faults and the calls so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults {
    armed: Vec<Fault>,
    counts: [u64; SimOperation::Any as usize + 1],
    trace: Option<Vec<Call>>,
}

impl Faults {
    pub(super) fn arm(&mut self, fault: Fault) {
        self.armed.push(fault);
    }

    pub(super) fn armed(&self) -> usize {
        self.armed.len()
    }

    pub(super) fn clear(&mut self) {
        self.armed.clear();
    }

    /// Takes away every fault that blocks.
    pub(super) fn unblock(&mut self) {
        self.armed.retain(|fault| fault.effect != Effect::Block);
    }

    /// Counts a call and says what is to go wrong with it.
    pub(super) fn meet(&mut self, call: &Call) -> Option<Effect> {
        self.counts[call.operation as usize] += 1;
        self.counts[SimOperation::Any as usize] += 1;
        let mut effect = None;
        self.armed.retain_mut(|fault| {
            if !fault.fits(call) {
                return true;
            }
            fault.calls_until = fault.calls_until.saturating_sub(1);
            if fault.calls_until > 0 || effect.is_some() {
                return true;
            }
            effect = Some(fault.effect);
            fault.always
        });
        effect
    }

    pub(super) fn count(&self, operation: SimOperation) -> u64 {
        self.counts[operation as usize]
    }

    pub(super) fn record(&mut self) {
        self.trace = Some(Vec::new());
    }

    pub(super) fn trace(&self) -> Vec<Call> {
        self.trace.clone().unwrap_or_default()
    }

    pub(super) fn is_recording(&self) -> bool {
        self.trace.is_some()
    }

    pub(super) fn note(&mut self, call: Call) {
        if let Some(trace) = &mut self.trace {
            trace.push(call);
        }
    }
}
