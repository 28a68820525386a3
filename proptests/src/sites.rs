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

const FATES: [&str; 4] = ["kept", "dropped", "torn", "with nothing unsynced"];
/// The numbers of two of them.
pub(crate) const TORN: usize = 2;
const NO_FATE: usize = 3;

/// What no power cut does, though it may come there: where, which fates, and why not.
const IMPOSSIBLE: [(&str, &[&str], &str); 0] = [];

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

    /// The place and the fate that have met least often, of those that can meet.
    #[must_use]
    pub fn least_met(&self) -> Option<(u64, Site, &'static str)> {
        let pairs =
            self.0.keys().flat_map(|site| self.met(site).map(|(fate, met)| (met, *site, FATES[fate])));
        pairs.min()
    }

    /// How often a place has met each of the fates that it can meet, by their numbers.
    pub(crate) fn met(&self, site: &Site) -> impl Iterator<Item = (usize, u64)> {
        let met = self.0.get(site).copied().unwrap_or_default();
        let [kept, dropped, torn] = met.fates;
        let name = site.to_string();
        let cannot = move |fate| {
            IMPOSSIBLE.iter().any(|(site, fates, _)| *site == name && fates.contains(&FATES[fate]))
        };
        let none_can = cannot(0) && cannot(1) && cannot(TORN);
        let all = [kept, dropped, torn, met.cuts].into_iter().enumerate();
        all.filter(move |(fate, _)| if *fate == NO_FATE { none_can } else { !cannot(*fate) })
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
