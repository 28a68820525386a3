//! Owns what names a power cut: what was being done, at which call, and what became of each unsynced change. Never cuts
//! the power itself.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use ferrumdb_engine::fs::{Call, Fate, FatedOperation, PendingChange, SimOperation, Unsynced};

/// Where the power may go: one for each kind of call on each kind of file, in each kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Site {
    during: &'static str,
    /// Nothing between two operations.
    call: Option<(&'static str, &'static str)>,
}

/// A call of a list at which the power did not go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    /// Where.
    pub site: Site,
    /// The number of the operation in its list.
    pub op: usize,
    /// The number of the call in that operation, from 1.
    pub nth: u64,
    /// What was not synced.
    pub unsynced: Unsynced,
}

/// How often the power went at one place, and with which fates of the unsynced changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Met {
    /// How often in all.
    pub cuts: u64,
    /// How often a change was kept, dropped, or a write torn. The last two say how often there was one that could be.
    pub fates: [u64; 3],
    /// How often a change was not synced; how often a write of more than a byte.
    pub chances: [u64; 2],
}

/// What each place has met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sites(pub BTreeMap<Site, Met>);

/// One power cut.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// Where.
    pub site: Site,
    /// It alone.
    pub met: Met,
    /// A number that stands for the work before it, the call, and the fate of each unsynced change.
    pub state: u64,
}

/// What may become of a change that is not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FateKind {
    /// It is there.
    Kept,
    /// It is not.
    Dropped,
    /// Of a write: a part of it is.
    Torn,
}

const KINDS: [FateKind; 3] = [FateKind::Kept, FateKind::Dropped, FateKind::Torn];

impl Cut {
    /// The power cut at the last of these calls, after work that `before` stands for.
    pub(crate) fn new(before: u64, during: &'static str, calls: &[Call], fates: &[FatedOperation]) -> Self {
        let site = calls.last().map_or(Site { during, call: None }, |call| Site::of(during, call));
        let mut met = Met { cuts: 1, ..Met::default() };
        for FatedOperation { operation, fate } in fates {
            let is_write = matches!(operation.change, PendingChange::Write { .. });
            met.chances = [1, met.chances[1].max(u64::from(is_write))];
            met.fates[match fate {
                Fate::Kept => 0,
                Fate::Dropped => 1,
                // What is not a write is dropped.
                Fate::Torn { .. } => 1 + usize::from(is_write),
            }] = 1;
        }
        let mut hasher = DefaultHasher::new();
        (before, during, calls.len()).hash(&mut hasher);
        for FatedOperation { operation, fate } in fates {
            // The name of a temporary is random.
            (kind(&operation.path), &operation.change, fate).hash(&mut hasher);
        }
        Self { site, met, state: hasher.finish() }
    }

    /// Whether this became of some change.
    pub(crate) fn has(&self, fate: FateKind) -> bool {
        self.met.fates[fate as usize] > 0
    }
}

impl Site {
    /// The place of a call.
    pub(crate) fn of(during: &'static str, call: &Call) -> Self {
        Self { during, call: Some((name(call.operation), role(call))) }
    }
}

impl Sites {
    /// Takes note of a power cut.
    pub(crate) fn note(&mut self, cut: &Cut) {
        let met = self.0.entry(cut.site).or_default();
        met.cuts += 1;
        met.fates.iter_mut().zip(cut.met.fates).for_each(|(all, one)| *all += one);
        met.chances.iter_mut().zip(cut.met.chances).for_each(|(all, one)| *all += one);
    }

    /// A call was made at a place, whether the power went there or not.
    pub(crate) fn know(&mut self, site: Site) {
        self.0.entry(site).or_default();
    }

    /// The place and the fate that have met least often.
    #[must_use]
    pub fn least_met(&self) -> Option<(u64, Site, FateKind)> {
        self.pairs().min()
    }

    /// How often each place has met each fate.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (u64, Site, FateKind)> {
        self.0.iter().flat_map(|(site, met)| KINDS.map(|kind| (met.fates[kind as usize], *site, kind)))
    }
}

impl fmt::Display for FateKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Kept => "kept",
            Self::Dropped => "dropped",
            Self::Torn => "torn",
        })
    }
}

impl fmt::Display for Site {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.call {
            Some((call, on)) => write!(formatter, "{}: {call} {on}", self.during),
            None => write!(formatter, "between operations"),
        }
    }
}

fn name(operation: SimOperation) -> &'static str {
    match operation {
        SimOperation::Canonical => "resolve",
        SimOperation::Open => "open",
        SimOperation::Read => "read",
        SimOperation::Write => "write",
        SimOperation::Len => "len of",
        SimOperation::SetLen => "set len of",
        SimOperation::Sync => "sync",
        SimOperation::Lock => "lock",
        SimOperation::Unlock => "unlock",
        SimOperation::IsNamed => "look at the name of",
        SimOperation::Rename => "rename",
        SimOperation::Publish => "publish",
        SimOperation::Remove => "remove",
        SimOperation::List => "list",
        SimOperation::SyncDirectory => "sync",
        SimOperation::Any => "call",
    }
}

/// What the file is to the database.
fn role(call: &Call) -> &'static str {
    const LOG_START: u64 = 8192;
    let has_position = matches!(call.operation, SimOperation::Read | SimOperation::Write);
    match kind(&call.path) {
        "the database" if has_position && call.position < LOG_START => "the header",
        "the database" if has_position => "the log",
        kind => kind,
    }
}

fn kind(path: &Path) -> &'static str {
    let text = path.display().to_string();
    match () {
        () if text.contains(".new-") => "a temporary",
        () if text.contains(".torn-") => "a saved tail",
        () if text.ends_with(".hint") => "the hint",
        () if text == "/" => "the folder",
        () => "the database",
    }
}
